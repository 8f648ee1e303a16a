# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real first packets through namespaces that have no way out.

    with host_world() as world:                    # or gateway_world(), or with the directory of another system
        world.run(["nft", "-f", "rules.nft"])      # inside the host's (or the gateway's) namespaces
        arrived = world.probe([(TCP, 4, 0x0803FFFF, 443), ...])

host:     host ──veth── wire               the packets pass the host's output hook
gateway:  client ──veth── gateway ──veth── wire   the packets pass the gateway's forward hook

The wire only listens: whatever comes out of the veth is captured there, nothing answers, nothing goes on.
Host and gateway are sandboxes (see C{sandbox}), so a play that writes to /etc or /var/lib may run in them.
A probe arrived or was stopped; what did not arrive is sent once more and waited for, so that neither "lost" nor "late"
is taken for "stopped".
"""

from __future__ import annotations

import select
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.inet import TCP as TcpLayer
from scapy.layers.inet import UDP as UdpLayer
from scapy.layers.inet6 import IPv6

from tests.support.namespaces import (
    BITS,
    MACS,
    Namespace,
    WorldError,
    add_addresses,
    add_default_routes,
    link,
    namespaces,
)
from tests.support.waiting import GLANCE

TCP, UDP = 6, 17
NAMES = {TCP: "tcp", UDP: "udp"}
Probe = tuple[int, int, int, int]  # protocol (TCP or UDP), IP version (4 or 6), address as integer, destination port

BATCH = 400  # packets between two drains of the capture; far below every queue on the way
SO_RCVBUFFORCE, ETH_P_ALL, PACKET_OUTGOING = 33, 3, 4
# The namespaces' own addresses: benchmarking ranges, which no vendor can own.
SOURCE = {4: "198.18.1.2", 6: "2001:2::1:2"}
SOURCES = ["198.18.1.0/24", "2001:2::1:0/112"]  # where the gateway's clients are
GATEWAY = {4: "198.18.1.1", 6: "2001:2::1:1"}
UPLINK = {4: "198.18.2.2", 6: "2001:2::2:2"}
_ADDRESSES = {4: (socket.AF_INET, slice(12, 20)), 6: (socket.AF_INET6, slice(8, 40))}  # where a packet bears the two
NEXT_HOP = {4: "198.18.2.1", 6: "2001:2::2:1"}


def _sum(data: bytes) -> int:
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


class Template:
    """First packets of one protocol and family: scapy builds one, the rest are patched copies.

    The number of a probe is in the packet (tcp: the sequence number, udp: four bytes of payload) and in the source
    port, so that each is a flow of its own and can be told when it arrives.
    """

    def __init__(self, protocol: int, version: int, inbound: bool) -> None:
        family, self._addresses = _ADDRESSES[version]
        own, far = SOURCE[version], "0.0.0.0" if version == 4 else "::"
        source, destination = (far, own) if inbound else (own, far)
        tcp, udp = TcpLayer(sport=0, dport=0, seq=0, flags="S"), UdpLayer(sport=0, dport=0) / bytes(4)
        # Far address, ports and number are zero: what scapy sums up is the constant part of each checksum.
        header = (IP if version == 4 else IPv6)(src=source, dst=destination)
        packet = header / (tcp if protocol == TCP else udp)
        raw = bytes(packet)
        self._own = socket.inet_pton(family, own)
        self._before = raw[: self._addresses.start]
        self._upper = raw[self._addresses.stop :]
        (printed,) = struct.unpack_from("!H", self._upper, 16 if protocol == TCP else 6)
        self._sum = ~printed & 0xFFFF
        self._tcp, self._inbound = protocol == TCP, inbound

    def build(self, number: int, address: int, port: int) -> bytes:
        """Return the packet of probe C{number} with this far address (an integer) and destination port."""
        source_port = 1024 + number % 64000
        far = address.to_bytes(len(self._own), "big")
        total = self._sum + source_port + port + (number >> 16) + (number & 0xFFFF) + _sum(far)
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        checksum = ~total & 0xFFFF
        upper = self._upper
        if self._tcp:
            ports = struct.pack("!HHI", source_port, port, number)
            end = b"%b%b%b" % (upper[8:16], checksum.to_bytes(2, "big"), upper[18:])
        else:
            ports = struct.pack("!HH", source_port, port)
            end = upper[4:6] + struct.pack("!HI", checksum or 0xFFFF, number)
        ends = far + self._own if self._inbound else self._own + far
        return b"%b%b%b%b" % (self._before, ends, ports, end)


@dataclass
class World:
    """A host or a gateway, a place from which probes are sent, and the wire behind."""

    scope: str  # host or gateway
    host: Namespace  # where the rules are
    sender: Namespace  # the host itself, or the client behind the gateway
    wire: Namespace
    sources: list[str] = field(default_factory=lambda: list(SOURCES))

    def __post_init__(self) -> None:
        ways = [(False, self.sender, self.wire)]
        if self.scope == "gateway":
            ways.append((True, self.wire, self.sender))
        self._ways = {inbound: _Way(inbound, start, end) for inbound, start, end in ways}
        control = [
            (protocol, version, address + n, 4000 + n)
            for protocol in (TCP, UDP)
            for version, address in ((4, 0xC0000200), (6, 0x20010DB8 << 96))
            for n in range(16)
        ]
        for inbound in self._ways:
            if not all(self.probe(control, inbound=inbound)):
                raise WorldError(f"scope {self.scope}: without any rule packets do not arrive")

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on the host or the gateway; see C{Namespace.run}."""
        return self.host.run(command, **options)

    def target(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the system of the host or the gateway; see C{Namespace.target}."""
        return self.host.target(command, **options)

    def probe(self, probes: Sequence[Probe], *, inbound: bool = False) -> list[bool]:
        """Send the first packet of a new flow for each probe; say of each whether it arrived unchanged.

        Inbound, through a gateway only: from the probe's address, on the wire, to its port on the client.
        """
        return self._ways[inbound].probe(probes)

    def close(self) -> None:
        """Close the sockets; the namespaces are their maker's."""
        for way in self._ways.values():
            way.close()


class _Way:
    """From one namespace to another: packets leave by raw sockets here and are captured there."""

    def __init__(self, inbound: bool, start: Namespace, end: Namespace) -> None:
        self._count = 0
        self._capture = end.call(capture)
        self._out = {version: start.call(partial(raw_socket, version)) for version in (4, 6)}
        self._to = {version: (SOURCE[version], 0) for version in (4, 6)} if inbound else {}
        self._templates = {(p, version): Template(p, version, inbound) for p in (TCP, UDP) for version in (4, 6)}

    def probe(self, probes: Sequence[Probe]) -> list[bool]:
        sent: dict[int, tuple[int, bytes]] = {}  # a packet's number -> whose it is, and what it was
        pending = set(range(len(probes)))
        refused: set[int] = set()
        # The second round is for packets that a queue lost: a probe that the rules stop is stopped twice.
        for _round in range(2):
            batches = sorted(pending - refused)
            for start in range(0, len(batches), BATCH):
                self._send(probes, batches[start : start + BATCH], sent, refused)
                pending -= self._arrived(sent, 0.002)
        if pending - refused:
            pending -= self._arrived(sent, GLANCE)
        return [n not in pending for n in range(len(probes))]

    def _send(
        self, probes: Sequence[Probe], batch: list[int], sent: dict[int, tuple[int, bytes]], refused: set[int]
    ) -> None:
        for n in batch:
            protocol, version, address, port = probes[n]
            packet = self._templates[protocol, version].build(self._count, address, port)
            sent[self._count] = n, packet
            self._count += 1
            family, addresses = _ADDRESSES[version]
            half = (addresses.stop - addresses.start) // 2
            to = self._to.get(version) or (socket.inet_ntop(family, packet[addresses.stop - half : addresses.stop]), 0)
            try:
                self._out[version].sendto(packet, to)
            except PermissionError:  # the output hook stopped it
                refused.add(n)

    def _arrived(self, sent: dict[int, tuple[int, bytes]], seconds: float) -> set[int]:
        """Return whose packets are captured until none comes for these seconds."""
        found = set()
        for packet in self._drain(seconds):
            if packet[0] >> 4 == 4:
                numbered = packet[24:28] if packet[9] == TCP else packet[28:32]
            else:
                numbered = packet[44:48] if packet[6] == TCP else packet[48:52]
            same = slice(_ADDRESSES[packet[0] >> 4][1].start, None)  # what is before, the kernel and gateways rewrite
            n, built = sent.get(int.from_bytes(numbered, "big"), (0, b""))
            if packet[same] == built[same]:
                found.add(n)
        return found

    def _drain(self, seconds: float) -> Iterator[bytes]:
        while True:
            try:
                packet, origin = self._capture.recvfrom(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                if select.select([self._capture], [], [], seconds)[0]:
                    continue
                return
            if origin[2] != PACKET_OUTGOING and len(packet) >= 28:
                yield packet

    def close(self) -> None:
        for opened in (self._capture, *self._out.values()):
            opened.close()


def capture() -> socket.socket:
    """Return a socket that sees all packets of its namespace."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    return opened


def raw_socket(version: int) -> socket.socket:
    """Return a socket that sends whole packets of an IP version."""
    opened = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if version == 4:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return opened


@contextmanager
def host_world(system: str | Path = "") -> Iterator[World]:
    """Yield a host whose only route leads to a wire on which nobody answers; C{system} is the host's."""
    with ExitStack() as ends:
        host, wire = namespaces(ends, 2, system)
        link(host, "up0", wire, "wire0")
        add_addresses(host, "up0", SOURCE, BITS)
        add_default_routes(host, "up0", GATEWAY, MACS[1])
        world = World("host", host, host, wire)
        ends.callback(world.close)
        yield world


@contextmanager
def gateway_world(system: str | Path = "") -> Iterator[World]:
    """Yield a gateway between a client, which sends, and a wire on which nobody answers; C{system} is the gateway's."""
    with ExitStack() as ends:
        gateway, client, wire = namespaces(ends, 3, system)
        link(client, "up0", gateway, "inside0")
        link(gateway, "outside0", wire, "wire0")
        add_addresses(client, "up0", SOURCE, BITS)
        add_addresses(gateway, "inside0", GATEWAY, BITS)
        add_addresses(gateway, "outside0", UPLINK, BITS)
        gateway.script("echo 1 > /proc/sys/net/ipv4/ip_forward\necho 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        add_default_routes(client, "up0", GATEWAY, MACS[1])
        add_default_routes(gateway, "outside0", NEXT_HOP, MACS[1])
        # What comes back, and the gateway's own answers (a reject, for one), must find the client.
        add_addresses(wire, "wire0", NEXT_HOP, BITS)
        add_default_routes(wire, "wire0", UPLINK, MACS[0])
        for version, address in SOURCE.items():
            gateway.script(f"ip -{version} neighbour replace {address} lladdr {MACS[0]} dev inside0 nud permanent")
        world = World("gateway", gateway, client, wire)
        ends.callback(world.close)
        yield world
