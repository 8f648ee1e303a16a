# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

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
from tests.support.hosts.firewalld import Host, native
from tests.support.namespaces import Namespace, namespaces
from tests.support.packets import SOURCE
from tests.support.rules import row
from tests.support.systems import system

pytestmark = pytest.mark.usefixtures("namespaces")

LIST = [row(f"{GONE}, {KEPT}, {OWN}"), row("2001:db8::9"), row(GONE, "3478", "UDP", "media")]


@pytest.fixture
def ends() -> Iterator[tuple[Host, Namespace, ExitStack]]:
    """A host, its neighbour that answers for the world, and what is open until the test ends."""
    with ExitStack() as stack:
        (inside,) = namespaces(stack, 1, system("bookworm"))
        peer = stack.enter_context(neighbour(inside))
        host = Host(inside)
        host.start()
        yield host, peer, stack


@pytest.mark.parametrize("after", [0, 600])
def test_a_flow_to_what_left_the_list_ends_and_no_other(ends: tuple[Host, Namespace, ExitStack], after: int) -> None:
    host, far, stack = ends
    host.apply(native(*LIST, policy="deny", allow=ALLOW))
    gone = [call(stack, host.space, far, address, 443) for address in (GONE, "2001:db8::9")]
    gone.append(datagrams(stack, host.space, far, GONE, 3478))
    kept = [call(stack, host.space, far, address, 443) for address in (KEPT, OWN)]
    kept.append(call(stack, far, host.space, SOURCE[4], 22))
    assert all(each.goes() for each in [*gone, *kept])
    done = host.apply(native(*LESS, policy="deny", allow=ALLOW), after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = host.confirm(done)
    assert ENDED in done["notes"]
    assert [each.goes(first=first) for first in ("there", "here") for each in gone] == [False] * 6
    assert all(each.goes() for each in kept)


@pytest.mark.long
def test_flows_without_ports_end_and_no_other(ends: tuple[Host, Namespace, ExitStack]) -> None:
    check_flows_without_ports_end(*ends, native, ended=7, asked_on=[False, False])


@pytest.mark.parametrize("after", [0, 600])
def test_what_the_user_allows_no_more_ends_too(ends: tuple[Host, Namespace, ExitStack], after: int) -> None:
    check_additions_end(*ends, native, after)


@pytest.mark.long
@pytest.mark.parametrize("policy", ["audit", "unmanaged"])
def test_where_nothing_is_stopped_nothing_ends(ends: tuple[Host, Namespace, ExitStack], policy: str) -> None:
    host, far, stack = ends
    host.apply(native(*LIST, policy="deny"))
    flow = call(stack, host.space, far, GONE, 443)
    done = host.apply(native(*LESS, policy=policy), cut_removed=True)
    assert "cut_removed ends no flow: only the policy deny stops what left the list" in done["notes"]
    assert flow.goes()
