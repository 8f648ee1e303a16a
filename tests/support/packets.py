# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real first packets through namespaces that have no way out.

    with host_world() as world:                    # or gateway_world()
        world.run(["nft", "-f", "rules.nft"])      # inside the host's (or the gateway's) namespaces
        arrived = world.probe([(TCP, 4, 0x0803FFFF, 443), ...])

host:     host ──veth── wire               the packets pass the host's output hook
gateway:  client ──veth── gateway ──veth── wire   the packets pass the gateway's forward hook

The wire only listens: whatever comes out of the veth is captured there, nothing answers, nothing goes on.
Host and gateway are sandboxes (see C{sandbox}), so a play that writes to /etc or /var/lib may run in them.
A probe arrived or was stopped; what did not arrive is sent once more, so that "lost" is never taken for "stopped".
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.inet import TCP as TcpLayer
from scapy.layers.inet import UDP as UdpLayer
from scapy.layers.inet6 import IPv6

TCP, UDP = 6, 17
NAMES = {TCP: "tcp", UDP: "udp"}
Probe = tuple[int, int, int, int]  # protocol (TCP or UDP), IP version (4 or 6), address as integer, destination port

SANDBOX = Path(__file__).with_name("sandbox")
BATCH = 400  # packets between two drains of the capture; far below every queue on the way
SO_RCVBUFFORCE, ETH_P_ALL, PACKET_OUTGOING = 33, 3, 4
# The namespaces' own addresses: benchmarking ranges, which no vendor can own.
SOURCE = {4: "198.18.1.2", 6: "2001:2::1:2"}
SOURCES = ["198.18.1.0/24", "2001:2::1:0/112"]  # where the gateway's clients are
_GATEWAY = {4: "198.18.1.1", 6: "2001:2::1:1"}
_UPLINK = {4: "198.18.2.2", 6: "2001:2::2:2"}
_DESTINATION = {4: (socket.AF_INET, slice(16, 20)), 6: (socket.AF_INET6, slice(24, 40))}  # where a packet bears it
_NEXT_HOP = {4: "198.18.2.1", 6: "2001:2::2:1"}
_SETTINGS = "\n".join(
    f"echo {value} > /proc/sys/net/{name}"
    for name, value in {
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/conf/default/rp_filter": 0,
        "ipv6/conf/all/disable_ipv6": 0,
        "ipv6/conf/default/accept_dad": 0,
        "ipv6/conf/default/accept_ra": 0,
        "ipv6/conf/default/router_solicitations": 0,
    }.items()
)


class WorldError(Exception):
    """The namespaces cannot be made, or do not carry packets as they must."""


class Namespace:
    """A sandbox held open by a process that ends with this one."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            [SANDBOX, "--", "sh", "-c", "echo up; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout
        assert self._holder.stderr
        if self._holder.stdout.readline() != "up\n":
            raise WorldError(self._holder.stderr.read().strip() or "the sandbox ended at once")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text("ascii")
        self.pid = int(children.split()[0])  # the first process inside

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside; options as for C{subprocess.run}, output captured as text unless they say else."""
        enter = ["nsenter", "--target", str(self.pid), "--net", "--mount", "--pid", f"--wd={os.getcwd()}", "--"]
        return subprocess.run(
            [*enter, *map(str, command)], **{"capture_output": True, "text": True, "check": False, **options}
        )

    def script(self, text: str) -> None:
        """Run a shell script inside; raises WorldError with its complaint when a line of it fails."""
        done = self.run(["sh", "-ec", text])
        if done.returncode:
            raise WorldError(f"a namespace cannot be set up: {done.stderr.strip()}")

    def call(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Return what C{make} returns when called in this network namespace: a socket stays where it was made."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{self.pid}/ns/net", "rb") as there:
            if libc.setns(there.fileno(), 0x40000000):
                raise WorldError(f"the network namespace cannot be entered: {os.strerror(ctypes.get_errno())}")
            try:
                return make()
            finally:
                if libc.setns(home.fileno(), 0x40000000):
                    os.abort()  # never go on in a namespace that is not ours

    def close(self) -> None:
        """End the namespace and all that runs in it."""
        self._holder.kill()
        self._holder.communicate()


def _checksum_part(data: bytes) -> int:
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


