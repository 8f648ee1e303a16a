# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host and a neighbour that answers for the rest of the world, and what a client sees between the two."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.support.hosts.nftables import HOST, PEER, Host
from tests.support.namespaces import BITS, MACS, Namespace, add_addresses, add_default_routes, link
from tests.support.waiting import PATIENCE

# What the neighbour answers for, besides its own addresses.
WORLD = {4: "203.0.113.0/24", 6: "2001:db8::/32"}


@dataclass
class Ends:
    """A host and its neighbour."""

    host: Host
    peer: Namespace

    def listen(self, address: str, port: int) -> socket.socket:
        """Return a TCP service of the neighbour's."""
        return listen(self.peer, address, port)

    def connects(self, address: str, port: int, seconds: float = PATIENCE) -> str:
        """Say how a TCP connection from the host goes: open, refused, unreachable or silent (for C{seconds})."""
        return connects(self.host.space, address, port, seconds)

    def datagram(self, address: str, port: int, seconds: float = PATIENCE) -> bool:
        """Say whether a datagram from the host reaches the neighbour; C{seconds} as for the function."""
        return datagram(self.host.space, self.peer, address, port, seconds)

    def packet(self, address: str, protocol: int, head: bytes = b"", seconds: float = PATIENCE) -> bool:
        """Say whether a packet of any IP protocol from the host reaches the neighbour; as for the function."""
        return packet(self.host.space, self.peer, address, protocol, head, seconds)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(space: Namespace, address: str, port: int) -> socket.socket:
    """Return a TCP service in a namespace."""
    return space.call(partial(socket.create_server, (address, port), family=_family(address)))


def connect(space: Namespace, address: str, port: int, seconds: float = PATIENCE) -> socket.socket:
    """Return a connection out of a namespace; raises OSError."""
    return space.call(partial(socket.create_connection, (address, port), timeout=seconds))


def connects(space: Namespace, address: str, port: int, seconds: float = PATIENCE) -> str:
    """Say how a TCP connection goes: open, refused, unreachable or silent; C{GLANCE} at one that should be."""
    try:
        connect(space, address, port, seconds).close()
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"
    return "open"


def datagram(sender: Namespace, receiver: Namespace, address: str, port: int, seconds: float = PATIENCE) -> bool:
    """Say whether a datagram from one namespace reaches a socket in another; C{GLANCE} at one that should not."""

    def make(bound: str = "") -> socket.socket:
        made = socket.socket(_family(address), socket.SOCK_DGRAM)
        if bound:
            made.bind((bound, port))
        return made

    with receiver.call(partial(make, address)) as there, sender.call(make) as here:
        try:
            here.sendto(b"x", (address, port))
        except OSError:
            return False
        return bool(select.select([there], [], [], seconds)[0]) and there.recv(2048) == b"x"


def packet(
    sender: Namespace, receiver: Namespace, address: str, protocol: int, head: bytes = b"", seconds: float = PATIENCE
) -> bool:
    """Say whether a packet of any IP protocol but TCP and UDP gets from one namespace into another.

    head: what it begins with, its ports or its type; C{GLANCE} at one that should not.
    """
    wanted = head + b"\0\0\0\0a packet of no meaning"

    def make(bound: str = "") -> socket.socket:
        made = socket.socket(_family(address), socket.SOCK_RAW, protocol)
        if bound:
            made.bind((bound, 0))
        return made

    with receiver.call(partial(make, address)) as there, sender.call(make) as here:
        try:
            here.sendto(wanted, (address, 0))
        except OSError:
            return False
        while select.select([there], [], [], seconds)[0]:
            if there.recv(2048).endswith(wanted[8:]):  # without what the kernel fills in, a checksum
                return True
    return False


def ports(port: int) -> bytes:
    """Return the first bytes of a protocol with ports, to this port."""
    return struct.pack("!HH", 40000, port)


def kind(number: int) -> bytes:
    """Return the first bytes of ICMP or ICMPv6 of this type."""
    return struct.pack("!BBHHH", number, 0, 0, 7, 1)


def _answer_for_the_world(peer: Namespace) -> None:
    """Make a namespace answer for all of C{WORLD}; it knows the host from the start."""
    for version, address in HOST.items():  # known from the start: neighbour discovery takes seconds to get ready
        peer.script(f"ip -{version} neighbour replace {address} lladdr {MACS[0]} dev down0 nud permanent")
    peer.script(
        "echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind\n"
        + "".join(f"ip -{version} route add local {prefix} dev lo\n" for version, prefix in WORLD.items())
    )


@contextmanager
def linked() -> Iterator[Ends]:
    """Yield a host with one way out, to a neighbour that answers for all of C{WORLD}."""
    host = Namespace()
    try:
        with neighbour(host) as peer:
            yield Ends(Host(host), peer)
    finally:
        host.close()


@contextmanager
def neighbour(host: Namespace) -> Iterator[Namespace]:
    """Yield a neighbour that answers for all of C{WORLD}, and is a host's one way out."""
    peer = Namespace()
    try:
        link(host, "up0", peer, "down0")
        add_addresses(host, "up0", HOST, BITS)
        add_addresses(peer, "down0", PEER, BITS)
        add_default_routes(host, "up0", PEER, MACS[1])
        _answer_for_the_world(peer)
        yield peer
    finally:
        peer.close()
