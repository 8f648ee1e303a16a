# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are under way when their destination leaves the list."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.calls import call, datagrams, packets, pings
from tests.support.cutting import ALLOW, ENDED, GONE, KEPT, LESS, OWN, check_additions_end
from tests.support.ends import Ends
from tests.support.hosts.nftables import CANDIDATE, HOST, Host, native
from tests.support.packets import gateway_world
from tests.support.rules import row
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

LOOPED = "127.0.0.1"
LIST = [row(f"{GONE}, {KEPT}, {OWN}"), row("2001:db8::9"), row(GONE, "3478", "UDP", "media")]


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
    ends.host.apply(native(*LIST, policy="deny", allow=ALLOW))
    gone = [call(stack, here, far, address, 443) for address in (GONE, "2001:db8::9")]
    gone.append(datagrams(stack, here, far, GONE, 3478))
    kept = [call(stack, here, far, address, 443) for address in (KEPT, "203.0.113.20")]
    kept.append(call(stack, far, here, HOST[4], 22))  # a management connection
    kept.append(call(stack, far, here, HOST[4], 443))  # another service of the host's
    kept.append(call(stack, here, here, LOOPED, 443))
    assert [each.goes() for each in [*gone, *kept]] == [True] * len([*gone, *kept])
    done = ends.host.apply(native(*LESS, policy="deny", allow=ALLOW), after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = ends.host.confirm(done)
    assert ENDED in done["notes"]
    assert [each.goes(first=first) for each in gone] == [False] * 3
    assert all(each.goes(first=first) for each in kept)
    assert known(ends, KEPT) == 1
    assert known(ends, GONE) + known(ends, "2001:db8::9") == 0
    ends.host.remove()
    assert ends.host.rules() == ""


@pytest.mark.parametrize("after", [0, 600])
def test_what_the_user_allows_no_more_ends_too(ends: Ends, stack: ExitStack, after: int) -> None:
    check_additions_end(ends.host, ends.peer, stack, native, after)


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
    assert until(lambda: ends.host.read(CANDIDATE) == "")
    assert "went back" in ends.host.confirm(applied)["msg"]
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
    flows += [
        datagrams(stack, ends.host.space, ends.peer, address, port)
        for address, port in (("203.0.113.53", 53), ("203.0.113.123", 123))
    ]
    done = ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    assert "no flow was under way to what left the list" in done["notes"]
    assert all(each.goes() for each in flows)


def test_addresses_of_a_name_that_left(ends: Ends, stack: ExitStack) -> None:
    names = {"names": "resolve", "policy": "deny"}
    ends.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    both = [row("voice.example.com"), row("video.example.com"), row("203.0.113.200")]
    ends.host.apply(native(*both, **names))
    ends.peer.script("ip route add local 11.0.0.0/24 dev lo")  # not one of the special addresses
    for name, address in (("voice", "11.0.0.9"), ("video", "11.0.0.10")):
        ends.host.load(f"add element inet egress_allowlist leased4_{name}.example.com {{ {address} }}")
    flows = [call(stack, ends.host.space, ends.peer, address, 443) for address in ("11.0.0.9", "11.0.0.10")]
    ends.host.apply(native(*both[1:], **names), cut_removed=True)
    assert [each.goes() for each in flows] == [False, True]


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 600])
@pytest.mark.parametrize("first", ["here", "there"])
def test_flows_without_ports_end_and_no_other(ends: Ends, stack: ExitStack, after: int, first: str) -> None:
    """Tunnels by ESP, GRE and others: their other side goes on to send, which must not bring them back."""
    here, far = ends.host.space, ends.peer
    protocols = {"ESP": 50, "GRE": 47, "VRRP": 112, "OSPF": 89, "253": 253}
    cell = ", ".join(protocols)
    both = [row(f"{GONE}, {KEPT}, 2001:db8::9, 2001:db8::10", "-", cell)]
    allow = [{"destination": "203.0.113.20", "protocol": "esp"}]
    ends.host.apply(native(*both, policy="deny", allow=allow))
    gone = [packets(stack, here, far, to, number) for to in (GONE, "2001:db8::9") for number in protocols.values()]
    kept = [packets(stack, here, far, to, number) for to in (KEPT, "2001:db8::10") for number in protocols.values()]
    kept.append(packets(stack, here, far, "203.0.113.20", 50))
    kept.append(packets(stack, far, here, HOST[4], 50))  # it came in
    assert [each.goes() for each in [*gone, *kept]] == [True] * len([*gone, *kept])
    less = native(row(f"{KEPT}, 2001:db8::10", "-", cell), policy="deny", allow=allow)
    done = ends.host.apply(less, after=after, cut_removed=True)
    if after:
        assert all(each.goes() for each in [*gone, *kept]), "nothing is ended before it is confirmed"
        done = ends.host.confirm(done)
    assert any(note.startswith("flows to what left the list were ended: 10 (") for note in done["notes"]), done["notes"]
    for each in gone:  # the other side goes on
        each.there.send(each.text)
    assert [each.goes(first=first) for each in gone] == [False] * 10
    assert all(each.goes(first=first) for each in kept)
    again = native(*both, policy="deny", allow=allow)  # it comes back: its first packet is let out, and answered
    ends.host.apply(again, cut_removed=True)
    for each in gone:
        each.here.send(each.text)
    assert [each.there.recv(2048)[-9:] for each in gone] == [b"o meaning"] * 10
    assert [each.goes() for each in [*gone, *kept]] == [True] * len([*gone, *kept])
    ends.host.remove()
    assert ends.host.rules() == ""


