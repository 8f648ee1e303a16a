# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose packets a gateway filters: its clients', its own, or both; those of some sources only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.nftables import Host, native
from tests.support.packets import TCP, UDP, World, gateway_world
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")

LISTED4, LISTED6, OTHER4, OTHER6 = 0xCB007109, (0x20010DB8 << 96) + 9, 0xC6336401, (0x20010DB8 << 96) + (1 << 64)
ALLOWED = [(TCP, 4, LISTED4, 443), (TCP, 6, LISTED6, 443)]
STOPPED = [(TCP, 4, OTHER4, 443), (UDP, 4, LISTED4, 443), (TCP, 6, OTHER6, 443), (UDP, 6, LISTED6, 444)]
ROWS = [row("203.0.113.0/28"), row("2001:db8::/64")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with gateway_world() as made:
        yield made


def test_forwarded_packets_are_filtered(world: World) -> None:
    Host(world.host).apply(native(*ROWS, policy="deny", scope="gateway"))
    assert world.probe(ALLOWED + STOPPED) == [True] * 2 + [False] * 4


@pytest.mark.parametrize(
    ("sources", "v4", "v6"),
    [
        (["198.18.1.0/24", "2001:2::1:0/112"], False, False),
        (["198.18.1.0/24"], False, True),
        (["2001:2::1:0/112"], True, False),
        (["198.18.1.2", "2001:2::1:2"], False, False),
        (["198.18.1.3", "2001:2::1:3", "198.18.2.0/24"], True, True),
    ],
)
@pytest.mark.parametrize("scope", ["gateway", "both"])
def test_only_the_sources_are_filtered(world: World, scope: str, sources: list[str], v4: bool, v6: bool) -> None:
    Host(world.host).apply(native(*ROWS, policy="deny", scope=scope, sources=sources))
    assert world.probe(ALLOWED) == [True, True]
    assert world.probe(STOPPED) == [v4, v4, v6, v6]


def test_the_gateway_itself(world: World) -> None:
    """Its own packets are free with the scope gateway; with the scope host its clients' are."""
    host = Host(world.host)
    for scope, own, clients in (("gateway", True, False), ("both", False, False), ("host", False, True)):
        host.apply(native(*ROWS, policy="deny", scope=scope))
        assert sends(host) is own
        assert world.probe(STOPPED) == [clients] * 4
        assert world.probe(ALLOWED) == [True, True]


def test_a_gateway_that_only_counts(world: World) -> None:
    host = Host(world.host)
    host.apply(native(*ROWS, policy="audit", scope="gateway"))
    before = host.counters()
    assert all(world.probe(ALLOWED + STOPPED))
    counted = {name: count - before[name] for name, count in host.counters().items()}
    assert counted == {"acme/calls": 2, "would_stop": 4}


def sends(host: Host) -> bool:
    """Say whether the gateway may send a datagram to where no list leads."""
    script = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.1', 443))"
    return host.space.run(["python3", "-c", script]).returncode == 0
