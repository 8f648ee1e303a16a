# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for Azure: which rules, how they are counted, what is refused and why."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.filter.azure_security_group_plan import azure_security_group_plan
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.azure import plan
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import merged, row
from tests.support.strategies import port_ranges, prefixes, span


def planned(*rows: dict, **options: Any) -> dict[str, Any]:
    found = plan(merged(*rows), **options)
    assert json.loads(json.dumps(found)) == found  # only what JSON has
    return found


def apart(count: int) -> str:
    """So many addresses of which no two are neighbours."""
    start = int(ip_address("192.0.2.0"))
    return ", ".join(str(ip_address(start + 2 * number)) for number in range(count))


def rules(found: dict[str, Any]) -> dict[str, list[str]]:
    return {rule["id"]: list(rule["destinations"]) for rule in found["rules"]}


def test_what_has_the_same_ports_of_a_protocol_is_one_rule_for_each_ip_version() -> None:
    found = planned(
        row("192.0.2.0/28, 2001:db8::/32", "443"),
        row("192.0.2.0/28", "8801-8810, 3478", "UDP", "media"),
        row("198.51.100.0/24", "443", service="web"),
    )
    assert rules(found) == {
        "tcp-ipv4-443": ["192.0.2.0/28", "198.51.100.0/24"],
        "udp-ipv4-3478_8801-8810": ["192.0.2.0/28"],
        "tcp-ipv6-443": ["2001:db8::/32"],
    }
    assert found["rules"][0]["destinations"] == {"192.0.2.0/28": "acme: calls", "198.51.100.0/24": "acme: web"}
    assert found["rules"][0]["asked"] == ["acme: calls", "acme: web"]
    assert [unit["need"] for unit in found["units"]] == [3, 4]
    assert found["stops"] == ""


def test_a_list_of_ports_is_one_list_and_overlapping_ones_are_cut() -> None:
    found = planned(row("192.0.2.0/28", "443, 80"), row("192.0.2.0/27", "444"))
    assert rules(found) == {"tcp-ipv4-80_443-444": ["192.0.2.0/28"], "tcp-ipv4-444": ["192.0.2.16/28"]}


def test_ids_stay_while_destinations_come_and_go_and_fit_a_name() -> None:
    ports = ", ".join(str(number) for number in range(1000, 1100, 2))
    [one] = planned(row("192.0.2.0/28", ports))["rules"]
    [other] = planned(row("198.51.100.0/24", ports))["rules"]
    [third] = planned(row("198.51.100.0/24", f"{ports}, 7"))["rules"]
    assert one["id"] == other["id"] != third["id"]
    assert len(one["id"]) <= 49  # with a name of 30 and a dot: 80, the most that Azure takes
    assert len(one["ports"]) == 50


def test_deny_stops_all_else_after_the_servers() -> None:
    found = planned(row("192.0.2.0/28"), policy="deny", dns_servers="192.0.2.53, 2001:db8::53", ntp_servers="192.0.2.1")
    assert found["stops"] == "everything"
    assert {
        "tcp-ipv4-53": ["192.0.2.53/32"],
        "udp-ipv4-53": ["192.0.2.53/32"],
        "udp-ipv6-53": ["2001:db8::53/128"],
        "udp-ipv4-123": ["192.0.2.1/32"],
    }.items() <= rules(found).items()
    unmanaged = planned(row("192.0.2.0/28"), dns_servers="192.0.2.53")
    assert list(rules(unmanaged)) == ["tcp-ipv4-443"]
    assert planned(row("192.0.2.0/28"), policy="deny", stops="internet")["stops"] == "internet"
    assert planned(row("192.0.2.0/28"), stops="internet")["stops"] == ""


def test_the_users_own_additions_are_allowed() -> None:
    found = planned(row("192.0.2.0/28"), allow=[{"destination": "198.51.100.7", "ports": "5671"}])
    assert found["rules"][1]["destinations"] == {"198.51.100.7/32": "azure_egress_allow: baseline"}


def test_names_that_were_looked_up_are_opened() -> None:
    found = planned(row("media.example.com"), names="resolve", addresses={"media.example.com": ["203.0.113.9"]})
    assert rules(found) == {"tcp-ipv4-443": ["203.0.113.9/32"]}
    with pytest.raises(ValueError, match="Set azure_egress_names to report"):
        planned(row("media.example.com"), policy="deny")