def test_ah_which_conntrack_knows_by_what_is_in_it_is_told_of(ends: Ends) -> None:
    """Of IPv6 it takes AH for a header: what follows is the flow, and no list says what that was."""
    ends.host.apply(native(row(f"{GONE}, 2001:db8::9", "-", "AH"), policy="deny"))
    done = ends.host.apply(native(row(GONE, "-", "AH"), policy="deny"), cut_removed=True)
    assert "no flow was under way to what left the list" not in done["notes"]
    assert "flows by ah over IPv6 to what left the list go on: conntrack knows them by what is in them" in done["notes"]
    done = ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    assert "no flow was under way to what left the list" in done["notes"]


def test_questions_by_icmp_end_and_no_other(ends: Ends, stack: ExitStack) -> None:
    here, far = ends.host.space, ends.peer
    rows = [
        row(f"{GONE}, {KEPT}", "", "ICMP type 8", "ping"),
        row(f"{GONE}, {KEPT}", "", "ICMP type 13", "clock"),
        row("2001:db8::9, 2001:db8::10", "echo-request", "ICMPv6", "ping"),
    ]
    ends.host.apply(native(*rows, policy="deny"))
    gone = [pings(stack, here, GONE), pings(stack, here, "2001:db8::9", 128, 129)]
    kept = [pings(stack, here, KEPT), pings(stack, here, "2001:db8::10", 128, 129), pings(stack, far, HOST[4])]
    kept.append(pings(stack, here, GONE, 13, 14))  # of another type
    assert [each.goes() for each in [*gone, *kept]] == [True] * len([*gone, *kept])
    less = [
        row(KEPT, "", "ICMP", "ping"),
        row(GONE, "", "ICMP type 13", "clock"),
        row("2001:db8::10", "", "ICMPv6", "ping"),
    ]
    done = ends.host.apply(native(*less, policy="deny"), cut_removed=True)
    assert (
        "flows to what left the list were ended: 2 (icmp/echo-request to 203.0.113.9, icmpv6/echo-request to "
        "2001:db8::9)"
    ) in done["notes"]
    assert [each.goes() for each in gone] == [False, False]
    assert [each.goes() for each in kept] == [True] * len(kept)


def test_many_flows_end_at_once(ends: Ends, stack: ExitStack) -> None:
    """One process for each took 40 seconds here. Those of a zone of their own are found in it."""
    zone = "chain zone { type filter hook output priority raw; udp dport 2000-2199 ct zone set 7; }"
    ends.host.load(f"table inet user {{ {zone}; }}")
    ends.host.apply(native(row("203.0.113.0/24, 2001:db8::/64", "1-65535", "UDP"), policy="deny"))
    for family, address in ((socket.AF_INET, GONE), (socket.AF_INET6, "2001:db8::9")):
        sender = stack.enter_context(ends.host.space.call(partial(socket.socket, family, socket.SOCK_DGRAM)))
        for port in range(1700, 2200):
            with contextlib.suppress(OSError):  # of an answer that nobody listens
                sender.sendto(b"x", (address, port))
    under_way = known(ends, GONE) + known(ends, "2001:db8::9")
    assert under_way > 900
    began = time.monotonic()
    done = ends.host.apply(native(row("203.0.113.77"), policy="deny"), cut_removed=True)
    assert time.monotonic() - began < 15
    assert f"flows to what left the list were ended: {under_way} (" in "".join(done["notes"])
    assert known(ends, GONE) + known(ends, "2001:db8::9") == 0


@pytest.mark.long
@pytest.mark.parametrize("translated", [False, True])
@pytest.mark.parametrize("first", ["here", "there"])
def test_flows_through_a_gateway(stack: ExitStack, translated: bool, first: str) -> None:
    with gateway_world() as world:
        host, client, far = Host(world.host), world.sender, world.wire
        far.script("ip route add local 203.0.113.0/24 dev lo")
        if translated:
            host.load(
                "table ip nat { chain out { type nat hook postrouting priority srcnat; oif outside0 masquerade; }; }"
            )
        scope = {"policy": "deny", "scope": "gateway", "sources": ["198.18.1.0/24"]}
        host.apply(native(*LIST, row(GONE, "", "ESP, ICMP", "tunnel"), **scope))
        gone, kept = (call(stack, client, far, address, 443) for address in (GONE, KEPT))
        media = datagrams(stack, client, far, GONE, 3478)
        tunnel, asked = packets(stack, client, far, GONE, 50), pings(stack, client, GONE)
        own = call(stack, world.host, far, "203.0.113.20", 443)  # the gateway's own, of which the scope says nothing
        assert all(each.goes() for each in (gone, kept, media, tunnel, asked, own))
        done = host.apply(native(*LESS, **scope), cut_removed=True)
        assert (
            "flows to what left the list were ended: 4 (50 to 203.0.113.9, icmp/echo-request to 203.0.113.9, "
            "tcp/443 to 203.0.113.9, udp/3478 to 203.0.113.9)"
        ) in done["notes"]
        flows = (gone, media, tunnel, asked, kept, own)
        assert [each.goes(first=first) for each in flows] == [False, False, False, False, True, True]


