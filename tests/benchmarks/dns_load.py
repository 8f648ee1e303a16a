# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that answers after a set time, and a client that asks at a set rate whatever the answers do.

    python dns_load.py ADDRESS POOL        answers C{<n>-<milliseconds>.anything} with an address made of n, for ever

Both know just enough of DNS for one question for an IPv4 address and one answer to it: the time is to be dnsmasq's.
"""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence

_ASKED, _ANSWERED = 0x0100, 0x8180
_HEAD = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHHIHI")
FIRST = 52 << 24 | 84 << 16  # the address of number 0
TTL = 60
LATE = 2.0  # seconds after the last question; who has not answered by then has lost it


def question(number: int, name: str) -> bytes:
    """Return a question for the IPv4 address of a name; C{number}: its identity, 16 bits."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return _HEAD.pack(number, _ASKED, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)


def answer(query: bytes, pool: int) -> tuple[bytes, float]:
    """Return the answer to a question, and after how many seconds it is to be given."""
    end = query.index(b"\0", _HEAD.size) + 5
    number, milliseconds = query[_HEAD.size + 1 : _HEAD.size + 1 + query[_HEAD.size]].split(b"-")
    head = _HEAD.pack(int.from_bytes(query[:2], "big"), _ANSWERED, 1, 1, 0, 0)
    record = _RECORD.pack(0xC000 | _HEAD.size, 1, 1, TTL, 4, FIRST + int(number) % pool)
    return head + query[_HEAD.size : end] + record, int(milliseconds) / 1000


def serve(address: str, pool: int) -> None:
    """Answer for ever; the addresses of C{pool} names differ, then they come again."""
    opened = socket.socket(type=socket.SOCK_DGRAM)
    opened.bind((address, 53))
    opened.setblocking(False)
    print("up", flush=True)
    due: list[tuple[float, int, bytes, tuple]] = []
    order = itertools.count()
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        if select.select([opened], [], [], wait)[0]:
            query, client = opened.recvfrom(4096)
            reply, delay = answer(query, pool)
            heapq.heappush(due, (time.monotonic() + delay, next(order), reply, client))
        while due and due[0][0] <= time.monotonic():
            _when, _order, reply, client = heapq.heappop(due)
            opened.sendto(reply, client)


def ask(opened: socket.socket, names: Sequence[str], rate: float) -> list[float]:
    """Ask for all names over a connected socket, C{rate} a second; return the seconds until each answer that came."""
    sent: dict[int, float] = {}
    taken: list[float] = []
    start = time.monotonic()
    for number, name in enumerate(names):
        due = start + number / rate
        while (left := due - time.monotonic()) > 0:
            taken += _answers(opened, sent, left)
        sent[number & 0xFFFF] = time.monotonic()
        opened.send(question(number & 0xFFFF, name))
        taken += _answers(opened, sent, 0)
    end = time.monotonic() + LATE
    while sent and (left := end - time.monotonic()) > 0:
        taken += _answers(opened, sent, left)
    return taken


def _answers(opened: socket.socket, sent: dict[int, float], seconds: float) -> Iterator[float]:
    """Yield the times of the answers that are there within these seconds."""
    while select.select([opened], [], [], seconds)[0]:
        reply = opened.recv(4096)
        started = sent.pop(int.from_bytes(reply[:2], "big"), None)
        code, answers = reply[3] & 15, int.from_bytes(reply[6:8], "big")
        if started is not None and code == 0 and answers:
            yield time.monotonic() - started
        seconds = 0


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
