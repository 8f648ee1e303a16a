# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for OpenStack, how it is counted, and what is refused."""

from __future__ import annotations

import ipaddress
import json
import random
import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.openstack import plan

from tests.support.rules import merged

Row = tuple[str, str, str]  # destination, protocol, ports
FORMS = ("never", "always")
# Driver by driver, since when it looks at a rule's address group.
CONDITION = ("iptables and hybrid Open vSwitch from 21.2.1, 22.2.0, 23.2.0 and 24.0.0",)
CONDITION += ("OVN from 24.2.0, 25.2.0 and 26.0.0", "older ones open such a rule to every destination")


def allowlist(*rows: Row, service: str = "media") -> dict[str, Any]:
    listed = [
        {"vendor": "acme", "service": service, "destination": to, "protocol": protocol, "ports": ports}
        for to, protocol, ports in rows
    ]
    return merged(*listed)


def singles(count: int) -> list[Row]:
    """Rows whose prefixes cannot be joined, each one rule."""
    return [(f"192.0.2.{2 * number}", "TCP", "443") for number in range(count)]


def let_out(found: dict[str, Any]) -> set[tuple[str, int, str]]:
    """Every protocol, port and address of a plan, one by one; for small prefixes and few ports."""
    return {
        (protocol, port, str(address))
        for part in found["parts"]
        for protocol, first, last in part["services"]
        for port in range(first, last + 1)
        for prefix in part["prefixes"]
        for address in ipaddress.ip_network(prefix)
    }


def test_other_protocols_have_no_ports_and_icmp_has_types() -> None:
    rows = [
        ("192.0.2.0/28", "ESP, 253, ICMP type 8", ""),
        ("2001:db8::/48", "ICMPv6", ""),
        ("192.0.2.0/28", "SCTP", "5060"),
    ]
    for form in FORMS:
        found = plan(allowlist(*rows), address_groups=form)
        assert json.loads(json.dumps(found)) == found
        services = {version: [] for version in (4, 6)}
        for part in found["parts"]:
            services[part["version"]] += part["services"]
        assert services == {
            4: [["253", -1, -1], ["esp", -1, -1], ["icmp", 8, -1], ["sctp", 5060, 5060]],
            6: [["icmpv6", -1, -1]],
        }


def test_what_neutron_takes_in_ipv6_only() -> None:
    text = "ipv6: Neutron takes this protocol to addresses of IPv6 only: write these alone, or take the row out"
    for destination in ("192.0.2.1", "192.0.2.1, 2001:db8::1", "a.example.com"):
        with pytest.raises(ValueError, match=f"^acme: media: row 1: {text}$"):
            plan(allowlist((destination, "41", "")))
    with pytest.raises(ValueError, match=f"^openstack_egress_allow: baseline: row 1: {text}$"):
        plan(allowlist(), allow=[{"destination": "192.0.2.1", "protocol": "41"}])
    assert plan(allowlist(("2001:db8::1", "41", "")))["parts"][0]["services"] == [["ipv6", -1, -1]]


def test_a_rule_for_each_prefix_unless_somebody_says_otherwise() -> None:
    rows = [("192.0.2.0/28", "UDP", "3478"), ("192.0.2.0/28", "TCP", "443"), ("198.51.100.0/24", "TCP", "443")]
    listed, asked = allowlist(*rows, ("2001:db8::/48", "TCP", "443")), ["acme: media"]
    found = plan(listed)
    assert found == plan(listed, address_groups="never")
    assert found["form"] == "rules"
    assert found["parts"] == [
        {
            "version": 4,
            "services": [["tcp", 443, 443]],
            "prefixes": {"192.0.2.0/28": asked, "198.51.100.0/24": asked},
        },
        {"version": 4, "services": [["udp", 3478, 3478]], "prefixes": {"192.0.2.0/28": asked}},
        {"version": 6, "services": [["tcp", 443, 443]], "prefixes": {"2001:db8::/48": asked}},
    ]
    grouped = plan(listed, address_groups="always")
    assert grouped["form"] == "groups"
    assert grouped["parts"] == [
        {"version": 4, "services": [["tcp", 443, 443]], "prefixes": {"198.51.100.0/24": asked}},
        {
            "version": 4,
            "services": [["tcp", 443, 443], ["udp", 3478, 3478]],
            "prefixes": {"192.0.2.0/28": asked},
        },
        {"version": 6, "services": [["tcp", 443, 443]], "prefixes": {"2001:db8::/48": asked}},
    ]
    assert [one["units"][0]["need"] for one in (found, grouped)] == [4, 4]
    assert found["widened"] == grouped["widened"] == []
    assert json.loads(json.dumps(found)) == found


