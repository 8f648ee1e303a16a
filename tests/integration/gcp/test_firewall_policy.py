# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a network firewall policy: written at once, names as FQDN objects, foreign rules carried along."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gcp.module import World, google, planned
from tests.support.rules import row
from tests.support.tls_proxy import once_before

WEB = {"firewall_policy": "web"}
ROWS = [
    row("192.0.2.0/28, a.example.com, *.example.com"),
    row("2001:db8::/32", "3478, 8801-8810", "UDP", service="media"),
]
THEIRS: list[dict[str, Any]] = [
    {
        "priority": 10,
        "ruleName": "ssh",
        "description": "somebody's",
        "direction": "EGRESS",
        "action": "allow",
        "enableLogging": True,
        "targetSecureTags": [{"name": "tagValues/42"}],
        "match": {"destIpRanges": ["203.0.113.0/24"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["22"]}]},
    },
    {
        "priority": 20,
        "ruleName": "egress-allowlist-by-hand",
        "direction": "INGRESS",
        "action": "deny",
        "match": {
            "srcSecureTags": [{"name": "tagValues/43"}],
            "srcRegionCodes": ["AQ"],
            "layer4Configs": [{"ipProtocol": "icmp"}],
        },
    },
]
QUOTA = "the 1,000 priorities of ours in the firewall policy web (global) of the project acme-video"


@pytest.fixture
def world() -> Iterator[World]:
    with google() as found:
        found.cloud.add_policy("web", *copy.deepcopy(THEIRS))
        found.cloud.dns["a.example.com"] = ["198.51.100.1"]
        yield found


def rules(world: World, *, ours: bool, region: str = "") -> list[dict[str, Any]]:
    """The policy's rules that are ours, or all others, by priority."""
    found = world.cloud.policies[region, "web"]["rules"]
    marked = [r for r in found if r.get("description", "").startswith("[egress.allowlist ") is ours]
    return sorted(copy.deepcopy(marked), key=lambda rule: rule["priority"])


def apply(
    world: World, rows: list[dict] | None = None, *, names: str = "fqdn", check: bool = False, **options: Any
) -> dict:
    params = {**WEB, **options.pop("params", {})}
    return world.apply(rows or ROWS, check=check, names=names, firewall_policy="web", params=params, **options)


def test_made_kept_changed_and_removed(world: World) -> None:
    theirs = rules(world, ours=False)
    said = apply(world, policy="deny")
    assert said["differences"] == [
        "- everything to everywhere  (default rule)",
        "+ rules for all instances",
        "+ tcp/443 to 192.0.2.0/28  acme: calls",
        "+ tcp/443 to a.example.com  acme: calls",
        "+ udp/3478 to 2001:db8::/32  acme: media",
        "+ udp/8801-8810 to 2001:db8::/32  acme: media",
    ]
    assert said["units"] == [{"quota": QUOTA, "before": 0, "after": 5, "limit": 1000}]
    # One write, and nothing between old and new.
    assert world.asked() == [("PATCH", "web")]
    ours = rules(world, ours=True)
    assert [(rule["priority"], rule["action"]) for rule in ours] == [
        (1000, "allow"), (1001, "allow"), (1002, "allow"), (1998, "deny"), (1999, "deny"),
    ]  # fmt: skip
    assert [rule["match"]["destFqdns"] for rule in ours if "destFqdns" in rule["match"]] == [["a.example.com"]]
    assert rules(world, ours=False) == theirs
    for protocol, address, port, allowed in (
        ("tcp", "192.0.2.1", 443, True),
        ("tcp", "198.51.100.1", 443, True),  # what the name has as its address
        ("tcp", "198.51.100.2", 443, False),
        ("udp", "2001:db8::1", 8805, True),
        ("udp", "2001:db9::1", 8805, False),
    ):
        assert world.cloud.allows(protocol, address, port, policy=("", "web")) is allowed, (address, port)

    assert not apply(world, policy="deny")["changed"]
    assert world.asked() == []

    changed = [row("192.0.2.0/29, a.example.com, b.example.com"), ROWS[1]]
    said = apply(world, changed, policy="deny")
    assert said["differences"] == [
        "- tcp/443 to 192.0.2.0/28  acme: calls",
        "+ tcp/443 to 192.0.2.0/29  acme: calls",
        "+ tcp/443 to b.example.com  acme: calls",
    ]
    assert world.asked() == [("PATCH", "web")]
    # Each list keeps its priority.
    after = rules(world, ours=True)
    assert [(rule["priority"], rule["ruleName"]) for rule in after] == [(r["priority"], r["ruleName"]) for r in ours]

    said = world.run(state="absent", **WEB)
    assert said["differences"][-1] == "+ everything to everywhere  (default rule)"
    assert world.asked() == [("PATCH", "web")]
    assert rules(world, ours=True) == []
    assert rules(world, ours=False) == theirs
    assert not world.run(state="absent", **WEB)["changed"]


