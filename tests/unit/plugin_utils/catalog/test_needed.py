# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that must be chosen are asked of those whom they concern: where a row that is taken needs the option."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

TODAY = datetime.date(2026, 11, 30)
REGIONS = {"type": "list", "choices": ["east", "west"]}
OPTIONS: dict[str, Any] = {
    "resiliency": {"type": "bool", "default": False},
    "tenant": {"type": "str", "required": True, "example": "blue"},
    "regions": {**REGIONS, "required": True},
    "sbc": {"type": "addresses", "required": True},
    "hook": {"type": "ports", "required": True},
    "inbound": {"type": "bool", "required": True, "example": False},
    "static": {**REGIONS, "default": []},
}
PLAIN = {"protocol": "TCP", "destination": "192.0.2.1", "ports": "443"}
NAMED = {**PLAIN, "destination": "<tenant>.example.com"}
ON = {"when": {"resiliency": [True]}}
TENANT = "acme: tenant must be given: it has no default, such as blue"
WHERE = "acme: regions must be chosen: any of east, west, or all"
LETS_IN = "acme: inbound must be given: it has no default: true or false"


def vendor(*services: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a vendor of these services, and one that has a name of the tenant, for what must be used somewhere."""
    made = [
        {"name": f"s{number}", "title": "S", "source": "page", **service} for number, service in enumerate(services)
    ]
    user = {"name": "user", "title": "User", "source": "page", "requirement": "optional", "rows": [{**NAMED, **ON}]}
    mapped = {"<tenant>": "tenant"}
    definition = {
        "title": "Acme",
        "sources": [{"id": "page", "title": "Page", "date": "2026-03"}],
        "options": OPTIONS,
        "destination_options": mapped,
        "services": [*made, user],
        **keys,
    }
    check_definition("acme", definition)
    return definition


def selected(definition: dict[str, Any], *, requirements: str = "required, recommended", **said: Any) -> dict[str, Any]:
    return select_rows({"acme": definition}, [{"name": "acme", **said}], requirements=requirements, today=TODAY)


def opened(definition: dict[str, Any], **said: Any) -> list[Any]:
    return [row["destination"] for row in selected(definition, **said)["rows"]]


TURN = {**PLAIN, "destination": "turn.REGION.example.com", "destination_options": {"REGION": "regions"}}
EAST = {**PLAIN, "when": {"regions": ["east"]}}
IN = {"direction": "inbound", "inbound_option": "inbound"}
CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    # A row of its own needs what stands in it.
    ({"rows": [NAMED]}, {}, [TENANT]),
    ({"rows": [TURN]}, {}, [WHERE]),
    ({"rows": [{**PLAIN, "source_ip_option": "sbc"}]}, {}, ["acme: sbc must be given: it has no default"]),
    ({"rows": [{**PLAIN, "destination_option": "sbc"}]}, {}, ["acme: sbc must be given: it has no default"]),
    ({"rows": [{**PLAIN, "ports_option": "hook"}]}, {}, ["acme: hook must be given: it has no default"]),
    ({"rows": [{**PLAIN, "destination": "<x>.b. c", "read_as": {"destination": "<tenant>.example.com"}}]}, {},
     [TENANT]),
    # What switches it on is asked for first.
    ({"rows": [EAST]}, {}, [WHERE]),
    ({"when": {"regions": ["east"]}, "rows": [NAMED]}, {}, [WHERE]),
    ({"when": {"regions": ["east"]}, "rows": [NAMED]}, {"regions": "east"}, [TENANT]),
    ({"traffic": [{"ports": "1", "when": {"regions": ["east"]}}], "rows": [{"destination": "192.0.2.1"}]}, {}, [WHERE]),
    ({"inbound_option": "inbound", "rows": [PLAIN]}, {}, [LETS_IN]),
    ({**IN, "rows": [PLAIN]}, {}, [LETS_IN]),
    ({**IN, "rows": [EAST]}, {}, [WHERE]),
    ({**IN, "rows": [EAST]}, {"regions": "east"}, [LETS_IN]),
    # All of several rows, in the order of the options.
    ({"rows": [TURN, NAMED, {**PLAIN, "ports_option": "hook"}]}, {},
     [TENANT, WHERE, "acme: hook must be given: it has no default"]),
]  # fmt: skip


@pytest.mark.parametrize(("service", "said", "messages"), CASES)
def test_what_a_row_needs_is_asked_for(service: dict[str, Any], said: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^acme: ") as caught:
        selected(vendor(service), **said)
    assert str(caught.value).splitlines() == messages


OFF: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({"rows": [{**NAMED, **ON}]}, {}, 0),
    ({**ON, "rows": [NAMED, TURN]}, {}, 0),
    ({"rows": [{**TURN, **ON}, PLAIN]}, {}, 1),
    ({"rows": [{**EAST, "when": {"regions": ["east"], "resiliency": [True]}}]}, {}, 0),
    ({"requirement": "optional", "rows": [NAMED, TURN, {**PLAIN, "ports_option": "hook"}]}, {}, 0),
    ({"requirement": "optional", **IN, "rows": [PLAIN]}, {}, 0),
    ({**IN, "rows": [{**PLAIN, "ports_option": "hook"}]}, {"inbound": False}, 0),
    ({**IN, "rows": [EAST]}, {"inbound": False}, 0),
    ({"traffic": [{"ports": "1", **ON}], "rows": [{"destination": "<tenant>.example.com"}]}, {}, 0),
]


@pytest.mark.parametrize(("service", "said", "rows"), OFF)
def test_what_no_row_that_is_taken_needs_is_asked_of_nobody(
    service: dict[str, Any], said: dict[str, Any], rows: int
) -> None:
    found = selected(vendor(service), **said)
    assert len(found["rows"]) == rows
    assert not {"tenant", "regions", "hook"} & found["vendors"][0]["options"].keys()


def test_what_is_wrong_with_several_options_and_vendors_is_told_at_once() -> None:
    made = vendor({"rows": [TURN]})
    wrong = [{"name": "acme", "resiliency": "maybe", "tenant": "a.b", "tennant": "x"}, {"name": "other"}]
    with pytest.raises(ValueError, match=r"^acme: ") as caught:
        select_rows({"acme": made, "other": made}, wrong, today=TODAY)
    assert [line[:34] for line in str(caught.value).splitlines()] == [
        "acme: unknown option 'tennant': kn", "acme: resiliency: 'maybe' is neith",
        "acme: tenant: 'a.b' is not one lab", "other: regions must be chosen: any",
    ]  # fmt: skip


def test_a_timer_of_services_that_are_there_needs_its_condition() -> None:
    timer = {"protocol": "udp", "seconds": 60, "printed": "x", "when": {"regions": ["east"]}}
    made = vendor({"rows": [PLAIN]}, timers=[timer])
    with pytest.raises(ValueError, match=r"^acme: regions must be chosen"):
        selected(made)
    assert len(selected(made, regions="east")["timers"]) == 1
    assert selected(vendor({"rows": [{**PLAIN, **ON}]}, timers=[timer]))["timers"] == []
    # What no rule can be made of is told where nobody said that it does not concern him.
    entry = {"title": "x", "printed": "x", "why": "x", "when": {"regions": ["east"]}}
    made = vendor({"rows": [PLAIN]}, not_rules=[entry])
    assert [len(selected(made, **said)["not_rules"]) for said in ({}, {"regions": "west"})] == [1, 0]


def test_a_list_may_have_nothing_as_its_default() -> None:
    static = {**PLAIN, "destination": "turn.REGION.example.com", "destination_options": {"REGION": "static"}}
    made = vendor({"rows": [static, {**PLAIN, "when": {"static": ["west"]}}]})
    assert opened(made) == opened(made, static=[]) == []
    assert opened(made, static="west") == ["turn.west.example.com", "192.0.2.1"]
    with pytest.raises(ValueError, match="regions is an empty list: write any of east, west, or all"):
        selected(made, regions=[])
    compiled = compile_allowlist({"acme": made}, "acme", today=str(TODAY))
    assert "static: none (default)" in "\n".join(summarise_allowlist(compiled["allowlist"], compiled["selection"]))


@pytest.mark.parametrize("default", [["north"], "north", [7]])
def test_a_default_that_is_no_choice_is_told_of_its_option(default: Any) -> None:
    with pytest.raises(ValueError, match=r"^acme: option static: default: static: unknown value '(north|7)'"):
        vendor(options={**OPTIONS, "static": {**REGIONS, "default": default}})


def test_conditions_that_leave_no_value_make_no_row() -> None:
    """One line is of the east and the row of the west and the middle: with east and middle chosen, none is in both."""
    regions = {"type": "list", "choices": ["east", "middle", "west"], "required": True}
    service = {
        "traffic": [{"ports": "443", "when": {"regions": ["east", "west"]}}],
        "rows": [{"destination": TURN["destination"], "when": {"regions": ["middle", "west"]},
                  "destination_options": {"REGION": "regions"}}],
    }  # fmt: skip
    made = vendor(service, options={**OPTIONS, "regions": regions})
    assert opened(made, regions=["east", "middle"]) == []
    assert opened(made, regions="all") == ["turn.west.example.com"]


@pytest.mark.parametrize(
    ("said", "requirements", "notes"),
    [
        ({"resiliency": True}, "required, recommended", ["s0"]),
        ({"resiliency": True}, "required", ["s0"]),
        ({"resiliency": True, "tenant": "blue"}, "optional", []),
        ({"resiliency": False}, "required", []),
        ({}, "required", []),
    ],
)
def test_a_chosen_option_of_which_no_requirement_is_taken_is_told(
    said: dict[str, Any], requirements: str, notes: list[str]
) -> None:
    made = vendor({"requirement": "optional", "rows": [{**PLAIN, **ON}]}, {"rows": [PLAIN]})
    made["services"].pop()
    found = selected(made, requirements=requirements, **said)
    assert [note["service"] for note in found["vendors"][0]["notes"]] == notes
    for note in found["vendors"][0]["notes"]:
        assert note["note"].startswith("resiliency opens nothing here: catalog_requirements takes what is required")


def test_an_option_that_opens_something_elsewhere_has_no_note() -> None:
    made = vendor({"requirement": "optional", "rows": [{**PLAIN, **ON}]}, {"rows": [{**PLAIN, **ON}]})
    assert selected(made, resiliency=True)["vendors"][0]["notes"] == []
