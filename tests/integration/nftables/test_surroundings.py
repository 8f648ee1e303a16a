# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the summary says of a host on which others stop what we open, or forward what the scope does not reach."""

from __future__ import annotations

import pytest

from tests.support.ends import Ends
from tests.support.hosts.nftables import Host, native
from tests.support.hosts.other_tables import OTHERS
from tests.support.packets import TCP, gateway_world
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")

LEAD = "what other tables stop stays stopped, also where it is allowed here: "
WAY = "; to open them, put the rules into such a table (nftables_egress_into)"
HOOK = "type filter hook {} priority filter; policy {};"
STOPS = "drops or rejects some packets"


def table(*chains: str, head: str = "inet mine", more: str = "") -> str:
    """Return a table of the user's with chains, C{name { rules }} each."""
    return f"table {head} {{ {more}\n" + "".join(f"chain {chain}\n" for chain in chains) + "}\n"


@pytest.mark.parametrize(
    ("text", "scope", "told"),
    [
        (table(f"out {{ {HOOK.format('output', 'drop')} }}"), "host", "table inet mine, chain out (policy drop)"),
        (table(f"out {{ {HOOK.format('output', 'drop')} }}", head="ip mine"), "both",
         "table ip mine, chain out (policy drop)"),
        (table(f"out {{ {HOOK.format('output', 'drop')} }}", head="ip6 mine"), "host",
         "table ip6 mine, chain out (policy drop)"),
        (table(f"out {{ {HOOK.format('output', 'drop')} }}"), "gateway", ""),
        (table(f"through {{ {HOOK.format('forward', 'drop')} }}"), "gateway",
         "table inet mine, chain through (policy drop)"),
        (table(f"through {{ {HOOK.format('forward', 'drop')} }}"), "host", ""),
        (table(f"in {{ {HOOK.format('input', 'drop')} }}"), "both", ""),
        (table(f"out {{ {HOOK.format('output', 'accept')} tcp dport 25 reject; }}"), "host",
         f"table inet mine, chain out ({STOPS})"),
        (table("no { udp dport 9 drop; }", "yes { accept; }",
               f"out {{ {HOOK.format('output', 'accept')} tcp dport {{ 25, 26 }} jump no; jump yes; }}"), "host",
         f"table inet mine, chain out ({STOPS})"),
        (table("no { drop; }", f"out {{ {HOOK.format('output', 'accept')} ip daddr vmap {{ 10.0.0.1 : goto no }}; }}"),
         "host", f"table inet mine, chain out ({STOPS})"),
        (table(f"post {{ {HOOK.format('postrouting', 'accept')} meta mark 7 drop; }}"), "gateway",
         f"table inet mine, chain post ({STOPS})"),
        (table(f"out {{ {HOOK.format('output', 'accept')} ip daddr vmap @v; }}",
               more="map v { type ipv4_addr : verdict; elements = { 10.0.0.1 : accept, 10.0.0.2 : drop }; };"),
         "host", f"table inet mine, chain out ({STOPS})"),
        (table("no { reject; }", f"out {{ {HOOK.format('output', 'accept')} tcp dport vmap @v; }}",
               more="map v { type inet_service : verdict; elements = { 25 : jump no }; };"),
         "host", f"table inet mine, chain out ({STOPS})"),
        (table("no { ip daddr vmap @w; }", f"out {{ {HOOK.format('output', 'accept')} tcp dport vmap @v; }}",
               more="map w { type ipv4_addr : verdict; elements = { 10.0.0.2 : drop }; };"
                    "map v { type inet_service : verdict; elements = { 25 : goto no }; };"),
         "host", f"table inet mine, chain out ({STOPS})"),
        (table('out { type filter hook egress device "lo" priority 0; policy drop; }', head="netdev mine"), "host",
         "table netdev mine, chain out (policy drop)"),
        (table('out { type filter hook egress device "lo" priority 0; ip daddr 10.0.0.1 drop; }', head="netdev mine"),
         "gateway", f"table netdev mine, chain out ({STOPS})"),
        (table('in { type filter hook ingress device "lo" priority 0; policy drop; }', head="netdev mine"), "gateway",
         "table netdev mine, chain in (policy drop)"),
        (table('in { type filter hook ingress device "lo" priority 0; policy drop; }'), "both",
         "table inet mine, chain in (policy drop)"),
        (table("out { type nat hook output priority -100; policy drop; }"), "host",
         "table inet mine, chain out (policy drop)"),
        # What stops nothing that we open.
        (table(f"out {{ {HOOK.format('output', 'accept')} ip daddr vmap @v; }}",
               more="map v { type ipv4_addr : verdict; elements = { 10.0.0.1 : accept }; };"), "host", ""),
        (table(f"out {{ {HOOK.format('output', 'accept')} accept; }}",
               more="map v { type ipv4_addr : verdict; elements = { 10.0.0.1 : drop }; };"), "host", ""),
        (table('in { type filter hook ingress device "lo" priority 0; policy drop; }', head="netdev mine"), "host", ""),
        (table("no { drop; }", f"out {{ {HOOK.format('output', 'accept')} ct state invalid drop; }}"), "host", ""),
        (table(f'out {{ {HOOK.format("output", "accept")} log prefix "drop " accept comment "reject"; }}'), "host", ""),
        (table("out { type nat hook output priority -100; policy accept; }"), "host", ""),
        (table(f"out {{ {HOOK.format('output', 'drop')} }}", more="flags dormant;"), "host", ""),
        (table(f"through {{ {HOOK.format('forward', 'drop')} }}", head="bridge mine"), "both", ""),
        (OTHERS, "host", ""),
        (OTHERS, "gateway",
         f"table ip filter, chain FORWARD (policy drop); table ip6 libvirt_network, chain forward ({STOPS})"),
    ],
)  # fmt: skip
def test_tables_that_stop_what_we_open(host: Host, text: str, scope: str, told: str) -> None:
    host.load(text)
    for policy in ("deny", "unmanaged"):
        notes = host.apply(native(row("203.0.113.9"), policy=policy, scope=scope))["notes"]
        assert [note for note in notes if note.startswith(LEAD)] == [f"{LEAD}{told}{WAY}"] * bool(told)