class Template:
    """First packets of one protocol and family: scapy builds one, the rest are patched copies.

    The number of a probe is in the packet (tcp: the sequence number, udp: four bytes of payload) and in the source
    port, so that each is a flow of its own and can be told when it arrives.
    """

    def __init__(self, protocol: int, version: int) -> None:
        source = SOURCE[version]
        tcp, udp = TcpLayer(sport=0, dport=0, seq=0, flags="S"), UdpLayer(sport=0, dport=0) / bytes(4)
        layer = tcp if protocol == TCP else udp
        # Destination zero, ports zero, number zero: what scapy sums up is the constant part of each checksum.
        packet = (IP(src=source, dst="0.0.0.0") if version == 4 else IPv6(src=source, dst="::")) / layer
        raw = bytes(packet)
        header, self._address_size = (20, 4) if version == 4 else (40, 16)
        at = header + (16 if protocol == TCP else 6)
        (printed,) = struct.unpack_from("!H", raw, at)
        self._sum = ~printed & 0xFFFF
        self._before = raw[: header - self._address_size]
        self._after = raw[header + 8 if protocol == TCP else header + 4 :]
        self._tcp = protocol == TCP

    def build(self, number: int, address: int, port: int) -> bytes:
        """Return the packet of probe C{number} to this address (an integer) and port."""
        source_port = 1024 + number % 64000
        destination = address.to_bytes(self._address_size, "big")
        total = self._sum + source_port + port + (number >> 16) + (number & 0xFFFF) + _checksum_part(destination)
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        checksum = ~total & 0xFFFF
        if self._tcp:
            after = self._after
            return b"%b%b%b%b%b%b" % (
                self._before,
                destination,
                struct.pack("!HHI", source_port, port, number),
                after[:8],
                struct.pack("!H", checksum),
                after[10:],
            )
        after = self._after
        return b"%b%b%b%b%b" % (
            self._before,
            destination,
            struct.pack("!HH", source_port, port),
            after[:2],
            struct.pack("!HI", checksum or 0xFFFF, number),
        )


@dataclass
class World:
    """A host or a gateway, a place from which probes are sent, and the wire behind."""

    scope: str  # host or gateway
    host: Namespace  # where the rules are
    sender: Namespace  # the host itself, or the client behind the gateway
    wire: Namespace
    sources: list[str] = field(default_factory=lambda: list(SOURCES))
    _count: int = 0

    def __post_init__(self) -> None:
        self._capture = self.wire.call(_capture)
        self._out = {version: self.sender.call(partial(_raw, version)) for version in (4, 6)}
        self._templates = {
            (protocol, version): Template(protocol, version) for protocol in (TCP, UDP) for version in (4, 6)
        }
        control = [
            (protocol, version, address + n, 4000 + n)
            for protocol in (TCP, UDP)
            for version, address in ((4, 0xC0000200), (6, 0x20010DB8 << 96))
            for n in range(16)
        ]
        if not all(self.probe(control)):
            raise WorldError(f"scope {self.scope}: without any rule packets do not reach the wire")

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on the host or the gateway; see C{Namespace.run}."""
        return self.host.run(command, **options)

    def probe(self, probes: Sequence[Probe]) -> list[bool]:
        """Send the first packet of a new flow for each probe; say of each whether it arrived on the wire unchanged."""
        arrived = [False] * len(probes)
        refused = [False] * len(probes)
        # The second round is for packets that a queue lost: a probe that the rules stop is stopped twice.
        for _round in range(2):
            pending = [n for n in range(len(probes)) if not arrived[n] and not refused[n]]
            for start in range(0, len(pending), BATCH):
                self._send(probes, pending[start : start + BATCH], arrived, refused)
        return arrived

    def _send(self, probes: Sequence[Probe], batch: list[int], arrived: list[bool], refused: list[bool]) -> None:
        first = self._count
        self._count += len(batch)
        sent = []
        for number, n in enumerate(batch, first):
            protocol, version, address, port = probes[n]
            packet = self._templates[protocol, version].build(number, address, port)
            sent.append(packet)
            family, destination = _DESTINATION[version]
            try:
                self._out[version].sendto(packet, (socket.inet_ntop(family, packet[destination]), 0))
            except PermissionError:  # the output hook stopped it
                refused[n] = True
        for packet in self._drain():
            if packet[0] >> 4 == 4:
                numbered = packet[24:28] if packet[9] == TCP else packet[28:32]
                same = slice(12, None)  # addresses and all above; the kernel writes the IPv4 header's id and checksum
            else:
                numbered = packet[44:48] if packet[6] == TCP else packet[48:52]
                same = slice(8, None)
            index = int.from_bytes(numbered, "big") - first
            if 0 <= index < len(batch) and packet[same] == sent[index][same]:
                arrived[batch[index]] = True

    def _drain(self) -> Iterator[bytes]:
        while True:
            try:
                packet, origin = self._capture.recvfrom(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                if select.select([self._capture], [], [], 0.002)[0]:
                    continue
                return
            if origin[2] != PACKET_OUTGOING and len(packet) >= 28:
                yield packet

    def close(self) -> None:
        """Close the sockets; the namespaces are their maker's."""
        for opened in (self._capture, *self._out.values()):
            opened.close()


