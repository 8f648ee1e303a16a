# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of vendors' tables to rules."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

ROW = {"vendor": "kudo", "service": "media", "row": 12, "destination": "192.0.2.0/24", "ports": "443"}


def _row(**columns: Any) -> dict[str, Any]:
    return {**ROW, **columns}


def test_a_row_becomes_rules_by_protocol_ports_destination() -> None:
    row = _row(
        protocol="TCP, UDP (TURN)",
        source_ip="ANY",
        source_port="any",
        destination="192.0.2.4 – 192.0.2.9, *.Example.com",
        ports="443/5349",
        requirement="recommended",
        source="KUDO Firewall rules",
        date="2022-03",
        title="Media",
        label="Primary",
        note="as printed",
        timers=[],
    )
    common = {
        "vendor": "kudo",
        "service": "media",
        "row": 12,
        "requirement": "recommended",
        "source": "KUDO Firewall rules",
        "date": "2022-03",
        "label": "Primary",
    }
    assert expand_rows([row]) == [
        {"protocol": protocol, "ports": ports, "destination": destination, **common}
        for protocol in ("tcp", "udp")
        for ports in ("443", "5349")
        for destination in ("192.0.2.4/30", "192.0.2.8/31", "*.example.com")
    ]


def test_what_a_row_written_by_hand_may_leave_out() -> None:
    rows = [
        {"vendor": "own", "service": "api", "destination": name, "ports": 443}
        for name in ("a.example.com", "b.example.com")
    ]
    assert expand_rows(rows) == [
        {
            "protocol": "tcp",
            "ports": "443",
            "destination": name,
            "vendor": "own",
            "service": "api",
            "row": number,
            "requirement": "required",
            "source": "",
            "date": "",
        }
        for number, name in enumerate(("a.example.com", "b.example.com"), 1)
    ]


def test_rows_keep_their_order_and_are_left_as_they_were() -> None:
    rows = [_row(row=number, destination=f"192.0.2.{number}") for number in (3, 1, 2)]
    before = json.dumps(rows)
    assert [rule["destination"] for rule in expand_rows(rows)] == ["192.0.2.3/32", "192.0.2.1/32", "192.0.2.2/32"]
    assert json.dumps(rows) == before


def test_rules_do_not_share_what_can_be_changed() -> None:
    first, second = expand_rows([_row(ports="80, 443")])
    first["vendor"] = "other"
    assert second["vendor"] == "kudo"


def test_direction_is_said_of_inbound_rules_only() -> None:
    inbound, outbound, silent = expand_rows([_row(direction="inbound"), _row(direction="outbound"), _row()])
    assert inbound["direction"] == "inbound"
    assert "direction" not in outbound
    assert "direction" not in silent


def test_a_number_and_a_truth_value_are_not_the_same_port() -> None:
    with pytest.raises(ValueError, match=re.escape("ports 'True': this is neither a number nor text")):
        expand_rows([_row(ports=1), _row(ports=True)])


def test_all_rows_that_cannot_be_read_are_told_at_once() -> None:
    """What is met again, as in a service with two lines of traffic, is told once."""
    bad = _row(row=2, ports="83-80")
    with pytest.raises(ValueError, match="row 2") as caught:
        expand_rows([_row(row=1), bad, dict(bad), _row(row=3, destination="3.7.161.256/28"), _row(row=4), "text"])
    lines = str(caught.value).splitlines()
    assert [line.partition(": this")[0].partition(" '")[0] for line in lines] == [
        "kudo: media: row 2: ports",
        "kudo: media: row 3: destination",
        "row 6: a row is a dictionary of columns, not",
    ]


