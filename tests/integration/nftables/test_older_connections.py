# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are older than conntrack's knowledge when the policy deny comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.calls import call
from tests.support.ends import Ends
from tests.support.hosts.nftables import HOST, native
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")

LISTED, OTHER, OTHER6 = "203.0.113.9", "203.0.113.200", "2001:db8::99"
DENY = native(row(LISTED), policy="deny")
WATCHES = "table inet mine { chain c { type filter hook output priority 0; ct state established accept; }; }"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is open until the test ends."""
    with ExitStack() as made:
        yield made


def told(notes: list[str]) -> list[str]:
    """Return the notes on older connections."""
    return [note for note in notes if "conntrack" in note]


@pytest.mark.long
@pytest.mark.parametrize("conntrack", [True, False])
@pytest.mark.parametrize("before", ["no conntrack", "conntrack was emptied", "unmanaged"])
def test_those_that_deny_stops_are_counted_before(ends: Ends, stack: ExitStack, before: str, conntrack: bool) -> None:
    here, far = ends.host.space, ends.peer
    if before == "conntrack was emptied":
        ends.host.load(WATCHES)
    stopped = [call(stack, here, far, OTHER, 3260), call(stack, here, far, OTHER6, 3260)]
    stopped.append(call(stack, far, here, HOST[4], 5432))
    kept = [
        call(stack, here, far, LISTED, 443),
        call(stack, far, here, HOST[4], 22),
        call(stack, far, here, HOST[6], 22),
    ]
    kept.append(call(stack, here, here, "127.0.0.1", 3260))
    if before == "conntrack was emptied":
        ends.host.shell("conntrack -F 2>/dev/null")
    if before == "unmanaged":
        ends.host.apply(native(row(LISTED), policy="unmanaged"))
    if not conntrack:
        ends.host.shell("mkdir -p /etc/none; mount --bind /etc/none /usr/sbin/conntrack 2>/dev/null || "
                        "mount --bind /dev/null $(command -v conntrack)")  # fmt: skip
    checked = told(ends.host.apply(DENY, check=True)["notes"])
    done = told(ends.host.apply(DENY)["notes"])
    assert checked == done
    [note] = done
    assert note.startswith(
        "conntrack does not know 3 established TCP connections of this host (tcp/3260 to 2001:db8::99, tcp/3260 to "
        "203.0.113.200, tcp/5432 of this host with 198.18.1.1), and takes the next packet for that of a new one: "
    )
    assert [each.goes() for each in stopped[:2]] == [False, False]
    assert not stopped[2].goes(first="there")
    assert all(each.goes() for each in kept)
    assert told(ends.host.apply(DENY)["notes"]) == []


def test_after_audit_conntrack_knows_those_that_sent_something(ends: Ends, stack: ExitStack) -> None:
    here, far = ends.host.space, ends.peer
    flows = [call(stack, here, far, OTHER, 3260), call(stack, far, here, HOST[4], 5432)]
    silent = call(stack, here, far, OTHER6, 3260)
    assert told(ends.host.apply(native(row(LISTED), policy="audit"))["notes"]) == []
    assert all(each.goes(first=first) for each in flows for first in ("here", "there"))
    [note] = told(ends.host.apply(DENY)["notes"])
    assert "conntrack does not know 1 established TCP connection of this host (tcp/3260 to 2001:db8::99)" in note
    assert all(each.goes(first=first) for each in flows for first in ("there", "here"))
    assert not silent.goes()


def test_where_conntrack_knows_all_nothing_is_said(ends: Ends, stack: ExitStack) -> None:
    ends.host.load(WATCHES)
    flows = [call(stack, ends.host.space, ends.peer, address, 3260) for address in (OTHER, OTHER6)]
    flows.append(call(stack, ends.peer, ends.host.space, HOST[4], 5432))
    assert all(each.goes() for each in flows)
    assert told(ends.host.apply(DENY)["notes"]) == []
    assert all(each.goes(first=first) for each in flows for first in ("there", "here"))
