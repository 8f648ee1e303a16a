# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of the kernel was read there: a part of ufw that is not loaded, and files that it does not follow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ends import connects, listen, neighbour
from tests.support.hosts.ufw import DEFAULTS, OLD, Host, alone, native
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import longer
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

LISTED = {4: "203.0.113.5", 6: "2001:db8::5"}
DENY = native(row("203.0.113.0/25"), row("2001:db8::/64"), policy="deny")
REMOVED = "for c in INPUT OUTPUT FORWARD; do {0} -P $c ACCEPT; done; {0} -F; {0} -X"
LEAD = "ufw is enabled, and a part of its rules is not in the kernel: "
RELOAD = "; 'ufw reload' loads them: run this again after it"
AGAIN = "; ufw itself brings these back only after a restart of the host; without one, run '"
OLD_ONES = "; the rules are the old ones"
BROKEN = {
    REMOVED.format("ip6tables"): "of IPv6 all of its rules",
    REMOVED.format("iptables"): "of IPv4 all of its rules",
    f"sed -i s/^IPV6=yes/IPV6=no/ {DEFAULTS}; ufw reload; sed -i s/^IPV6=no/IPV6=yes/ {DEFAULTS}": (
        "of IPv6 all of its rules"
    ),
    "iptables -F OUTPUT": "of IPv4 jump OUTPUT to ufw-after-logging-output, jump OUTPUT to ufw-after-output, "
    "jump OUTPUT to ufw-before-logging-output, jump OUTPUT to ufw-before-output and 2 more",
    "ip6tables -D OUTPUT -j ufw6-before-output": "of IPv6 jump OUTPUT to ufw6-before-output",
    "iptables -D FORWARD -j ufw-before-forward": "of IPv4 jump FORWARD to ufw-before-forward",
    "ip6tables -F ufw6-before-output": "of IPv6 jump ufw6-before-output to ufw6-user-output",
    "iptables -D OUTPUT -j ufw-track-output; ip6tables -D INPUT -j ufw6-before-input": (
        "of IPv4 jump OUTPUT to ufw-track-output; of IPv6 jump INPUT to ufw6-before-input"
    ),
}


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Host, Namespace]]:
    with alone("bookworm") as host, neighbour(host.space) as peer:
        yield host, peer


@pytest.mark.long
@pytest.mark.parametrize("change", BROKEN)
def test_a_part_of_ufw_that_is_not_loaded(ends: tuple[Host, Namespace], change: str) -> None:
    """A policy without ufw's jumps would stop everything: nothing is touched, and the error says what to do."""
    host, peer = ends
    reload = "OUTPUT" not in BROKEN[change] and "FORWARD" not in BROKEN[change]
    host.shell(change)
    kernel, texts = host.kernel(), host.texts()
    failed: dict[str, Any] = {}
    for options in ({"check": True}, {"revert_after": 600}):
        failed = host.module(rules=DENY, **options)
        assert failed["msg"].startswith(LEAD + BROKEN[change] + (RELOAD + OLD_ONES if reload else AGAIN))
        assert (host.kernel(), host.texts()) == (kernel, texts)
    follow(host, failed["msg"])
    assert host.apply(DENY)["changed"]
    for address in LISTED.values():
        with listen(peer, address, 443):
            assert connects(host.space, address, 443) == "open"
    assert not host.apply(DENY)["changed"]
    host.shell(change)
    failed = host.module(state="absent")
    assert failed["msg"].startswith(LEAD + BROKEN[change])
    follow(host, failed["msg"])
    host.remove()


def follow(host: Host, error: str) -> None:
    """Do what an error says: its commands, and a reload."""
    host.shell("\n".join([*(f"{line} || :" for line in re.findall(r"'(for [^']*)'", error)), "ufw reload"]))