def _capture() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    return opened


def _raw(version: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if version == 4:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return opened


def _link(near: Namespace, name: str, far: Namespace, far_name: str) -> None:
    """Join two namespaces with a veth pair; both ends up, with addresses of the link layer that others can name."""
    add = ["ip", "link", "add", name, "address", "02:00:00:00:00:01", "netns", str(near.pid), "type", "veth"]
    add += ["peer", "name", far_name, "address", "02:00:00:00:00:02", "netns", str(far.pid)]
    done = subprocess.run(add, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorldError(f"no veth pair can be made: {done.stderr.strip()}")
    near.script(f"{_SETTINGS}\nip link set {name} up")
    far.script(f"{_SETTINGS}\nip link set {far_name} up")


def _address(namespace: Namespace, device: str, addresses: dict[int, str], bits: dict[int, int]) -> None:
    for version, address in addresses.items():
        nodad = "nodad" if version == 6 else ""
        namespace.script(f"ip address add {address}/{bits[version]} dev {device} {nodad}")


def _default_route(namespace: Namespace, device: str, hops: dict[int, str], mac: str) -> None:
    for version, hop in hops.items():
        namespace.script(
            f"ip -{version} neighbour replace {hop} lladdr {mac} dev {device} nud permanent\n"
            f"ip -{version} route add default via {hop} dev {device}"
        )


_BITS = {4: 24, 6: 112}


@contextmanager
def host_world() -> Iterator[World]:
    """Yield a host whose only route leads to a wire on which nobody answers."""
    with ExitStack() as ends:
        host, wire = _namespaces(ends, 2)
        _link(host, "up0", wire, "wire0")
        _address(host, "up0", SOURCE, _BITS)
        _default_route(host, "up0", _GATEWAY, "02:00:00:00:00:02")
        world = World("host", host, host, wire)
        ends.callback(world.close)
        yield world


@contextmanager
def gateway_world() -> Iterator[World]:
    """Yield a gateway between a client, which sends, and a wire on which nobody answers."""
    with ExitStack() as ends:
        gateway, client, wire = _namespaces(ends, 3)
        _link(client, "up0", gateway, "inside0")
        _link(gateway, "outside0", wire, "wire0")
        _address(client, "up0", SOURCE, _BITS)
        _address(gateway, "inside0", _GATEWAY, _BITS)
        _address(gateway, "outside0", _UPLINK, _BITS)
        gateway.script("echo 1 > /proc/sys/net/ipv4/ip_forward\necho 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        _default_route(client, "up0", _GATEWAY, "02:00:00:00:00:02")
        _default_route(gateway, "outside0", _NEXT_HOP, "02:00:00:00:00:02")
        # The gateway's own answers (a reject, for one) must find the client.
        for version, address in SOURCE.items():
            gateway.script(
                f"ip -{version} neighbour replace {address} lladdr 02:00:00:00:00:01 dev inside0 nud permanent"
            )
        world = World("gateway", gateway, client, wire)
        ends.callback(world.close)
        yield world


def _namespaces(ends: ExitStack, count: int) -> list[Namespace]:
    made = []
    for _ in range(count):
        namespace = Namespace()
        ends.callback(namespace.close)
        made.append(namespace)
    return made
