# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that name IP protocols and types of ICMP, by name or number, and the cells of ports beside them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import NUMBERS, PORTED, TYPES
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.rules import row

READ = [
    ("ESP", ["esp"]),
    (50, ["esp"]),
    ("50", ["esp"]),
    ("#50", ["esp"]),
    ("IP 50", ["esp"]),
    ("IP/50", ["esp"]),
    ("Protocol 50", ["esp"]),
    ("IP protocol number 50", ["esp"]),
    ("ESP protocol", ["esp"]),
    ("ESP (50)", ["esp"]),
    ("ESP (IP protocol 50)", ["esp"]),
    ("50 (ESP)", ["esp"]),
    ("50/ESP", ["esp"]),
    ("GRE – IP protocol 47", ["gre"]),
    ("GRE:", ["gre"]),
    ("IPsec ESP", ["esp"]),
    ("IPSec (AH)", ["ah"]),
    ("ESP (IPsec)", ["esp"]),
    ("ESP, AH", ["ah", "esp"]),
    ("AH/ESP", ["ah", "esp"]),
    ("GRE or ESP", ["esp", "gre"]),
    ("UDP and ESP", ["udp", "esp"]),
    ("IGMP\nPIM", ["igmp", "pim"]),
    ("VRRP (112)", ["vrrp"]),
    ("OSPF", ["ospf"]),
    ("OSPFIGP", ["ospf"]),
    ("89", ["ospf"]),
    ("253", ["253"]),
    ("SCTP", ["sctp"]),
    ("TCP, SCTP", ["tcp", "sctp"]),
    ("TCP/UDP/SCTP", ["tcp", "udp", "sctp"]),
    ("UDP-Lite", ["udplite"]),
    ("DCCP", ["dccp"]),
    ("6", ["tcp"]),
    ("TCP (6)", ["tcp"]),
    ("UDP (17)", ["udp"]),
    ("17 (UDP)", ["udp"]),
    ("IP protocol 17", ["udp"]),
    ("ICMP", ["icmp"]),
    ("1", ["icmp"]),
    ("ICMP (1)", ["icmp"]),
    ("ICMP (all types)", ["icmp"]),
    ("ICMP echo-request", ["icmp/echo-request"]),
    ("ICMP Echo Request", ["icmp/echo-request"]),
    ("ICMP (ping)", ["icmp/echo-request"]),
    ("icmp/echo-request", ["icmp/echo-request"]),
    ("ICMP type 8", ["icmp/echo-request"]),
    ("ICMP (type 8)", ["icmp/echo-request"]),
    ("ICMP Type: 8 (Echo Request)", ["icmp/echo-request"]),
    ("ICMP/8", ["icmp/echo-request"]),
    ("ICMP types 0, 8", ["icmp/echo-reply", "icmp/echo-request"]),
    ("ICMP echo-request, echo-reply", ["icmp/echo-reply", "icmp/echo-request"]),
    ("ICMP type 41", ["icmp/41"]),
    ("ICMPv6", ["icmpv6"]),
    ("IPv6-ICMP", ["icmpv6"]),
    ("ICMPv6 (58)", ["icmpv6"]),
    ("ICMPv6 type 128", ["icmpv6/echo-request"]),
    ("ICMPv6 packet too big", ["icmpv6/packet-too-big"]),
]


@pytest.mark.parametrize(("cell", "protocols"), READ)
def test_read(cell: str | int, protocols: list[str]) -> None:
    assert expand_protocols(cell) == protocols


@pytest.mark.parametrize("cell", ["IP 4", "IP 6", "ip6", "IP4", "UDP, IP 6"])
def test_a_version_of_ip_is_no_number_of_a_protocol(cell: str) -> None:
    number = 6 if "6" in cell else 4
    with pytest.raises(ValueError, match=f"may be a version of IP, .*: write 'protocol {number}' if that") as caught:
        expand_protocols(cell)
    assert str(caught.value).startswith(f"protocol '{cell}'")
    assert expand_protocols(f"protocol {number}") == ["tcp" if number == 6 else "ipv4"]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_name_and_its_number_are_one_protocol(name: str) -> None:
    assert expand_protocols(name) == expand_protocols(name.upper()) == expand_protocols(str(NUMBERS[name])) == [name]


