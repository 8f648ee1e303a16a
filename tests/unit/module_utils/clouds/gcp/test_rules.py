# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rules of Google Cloud become others: step by step, and what is wanted and open stays open."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp.rules import (
    Rule,
    desired,
    lines,
    mark,
    overlapping,
    steps,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SCOPE = "projects/acme-video/global/networks/production"
# A /28 in all its parts: prefixes that nest, touch and are far from each other.
PREFIXES = [str(part) for size in (28, 29, 30, 32) for part in ip_network("192.0.2.0/28").subnets(new_prefix=size)]
REACHED = {text: {str(address) for address in ip_network(text)} for text in PREFIXES}
REACHED |= {"0.0.0.0/0": REACHED["192.0.2.0/28"], "::/0": set()}
PACKETS = [(port, address) for port in ("443", "80") for address in sorted(REACHED["0.0.0.0/0"])]
World = dict[str, Rule]


def plan(lists: list[tuple[list[str], list[str]]], most: int, policy: str, **more: int) -> dict[str, Any]:
    """A plan of lists of ports and prefixes."""
    return {
        "policy": policy,
        "priority": 1000,
        "deny_priority": 65534,
        "lists": [
            {
                "kind": "v4",
                "services": {"tcp": ports},
                "destinations": {text: ["acme: calls"] for text in found},
                "most": most,
            }
            for ports, found in lists
        ],
        **more,
    }  # fmt: skip


def disjoint(found: list[str]) -> list[str]:
    """The widest of prefixes, as a planner gives them."""
    nets = [ip_network(text) for text in sorted(set(found))]
    return [str(net) for net in nets if not any(net != other and net.subnet_of(other) for other in nets)]


def covers(rule: Rule, port: str, address: str) -> bool:
    served = any(protocol == "all" or port in ports for protocol, ports in rule.services)
    return served and not rule.disabled and any(address in REACHED[text] for text in rule.destinations)


def open_to(world: World, port: str, address: str) -> bool:
    """As the cloud does: the smallest priority first, deny before allow, then the implied rule."""
    for rule in sorted(world.values(), key=lambda rule: (rule.priority, rule.action == "allow")):
        if covers(rule, port, address):
            return bool(rule.action == "allow")
    return True


def walk(standing: World, wanted: World, most: int) -> list[World]:
    """The worlds after each step; fails for a step that the cloud would refuse."""
    worlds, now = [], dict(standing)
    for verb, rule in steps(standing, wanted, most):
        assert (rule.name in now) is (verb != "insert"), (verb, rule.name)
        if verb == "delete":
            del now[rule.name]
        else:
            assert len(rule.destinations) <= most
            now[rule.name] = rule
        worlds.append(dict(now))
    return worlds


LISTS = st.lists(
    st.tuples(st.sampled_from([["443"], ["80"], ["80", "443"]]), st.lists(st.sampled_from(PREFIXES), max_size=9)),
    max_size=3,
    unique_by=lambda each: str(each[0]),
)
CHOICE = st.tuples(LISTS, st.sampled_from(["deny", "deny", "unmanaged"]), st.sampled_from([1000, 2000, 500]),
                   st.sampled_from([65534, 3000, 700]), st.sampled_from([(), ("tag web",)]))  # fmt: skip


def rules_of(choice: Any, most: int, standing: World) -> World:
    lists, policy, priority, deny, targets = choice
    lists = [(ports, disjoint(found)) for ports, found in lists if found]
    planned = plan(lists, most, policy, priority=priority, deny_priority=max(deny, priority + 1))
    return desired(planned, "ours", SCOPE, targets, standing)


@settings(max_examples=120)
@given(st.lists(CHOICE, min_size=2, max_size=4), st.integers(1, 4))
def test_nothing_wanted_is_shut_in_between(choices: list[Any], most: int) -> None:
    standing: World = {}
    for choice in choices:
        wanted = rules_of(choice, most, standing)
        asked = [
            packet
            for packet in PACKETS
            if any(rule.action == "allow" and covers(rule, *packet) for rule in wanted.values())
        ]
        assert all(open_to(wanted, *packet) for packet in asked)
        kept = [packet for packet in asked if open_to(standing, *packet)]
        worlds = walk(standing, wanted, most)
        for world in worlds:
            assert [packet for packet in kept if not open_to(world, *packet)] == []
        assert (worlds[-1] if worlds else standing) == wanted
        assert steps(wanted, wanted, most) == []
        standing = wanted


