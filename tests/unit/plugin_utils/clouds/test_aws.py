# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the planner for AWS makes of an allowlist, how it counts, and what it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.aws import described, plan

from tests.support.rules import rule


def planned(*rules: dict[str, Any], **options: Any) -> dict[str, Any]:
    return plan(merge_vendors(rules or [rule()]), **options)


def hosts(number: int, version: int = 4) -> list[dict[str, Any]]:
    """Return rules for single addresses that cannot be joined."""
    if version == 6:
        return [rule(f"2001:db8:0:{n:x}::1/128") for n in range(0, 2 * number, 2)]
    return [rule(f"198.18.{n // 128}.{n % 128 * 2}/32") for n in range(number)]


def test_a_rule_is_a_protocol_a_range_of_ports_and_a_prefix() -> None:
    found = planned(
        rule(ports="8801-8810"), rule("2001:db8::/64", "443", "tcp"), rule(ports="8801-8810", vendor="zoo", service="b")
    )
    assert found["rules"] == [
        {"protocol": "udp", "first": 8801, "last": 8810, "cidr": "192.0.2.0/28", "label": "acme: calls, zoo: b"},
        {"protocol": "tcp", "first": 443, "last": 443, "cidr": "2001:db8::/64", "label": "acme: calls"},
    ]
    assert json.loads(json.dumps(found)) == found


def test_other_protocols_are_numbers_and_types_of_icmp_stand_in_the_place_of_ports() -> None:
    asked = [("esp", ""), ("253", ""), ("icmp", "echo-request"), ("icmp", "41"), ("sctp", "1-65535"), ("tcp", "443")]
    found = planned(
        *(rule("192.0.2.0/28", ports, protocol) for protocol, ports in asked), rule("2001:db8::/64", "", "icmpv6")
    )
    assert [(one["protocol"], one["first"], one["last"], one["cidr"]) for one in found["rules"]] == [
        ("253", -1, -1, "192.0.2.0/28"),
        ("50", -1, -1, "192.0.2.0/28"),
        ("icmp", 8, -1, "192.0.2.0/28"),
        ("icmp", 41, -1, "192.0.2.0/28"),
        ("132", -1, -1, "192.0.2.0/28"),
        ("tcp", 443, 443, "192.0.2.0/28"),
        ("icmpv6", -1, -1, "2001:db8::/64"),
    ]
    assert json.loads(json.dumps(found)) == found


def test_all_types_of_icmp_take_the_place_of_one() -> None:
    found = planned(rule("192.0.2.0/28", "", "icmp"), rule("192.0.2.0/27", "echo-request", "icmp", vendor="zoo"))
    assert [(one["first"], one["cidr"], one["label"]) for one in found["rules"]] == [
        (-1, "192.0.2.0/28", "acme: calls, zoo: calls"),
        (8, "192.0.2.16/28", "zoo: calls"),
    ]


def test_icmp_to_a_name_goes_to_addresses_of_its_ip_version() -> None:
    addresses = {"a.example.com": ["192.0.2.9", "2001:db8::9"]}
    asked = [rule("a.example.com", "", "icmp"), rule("a.example.com", "echo-request", "icmpv6")]
    found = planned(*asked, names="resolve", addresses=addresses)
    assert [(one["protocol"], one["cidr"]) for one in found["rules"]] == [
        ("icmp", "192.0.2.9/32"),
        ("icmpv6", "2001:db8::9/128"),
    ]


@pytest.mark.parametrize("protocol", ["sctp", "dccp", "udplite"])
def test_ports_of_other_protocols_are_refused(protocol: str) -> None:
    text = f"{protocol}/5060: AWS has ports of tcp and udp only, and opens all of {protocol}: write 'any' where that is"
    text += " meant"
    with pytest.raises(ValueError, match=f"^acme: calls: {text}$"):
        planned(rule("192.0.2.0/28", "5060", protocol))
    row = {"destination": "192.0.2.1", "protocol": protocol, "ports": "5060"}
    with pytest.raises(ValueError, match=f"^aws_egress_allow: baseline: row 1: {text}$"):
        planned(allow=[row])


def test_neighbours_with_the_same_ports_are_one_rule() -> None:
    found = planned(
        rule("192.0.2.0/29", "443", "tcp"), rule("192.0.2.8/29", "443", "tcp"), rule("192.0.2.0/29", "80", "tcp")
    )
    assert [(one["first"], one["cidr"]) for one in found["rules"]] == [(80, "192.0.2.0/29"), (443, "192.0.2.0/28")]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("policy", "options", "room"),
    [
        ("deny", {}, 300),
        ("unmanaged", {}, 295),  # a group keeps a rule for the default rule
        ("deny", {"groups": 2}, 120),
        ("deny", {"rules_per_group": 100, "groups": 2, "groups_per_interface": 10}, 200),
    ],
)
def test_one_below_at_and_one_above_the_quota(version: int, policy: str, options: dict[str, Any], room: int) -> None:
    for number in (room - 1, room):
        found = planned(*hosts(number, version), policy=policy, **options)
        assert [unit["need"] for unit in found["units"]] == ([number, 0] if version == 4 else [0, number])
        assert [unit["limit"] for unit in found["units"]] == [room, room]
        assert found["groups_needed"] == options.get("groups", 5)
    with pytest.raises(ValueError, match=f"IPv{version} .*{room + 1}.* {room}.* 1 too many"):
        planned(*hosts(room + 1, version), policy=policy, **options)


def test_both_versions_have_their_own_room() -> None:
    found = planned(*hosts(60), *hosts(60, 6), policy="deny", groups=1)
    assert [unit["need"] for unit in found["units"]] == [60, 60]
    assert found["groups_needed"] == 1