def test_the_condition_of_address_groups_is_said() -> None:
    listed = allowlist(*singles(2))
    assert plan(listed)["notes"] == []
    (note,) = plan(listed, address_groups="always")["notes"]
    for told in CONDITION:
        assert told in note
    assert "tells neither driver nor version" in note


@pytest.mark.parametrize("seed", range(20))
def test_both_forms_let_out_what_is_asked_for(seed: int) -> None:
    chance = random.Random(seed)
    rows: list[Row] = []
    for _number in range(chance.randint(1, 12)):
        length = chance.randint(27, 32)
        start = chance.randrange(0, 64) >> (32 - length) << (32 - length)
        first = chance.randint(1, 20)
        base = chance.choice((f"192.0.2.{start}/{length}", f"2001:db8::{start:x}/{length + 96}"))
        rows.append((base, chance.choice(("TCP", "UDP")), f"{first}-{first + chance.randint(0, 5)}"))
    wanted = {
        (protocol.lower(), port, str(address))
        for to, protocol, ports in rows
        for port in range(int(ports.split("-")[0]), int(ports.split("-")[1]) + 1)
        for address in ipaddress.ip_network(to)
    }
    shuffled = chance.sample(rows, len(rows))
    for form in FORMS:
        found = plan(allowlist(*rows), rules=-1, address_groups=form)
        assert let_out(found) == wanted
        assert plan(allowlist(*shuffled), rules=-1, address_groups=form) == found


@pytest.mark.parametrize(
    ("policy", "rules", "fits"),
    [("unmanaged", 8, True), ("unmanaged", 7, True), ("unmanaged", 6, False), ("deny", 5, True), ("deny", 4, False)],
)
def test_the_limit_of_rules(policy: str, rules: int, fits: bool) -> None:
    """Five rules; two more are the default rules, which deny removes."""
    options = {"policy": policy, "rules": rules, "metadata": False}
    if fits:
        need = plan(allowlist(*singles(5)), **options)["units"][0]
        assert (need["exact"], need["need"], need["limit"]) == (5, 5, rules - (2 if policy == "unmanaged" else 0))
        return
    with pytest.raises(ValueError, match=r"5 needed, 4 free, 1 too many") as refused:
        plan(allowlist(*singles(5)), **options)
    ways = ["rules of the project's security groups", f"openstack_egress_rules: {rules}", "--secgroup-rules"]
    ways += [
        "openstack_egress_widen_at_most: ",
        "openstack_egress_address_groups: always (1 needed then)",
    ]
    for way in (*ways, *CONDITION):
        assert way in str(refused.value)


def test_address_groups_cost_a_rule_for_each_service() -> None:
    rows = [(to, protocol, ports) for to, _p, _o in singles(60) for protocol, ports in (("TCP", "443"), ("UDP", "1"))]
    assert plan(allowlist(*rows), rules=4, address_groups="always")["units"][0]["need"] == 2
    with pytest.raises(ValueError, match="120 needed, 2 free") as refused:
        plan(allowlist(*rows), rules=4)
    assert "openstack_egress_address_groups: always (2 needed then)" in str(refused.value)
    with pytest.raises(ValueError, match="2 needed, 1 free") as refused:
        plan(allowlist(*rows), rules=3, address_groups="always")
    assert "openstack_egress_address_groups" not in str(refused.value)


def test_no_limit_is_no_limit() -> None:
    found = plan(allowlist(*singles(120)), rules=-1, groups=-1)
    assert found["units"][0] | {"quota": ""} == {"quota": "", "exact": 120, "need": 120, "limit": -1}


