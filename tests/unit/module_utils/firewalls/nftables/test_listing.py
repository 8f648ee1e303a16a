# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of a listed ruleset."""

from __future__ import annotations

import re

import pytest
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

from tests.support.nft_listings import LEARNED, LISTING


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


def test_headers_are_read_back() -> None:
    place = {"family": "inet", "table": "filter", "jump": True}
    text = "table x\n" + header("place", place) + LISTING + header("loaded", {"chain output": "ab"})
    assert headers(text) == {"settings": {}, "vendors": {}, "place": place, "loaded": {"chain output": "ab"}}
    assert headers("") == {"settings": {}, "vendors": {}, "place": {}, "loaded": {}}


def test_a_declaration_has_no_elements() -> None:
    body = blocks(LISTING)["map", "allowed4_tcp_443"]
    assert declaration(body) == "type ipv4_addr : counter; flags interval"


def test_a_table_that_was_switched_off() -> None:
    assert not asleep(LISTING)
    assert asleep(LISTING.replace("{\n", "{\n\tflags dormant\n\n", 1))
