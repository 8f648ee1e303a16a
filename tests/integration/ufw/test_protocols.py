# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols other than TCP and UDP with ufw: some in rules of its own, the others in chains of ours behind them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ends import kind, neighbour, packet, ports
from tests.support.hosts.ufw import INIT, Host, alone, native
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.waiting import GLANCE

pytestmark = pytest.mark.usefixtures("namespaces")

ESP, GRE, AH, IGMP, VRRP, OSPF, SCTP, ICMP, ICMPV6 = 50, 47, 51, 2, 112, 89, 132, 1, 58
WANTED = [
    row("203.0.113.0/25, 2001:db8::/64", "-", "ESP, GRE, AH, IGMP, VRRP, 253"),
    row("203.0.113.0/25, 2001:db8::/64", "5060, 7000-7010", "SCTP, DCCP, UDP-Lite"),
    row("203.0.113.0/25", "", "ICMP type 13"),
    row("2001:db8::/64", "echo-request", "ICMPv6"),
]


@pytest.fixture(scope="module")
def linked() -> Iterator[tuple[Host, Namespace]]:
    """A Debian 12 with ufw and a neighbour."""
    with alone("bookworm", users="") as host, neighbour(host.space) as peer:
        host.shell("ufw reload; mkdir -p /etc/systemd/system")
        yield host, peer


@pytest.mark.parametrize("sets", [False, True])
def test_packets(linked: tuple[Host, Namespace], sets: bool) -> None:
    host, peer = linked
    host.apply(native(*WANTED, policy="deny", sets=sets))
    for address, other in (("203.0.113.9", "203.0.113.200"), ("2001:db8::9", "2001:db8:1::9")):
        for protocol in (ESP, GRE, AH, IGMP, VRRP, 253):
            assert packet(host.space, peer, address, protocol), (address, protocol)
        for protocol in (SCTP, 33, 136):
            for port in (5060, 7010):
                assert packet(host.space, peer, address, protocol, ports(port)), (address, protocol, port)
            assert not packet(host.space, peer, address, protocol, ports(5061), GLANCE), (address, protocol)
        for end, protocol in ((address, OSPF), (other, ESP), (other, VRRP)):
            assert not packet(host.space, peer, end, protocol, seconds=GLANCE), (end, protocol)
    assert packet(host.space, peer, "203.0.113.9", ICMP, kind(13))
    assert not packet(host.space, peer, "203.0.113.9", ICMP, kind(8), GLANCE)
    assert packet(host.space, peer, "2001:db8::9", ICMPV6, kind(128))
    assert not packet(host.space, peer, "2001:db8::9", ICMPV6, kind(138), GLANCE)
    host.remove()


def test_additions_to_the_baseline(linked: tuple[Host, Namespace]) -> None:
    host, peer = linked
    allow = [
        {"protocol": "ESP", "destination": "203.0.113.9"},
        {"protocol": "icmp echo-request", "destination": "203.0.113.9"},
        {"protocol": "132", "ports": "5060-5061", "destination": "203.0.113.9"},
    ]
    applied = host.apply(native(row("192.0.2.1"), policy="deny", allow=allow))
    for line in ("esp", "icmp/echo-request", "sctp/5060-5061"):
        assert f"+ {line} to 203.0.113.9  ufw_egress_allow" in applied["differences"]
    assert packet(host.space, peer, "203.0.113.9", ESP)
    assert packet(host.space, peer, "203.0.113.9", ICMP, kind(8))
    assert packet(host.space, peer, "203.0.113.9", SCTP, ports(5061))
    assert not packet(host.space, peer, "203.0.113.9", SCTP, ports(5062), GLANCE)
    host.remove()


def test_ufw_keeps_and_brings_back_what_it_has_no_rules_for(each: Host) -> None:
    before = each.kernel(), each.texts(), each.files()
    wanted = native(*WANTED, policy="deny")
    foreseen = each.apply(wanted, check=True)["differences"]
    applied = each.apply(wanted)
    assert applied["differences"] == foreseen
    assert {"+ esp to 203.0.113.0/25  acme: calls", "+ vrrp to 2001:db8::/64  acme: calls"} < {*foreseen}
    assert "ufw has no rules for 253, dccp, icmp, icmpv6, igmp, sctp, udplite, vrrp" in " ".join(applied["notes"])
    status = each.status()
    assert "/esp" in status
    assert "/gre" in status
    assert "vrrp" not in status
    assert each.sets() == []
    kernel = each.kernel()
    each.shell("ufw reload; ufw allow 1/tcp; ufw delete allow 1/tcp")
    assert each.kernel() == kernel
    each.shell(f"{INIT} stop")
    assert [line for line in each.kernel() if "egress" in line] == []
    each.reboot()
    assert each.kernel() == kernel
    assert each.apply(wanted)["changed"] is False
    each.remove()
    assert (each.kernel(), each.texts(), each.files()) == before


def test_no_ipset_is_needed_for_them(host: Host) -> None:
    host.shell("mv $(command -v ipset) /tmp/ipset")
    try:
        host.apply(native(*WANTED, policy="deny"))
        assert host.apply(native(*WANTED, policy="deny"))["changed"] is False
        host.remove()
    finally:
        host.shell("mv /tmp/ipset /usr/sbin/ipset")
