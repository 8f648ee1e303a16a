# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where rules are placed over AWS's groups, and that no step on the way closes what is wanted or exceeds a quota.

The oracle is a handful of addresses and ports, each rule the set of pairs that it lets out.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.aws.order import steps
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.aws.placement import DEFAULTS, place
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused
from hypothesis import assume, given, settings
from hypothesis import strategies as st

Key = tuple[str, int, int, str]
PORTS = range(1, 5)
HOSTS = range(8)


def key(version: int, protocol: str, first: int, last: int, start: int, size: int) -> Key:
    """Return a rule for C{size} hosts, a power of two, from C{start} on."""
    bits = (32 if version == 4 else 128) - (size.bit_length() - 1)
    return protocol, first, last, f"192.0.2.{start}/{bits}" if version == 4 else f"2001:db8::{start or ''}/{bits}"


ALL = {
    key(version, protocol, first, last, start, size): {
        (version, protocol, port, host) for port in range(first, last + 1) for host in range(start, start + size)
    }
    for version in (4, 6)
    for protocol in ("tcp", "udp")
    for first in PORTS
    for last in PORTS
    if first <= last
    for size in (1, 2, 4, 8)
    for start in range(0, 8, size)
} | {
    rule: {(version, protocol, port, host) for protocol in ("tcp", "udp") for port in PORTS for host in HOSTS}
    for version, rule in DEFAULTS.items()
}
RULES = sorted(rule for rule in ALL if rule[0] != "-1")


def opened(groups: dict[int, set[Key]]) -> set:
    return set().union(*(ALL[rule] for rules in groups.values() for rule in rules))


def most(rules: set[Key]) -> int:
    six = sum(":" in rule[3] for rule in rules)
    return max(six, len(rules) - six)


def walk(present: dict[int, set[Key]], wanted: dict[int, set[Key]], quota: int) -> dict[int, set[Key]]:
    """Take each call as AWS does, as a whole, and look after each."""
    groups = {group: set(present.get(group, ())) for group in present.keys() | wanted.keys()}
    rooms = {}
    for group, rules in groups.items():
        six = sum(":" in rule[3] for rule in rules)
        rooms[group] = {4: quota - (len(rules) - six), 6: quota - six}
    keep = opened(present) & opened(wanted)
    for kind, group, items in steps(present, wanted, rooms):
        assert 0 < len(items) <= 100
        rules = groups[group]
        if kind == "authorize":
            assert rules.isdisjoint(items), "there already"
            rules |= set(items)
        elif kind == "revoke":
            assert rules >= set(items), "not there"
            rules -= set(items)
        else:
            assert kind == "modify"
            assert rules >= {old for old, _new in items}, "not there"
            assert rules.isdisjoint(new for _old, new in items), "there already"
            assert all((":" in old[3]) == (":" in new[3]) for old, new in items), "a rule keeps its IP version"
            assert len({old for old, _new in items}) == len(items)
            rules -= {old for old, _new in items}
            rules |= {new for _old, new in items}
        assert most(rules) <= max(quota, most(present.get(group, set()))), "above the quota"
        assert keep <= opened(groups), f"closed in between by {kind}"
    return groups


def sets(size: int) -> st.SearchStrategy[set[Key]]:
    return st.sets(st.sampled_from(RULES), max_size=size)


def disjoint(rules: set[Key]) -> set[Key]:
    """Keep rules as a plan has them: no two let out the same."""
    kept: set[Key] = set()
    for rule in sorted(rules, key=lambda rule: (-len(ALL[rule]), rule)):
        if all(ALL[rule].isdisjoint(ALL[other]) for other in kept):
            kept.add(rule)
    return kept


