# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What switches rows on: conditions, choices, and those without a row."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.gaps import without_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.vendor_conditions import (
    by_choice,
    condition,
    option_lines,
    told_of,
)

OPTIONS: dict[str, Any] = {
    "regions": {"type": "list", "choices": ["east", "west", "north"], "required": True},
    "sites": {"type": "list", "choices": ["a", "b"], "default": ["a"]},
    "edition": {"type": "str", "choices": ["basic", "plus"], "default": "basic"},
    "extra": {"type": "bool", "default": False},
    "must": {"type": "bool", "required": True},
    "tenant": {"type": "str", "required": True, "example": "blue"},
    "port": {"type": "ports", "default": 5061},
}


def service(*whens: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a service with a row for each condition, C{{}} for none."""
    return {"name": "media", "rows": [{"when": when} if when else {} for when in whens], **keys}


def test_an_option_says_what_there_is_to_choose_and_its_default() -> None:
    lines = list(option_lines(OPTIONS, {**dict.fromkeys(OPTIONS), "tenant": "blue", "port": "5061"}))
    assert [" ".join(line.split()) for line in lines] == [
        "regions must be chosen: east, west, north",
        "sites a (default), b",
        "edition basic (default), plus",
        "extra true, false (default)",
        "must must be chosen: true, false",
        "tenant must be given, a label of a name; counted with blue",
        "port 5061 (default), ports",
    ]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([{}, {}, {}], ""),
        ([{"edition": ["basic"]}], "edition: basic"),
        ([{}, {"edition": ["plus"]}], "edition: plus (off)"),
        ([{}, {"edition": ["plus", "basic"]}], "edition: plus or basic"),
        ([{"regions": ["east"]}], "regions: east"),  # of a whole service
        ([{}, {"regions": ["east"]}, {"regions": ["west"]}], "by regions"),
        ([{"sites": ["b"]}], "sites: b (off)"),
        ([{"sites": ["b", "a"]}], "sites: b or a"),
        ([{"extra": [True]}, {"must": [True]}], "extra: true (off); must: true"),
        ([{"extra": [False]}], "extra: false"),
    ],
)
def test_conditions(parts: list[dict[str, Any]], told: str) -> None:
    assert condition(OPTIONS, [{"when": part} for part in parts], "") == told


def test_what_lets_in_is_a_condition() -> None:
    assert condition(OPTIONS, [{"when": {"edition": ["plus"]}}], "extra") == "edition: plus (off); extra: true (off)"


def test_all_by_default_is_on() -> None:
    every = {"sites": {**OPTIONS["sites"], "default": "all"}}
    assert condition(every, [{"when": {"sites": ["b"]}}], "") == "sites: b"
    assert "a (default), b (default)" in " ".join(option_lines(every, {"sites": []}))


def test_which_choice_has_which_rows() -> None:
    rows = service({"regions": ["west"]}, {}, {"regions": ["east", "west"]}, {"regions": ["west"]}, {"extra": [True]})
    rows["traffic"] = [{}, {"when": {"regions": ["east"], "sites": ["a", "b"]}}]
    assert list(by_choice(rows, OPTIONS)) == [
        "media by regions: east row 3 and traffic 2; west rows 1, 3, 4",
        "media by sites: a, b traffic 2",
    ]


@pytest.mark.parametrize(
    ("rows", "lacking"),
    [
        (service({}, {"regions": ["west"]}), {}),
        (service({"regions": ["west"]}, {"regions": ["east"]}), {"regions": ["north"]}),
        (service({"regions": ["west"]}, {"edition": ["plus"]}), {}),
        (service({"edition": ["plus"]}), {"edition": ["basic"]}),
        (service({"extra": [True]}), {}),
        # What the service is not meant for is not missed in it.
        (service({"regions": ["west"]}, when={"regions": ["west", "east"]}), {"regions": ["east"]}),
        (service({"regions": ["west"]}, when={"regions": ["west"]}), {}),
        (service({}, traffic=[{"when": {"regions": ["west"]}}]), {"regions": ["east", "north"]}),
        (service({}, traffic=[{"when": {"regions": ["west"]}}, {}]), {}),
        # No row of the east has traffic of the east.
        (
            service({"regions": ["east"]}, {"regions": ["west"]}, traffic=[{"when": {"regions": ["west"]}}]),
            {"regions": ["east", "north"]},
        ),
    ],
)
def test_choices_without_a_row(rows: dict[str, Any], lacking: dict[str, list[str]]) -> None:
    assert without_rows(rows, OPTIONS) == lacking


def test_what_is_told_of_a_definition() -> None:
    timer = {"protocol": "udp", "seconds": 3600, "printed": "1 hour", "when": {"edition": ["plus"]}}
    made = {"options": OPTIONS, "services": [service({"regions": ["west"]}, note="two relays")], "timers": [timer]}
    assert list(told_of(made)) == [
        "  media by regions: west row 1",
        "  NO ROW of media for regions: east, north",
        "  note on media: two relays",
        "  timer: udp 3,600 s for all services with edition: plus (off); printed: 1 hour",
    ]
