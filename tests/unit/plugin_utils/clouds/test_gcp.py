# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for Google Cloud: lists of services, the limits, what is refused and why."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.filter.gcp_security_group_plan import gcp_security_group_plan
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.fit import DoesNotFit
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.gcp import plan

from tests.support.rules import merged, row


def planned(*rows: dict, **options: Any) -> dict[str, Any]:
    found = plan(merged(*rows), **options)
    assert json.loads(json.dumps(found)) == found  # only what JSON has
    return found


def kinds(found: dict[str, Any]) -> list[tuple[str, dict, list[str]]]:
    return [(each["kind"], each["services"], list(each["destinations"])) for each in found["lists"]]


def addresses(count: int, version: int = 4) -> str:
    """So many addresses of which no two are neighbours."""
    start = int(ip_address("192.0.2.0" if version == 4 else "2001:db8::"))
    return ", ".join(str(ip_address(start + 2 * number)) for number in range(count))


def test_a_list_of_services_is_one_list_for_each_ip_version() -> None:
    found = planned(
        row("192.0.2.0/28, 2001:db8::/32", "443"),
        row("192.0.2.0/28, 2001:db8::/32", "3478, 8801-8810", "UDP"),
        row("198.51.100.0/24", "443"),
    )
    both = {"tcp": ["443"], "udp": ["3478", "8801-8810"]}
    assert sorted(kinds(found), key=str) == sorted(
        [
            ("v4", {"tcp": ["443"]}, ["198.51.100.0/24"]),
            ("v4", both, ["192.0.2.0/28"]),
            ("v6", both, ["2001:db8::/32"]),
        ],
        key=str,
    )
    assert {each["most"] for each in found["lists"]} == {5000}


def test_other_protocols_have_names_of_googles_or_numbers_and_no_ports() -> None:
    found = planned(
        row("192.0.2.0/28", "", "ESP, AH, GRE, ICMP, 253"),
        row("192.0.2.0/28", "5060", "SCTP"),
        row("192.0.2.0/28", "any", "DCCP"),
        row("2001:db8::/32", "", "ICMPv6"),
    )
    assert kinds(found) == [
        ("v4", {"253": [], "ah": [], "33": [], "esp": [], "47": [], "icmp": [], "sctp": ["5060"]}, ["192.0.2.0/28"]),
        ("v6", {"58": []}, ["2001:db8::/32"]),
    ]


