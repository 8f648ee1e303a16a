# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The author's readings of cells: only where the printed cell has none, and never a way around a check."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.rules import row

BROKEN = "media.eu-west-2. example.com"


def opened(read: dict[str, Any], **cells: Any) -> list[dict[str, Any]]:
    """Return the rules of one row of acme's, with these readings."""
    given = {"destination": "192.0.2.1", **cells}
    return expand_rows([{**row(**given), "read_as": read}])


def services(rules: list[dict[str, Any]]) -> list[str]:
    return [f"{rule['protocol']}/{rule['ports']} {rule['destination']}" for rule in rules]


@pytest.mark.parametrize(
    ("cells", "read", "wanted", "told"),
    [
        (
            {"ports": "5060/61"},
            {"ports": "5060-5061"},
            ["tcp/5060-5061 192.0.2.1/32"],
            "ports '5060/61' read as '5060-5061' by the author of the file",
        ),
        (
            {"protocol": "SIP", "ports": "5060"},
            {"protocol": "UDP"},
            ["udp/5060 192.0.2.1/32"],
            "protocol 'SIP' read as 'UDP' by the author of the file",
        ),
        (
            {"destination": BROKEN},
            {"destination": "media.eu-west-2.example.com"},
            ["tcp/443 media.eu-west-2.example.com"],
            f"destination '{BROKEN}' read as 'media.eu-west-2.example.com' by the author of the file",
        ),
        (
            {"protocol": "SIP", "ports": "5060/61", "destination": BROKEN},
            {"destination": "192.0.2.7", "ports": "5061", "protocol": "TLS"},
            ["tcp/5061 192.0.2.7/32"],
            f"protocol 'SIP' read as 'TLS'; ports '5060/61' read as '5061'; destination '{BROKEN}' read as '192.0.2.7' "
            "by the author of the file",
        ),
        # What a row does not print the author may say too.
        (
            {"ports": ""},
            {"ports": "443"},
            ["tcp/443 192.0.2.1/32"],
            "ports, which the row does not print, read as '443' by the author of the file",
        ),
        (
            {"protocol": None, "ports": None},
            {"ports": "UDP 443"},
            ["udp/443 192.0.2.1/32"],
            "ports, which the row does not print, read as 'UDP 443' by the author of the file",
        ),
        (
            {"protocol": " ", "ports": "3478"},
            {"protocol": "UDP"},
            ["udp/3478 192.0.2.1/32"],
            "protocol, which the row does not print, read as 'UDP' by the author of the file",
        ),
        (
            {"protocol": "", "ports": "5060/61"},
            {"protocol": "UDP", "ports": "5060"},
            ["udp/5060 192.0.2.1/32"],
            "protocol, which the row does not print, read as 'UDP'; ports '5060/61' read as '5060' by the author of "
            "the file",
        ),
        (
            {"protocol": "SIP", "ports": ""},
            {"protocol": "UDP", "ports": "5060"},
            ["udp/5060 192.0.2.1/32"],
            "protocol 'SIP' read as 'UDP'; ports, which the row does not print, read as '5060' by the author of the "
            "file",
        ),
        # Each is read by itself, and together they are not: the author says which of the two it is.
        (
            {"ports": "3478 (DTLS)"},
            {"ports": "3478"},
            ["tcp/3478 192.0.2.1/32"],
            "ports '3478 (DTLS)' read as '3478' by the author of the file",
        ),
        (
            {"ports": "3478 (DTLS)"},
            {"protocol": "UDP"},
            ["udp/3478 192.0.2.1/32"],
            "protocol 'TCP' read as 'UDP' by the author of the file",
        ),
    ],
)
def test_what_is_refused_as_printed_is_read_as_the_author_says(
    cells: dict[str, str], read: dict[str, str], wanted: list[str], told: str
) -> None:
    if cells != {"protocol": " ", "ports": "3478"}:  # which is tcp where nobody says what it is
        with pytest.raises(ValueError, match="acme: calls: row 1: "):
            expand_rows([row(**{"destination": "192.0.2.1", **cells})])
    rules = opened(read, **cells)
    assert services(rules) == wanted
    assert {rule["read_as"] for rule in rules} == {told}


def test_a_row_without_readings_says_nothing_of_any() -> None:
    assert "read_as" not in expand_rows([row("192.0.2.1")])[0]


