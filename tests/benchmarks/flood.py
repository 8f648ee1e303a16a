# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams from a host in a namespace, sent as fast as its kernel takes them.

The datagrams are built beforehand and handed to the kernel many at a time (sendmmsg), so that the time is the
kernel's: route, output hook, connection tracking, veth. All of it happens within the sender's system call; the
wire's end of the veth counts the datagrams and throws them away. The time is the CPU time of the sending thread, so
that somebody else's work on the machine does not count as ours.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from tests.support.namespaces import BITS, Namespace, add_addresses, add_default_routes, link
from tests.support.packets import SOURCE

CHUNK = 32  # datagrams in one system call
_HOP = {4: "198.18.1.1"}
_NOBODY = "02:00:00:00:00:09"  # not the wire's own, so that it throws away at once what it has counted
_SOURCE = IPv4Address(SOURCE[4]).packed


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vectors_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Flow(NamedTuple):
    """Where a datagram goes, and the port it comes from."""

    address: int
    port: int
    source_port: int


class Datagrams:
    """Datagrams in the form that the kernel takes; may be sent again and again."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        packets, names = [], []
        for address, port, source_port in flows:
            far = address.to_bytes(4, "big")
            # The kernel fills in the header's checksum and number; a datagram without a checksum has 0 there.
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, 17, 0, _SOURCE, far)
            packets.append(header + struct.pack("!HHHHI", source_port, port, 12, 0, 0))
            names.append(struct.pack("=HH4s8x", socket.AF_INET, 0, far))
        self.count = len(packets)
        self._packets, self._names = (ctypes.create_string_buffer(b"".join(parts)) for parts in (packets, names))
        packet, name = len(packets[0]), len(names[0])
        self._vectors = (_Vector * self.count)()
        self._messages = (_Message * self.count)()
        for n in range(self.count):
            self._vectors[n] = _Vector(ctypes.addressof(self._packets) + n * packet, packet)
            vector = ctypes.addressof(self._vectors) + n * ctypes.sizeof(_Vector)
            head = _Header(ctypes.addressof(self._names) + n * name, name, vector, 1)
            self._messages[n] = _Message(head)

    def at(self, number: int) -> int:
        """Return the address of a datagram's head in memory."""
        return ctypes.addressof(self._messages) + number * ctypes.sizeof(_Message)


class Host:
    """A host whose only way leads to a wire; C{name} is the wire's end of that way."""

    def __init__(self, space: Namespace, wire: Namespace, name: str) -> None:
        self.space, self._name = space, name
        self._counts = Path(f"/proc/{wire.pid}/net/dev")
        link(space, "up0", wire, name)
        add_addresses(space, "up0", {4: SOURCE[4]}, BITS)
        add_default_routes(space, "up0", _HOP, _NOBODY)
        self._out = space.call(_raw)

    def arrived(self) -> int:
        """Return how many packets the wire has counted so far."""
        for line in self._counts.read_text("ascii").splitlines():
            device, dummy, counts = line.partition(":")
            if device.strip() == self._name:
                return int(counts.split()[1])
        raise LookupError(self._name)

    def send(self, datagrams: Datagrams, seconds: float) -> tuple[int, float]:
        """Send each once, in order, or what is sent in these seconds; returns their number and the seconds of CPU."""
        call, number, descriptor = _LIBC.sendmmsg, 0, self._out.fileno()
        start = time.thread_time()
        taken = 0.0
        while number < datagrams.count and taken < seconds:
            some = min(CHUNK, datagrams.count - number)
            if call(descriptor, datagrams.at(number), some, 0) != some:
                raise OSError(ctypes.get_errno(), f"datagram {number} was not sent")
            number += some
            taken = time.thread_time() - start
        return number, taken

    def send_singly(self, datagrams: Datagrams, seconds: float) -> tuple[int, float]:
        """As C{send}, but each in a call of its own: the kernel ends a call at a packet that a rule stops."""
        call, number, descriptor = _LIBC.sendmmsg, 0, self._out.fileno()
        start = time.thread_time()
        taken = 0.0
        while number < datagrams.count and taken < seconds:
            for n in range(number, min(number + CHUNK, datagrams.count)):
                call(descriptor, datagrams.at(n), 1, 0)
            number = min(number + CHUNK, datagrams.count)
            taken = time.thread_time() - start
        return number, taken

    def close(self) -> None:
        """Close the socket; the namespaces are their maker's."""
        self._out.close()


def _raw() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