def test_the_way_out_opens(ends: Ends) -> None:
    """What the note says is so, and what it names opens it."""
    host = ends.host
    host.load(table(f"out {{ {HOOK.format('output', 'drop')} oif lo accept; ct state established,related accept; }}"))
    with ends.listen("203.0.113.9", 443):
        assert any(note.startswith(LEAD) for note in host.apply(native(row("203.0.113.9"), policy="deny"))["notes"])
        assert ends.connects("203.0.113.9", 443, 0.3) != "open"
        into = {"family": "inet", "table": "mine", "chain": "out", "jump": True}
        notes = host.apply(native(row("203.0.113.9"), policy="unmanaged", into=into))["notes"]
        assert ends.connects("203.0.113.9", 443) == "open"
    assert not any(note.startswith(LEAD) for note in notes)


def test_a_host_that_forwards() -> None:
    with gateway_world() as world:
        host, other = Host(world.host), [(TCP, 4, 0xC6336401, 443)]
        lead = "this host forwards packets between its networks (inside0, outside0), "
        for scope, said in (("host", [True]), ("both", []), ("gateway", [])):
            notes = host.apply(native(row("203.0.113.9"), policy="deny", scope=scope))["notes"]
            assert [note.startswith(lead) for note in notes if note.startswith("this host forwards")] == said
            assert world.probe(other) == [bool(said)]
        assert (
            "set nftables_egress_scope to both, and nftables_egress_sources to the addresses behind this host"
            in str(host.apply(native(row("203.0.113.9"), policy="deny", scope="host"))["notes"])
        )
        host.shell("for f in /proc/sys/net/ipv*/conf/all/forwarding; do echo 0 > $f; done")
        notes = host.apply(native(row("203.0.113.9"), policy="deny", scope="host"))["notes"]
        assert not any(note.startswith("this host forwards") for note in notes)