@pytest.mark.parametrize(
    ("cells", "read", "reason"),
    [
        ({}, {"ports": "80"}, "ports '443' has one reading: leave read_as of it out"),
        ({}, {"protocol": "UDP"}, "protocol 'TCP' has one reading"),
        ({}, {"destination": "192.0.2.2"}, "destination '192.0.2.1' has one reading"),
        ({}, {"destination": "192.0.2.1"}, "destination '192.0.2.1' has one reading"),
        # What is wrong is the ports: the protocol keeps its reading, whatever the ports are read as.
        ({"ports": "5060/61"}, {"protocol": "UDP"}, "protocol 'TCP' has one reading"),
        ({"ports": "5060/61"}, {"protocol": "UDP", "ports": "5060"}, "protocol 'TCP' has one reading"),
        ({"ports": "5060/61"}, {"protocol": "ESP", "ports": "-"}, "protocol 'TCP' has one reading"),
        ({"ports": "5060/61"}, {"ports": "5060", "destination": "192.0.2.2"}, "destination '192.0.2.1' has one"),
        ({"protocol": "SIP"}, {"protocol": "UDP", "ports": "80"}, "ports '443' has one reading"),
        ({"protocol": "ICMP", "ports": "echo-request"}, {"ports": "any"}, "ports 'echo-request' has one reading"),
        ({"ports": "3478 (DTLS)"}, {"ports": "1-9", "protocol": "UDP"}, "protocol and ports have one reading each"),
        ({"destination": ""}, {"destination": "192.0.2.1"}, "destination is not printed in this row: only ports and"),
        ({"protocol": "ESP", "ports": ""}, {"ports": "443"}, "ports are not printed in this row, and protocol 'ESP'"),
        ({"protocol": "", "ports": "53 (UDP)"}, {"protocol": "UDP"}, "protocol is not printed in this row, and ports"),
        ({"protocol": "", "ports": "53 (UDP)"}, {"protocol": "TCP"}, "protocol is not printed in this row, and ports"),
        ({"protocol": "", "ports": "443"}, {"ports": "80"}, "ports '443' has one reading: leave read_as of it out"),
        ({"protocol": "UDP", "ports": ""}, {"ports": "443", "protocol": "TCP"}, "protocol 'UDP' has one reading"),
        ({"ports": ""}, {"ports": "5060/61"}, "ports '5060/61': this can be read in more than one way"),
        # A reading has to be one.
        ({"ports": "5060/61"}, {"ports": "5060/61"}, "ports '5060/61': this can be read in more than one way"),
        ({"ports": "5060/61"}, {"ports": "5061-5060"}, "ports '5061-5060': 5061 is larger than 5060"),
        ({"protocol": "SIP"}, {"protocol": "RTP"}, "protocol 'RTP'"),
        ({"destination": BROKEN}, {"destination": "media.eu-west-2. example.com "}, f"destination '{BROKEN} '"),
        ({"destination": BROKEN}, {"destination": "192.0.2.x"}, "destination '192.0.2.x' is not a name"),
    ],
)  # fmt: skip
def test_a_reading_beside_a_readable_cell_and_one_that_is_none_are_refused(
    cells: dict[str, str], read: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"acme: calls: row 1: read_as: {reason}")):
        opened(read, **cells)


@pytest.mark.parametrize("read", [{}, [], "ports", {"port": "443"}, {"ports": "443", 7: "x"}])
def test_what_is_no_reading_is_refused(read: Any) -> None:
    with pytest.raises(ValueError, match="is not understood: write any of protocol, ports, destination"):
        opened(read, ports="5060/61")


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ("17.0.0.0/8", "is wider than /16"),
        ("127.0.0.1", "is special"),
        ("10.1.2.3", "is special"),
        ("0.0.0.0/0", "is wider than /16"),
    ],
)
def test_a_reading_is_no_way_around_what_may_be_opened(reading: str, reason: str) -> None:
    one = {**row(BROKEN), "read_as": {"destination": reading}}
    with pytest.raises(ValueError, match=re.escape(f"acme: calls: row 1: destination '{reading}' {reason}")):
        expand_rows([one], openings=Openings(consent_of(False, [])))
    inbound = {**row(BROKEN), "read_as": {"destination": "0.0.0.0/0"}, "direction": "inbound", "wide_because": "x"}
    with pytest.raises(ValueError, match=r"inbound from 0\.0\.0\.0/0, any IPv4 address, is not opened"):
        expand_rows([inbound], openings=Openings(consent_of(True, [])))


