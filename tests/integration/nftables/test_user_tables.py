# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hole in the drop policy of a table of the user's."""

from __future__ import annotations

import re

import pytest

from tests.support.ends import Ends
from tests.support.hosts.nftables import LOADER, MAIN, Host, native
from tests.support.rules import NEW, OLD, row
from tests.support.waiting import GLANCE, PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

CHAIN = """table {family} filter {{
    counter mine {{ packets 5 bytes 500 }}
    set friends {{ type {address}; elements = {{ {friend} }}; }}
    chain output {{
        type filter hook output priority filter; policy drop;
        oif "lo" accept
        ct state established,related accept
        meta l4proto icmpv6 accept
        {ip} daddr @friends counter name "mine" accept
        udp dport 7 drop{more}
    }}
    chain spare {{ }}
}}
"""
ADDRESSES = {"ip": ["203.0.113.9"], "ip6": ["2001:db8::9"], "inet": ["203.0.113.9", "2001:db8::9"]}
HOLES = [row("203.0.113.0/28", "443, 8000-8010"), row("2001:db8::/64", "443, 8000-8010")]


def users(family: str, more: str = "") -> str:
    """Return the rules that the user has, in a table of this family."""
    ip, address, friend = ("ip6", "ipv6_addr", "2001:db8:1::1") if family == "ip6" else ("ip", "ipv4_addr", "192.0.2.1")
    return CHAIN.format(family=family, ip=ip, address=address, friend=friend, more=more)


def into(family: str, jump: bool, **more: str) -> dict:
    """Return the native form for the user's table."""
    place = {"family": family, "table": "filter", "chain": "output", "jump": jump, **more}
    return native(*HOLES, policy="unmanaged", into=place)


def chain(host: Host, family: str, name: str = "output") -> list[str]:
    """Return the rules of a chain in their order."""
    lines = [line.strip() for line in host.shell(f"nft -s list chain {family} filter {name}").splitlines()[2:-2]]
    return [line for line in lines if not line.startswith("type ")]


@pytest.mark.parametrize("family", ADDRESSES)
def test_a_jump_opens_the_hole_and_no_more(ends: Ends, family: str) -> None:
    host = ends.host
    host.load(users(family))
    before, order = host.rules(counts=True), chain(host, family)
    for address in ADDRESSES[family]:
        with ends.listen(address, 443), ends.listen(address, 444), ends.listen(address, 8010):
            assert ends.connects(address, 443, GLANCE) != "open"
            applied = host.apply(into(family, jump=True), after=600)
            assert f"+ jump from chain output of table {family} filter" in applied["differences"]
            host.confirm(applied)
            assert ends.connects(address, 443) == "open"
            assert ends.connects(address, 8010) == "open"
            assert ends.connects(address, 444, GLANCE) != "open"
        assert chain(host, family) == ['jump egress_allowlist comment "egress.allowlist"', *order]
        assert host.counters()["egress_allowlist_acme/calls"] >= 2
        assert host.counters()["mine"] == 5
        again = host.apply(into(family, jump=True))
        assert (again["changed"], again["differences"]) == (False, [])
        assert host.module(state="absent")["changed"]
        assert host.rules(counts=True) == before


def test_without_a_jump_the_user_leads_there(ends: Ends) -> None:
    host = ends.host
    host.load(users("inet"))
    with ends.listen("203.0.113.9", 443):
        host.apply(into("inet", jump=False))
        assert ends.connects("203.0.113.9", 443, GLANCE) != "open"
        host.load("add rule inet filter output ip daddr 203.0.113.0/24 jump egress_allowlist")
        assert ends.connects("203.0.113.9", 443) == "open"
        assert host.apply(into("inet", jump=False))["changed"] is False
        # A new list while the user's rule leads to the chain.
        host.apply(native(*HOLES, *NEW, policy="unmanaged", into={"table": "filter"}))
        assert ends.connects("203.0.113.9", 443) == "open"
        # The user's rule is not ours to remove: the chain stays for it, empty, and we say so.
        gone = host.module(state="absent")
        assert gone["changed"]
        assert gone["notes"] == [
            "the empty chain egress_allowlist of table inet filter stays: a rule of yours leads to it"
        ]
        assert ends.connects("203.0.113.9", 443, GLANCE) != "open"
        assert host.module(state="absent")["changed"] is False
        assert re.findall("egress_allowlist\\S*", host.rules()) == ["egress_allowlist", "egress_allowlist"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"table": "filtre"}, "there is no table inet filtre on this host"),
        ({"family": "ip"}, "there is no table ip filter on this host"),
        ({"chain": "outpt"}, "table inet filter has no chain 'outpt': it has output, spare"),
    ],
)
def test_a_place_that_is_not_there_is_refused(ends: Ends, place: dict[str, str], message: str) -> None:
    host = ends.host
    host.load(users("inet"))
    rules, files = host.rules(counts=True), host.files()
    for check in (True, False):
        failed = host.module(ruleset=into(place.pop("family", "inet"), jump=True, **place), check=check)
        assert failed.get("failed"), failed
        assert message in failed["msg"]
        assert host.rules(counts=True) == rules
        assert [line for line in host.files() if "/run/" not in line] == files
        place |= {"family": "ip"} if "ip filter" in message else {}