@given(st.data())
@settings(max_examples=250)
def test_no_step_closes_what_is_wanted_or_exceeds_the_quota(data: st.DataObject) -> None:
    quota = data.draw(st.integers(2, 4))
    present = {number: data.draw(sets(5)) for number in range(1, data.draw(st.integers(1, 3)) + 1)}
    if data.draw(st.booleans()):
        present[1] |= set(DEFAULTS.values())
    assume(all(most(rules) <= quota for rules in present.values()))
    rules = disjoint(data.draw(sets(10)))
    held = {number: (found, set()) for number, found in present.items()}
    room = {4: quota, 6: quota}
    try:
        wanted = place(sorted(rules), held, dict.fromkeys(held, room), 3, room)
    except Refused:
        assert most(rules) > 3 * quota
        return
    try:
        found = walk(present, wanted, quota)
    except Refused:
        # What can be refused: somewhere there is no room at all for what comes new.
        assert any(most(present.get(number, set()) | new) > quota for number, new in wanted.items())
        return
    assert {number: rules for number, rules in found.items() if rules} == {n: new for n, new in wanted.items() if new}


def test_where_there_is_room_all_that_is_new_comes_before_anything_goes() -> None:
    old, new = {RULES[0], RULES[1]}, {RULES[1], RULES[2], RULES[3]}
    rooms = {1: {4: 10, 6: 10}}
    assert steps({1: old}, {1: new}, rooms) == [
        ("authorize", 1, sorted(new - old)),
        ("revoke", 1, sorted(old - new)),
    ]


def test_nothing_to_do_is_no_call() -> None:
    assert steps({1: set(RULES[:3])}, {1: set(RULES[:3])}, {1: {4: 0, 6: 0}}) == []


V4 = [key(4, "tcp", 1, 1, host, 1) for host in HOSTS]
FULL = {1: {4: 0, 6: 0}}


def test_in_a_full_group_the_last_rule_changes_in_place() -> None:
    half = key(4, "tcp", 1, 1, 0, 2)
    assert steps({1: {V4[0]}}, {1: {half}}, dict(FULL)) == [("modify", 1, [(V4[0], half)])]


def test_a_full_group_splits_a_prefix_after_what_nobody_wants_made_room() -> None:
    half = key(4, "tcp", 1, 1, 0, 2)
    assert steps({1: {half, V4[7]}}, {1: {V4[0], V4[1]}}, {1: {4: 0, 6: 0}}) == [
        ("revoke", 1, [V4[7]]),
        ("authorize", 1, [V4[0]]),
        ("modify", 1, [(half, V4[1])]),
    ]


def test_a_full_group_with_the_default_rule_is_denied_in_place() -> None:
    present = {DEFAULTS[4], V4[0]}
    assert steps({1: present}, {1: {V4[0], V4[1]}}, {1: {4: 0, 6: 0}}) == [("modify", 1, [(DEFAULTS[4], V4[1])])]


def test_without_any_order_nothing_begins() -> None:
    two = {key(4, "tcp", 1, 1, 0, 2), key(4, "tcp", 2, 2, 0, 2)}
    other = {key(4, "tcp", 1, 2, 0, 1), key(4, "tcp", 1, 2, 1, 1)}
    with pytest.raises(Refused, match=r"no order of changes was found.*raise the quota by a few rules"):
        steps({1: two}, {1: other}, {1: {4: 0, 6: 0}})
    assert walk({1: two}, {1: other}, 3) == {1: other}


