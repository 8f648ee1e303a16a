# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.ends import Ends, connect
from tests.support.hosts.nftables import HOST, native
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.waiting import GLANCE

pytestmark = pytest.mark.usefixtures("namespaces")

GONE, KEPT, LOOPED = "203.0.113.9", "203.0.113.10", "127.0.0.1"
OWN = [{"destination": "203.0.113.20", "ports": "443"}]
LIST = [row(f"{GONE}, {KEPT}, 203.0.113.20"), row("2001:db8::9"), row(GONE, "3478", "UDP", "media")]
LESS = [row(KEPT)]


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


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is open until the test ends."""
    with ExitStack() as made:
        yield made


def known(ends: Ends, address: str) -> int:
    """Return how many flows to an address conntrack knows."""
    family = "ipv6" if ":" in address else "ipv4"
    return len(ends.host.shell(f"conntrack -L -f {family} -d {address} 2>/dev/null || :").splitlines())


@pytest.mark.parametrize("after", [0, 600])
@pytest.mark.parametrize("first", ["here", "there"])
def test_a_flow_to_what_left_the_list_ends_and_no_other(ends: Ends, stack: ExitStack, after: int, first: str) -> None:
    here, far = ends.host.space, ends.peer
    ends.host.apply(native(*LIST, policy="deny", allow=OWN))
    gone = [call(stack, here, far, address, 443) for address in (GONE, "2001:db8::9")]
    gone.append(datagrams(stack, here, far, GONE, 3478))
    kept = [call(stack, here, far, address, 443) for address in (KEPT, "203.0.113.20")]
    kept.append(call(stack, far, here, HOST[4], 22))  # a management connection
    kept.append(call(stack, far, here, HOST[4], 443))  # another service of the host's
    kept.append(call(stack, here, here, LOOPED, 443))
    assert all(each.goes() for each in [*gone, *kept])
    done = ends.host.apply(native(*LESS, policy="deny", allow=OWN), after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = ends.host.confirm(done)
    assert (
        "flows to what left the list were ended: 3 (tcp/443 to 2001:db8::9, tcp/443 to 203.0.113.9, "
        "udp/3478 to 203.0.113.9)"
    ) in done["notes"]
    assert [each.goes(first=first) for each in gone] == [False] * 3
    assert all(each.goes(first=first) for each in kept)
    assert known(ends, KEPT) == 1
    assert known(ends, GONE) + known(ends, "2001:db8::9") == 0
    ends.host.remove()
    assert ends.host.rules() == ""


def test_it_is_off_by_default(ends: Ends, stack: ExitStack) -> None:
    ends.host.apply(native(*LIST, policy="deny"))
    gone = call(stack, ends.host.space, ends.peer, GONE, 443)
    ends.host.apply(native(*LESS, policy="deny"))
    assert gone.goes()


def test_what_went_back_ends_nothing(ends: Ends, stack: ExitStack) -> None:
    ends.host.apply(native(*LIST, policy="deny"))
    flow = call(stack, ends.host.space, ends.peer, GONE, 443)
    applied = ends.host.apply(native(*LESS, policy="deny"), after=600, cut_removed=True)
    ends.host.elapse()
    assert "went back" in str(ends.host.confirm(applied)) or "not confirmed" in str(ends.host.confirm(applied))
    assert flow.goes()


def test_two_changes_of_which_the_second_is_confirmed(ends: Ends, stack: ExitStack) -> None:
    """What the first change took away, which nobody confirmed, is ended with what the second takes away."""
    ends.host.apply(native(*LIST, policy="deny"))
    flows = [call(stack, ends.host.space, ends.peer, address, 443) for address in (GONE, KEPT)]
    ends.host.apply(native(row(KEPT), policy="deny"), after=600, cut_removed=True)
    applied = ends.host.apply(native(row("203.0.113.30"), policy="deny"), after=600, cut_removed=True)
    ends.host.confirm(applied)
    assert [each.goes() for each in flows] == [False, False]


@pytest.mark.parametrize("options", [{"policy": "audit"}, {"policy": "unmanaged"}])
def test_where_nothing_is_stopped_nothing_ends(ends: Ends, stack: ExitStack, options: dict) -> None:
    ends.host.apply(native(*LIST, policy="deny"))
    flow = call(stack, ends.host.space, ends.peer, GONE, 443)
    done = ends.host.apply(native(*LESS, **options), cut_removed=True)
    assert "cut_removed ends no flow: only the policy deny stops what left the list" in done["notes"]
    assert flow.goes()


def test_from_audit_to_deny(ends: Ends, stack: ExitStack) -> None:
    """What no list allowed before is not what left the list."""
    ends.host.apply(native(*LESS, policy="audit"))
    flow = call(stack, ends.host.space, ends.peer, GONE, 443)
    done = ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    assert "no flow was under way to what left the list" in done["notes"]
    assert flow.goes()


def test_a_port_that_left(ends: Ends, stack: ExitStack) -> None:
    ends.host.apply(native(row("203.0.113.0/24", "443-450"), policy="deny"))
    flows = {port: call(stack, ends.host.space, ends.peer, GONE, port) for port in (443, 446, 450)}
    ends.host.apply(native(row("203.0.113.0/28", "440-445,450"), policy="deny"), cut_removed=True)
    assert {port: each.goes() for port, each in flows.items()} == {443: True, 446: False, 450: True}


def test_check_mode_ends_nothing(ends: Ends, stack: ExitStack) -> None:
    ends.host.apply(native(*LIST, policy="deny"))
    flow = call(stack, ends.host.space, ends.peer, GONE, 443)
    ends.host.apply(native(*LESS, policy="deny"), cut_removed=True, check=True)
    assert flow.goes()


def test_servers_of_the_baseline_stay(ends: Ends, stack: ExitStack) -> None:
    ends.host.write("/etc/resolv.conf", "nameserver 203.0.113.53\n")
    ends.host.write("/etc/chrony/chrony.conf", "server 203.0.113.123\n")
    rows = [row("203.0.113.53", "53", "TCP/UDP", "dns"), row("203.0.113.123", "123", "UDP", "ntp")]
    ends.host.apply(native(*rows, policy="deny"))
    flows = [call(stack, ends.host.space, ends.peer, "203.0.113.53", 53)]
    flows += [datagrams(stack, ends.host.space, ends.peer, address, port) for address, port in (("203.0.113.53", 53), ("203.0.113.123", 123))]
    done = ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    assert "no flow was under way to what left the list" in done["notes"]
    assert all(each.goes() for each in flows)
