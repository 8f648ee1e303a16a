# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.calls import call, datagrams, packets, pings
from tests.support.ends import neighbour
from tests.support.hosts.ufw import Host, native
from tests.support.namespaces import Namespace, namespaces
from tests.support.packets import SOURCE
from tests.support.rules import row
from tests.support.systems import enable_ufw, system

pytestmark = pytest.mark.usefixtures("namespaces")

GONE, KEPT, OWN, USERS = "203.0.113.9", "203.0.113.10", "203.0.113.20", "203.0.113.21"
ALLOW = [{"destination": OWN, "ports": "443"}]
ADDED = [
    {"destination": "203.0.113.50, 2001:db8::50", "ports": "22", "protocol": "TCP"},
    {"destination": "203.0.113.60/30", "ports": "3478", "protocol": "UDP"},
]
LIST = [row(f"{GONE}, {KEPT}, {OWN}, {USERS}"), row("2001:db8::9"), row(GONE, "3478", "UDP", "media")]
LESS = [row(KEPT)]
ENDED = (
    "flows to what left the list were ended: 3 (tcp/443 to 2001:db8::9, tcp/443 to 203.0.113.9, "
    "udp/3478 to 203.0.113.9)"
)


@pytest.fixture
def ends() -> Iterator[tuple[Host, Namespace, ExitStack]]:
    """A host, its neighbour that answers for the world, and what is open until the test ends."""
    with ExitStack() as stack:
        (inside,) = namespaces(stack, 1, system("bookworm"))
        peer = stack.enter_context(neighbour(inside))
        host = Host(inside, "bookworm")
        enable_ufw(inside)
        host.shell("ufw allow 22/tcp; ufw allow 444/tcp; ufw allow out to 203.0.113.21 port 443 proto tcp")
        yield host, peer, stack


@pytest.mark.parametrize("options", [{}, {"sets": True}])
@pytest.mark.parametrize("after", [0, 600])
def test_a_flow_to_what_left_the_list_ends_and_no_other(
    ends: tuple[Host, Namespace, ExitStack], after: int, options: dict
) -> None:
    host, far, stack = ends
    host.apply(native(*LIST, policy="deny", allow=ALLOW, **options))
    gone = [call(stack, host.space, far, address, 443) for address in (GONE, "2001:db8::9")]
    gone.append(datagrams(stack, host.space, far, GONE, 3478))
    kept = [call(stack, host.space, far, address, 443) for address in (KEPT, OWN, USERS)]
    kept += [call(stack, far, host.space, SOURCE[4], port) for port in (22, 444)]
    assert all(each.goes() for each in [*gone, *kept])
    done = host.apply(native(*LESS, policy="deny", allow=ALLOW, **options), after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = host.confirm(done)
    assert ENDED in done["notes"]
    assert [each.goes(first=first) for first in ("there", "here") for each in gone] == [False] * 6
    assert all(each.goes() for each in kept)


@pytest.mark.parametrize("options", [{}, {"sets": True}])
def test_flows_without_ports_end_and_no_other(ends: tuple[Host, Namespace, ExitStack], options: dict) -> None:
    """Tunnels, whose other side goes on to send, and questions by ICMP."""
    host, far, stack = ends
    cell, protocols = "ESP, GRE, AH, 253", (50, 47, 51, 253)
    rows = [
        row(f"{GONE}, {KEPT}, 2001:db8::9", "-", cell.replace("AH, ", "")),
        row(f"{GONE}, {KEPT}", "-", "AH"),
        row(f"{GONE}, {KEPT}", "echo-request", "ICMP", "ping"),
        row(f"{GONE}, {KEPT}", "timestamp-request", "ICMP", "clock"),
        row("2001:db8::9, 2001:db8::10", "echo-request", "ICMPv6", "ping"),
    ]
    host.apply(native(*rows, policy="deny", **options))
    gone = [packets(stack, host.space, far, GONE, number) for number in protocols]
    gone.append(packets(stack, host.space, far, "2001:db8::9", 50))
    asked = [pings(stack, host.space, GONE), pings(stack, host.space, "2001:db8::9", 128, 129)]
    kept = [packets(stack, host.space, far, KEPT, number) for number in protocols]
    kept += [pings(stack, host.space, KEPT), pings(stack, host.space, "2001:db8::10", 128, 129)]
    kept += [pings(stack, host.space, GONE, 13, 14), pings(stack, far, SOURCE[4])]
    assert [each.goes() for each in [*gone, *asked, *kept]] == [True] * 15
    less = [
        row(KEPT, "-", f"{cell}, ICMP"),
        row(GONE, "timestamp-request", "ICMP", "clock"),
        row("2001:db8::10", "", "ICMPv6", "ping"),
    ]
    done = host.apply(native(*less, policy="deny", **options), cut_removed=True)
    assert any(note.startswith("flows to what left the list were ended: 6 (") for note in done["notes"]), done["notes"]
    assert any("does not keep ended flows shut: where a rule of yours lets in" in note for note in done["notes"])
    for each in gone:
        each.there.send(each.text)
    assert [each.goes(first=first) for first in ("there", "here") for each in gone] == [False] * 10
    assert [each.goes() for each in asked] == [False, True], "the second by ufw's own before6.rules"
    assert (
        "flows to what left the list go on, let through by what is no rule of the list: "
        "1 (icmpv6/echo-request to 2001:db8::9)"
    ) in done["notes"]
    assert [each.goes() for each in kept] == [True] * 8


@pytest.mark.parametrize("after", [0, 600])
def test_what_the_user_allows_no_more_ends_too(ends: tuple[Host, Namespace, ExitStack], after: int) -> None:
    host, far, stack = ends
    host.apply(native(*LESS, policy="deny", allow=[*ALLOW, *ADDED]))
    gone = [call(stack, host.space, far, address, 22) for address in ("203.0.113.50", "2001:db8::50")]
    gone.append(datagrams(stack, host.space, far, "203.0.113.60", 3478))
    kept = [call(stack, host.space, far, OWN, 443), call(stack, host.space, far, KEPT, 443)]
    assert all(each.goes() for each in [*gone, *kept])
    done = host.apply(native(*LESS, policy="deny", allow=ALLOW), after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = host.confirm(done)
    assert (
        "flows to what left the list were ended: 3 (tcp/22 to 2001:db8::50, tcp/22 to 203.0.113.50, "
        "udp/3478 to 203.0.113.60)"
    ) in done["notes"]
    assert [each.goes() for each in [*gone, *kept]] == [False] * 3 + [True] * 2


def test_where_nothing_is_stopped_nothing_ends(ends: tuple[Host, Namespace, ExitStack]) -> None:
    host, far, stack = ends
    host.apply(native(*LIST, policy="deny"))
    flow = call(stack, host.space, far, GONE, 443)
    done = host.apply(native(*LESS, policy="unmanaged"), cut_removed=True)
    assert "cut_removed ends no flow: only the policy deny stops what left the list" in done["notes"]
    assert flow.goes()
