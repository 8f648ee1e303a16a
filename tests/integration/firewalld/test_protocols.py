# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols other than TCP and UDP with firewalld: packets that get out, and what the second run says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ends import kind, neighbour, packet, ports
from tests.support.hosts.firewalld import Host, native
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import longer, system
from tests.support.waiting import GLANCE

pytestmark = pytest.mark.usefixtures("namespaces")

ESP, GRE, AH, IGMP, VRRP, OSPF, SCTP, DCCP, ICMP, ICMPV6 = 50, 47, 51, 2, 112, 89, 132, 33, 1, 58
WANTED = [
    row("203.0.113.0/25, 2001:db8::/64", "-", "ESP, GRE, AH, IGMP, VRRP, 253"),
    row("203.0.113.0/25, 2001:db8::/64", "5060, 7000-7010", "SCTP, DCCP"),
    row("203.0.113.0/25", "", "ICMP type 13"),
    row("203.0.113.0/26", "", "ICMP", "all"),
    row("2001:db8::/64", "echo-request", "ICMPv6"),
]


@pytest.fixture(scope="module", params=longer(["bookworm"], ["trixie"]))
def linked(request: pytest.FixtureRequest) -> Iterator[tuple[Host, Namespace]]:
    """A host with firewalld and a neighbour."""
    space = Namespace(system(request.param))
    try:
        with neighbour(space) as peer:
            host = Host(space)
            host.start()
            yield host, peer
    finally:
        space.close()


def test_packets(linked: tuple[Host, Namespace]) -> None:
    host, peer = linked
    allow = [
        {"protocol": "OSPF", "destination": "203.0.113.200"},
        {"protocol": "icmp echo-request", "destination": "203.0.113.200"},
        {"protocol": "SCTP", "ports": "5060-5061", "destination": "203.0.113.200"},
    ]
    applied = host.apply(native(*WANTED, policy="deny", stopped="drop", allow=allow))
    assert "+ icmp/timestamp-request to 203.0.113.0/25  acme: calls" in applied["differences"]
    assert "+ esp to 2001:db8::/64  acme: calls" in applied["differences"]
    assert any("allow: none -> ospf to 203.0.113.200/32, icmp/echo-" in line for line in applied["differences"])
    assert not host.apply(native(*WANTED, policy="deny", stopped="drop", allow=allow))["changed"]
    for address, other in (("203.0.113.9", "203.0.113.201"), ("2001:db8::9", "2001:db8:1::9")):
        for protocol in (ESP, GRE, AH, IGMP, VRRP, 253):
            assert packet(host.space, peer, address, protocol), (address, protocol)
        for protocol in (SCTP, DCCP):
            for port in (5060, 7010):
                assert packet(host.space, peer, address, protocol, ports(port)), (address, protocol, port)
            assert not packet(host.space, peer, address, protocol, ports(5061), GLANCE), (address, protocol)
        for end, protocol in ((address, OSPF), (other, ESP), (other, VRRP)):
            assert not packet(host.space, peer, end, protocol, seconds=GLANCE), (end, protocol)
    for address, number, arrives in (
        *(("203.0.113.99", 13, True), ("203.0.113.99", 8, False), ("203.0.113.9", 8, True), ("203.0.113.9", 17, True)),
        *(("203.0.113.200", 8, True), ("203.0.113.200", 13, False)),
    ):
        assert packet(host.space, peer, address, ICMP, kind(number), 5 if arrives else GLANCE) is arrives
    assert packet(host.space, peer, "2001:db8::9", ICMPV6, kind(128))
    assert not packet(host.space, peer, "2001:db8::9", ICMPV6, kind(138), GLANCE)
    assert packet(host.space, peer, "203.0.113.200", OSPF)
    assert packet(host.space, peer, "203.0.113.200", SCTP, ports(5061))
    host.remove()
