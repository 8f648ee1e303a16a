# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC firewall rules: made, changed, mended and removed, and nothing else touched."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp.vpc import Vpc
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.gcp import plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.catalog import select
from tests.support.documents import needs_documents, oracle
from tests.support.gcp.cloud import NETWORK, PROJECT
from tests.support.gcp.module import World, google, planned
from tests.support.repository import REPOSITORY
from tests.support.rules import merged, row
from tests.support.systems import LONG
from tests.support.vendor_oracle import EVERYTHING

ROWS = [
    row("192.0.2.0/28"),
    row("198.51.100.7, 2001:db8::/32", "3478, 8801-8810", "UDP", service="media"),
]
FOREIGN = {
    "ssh": {"direction": "EGRESS", "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}]},
    "egress-allowlist-by-hand": {"direction": "INGRESS", "allowed": [{"IPProtocol": "icmp"}]},
    "egress-allowlist2-0badcafe-v4-1": {
        "allowed": [{"IPProtocol": "tcp", "ports": ["2222"]}],
        "description": "[egress.allowlist egress-allowlist2] acme: calls",
    },
}
QUOTA = "VPC firewall rules per project"


@pytest.fixture
def world() -> Iterator[World]:
    with google() as found:
        for name, body in FOREIGN.items():
            found.cloud.add_firewall(name, **body)
        found.cloud.add_network("other")
        found.cloud.add_firewall(
            "egress-allowlist-0badcafe-v4-1",
            network="other",
            allowed=[{"IPProtocol": "tcp"}],
            description="[egress.allowlist egress-allowlist] acme: calls",
        )
        yield found


def foreign(world: World) -> dict[str, Any]:
    return {
        name: copy.deepcopy(rule)
        for name, rule in world.cloud.firewalls.items()
        if name in FOREIGN or "0badcafe" in name
    }


def opened(world: World) -> set[tuple[str, str, str]]:
    """What our rules in the network open: protocol, ports, range."""
    return {
        (each["IPProtocol"], ports, text)
        for rule in world.ours().values()
        for each in rule.get("allowed", [])
        if rule["network"].endswith(f"/{NETWORK}") and "egress-allowlist]" in rule["description"]
        for ports in each.get("ports", [""])
        for text in rule["destinationRanges"]
    }


def test_other_protocols(world: World) -> None:
    rows = [row("192.0.2.0/28", "", "ESP, GRE, ICMP"), row("192.0.2.0/28", "5060", "SCTP")]
    rows.append(row("2001:db8::/32", "", "ICMPv6"))
    applied = world.apply(rows)
    lines = ("esp to 192.0.2.0/28", "gre to 192.0.2.0/28", "icmp to 192.0.2.0/28", "sctp/5060 to 192.0.2.0/28")
    assert {f"+ {line}  acme: calls" for line in (*lines, "icmpv6 to 2001:db8::/32")} <= {*applied["differences"]}
    assert opened(world) == {
        *((protocol, "", "192.0.2.0/28") for protocol in ("esp", "47", "icmp")),
        ("sctp", "5060", "192.0.2.0/28"),
        ("58", "", "2001:db8::/32"),
    }
    assert world.apply(rows)["changed"] is False
    for rule in world.cloud.firewalls.values():  # as Google might spell it
        for each in rule.get("allowed", []):
            each["IPProtocol"] = {"esp": "50", "47": "gre"}.get(each["IPProtocol"], each["IPProtocol"])
    assert world.apply(rows)["changed"] is False


LINES = [
    "rules for all instances",
    "tcp/443 to 192.0.2.0/28  acme: calls",
    "udp/3478 to 198.51.100.7/32  acme: media",
    "udp/3478 to 2001:db8::/32  acme: media",
    "udp/8801-8810 to 198.51.100.7/32  acme: media",
    "udp/8801-8810 to 2001:db8::/32  acme: media",
]
EVERYTHING_LINE = "everything to everywhere  (default rule)"


def test_made_kept_changed_and_removed(world: World) -> None:
    before = foreign(world)
    said = world.apply(ROWS)
    assert said["changed"]
    assert said["differences"] == ["+ " + text for text in LINES]
    assert said["diff"]["prepared"] == "".join(f"+ {text}\n" for text in LINES)
    assert said["units"] == [{"quota": QUOTA, "before": 4, "after": 7, "limit": 100}]
    assert said["calls"] == len(world.asked(writes=False))
    assert opened(world) == {
        ("tcp", "443", "192.0.2.0/28"),
        *(("udp", ports, to) for ports in ("3478", "8801-8810") for to in ("198.51.100.7/32", "2001:db8::/32")),
    }

    said = world.apply(ROWS)
    assert (said["changed"], said["differences"], said["calls"]) == (False, [], 3)
    assert world.asked() == []

    said = world.apply([*ROWS[1:], row("192.0.2.0/29")])
    assert said["differences"] == ["- tcp/443 to 192.0.2.0/28  acme: calls", "+ tcp/443 to 192.0.2.0/29  acme: calls"]
    assert [method for method, _name in world.asked()] == ["PATCH"]

    said = world.run(state="absent")
    assert said["changed"]
    assert said["units"] == [{"quota": QUOTA, "before": 7, "after": 4, "limit": 100}]
    assert [text[0] for text in said["differences"]] == ["-"] * 6
    assert {method for method, _name in world.asked()} == {"DELETE"}
    assert opened(world) == set()
    assert foreign(world) == before
    assert not world.run(state="absent")["changed"]
    assert world.asked() == []


def test_a_changed_prefix_is_one_patch_of_one_list(world: World) -> None:
    rows = [row(f"192.0.2.{number}") for number in range(0, 40, 2)]
    world.apply(rows, ranges_per_rule=7)
    world.asked()
    said = world.apply([*rows[:5], row("198.51.100.9"), *rows[6:]], ranges_per_rule=7)
    assert said["differences"] == [
        "- tcp/443 to 192.0.2.10/32  acme: calls",
        "+ tcp/443 to 198.51.100.9/32  acme: calls",
    ]
    writes = [request for request in world.proxy.requests if request.method == "PATCH"]
    assert len(writes) == 1
    assert set(writes[0].json) == {"name", "destinationRanges"}
    assert [method for method, _name in world.asked()] == ["PATCH"]


def test_check_mode_says_the_same_and_writes_nothing(world: World) -> None:
    for rows, options in ((ROWS, {}), (ROWS[:1], {"policy": "deny"}), ([row("192.0.2.0/29")], {"policy": "deny"})):
        checked = world.apply(rows, check=True, **options)
        assert world.asked() == []
        done = world.apply(rows, **options)
        assert world.asked()
        for key in ("changed", "differences", "notes", "units", "diff"):
            assert checked[key] == done[key], key
    checked = world.run(state="absent", check=True)
    assert world.asked() == []
    assert checked["differences"] == world.run(state="absent")["differences"]


def test_deny_stops_all_else_and_unmanaged_gives_it_back(world: World) -> None:
    tags = {"target_tags": ["web"]}
    said = world.apply(ROWS, params=tags)
    assert any("this restricts nothing" in note for note in said["notes"])
    assert world.cloud.allows("tcp", "203.0.113.1", 25, tags=["web"])
    said = world.apply(ROWS, policy="deny", params=tags)
    assert said["differences"] == ["- " + EVERYTHING_LINE]
    assert not any("this restricts nothing" in note for note in said["notes"])
    assert {rule["priority"] for rule in world.ours().values() if "denied" in rule} == {65534}
    for protocol, address, port, allowed in (
        ("tcp", "192.0.2.15", 443, True),
        ("tcp", "192.0.2.16", 443, False),
        ("udp", "192.0.2.15", 443, False),
        ("udp", "2001:db8::1", 8810, True),
        ("udp", "2001:db8::1", 8811, False),
        ("tcp", "2001:db9::1", 443, False),
        ("tcp", "203.0.113.1", 22, True),  # somebody else's rule
    ):
        assert world.cloud.allows(protocol, address, port, tags=["web"]) is allowed, (protocol, address, port)
        assert world.cloud.allows(protocol, address, port, tags=["db"])  # other instances
    said = world.apply(ROWS, params=tags)
    assert said["differences"] == ["+ " + EVERYTHING_LINE]
    assert not [rule for rule in world.ours().values() if "denied" in rule]


@pytest.mark.parametrize(
    ("params", "key", "words", "mine", "others"),
    [
        ({"target_tags": ["web", "api"]}, "targetTags", "the network tag api or the network tag web", {"tags": ["api"]},
         {"tags": ["db"]}),
        ({"target_service_accounts": ["web@acme.iam.gserviceaccount.com"]}, "targetServiceAccounts",
         "the service account web@acme.iam.gserviceaccount.com", {"account": "web@acme.iam.gserviceaccount.com"}, {}),
    ],
)  # fmt: skip
def test_targets(world: World, params: dict, key: str, words: str, mine: dict, others: dict) -> None:
    world.apply(ROWS, policy="deny")
    said = world.apply(ROWS, policy="deny", params=params)
    assert said["differences"] == ["- rules for all instances", f"+ rules for instances with {words}"]
    rules = [rule for name, rule in world.ours().items() if "0badcafe" not in name]
    assert len(rules) == 5
    assert all(sorted(rule[key]) == sorted(next(iter(params.values()))) for rule in rules)
    assert not world.cloud.allows("tcp", "203.0.113.1", 25, **mine)
    assert world.cloud.allows("tcp", "203.0.113.1", 25, **others)
    assert not world.apply(ROWS, policy="deny", params=params)["changed"]


def test_two_selections_under_two_names(world: World) -> None:
    world.apply(ROWS[:1])
    world.apply(ROWS[1:], params={"name": "other-name"})
    assert not world.apply(ROWS[:1])["changed"]
    assert world.run(state="absent")["changed"]
    assert not world.apply(ROWS[1:], params={"name": "other-name"})["changed"]


DRIFT = [
    ({"disabled": True}, ["+ tcp/443 to 192.0.2.0/28  acme: calls", "disabled", "enabled"]),
    ({"priority": 7}, ["priority 7", "priority 1000"]),
    ({"destinationRanges": ["192.0.2.0/28", "203.0.113.0/24"]}, ["- tcp/443 to 203.0.113.0/24  acme: calls"]),
    ({"destinationRanges": ["203.0.113.0/24"]},
     ["- tcp/443 to 203.0.113.0/24  acme: calls", "+ tcp/443 to 192.0.2.0/28  acme: calls"]),
    ({"allowed": [{"IPProtocol": "tcp"}]},
     ["- tcp to 192.0.2.0/28  acme: calls", "+ tcp/443 to 192.0.2.0/28  acme: calls"]),
    ({"targetTags": ["db"]}, ["for instances with the network tag db", "for all instances"]),
    ({"sourceRanges": ["10.0.0.0/8"]}, ["has sourceRanges"]),
    ({"description": "[egress.allowlist egress-allowlist] somebody"},
     ["asked for by somebody", "asked for by acme: calls"]),
]  # fmt: skip


@pytest.mark.parametrize(("drift", "told"), DRIFT, ids=[next(iter(drift)) for drift, _told in DRIFT])
def test_what_somebody_changes_is_shown_and_mended(world: World, drift: dict, told: list[str]) -> None:
    world.apply(ROWS[:1])
    wanted = copy.deepcopy(world.cloud.firewalls)
    rule = next(rule for name, rule in world.ours().items() if "0badcafe" not in name)
    rule.update(drift, logConfig={"enable": True})
    said = world.apply(ROWS[:1])
    for text in told:
        assert any(text in line for line in said["differences"]), said["differences"]
    assert opened(world) == {("tcp", "443", "192.0.2.0/28")}
    # Logging is not ours to switch.
    mended = world.cloud.firewalls[rule["name"]]
    assert mended.pop("logConfig") == {"enable": True}
    wanted[rule["name"]].pop("logConfig")
    assert {key: value for key, value in mended.items() if value} == {
        key: value for key, value in wanted[rule["name"]].items() if value
    }
    assert not world.apply(ROWS[:1])["changed"]


def test_a_rule_that_somebody_removed_comes_back(world: World) -> None:
    world.apply(ROWS, policy="deny")
    for name in sorted(set(world.ours()) - set(foreign(world))):
        gone = world.cloud.firewalls.pop(name)
        said = world.apply(ROWS, policy="deny")
        assert said["changed"]
        assert (EVERYTHING_LINE in said["differences"][0]) is ("denied" in gone)
        assert name in world.cloud.firewalls


@pytest.mark.parametrize(
    ("body", "policy", "note"),
    [
        ({"allowed": [{"IPProtocol": "all"}]}, "deny", "lets out to everywhere before our deny"),
        (
            {"denied": [{"IPProtocol": "tcp"}], "destinationRanges": ["192.0.2.0/24"]},
            "unmanaged",
            "stops what it names",
        ),
        ({"denied": [{"IPProtocol": "tcp"}], "priority": 1001}, "unmanaged", ""),
        ({"allowed": [{"IPProtocol": "all"}], "priority": 65534}, "deny", ""),
        ({"allowed": [{"IPProtocol": "all"}], "disabled": True}, "deny", ""),
    ],
)
def test_foreign_rules_that_come_first_are_told(world: World, body: dict, policy: str, note: str) -> None:
    del world.cloud.firewalls["ssh"], world.cloud.firewalls["egress-allowlist2-0badcafe-v4-1"]
    world.cloud.add_firewall("theirs", **body)
    notes = [text for text in world.apply(ROWS, policy=policy)["notes"] if "theirs" in text]
    assert len(notes) == bool(note), notes
    assert all(note in text for text in notes)


def test_a_policy_that_comes_first_is_told(world: World) -> None:
    world.cloud.add_network(
        "strict", networkFirewallPolicyEnforcementOrder="BEFORE_CLASSIC_FIREWALL",
        firewallPolicy=f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/firewallPolicies/web",
    )  # fmt: skip
    notes = world.apply(ROWS, params={"network": "strict"})["notes"]
    assert any("the firewall policy web comes before VPC firewall rules" in note for note in notes)


def test_a_rule_with_our_name_only_stays_and_is_told(world: World) -> None:
    said = world.apply(ROWS)
    assert any("egress-allowlist-by-hand bears our name and not our mark" in note for note in said["notes"])
    name = next(name for name in world.ours() if "0badcafe" not in name)
    world.run(state="absent")
    world.cloud.add_firewall(name, allowed=[{"IPProtocol": "tcp"}])
    world.asked()
    said = world.run(plan=planned(ROWS))
    assert said.get("failed"), said
    assert f"{name} has the name of a rule of ours and not our mark" in said["msg"]
    assert world.asked() == []


def test_a_copy_of_a_rule_under_a_name_of_its_own_stays(world: World) -> None:
    world.apply(ROWS)
    mark = "[egress.allowlist egress-allowlist] acme: calls"
    world.cloud.add_firewall("copied", allowed=[{"IPProtocol": "tcp", "ports": ["25"]}], description=mark)
    before = copy.deepcopy(world.cloud.firewalls["copied"])
    assert not world.apply(ROWS)["changed"]
    world.run(state="absent")
    assert world.cloud.firewalls["copied"] == before


@pytest.mark.parametrize("quota", [6, 7, 8])
def test_the_quota_of_the_project(world: World, quota: int) -> None:
    world.cloud.quota = quota  # four foreign rules, and three of ours
    for check in (True, False):
        said = world.run(plan=planned(ROWS), check=check)
        assert bool(said.get("failed")) is (quota == 6)
    if quota == 6:
        assert f"this does not fit: {QUOTA}: 3 needed, 2 free, 1 too many" in said["msg"]
        assert "raise the quota 'VPC firewall rules' (FIREWALLS) to 7" in said["msg"]
        assert world.asked() == []
        assert set(world.cloud.firewalls) == set(foreign(world))


@pytest.mark.parametrize("count", [4999, 5000, 5001])
def test_ranges_of_a_rule(count: int) -> None:
    with google() as world:
        start = int(ip_address("198.18.0.0"))
        rows = [row(", ".join(str(ip_address(start + 2 * number)) for number in range(count)))]
        world.apply(rows)
        sizes = sorted(len(rule["destinationRanges"]) for rule in world.ours().values())
        assert sizes == ([1, 5000] if count == 5001 else [count])


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"name": "Egress"}, "name 'Egress' is not accepted"),
        ({"name": "a" * 41}, "up to 40"),
        ({"network": ""}, "network is missing"),
        ({"network": "nowhere"}, "there is no such network: the network nowhere"),
        ({"project": "acme-nothing"}, "there is no such network"),
        ({"region": "us-east1"}, "region is of a firewall_policy only"),
        ({"target_tags": ["Web"]}, "target_tags: 'Web' is not accepted"),
        ({"target_tags": [f"t{n}" for n in range(71)]}, "target_tags: 71 are too many for a rule: it has up to 70"),
        ({"target_service_accounts": [f"a{n}@b.c" for n in range(11)]}, "11 are too many for a rule"),
        ({"target_service_accounts": ["web"]}, "target_service_accounts: 'web' is not accepted"),
        ({"target_tags": ["web"], "target_service_accounts": ["a@b.c"]}, "cannot be used together with tags"),
        ({"target_secure_tags": ["tagValues/1"]}, "target_secure_tags are not for VPC firewall rules"),
        ({"plan": {"policy": "deny"}}, "_security_group_plan returns: 'firewall_policy' is missing"),
        ({"plan": planned(ROWS, firewall_policy="web")}, "'' is not the one that was planned for, 'web'"),
        ({"auth_kind": "serviceaccount"}, "auth_kind serviceaccount needs service_account_file"),
    ],
)  # fmt: skip
def test_what_is_refused(world: World, params: dict, reason: str) -> None:
    said = world.run(**{"plan": planned(ROWS), **params})
    assert said.get("failed"), said
    assert reason in said["msg"]
    assert world.asked() == []


