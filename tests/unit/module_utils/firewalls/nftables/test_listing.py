# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of a ruleset, and how two are compared in words."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.differences import (
    difference,
    entries,
    settings_difference,
)
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.listing import (
    alike,
    asleep,
    blocks,
    declaration,
    digests,
    header,
    headers,
    learned,
    moved,
)

# As nft 1.0.6 lists it.
LISTING = """table inet egress_allowlist {
\tcounter acme/calls {
\t\tcomment "acme: calls"
\t\tpackets 12 bytes 720
\t}

\tct timeout udp_60 {
\t\tprotocol udp
\t\tl3proto inet
\t\tpolicy = { unreplied : 60, replied : 60 }
\t}

\tmap allowed4_tcp_443 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 192.0.2.7 : "acme/calls", 192.0.2.8/31 : "other/web",
\t\t\t     198.51.100.3-198.51.100.9 : "acme/calls" }
\t}

\tmap allowed4_udp_10000-60000 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 203.0.113.0/25 : "acme/calls.other/media" }
\t}

\tmap inbound6_tcp_443 {
\t\ttype ipv6_addr : counter
\t\tflags interval
\t\telements = { 2001:db8::/32 : "acme/calls",
\t\t\t     2001:db9::/128 : "acme/calls" }
\t}

\tset management {
\t\ttype inet_service
\t\telements = { 22, 2222 }
\t}

\tchain egress {
\t}

\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\tct state { established, related } accept
\t\tjump egress
\t}
}
"""


def test_blocks_are_found_whole() -> None:
    found = blocks(LISTING)
    assert list(found) == [
        ("counter", "acme/calls"),
        ("ct timeout", "udp_60"),
        ("map", "allowed4_tcp_443"),
        ("map", "allowed4_udp_10000-60000"),
        ("map", "inbound6_tcp_443"),
        ("set", "management"),
        ("chain", "egress"),
        ("chain", "output"),
    ]
    assert found["chain", "egress"] == ""
    assert found["chain", "output"].splitlines()[-1] == "\t\tjump egress"
    assert found["set", "management"] == "\t\ttype inet_service\n\t\telements = { 22, 2222 }\n"


def test_only_our_names_in_a_table_of_the_users() -> None:
    names = (
        "egress_allowlist",
        "egress_allowlist_allowed4_tcp_80",
        "egress_allowlist2",
        "my_egress_allowlist_x",
        "output",
    )
    listing = "table ip x {\n" + "".join(f"\tchain {name} {{\n\t}}\n" for name in names) + "}\n"
    assert [name for _kind, name in blocks(listing, "egress_allowlist_")] == list(names[:2])


def test_entries_are_addresses_services_and_who_asked() -> None:
    assert entries(blocks(LISTING)) == {
        ("to", "192.0.2.7", "tcp", "443"): "acme/calls",
        ("to", "192.0.2.8/31", "tcp", "443"): "other/web",
        ("to", "198.51.100.3-198.51.100.9", "tcp", "443"): "acme/calls",
        ("to", "203.0.113.0/25", "udp", "10000-60000"): "acme/calls.other/media",
        ("from", "2001:db8::/32", "tcp", "443"): "acme/calls",
        ("from", "2001:db9::", "tcp", "443"): "acme/calls",
    }


def test_entries_are_found_in_a_table_of_the_users_too() -> None:
    owned = LISTING.replace("\tmap ", "\tmap egress_allowlist_") + "\tmap allowed4 {\n\t\t192.0.2.9 : 80\n\t}\n"
    assert entries(blocks(owned, "egress_allowlist_")) == entries(blocks(LISTING))


def test_a_host_is_the_same_with_and_without_its_prefix_length() -> None:
    written = LISTING.replace("192.0.2.7 :", "192.0.2.7/32 :").replace("2001:db9::/128", "2001:db9::")
    assert entries(blocks(written)) == entries(blocks(LISTING))
    wide = LISTING.replace("2001:db8::/32", "2001:db8::/128")
    assert entries(blocks(wide)) != entries(blocks(LISTING))