@settings(max_examples=60)
@given(CHOICE, CHOICE, st.integers(1, 4))
def test_a_run_after_another_opens_what_a_fresh_one_opens(first: Any, second: Any, most: int) -> None:
    after = rules_of(second, most, rules_of(first, most, {}))
    fresh = rules_of(second, most, {})
    assert lines(after, {}, "ours") == lines(fresh, {}, "ours")
    assert len(after) == len(fresh)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The deny goes, and what is allowed moves behind where it was; so too with other targets; the deny moves.
        (("deny", 1000, 1500, ()), ("unmanaged", 2000, 65534, ())),
        (("deny", 1000, 1500, ()), ("deny", 2000, 65534, ("tag web",))),
        (("deny", 1000, 1500, ()), ("deny", 2000, 65534, ())),
        (("deny", 2000, 65534, ()), ("deny", 1000, 1500, ())),
    ],
)
def test_priorities_change_places(before: Any, after: Any) -> None:
    lists = [(["443"], ["192.0.2.0/28"])]
    standing, wanted = (
        desired(plan(lists, 5000, policy, priority=first, deny_priority=last), "ours", SCOPE, targets, {})
        for policy, first, last, targets in (before, after)
    )
    worlds = walk(standing, wanted, 5000)
    assert worlds[-1] == wanted
    assert [world for world in worlds if not open_to(world, "443", "192.0.2.1")] == []


@pytest.mark.parametrize("most", [3, 100])
def test_a_changed_prefix_is_one_patch(most: int) -> None:
    before = [f"192.0.2.{number}/32" for number in range(0, 22, 2)]
    for after in (before[:4] + before[5:], [*before, "198.51.100.1/32"], [*before[1:], "198.51.100.1/32"]):
        standing = desired(plan([(["443"], before)], most, "deny"), "ours", SCOPE, (), {})
        wanted = desired(plan([(["443"], after)], most, "deny"), "ours", SCOPE, (), standing)
        found = steps(standing, wanted, most)
        assert [verb for verb, _rule in found] == ["patch"], found


def test_rules_bear_both_marks_and_short_names() -> None:
    wanted = desired(plan([(["443"], PREFIXES[:1])], 5000, "deny"), "a" * 40, SCOPE, ("tag web",), {})
    assert len(wanted) == 3
    assert {rule.action for rule in wanted.values()} == {"allow", "deny"}
    for name, rule in wanted.items():
        assert name.startswith("a" * 40 + "-")
        assert len(name) + (len("-bridge") if rule.action == "allow" else 0) <= 63
        assert rule.description.startswith(mark("a" * 40))


def test_other_targets_and_networks_have_other_rules() -> None:
    names = [
        set(desired(plan([(["443"], PREFIXES[:1])], 5000, "deny"), "ours", scope, targets, {}))
        for scope in (SCOPE, SCOPE + "2")
        for targets in ((), ("tag web",), ("account web@acme.iam.gserviceaccount.com",))
    ]
    assert len(set().union(*names)) == sum(map(len, names))


def test_a_description_is_never_too_long() -> None:
    lists = plan([(["443"], ["192.0.2.0/32"])], 5000, "unmanaged")
    lists["lists"][0]["destinations"]["192.0.2.0/32"] = [f"acme{number:03}: calls" for number in range(500)]
    rule = next(iter(desired(lists, "ours", SCOPE, (), {}).values()))
    assert len(rule.description) <= 2048
    assert re.search(r" and \d+ more$", rule.description)


NETS = st.sampled_from([*PREFIXES, "0.0.0.0/0", "198.51.100.0/24", "::/0", "2001:db8::/32", "2001:db8::1/128"])


@given(st.lists(NETS, max_size=6), st.lists(NETS, max_size=6))
def test_overlapping_is_what_ipaddress_says(some: list[str], others: list[str]) -> None:
    nets = [ip_network(text) for text in others]
    assert overlapping(some, others) == {
        text
        for text in some
        if any(ip_network(text).version == n.version and ip_network(text).overlaps(n) for n in nets)
    }