@pytest.mark.parametrize(("option", "count"), [("target_tags", 70), ("target_service_accounts", 10)])
def test_as_many_targets_as_a_rule_takes(world: World, option: str, count: int) -> None:
    values = [f"t{n}" if option == "target_tags" else f"a{n}@acme.iam.gserviceaccount.com" for n in range(count)]
    assert world.apply(ROWS, params={option: values})["changed"]


def test_absent_from_a_network_that_is_gone(world: World) -> None:
    assert not world.run(state="absent", network="nowhere")["changed"]


@needs_documents
@pytest.mark.parametrize("most", [5000, 50])
def test_open_is_what_the_documents_say(most: int) -> None:
    """All vendors with all that they have: what the cloud's rules open equals the documents, address by address."""
    facts = oracle().compile(EVERYTHING)
    with google() as world:
        planned_all = plan(merged(*select(*EVERYTHING)["rows"]), policy="deny", names="report", ranges_per_rule=most)
        assert world.run(plan=planned_all)["changed"]
        if most == 5000:
            page = (REPOSITORY / "docs" / "gcp.md").read_text("utf-8")
            assert f"fit exactly, in {len(world.ours())} rules with `deny`" in page
        found: dict[int, list[tuple[int, int, str, str]]] = {4: [], 6: []}
        for rule in world.ours().values():
            for text in rule["destinationRanges"]:
                net = ip_network(text)
                for each in rule.get("allowed", []):
                    found[net.version] += [
                        (int(net.network_address), int(net.broadcast_address), each["IPProtocol"], ports)
                        for ports in each["ports"]
                    ]
    ports_seen = {
        edge + step
        for wanted in facts.ranges.values()
        for services in wanted.values()
        for _protocol, first, last in services
        for edge in (first, last)
        for step in (-1, 0, 1)
    }
    for version, wanted in facts.ranges.items():
        edges = {edge + step for first, last in wanted for edge in (first, last) for step in (-1, 0, 1)}
        edges |= {
            edge + step for first, last, _p, _q in found[version] for edge in (first, last) for step in (-1, 0, 1)
        }
        for address in edges:
            if not 0 <= address < 1 << (32 if version == 4 else 128):
                continue
            at = [(p, ports) for first, last, p, ports in found[version] if first <= address <= last]
            spans = [(p, *map(int, (ports.partition("-")[0], ports.rpartition("-")[2]))) for p, ports in at]
            for protocol in ("tcp", "udp"):
                for port in ports_seen:
                    is_open = any(p == protocol and first <= port <= last for p, first, last in spans)
                    assert is_open == facts.allowed(protocol, version, address, port), (
                        version,
                        address,
                        protocol,
                        port,
                    )