@pytest.mark.parametrize(("protocol", "name"), [(protocol, name) for protocol in TYPES for name in TYPES[protocol]])
def test_a_types_name_and_its_number_are_one_type(protocol: str, name: str) -> None:
    number = TYPES[protocol][name]
    assert (
        expand_protocols(f"{protocol} {name}")
        == expand_protocols(f"{protocol} type {number}")
        == [f"{protocol}/{name}"]
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("ESP (51)", "names esp and ah: write the one that is meant"),
        ("TCP (17)", "names tcp and udp"),
        ("TCP 6", "'6' is not a known protocol"),
        ("UDP/17", "'17' is not a known protocol"),
        ("17/UDP", "'17/UDP' is not a known protocol"),
        ("53/UDP", "'53/UDP' is not a known protocol"),
        ("443/TCP", "a protocol's number is at most 255"),
        ("GRE (IPsec)", "'(IPsec)' may change what is meant"),
        ("300", "a protocol's number is at most 255"),
        ("050", "a number with a leading zero: write 50"),
        ("0", "0 is hop-by-hop options of IPv6"),
        ("44", "44 is a fragment header of IPv6"),
        ("-1", "'-1' is not a known protocol"),
        ("IP", "'IP' is not a known protocol"),
        ("any", "'any' is not a known protocol: accepted are TCP, UDP"),
        ("RDP", "'RDP' is not a known protocol"),
        ("L2TP", "'L2TP' is not a known protocol"),
        ("GRE tunnel", "'tunnel' may change what is meant"),
        ("ESP over UDP", "'over UDP' may change what is meant"),
        ("ESP (not AH)", "'(not AH)' may change what is meant"),
        ("UDP/SCTP", "can be read in two ways"),
        ("ESP,", "a protocol is missing at the end"),
        ("ICMP foo", "'foo' is no type of icmp: accepted are numbers from 0 to 255 and echo-reply"),
        ("ICMP type 256", "'256' is no type of icmp"),
        ("ICMP type 3 code 4", "a rule is for all codes of a type: write the type alone"),
        ("ICMP 8/0", "a rule is for all codes of a type"),
        ("ICMP type 8 (echo reply)", "names two types"),
        ("ICMP packet-too-big", "'packet-too-big' is no type of icmp"),
        ("ESP and", "a protocol is missing at the end"),
        *(
            (f"{cell}", "may be several protocols, or a type of icmp: write each protocol by itself, or 'icmp type")
            for cell in ("1-255", "1 - 6", "1–255", "1 – 255", "1/6", "1:6", "1 6", "1 (6)", "protocol 1-255", "IP 1-6")
        ),
        ("58-60", "write each protocol by itself, or 'icmpv6 type 60'"),
        ("ICMP 0, 8", "can be read in two ways: '8' may be a type of icmp or a protocol: write 'icmp type 8' or"),
    ],
)
def test_refused_with_reason(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_protocols(cell)
    assert str(caught.value).startswith(f"protocol '{cell}'")


def services(**cells: Any) -> list[tuple[str, str]]:
    """Return protocol and ports of the rules of a row with these cells."""
    return [(rule["protocol"], rule["ports"]) for rule in expand_rows([{**row("192.0.2.1"), **cells}])]


@pytest.mark.parametrize("ports", [None, "", " ", "-", "–", "—", "n/a", "N/A", "NA", "none", "any", "All"])
def test_what_has_no_ports_has_an_empty_cell(ports: str | None) -> None:
    assert services(protocol="ESP, GRE", ports=ports) == [("esp", ""), ("gre", "")]
    assert services(protocol="icmp echo-request", ports=ports) == [("icmp", "echo-request")]


def test_the_column_may_be_missing() -> None:
    cells = {key: value for key, value in row("192.0.2.1", protocol="47").items() if key != "ports"}
    assert [(rule["protocol"], rule["ports"]) for rule in expand_rows([cells])] == [("gre", "")]


@pytest.mark.parametrize("ports", ["type 8", "Type: 8", "echo-request", "Echo Request", "ping"])
def test_the_cell_of_ports_may_name_a_type(ports: str) -> None:
    assert services(protocol="ICMP", ports=ports) == [("icmp", "echo-request")]


@pytest.mark.parametrize("protocol", sorted(PORTED))
def test_ports_of_what_has_them(protocol: str) -> None:
    assert services(protocol=protocol, ports="443, 8000-8010") == [(protocol, "443"), (protocol, "8000-8010")]
    assert services(protocol=protocol, ports="any") == [(protocol, "1-65535")]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"protocol": "ESP", "ports": "500"}, "ports '500': esp has no ports: leave the cell empty, and write a row"),
        ({"protocol": 89, "ports": 1}, "ports '1': ospf has no ports"),
        ({"protocol": "UDP, ESP", "ports": "500"}, "ports '500': esp has no ports"),
        ({"protocol": "TCP/ICMP", "ports": "443"}, "ports '443': icmp has no ports: leave it empty"),
        ({"protocol": "ICMP", "ports": "8"}, "if this is a type, write 'icmp type 8' as the protocol"),
        ({"protocol": "ICMP", "ports": "web"}, "icmp has types and no ports: 'web' is no type of icmp"),
        ({"protocol": "ICMP type 8", "ports": "echo reply"}, "the protocol says echo-request and the ports echo-reply"),
        ({"protocol": "SCTP", "ports": None}, "the column 'ports' is missing: sctp needs a value"),
        ({"protocol": "SCTP", "ports": ""}, "ports '': the cell is empty"),
        ({"protocol": "TCP", "ports": "-"}, "ports '-'"),
        ({"protocol": "ICMPv6"}, "destination '192.0.2.1/32' is not of IPv6, and icmpv6 is of IPv6 only: write icmp"),
        ({"protocol": "ICMP", "destination": "2001:db8::1"}, "destination '2001:db8::1/128' is not of IPv4"),
        ({"protocol": "1", "destination": "192.0.2.1, 2001:db8::1"}, "is not of IPv4, and icmp is of IPv4 only"),
    ],
)  # fmt: skip
def test_cells_that_do_not_fit_together(cells: dict[str, Any], reason: str) -> None:
    found = {"ports": "", **cells}
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        services(**found)
    assert str(caught.value).startswith("acme: calls: row 1: ")