def test_no_rows_no_rules() -> None:
    assert expand_rows([]) == []


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"destination": "3.7.161.256/28"},
            "destination '3.7.161.256/28' is not an address: octet 256 is larger than 255",
        ),
        ({"destination": ""}, "destination '' is empty"),
        ({"destination": None}, "the column 'destination' is missing"),
        ({"ports": "83-80"}, "ports '83-80': 83 is larger than 80: write the lower port first"),
        ({"ports": ""}, "ports '': the cell is empty"),
        ({"ports": None}, "the column 'ports' is missing"),
        ({"ports": "8,443"}, "ports '8,443': this can be read in more than one way"),
        ({"protocol": "XTP"}, "protocol 'XTP': 'XTP' is not a known protocol"),
        ({"protocol": ["TCP"]}, "protocol ['TCP'] is not text"),
        ({"ports": ["443"]}, "ports \"['443']\": this is neither a number nor text"),
        (
            {"requirement": "mandatory"},
            "requirement 'mandatory' is unknown: accepted are required, recommended, optional",
        ),
        ({"requirement": ["required"]}, "requirement ['required'] is unknown"),
        ({"direction": "both"}, "direction 'both' is unknown: accepted are outbound and inbound"),
        ({"source": "a\nb"}, "source 'a\\nb' is not one line of text"),
        ({"source": "a\u2028b"}, "source 'a\\u2028b' holds the control character U+2028 (LINE SEPARATOR)"),
        ({"label": 5}, "label 5 is not one line of text"),
        ({"label": "a\u202eb"}, "label 'a\\u202eb' holds the control character U+202E"),
        ({"date": 2022}, "date 2022 is not one line of text"),
        ({"protocl": "UDP"}, "unknown column 'protocl'; known are date, destination,"),
    ],
)
def test_errors_name_vendor_service_row_and_cell(columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"kudo: media: row 12: {reason}")):
        expand_rows([_row(row=1), _row(**columns)])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([_row(vendor="")], "row 12: vendor '' is not a name"),
        ([_row(), _row(service=None)], "kudo: row 12: service None is not a name"),
        ([_row(service="a\x1b[0m")], "kudo: row 12: service 'a\\x1b[0m' is not a name"),
        ([_row(row=0)], "kudo: media: row 0 is not a number from 1"),
        ([_row(row=True)], "kudo: media: row True is not a number from 1"),
        ([_row(row="1")], "kudo: media: row '1' is not a number from 1"),
        (["192.0.2.1"], "row 1: a row is a dictionary of columns, not '192.0.2.1'"),
        ({"vendor": "kudo"}, "rows are a list of dictionaries, not dict"),
        ("rows", "rows are a list of dictionaries, not str"),
    ],
)
def test_errors_of_what_is_no_row(rows: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        expand_rows(rows)


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        ("17.0.0.0/8", "'17.0.0.0/8' is wider than /16"),
        ("192.0.2.0/24, 10.0.0.0/15", "gives 10.0.0.0/15, which is wider than /16"),
        ("10.0.0.0 - 10.1.255.255", "gives 10.0.0.0/15, which is wider than /16"),
        ("1.0.0.0 - 239.255.255.255", "which is wider than /16"),
        ("2407:30C0::/31", "gives 2407:30c0::/31, which is wider than /32"),
        ("0.0.0.0/0", "is wider than /16"),
        ("::/0", "is wider than /32"),
    ],
)
def test_a_wide_prefix_needs_its_reason(cell: str, printed: str) -> None:
    with pytest.raises(ValueError, match=re.escape(printed)) as caught:
        expand_rows([_row(destination=cell)])
    assert str(caught.value).startswith("kudo: media: row 12: destination ")
    assert "wide_because" in str(caught.value)
    assert expand_rows([_row(destination=cell, wide_because="Apple's push servers have no smaller range")])


@pytest.mark.parametrize("empty", ["", " ", None])
def test_an_empty_reason_is_none(empty: str | None) -> None:
    with pytest.raises(ValueError, match="is wider than /16"):
        expand_rows([_row(destination="17.0.0.0/8", wide_because=empty)])


def test_the_widest_prefix_itself_needs_no_reason() -> None:
    assert expand_rows([_row(destination="134.224.0.0/16, 2407:30C0::/32, 10.0.0.0-10.0.255.255")])


def test_widest_prefix_may_be_set_for_each_family() -> None:
    assert expand_rows([_row(destination="17.0.0.0/8")], widest_prefix={"ipv4": 8})
    with pytest.raises(ValueError, match="wider than /33"):
        expand_rows([_row(destination="2407:30C0::/32")], widest_prefix={"ipv6": 33})
    with pytest.raises(ValueError, match="wider than /24"):
        expand_rows([_row(destination="192.0.2.0/23")], widest_prefix={"ipv4": 24, "ipv6": 0})


@pytest.mark.parametrize(
    "widest", [{"ipv4": 33}, {"ipv4": -1}, {"ipv6": 129}, {"ipv4": "16"}, {"ipv4": True}, {"v4": 16}, 16]
)
def test_widest_prefix_is_checked(widest: Any) -> None:
    with pytest.raises(ValueError, match="widest_prefix"):
        expand_rows([], widest_prefix=widest)


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u202f", "\u3000"])
@pytest.mark.parametrize("column", ["source", "date", "wide_because", "special_because", "vendor_wide_because"])
def test_what_is_seen_is_accepted_in_texts(column: str, space: str) -> None:
    """A title with a no-break space passes the schema, and so do its rows."""
    assert expand_rows([{**ROW, column: f"Zoom{space}– page"}])
