# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls under way between two namespaces, and whether they still go on."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from tests.support.ends import connect
from tests.support.namespaces import Namespace
from tests.support.waiting import GLANCE


@dataclass
class Call:
    """A connection, or datagrams both ways, between two sockets."""

    here: socket.socket
    there: socket.socket
    text: bytes = b"x"

    def goes(self, *, first: str = "here") -> bool:
        """Say whether bytes go both ways; C{first}: who sends first."""
        ends = [self.here, self.there] if first == "here" else [self.there, self.here]
        if self.here.type == socket.SOCK_RAW:  # what the kernel said of an earlier packet
            self.here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        for sender, receiver in (ends, ends[::-1]):
            receiver.settimeout(GLANCE)
            try:
                sender.send(self.text)
                if not receiver.recv(2048).endswith(self.text):  # a raw socket gives the IPv4 header too
                    return False
            except OSError:
                return False
        return True


def call(ends: ExitStack, space: Namespace, far: Namespace, address: str, port: int) -> Call:
    """Return a connection from one namespace to another."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    service = ends.enter_context(far.call(partial(socket.create_server, (address, port), family=family)))
    here = ends.enter_context(connect(space, address, port))
    there, _client = service.accept()
    return Call(here, ends.enter_context(there))


def datagrams(ends: ExitStack, space: Namespace, far: Namespace, address: str, port: int) -> Call:
    """Return two connected sockets that have sent each other datagrams."""

    def bound(where: str, at: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((where, at))
        return made

    there = ends.enter_context(far.call(partial(bound, address, port)))
    here = ends.enter_context(space.call(partial(bound, "0.0.0.0", 0)))
    here.connect((address, port))
    here.send(b"x")
    there.connect(there.recvfrom(10)[1])
    return Call(here, there)


def packets(ends: ExitStack, space: Namespace, far: Namespace, address: str, protocol: int) -> Call:
    """Return two ends that have sent each other packets of a protocol without ports."""

    def made(own: str, to: str) -> socket.socket:
        found = socket.socket(socket.AF_INET6 if ":" in own + to else socket.AF_INET, socket.SOCK_RAW, protocol)
        if own:
            found.bind((own, 0))
        if to:
            found.connect((to, 0))
        return found

    here = ends.enter_context(space.call(partial(made, "", address)))
    # A client behind a translation of addresses is known by the address of its first packet.
    there = ends.enter_context(far.call(partial(made, address, "")))
    text = b"\0\0\x88\x0b" + b"of no meaning" * 2  # which GRE takes for a header
    here.send(text)
    there.connect(there.recvfrom(2048)[1])
    return Call(here, there, text)


@dataclass
class Pings:
    """Questions by ICMP of one kind and number, and whether they are answered."""

    here: socket.socket
    kind: int
    answer: int
    sent: int = 0

    def goes(self, *, first: str = "here") -> bool:
        """Say whether the next question is answered."""
        self.sent += 1
        question = struct.pack("!BBHHH", self.kind, 0, 0, 7, self.sent) + bytes(12)
        total = sum(struct.unpack(f"!{len(question) // 2}H", question))
        self.here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # what the kernel said of others' questions there
        try:  # of ICMPv6 the kernel itself makes the checksum
            self.here.send(question[:2] + struct.pack("!H", ~total & 0xFFFF) + question[4:])
            while select.select([self.here], [], [], GLANCE)[0]:
                found = self.here.recv(2048)
                found = found[20:] if self.here.family == socket.AF_INET else found
                if (found[0], struct.unpack("!HH", found[4:8])) == (self.answer, (7, self.sent)):
                    return True
        except OSError:
            pass
        return False


def pings(ends: ExitStack, space: Namespace, address: str, kind: int = 8, answer: int = 0) -> Pings:
    """Return questions by ICMP, or ICMPv6 with C{kind} 128 and C{answer} 129, to an address that answers."""
    version6 = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if version6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    here = ends.enter_context(space.call(partial(socket.socket, family, socket.SOCK_RAW, protocol)))
    here.connect((address, 0))
    return Pings(here, kind, answer)
