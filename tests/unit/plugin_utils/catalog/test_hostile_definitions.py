# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions that are written to make errors slow or endless: what is said of them is short, and said at once."""

from __future__ import annotations

import copy
import difflib
from datetime import date
from random import Random
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import Hints, unknown

from tests.support.definitions import GOOD


def shuffled(count: int, letters: str = "abcdefghijklmnopqrstuvwxyz") -> list[str]:
    """Return names of the same letters: all of them look alike until they are compared to the end."""
    random = Random(count)
    return ["".join(random.sample(letters, len(letters))) for dummy in range(count)]


def of_sources(definition: dict[str, Any], names: list[str]) -> None:
    definition["sources"] += [{"id": name, "title": "Page", "date": "2026-03"} for name in names]
    definition["services"][0]["rows"] = [{"destination": "192.0.2.1", "source": name[::-1]} for name in names[:300]]


def of_services(definition: dict[str, Any], names: list[str]) -> None:
    definition["services"] += [{"name": name, "title": "x", "source": "page", "rows": []} for name in names]
    timer = {"protocol": "udp", "seconds": 60, "printed": "1 min"}
    definition["timers"] = [{**timer, "services": [name[::-1]]} for name in names[:300]]


def of_options(definition: dict[str, Any], names: list[str]) -> None:
    definition["options"] |= {name: {"type": "bool", "default": False} for name in names[:90]}
    rows = [{"destination": "192.0.2.1", "when": {name[::-1]: [True]}} for name in names[:300]]
    definition["services"][0]["rows"] = rows


def of_ports_options(definition: dict[str, Any], names: list[str]) -> None:
    definition["options"] |= {name: {"type": "ports", "default": 443} for name in names[:90]}
    rows = [{"destination": "192.0.2.1", "ports_option": name[::-1]} for name in names[:300]]
    definition["services"][0]["rows"] = rows


def of_choices(definition: dict[str, Any], names: list[str]) -> None:
    long = [f"{name}{'x' * 70}" for name in names[:1000]]
    definition["options"]["o"] = {"type": "list", "choices": long, "required": True}
    definition["services"][0]["rows"] = [{"destination": "192.0.2.1", "when": {"o": ["bad"]}}] * 300


def of_long_sources(definition: dict[str, Any], names: list[str]) -> None:
    of_sources(definition, [name * 300 for name in names[:300]])


@pytest.mark.parametrize(
    "fill", [of_sources, of_services, of_options, of_ports_options, of_choices, of_long_sources]
)  # fmt: skip
def test_errors_are_short_and_few_names_are_compared(fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = copy.deepcopy(GOOD)
    fill(definition, shuffled(900))
    compared = []
    real = difflib.get_close_matches

    def counted(word: str, possibilities: Any, *more: Any, **options: Any) -> list[str]:
        compared.extend(possibilities)
        return real(word, possibilities, *more, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    with pytest.raises(ValueError, match=r"^example: ") as caught:
        check_definition("example", definition)
    assert len(compared) <= 5 * 300
    assert max(map(len, compared), default=0) <= 60
    assert len(str(caught.value)) < 60_000


def test_the_choices_of_an_option_are_listed_in_part() -> None:
    definition = copy.deepcopy(GOOD)
    choices = [f"{number:04}{'x' * 90}" for number in range(1000)]
    definition["options"]["regions"]["choices"] = ["east", *choices]
    for said in ({}, {"regions": "bad"}, {"regions": []}, {"regions": ","}):
        with pytest.raises(ValueError, match=r"^example: regions.* more") as caught:
            select_rows({"example": definition}, {"name": "example", **said}, today=date(2026, 11, 30))
        assert len(str(caught.value)) < 4_000


def test_a_few_errors_say_what_may_be_meant() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"] = [{"destination": "192.0.2.1", "source": f"pag{n}"} for n in range(9)]
    with pytest.raises(ValueError, match=r"^example: ") as caught:
        check_definition("example", definition)
    assert [line.endswith("did you mean page?") for line in str(caught.value).splitlines()] == [True] * 5 + [False] * 4


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("kodo", ["kudo"], "kudo"),
        ("KUDO", ["kudo"], "kudo"),
        ("regoin", ["region", "regions"], "region"),
        ("kodo", [*(f"k{n:03}" for n in range(5000)), "kudo"], ""),  # too many are alike
        ("kodo", [*("x" * 30 for dummy in range(5000)), "kudo"], "kudo"),  # these are not
        ("kodo" * 20, ["kodo" * 20 + "x"], ""),
    ],
)
def test_what_is_meant(name: str, known: list[str], meant: str) -> None:
    assert Hints().close_to(name, known) == meant
    assert unknown("vendor", name, known).endswith(f"did you mean {meant}?" if meant else "")


def test_many_names_are_counted() -> None:
    assert unknown("vendor", "x", [f"n{n}" for n in range(1200)]).endswith("n99 and 1,100 more")
    assert unknown("vendor", "x", ["y" * 9000] * 1200).endswith("yyy... and 1,166 more")
