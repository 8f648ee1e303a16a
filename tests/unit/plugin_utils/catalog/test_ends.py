# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the packets of a file's rows come from and go to: what cannot be meant is refused with its place."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import ends
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition

OPTIONS: dict[str, Any] = {
    "tenant": {"type": "str", "required": True, "example": "blue"},
    "regions": {"type": "list", "choices": ["east", "west"], "required": True},
    "sbc": {"type": "addresses", "required": True},
    "port": {"type": "ports", "default": 443},
    "inbound": {"type": "bool", "default": False},
}
FILLS = {"destination": "<tenant>.example.com", "destination_options": {"<tenant>": "tenant"}}


def definition(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a vendor with one service of these rows and one that uses the tenant; changes: of the vendor's keys, or of
    the service's where it has such a key."""
    service = {"name": "media", "title": "Media", "source": "page", "rows": [*rows]}
    portal = {"name": "portal", "title": "Portal", "source": "page", "rows": [FILLS]}
    of_service = {
        key: changes.pop(key) for key in ("direction", "inbound_option", "traffic", "mapped") if key in changes
    }
    if "mapped" in of_service:
        of_service["destination_options"] = of_service.pop("mapped")
    made = {
        "title": "Acme",
        "sources": [{"id": "page", "title": "Page", "date": "2026-03"}],
        "options": OPTIONS,
        "services": [{**service, **of_service}, portal],
    }
    return {**made, **changes}


def row(**cells: Any) -> dict[str, Any]:
    return {"protocol": "TCP", "destination": "192.0.2.1", "ports": "443", **cells}


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        ([row()], {}),
        ([row(direction="outbound", source_ip="10.0.0.0/8")], {"inbound_option": "inbound"}),
        ([row(direction="inbound")], {"inbound_option": "inbound"}),
        ([row(source_ip="192.0.2.1", destination="your SBC", destination_option="sbc")],
         {"direction": "inbound", "inbound_option": "inbound"}),
        ([row(source_ip="ANY", source_ip_option="sbc", source_port="5060")], {}),
        ([row(destination="your SBC", destination_option="sbc")], {}),
        ([row(destination="turn.REGION.example.com")], {"mapped": {"REGION": "regions"}}),
        ([row(destination="turn.REGION.example.com"), row()], {"destination_options": {"REGION": "regions"}}),
        ([row(destination="<b>a.example.com</b><br/>b.example.com")], {}),
        ([row(destination="<customer>.example.com", read_as={"destination": "*.example.com"})], {}),
        ([row(destination="<customer>.exam ple.com", read_as={"destination": "<tenant>.example.com"},
              destination_options={"<tenant>": "tenant"})], {}),
        ([row(protocol="", read_as={"protocol": "UDP"})], {}),
        ([{"destination": "192.0.2.1", "read_as": {"ports": "443"}}], {}),
        ([{"destination": "192.0.2.1"}], {"traffic": [{"read_as": {"ports": "443"}}]}),
        ([{"destination": "192.0.2.1"}], {"traffic": [{"ports": "5060/61", "read_as": {"ports": "5060-5061"}}]}),
    ],
)  # fmt: skip
def test_what_can_be_meant_passes(rows: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    check_definition("acme", definition(*rows, **changes))


WHO = (
    "an inbound row says who connects: in source_ip, with your own addresses as its destination_option, or in its dest"
)
BOTH = "inbound_option repeats the row inbound, where its source would be another end: write 'direction: outbound'"
INBOUND = {"inbound_option": "inbound"}
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"direction": "both"}, {}, "media: row 1: unknown direction 'both': known are outbound, inbound"),
    ({}, {"direction": "in"}, "media: unknown direction 'in': known are outbound, inbound"),
    ({"direction": "inbound"}, {}, "media: row 1: direction inbound needs the service's inbound_option: only a user"),
    ({}, {"direction": "inbound"}, "media: row 1: direction inbound needs the service's"),
    ({"direction": "inbound", "source_ip": "192.0.2.9"}, INBOUND, f"media: row 1: {WHO}"),
    ({"direction": "inbound", "source_ip": "ANY"}, INBOUND, f"media: row 1: {WHO}"),
    ({"direction": "inbound", "source_ip_option": "sbc"}, INBOUND, f"media: row 1: {WHO}"),
    ({"direction": "inbound", "destination_option": "sbc"}, INBOUND, f"media: row 1: {WHO}"),
    ({"direction": "inbound", "destination_option": "sbc", "source_ip": "ANY"}, INBOUND, f"media: row 1: {WHO}"),
    ({"source_ip": "10.0.0.0/8"}, INBOUND, f"media: row 1: {BOTH}"),
    ({"source_ip_option": "sbc"}, INBOUND, f"media: row 1: {BOTH}"),
    ({"destination_option": "sbc"}, INBOUND, f"media: row 1: {BOTH}"),
    ({"source_port": "5060"}, INBOUND, f"media: row 1: {BOTH}"),
    ({"source_ip_option": "port"}, {}, "media: row 1: unknown source_ip_option 'port': known are sbc"),
    ({"destination_option": "tenant"}, {}, "media: row 1: unknown destination_option 'tenant': known are sbc"),
    ({"source_ip_option": "sbc", "source_ip": "10.0.0.1"}, {}, "media: row 1: source_ip '10.0.0.1' stands beside sour"),
    ({"read_as": {}}, {}, "media: row 1: read_as is empty"),
    ({"read_as": {"port": "1"}}, {}, "media: row 1: read_as: unknown key 'port': known are protocol, destination, por"),
    ({"read_as": {"ports": 1}}, {}, "media: row 1: read_as: ports '1' must be a str, not a int: write it in quotes"),
    ({"read_as": {"ports": " "}}, {}, "media: row 1: read_as: ports is empty"),
    ({"destination": " ", "read_as": {"destination": "a.com"}}, {}, "media: row 1: read_as: destination is not print"),
    ({"ports_option": "port", "read_as": {"ports": "1"}}, {}, "media: row 1: read_as: the option of ports_option take"),
    ({"destination_option": "sbc", "read_as": {"destination": "192.0.2.1"}}, {}, "media: row 1: read_as: the option o"),
    ({"destination_option": "sbc", **FILLS}, {}, "media: row 1: the addresses of destination_option take the place of"),
    ({"destination": "<customer>.example.com"}, {}, "media: row 1: destination '<customer>.example.com' has the place"),
    ({"destination": "192.0.2.<n>"}, {}, "media: row 1: destination '192.0.2.<n>' has the placeholder '<n>': say in d"),
    ({"destination_options": {"<tenant>": "tenant"}}, {}, "media: row 1: destination_options: the placeholder '<tenan"),
    ({"destination_options": {"<tenant>": "tennant"}}, {}, "media: row 1: destination_options: unknown option 'tennan"),
    ({"destination_options": {"<x>": "sbc"}}, {}, "media: row 1: destination_options: unknown option 'sbc': known are"),
    ({"destination_options": {"<br>": "tenant"}}, {}, "media: row 1: destination_options: '<br>' is a tag of HTML"),
    ({"destination_options": {"`a.b`": "tenant"}}, {}, "media: row 1: destination_options: the placeholder '`a.b`' h"),
    ({"destination": "`a.b`.example.com"}, {}, "media: row 1: destination '`a.b`.example.com': the placeholder '`a"),
    ({"destination_options": {"a.b": "tenant"}}, {}, "media: row 1: destination_options: 'a.b' is no placeholder"),
    ({}, {"mapped": {"REGION": "regions"}}, "media: destination_options: the placeholder 'REGION' is in no destinatio"),
    ({}, {"destination_options": {"REGION": "regions"}}, "acme: destination_options: the placeholder 'REGION' is in n"),
    ({}, {"destination_options": {"REGION": "region"}}, "acme: destination_options: unknown option 'region': known ar"),
    ({}, {"options": {**OPTIONS, "name2": {"type": "str", "required": True}}}, "acme: option name2: it has no choices"),
    ({}, {"options": {**OPTIONS, "sbc": {"type": "addresses", "default": "10.0.0.1"}}}, "acme: option sbc: addresses "),
    ({}, {"options": {**OPTIONS, "sbc": {"type": "addresses"}}}, "acme: option sbc: write either 'required: true' or "),
    ({}, {"options": {**OPTIONS, "sbc": {"type": "addresses", "choices": ["a"], "required": True}}}, "acme: option sb"),
    ({}, {"options": {**OPTIONS, "tenant": {"type": "str", "choices": [], "required": True}}}, "acme: option tenant: "),
    ({}, {"options": {**OPTIONS, "tenant": {"type": "str", "default": "a.b"}}}, "acme: option tenant: default: "),
    ({}, {"options": {**OPTIONS, "tenant": {**OPTIONS["tenant"], "example": "a.b"}}}, "acme: option tenant: example: "),
    ({}, {"options": {**OPTIONS, "sbc": {**OPTIONS["sbc"], "example": "x"}}}, "acme: option sbc: example: sbc: "),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "changes", "message"), REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_place(
    cells: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    made = definition(row(**cells), **changes)
    with pytest.raises(ValueError, match=r"^acme: ") as caught:
        check_definition("acme", made)
    assert any(
        line.removeprefix("acme: ").startswith(message.removeprefix("acme: "))
        for line in str(caught.value).splitlines()
    ), str(caught.value)


def test_a_choice_that_fills_a_name_is_a_label() -> None:
    bad = {**OPTIONS, "regions": {"type": "list", "choices": ["eu.west"], "required": True}}
    made = definition(row(destination="turn.REGION.example.com"), mapped={"REGION": "regions"}, options=bad)
    with pytest.raises(ValueError, match=r"regions: the choice 'eu\.west' is not one label of a name"):
        check_definition("acme", made)


def test_conditions_that_exclude_each_other_fill_nothing() -> None:
    east, west = ({"when": {"regions": [region]}} for region in ("east", "west"))
    turn = {"destination": "turn.REGION.example.com", **east}
    made = definition(turn, mapped={"REGION": "regions"}, traffic=[{"ports": "443", **west}])
    with pytest.raises(ValueError, match="media: row 1: when: regions: no value is in all of its conditions"):
        check_definition("acme", made)
    check_definition("acme", definition(turn, mapped={"REGION": "regions"}, traffic=[{"ports": "443", **east}]))


@pytest.mark.parametrize("line", ["x", 7, {"when": "x"}, {"when": {"regions": "x"}}, {"when": {"regions": [["x"]]}}])
def test_lines_of_traffic_that_are_none_are_told_alone(line: Any) -> None:
    turn = {"destination": "turn.REGION.example.com", "destination_options": {"REGION": "regions"}}
    with pytest.raises(ValueError, match="acme: media: traffic 1: ") as caught:
        check_definition("acme", definition(turn, traffic=[line]))
    assert len(str(caught.value).splitlines()) == 1


def test_a_line_of_traffic_reads_its_own_cells_only() -> None:
    made = definition({"destination": "192.0.2.1"}, traffic=[{"ports": "443", "read_as": {"destination": "192.0.2.2"}}])
    with pytest.raises(ValueError, match="media: traffic 1: read_as: destination is not printed here"):
        check_definition("acme", made)
    made = definition({"destination": "192.0.2.1", "read_as": {"ports": "1"}}, traffic=[{"ports": "443"}])
    with pytest.raises(ValueError, match="media: row 1: read_as: ports is not printed here"):
        check_definition("acme", made)


def test_what_lists_fill_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows with lists of a thousand choices come to millions of names."""
    choices = [f"r{number}" for number in range(1_000)]
    options = {**OPTIONS, "regions": {"type": "list", "choices": choices, "required": True}}
    options["zones"] = {"type": "list", "choices": choices, "required": True}
    mapped = {"REGION": "regions", "ZONE": "zones"}
    made = definition(row(destination="REGION.ZONE.example.com"), mapped=mapped, options=options)
    with pytest.raises(ValueError, match=r"^acme: with all choices its destinations come to 1,000,001 cells"):
        check_definition("acme", made)
    long = ", ".join(f"REGION.a{number}.example.com" for number in range(2_000))
    made = definition(
        row(destination=long), mapped={"REGION": "regions"}, options={**options, "zones": OPTIONS["regions"]}
    )
    with pytest.raises(ValueError, match=re.escape("characters: at most 250,000 and 33,554,432")):
        check_definition("acme", made)
    monkeypatch.setattr(ends, "FILLED", 1 << 40)
    check_definition("acme", made)
