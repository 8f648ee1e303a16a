# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's vendors' rules as sets: what is rendered, and the files that hold them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import names, sets
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import web
from tests.support.strategies import fits, prefixes, services

HOOK = "#!/bin/sh\n# after.init\nset -e\n"


def made(*rules: dict[str, Any], **options: Any) -> dict[str, Any]:
    return render(merge_vendors(rules), sets=True, **options)


def opened(native: dict[str, Any]) -> dict[str, str]:
    return sets.entries(sets.texts(native, (4, 6)))


def test_prefixes_that_are_open_alike_share_a_set() -> None:
    native = made(web("192.0.2.0/28"), web("198.51.100.7"), web("203.0.113.0/24", "80"), web("2001:db8::/64"))
    assert sorted(native["sets"].values()) == [["192.0.2.0/28", "198.51.100.7"], ["2001:db8::/64"], ["203.0.113.0/24"]]
    assert len(native["chained"]) == 3
    assert native["rules"] == []
    assert all(re.fullmatch(r"egress_allowlist_[46]_[0-9a-f]{12}", name) for name in native["sets"])
    assert all(len(name) <= 31 for name in native["sets"])


def test_other_members_another_name() -> None:
    one, other = made(web("192.0.2.0/28")), made(web("192.0.2.0/27"))
    assert set(one["sets"]).isdisjoint(other["sets"])
    assert made(web("192.0.2.0/28", "80"))["sets"] == one["sets"]


@pytest.mark.parametrize(
    ("prefix", "members"), [("0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"]), ("::/0", ["::/1", "8000::/1"])]
)
def test_ipset_has_no_prefix_of_length_0(prefix: str, members: list[str]) -> None:
    assert list(made(web(prefix))["sets"].values()) == [members]


def test_only_sets_that_a_rule_looks_into() -> None:
    native = made(web("192.0.2.0/28"), web("2001:db8::/64"), scope="gateway", sources=["10.0.0.0/8"])
    assert list(native["sets"].values()) == [["192.0.2.0/28"]]
    assert not sets.texts(render(merge_vendors([web("192.0.2.0/28")])), (4, 6))


NAMED = {
    "lease": 600,
    "most": 3,
    "domains": {"api.example.com": {"leased": {"4": "egress_names_4_0123456789aaaaaa"}}},
}
CREATE = "create egress_names_4_0123456789aaaaaa hash:ip family inet timeout 600 maxelem 3\n"
FORMER = "egress_names_4_0123456789bbbbbb"


def test_sets_of_names_are_declared_empty_and_told_by_name() -> None:
    text = names.heads(NAMED)
    assert text == "# api.example.com\n" + CREATE
    assert names.named(text) == {"egress_names_4_0123456789aaaaaa": "api.example.com"}
    assert sets.contents(text) == {}
    assert names.heads({}) == ""


@pytest.mark.parametrize(
    ("live", "lines"),
    [
        ("", CREATE),
        (CREATE, ""),
        (CREATE + "add egress_names_4_0123456789aaaaaa 192.0.2.1 timeout 5\n", ""),
        (
            f"create {FORMER} hash:ip family inet hashsize 1024 maxelem 9 timeout 900 bucketsize 12 initval 0x1\n"
            + "".join(f"add {FORMER} 192.0.2.{n} timeout {n * 200}\n" for n in (3, 1, 0, 4, 2)),
            CREATE
            + "".join(
                f"add egress_names_4_0123456789aaaaaa 192.0.2.{n} timeout {left}\n"
                for n, left in ((4, 600), (3, 600), (2, 400))
            ),
        ),
        ("add egress_names_4_0123456788bbbbbb 192.0.2.1 timeout 5\n", CREATE),
    ],
)
def test_sets_of_names_take_over_what_was_looked_up(live: str, lines: str) -> None:
    assert names.repair(names.heads(NAMED), live) == lines


def placed(row: tuple[str, dict[str, str], str]) -> bool:
    """Tell whether a row can be held by a set and have its service."""
    return not row[0].endswith("/0") and fits({"destination": row[0], **row[1]})


@settings(max_examples=60)
@given(
    st.lists(st.tuples(prefixes(), services(), st.sampled_from("ab")).filter(placed), max_size=8),
    st.sampled_from([{}, {"scope": "gateway"}, {"scope": "both", "sources": ["10.0.0.0/8", "fd00::/8"]}]),
)
def test_sets_open_what_rules_open(rows: list[tuple[str, dict[str, str], str]], options: dict[str, Any]) -> None:
    rules = [web(to, **service, vendor=vendor) for to, service, vendor in rows]
    rules += [web(to, **service, direction="inbound") for to, service, _vendor in rows[:2]]
    form = render(merge_vendors(rules), **options)
    plain = form["rules"] + form["chained"]
    assert opened(made(*rules, **options)) == {text.partition(" # ")[0]: text.partition(" # ")[2] for text in plain}


