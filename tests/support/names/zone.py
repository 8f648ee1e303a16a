# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS of the world outside, as a resolver's upstream sees it: it answers from a table that a test changes.

    zone = Zone(upstream, ["198.18.2.1", "2001:2::2:1"])   # listens in that namespace
    zone.put("us1.zoom.us", "3.7.35.1", "2407:30c0::1", ttl=60)
    zone.alias("zoom.us", "edge.example.net", ttl=300)
    zone.fail("gone.zoom.us", "SERVFAIL")                  # or REFUSED, or SILENT: no answer at all
    zone.asked                                             # what was asked, in order: [("us1.zoom.us", "A"), ...]

A name that is in the table, or has one below it, and no record of the type asked for has no data; every other
name does not exist. Answers carry the whole chain of aliases, as a recursive resolver's do.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig

from tests.support.namespaces import Namespace
from tests.support.waiting import PATIENCE

SILENT = "SILENT"
_PLAIN = 512  # bytes of an answer by UDP to one who does not say that it takes more
_CHAIN = 16  # aliases, one after the other
_ROUND = 0.05  # seconds between two looks at whether to end


@dataclass
class _Entry:
    records: dict[str, list[str]] = field(default_factory=dict)  # type -> texts
    ttl: int = 60
    failure: str = ""


class Zone:
    """A DNS server on the port 53 of these addresses of a namespace; C{close} ends it."""

    def __init__(self, space: Namespace, addresses: Sequence[str]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.most = 65535  # bytes of an answer by UDP, whatever the client takes
        self._table: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = []
        for address in addresses:
            for kind, serve in ((socket.SOCK_DGRAM, self._datagrams), (socket.SOCK_STREAM, self._streams)):
                opened = space.call(partial(_bound, address, kind))
                self._threads.append(threading.Thread(target=serve, args=[opened], daemon=True))
        for thread in self._threads:
            thread.start()

    def put(self, name: str, *addresses: str, ttl: int = 60) -> None:
        """Give a name these addresses, and no others."""
        entry = _Entry(ttl=ttl)
        for address in addresses:
            kind = "A" if ip_address(address).version == 4 else "AAAA"
            entry.records.setdefault(kind, []).append(address)
        self._set(name, entry)

    def alias(self, name: str, target: str, ttl: int = 60) -> None:
        """Make a name an alias of another."""
        self._set(name, _Entry({"CNAME": [target]}, ttl))

    def fail(self, name: str, how: str) -> None:
        """Let all questions for a name fail: C{SERVFAIL}, C{REFUSED}, or C{SILENT}."""
        self._set(name, _Entry(failure=how))

    def drop(self, name: str) -> None:
        """Let a name not exist."""
        with self._lock:
            self._table.pop(name.lower(), None)

    def times(self, name: str) -> int:
        """Return how often a name was asked for, types added up."""
        return sum(asked == name.lower() for asked, _kind in list(self.asked))

    def close(self) -> None:
        """End the server."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _set(self, name: str, entry: _Entry) -> None:
        with self._lock:
            self._table[name.lower()] = entry

    def answer(self, wire: bytes, most: int | None = None) -> bytes:
        """Return the answer to a question as bytes, b"" for none at all; one longer than C{most} is truncated."""
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        with self._lock:
            failure = self._fill(reply, name, kind)
        if failure == SILENT:
            return b""
        if failure:
            reply.set_rcode(dns.rcode.from_text(failure))
        taken = max(_PLAIN, query.payload) if query.edns >= 0 else _PLAIN
        size = 65535 if most is None else min(most, taken)
        full = reply.to_wire(max_size=65535)
        if len(full) <= size:
            return full
        reply.answer = []
        reply.flags |= dns.flags.TC
        return reply.to_wire(max_size=65535)

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> str:
        """Put the records of a name, and of those that it is an alias of, into an answer; return what failed."""
        for dummy in range(_CHAIN):
            entry = self._table.get(name)
            if entry is None:
                inner = any(known.endswith(f".{name}") for known in self._table)
                return "" if inner else "NXDOMAIN"
            if entry.failure:
                return entry.failure
            found = "CNAME" if "CNAME" in entry.records else kind
            texts = entry.records.get(found, [])
            if texts:
                owner = dns.name.from_text(name)
                written = [f"{text}." for text in texts] if found == "CNAME" else texts
                reply.answer.append(dns.rrset.from_text(owner, entry.ttl, "IN", found, *written))
            if found != "CNAME" or kind == "CNAME":
                return ""
            name = texts[0].lower()
        return "SERVFAIL"

    def _datagrams(self, opened: socket.socket) -> None:
        with opened:
            while not self._end.is_set():
                try:
                    wire, client = opened.recvfrom(65535)
                except TimeoutError:
                    continue
                answer = self.answer(wire, self.most)
                if answer:
                    opened.sendto(answer, client)

    def _streams(self, opened: socket.socket) -> None:
        with opened:
            opened.listen(64)
            while not self._end.is_set():
                try:
                    client = opened.accept()[0]
                except TimeoutError:
                    continue
                threading.Thread(target=self._stream, args=[client], daemon=True).start()

    def _stream(self, client: socket.socket) -> None:
        with client:
            client.settimeout(PATIENCE)
            try:
                while head := _exactly(client.recv, 2):
                    answer = self.answer(_exactly(client.recv, int.from_bytes(head, "big")))
                    if not answer:
                        self._end.wait()  # as silent as by UDP
                        return
                    client.sendall(len(answer).to_bytes(2, "big") + answer)
            except OSError:
                return  # the client went


def _exactly(receive: Callable[[int], bytes], count: int) -> bytes:
    """Return this many bytes, fewer only at the end of a stream."""
    found = b""
    while len(found) < count:
        more = receive(count - len(found))
        if not more:
            break
        found += more
    return found


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in address:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    opened.bind((address, 53))
    opened.settimeout(_ROUND)
    return opened