@pytest.mark.parametrize(("number", "calls"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_calls_have_at_most_a_hundred_entries(number: int, calls: int) -> None:
    rules = {("tcp", port, port, "192.0.2.0/24") for port in range(1, number + 1)}
    found = steps({}, {1: rules}, {1: {4: 1000, 6: 1000}})
    assert [kind for kind, _group, _items in found] == ["authorize"] * calls
    assert {item for _kind, _group, items in found for item in items} == rules


def test_a_changed_prefix_touches_one_rule() -> None:
    rules = [("tcp", 443, 443, f"192.0.2.{host}/32") for host in range(150)]
    room = {4: 60, 6: 60}
    first = place(rules, {}, {}, 5, room)
    assert [len(first[number]) for number in sorted(first)] == [60, 60, 30]
    held = {number: (found, set()) for number, found in first.items()}
    changed = sorted([*rules[1:], ("tcp", 443, 443, "198.51.100.1/32")])
    second = place(changed, held, dict.fromkeys(held, room), 5, room)
    assert sum(len(first[number] ^ second[number]) for number in first) == 2


@given(st.data())
@settings(max_examples=200)
def test_what_is_open_and_how_many_groups_never_depend_on_what_stood_there(data: st.DataObject) -> None:
    room = {4: data.draw(st.integers(1, 3)), 6: data.draw(st.integers(1, 3))}
    rules = data.draw(sets(8))
    held = {number: (data.draw(sets(4)), set()) for number in data.draw(st.sets(st.integers(1, 4)))}

    def placed(found: dict[int, Any]) -> dict[int, set[Key]] | None:
        try:
            return place(sorted(rules), found, dict.fromkeys(found, room), 4, room)
        except Refused:
            return None

    fresh, again = placed({}), placed(held)
    assert (fresh is None) == (again is None)
    if fresh is None or again is None:
        return
    assert fresh.keys() == again.keys() == set(range(1, len(fresh) + 1))
    for found in (fresh, again):
        assert sorted(rule for group in found.values() for rule in group) == sorted(rules)
        assert all(sum(":" in rule[3] for rule in group) <= room[6] for group in found.values())
        assert all(sum(":" not in rule[3] for rule in group) <= room[4] for group in found.values())
    assert placed({number: (group, set()) for number, group in again.items()}) == again, "a second run moves nothing"


def test_a_rule_that_somebody_else_made_stands_for_ours() -> None:
    room = {4: 1, 6: 1}
    assert place(V4[:2], {1: (set(), {V4[0]})}, {1: {4: 1, 6: 1}}, 1, room) == {1: {V4[1]}}


@pytest.mark.parametrize(("number", "fits"), [(5, True), (6, True), (7, False)])
def test_one_above_the_room_of_all_groups(number: int, fits: bool) -> None:
    rules, room = V4[:number], {4: 3, 6: 3}
    if fits:
        assert sum(len(group) for group in place(rules, {}, {}, 2, room).values()) == number
        return
    with pytest.raises(Refused, match=r"IPv4.* 7 needed, 6 free, 1 too many\. Ways out: pay"):
        place(rules, {}, {}, 2, room, ["pay"])


def test_a_group_with_room_helps_a_full_one_out() -> None:
    listed = [(*rule, "list") for rule in V4[:3]]
    present, wanted = {1: set(V4[:2]), 2: {V4[2]}}, {1: set(listed[:2]), 2: {listed[2]}}
    found = steps(present, wanted, {1: {4: 0, 6: 0}, 2: {4: 1, 6: 2}}, lambda old, new: len(old) == len(new))
    groups = {number: set(rules) for number, rules in present.items()}
    for kind, group, items in found:
        assert kind in ("authorize", "revoke")
        groups[group] = groups[group] | set(items) if kind == "authorize" else groups[group] - set(items)
        assert all(len(rules) <= 2 for rules in groups.values())
        assert {rule[:4] for rules in groups.values() for rule in rules} == set(V4[:3])
    assert groups == wanted


def test_what_replaces_a_rule_comes_to_its_group() -> None:
    room = {number: {4: 2, 6: 2} for number in (1, 2)}
    held = {1: ({V4[4], V4[6]}, set()), 2: ({V4[0], V4[2]}, set())}
    pairs = [key(4, "tcp", 1, 1, start, 2) for start in (0, 2, 4, 6)]
    placed = place(pairs, held, room, 2, room[1])
    assert placed == {1: {pairs[2], pairs[3]}, 2: {pairs[0], pairs[1]}}
    full = {number: {4: 0, 6: 0} for number in held}
    kinds = [
        kind for kind, _group, _items in steps({number: found for number, (found, _room) in held.items()}, placed, full)
    ]
    assert kinds == ["modify", "modify"]
    apart = place(pairs, held, room, 2, room[1], in_place=lambda old, new: False)
    assert apart == {1: {pairs[0], pairs[1]}, 2: {pairs[2], pairs[3]}}