SAME = [
    ("packets 12 bytes 720", "packets 0 bytes 0"),
    ("{ 22, 2222 }", "{ 2222,\n\t\t\t     22 }"),
    ("\t\tjump egress", "\t\t  jump   egress"),
]
DIFFERENT = [
    ("{ 22, 2222 }", "{ 22 }"),
    ("{ 22, 2222 }", "{ 22, 2223 }"),
    ("policy accept", "policy drop"),
    ("\t\tjump egress\n", ""),
    ("replied : 60 }", "replied : 61 }"),
    ('192.0.2.7 : "acme/calls"', '192.0.2.7 : "other"'),
    ("flags interval", "flags dynamic"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_digests_see_through_counts_order_and_layout(old: str, new: str) -> None:
    assert old in LISTING
    assert digests(blocks(LISTING.replace(old, new))) == digests(blocks(LISTING))


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_digests_see_what_matters(old: str, new: str) -> None:
    assert old in LISTING
    before, after = (digests(blocks(text)) for text in (LISTING, LISTING.replace(old, new, 1)))
    assert sum(before[name] != after[name] for name in before) == 1


def test_the_order_of_rules_matters() -> None:
    rules = ["\t\tct state { established, related } accept\n", "\t\tjump egress\n"]
    turned = LISTING.replace("".join(rules), "".join(reversed(rules)))
    assert turned != LISTING
    assert digests(blocks(turned)) != digests(blocks(LISTING))


# As nft 1.0.6 and 1.1.3 list it.
LEARNED = """table inet egress_allowlist {
\tset asked6_example.com {
\t\ttype ipv6_addr
\t\tsize 10
\t\ttimeout 1d
\t\tcomment "*.example.com"
\t\telements = { 2600:9000::1 expires 23h59m59s996ms }
\t}

\tset leased4_example.com {
\t\ttype ipv4_addr
\t\tsize 10
\t\tflags dynamic,timeout
\t\ttimeout 1d1h1m1s
\t\tcomment "*.example.com, example.com"
\t\telements = { 52.84.1.1 expires 2h3m4s5ms, 52.84.1.2 timeout 1h expires 996ms,
\t\t\t     52.84.1.3 timeout 2d expires 1d23h, 52.84.1.4 }
\t}

\tset known4 {
\t\ttype ipv4_addr
\t\tsize 20
\t\tflags dynamic,timeout
\t\ttimeout 1d
\t\telements = { 52.84.1.1 expires 2h }
\t}

\tmap allowed4_tcp_443 {
\t\ttype ipv4_addr . inet_proto : counter
\t\tflags interval
\t\telements = { 203.0.113.0/28 . tcp : "acme/calls",
\t\t\t     203.0.113.17 . tcp : "acme/calls" }
\t}

\tchain name4_example.com {
\t\ttcp dport 443 update @leased4_example.com { ip daddr }
\t\ttcp dport 443 update @known4 { ip daddr }
\t\ttcp dport 443 ct state invalid,new,untracked ct timeout set "tcp_720" counter name "acme/calls" accept
\t\tudp dport 1-9 ct state invalid,new,untracked counter name "acme/calls.zoom/web" accept
\t}
}
"""
LEASED = ("set", "leased4_example.com")
# What we write ourselves.
DECLARED = """\t\ttype ipv4_addr
\t\tsize {size}
\t\tflags dynamic,timeout
\t\ttimeout {lease}s
\t\tcomment "*.example.com, example.com"
"""


def test_what_is_learned_changes_no_digest() -> None:
    without = re.sub(r"\t\telements = \{ (52|2600)[^}]*\}\n", "", LEARNED)
    assert "52.84" not in without
    assert digests(blocks(without)) == digests(blocks(LEARNED))
    for declared in ("size 10", "timeout 1d\n", "dynamic,timeout", "*.example.com, "):
        changed = LEARNED.replace(declared, "size 11")
        assert digests(blocks(changed)) != digests(blocks(LEARNED))


def test_only_sets_of_ours_learn() -> None:
    keys = [*blocks(LEARNED), ("set", "special4"), ("set", "known"), ("set", "known44"), ("map", "known4")]
    assert [name for kind, name in keys if learned((kind, name))] == [
        "asked6_example.com", "leased4_example.com", "known4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "same"), [((10, 90061), True), ((11, 90061), False), ((10, 90060), False), ((10, 86400), False)]
)
def test_a_learned_set_is_known_again_however_it_is_written(values: tuple[int, int], same: bool) -> None:
    wanted = DECLARED.format(size=values[0], lease=values[1])
    assert alike(blocks(LEARNED)[LEASED], wanted) is same
    assert not alike(blocks(LEARNED)[LEASED], wanted.replace("dynamic,", ""))
    assert not alike(blocks(LEARNED)[LEASED], wanted.replace("*.", ""))


def test_a_set_without_flags_is_one_with_a_timeout() -> None:
    """nft does not print the flag that the line of the timeout stands for."""
    wanted = '\t\ttype ipv6_addr\n\t\tsize 10\n\t\tflags timeout\n\t\ttimeout 86400s\n\t\tcomment "*.example.com"\n'
    assert alike(blocks(LEARNED)["set", "asked6_example.com"], wanted)


@pytest.mark.parametrize(
    ("size", "lease", "elements"),
    [
        (10, 90000, ["52.84.1.3 expires 90000s", "52.84.1.4 expires 90000s", "52.84.1.1 expires 7384s"]),
        (10, 7000, [f"52.84.1.{last} expires 7000s" for last in (1, 3, 4)]),
        (2, 90000, ["52.84.1.3 expires 90000s", "52.84.1.4 expires 90000s"]),
        (1, 7000, ["52.84.1.1 expires 7000s"]),
    ],
)
def test_leases_move_as_far_as_they_fit(size: int, lease: int, elements: list[str]) -> None:
    live = blocks(LEARNED)[LEASED]
    assert moved(live, DECLARED.format(size=size, lease=lease)) == elements
    assert moved(DECLARED.format(size=1, lease=1), DECLARED.format(size=1, lease=1)) == []


def test_names_are_entries_with_their_patterns() -> None:
    assert entries(blocks(LEARNED)) == {
        ("to", "203.0.113.0/28", "tcp", "443"): "acme/calls",
        ("to", "203.0.113.17", "tcp", "443"): "acme/calls",
        ("to", "*.example.com, example.com", "tcp", "443"): "acme/calls",
        ("to", "*.example.com, example.com", "udp", "1-9"): "acme/calls.zoom/web",
    }
    uncommented = re.sub("comment .*", "", LEARNED)
    assert ("to", "example.com", "tcp", "443") in entries(blocks(uncommented))


OLD = {("to", "192.0.2.7", "tcp", "443"): "acme/calls", ("to", "192.0.2.8", "tcp", "80"): "acme/web"}
CHANGES = [
    (OLD, OLD, "", []),
    ({}, OLD, "", ["+ tcp/443 to 192.0.2.7  acme: calls", "+ tcp/80 to 192.0.2.8  acme: web"]),
    (OLD, {}, "", ["- tcp/443 to 192.0.2.7  acme: calls", "- tcp/80 to 192.0.2.8  acme: web"]),
    (
        OLD,
        {**OLD, ("to", "192.0.2.7", "tcp", "443"): "acme/calls.zenith/sip"},
        "",
        ["- tcp/443 to 192.0.2.7  acme: calls", "+ tcp/443 to 192.0.2.7  acme: calls, zenith: sip"],
    ),
    (
        {},
        {("from", "2001:db8::/32", "udp", "8801-8810"): "mine_zoom/meetings"},
        "mine_",
        ["+ udp/8801-8810 from 2001:db8::/32  zoom: meetings"],
    ),
]


@pytest.mark.parametrize(("old", "new", "owned", "lines"), CHANGES)
def test_differences_in_words(old: dict, new: dict, owned: str, lines: list[str]) -> None:
    assert difference(old, new, owned) == lines


def test_settings_in_words() -> None:
    old, new = {"policy": "audit", "log rate": "10/minute", "scope": "host"}, {"policy": "deny", "scope": "host"}
    assert settings_difference(old, new) == ["~ log rate: 10/minute -> none", "~ policy: audit -> deny"]
    assert settings_difference(old, old) == []


def test_headers_are_read_back() -> None:
    place = {"family": "inet", "table": "filter", "jump": True}
    text = "table x\n" + header("place", place) + LISTING + header("loaded", {"chain output": "ab"})
    assert headers(text) == {"settings": {}, "place": place, "loaded": {"chain output": "ab"}}
    assert headers("") == {"settings": {}, "place": {}, "loaded": {}}


def test_a_declaration_has_no_elements() -> None:
    body = blocks(LISTING)["map", "allowed4_tcp_443"]
    assert declaration(body) == "type ipv4_addr : counter; flags interval"


def test_a_table_that_was_switched_off() -> None:
    assert not asleep(LISTING)
    assert asleep(LISTING.replace("{\n", "{\n\tflags dormant\n\n", 1))