def test_the_files() -> None:
    native = made(web("192.0.2.0/28"), policy="deny", scope="gateway", sources=["10.0.0.0/8"], dns_servers="192.0.2.53")
    name = next(iter(native["sets"]))
    files = sets.texts(native, (4, 6))
    assert files[sets.SETS] == f"create {name} hash:net family inet maxelem 65536\nadd {name} 192.0.2.0/28\n"
    assert [line for line in files[sets.CHAINS[4]].splitlines() if line.startswith("-A ")] == [
        f"-A egress-allowlist-forward -m set --match-set {name} dst -s 10.0.0.0/8 -p tcp --dport 443 "
        '-m comment --comment "acme calls" -j ACCEPT',
        '-A egress-allowlist-forward -s 10.0.0.0/8 -m comment --comment "egress stop" -j DROP',
    ]
    assert "-A " not in files[sets.CHAINS[6]]
    assert sets.CHAINS[6] not in sets.texts(native, (4,))


@pytest.mark.parametrize(
    ("protocol", "ports", "matched"),
    [
        ("esp", "", "-p esp"),
        ("gre", "", "-p 47"),
        ("253", "", "-p 253"),
        ("icmp", "", "-p icmp"),
        ("icmp", "echo-request", "-p icmp -m icmp --icmp-type 8"),
        ("icmp", "41", "-p icmp -m icmp --icmp-type 41"),
        ("sctp", "5060", "-p sctp -m multiport --dports 5060"),
        ("dccp", "5060-5061", "-p 33 -m multiport --dports 5060:5061"),
    ],
)
def test_lines_of_other_protocols(protocol: str, ports: str, matched: str) -> None:
    files = sets.texts(made(web("192.0.2.0/28", ports, protocol)), (4, 6))
    line = next(line for line in files[sets.CHAINS[4]].splitlines() if line.startswith("-A "))
    assert f" dst {matched} -m comment " in line
    inside = sets.texts(render(merge_vendors([web("192.0.2.0/28", "", "ospf")])), (4, 6))
    assert sets.SETS not in inside
    assert "-A egress-allowlist-output -d 192.0.2.0/28 -p 89 -m comment" in inside[sets.CHAINS[4]]


def test_more_members_than_by_default() -> None:
    native = {**made(web("192.0.2.0/28")), "sets": {"egress_allowlist_4_x": [f"10.0.0.{n}" for n in range(70_000)]}}
    assert "maxelem 70000\n" in sets.texts(native, (4,))[sets.SETS]


def test_sets_are_made_or_swapped_or_left() -> None:
    text = "create egress_allowlist_4_a hash:net family inet maxelem 65536\n"
    wanted = f"{text}add egress_allowlist_4_a 10.0.0.1\nadd egress_allowlist_4_a 10.0.0.2\n"
    assert sets.repair(wanted, "create other hash:ip\nadd other 10.0.0.1\n") == wanted
    live = text.replace("65536", "65536 bucketsize 12 initval 0x1")
    assert sets.repair(wanted, live + "add egress_allowlist_4_a 10.0.0.2\nadd egress_allowlist_4_a 10.0.0.1\n") == ""
    swapped = sets.repair(wanted, f"{live}add egress_allowlist_4_a 10.0.0.1\n")
    assert swapped == wanted.replace("egress_allowlist_4_a", sets.SWAP) + (
        f"swap {sets.SWAP} egress_allowlist_4_a\ndestroy {sets.SWAP}\n"
    )


def test_our_line_in_after_init() -> None:
    assert sets.hooked(HOOK, 0o640, False) == HOOK
    with_line = sets.hooked(HOOK, 0o640, True)
    assert with_line.splitlines()[0] == "#!/bin/sh"
    assert with_line.splitlines()[1].startswith(f"[ ! -e {sets.INIT} ] || /bin/sh {sets.INIT} ")
    assert sets.marked(with_line)
    assert sets.mode_before(with_line, 0o750) == 0o640
    assert sets.mode_before(HOOK, 0o750) == 0o750
    assert sets.hooked(with_line, 0o750, True) == with_line
    assert sets.hooked(with_line, 0o750, False) == HOOK


@pytest.mark.parametrize("text", ["", "print()\n", "#!/usr/bin/python3\n", "#!/bin/shell\n", "\n#!/bin/sh\n"])
def test_an_after_init_that_is_no_shell_script(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^is not a shell script: set ufw_egress_sets to false and ufw_egress_names to report, or"
    ):
        sets.hooked(text, 0o640, True)


def test_chains_come_and_go_in_one_transaction() -> None:
    text = f"*filter\n{sets.HEADS}-A egress-allowlist-output -j ACCEPT\nCOMMIT\n"
    jumps = sets.jumps(4)
    new = sets.part(text, {}, 4)
    assert new[3:] == ["-A egress-allowlist-output -j ACCEPT", *jumps.values()]
    live = {chain: [jump] for chain, jump in jumps.items()} | {f"egress-allowlist-{way}": [] for way in sets.DIRECTIONS}
    assert sets.part(text, live, 4) == new[:4]
    gone = sets.part("", live, 4)
    assert gone[:3] == [jump.replace("-A", "-D") for jump in jumps.values()]
    assert gone[-3:] == [f"-X egress-allowlist-{way}" for way in sets.DIRECTIONS]
    assert sets.part("", {}, 6) == []
