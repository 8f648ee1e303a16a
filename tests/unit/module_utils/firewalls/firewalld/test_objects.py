# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld's objects from files of either hand and as they run have one shape, and their differences are words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.objects import (
    differences,
    is_ours,
    parse,
    running,
    standing,
)

from tests.support.hosts.firewalld import native
from tests.support.rules import NEW, OLD, row

# What firewalld 2.3 makes of a rule of ours when it writes the file anew, and what it says that it runs.
WRITTEN = """<?xml version="1.0" encoding="utf-8"?>
<policy target="REJECT">
  <short>what the host sends</short>
  <description>Made by egress.allowlist. policy: deny</description>
  <rule family="ipv4" priority="32767">
    <log prefix="egress.allowlist stopped: " level="info">
      <limit value="10/m" burst="0"/>
    </log>
  </rule>
  <rule family="ipv4">
    <destination ipset="egress-acme-calls-4"/>
    <service name="egress-acme-calls"/>
    <accept/>
  </rule>
  <ingress-zone name="HOST"/>
  <egress-zone name="ANY"/>
</policy>
"""
RUNS = {
    "short": "what the host sends",
    "description": "Made by egress.allowlist. policy: deny",
    "target": "REJECT",
    "priority": -1,
    "ingress_zones": ["HOST"],
    "egress_zones": ["ANY"],
    "rich_rules": [
        'rule family="ipv4" destination ipset="egress-acme-calls-4" service name="egress-acme-calls" accept',
        'rule priority="32767" family="ipv4" log prefix="egress.allowlist stopped: " level="info" limit value="10/m"',
    ],
    "services": [],
    "masquerade": False,
}


def objects(made: dict[str, Any]) -> dict[str, Any]:
    return {path[: -len(".xml")]: parse(path.partition("/")[0], text) for path, text in made["files"].items()}


def test_a_policy_written_and_running_is_the_same() -> None:
    assert parse("policies", WRITTEN) == running("policies", RUNS)
    assert is_ours(parse("policies", WRITTEN))


def test_an_ipset_and_a_service_written_and_running_are_the_same() -> None:
    made = objects(native(*OLD))
    runs = {"type": "hash:net", "options": {"family": "inet6"}, "entries": ["2001:db8::/64"], "short": "acme media"}
    runs["description"] = "Made by egress.allowlist. IPv6 of egress-acme-media. Acme's ports (2026-01)"
    assert running("ipsets", runs) == made["ipsets/egress-acme-media-6"]
    service = {"short": "acme web", "description": "Made by egress.allowlist. Acme's ports (2026-01)"}
    assert running("services", {**service, "ports": [("80", "tcp")]}) == made["services/egress-acme-web"]


@pytest.mark.parametrize(
    "change",
    [
        {"target": "DROP"},
        {"priority": -3},
        {"ingress_zones": ["internal"]},
        {"rich_rules": RUNS["rich_rules"][:1]},
        {"services": ["ssh"]},
        {"ports": [("1", "tcp")]},
        {"masquerade": True},
        {"icmp_blocks": ["redirect"]},
    ],
)
def test_every_change_of_a_policy_is_one(change: dict[str, Any]) -> None:
    was = {"policies/egress-allow-host": running("policies", {**RUNS, **change})}
    assert differences(was, {"policies/egress-allow-host": parse("policies", WRITTEN)})


@pytest.mark.parametrize("text", ["", "<policy", "<zone/>", "<service/>"])
def test_what_is_no_policy(text: str) -> None:
    assert parse("policies", text) is None
    assert not is_ours(parse("policies", text))


def test_differences_are_words() -> None:
    old, new = objects(native(*OLD, policy="deny")), objects(native(*NEW, policy="audit", scope="both"))
    assert differences(old, old) == []
    assert differences({}, {}) == []
    assert differences(old, new) == [
        "- tcp/80 to 192.0.2.7  acme: web",
        "+ udp/10000-60000 to 2001:db8::/63  acme: media",
        "- udp/10000-60000 to 2001:db8::/64  acme: media",
        "+ udp/3478 to 198.51.100.0/24  acme: calls",
        "~ policy: deny -> audit",
        "~ scope: host -> both",
        "~ stopped: reject -> none",
    ]
    turned = {"+": "-", "-": "+", "~": "~"}
    back = {turned[line[0]] + line[1:].partition(":")[0] for line in differences(old=new, new=old)}
    assert back == {line.partition(":")[0] for line in differences(old, new)}