def test_the_scope_that_the_note_names_lets_new_connections_in() -> None:
    """With the sources that it names; without them it stops them, as it says."""
    inbound = [(TCP, 4, 0x05060708, 443), (TCP, 6, 0x20010DB8000900000000000000000005, 443)]
    with gateway_world() as world:
        host, rows = Host(world.host), [row("203.0.113.9")]
        [note] = [note for note in host.apply(native(*rows, policy="deny"))["notes"] if "forwards packets" in note]
        assert "without sources, new connections from outside to what is behind it are stopped too" in note
        assert world.probe(inbound, inbound=True) == [True, True]
        host.apply(native(*rows, policy="deny", scope="both"))
        assert world.probe(inbound, inbound=True) == [False, False]
        host.apply(native(*rows, policy="deny", scope="both", sources=["198.18.1.0/24", "2001:2:0:1::/64"]))
        assert world.probe(inbound, inbound=True) == [True, True]


LINK = (
    "for n in va vb; do ip link add $n type veth peer name p$n; ip link set $n up; ip link set p$n up; done; "
    "ip address add 198.18.1.2/24 dev va; "
)
FORWARDS = {
    "one network": "echo 1 >/proc/sys/net/ipv4/conf/va/forwarding",
    "one network, IPv6": "echo 1 >/proc/sys/net/ipv6/conf/va/forwarding",
    "routes of a policy": "echo 1 >/proc/sys/net/ipv4/ip_forward; ip route add 10.7.0.0/16 dev vb table 100; "
    "ip rule add from all lookup 100",
}


@pytest.mark.parametrize("how", FORWARDS)
def test_a_host_that_forwards_by_one_network_of_its_main_table(host: Host, how: str) -> None:
    host.shell(LINK + "for f in /proc/sys/net/ipv[46]/conf/*/forwarding; do echo 0 >$f; done; " + FORWARDS[how])
    notes = host.apply(native(row("203.0.113.9"), policy="deny"))["notes"]
    shown = "pva, pvb, va, vb" if "policy" in how else "va"
    assert any(note.startswith(f"this host forwards packets that come in by {shown}, ") for note in notes), notes
    host.shell("for f in /proc/sys/net/ipv[46]/conf/*/forwarding; do echo 0 >$f; done")
    notes = host.apply(native(row("203.0.113.9"), policy="deny"))["notes"]
    assert not any(note.startswith("this host forwards") for note in notes)


UNTRACKED = {
    "nft": ("nft 'table inet mine { chain pre { type filter hook prerouting priority raw; udp dport 9 notrack; }; }'",
            "table inet mine, chain pre"),
    "a chain that is led to": (
        "nft 'table ip mine { chain x { notrack; }; chain o { type filter hook output priority raw; jump x; }; }'",
        "table ip mine, chain x"),
    "iptables": ("iptables-nft -t raw -A OUTPUT -p tcp --sport 5432 -j CT --notrack", "table ip raw, chain OUTPUT"),
    "iptables, the old way": ("ip6tables-nft -t raw -A PREROUTING -j NOTRACK", "table ip6 raw, chain PREROUTING"),
    "legacy": ("iptables-legacy -t raw -A OUTPUT -p tcp --sport 5432 -j CT --notrack", "table raw of iptables-legacy"),
    "legacy, IPv6": ("ip6tables-legacy -t raw -A OUTPUT -j CT --notrack", "table raw of ip6tables-legacy"),
}  # fmt: skip


@pytest.mark.parametrize("how", UNTRACKED)
def test_packets_that_are_not_tracked(host: Host, how: str) -> None:
    script, shown = UNTRACKED[how]
    lead = f"some packets are not tracked (notrack in {shown}): "
    host.shell(script)
    for policy, told in (("deny", True), ("audit", True), ("unmanaged", False)):
        notes = host.apply(native(row("203.0.113.9"), policy=policy))["notes"]
        assert any(note.startswith(lead) for note in notes) is told, notes


def test_what_only_looks_like_untracked_packets(host: Host) -> None:
    host.load(table(f'out {{ {HOOK.format("output", "accept")} log prefix "notrack " comment "notrack"; }}'))
    notes = host.apply(native(row("203.0.113.9"), policy="deny"))["notes"]
    assert not any("not tracked" in note for note in notes)
