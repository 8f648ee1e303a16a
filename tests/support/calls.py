# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls under way between two namespaces, and whether they still go on."""

from __future__ import annotations

import socket
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

    def goes(self, *, first: str = "here") -> bool:
        """Say whether bytes go both ways; C{first}: who sends first."""
        ends = [self.here, self.there] if first == "here" else [self.there, self.here]
        for sender, receiver in (ends, ends[::-1]):
            receiver.settimeout(GLANCE)
            try:
                sender.send(b"x")
                if receiver.recv(10) != b"x":
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
