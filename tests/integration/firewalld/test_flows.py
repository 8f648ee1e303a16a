# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls and sessions that are under way live through the change to policy deny, and through each reload."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.ends import HOST, PEER, connect, connects, datagram, link, listen
from tests.support.hosts.firewalld import SUITES, Host, native
from tests.support.namespaces import BITS, MACS, Namespace, add_addresses, add_default_routes, namespaces
from tests.support.rules import row
from tests.support.systems import LONG, longer, system
from tests.support.waiting import GLANCE, PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

LISTED = row(f"{PEER[4]}/32", "443", "TCP/UDP")


@pytest.fixture(scope="module", params=longer(SUITES[1:], SUITES[:1]))
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Host, Namespace]]:
    """A host with firewalld and its neighbour."""
    with ExitStack() as stack:
        inside, peer = namespaces(stack, 2, system(request.param))
        link(inside, "up0", peer, "down0")
        add_addresses(inside, "up0", HOST, BITS)
        add_addresses(peer, "down0", PEER, BITS)
        add_default_routes(inside, "up0", PEER, MACS[1])
        host = Host(inside)
        host.start()
        yield host, peer


def test_flows_live_on(ends: tuple[Host, Namespace]) -> None:
    host, peer = ends
    host.remove()
    services = [listen(peer, PEER[4], 5555), listen(peer, PEER[6], 5555), listen(host.space, HOST[4], 22)]
    held = [connect(host.space, PEER[4], 5555), connect(host.space, PEER[6], 5555), connect(peer, HOST[4], 22)]
    answered = [service.accept()[0] for service in services]
    caller = host.space.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    callee = peer.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    callee.bind((PEER[4], 6000))
    caller.settimeout(PATIENCE)
    callee.settimeout(PATIENCE)
    for turn in ("before", "deny", "again", "absent"):
        if turn == "deny":
            host.apply(native(LISTED, policy="deny"))
        elif turn == "again":
            host.apply(native(LISTED, row("198.51.100.0/24"), policy="deny"))
        elif turn == "absent":
            host.remove()
        for here, there in zip(held, answered, strict=True):
            here.sendall(turn.encode())
            assert there.recv(99) == turn.encode()
            there.sendall(turn.encode())
            assert here.recv(99) == turn.encode()
        caller.sendto(turn.encode(), (PEER[4], 6000))
        words, address = callee.recvfrom(99)
        callee.sendto(words, address)
        assert caller.recv(99) == turn.encode()
        new = connects(host.space, PEER[4], 5555)
        assert new == ("open" if turn in ("before", "absent") else "refused"), turn
        assert datagram(host.space, peer, PEER[4], 443)
        assert datagram(host.space, peer, PEER[4], 444, PATIENCE if new == "open" else GLANCE) is (new == "open")
        assert connects(peer, HOST[4], 22) == "open", "the host can be managed"
    for opened in (*services, *held, *answered, caller, callee):
        opened.close()


@pytest.mark.sized
def test_new_connections_wait_for_the_reload_and_no_longer(ends: tuple[Host, Namespace]) -> None:
    """firewalld lets no new connection through while it loads; nothing that is stopped gets through either."""
    host, peer = ends
    host.apply(native(LISTED, policy="deny"))
    done, passed, leaked = threading.Event(), [time.monotonic()], []
    with (
        peer.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as good,
        peer.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as bad,
    ):
        for service, port in ((good, 443), (bad, 444)):
            service.bind((PEER[4], port))
            service.setblocking(False)

        def send() -> None:
            while not done.is_set():
                for port in (443, 444):  # each datagram is a connection of its own
                    sender = host.space.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    with sender, contextlib.suppress(OSError):
                        sender.sendto(b"x", (PEER[4], port))
                time.sleep(0.002)
                with contextlib.suppress(BlockingIOError):
                    good.recv(9)
                    passed.append(time.monotonic())
                with contextlib.suppress(BlockingIOError):
                    leaked.append(bad.recv(9))

        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(0.3)
        for number in range(3 if LONG else 1):
            host.apply(native(LISTED, row(f"198.51.100.{number}"), policy="deny"))
        time.sleep(0.3)
        done.set()
        thread.join()
    gaps = sorted((later - earlier for earlier, later in itertools.pairwise(passed)), reverse=True)
    print(f"longest times without a new connection: {[round(gap, 3) for gap in gaps[:6]]} s")
    assert len(passed) > 50
    assert gaps[0] < 3
    assert not leaked, "what policy deny stops got through during a reload"
