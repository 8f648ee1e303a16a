# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on one host, as of two controllers, and what the one hears that confirms what is not armed any more."""

from __future__ import annotations

from tests.support.hosts.module import ModuleHost
from tests.support.waiting import until

SAME = "another run applied the same rules to this host meanwhile: these are confirmed"
OTHER = "not confirmed: another run took over: it applied other rules, which "
WAITS, CONFIRMED = OTHER + "are in force and wait for their own confirmation", OTHER + "were confirmed"
REMOVED = (
    "not confirmed: nothing of this collection is left of the change on this host: another run removed it (state "
    "absent), or the host was restarted"
)
GONE_BACK = "the change was not confirmed in time, and the host went back to the rules before it"
# What the other run does after the first one has applied, and what the first one hears, '' where it succeeds. The other
# run: whether it removes all first; its list, its seconds to confirm, and how it ends.
TAKEN = {
    "the same, which waits": (False, "first", 600, "", ""),
    "the same, confirmed": (False, "first", 600, "confirmed", ""),
    "the same, without a way back": (False, "first", 0, "", ""),
    "absent, and the same": (True, "first", 0, "", ""),
    "another list, which waits": (False, "second", 600, "", WAITS),
    "another list, confirmed": (False, "second", 600, "confirmed", CONFIRMED),
    "another list, without a way back": (False, "second", 0, "", CONFIRMED),
    "another list, which went back": (False, "second", 600, "went back", GONE_BACK),
    "absent": (True, "", 0, "", REMOVED),
    "absent, and another list": (True, "second", 0, "", CONFIRMED),
}

SOON = ["the same, confirmed", "another list, which waits", "absent"]  # those of the short runs


def check_taken_over(host: ModuleHost, candidate: str, ending: str, first: dict, second: dict) -> None:
    """Check what the first run hears, twice; from nothing, and where the second list was confirmed before."""
    removes, other, seconds, end, expected = TAKEN[ending]
    for before in (False, True):
        host.remove()
        if before:
            host.apply(second)
        applied = host.apply(first, after=600)
        assert applied["armed"]
        if removes:
            host.remove()
        if other:
            done = host.apply({"first": first, "second": second}[other], after=seconds)
        if end == "confirmed":
            assert not host.confirm(done).get("failed")
        elif end:
            host.elapse()
            assert until(lambda: host.shell(f"cat {candidate} 2>/dev/null || :") == "")
        for _again in range(2):
            heard = host.confirm(applied)
            assert heard.get("msg", "") == expected, heard
            assert (SAME in heard["notes"]) is not bool(expected)
