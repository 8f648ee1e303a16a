# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.calls import call, datagrams
from tests.support.cutting import (
    ALLOW,
    ENDED,
    GONE,
    KEPT,
    LESS,
    OWN,
    check_additions_end,
    check_flows_without_ports_end,
)
from tests.support.ends import neighbour
from tests.support.hosts.ufw import Host, native
from tests.support.namespaces import Namespace, namespaces
from tests.support.packets import SOURCE
from tests.support.rules import row
from tests.support.systems import enable_ufw, system

pytestmark = pytest.mark.usefixtures("namespaces")

USERS = "203.0.113.21"
LIST = [row(f"{GONE}, {KEPT}, {OWN}, {USERS}"), row("2001:db8::9"), row(GONE, "3478", "UDP", "media")]


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
    """The second question goes on by ufw's own before6.rules."""
    made = partial(native, **options)
    notes = check_flows_without_ports_end(*ends, made, ended=6, asked_on=[False, True])
    assert (
        "flows to what left the list go on, let through by what is no rule of the list: "
        "1 (icmpv6/echo-request to 2001:db8::9)"
    ) in notes


@pytest.mark.parametrize("after", [0, 600])
def test_what_the_user_allows_no_more_ends_too(ends: tuple[Host, Namespace, ExitStack], after: int) -> None:
    check_additions_end(*ends, native, after)


def test_where_nothing_is_stopped_nothing_ends(ends: tuple[Host, Namespace, ExitStack]) -> None:
    host, far, stack = ends
    host.apply(native(*LIST, policy="deny"))
    flow = call(stack, host.space, far, GONE, 443)
    done = host.apply(native(*LESS, policy="unmanaged"), cut_removed=True)
    assert "cut_removed ends no flow: only the policy deny stops what left the list" in done["notes"]
    assert flow.goes()