def test_check_mode_says_the_same_and_writes_nothing(world: World) -> None:
    for options in ({}, {"policy": "deny"}, {"names": "report", "policy": "deny"}):
        checked = apply(world, check=True, **options)
        assert world.asked() == []
        done = apply(world, **options)
        assert world.asked() == [("PATCH", "web")]
        for key in ("changed", "differences", "notes", "units"):
            assert checked[key] == done[key], key


def test_a_new_list_takes_a_free_priority_and_others_stay(world: World) -> None:
    apply(world)
    before = {rule["ruleName"]: rule["priority"] for rule in rules(world, ours=True)}
    apply(world, [*ROWS, row("198.51.100.0/24", "1"), row("198.51.101.0/24", "65000")])
    after = {rule["ruleName"]: rule["priority"] for rule in rules(world, ours=True)}
    assert before.items() <= after.items()
    assert sorted(after.values()) == [1000, 1001, 1002, 1003, 1004]


def test_a_policy_of_a_region(world: World) -> None:
    world.cloud.add_policy("web", region="europe-west1")
    apply(world, params={"region": "europe-west1"})
    assert len(rules(world, ours=True, region="europe-west1")) == 3
    assert rules(world, ours=True) == []
    assert not apply(world, params={"region": "europe-west1"})["changed"]
    assert world.run(state="absent", region="europe-west1", **WEB)["changed"]
    assert rules(world, ours=True, region="europe-west1") == []


@pytest.mark.parametrize(
    ("params", "key", "value"),
    [
        ({"target_secure_tags": ["tagValues/7"]}, "targetSecureTags", [{"name": "tagValues/7", "state": "EFFECTIVE"}]),
        ({"target_service_accounts": ["a@b.example.com"]}, "targetServiceAccounts", ["a@b.example.com"]),
    ],
)
def test_targets(world: World, params: dict, key: str, value: list) -> None:
    apply(world)
    apply(world, params=params)
    assert [rule.get(key) for rule in rules(world, ours=True)] == [value] * 3
    assert not apply(world, params=params)["changed"]


def test_drift_is_mended_and_logging_stays(world: World) -> None:
    apply(world, policy="deny")
    wanted = rules(world, ours=True)
    stored = world.cloud.policies["", "web"]["rules"]
    ours = [rule for rule in stored if rule["priority"] >= 1000 and rule.get("ruleName")]
    ours[0]["match"]["destIpRanges"] = ["203.0.113.0/24"]
    ours[1]["disabled"] = True
    ours[2]["match"]["destRegionCodes"] = ["AQ"]
    ours[3]["enableLogging"] = True
    ours[4]["priority"] = 5000
    said = apply(world, policy="deny")
    assert any("has destRegionCodes" in line for line in said["differences"])
    assert any("priority 5000" in line for line in said["differences"])
    mended = rules(world, ours=True)
    assert mended[3].pop("enableLogging")
    wanted[3].pop("enableLogging")
    assert [{**rule, "ruleTupleCount": 0} for rule in mended] == [{**rule, "ruleTupleCount": 0} for rule in wanted]
    assert not apply(world, policy="deny")["changed"]


def test_somebody_else_is_quicker(world: World) -> None:
    """The policy changed after it was read: nothing is written over it, and the change is made anew on top."""

    def other() -> None:
        policy = world.cloud.policies["", "web"]
        new = {**copy.deepcopy(THEIRS[0]), "priority": 11, "ruleName": "another"}
        policy["rules"].append(world.cloud._shown(new))
        policy["fingerprint"] = "another="

    # Whatever is asked for second: what was read first is then no longer so.
    world.proxy.hooks.append(once_before(lambda request: len(world.proxy.requests) == 2, other))
    said = apply(world, policy="deny")
    assert said["changed"]
    assert world.asked() == [("PATCH", "web")] * 2
    assert "another" in [rule.get("ruleName") for rule in rules(world, ours=False)]
    assert len(rules(world, ours=True)) == 5


def test_somebody_who_never_stops(world: World) -> None:
    def other() -> None:
        policy = world.cloud.policies["", "web"]
        policy["fingerprint"] = f"{policy['fingerprint']}x"

    theirs = rules(world, ours=False)
    world.proxy.hooks.append(once_before(lambda request: request.method == "PATCH", other, times=99))
    said = world.run(plan=planned(ROWS, names="fqdn", firewall_policy="web"), **WEB)
    assert said.get("failed"), said
    assert "somebody else keeps changing the rules: 5 times" in said["msg"]
    assert not said["changed"]
    assert rules(world, ours=True) == []
    assert rules(world, ours=False) == theirs


