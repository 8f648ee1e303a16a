# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stub resolver in a namespace: one question at a time, by UDP, and by TCP where the answer was cut."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from functools import partial

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from tests.support.namespaces import Namespace
from tests.support.waiting import PATIENCE

NO_ANSWER = "no answer"
TURNED_AWAY = "turned away"


@dataclass(frozen=True)
class Answer:
    """What a name server said: rcode (or C{NO_ANSWER}, C{TURNED_AWAY}), addresses, aliases and the shortest TTL."""

    rcode: str
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ttl: int | None = None
    tcp: bool = field(default=False)


def ask(
    space: Namespace,
    server: str,
    name: str,
    kind: str = "A",
    *,
    tcp: bool = False,
    seconds: float = PATIENCE,
    port: int = 53,
) -> Answer:
    """Ask a name server from a namespace."""
    query = dns.message.make_query(name, kind)
    try:
        if not tcp:
            reply = _exchange(space, server, query, socket.SOCK_DGRAM, seconds, port)
            tcp = bool(reply.flags & dns.flags.TC)
        if tcp:
            reply = _exchange(space, server, query, socket.SOCK_STREAM, seconds, port)
    except (TimeoutError, EOFError, dns.exception.Timeout):
        return Answer(NO_ANSWER)
    except OSError:  # a reset, or an ICMP error
        return Answer(TURNED_AWAY)
    records = [(record, entry) for record in reply.answer for entry in record]
    return Answer(
        dns.rcode.to_text(reply.rcode()),
        tuple(entry.to_text() for record, entry in records if record.rdtype.name in ("A", "AAAA")),
        tuple(entry.to_text().rstrip(".") for record, entry in records if record.rdtype.name == "CNAME"),
        min((record.ttl for record in reply.answer), default=None),
        tcp,
    )


def ask_both(space: Namespace, server: str, name: str) -> list[str]:
    """Ask for the addresses of both IP versions, as most programs do; returns them."""
    return [address for kind in ("A", "AAAA") for address in ask(space, server, name, kind).addresses]


def _exchange(
    space: Namespace, server: str, query: dns.message.Message, kind: socket.SocketKind, seconds: float, port: int
) -> dns.message.Message:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with space.call(partial(socket.socket, family, kind)) as opened:
        opened.settimeout(seconds)
        opened.connect((server, port))
        if kind == socket.SOCK_DGRAM:
            opened.send(query.to_wire())
            return dns.message.from_wire(opened.recv(65535))
        opened.setblocking(False)
        return dns.query.tcp(query, server, timeout=seconds, port=port, sock=opened)