CUT = "inet egress_allowlist_cut"


def kept_shut(host: Host) -> str:
    """Return the listing of what is kept shut, '' where there is no such table."""
    return host.shell(f"nft list table {CUT} 2>/dev/null || :")


AGAIN = {
    "the list again": (LIST, {"policy": "deny"}),
    "in allow": (
        LESS,
        {"policy": "deny", "allow": [{"destination": GONE, "ports": "443, 3478", "protocol": "TCP/UDP"}]},
    ),
    "audit": (LESS, {"policy": "audit"}),
    "unmanaged": (LESS, {"policy": "unmanaged"}),
    "of the gateway only": (LESS, {"policy": "deny", "scope": "gateway"}),
}


@pytest.mark.long
@pytest.mark.parametrize("after", [600, 0])
@pytest.mark.parametrize("again", AGAIN)
def test_what_is_let_through_again_is_shut_no_more(ends: Ends, stack: ExitStack, again: str, after: int) -> None:
    here, far = ends.host.space, ends.peer
    ends.host.apply(native(*LIST, policy="deny"))
    flows = [datagrams(stack, here, far, GONE, 3478)]
    quiet = call(stack, here, far, GONE, 443)
    ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    assert not any(each.goes() for each in flows)
    same = ends.host.apply(native(*LESS, policy="deny"))
    assert same["changed"] is False
    assert "are kept shut in table inet egress_allowlist_cut: 2 (tcp/443 to 203.0.113.9, udp/3478 to 203.0" in str(
        same["notes"]
    )
    rows, options = AGAIN[again]
    expected = ends.host.apply(native(*rows, **options), check=True)
    assert not any(each.goes() for each in flows), "check mode changes nothing"
    done = ends.host.apply(native(*rows, **options), after=after)
    assert done["differences"] == expected["differences"]
    assert CUT in str(done["differences"])
    assert all(each.goes(first=first) for each in flows for first in ("here", "there"))
    assert GONE not in kept_shut(ends.host)
    if after:
        ends.host.confirm(done)
    assert ends.host.apply(native(*rows, **options))["changed"] is False
    assert all(each.goes() for each in flows)
    assert quiet.goes()  # a connection of which nobody has tried anything meanwhile


def test_one_that_is_listed_again_and_another_that_is_not(ends: Ends, stack: ExitStack) -> None:
    here, far = ends.host.space, ends.peer
    ends.host.apply(native(*LIST, policy="deny"))
    gone, media = datagrams(stack, here, far, GONE, 3478), call(stack, here, far, GONE, 443)
    ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    done = ends.host.apply(native(*LESS, LIST[2], policy="deny"))
    assert f"- kept shut in table {CUT}: udp/3478 to {GONE}" in done["differences"]
    assert [gone.goes(), media.goes(first="there")] == [True, False]
    assert "are kept shut in table inet egress_allowlist_cut: 1 (tcp/443 to 203.0.113.9)" in str(done["notes"])


@pytest.mark.parametrize("translated", [False, True])
def test_through_a_gateway_what_is_listed_again_is_shut_no_more(stack: ExitStack, translated: bool) -> None:
    with gateway_world() as world:
        host, client, far = Host(world.host), world.sender, world.wire
        far.script("ip route add local 203.0.113.0/24 dev lo")
        if translated:
            host.load(
                "table ip nat { chain out { type nat hook postrouting priority srcnat; oif outside0 masquerade; }; }"
            )
        scope = {"policy": "deny", "scope": "gateway", "sources": ["198.18.1.0/24"]}
        host.apply(native(*LIST, **scope))
        media = datagrams(stack, client, far, GONE, 3478)
        host.apply(native(*LESS, **scope), cut_removed=True)
        before = kept_shut(host).count(GONE)
        assert host.apply(native(*LESS, **scope))["changed"] is False
        assert kept_shut(host).count(GONE) == before
        assert not media.goes(first="there")
        host.apply(native(*LIST, **scope))
        assert GONE not in kept_shut(host)
        assert media.goes()


def test_the_table_that_keeps_flows_shut_is_not_another_table(ends: Ends, stack: ExitStack) -> None:
    ends.host.apply(native(*LIST, policy="deny"))
    flow = datagrams(stack, ends.host.space, ends.peer, GONE, 3478)
    ends.host.apply(native(*LESS, policy="deny"), cut_removed=True)
    notes = ends.host.apply(native(*LESS, policy="deny"))["notes"]
    assert "what other tables stop" not in str(notes)
    assert not flow.goes()