@pytest.mark.parametrize("former", [native(*OLD), DENY], ids=["open before", "shut before"])
@pytest.mark.parametrize(
    "change", longer([REMOVED.format("ip6tables")], ["iptables -F; iptables -X", "ip6tables -F; ip6tables -X"])
)
def test_the_way_back_shuts_nothing_that_somebody_opened(
    ends: tuple[Host, Namespace], former: dict, change: str
) -> None:
    host, peer = ends
    host.apply(former)
    texts = host.texts()
    applied = host.apply(native(*OLD, policy="deny", scope="both"), after=600)
    tool = "ip6tables" if "ip6tables" in change else "iptables"
    host.shell(change)
    assert "of its rules" in host.confirm(applied)["msg"]
    host.elapse()
    assert until(lambda: host.texts() == texts)
    policy = f"{tool} -P OUTPUT {'DROP' if former is DENY and 'ACCEPT' not in change else 'ACCEPT'}"
    assert until(lambda: policy in host.kernel())
    if "ACCEPT" in change:
        with listen(peer, LISTED[6], 443):
            assert connects(host.space, LISTED[6], 443) == "open"
    host.shell("ufw reload")
    host.remove()


SWITCHED_OFF = f"IPv6 is switched off in {DEFAULTS} (IPV6=no)"
LETS_NOTHING = f"{SWITCHED_OFF}: it lets nothing through there but the loopback"
NOT_YET = f"{SWITCHED_OFF}, and the kernel does not follow that ("


@pytest.mark.long
def test_ipv6_that_is_switched_off_in_the_file_only(ends: tuple[Host, Namespace]) -> None:
    host, peer = ends
    host.shell(f"sed -i s/^IPV6=yes/IPV6=no/ {DEFAULTS}")
    for then, told, connected in (
        (":", f"{NOT_YET}ufw's rules for it are loaded, the policy of OUTPUT is not DROP)", "open"),
        ("ufw reload", LETS_NOTHING, "silent"),
        # Answers do not come in then.
        ("ip6tables -P OUTPUT ACCEPT", f"{NOT_YET}the policy of OUTPUT is not DROP)", "silent"),
        ("ip6tables -P OUTPUT DROP; ip6tables -A OUTPUT -p tcp -j ACCEPT", f"{NOT_YET}rule OUTPUT -p tcp -j ACCEPT)",
         "silent"),
        ("ip6tables -D OUTPUT -p tcp -j ACCEPT", LETS_NOTHING, "silent"),
    ):  # fmt: skip
        host.shell(then)
        done = host.apply(DENY)
        assert [note.startswith(told) for note in done["notes"] if note.startswith(SWITCHED_OFF)] == [True], done
        assert done["ip_versions"] == [4]
        with listen(peer, "2001:db8::5", 443):
            assert connects(host.space, "2001:db8::5", 443, 1) == connected
    host.shell(f"sed -i s/^IPV6=no/IPV6=yes/ {DEFAULTS}; ufw reload")
    host.remove()


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ufw disable", "ufw is inactive: nothing is filtered until 'ufw enable'"),
        ("sed -i s/^ENABLED=yes/ENABLED=no/ /etc/ufw/ufw.conf", "ufw is inactive, and the kernel has rules of ufw for "
         "IPv4 and rules of ufw for IPv6: this run changes nothing of that until 'ufw enable'"),
        ("/lib/ufw/ufw-init stop", "ufw is enabled, but its rules are not loaded: nothing is filtered until it starts"),
        ("iptables -F; iptables -X; ip6tables -F; ip6tables -X", "ufw is enabled, but its rules are not loaded, and "
         "the kernel has the policy DROP of FORWARD in iptables and the policy DROP of INPUT in iptables and the "
         "policy DROP of OUTPUT in iptables and the policy DROP of FORWARD in ip6tables and the policy DROP of INPUT "
         "in ip6tables and the policy DROP of OUTPUT in ip6tables: this run changes nothing of that until it starts"),
    ],
)  # fmt: skip
def test_an_ufw_that_does_not_run(ends: tuple[Host, Namespace], change: str, told: str) -> None:
    host, _peer = ends
    host.apply(DENY)
    host.shell(change)
    kernel = host.kernel()
    done = host.apply(native(*OLD, policy="deny"))
    assert [note for note in done["notes"] if note.startswith("ufw is ")] == [told]
    assert host.kernel() == kernel
    host.shell("ufw --force enable; ufw reload")
    host.remove()