def look(world: World, kept: list[Any], shut: list[Any]) -> None:
    """Note what of the kept packets is stopped now."""
    shut += [(port, to) for port, to in kept if not world.cloud.allows("tcp", to, port, tags=["web"])]


PREFIXES = [str(part) for size in (28, 29, 30) for part in ip_network("192.0.2.0/28").subnets(new_prefix=size)]
CHOICES = st.tuples(
    st.lists(st.tuples(st.sampled_from(PREFIXES), st.sampled_from(["443", "80", "80, 443"])), min_size=1, max_size=6),
    st.sampled_from(["deny", "deny", "unmanaged"]),
    st.sampled_from([{}, {}, {"target_tags": ["web"]}]),
)


@pytest.mark.sized
@settings(
    max_examples=60 if LONG else 8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # fmt: skip
@given(st.lists(CHOICES, min_size=2, max_size=4), st.sampled_from([1, 2, 3]))
def test_whatever_the_sequence(monkeypatch: pytest.MonkeyPatch, choices: list[Any], most: int) -> None:
    """Each run ends as a fresh one would, foreign rules are as they were, and no wanted address is shut in between."""
    monkeypatch.setattr(Vpc, "most", most)
    packets = [(port, str(address)) for port in (80, 443) for address in ip_network("192.0.2.0/28")]
    with google() as world:
        for name, body in FOREIGN.items():
            world.cloud.add_firewall(name, **body)
        before = foreign(world)
        for asked, policy, params in choices:
            rows = [row(prefix, ports) for prefix, ports in asked]
            wanted = [
                (port, address)
                for port, address in packets
                if any(
                    str(port) in ports.split(", ") and ip_address(address) in ip_network(prefix)
                    for prefix, ports in asked
                )
            ]
            kept = [(p, a) for p, a in wanted if world.cloud.allows("tcp", a, p, tags=["web"])]
            shut: list[Any] = []
            world.cloud.effects = [partial(look, world, kept, shut)]
            world.apply(rows, policy=policy, ranges_per_rule=most, params=params)
            assert shut == []
            with google() as fresh:
                fresh.apply(rows, policy=policy, ranges_per_rule=most, params=params)
                assert opened(world) == opened(fresh)
                assert set(world.ours()) - set(before) == set(fresh.ours())
            is_open = {(p, a) for p, a in packets if world.cloud.allows("tcp", a, p, tags=["web"])}
            assert is_open == (set(wanted) if policy == "deny" else set(packets))
            assert foreign(world) == before
            assert not world.apply(rows, policy=policy, ranges_per_rule=most, params=params)["changed"]