@pytest.mark.parametrize(("priority", "taken"), [(999, False), (1000, True), (1999, True), (2000, False)])
def test_the_band_is_ours(world: World, priority: int, taken: bool) -> None:
    world.cloud.policies["", "web"]["rules"].append(world.cloud._shown({**THEIRS[0], "priority": priority}))
    said = world.run(plan=planned(ROWS, names="fqdn", firewall_policy="web"), **WEB)
    assert bool(said.get("failed")) is taken
    if taken:
        assert f"priority {priority} of the firewall policy web (global)" in said["msg"]
        assert "is taken by the rule ssh: priorities 1000 to 1999 are ours" in said["msg"]
        assert world.asked() == []


def test_another_band(world: World) -> None:
    apply(world, policy="deny")
    apply(world, policy="deny", priority=50000)
    assert [rule["priority"] for rule in rules(world, ours=True)] == [50000, 50001, 50002, 50998, 50999]


@pytest.mark.parametrize("count", [99, 100, 101])
def test_names_of_a_rule(world: World, count: int) -> None:
    names = ", ".join(f"n{number:03}.example.com" for number in range(count))
    apply(world, [row(names)])
    sizes = sorted(len(rule["match"]["destFqdns"]) for rule in rules(world, ours=True))
    assert sizes == ([1, 100] if count == 101 else [count])


@pytest.mark.parametrize("count", [997, 998, 999])
def test_rules_of_the_band(world: World, count: int) -> None:
    lists = planned([row("192.0.2.0/28")], policy="deny", firewall_policy="web")
    each = lists["lists"][0]
    lists["lists"] = [{**each, "services": {"tcp": [str(port)]}} for port in range(1, count + 1)]
    said = world.run(plan=lists, **WEB)
    assert bool(said.get("failed")) is (count == 999)
    if count == 999:
        assert f"this does not fit: {QUOTA}: 1,001 needed, 1,000 free, 1 too many" in said["msg"]
        assert world.asked() == []


def test_notes(world: World) -> None:
    apply(world)
    world.cloud.add_policy("lonely", associated=False)
    said = world.apply(ROWS, names="fqdn", firewall_policy="lonely", params={"firewall_policy": "lonely"})
    assert any("is associated with no network: its rules apply nowhere yet" in note for note in said["notes"])
    assert any("this restricts nothing" in note for note in said["notes"])
    assert any("*.example.com" in note for note in said["notes"])
    everything = {**THEIRS[0], "match": {**THEIRS[0]["match"], "destIpRanges": ["0.0.0.0/0"]}}
    stops = {**everything, "priority": 11, "action": "deny", "ruleName": "stop"}
    for rule in (everything, stops):
        world.cloud.policies["", "web"]["rules"].append(world.cloud._shown({**rule, "priority": rule["priority"] + 50}))
    notes = apply(world, policy="deny")["notes"]
    assert any("rule ssh (priority 60)" in note and "before our deny" in note for note in notes)
    assert any("rule stop (priority 61)" in note and "stops what it names" in note for note in notes)
    assert any("VPC firewall rules of a network come first" in note for note in notes)


def test_vpc_rules_come_first_as_the_note_says(world: World) -> None:
    apply(world, policy="deny")
    assert not world.cloud.allows("tcp", "203.0.113.9", 25, policy=("", "web"))
    world.cloud.add_firewall("all", allowed=[{"IPProtocol": "all"}])
    assert world.cloud.allows("tcp", "203.0.113.9", 25, policy=("", "web"))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"firewall_policy": "none"}, "there is no such policy: the firewall policy none (global)"),
        ({"region": "europe-west1"}, "there is no such policy: the firewall policy web (europe-west1)"),
        ({"target_tags": ["web"]}, "target_tags are not for a firewall policy: use target_secure_tags"),
        ({"target_secure_tags": ["web"]}, "target_secure_tags: 'web' is not accepted"),
        ({"target_secure_tags": [f"tagValues/{n}" for n in range(257)]}, "257 are too many for a rule"),
    ],
)
def test_what_is_refused(world: World, params: dict, reason: str) -> None:
    place = params.get("firewall_policy", "web")
    said = world.run(plan=planned(ROWS, names="fqdn", firewall_policy=place), **{**WEB, **params})
    assert said.get("failed"), said
    assert reason in said["msg"]
    assert world.asked() == []


def test_absent_from_a_policy_that_is_gone(world: World) -> None:
    assert not world.run(state="absent", firewall_policy="none")["changed"]


def test_what_the_cloud_refuses_leaves_the_policy_as_it_was(world: World) -> None:
    theirs = rules(world, ours=False)
    world.cloud.fail = lambda method, given: ("QUOTA_EXCEEDED", 403)
    said = world.run(plan=planned(ROWS, names="fqdn", firewall_policy="web"), **WEB)
    assert said.get("failed"), said
    assert "it failed: QUOTA_EXCEEDED" in said["msg"]
    assert (said["changed"], said["differences"]) == (False, [])
    assert rules(world, ours=True) == []
    assert rules(world, ours=False) == theirs