def test_other_protocols_written_and_running_are_the_same_and_words() -> None:
    rows = [row("203.0.113.0/25", "", "ESP, OSPF, ICMP"), row("203.0.113.0/25", "5060", "SCTP")]
    made = objects(native(*rows, policy="unmanaged"))
    told = {"short": "acme calls", "description": "Made by egress.allowlist. Acme's ports (2026-01)"}
    runs = {**told, "ports": [("5060", "sctp")], "protocols": ["89", "icmp", "esp"]}
    assert running("services", runs) == made["services/egress-acme-calls"]
    assert differences({}, made)[:4] == [
        "+ esp to 203.0.113.0/25  acme: calls",
        "+ icmp to 203.0.113.0/25  acme: calls",
        "+ ospf to 203.0.113.0/25  acme: calls",
        "+ sctp/5060 to 203.0.113.0/25  acme: calls",
    ]


def test_types_of_icmp_are_words() -> None:
    rows = [row("203.0.113.0/25", "", "ICMP type 8", vendor="kudo"), row("2001:db8::/64", "ping", "ICMPv6")]
    rows.append(row("203.0.113.0/26", "type 13", "ICMP", "in", direction="inbound"))
    options = {"policy": "deny", "scope": "gateway", "sources": ["10.0.0.0/8", "fd00::/8"]}
    made = objects(native(*rows, **options))
    found = [line for line in differences({}, made) if "icmp" in line and "  in egress" not in line]
    assert found == [
        "+ icmp/echo-request to 203.0.113.0/25  kudo: calls",
        "+ icmp/timestamp-request from 203.0.113.0/26  acme: in",
        "+ icmpv6/echo-request to 2001:db8::/64  acme: calls",
    ]
    assert differences(made, made) == []
    assert standing(made)["vendors"] == {"acme", "kudo"}


def test_other_differences() -> None:
    sources = [objects(native(*OLD, scope="gateway", sources=[text])) for text in ("10.0.0.0/8", "10.0.0.0/9")]
    assert differences(*sources) == ["- source 10.0.0.0/8", "+ source 10.0.0.0/9"]
    allow = [objects(native(*OLD, allow=rows)) for rows in ([], [{"destination": "192.0.2.0/24", "ports": "5671"}])]
    shown = "~ allow: none -> tcp/5671 to 192.0.2.0/24"
    assert differences(*allow) == [shown]
    told = [objects(native(row("192.0.2.1", date=date))) for date in ("2026-01", "2026-02")]
    assert differences(*told) == [
        "~ ipsets/egress-acme-calls-4: described anew",
        "~ services/egress-acme-calls: described anew",
    ]
    priority = {name: {**found, "priority": -3} if "priority" in found else found for name, found in told[0].items()}
    assert differences(priority, told[0]) == ["~ policies/egress-allow-host: changed on the host since, set back"]
    broken = copy.deepcopy(told[0]) | {"services/egress-acme-calls": None}
    assert "+ tcp/443 to 192.0.2.1  acme: calls" in differences(broken, told[0])


def test_differences_of_names_are_words() -> None:
    def named(*rows: dict[str, Any], **options: Any) -> dict[str, Any]:
        return objects(native(*rows, policy="deny", **{"names": "dnsmasq", **options}))

    wild, exact = row("*.kudoway.com", "443,3478", "TCP"), row("api.kudo.com", "80", "TCP", "api")
    assert differences(named(wild, exact, names="report"), named(wild, exact)) == [
        "+ tcp/3478 to *.kudoway.com  acme: calls",
        "+ tcp/443 to *.kudoway.com  acme: calls",
        "+ tcp/80 to api.kudo.com  acme: api",
    ]
    assert differences(named(wild, exact), named(wild)) == ["- tcp/80 to api.kudo.com  acme: api"]
    assert differences(named(wild), named(wild, names_lease=3600)) == ["~ names lease: 86400 -> 3600"]
    gateway = [named(wild, scope="gateway", sources="10.0.0.0/8", names_dns=choice) for choice in ("leave", "refuse")]
    assert differences(*gateway) == ["~ names dns: none -> refuse"]
    made = named(wild)
    host = made["policies/egress-allow-host"]
    unguarded = {**host, "rules": [text for text in host["rules"] if "special" not in text]}
    assert differences({**made, "policies/egress-allow-host": unguarded}, made) == [
        "~ policies/egress-allow-host: changed on the host since, set back"
    ]


def test_a_running_set_of_names_is_that_of_its_file() -> None:
    """firewalld knows nothing of what the host fills in."""
    made = objects(native(row("api.kudo.com"), names="dnsmasq"))["ipsets/egress-n-api-kudo-com-6"]
    told = {"short": made["short"], "description": made["description"], "type": "hash:ip", "entries": []}
    options = {"family": "inet6", "maxelem": made["options"]["maxelem"], "timeout": "86400"}
    assert running("ipsets", {**told, "options": options}) == made