@pytest.mark.parametrize(
    ("protocol", "ports", "reason"),
    [
        ("ICMP type 8", "", "icmp/echo-request: Google opens all types of icmp or none: write 'icmp' where that is"),
        ("UDP-Lite", "5060", "udplite/5060: Google has ports of tcp, udp and sctp only, and opens all of udplite"),
    ],
)
def test_services_that_google_does_not_have(protocol: str, ports: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^acme: calls: row 1: {re.escape(reason)}"):
        planned(row("192.0.2.0/28", ports, protocol))
    with pytest.raises(ValueError, match=f"^gcp_egress_allow: baseline: row 1: {re.escape(reason)}"):
        planned(row("192.0.2.0/28"), allow=[{"destination": "192.0.2.1", "protocol": protocol, "ports": ports}])


def test_each_prefix_knows_who_asks_for_it() -> None:
    found = planned(row("192.0.2.0/28"), row("192.0.2.0/28", service="media"), row("198.51.100.0/24"))
    assert found["lists"][0]["destinations"] == {
        "192.0.2.0/28": ["acme: calls", "acme: media"],
        "198.51.100.0/24": ["acme: calls"],
    }


def test_the_same_in_whatever_order() -> None:
    rows = [row("192.0.2.0/28"), row("198.51.100.0/24", "80"), row("2001:db8::/32", "1-2", "UDP"), row("a.example.com")]
    options = {"names": "fqdn", "firewall_policy": "web", "policy": "deny"}
    assert planned(*rows, **options) == planned(*reversed(rows), **options)


def test_inbound_is_left_out_and_said() -> None:
    found = planned(row("192.0.2.0/28"), row("198.51.100.0/24", direction="inbound"))
    assert kinds(found) == [("v4", {"tcp": ["443"]}, ["192.0.2.0/28"])]
    assert any("inbound" in note for note in found["notes"])


def test_additions_of_the_user_are_allowed_too() -> None:
    found = planned(row("192.0.2.0/28"), allow=[{"destination": "198.51.100.0/24", "ports": "5671"}])
    assert ("v4", {"tcp": ["5671"]}, ["198.51.100.0/24"]) in kinds(found)
    assert found["lists"][1]["destinations"]["198.51.100.0/24"] == ["gcp_egress_allow: baseline"]


@pytest.mark.parametrize(
    ("policy", "firewall_policy", "denies_at"), [("deny", "", 65534), ("deny", "web", 1998), ("unmanaged", "", 65534)]
)
def test_where_rules_go(policy: str, firewall_policy: str, denies_at: int) -> None:
    found = planned(row("192.0.2.0/28"), policy=policy, firewall_policy=firewall_policy)
    assert (found["policy"], found["firewall_policy"], found["priority"]) == (policy, firewall_policy, 1000)
    assert found["deny_priority"] == denies_at
    assert any("169.254.169.254" in note for note in found["notes"]) is (policy == "deny")


@pytest.mark.parametrize(("count", "rules"), [(4999, 1), (5000, 1), (5001, 2), (10001, 3)])
def test_ranges_of_a_rule(count: int, rules: int) -> None:
    found = planned(row(addresses(count)))
    assert found["units"] == [
        {"quota": "VPC firewall rules per project", "exact": rules, "need": rules, "limit": 100},
    ]
    assert len(found["lists"][0]["destinations"]) == count


@pytest.mark.parametrize(("rules", "fits"), [(2, False), (3, True), (4, True)])
@pytest.mark.parametrize("policy", ["unmanaged", "deny"])
def test_rules_of_a_project(rules: int, fits: bool, policy: str) -> None:
    rows = [row("192.0.2.0/28"), row("198.51.100.0/24", "80"), row("2001:db8::/32")]
    more = 2 if policy == "deny" else 0
    if fits:
        assert planned(*rows, rules=rules + more, policy=policy)["units"] == [
            {"quota": "VPC firewall rules per project", "exact": 3 + more, "need": 3 + more, "limit": rules + more}
        ]
        return
    with pytest.raises(DoesNotFit) as refused:
        planned(*rows, rules=rules + more, policy=policy)
    assert "VPC firewall rules per project" in str(refused.value)
    assert "FIREWALLS" in str(refused.value)


def test_widened_to_fit() -> None:
    """Six prefixes, room for four in one rule: what is opened besides is listed, and no more than was accepted."""
    rows = [row(addresses(6))]
    with pytest.raises(DoesNotFit, match="2 needed, 1 free, 1 too many"):
        planned(*rows, rules=1, ranges_per_rule=4)
    found = planned(*rows, rules=1, ranges_per_rule=4, widen_at_most=10)
    assert found["units"] == [{"quota": "VPC firewall rules per project", "exact": 2, "need": 1, "limit": 1}]
    assert len(found["lists"][0]["destinations"]) <= 4
    assert found["widened"]
    assert all("acme: calls" in text for text in found["widened"])


def test_joining_ports_saves_no_rule() -> None:
    """A rule holds as many ports as there are, so nothing is joined for nothing."""
    rows = [row("192.0.2.0/28", "443, 5349"), row("198.51.100.0/24", "443-5349")]
    assert planned(*rows, join_services=True, widen_at_most=100_000) == planned(*rows)
    with pytest.raises(DoesNotFit, match="2 needed, 1 free, 1 too many"):
        planned(*rows, rules=1, join_services=True, widen_at_most=100_000)


NAMED = [row("a.example.com, *.example.com, 192.0.2.0/28"), row("b.example.com", "80"), row("a.example.com", "80")]


def test_names_are_fqdn_objects_of_a_firewall_policy() -> None:
    found = planned(*NAMED, names="fqdn", firewall_policy="web")
    named = [each for each in found["lists"] if each["kind"] == "fqdn"]
    assert [(each["services"], each["destinations"], each["most"]) for each in named] == [
        ({"tcp": ["80"]}, {"b.example.com": ["acme: calls"]}, 100),
        ({"tcp": ["80", "443"]}, {"a.example.com": ["acme: calls"]}, 100),
    ]
    assert any("*.example.com" in note and "stay shut" in note for note in found["notes"])
    assert any("first 32 addresses" in note for note in found["notes"])
    assert found["units"][0]["need"] == 3


@pytest.mark.parametrize(("count", "rules"), [(99, 1), (100, 1), (101, 2)])
def test_names_of_a_rule(count: int, rules: int) -> None:
    names = ", ".join(f"n{number}.example.com" for number in range(count))
    found = planned(row(names), names="fqdn", firewall_policy="web")
    assert found["units"][0]["need"] == rules


def test_names_that_were_looked_up_are_destinations() -> None:
    looked_up = {"a.example.com": ["192.0.2.1", "2001:db8::1"], "b.example.com": []}
    found = planned(*NAMED, names="resolve", addresses=looked_up)
    # 192.0.2.1 may be used for what its name asks for besides what the prefix around it asks for.
    assert ("v4", {"tcp": ["80"]}, ["192.0.2.1/32"]) in kinds(found)
    assert ("v4", {"tcp": ["443"]}, ["192.0.2.0/28"]) in kinds(found)
    assert ("v6", {"tcp": ["80", "443"]}, ["2001:db8::1/128"]) in kinds(found)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"policy": "audit"}, "policy 'audit' is not accepted"),
        ({"policy": "deny"}, "Set gcp_egress_names to report"),
        ({"names": "dnsmasq"}, "choose one of report, resolve, fqdn"),
        ({"names": "fqdn"}, "gcp_egress_names fqdn needs gcp_egress_firewall_policy"),
        ({"names": "resolve"}, "were not looked up"),
        ({"firewall_policy": "Web"}, "firewall_policy 'Web' is not the name of a network firewall policy"),
        ({"firewall_policy": "web\n"}, "is not the name of a network firewall policy"),
        ({"priority": -1}, "priority '-1' is not a whole number from 0 to 65534"),
        ({"priority": True}, "priority 'True' is not a whole number"),
        ({"priority": 65535}, "priority '65535' is not a whole number from 0 to 65534"),
        ({"deny_priority": 65536}, "deny_priority '65536' is not a whole number from 0 to 65535"),
        ({"deny_priority": 1000}, "deny_priority 1000 must be larger than priority 1000"),
        ({"firewall_policy": "web", "priority": 2147482549}, "is not a whole number from 0 to 2147482548"),
        ({"rules": 0}, "rules '0' is not a whole number from 1"),
        ({"ranges_per_rule": 5001}, "ranges_per_rule '5001' is not a whole number from 1 to 5000"),
        ({"allow": [{"destination": "b.example.com", "ports": "1"}]}, "gcp_egress_allow: row 1"),
    ],
)
def test_what_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        planned(*NAMED, **options)
    with pytest.raises(AnsibleFilterError, match=re.escape(reason)):
        gcp_security_group_plan(merged(*NAMED), **options)


def test_the_last_band_of_a_policy_is_accepted() -> None:
    found = planned(row("192.0.2.0/28"), firewall_policy="web", priority=2147482548, policy="deny")
    assert found["deny_priority"] + 1 == 2147483547  # what Google reserves begins behind it