def test_wider_prefixes_are_told() -> None:
    rows = [("192.0.2.0/32", "UDP", "1"), ("192.0.2.2/32", "UDP", "1"), ("198.51.100.0/24", "UDP", "1")]
    found = plan(allowlist(*rows), widen_at_most=2, rules=4)
    assert list(found["parts"][0]["prefixes"]) == ["192.0.2.0/30", "198.51.100.0/24"]
    assert found["widened"]
    assert all("acme: media" in line for line in found["widened"])
    with pytest.raises(ValueError, match="openstack_egress_widen_at_most: 2"):
        plan(allowlist(*rows), widen_at_most=1, rules=4)


def opened(found: dict[str, Any]) -> set[str]:
    """What is opened besides the vendor's, in words."""
    return {
        f"{protocol}/{first} {prefix} {label}"
        for part in found["parts"]
        for protocol, first, _last in part["services"]
        for prefix, labels in part["prefixes"].items()
        for label in labels
        if label != "acme: media"
    }


def test_the_baseline_of_deny() -> None:
    servers = {"dns_servers": ["203.0.113.53", "2001:db8::53"], "ntp_servers": "203.0.113.123"}
    allow = [{"destination": "203.0.113.128/25", "ports": "5671"}]
    found = plan(allowlist(*singles(1)), policy="deny", allow=allow, **servers)  # type: ignore[arg-type]
    extra = "tcp/5671 203.0.113.128/25 openstack_egress_allow: baseline"
    assert opened(found) == {
        "tcp/53 203.0.113.53/32 baseline: DNS",
        "udp/53 203.0.113.53/32 baseline: DNS",
        "tcp/53 2001:db8::53/128 baseline: DNS",
        "udp/53 2001:db8::53/128 baseline: DNS",
        "udp/123 203.0.113.123/32 baseline: NTP",
        "tcp/80 169.254.169.254/32 baseline: metadata",
        extra,
    }
    assert found["notes"] == []
    assert opened(plan(allowlist(*singles(1)), allow=allow, **servers)) == {extra}  # type: ignore[arg-type]
    bare = plan(allowlist(*singles(1)), policy="deny", metadata=False)
    assert opened(bare) == set()
    assert "openstack_egress_dns_servers" in " ".join(bare["notes"])


def test_names_that_were_looked_up_are_destinations() -> None:
    listed = allowlist(("media.example.com", "TCP", "443"), ("*.example.com", "TCP", "443"))
    found = plan(listed, policy="deny", names="resolve", addresses={"media.example.com": ["192.0.2.7"]}, metadata=False)
    assert let_out(found) == {("tcp", 443, "192.0.2.7")}
    assert "*.example.com" in " ".join(found["notes"])
    assert plan(listed, policy="deny", names="report", metadata=False)["parts"] == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"policy": "audit"}, "cannot count what it would stop"),
        ({"policy": "strict"}, "unmanaged, deny"),
        ({"names": "dnsmasq"}, "report, resolve"),
        ({"policy": "deny", "name": True}, "openstack_egress_names"),
        ({"address_groups": "auto"}, "choose one of never, always"),
        ({"rules": -2}, "rules '-2' is not a limit"),
        ({"rules": "100"}, "rules '100' is not a limit"),
        ({"groups": True}, "groups 'True' is not a limit"),
        ({"groups": 0}, "security groups of the project: 1 needed, 0 free"),
        ({"metadata": "yes"}, "write true or false"),
        ({"policy": "deny", "dns_servers": ["dns.example.com"]}, "openstack_egress_dns_servers"),
        ({"allow": [{"destination": "www.example.com", "ports": "443"}]}, "openstack_egress_allow"),
        ({"widen_at_most": -1}, "openstack_egress_widen_at_most"),
    ],
)
def test_what_is_refused(options: dict[str, Any], reason: str) -> None:
    named = options.pop("name", False)
    rows = [("media.example.com", "TCP", "443")] if named else singles(1)
    with pytest.raises(ValueError, match=re.escape(reason)):
        plan(allowlist(*rows), **options)
