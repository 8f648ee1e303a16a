# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host under deny gets and renews its address by DHCP, and may ask nobody else on the ports of DHCP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support import dhcp
from tests.support.crossing import crossing, datagram
from tests.support.ends import HOST, PEER
from tests.support.hosts import firewalld, nftables, ufw
from tests.support.namespaces import BITS, MACS, Namespace, add_addresses, add_default_routes, link
from tests.support.rules import row
from tests.support.systems import enable_ufw, system

pytestmark = pytest.mark.usefixtures("namespaces")

DEVICE, LEASE = "up0", "/run/systemd/netif/leases/2"
NO_LEASE = "this host holds no DHCP lease that could be found"


@contextmanager
def made(backend: str) -> Iterator[tuple[Any, Any, Namespace]]:
    """Yield a host with its module, and its neighbour, who serves DHCP."""
    with ExitStack() as stack:
        inside = Namespace(system("bookworm") if backend != "nftables" else "")
        stack.callback(inside.close)
        peer = Namespace(system("bookworm"))
        stack.callback(peer.close)
        link(inside, DEVICE, peer, "down0")
        add_addresses(inside, DEVICE, HOST, BITS)
        add_addresses(peer, "down0", PEER, BITS)
        add_default_routes(inside, DEVICE, PEER, MACS[1])
        module: Any = {"nftables": nftables, "ufw": ufw, "firewalld": firewalld}[backend]
        host = module.Host(inside)
        if backend == "ufw":
            enable_ufw(inside)
        elif backend == "firewalld":
            host.start()
        stack.enter_context(dhcp.server(peer, "down0", "198.18.1.100", "198.18.1.150"))
        yield host, module, peer


@pytest.fixture(params=["nftables", "ufw", "firewalld"])
def host(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any, Namespace]]:
    with made(request.param) as found:
        yield found


def test_a_host_keeps_its_lease(host: tuple[Any, Any, Namespace]) -> None:
    here, module, _peer = host
    held = dhcp.lease(here.space, DEVICE)
    assert held, "without any rule there is no lease"
    assert held.server == PEER[4]
    here.space.script(f"ip address add {held.address}/24 dev {DEVICE}")
    assert dhcp.renews(here.space, DEVICE, held)
    here.shell("conntrack -F 2>/dev/null")
    applied = here.apply(module.native(row("203.0.113.9"), policy="deny"))
    assert [note for note in applied["notes"] if note.startswith(NO_LEASE)]
    assert dhcp.lease(here.space, DEVICE) == held
    assert not dhcp.renews(here.space, DEVICE, held), "no lease is known whose server may be asked directly"
    here.shell(f"mkdir -p {LEASE.rpartition('/')[0]}; printf 'ADDRESS=x\\nSERVER_ADDRESS={held.server}\\n' > {LEASE}")
    applied = here.apply(module.native(row("203.0.113.9"), policy="deny"))
    assert applied["changed"]
    assert not [note for note in applied["notes"] if note.startswith(NO_LEASE)]
    assert dhcp.lease(here.space, DEVICE) == held
    assert dhcp.renews(here.space, DEVICE, held)
    assert not here.apply(module.native(row("203.0.113.9"), policy="deny"))["changed"]


def test_the_ports_of_dhcp_lead_nowhere_else(host: tuple[Any, Any, Namespace]) -> None:
    here, module, peer = host
    here.shell(f"mkdir -p {LEASE.rpartition('/')[0]}; printf 'SERVER_ADDRESS={PEER[4]}\\n' > {LEASE}")
    near, far = ("198.18.1.1", "fe80::1"), ("198.51.100.7", "2001:db8:1::7")
    packets = {
        f"{sport} to {dport} of {to}": datagram(6 if ":" in to else 4, HOST[6 if ":" in to else 4], to, sport, dport)
        for to in (*near, *far, "ff02::1:2", "ff05::1:3")
        for sport, dport in ([(546, 547), (547, 546), (546, 546), (546, 548), (545, 547)] if ":" in to
                             else [(68, 67), (67, 68), (67, 67), (68, 68), (68, 69), (1068, 67)])
    }  # fmt: skip
    here.space.script(f"ip -6 neighbour replace fe80::1 lladdr {MACS[1]} dev {DEVICE} nud permanent")
    routes = "ip -6 route add fe80::1 dev up0; ip -6 route add table local multicast ff05::/16 dev up0 || :"
    here.space.script(routes)
    assert crossing(here.space, peer, packets) == {*packets}
    here.shell("conntrack -F 2>/dev/null")
    here.apply(module.native(row("203.0.113.9"), policy="deny"))
    assert crossing(here.space, peer, packets) == {
        "68 to 67 of 198.18.1.1", "546 to 547 of fe80::1", "546 to 547 of ff02::1:2",
    }  # fmt: skip