@pytest.mark.parametrize(("policy", "most"), [("unmanaged", 50), ("deny", 49)])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_limit_of_addresses(policy: str, most: int, more: int) -> None:
    """One below, at, and one above; the rule that stops all else has a destination too."""
    rows = [row(apart(most + more))]
    if more <= 0:
        [_rules, addresses] = planned(*rows, policy=policy, max_addresses=50)["units"]
        assert (addresses["need"], addresses["limit"]) == (most + more, most)
        return
    with pytest.raises(ValueError, match=f"addresses of 50 in a network security group: {most + 1} needed") as refused:
        planned(*rows, policy=policy, max_addresses=50)
    for text in ("1 too many", "spread the vendors over several", "azure_egress_widen_at_most"):
        assert text in str(refused.value)


@pytest.mark.parametrize(("protocols", "fits"), [("TCP", True), ("TCP and UDP", False)])
def test_an_address_counts_once_for_each_protocol(protocols: str, fits: bool) -> None:
    rows = [row(apart(30), protocol=protocol) for protocol in protocols.split(" and ")]
    if fits:
        assert planned(*rows, max_addresses=50)["units"][1]["need"] == 30
    else:
        with pytest.raises(ValueError, match="60 needed, 50 free, 10 too many"):
            planned(*rows, max_addresses=50)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_rules": 10}, "rules of 10 in a network security group: 11 needed, 10 free, 1 too many"),
        ({"priorities": "200-209"}, "priorities 200-209 of a network security group: 11 needed, 10 free, 1 too many"),
        ({"max_rules": 11, "policy": "deny"}, "rules of 11 in a network security group: 11 needed, 10 free"),
    ],
)
def test_the_limit_of_rules_and_priorities(options: dict[str, Any], text: str, more: int) -> None:
    rows = [row(f"192.0.2.{number}", str(1000 + 2 * number)) for number in range(10 + more)]
    if more <= 0:
        assert len(planned(*rows, **options)["rules"]) == 10 + more
        return
    with pytest.raises(ValueError, match=text):
        planned(*rows, **options)


def test_widening_is_only_what_was_allowed_and_is_listed() -> None:
    # Four hosts of which two are one address apart: the cheapest way to three prefixes opens two addresses.
    rows = [row("192.0.2.0, 192.0.2.3, 198.51.100.0, 203.0.113.0")]
    with pytest.raises(ValueError, match="azure_egress_widen_at_most: 2"):
        planned(*rows, max_addresses=3)
    found = planned(*rows, max_addresses=3, widen_at_most=2)
    assert rules(found) == {"tcp-ipv4-443": ["192.0.2.0/30", "198.51.100.0/32", "203.0.113.0/32"]}
    assert found["widened"] == [
        "tcp/443 to 192.0.2.1/32: 1 address that nobody asked for (acme: calls)",
        "tcp/443 to 192.0.2.2/32: 1 address that nobody asked for (acme: calls)",
    ]
    assert planned(*rows, max_addresses=4, widen_at_most=2)["widened"] == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"policy": "audit"}, "policy 'audit' is not accepted"),
        ({"stops": "all"}, "stops 'all' is not accepted: choose one of everything, internet"),
        ({"priorities": "99-200"}, "priorities '99-200' is not accepted: write a range within 100-4096"),
        ({"priorities": "300-200"}, "priorities '300-200' is not accepted"),
        ({"priorities": "2000"}, "priorities '2000' is not accepted"),
        ({"max_rules": 0}, "max_rules '0' is not accepted: write a number above 0"),
        ({"max_addresses": True}, "max_addresses 'True' is not accepted"),
        ({"dns_servers": ["dns.example.com"], "policy": "deny"}, "azure_egress_dns_servers: 'dns.example.com'"),
        ({"allow": [{"destination": "a.example.com", "ports": "1"}]}, "azure_egress_allow: row 1: "),
    ],
)
def test_what_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        azure_security_group_plan(merged(row("192.0.2.0/28")), **options)
    assert text in str(refused.value)


def _is_destination(prefix: str) -> bool:
    """Tell a prefix that a row can have from one at the ends of the address space, where no host is."""
    network = ip_network(prefix)
    if network.prefixlen < 4:
        return True
    if network.version == 6:
        return int(network[0]) >> 64 != 0 and (network.prefixlen < 128 or network[0].packed[:2] != b"\xff\xff")
    return 1 <= network[0].packed[0] <= network[-1].packed[0] < 240