WAY_OUT = "; or leave the cell as printed, with its reading in read_as"


def errors(*rows: dict[str, Any], vendors: bool = True) -> list[str]:
    with pytest.raises(ValueError, match=r"^acme: ") as caught:
        expand_rows([*rows], openings=Openings(consent_of(False, [])) if vendors else None)
    return str(caught.value).splitlines()


def test_all_that_is_wrong_with_a_row_is_told() -> None:
    wide = row("17.0.0.0/8", ports="5060/61")
    assert [error[:44] for error in errors(row(BROKEN, ports="5060/61"), {**wide, "row": 2})] == [
        "acme: calls: row 1: destination 'media.eu-we", "acme: calls: row 1: ports '5060/61': this ca",
        "acme: calls: row 2: ports '5060/61': this ca", "acme: calls: row 2: destination '17.0.0.0/8'",
    ]  # fmt: skip
    assert "(catalog_widest_prefix)" in errors(wide)[1]
    assert "(widest_prefix)" in errors(wide, vendors=False)[1]
    # What rows open in all is told beside cells of others.
    half = {**row("16.0.0.0-31.255.255.255", wide_because="x"), "row": 2}
    assert "above 2^24 of IPv4 a vendor needs a wide_because" in errors(row(BROKEN), half)[1]


@pytest.mark.parametrize(
    ("one", "ends"),
    [
        (row(BROKEN), [True]),
        (row("192.0.2.1", ports="5060/61"), [True]),
        (row("192.0.2.1", ports=""), [True]),
        # Once of a row, and of each place.
        (row(BROKEN, ports="5060/61"), [False, True]),
        ({**row(BROKEN, ports="5060/61"), "traffic": 2}, [True, True]),
        # Not of what is read and may not be open, what the author reads already, and what a user chose.
        (row("17.0.0.0/8"), [False]),
        ({**row("192.0.2.1", ports="5060/61"), "read_as": {"ports": "9-8"}}, [False]),
        ({**row("192.0.2.1", ports="5060/61"), "chosen": ["ports"]}, [False]),
        ({**row(BROKEN, ports="5060/61"), "chosen": ["ports"]}, [True, False]),
        ({**row(BROKEN), "chosen": ["destination"]}, [False]),
    ],
)
def test_what_has_no_single_reading_may_stay_as_it_is_printed(one: dict[str, Any], ends: list[bool]) -> None:
    assert [error.endswith(WAY_OUT) for error in errors(one)] == ends
    if one["destination"] != "17.0.0.0/8":
        assert not any(WAY_OUT in error for error in errors(one, vendors=False))


def test_a_line_of_traffic_is_told_once() -> None:
    rows = [{**row("192.0.2.1", ports="5060/61"), "row": number, "traffic": 2} for number in range(1, 300)]
    found = errors(*rows)
    assert [error[:40] for error in found] == ["acme: calls: traffic 2: ports '5060/61':"]
    found = errors({**rows[0], "read_as": {"ports": "9-8"}})
    assert [error[:50] for error in found] == ["acme: calls: traffic 2: read_as: ports '9-8': 9 is"]


def test_a_reading_is_told_whole_and_as_it_is_printed() -> None:
    printed = "; ".join(map(str, range(5000, 5030))) + r"; 6000\* (it's new)"
    [rule] = expand_rows([{**row("192.0.2.1", printed), "read_as": {"ports": "5000"}}])
    assert rule["read_as"] == f"ports '{printed}' read as '5000' by the author of the file"


def test_a_name_that_options_fill_is_told_as_its_author_wrote_it() -> None:
    names = ["turn.east.example.com", "turn.west.example.com"]
    reading = {"read_as": {"destination": names}, "written": {"destination": "turn.REGION.example.com"}}
    rules = expand_rows([{**row(BROKEN), **reading}])
    assert {rule["read_as"] for rule in rules} == {
        f"destination '{BROKEN}' read as 'turn.REGION.example.com' by the author of the file"
    }
