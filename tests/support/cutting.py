# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list: what the backends have in common.

C{native} makes the native form of the host's backend, C{far} is the neighbour that answers for the world.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.support.calls import call, datagrams, packets, pings
from tests.support.hosts.module import ModuleHost
from tests.support.namespaces import Namespace
from tests.support.packets import SOURCE
from tests.support.rules import row

GONE, KEPT, OWN = "203.0.113.9", "203.0.113.10", "203.0.113.20"
ALLOW = [{"destination": OWN, "ports": "443"}]
ADDED = [
    {"destination": "203.0.113.50, 2001:db8::50", "ports": "22", "protocol": "TCP"},
    {"destination": "203.0.113.60/30", "ports": "3478", "protocol": "UDP"},
]
LESS = [row(KEPT)]
ENDED = (
    "flows to what left the list were ended: 3 (tcp/443 to 2001:db8::9, tcp/443 to 203.0.113.9, "
    "udp/3478 to 203.0.113.9)"
)
Native = Callable[..., dict[str, Any]]


def check_additions_end(host: ModuleHost, far: Namespace, stack: ExitStack, native: Native, after: int) -> None:
    """Check that flows to what the user allows no more end; C{after}: the seconds to confirm."""
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


def check_flows_without_ports_end(
    host: ModuleHost, far: Namespace, stack: ExitStack, native: Native, *, ended: int, asked_on: list[bool]
) -> list[str]:
    """Check tunnels, whose other side goes on to send, and questions by ICMP, where no table keeps them shut.

    C{ended}: how many end; C{asked_on}: whether questions of ICMP and of ICMPv6 go on. Returns the notes.
    """
    cell, protocols = "ESP, GRE, AH, 253", (50, 47, 51, 253)
    rows = [
        row(f"{GONE}, {KEPT}, 2001:db8::9", "-", cell.replace("AH, ", "")),
        row(f"{GONE}, {KEPT}", "-", "AH"),
        row(f"{GONE}, {KEPT}", "echo-request", "ICMP", "ping"),
        row(f"{GONE}, {KEPT}", "timestamp-request", "ICMP", "clock"),
        row("2001:db8::9, 2001:db8::10", "echo-request", "ICMPv6", "ping"),
    ]
    host.apply(native(*rows, policy="deny"))
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
    notes = host.apply(native(*less, policy="deny"), cut_removed=True)["notes"]
    assert any(note.startswith(f"flows to what left the list were ended: {ended} (") for note in notes), notes
    assert any("does not keep ended flows shut: where a rule of yours lets in" in note for note in notes)
    for each in gone:
        each.there.send(each.text)
    assert [each.goes(first=first) for first in ("there", "here") for each in gone] == [False] * 10
    assert [each.goes() for each in asked] == asked_on
    assert [each.goes() for each in kept] == [True] * 8
    return notes