@given(
    st.lists(
        st.tuples(prefixes().filter(_is_destination), port_ranges(), st.sampled_from(["tcp", "udp"])),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_a_plan_opens_what_was_asked_for_and_does_not_depend_on_order(asked: list, random: Any) -> None:
    rows = [row(prefix, ports, protocol.upper(), wide_because="a test") for prefix, ports, protocol in asked]
    found = planned(*rows)
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert planned(*shuffled) == found
    assert len({rule["id"] for rule in found["rules"]}) == len(found["rules"])
    for rule in found["rules"]:
        networks = [ip_network(prefix) for prefix in rule["destinations"]]
        assert {network.version for network in networks} == {rule["version"]}
        assert sum(network.num_addresses for network in networks) == sum(
            last - first + 1 for first, last in _union(networks)
        )
    # Every edge of what was asked for, and its neighbours.
    for prefix, ports, _protocol in asked:
        network, (low, high) = ip_network(prefix), span(ports)
        for address in sorted({int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1}):
            for port in (low - 1, low, high, high + 1):
                for protocol in ("tcp", "udp"):
                    wanted = any(
                        kind == protocol
                        and ip_network(other).version == network.version
                        and int(ip_network(other)[0]) <= address <= int(ip_network(other)[-1])
                        and span(listed)[0] <= port <= span(listed)[1]
                        for other, listed, kind in asked
                    )
                    assert _open(found, protocol, network.version, address, port) is wanted


def test_other_protocols_have_rules_of_their_own() -> None:
    found = planned(
        row("192.0.2.0/28, 2001:db8::/64", "", "ESP, AH"), row("192.0.2.0/28", "", "ICMP"), row("192.0.2.0/28")
    )
    assert [(rule["id"], rule["protocol"], rule["ports"], list(rule["destinations"])) for rule in found["rules"]] == [
        ("ah-ipv4", "ah", ["*"], ["192.0.2.0/28"]),
        ("esp-ipv4", "esp", ["*"], ["192.0.2.0/28"]),
        ("icmp-ipv4", "icmp", ["*"], ["192.0.2.0/28"]),
        ("tcp-ipv4-443", "tcp", ["443"], ["192.0.2.0/28"]),
        ("ah-ipv6", "ah", ["*"], ["2001:db8::/64"]),
        ("esp-ipv6", "esp", ["*"], ["2001:db8::/64"]),
    ]


@pytest.mark.parametrize(
    ("protocol", "destination", "ports", "reason"),
    [
        ("GRE", "192.0.2.1", "", "gre: Azure has the protocols tcp, udp, icmp, esp, ah only: take the row out"),
        ("SCTP", "192.0.2.1", "any", "sctp/1-65535: Azure has the protocols tcp, udp, icmp, esp, ah only"),
        ("ICMPv6", "2001:db8::1", "", "icmpv6: Azure has the protocols tcp, udp, icmp, esp, ah only"),
        (
            "ICMP type 8",
            "192.0.2.1",
            "",
            "icmp/echo-request: Azure opens all types of icmp or none: write 'icmp' where",
        ),
    ],
)
def test_services_that_azure_does_not_have(protocol: str, destination: str, ports: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^acme: calls: row 1: {reason}"):
        planned(row(destination, ports, protocol))
    with pytest.raises(ValueError, match=f"^azure_egress_allow: baseline: row 1: {reason}"):
        planned(row("192.0.2.0/28"), allow=[{"destination": destination, "protocol": protocol, "ports": ports}])


def _union(networks: list) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for network in sorted(networks, key=lambda one: int(one[0])):
        assert not joined or int(network[0]) > joined[-1][1]
        joined.append((int(network[0]), int(network[-1])))
    return joined


def _open(found: dict[str, Any], protocol: str, version: int, address: int, port: int) -> bool:
    return any(
        int(ip_network(prefix)[0]) <= address <= int(ip_network(prefix)[-1])
        for rule in found["rules"]
        if rule["protocol"] == protocol and rule["version"] == version
        if any(span(ports)[0] <= port <= span(ports)[1] for ports in rule["ports"])
        for prefix in rule["destinations"]
    )
