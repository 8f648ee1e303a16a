# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets learned addresses open, and how packets renew their leases.

No name server is asked: addresses are put into the sets by hand, as dnsmasq and the keeper do it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.support.ends import Ends
from tests.support.hosts.nftables import Host, native
from tests.support.names.learned import LEARNED, OTHER, TABLE, left, named, put, reaching, with_rules
from tests.support.packets import TCP, UDP, Probe, World, gateway_world, host_world
from tests.support.rules import row
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

# Given to a packet in the order of ports; the second name is below the first.
OPEN = {
    "example.com": {("tcp", 443), ("tcp", 5000), ("tcp", 5010), ("udp", 3478)},
    "a.example.com": {("tcp", 8443)},
    "b.example.net": {("tcp", 443)},
}
PORTS = (442, 443, 444, 3478, 4999, 5000, 5010, 5011, 8443)


def probes(*addresses: str) -> list[Probe]:
    parsed = [ip_address(text) for text in addresses]
    return [(p, a.version, int(a), port) for p in (TCP, UDP) for a in parsed for port in PORTS]


def passing(world: World, *addresses: str) -> set[tuple[str, str, int]]:
    """Return what gets through, as C{(address, protocol, port)}."""
    sent = probes(*addresses)
    arrived = world.probe(sent)
    return {
        (str(ip_address(address) if version == 4 else ip_address(address.to_bytes(16, "big"))), word, port)
        for (protocol, version, address, port), passed in zip(sent, arrived, strict=True)
        for word in [{TCP: "tcp", UDP: "udp"}[protocol]]
        if passed
    }