RULES_TO = "(L-0EA8095F) to {0}, then aws_egress_rules_per_group: {0}"
GROUPS_TO = "(L-2AFB9258) to {0}, then aws_egress_groups_per_interface and aws_egress_groups: {0}"


@pytest.mark.parametrize(
    ("need", "options", "ways"),
    [
        (301, {}, [RULES_TO.format(61), GROUPS_TO.format(6)]),
        (301, {"policy": "unmanaged"}, [RULES_TO.format(62), GROUPS_TO.format(6)]),
        (61, {"groups": 1}, [RULES_TO.format(61), "aws_egress_groups: 2"]),
        (300, {"groups": 1}, ["aws_egress_groups: 5"]),
        (1000, {}, [RULES_TO.format(200)]),
        (1000, {"groups": 1}, [RULES_TO.format(200) + ", and aws_egress_groups: 5"]),
        (1000, {"rules_per_group": 100}, [RULES_TO.format(200), GROUPS_TO.format(10)]),
        (
            1001,
            {},
            ["no quota takes it as it is: AWS allows 1,000 rules for a network interface and IP version at most"],
        ),
    ],
)
def test_what_does_not_fit_names_the_quotas_that_take_it(need: int, options: dict[str, Any], ways: list[str]) -> None:
    with pytest.raises(ValueError, match="Ways out") as refused:
        planned(*hosts(need), **{"policy": "deny", **options})
    said = str(refused.value)
    assert [way for way in ways if way not in said] == [], said
    for code in ("L-0EA8095F", "L-2AFB9258"):
        assert (code in said) == any(code in way for way in ways), said


@pytest.mark.parametrize("options", [{}, {"policy": "unmanaged"}, {"groups": 2}, {"rules_per_group": 30, "groups": 3}])
@pytest.mark.parametrize("need", [300, 421, 777])
def test_the_quotas_that_are_named_take_it(need: int, options: dict[str, Any]) -> None:
    given = {"policy": "deny", **options}
    with pytest.raises(ValueError, match="Ways out") as refused:
        planned(*hosts(need + 5), **given)
    ways = str(refused.value).partition("Ways out: ")[2].split("; ")
    tried = 0
    for way in ways:
        named = {name: int(number) for name, number in re.findall(r"aws_egress_(\w+): (\d+)", way)}
        if "(L-2AFB9258)" in way:
            named["groups_per_interface"] = named["groups"]
        if named and "widen_at_most" not in named:
            assert planned(*hosts(need + 5), **{**given, **named})["groups_needed"] <= 16
            tried += 1
    assert tried


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rules_per_group": 0}, "rules_per_group '0' is not accepted: write a whole number from 1 to 1,000"),
        ({"rules_per_group": "60"}, "rules_per_group '60' is not accepted"),
        ({"groups": True}, "groups 'True' is not accepted"),
        ({"groups_per_interface": 17}, "groups_per_interface '17' is not accepted: write a whole number from 1 to 16"),
        ({"groups": 6}, "groups 6 is more than an interface can have: groups_per_interface is 5"),
        (
            {"rules_per_group": 201},
            "rules_per_group 201 x groups_per_interface 5 is 1,005: AWS allows 1,000 rules for a network interface; "
            "with 5 groups there can be 200 rules in each",
        ),
        ({"policy": "audit"}, "policy 'audit' is not accepted"),
    ],
)
def test_limits_that_no_account_has_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        planned(**options)


@pytest.mark.parametrize("rules", [199, 200])
def test_the_product_at_its_limit_is_accepted(rules: int) -> None:
    assert planned(rules_per_group=rules)["limits"]["rules_per_group"] == rules


def test_names_need_a_choice_only_where_all_else_is_stopped() -> None:
    named = [rule("media.example.com"), rule()]
    assert len(planned(*named)["rules"]) == 1
    with pytest.raises(ValueError, match="aws_egress_names to report"):
        planned(*named, policy="deny")
    assert len(planned(*named, policy="deny", names="report")["rules"]) == 1
    found = planned(*named, policy="deny", names="resolve", addresses={"media.example.com": ["203.0.113.7"]})
    assert [one["cidr"] for one in found["rules"]] == ["192.0.2.0/28", "203.0.113.7/32"]


def test_additions_of_the_user() -> None:
    found = planned(allow=[{"destination": "203.0.113.0/24", "ports": "5671"}])["rules"]
    label = "aws_egress_allow: baseline"
    assert found[0] == {"protocol": "tcp", "first": 5671, "last": 5671, "cidr": "203.0.113.0/24", "label": label}


def test_what_a_security_group_cannot_stop_is_said_where_all_else_is_stopped() -> None:
    assert planned()["notes"] == []
    assert [note for note in planned(policy="deny")["notes"] if "other groups" in note or "Amazon" in note] == planned(
        policy="deny"
    )["notes"]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (["kudo: media"], "kudo: media"),
        (["a: b", "c: d"], "a: b, c: d"),
        (['a: "b"', "c: é"], "a: _b_, c: _"),
        (["a" * 236], "a" * 236),
        (["a" * 300], "a" * 236),
        (["a" * 200, "b" * 34], "a" * 200 + ", " + "b" * 34),
        (["a" * 200, "b" * 35], "a" * 200 + " and 1 more"),
        (
            [f"vendor{n:02d}: media" for n in range(50)],
            ", ".join(f"vendor{n:02d}" for n in range(22)) + " and 28 more",
        ),
    ],
)
def test_a_description_says_who_asks_as_far_as_there_is_room(labels: list[str], text: str) -> None:
    assert described(labels) == text
    assert len(text + " (egress.allowlist)") <= 255
