# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of any kind through a gateway: which of them come out on its other side.

Each packet bears a mark of its own at its end, by which it is known where it arrives.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
from collections.abc import Mapping

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6Unknown, IPv6
from scapy.packet import Packet, Raw

from tests.support.namespaces import Namespace
from tests.support.packets import PACKET_OUTGOING, SOURCE, capture, raw_socket
from tests.support.waiting import GLANCE

CLIENT = SOURCE  # behind the gateway
_NUMBERS = itertools.count(1)


def outside() -> dict[int, str]:
    """Return an address of each IP version where no list leads: new ones each time, so that no connection is known."""
    number = next(_NUMBERS)
    return {4: f"198.51.100.{number}", 6: f"2001:db8:1::{number:x}"}


def datagram(version: int, source: str, destination: str, sport: int, dport: int) -> Packet:
    """Return a UDP datagram."""
    header = IP if version == 4 else IPv6
    return header(src=source, dst=destination) / UDP(sport=sport, dport=dport)


def icmp(kind: int, code: int, source: str, destination: str, quoted: Packet | None = None) -> Packet:
    """Return an ICMP message of IPv4; an error quotes a packet, and what follows it in the payload is anybody's."""
    message = IP(src=source, dst=destination) / ICMP(type=kind, code=code)
    return message / Raw(bytes(quoted)) if quoted else message


def icmp6(kind: int, source: str, destination: str, quoted: Packet | None = None) -> Packet:
    """Return an ICMPv6 message with the hop limit of neighbour discovery."""
    body = bytes(4) + (bytes(quoted) if quoted else bytes(16))
    return IPv6(src=source, dst=destination, hlim=255) / ICMPv6Unknown(type=kind, msgbody=body)


def unlisted(source: dict[int, str], destination: dict[int, str]) -> dict[str, Packet]:
    """Return packets of which no list and no known connection says that they may pass, by what they are."""
    here, there = source[4], destination[4]
    found = {
        f"UDP {sport} to {dport}, IPv{version}": datagram(version, source[version], destination[version], sport, dport)
        for version, ports in ((4, (67, 68)), (6, (546, 547)))
        for sport in ports
        for dport in ports
    }
    unknown = datagram(4, there, here, 443, 40000)
    for kind, code in ((3, 1), (3, 3), (3, 4), (5, 0), (11, 0), (12, 0), (8, 0), (0, 0), (13, 0)):
        quoted = unknown if kind in (3, 5, 11, 12) else None
        found[f"ICMP {kind}, code {code}"] = icmp(kind, code, here, there, quoted)
    here, there = source[6], destination[6]
    unknown = datagram(6, there, here, 443, 40000)
    for kind in (1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143):
        found[f"ICMPv6 {kind}"] = icmp6(kind, here, there, unknown if kind < 128 else None)
    return found


def crossing(start: Namespace, end: Namespace, packets: Mapping[str, Packet]) -> set[str]:
    """Return the names of the packets that were sent from one namespace and arrived in another."""
    marks = {name: f"<{number:06}>".encode() for number, name in enumerate(packets)}
    found: set[str] = set()
    with end.call(capture) as arriving:
        for _round in range(2):  # the second is for packets that a queue lost
            for name, packet in packets.items():
                if name not in found:
                    _send(start, packet, marks[name])
            found |= _arrived(arriving, marks)
    return found


def _send(start: Namespace, packet: Packet, mark: bytes) -> None:
    version, body = (4, packet.copy()) if IP in packet else (6, packet.copy())
    if ICMPv6Unknown in body:
        body[ICMPv6Unknown].msgbody = bytes(body[ICMPv6Unknown].msgbody) + mark
    else:
        body = body / Raw(mark)
    with start.call(lambda: raw_socket(version)) as sending, contextlib.suppress(PermissionError):  # by the output hook
        sending.sendto(bytes(body), (body.dst, 0))


def _arrived(arriving: socket.socket, marks: Mapping[str, bytes]) -> set[str]:
    found = set()
    while select.select([arriving], [], [], GLANCE)[0]:
        packet, origin = arriving.recvfrom(2048)
        if origin[2] != PACKET_OUTGOING:
            found |= {name for name, mark in marks.items() if packet.endswith(mark)}
    return found
