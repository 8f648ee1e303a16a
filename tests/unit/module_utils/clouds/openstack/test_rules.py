# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rules of Neutron are compared, and in which order they change."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.rules import (
    Wanted,
    default_key,
    in_words,
    is_ours,
    least,
    order,
    rule_key,
)
from hypothesis import given
from hypothesis import strategies as st

Key = tuple[int, Any, Any, Any, tuple[str, str]]
PORTS, ADDRESSES = range(1, 5), [f"192.0.2.{number}" for number in range(8)]


def told(**more: Any) -> dict[str, Any]:
    """A rule as Neutron tells it."""
    rule = {"ethertype": "IPv4", "protocol": "tcp", "port_range_min": 443, "port_range_max": 443}
    return {**rule, "remote_ip_prefix": None, "remote_group_id": None, "remote_address_group_id": None, **more}


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (told(remote_ip_prefix="192.0.2.0/24"), (4, "tcp", 443, 443, ("prefix", "192.0.2.0/24"))),
        (told(remote_ip_prefix="192.0.2.9/24"), (4, "tcp", 443, 443, ("prefix", "192.0.2.0/24"))),
        (told(protocol="6", remote_ip_prefix="192.0.2.1/32"), (4, "tcp", 443, 443, ("prefix", "192.0.2.1/32"))),
        (told(protocol=17, remote_ip_prefix="192.0.2.1/32"), (4, "udp", 443, 443, ("prefix", "192.0.2.1/32"))),
        (
            told(ethertype="IPv6", remote_ip_prefix="2001:DB8::/32"),
            (6, "tcp", 443, 443, ("prefix", "2001:db8::/32")),
        ),
        (told(remote_address_group_id="ours"), (4, "tcp", 443, 443, ("group", "media"))),
        (told(remote_address_group_id="theirs"), (4, "tcp", 443, 443, ("other", "theirs"))),
        (told(remote_group_id="group"), (4, "tcp", 443, 443, ("other", "group"))),
        (told(protocol=None, port_range_min=None, port_range_max=None), default_key(4)),
        (
            told(ethertype="IPv6", protocol="any", port_range_min=None, port_range_max=None, remote_ip_prefix="::/0"),
            default_key(6),
        ),
    ],
)
def test_a_rule_has_one_key(rule: dict[str, Any], key: Key) -> None:
    assert rule_key(rule, {"ours": "media"}) == key


def test_marks() -> None:
    assert is_ours({"description": "egress.allowlist: kudo: media"})
    assert not is_ours({"description": "for egress.allowlist"})
    assert not is_ours({"description": None})
    assert not is_ours({})


def test_a_list_of_services_keeps_its_address_group() -> None:
    """So that a changed prefix touches one address, and another list of services has another group."""

    def groups(services: list[list[Any]], *prefixes: str) -> set[str]:
        part = {"version": 4, "services": services, "prefixes": {prefix: ["acme: media"] for prefix in prefixes}}
        return set(Wanted("name", [part], True).groups)

    tls, media = ["tcp", 443, 443], ["udp", 3478, 3478]
    assert groups([tls], "192.0.2.0/24") == groups([tls], "198.51.100.0/24", "203.0.113.0/24")
    assert groups([tls], "192.0.2.0/24") != groups([tls, media], "192.0.2.0/24")


def test_words() -> None:
    part = {"version": 4, "services": [["udp", 8801, 8810]], "prefixes": {"192.0.2.0/24": ["acme: media", "b: c"]}}
    for grouped in (True, False):
        wanted = Wanted("name", [part], grouped)
        lines = [in_words(one, label) for one, label in wanted.opened.items()]
        assert lines == ["udp/8801-8810 to 192.0.2.0/24  acme: media, b: c"]


def rule(start: int, length: int, first: int, last: int) -> Key:
    network = ipaddress.ip_network(f"192.0.2.{start >> (32 - length) << (32 - length)}/{length}")
    return (4, "tcp", min(first, last), max(first, last), ("prefix", str(network)))


PORT = st.sampled_from(PORTS)
KEYS = st.builds(rule, st.integers(0, 7), st.integers(29, 32), PORT, PORT)


GROUPS = {"few": {"192.0.2.0/31"}, "many": {"192.0.2.0/30", "192.0.2.5/32", "192.0.2.7/32"}, "none": set()}
GROUPED = st.builds(lambda name, port: (4, "tcp", port, port, ("group", name)), st.sampled_from(sorted(GROUPS)), PORT)


def lets_out(keys: set[Key]) -> set[tuple[int, str]]:
    return {
        (port, address)
        for key in keys
        for prefix in (GROUPS[key[4][1]] if key[4][0] == "group" else [key[4][1]])
        for port in PORTS
        for address in ADDRESSES
        if (key[2] or 0) <= port <= (key[3] or 9) and ipaddress.ip_address(address) in ipaddress.ip_network(prefix)
    }