def test_a_boot_brings_the_users_table_and_ours_into_it(ends: Ends) -> None:
    host = ends.host
    main = "#!/usr/sbin/nft -f\nflush ruleset\n" + users("inet")
    host.write(MAIN, main)
    host.shell(f"nft -f {MAIN}")
    host.confirm(host.apply(into("inet", jump=True), after=600))
    rules = host.rules()
    assert rules.count("jump egress_allowlist") == 1
    host.boot()
    assert host.rules() == rules
    assert host.apply(into("inet", jump=True))["changed"] is False
    # Over what is there, as a second start of the unit: the jump is still one.
    host.shell(f"sh {LOADER}; sh {LOADER}")
    assert host.rules() == rules
    with ends.listen("203.0.113.9", 443), ends.listen("203.0.113.9", 444):
        assert ends.connects("203.0.113.9", 443) == "open"
        assert ends.connects("203.0.113.9", 444, GLANCE) != "open"
    host.remove()
    assert "egress_allowlist" not in host.rules()
    assert host.read(MAIN) == main


@pytest.mark.parametrize(
    ("theirs", "chain", "message"),
    [
        ("", "output", "chain inet filter output is not there: the allowlist is not loaded"),
        ("", "", "table inet filter is not there: the allowlist is not loaded"),
        ("table inet filter { chain spare { }; }", "output", "chain inet filter output is not there"),
    ],
)
def test_a_boot_without_the_users_table_fails_and_says_so(ends: Ends, theirs: str, chain: str, message: str) -> None:
    host = ends.host
    host.load(users("inet"))
    host.apply(into("inet", jump=bool(chain), chain=chain))
    host.load("flush ruleset\n" + theirs)
    before = host.rules()
    done = host.space.run(["sh", LOADER])
    assert done.returncode != 0
    assert message in done.stderr
    assert host.rules() == before, "a table of the user's is not made up"


def test_the_jump_moves_with_the_chain_that_the_user_names(ends: Ends) -> None:
    host = ends.host
    host.load(users("inet"))
    before = host.rules()
    host.apply(into("inet", jump=True))
    moved = host.apply(into("inet", jump=True, chain="spare"))
    assert moved["differences"][-2:] == [
        "- jump from chain output of table inet filter",
        "+ jump from chain spare of table inet filter",
    ]
    assert host.rules().count("jump egress_allowlist") == 1
    assert 'jump egress_allowlist comment "egress.allowlist"' in host.shell("nft list chain inet filter spare")
    host.apply(native(*HOLES, policy="unmanaged", into={"table": "filter"}))
    assert "jump egress_allowlist" not in host.rules()
    host.remove()
    assert host.rules() == before


CHANGED = "~ chain egress_allowlist: changed on the host since, set back"
DRIFTS = {
    "element": ("delete element inet filter egress_allowlist_allowed4_tcp_443 { 203.0.113.0/28 }",
                "+ tcp/443 to 203.0.113.0/28  acme: calls"),
    "rule": ("insert rule inet filter egress_allowlist accept", CHANGED),
    "flushed": ("flush chain inet filter egress_allowlist", CHANGED),
    "jump": ("flush chain inet filter output", "+ jump from chain output of table inet filter"),
}  # fmt: skip


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_somebody_changed_is_mended(ends: Ends, drift: str) -> None:
    host = ends.host
    host.load(users("inet"))
    host.apply(into("inet", jump=True))
    ours = host.shell("nft -s list chain inet filter egress_allowlist")
    host.load(DRIFTS[drift][0])
    theirs = [line for line in chain(host, "inet") if "egress" not in line]
    assert DRIFTS[drift][1] in host.apply(into("inet", jump=True))["differences"]
    assert host.shell("nft -s list chain inet filter egress_allowlist") == ours
    assert [line for line in chain(host, "inet") if "egress" not in line] == theirs
    assert host.apply(into("inet", jump=True))["changed"] is False


def test_only_what_the_sources_send_finds_the_hole(ends: Ends) -> None:
    host = ends.host
    host.load(users("inet"))
    place = {"table": "filter", "chain": "output", "jump": True}
    for source, seen in (("198.18.1.0/24", "open"), ("198.18.2.0/24", "silent")):
        host.apply(native(*HOLES, *OLD, policy="unmanaged", scope="gateway", sources=[source], into=place))
        with ends.listen("203.0.113.9", 443):
            assert ends.connects("203.0.113.9", 443, PATIENCE if seen == "open" else GLANCE) == seen