@pytest.fixture(params=["host", "gateway"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with (host_world if request.param == "host" else gateway_world)() as made:
        yield made


@pytest.fixture
def ends() -> Iterator[Ends]:
    with reaching() as made:
        yield made


@pytest.mark.parametrize("kind", ["asked", "leased"])
def test_a_learned_address_is_open_for_the_services_of_its_names_alone(world: World, kind: str) -> None:
    host = Host(world.host)
    with_rules(host, named(scope=world.scope, sources=[] if world.scope == "host" else world.sources))
    everything = [*LEARNED.values(), *OTHER.values(), "52.84.1.3", "52.84.1.4"]
    assert passing(world, *everything) == set()
    for version in (4, 6):
        put(host, f"{kind}{version}_example.com", LEARNED[version])
        put(host, f"{kind}{version}_b.example.net", OTHER[version])
    put(host, f"{kind}4_a.example.com", "52.84.1.3")
    both = {"a.example.com": "52.84.1.4", "b.example.net": "52.84.1.4"}
    for domain, address in both.items():
        put(host, f"{kind}4_{domain}", address)
    assert passing(world, *everything) == {
        *((address, *service) for address in LEARNED.values() for service in OPEN["example.com"]),
        *((address, *service) for address in OTHER.values() for service in OPEN["b.example.net"]),
        *(("52.84.1.3", *service) for service in OPEN["a.example.com"]),
        *((address, *service) for domain, address in both.items() for service in OPEN[domain]),
    }
    counted = {name: packets for name, packets in host.counters().items() if "/" in name and packets}
    assert counted == {"acme/media": 2, "acme/web": 6, "acme/more": 2, "beta/web": 3}


def test_special_addresses_stay_shut_whoever_puts_them_in(world: World) -> None:
    host = Host(world.host)
    with_rules(host, named(scope=world.scope))
    special = ["10.1.2.3", "100.64.0.1", "172.16.9.9", "192.168.7.7", "203.0.113.7", "240.0.0.1",
               "fd00::1", "2001:db8:1::1", "64:ff9b::a00:1", "2002:a00:1::1"]  # fmt: skip
    for kind in ("asked", "leased"):
        put(host, f"{kind}4_example.com", LEARNED[4], *(text for text in special if ":" not in text))
        put(host, f"{kind}6_example.com", LEARNED[6], *(text for text in special if ":" in text))
    assert {address for address, _protocol, _port in passing(world, *LEARNED.values(), *special)} == {
        *LEARNED.values(),
        "203.0.113.7",  # allowed by its address, not by name
    }


def test_addresses_and_names_count_apart(world: World) -> None:
    """The maps of addresses have a field more where dnsmasq learns; they open what they opened."""
    host = Host(world.host)
    with_rules(host, named(scope=world.scope))
    addresses = ["203.0.113.0", "203.0.113.255", "203.0.114.0", "2001:db8::", "2001:db8:0:1::"]
    opened = {(address, "tcp", 443) for address in ("203.0.113.0", "203.0.113.255", "2001:db8::")}
    assert passing(world, *addresses) == opened
    with_rules(host, named(scope=world.scope, names="resolve"))
    assert passing(world, *addresses) == opened


def answer(ends: Ends, here: socket.socket, address: str, port: int) -> None:
    """Let a datagram go there and one come back: conntrack knows the flow then."""

    def bound() -> socket.socket:
        made = socket.socket(type=socket.SOCK_DGRAM)
        made.bind((address, port))
        return made

    with ends.peer.call(bound) as there:
        here.settimeout(PATIENCE)
        here.sendto(b"x", (address, port))
        _data, client = there.recvfrom(9)
        there.sendto(b"y", client)
        assert here.recv(9) == b"y"


def test_a_packet_renews_the_lease_of_its_service_alone(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named(row("*.example.com", "5000", "UDP"), names_lease=1000))
    host.load(f"add element {TABLE} leased4_example.com {{ {LEARNED[4]} expires 500s, {OTHER[4]} expires 500s }}")
    here = host.space.call(lambda: socket.socket(type=socket.SOCK_DGRAM))
    here.sendto(b"x", (LEARNED[4], 5000))
    with pytest.raises(PermissionError):
        here.sendto(b"x", (OTHER[4], 5001))
    now = left(host, "leased4_example.com")
    assert now[LEARNED[4]] > 900
    assert now[OTHER[4]] <= 500
    assert list(left(host, "known4")) == [LEARNED[4]]
    # What dnsmasq put in is leased by its first packet, and by those of a known flow too.
    put(host, "asked4_example.com", OTHER[4])
    here.sendto(b"x", (OTHER[4], 5000))
    assert left(host, "leased4_example.com")[OTHER[4]] > 900
    answer(ends, here, OTHER[4], 5000)
    counted = host.counters()["acme/calls"]
    host.load(f"delete element {TABLE} leased4_example.com {{ {OTHER[4]} }}")
    host.load(f"add element {TABLE} leased4_example.com {{ {OTHER[4]} expires 500s }}")
    here.sendto(b"x", (OTHER[4], 5000))
    assert left(host, "leased4_example.com")[OTHER[4]] > 900
    assert host.counters()["acme/calls"] == counted, "a packet of a known flow was counted as a first one"
    here.close()


def test_no_set_grows_beyond_its_bound_and_what_it_cannot_hold_passes_all_the_same(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named(row("*.example.com", "5000", "UDP"), names_max_addresses=2))
    put(host, "leased4_example.com", "52.84.3.1", "52.84.3.2")
    put(host, "asked4_example.com", "52.84.3.3", "52.84.3.4")
    done = host.space.run(["nft", "add", "element", *TABLE.split(), "leased4_example.com", "{ 52.84.3.5 }"])
    assert done.returncode
    here = host.space.call(lambda: socket.socket(type=socket.SOCK_DGRAM))
    for last in (3, 4):
        here.sendto(b"x", (f"52.84.3.{last}", 5000))
    assert set(left(host, "leased4_example.com")) == {"52.84.3.1", "52.84.3.2"}
    here.close()


def test_the_vendors_time_holds_for_names_too(ends: Ends) -> None:
    timer = {"vendor": "acme", "services": ["calls"], "protocol": "udp", "seconds": 300, "printed": "5 min"}
    form = native(row("*.example.com", "5000-5001", "UDP"), row("*.example.com", "5002", "UDP", "other"),
                  timers=[timer], names="dnsmasq", policy="deny")  # fmt: skip
    with_rules(ends.host, form)
    put(ends.host, "asked4_example.com", LEARNED[4])
    here = ends.host.space.call(lambda: socket.socket(type=socket.SOCK_DGRAM))
    for port in (5000, 5002):
        here.sendto(b"x", (LEARNED[4], port))
    found = ends.host.timeouts("udp")
    assert 300 - PATIENCE < found[LEARNED[4], 5000] <= 300
    assert found[LEARNED[4], 5002] <= 30  # the kernel's own
    here.close()