EITHER = st.one_of(st.sets(KEYS, max_size=6), st.sets(GROUPED, max_size=6), st.sets(KEYS | GROUPED, max_size=6))


@given(have=EITHER, wanted=EITHER, deny=st.booleans(), room=st.integers(0, 7))
def test_nothing_wanted_is_shut_in_between(have: set[Key], wanted: set[Key], deny: bool, room: int) -> None:
    if deny:
        have = have | {default_key(4)}
    add, drop = sorted(wanted - have), sorted(have - wanted, key=str)
    steps = order(add, drop, room, GROUPS)
    if steps is None:
        enough = least(add, drop, room, GROUPS)
        assert room < enough <= len(add)
        room, steps = enough, order(add, drop, enough, GROUPS)
    assert steps is not None
    standing, limit = set(have), len(have) + room
    keeps = lets_out(wanted) & lets_out(have)
    for verb, keys in steps:
        standing = standing | set(keys) if verb == "add" else standing - set(keys)
        assert len(standing) <= max(limit, len(have))
        assert keeps <= lets_out(standing)
        keeps |= lets_out(wanted) & lets_out(standing)
    assert standing == wanted


def test_room_for_one_is_enough_where_old_and_new_do_not_meet() -> None:
    have = [rule(start, 32, 1, 1) for start in range(4)]
    wanted = [rule(start, 32, 1, 1) for start in range(4, 8)]
    assert order(wanted, have, 1, {}) is not None
    assert order(wanted, have, 0, {}) == [("drop", have), ("add", wanted)]
    assert order(wanted, have, 4, {}) == [("add", wanted), ("drop", have)]
    assert order(wanted, have, None, {}) == [("add", wanted), ("drop", have)]


def test_what_frees_room_comes_first() -> None:
    """Nine rules are new, one at a time takes an old one's place; what takes nobody's place waits for the end."""
    have = [rule(start, 32, 1, 2) for start in range(8)]
    wanted = [rule(7, 32, 4, 4), *(rule(start, 32, 2, 3) for start in range(8))]
    steps = order(wanted, have, 1, {})
    assert steps is not None
    assert [(verb, len(keys)) for verb, keys in steps] == [("add", 1), ("drop", 1)] * 7 + [
        ("add", 1),
        ("drop", 1),
        ("add", 1),
    ]
    assert order(wanted, have, 0, {}) is None


def test_an_address_group_is_as_wide_as_its_prefixes() -> None:
    """The old rule goes only when the group's rule stands, for it lets out what the group wants."""
    old, new = rule(0, 32, 1, 1), (4, "tcp", 1, 1, ("group", "media"))
    assert order([new], [old], 0, {"media": {"192.0.2.0/31"}}) is None
    assert order([new], [old], 1, {"media": {"192.0.2.0/31"}}) == [("add", [new]), ("drop", [old])]
    assert order([new], [old], 0, {"media": {"192.0.2.2/31"}}) == [("drop", [old]), ("add", [new])]


def test_a_rule_whose_addresses_nobody_knows_goes_last() -> None:
    """Somebody renamed the address group: what takes its place stands before it goes."""
    old: Key = (4, "tcp", 1, 1, ("other", "8c5b"))
    new = [rule(start, 32, 1, 1) for start in range(2)]
    assert order(new, [old], 1, {}) is None
    assert order(new, [old], 2, {}) == [("add", new), ("drop", [old])]
    assert order([rule(0, 32, 2, 2)], [old], 0, {}) == [("drop", [old]), ("add", [rule(0, 32, 2, 2)])]


def test_from_an_address_group_to_prefixes_and_back() -> None:
    """Two services of one list: one rule more than at the end will do, for the last old rule goes last."""
    prefixes = {f"192.0.2.{number}/32" for number in range(0, 16, 2)}
    grouped = [(4, "tcp", port, port, ("group", "media")) for port in (1, 2)]
    single = [(4, "tcp", port, port, ("prefix", prefix)) for port in (1, 2) for prefix in sorted(prefixes)]
    groups = {"media": prefixes}
    assert order(single, grouped, 14, groups) is None
    assert least(single, grouped, 3, groups) == 15
    steps = order(single, grouped, 15, groups)
    assert steps is not None
    assert [(verb, len(keys)) for verb, keys in steps] == [("add", 8), ("drop", 1), ("add", 8), ("drop", 1)]
    assert order(grouped, single, 0, groups) is None
    assert least(grouped, single, 0, groups) == 1
    assert order(grouped, single, 2, groups) == [("add", grouped), ("drop", single)]
