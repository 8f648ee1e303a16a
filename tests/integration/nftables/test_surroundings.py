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
        # What stops nothing that we open.
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
        host.shell("for f in /proc/sys/net/ipv*/conf/all/forwarding; do echo 0 > $f; done")
        notes = host.apply(native(row("203.0.113.9"), policy="deny", scope="host"))["notes"]
        assert not any(note.startswith("this host forwards") for note in notes)
