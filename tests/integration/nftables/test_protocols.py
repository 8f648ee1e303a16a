# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols other than TCP and UDP: packets of them that are let out, and those that are not."""

from __future__ import annotations

import pytest

from tests.support.ends import Ends, kind, ports
from tests.support.hosts.nftables import native
from tests.support.rules import row
from tests.support.waiting import GLANCE

pytestmark = pytest.mark.usefixtures("namespaces")

ESP, GRE, AH, SCTP, DCCP, UDPLITE, ICMP, ICMPV6 = 50, 47, 51, 132, 33, 136, 1, 58
OPENED = {4: "203.0.113.9", 6: "2001:db8::9"}
SHUT = {4: "203.0.113.200", 6: "2001:db9::9"}
BOTH = "203.0.113.0/25, 2001:db8::/64"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("cell", ["ESP, GRE, AH, IGMP, 253", "50, 47, 51, 2, 253"])
def test_what_has_no_ports_gets_out_to_its_destinations_only(ends: Ends, version: int, cell: str) -> None:
    ends.host.apply(native(row(BOTH, "-", cell), policy="deny", stopped="drop"))
    for protocol in (ESP, GRE, AH, 2, 253):
        assert ends.packet(OPENED[version], protocol)
    for protocol in (89, 254, UDPLITE):
        assert not ends.packet(OPENED[version], protocol, seconds=GLANCE)
    assert not ends.packet("203.0.113.200" if version == 4 else "2001:db8:1::1", ESP, seconds=GLANCE)
    assert ends.host.counters()["acme/calls"] == 5


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [SCTP, DCCP, UDPLITE])
def test_what_has_ports_gets_out_by_port(ends: Ends, version: int, protocol: int) -> None:
    ends.host.apply(native(row(BOTH, "5060, 7000-7010", str(protocol)), policy="deny", stopped="drop"))
    for port in (5060, 7000, 7010):
        assert ends.packet(OPENED[version], protocol, ports(port))
    for port in (5061, 6999, 7011):
        assert not ends.packet(OPENED[version], protocol, ports(port), seconds=GLANCE)


def test_one_type_and_all_types_of_icmp(ends: Ends) -> None:
    ends.host.apply(
        native(
            row("203.0.113.0/25", "", "ICMP type 13", "clock"),
            row("203.0.113.0/26", "", "ICMP", "all"),
            row("2001:db8::/64", "echo-request", "ICMPv6", "ping"),
            policy="deny",
            stopped="drop",
        )
    )
    assert ends.packet("203.0.113.9", ICMP, kind(13))
    assert ends.packet("203.0.113.9", ICMP, kind(8))
    assert ends.packet("203.0.113.99", ICMP, kind(13))
    assert not ends.packet("203.0.113.99", ICMP, kind(8), seconds=GLANCE)
    assert ends.packet("2001:db8::9", ICMPV6, kind(128))
    assert not ends.packet("2001:db8::9", ICMPV6, kind(138), seconds=GLANCE)
    counted = {"acme/all": 1, "acme/all.acme/clock": 1, "acme/clock": 1, "acme/ping": 1}
    assert counted.items() <= ends.host.counters().items()


def test_additions_to_the_baseline(ends: Ends) -> None:
    allow = [
        {"protocol": "esp", "destination": "203.0.113.9"},
        {"protocol": "icmp echo-request", "destination": "203.0.113.0/25"},
        {"protocol": 132, "ports": "5060", "destination": "2001:db8::/64"},
    ]
    ends.host.apply(native(row("192.0.2.1"), policy="deny", stopped="drop", allow=allow))
    assert ends.packet("203.0.113.9", ESP)
    assert not ends.packet("203.0.113.10", ESP, seconds=GLANCE)
    assert ends.packet("203.0.113.10", ICMP, kind(8))
    assert not ends.packet("203.0.113.10", ICMP, kind(13), seconds=GLANCE)
    assert ends.packet("2001:db8::9", SCTP, ports(5060))


def test_the_second_run_and_the_differences(ends: Ends) -> None:
    ruleset = native(
        row("203.0.113.0/25", "", "ESP, GRE, 253, ICMP type 8"), row("2001:db8::/64", "", "ICMPv6"), policy="audit"
    )
    first = ends.host.apply(ruleset)
    assert first["changed"]
    assert first["differences"][:5] == [
        "+ icmpv6 to 2001:db8::/64  acme: calls",
        "+ 253 to 203.0.113.0/25  acme: calls",
        "+ esp to 203.0.113.0/25  acme: calls",
        "+ gre to 203.0.113.0/25  acme: calls",
        "+ icmp/echo-request to 203.0.113.0/25  acme: calls",
    ]
    assert not ends.host.apply(ruleset)["changed"]
    fewer = native(row("203.0.113.0/25", "", "ESP"), policy="audit")
    assert ends.host.apply(fewer)["differences"] == [
        "- icmpv6 to 2001:db8::/64  acme: calls",
        "- 253 to 203.0.113.0/25  acme: calls",
        "- gre to 203.0.113.0/25  acme: calls",
        "- icmp/echo-request to 203.0.113.0/25  acme: calls",
    ]
