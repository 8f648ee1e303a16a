# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each policy does to packets, those of the host and those that a gateway forwards beside rules of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.ends import HOST, PEER, connects, datagram, link, listen
from tests.support.hosts.firewalld import HOME, SUITES, Host, native
from tests.support.namespaces import BITS, MACS, Namespace, add_addresses, add_default_routes, namespaces
from tests.support.packets import TCP, UDP, World, gateway_world
from tests.support.rules import row
from tests.support.systems import LONG, longer, system
from tests.support.waiting import GLANCE, PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("203.0.113.0/28"), row("2001:db8::/64")]
LISTED4, LISTED6, OTHER4, OTHER6 = 0xCB007109, (0x20010DB8 << 96) + 9, 0xC6336401, (0x20010DB8 << 96) + (1 << 64)
ALLOWED = [(TCP, 4, LISTED4, 443), (TCP, 6, LISTED6, 443)]
STOPPED = [(TCP, 4, OTHER4, 443), (UDP, 4, LISTED4, 443), (TCP, 6, OTHER6, 443), (UDP, 6, LISTED6, 444)]
# A gateway of a user's: what comes from inside may go out; the other way only what belongs to that.
USERS = {
    "zones/internal.xml": '<zone><interface name="inside0"/></zone>',
    "zones/external.xml": '<zone><interface name="outside0"/></zone>',
    "policies/lan-out.xml": '<policy target="ACCEPT" priority="5"><ingress-zone name="internal"/>'
    '<egress-zone name="external"/></policy>',
}


@pytest.fixture(scope="module", params=longer(SUITES[1:], SUITES[:1]))
def world(request: pytest.FixtureRequest) -> Iterator[tuple[Host, World]]:
    with gateway_world(system(request.param)) as made:
        host = Host(made.host)
        for path, text in USERS.items():
            host.shell(f"printf %s {shlex.quote(text)} > {HOME}/{path}")
        host.start()
        yield host, made


NAMED = {"ingress_zones": ["internal"], "egress_zones": ["external"]}


@pytest.mark.long
@pytest.mark.parametrize("zones", [NAMED, {}], ids=str)
def test_what_is_forwarded(world: tuple[Host, World], zones: dict[str, list[str]]) -> None:
    host, made = world
    own, others = ["198.18.1.0/24", "2001:2::1:0/112"], ["198.18.7.0/24", "2001:2::7:0/112"]
    for options, v4, v6 in (
        ({"policy": "audit"}, True, True),
        ({"policy": "deny"}, False, False),
        ({"policy": "deny", "sources": own}, False, False),
        ({"policy": "deny", "sources": own, "stopped": "drop"}, False, False),
        ({"policy": "deny", "sources": own[:1]}, False, True),
        ({"policy": "deny", "sources": others}, True, True),
        ({"policy": "deny", "scope": "host"}, True, True),
    ):
        host.apply(native(*ROWS, **{"scope": "gateway", **options, **zones}))
        assert made.probe(ALLOWED) == [True, True], options
        assert made.probe(STOPPED) == [v4, v4, v6, v6], options


@pytest.mark.sized
def test_what_vendors_open_from_outside(world: tuple[Host, World]) -> None:
    host, made = world
    inbound = [row("203.0.113.0/28", direction="inbound"), row("2001:db8::/64", direction="inbound")]
    for policy in ("unmanaged", "deny") if LONG else ("deny",):
        host.apply(native(*ROWS, policy=policy, scope="gateway", **NAMED))
        assert made.probe(ALLOWED + STOPPED, inbound=True) == [False] * 6
        host.apply(native(*ROWS, *inbound, policy=policy, scope="gateway", **NAMED))
        assert made.probe(ALLOWED + STOPPED, inbound=True) == [True] * 2 + [False] * 4
        assert made.probe(ALLOWED) == [True, True]


@pytest.fixture
def ends() -> Iterator[tuple[Host, Namespace]]:
    """A host with firewalld and its neighbour, who answers for two networks."""
    with ExitStack() as stack:
        inside, peer = namespaces(stack, 2, system("bookworm"))
        link(inside, "up0", peer, "down0")
        add_addresses(inside, "up0", HOST, BITS)
        add_addresses(peer, "down0", PEER, BITS)
        add_default_routes(inside, "up0", PEER, MACS[1])
        for version, address in HOST.items():
            peer.script(f"ip -{version} neighbour replace {address} lladdr {MACS[0]} dev down0 nud permanent")
        peer.script("ip route add local 203.0.113.0/24 dev lo; ip -6 route add local 2001:db8::/32 dev lo")
        peer.script("echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind")
        host = Host(inside)
        host.start()
        yield host, peer


def test_what_the_host_sends(ends: tuple[Host, Namespace]) -> None:
    host, peer = ends
    allow = [{"destination": "203.0.113.200", "ports": "5671", "protocol": "UDP"}]
    servers = {"dns_servers": ["203.0.113.53", "2001:db8::53"], "ntp_servers": ["203.0.113.123", "2001:db8::123"]}
    more = {"allow": allow, **servers}
    host.apply(native(*ROWS, policy="audit", **more))
    for address in ("203.0.113.77", "2001:db8:1::77"):
        assert datagram(host.space, peer, address, 9999), "audit stops nothing"
    for stopped, answer in (("drop", "silent"), ("reject", "refused")):
        host.apply(native(*ROWS, policy="deny", stopped=stopped, **more))
        with listen(peer, "203.0.113.77", 8080), listen(peer, "203.0.113.9", 443):
            patience = GLANCE if answer == "silent" else PATIENCE
            assert connects(host.space, "203.0.113.77", 8080, patience) == answer
            assert connects(host.space, "203.0.113.9", 443) == "open"
    for name, other in (("203.0.113.53", "203.0.113.54"), ("2001:db8::53", "2001:db8::54")):
        with listen(peer, name, 53), listen(peer, other, 53):
            assert connects(host.space, name, 53) == "open"
            assert connects(host.space, other, 53) == "refused"
        assert datagram(host.space, peer, name, 53)
        assert not datagram(host.space, peer, other, 53, seconds=GLANCE)
        assert not datagram(host.space, peer, name, 54, seconds=GLANCE)
    for clock, other in (("203.0.113.123", "203.0.113.124"), ("2001:db8::123", "2001:db8::124")):
        assert datagram(host.space, peer, clock, 123)
        assert not datagram(host.space, peer, other, 123, seconds=GLANCE)
        with listen(peer, clock, 123):
            assert connects(host.space, clock, 123) == "refused"
    assert datagram(host.space, peer, "203.0.113.200", 5671)
    assert not datagram(host.space, peer, "203.0.113.200", 5672, seconds=GLANCE)
    # The neighbours find each other, and who knocks at a port that is shut is told.
    for version, address in HOST.items():
        peer.run(["ip", "neighbour", "delete", address, "dev", "down0"], check=True)
        host.space.run(["ip", "neighbour", "delete", PEER[version], "dev", "up0"])
        assert not datagram(host.space, peer, PEER[version], 9, GLANCE)
        assert connects(peer, address, 22) == "refused"
