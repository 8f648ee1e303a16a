# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ufw renderer makes of an allowlist, and what it refuses."""

from __future__ import annotations

import ipaddress
import random
import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.rules import version_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import rule
from tests.support.strategies import PORTS, fits, prefixes, services, span

V4, V6 = "192.0.2.0/28", "2001:db8::/64"


def made(*rules: dict[str, Any], **options: Any) -> dict[str, Any]:
    return render(merge_vendors(rules or [rule()]), **options)


def test_the_defaults_only_allow_on_a_host() -> None:
    assert made() == {
        "rules": ["allow udp 3478 192.0.2.0/28 any 0.0.0.0/0 out # acme calls"],
        "stops": [],
        "sets": {},
        "chained": [],
        "names": {},
        "defaults": {},
        "discover": [],
        "roads": [["out", ""]],
        "vendors": ["acme"],
        "place": "last",
        "notes": [],
    }


@pytest.mark.parametrize(
    ("destination", "written"),
    [
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("2001:DB8:0:0::/64", "2001:db8::/64"),
        ("::ffff:192.0.2.0/120", "::ffff:192.0.2.0/120"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_addresses_as_ufw_writes_them(destination: str, written: str) -> None:
    assert made(rule(destination))["rules"][0].split()[3] == written


@pytest.mark.parametrize(
    ("ports", "lists"),
    [
        (["443"], ["443"]),
        (["8801-8810"], ["8801:8810"]),
        (["443", "80", "8801-8810"], ["80,443,8801:8810"]),
        (["80", "81"], ["80:81"]),
        ([str(n) for n in range(1, 31, 2)], [",".join(str(n) for n in range(1, 31, 2))]),
        ([str(n) for n in range(1, 33, 2)], [",".join(str(n) for n in range(1, 31, 2)), "31"]),
        (
            [f"{n}-{n + 1}" for n in range(10, 40, 3)] + ["1"],
            ["1," + ",".join(f"{n}:{n + 1}" for n in range(10, 31, 3)), "31:32,34:35,37:38"],
        ),
    ],
)
def test_a_rule_has_as_many_ports_as_one_match_takes(ports: list[str], lists: list[str]) -> None:
    assert [text.split()[2] for text in made(*(rule(ports=port) for port in ports))["rules"]] == lists


def test_one_rule_for_each_protocol_and_for_each_who_asks() -> None:
    rules = [rule(), rule(ports="443", protocol="tcp"), rule(ports="443", protocol="tcp", vendor="zoo", service="b_c")]
    assert made(*rules, rule(ports="80", protocol="tcp"))["rules"] == [
        "allow tcp 80 192.0.2.0/28 any 0.0.0.0/0 out # acme calls",
        "allow tcp 443 192.0.2.0/28 any 0.0.0.0/0 out # acme calls, zoo b_c",
        "allow udp 3478 192.0.2.0/28 any 0.0.0.0/0 out # acme calls",
    ]


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ({"scope": "host"}, ["allow udp 3478 192.0.2.0/28 any 0.0.0.0/0 out"]),
        ({"scope": "gateway"}, ["route:allow udp 3478 192.0.2.0/28 any 0.0.0.0/0 in"]),
        (
            {"scope": "both", "sources": ["10.0.0.0/8", "10.0.0.0/9", "fd00::/8"]},
            [
                "allow udp 3478 192.0.2.0/28 any 0.0.0.0/0 out",
                "route:allow udp 3478 192.0.2.0/28 any 10.0.0.0/8 in",
            ],
        ),
        ({"scope": "gateway", "sources": "fd00::1"}, []),
    ],
)
def test_scope_and_sources_choose_the_roads(options: dict[str, Any], starts: list[str]) -> None:
    assert made(**options)["rules"] == [f"{start} # acme calls" for start in starts]


def test_what_is_not_filtered_is_noted() -> None:
    note = "no source of IPv6 is named: what is forwarded there passes as before"
    assert made(rule(), scope="gateway", sources=["10.0.0.0/8"])["notes"] == [note]
    assert made(rule(), scope="gateway")["notes"] == []


DENY = {"policy": "deny", "dns_servers": ["192.0.2.53"], "ntp_servers": "2001:db8::123"}


def test_deny_has_a_baseline_and_default_policies() -> None:
    native = made(**DENY, allow=[{"destination": "10.0.0.0/24", "ports": "5671-5672", "protocol": "TCP/UDP"}])
    assert native["rules"][1:] == [
        "allow udp 67 255.255.255.255 68 0.0.0.0/0 out # baseline DHCP",
        "allow udp 547 ff02::1:2 546 ::/0 out # baseline DHCP",
        "allow udp 547 fe80::/10 546 ::/0 out # baseline DHCP",
        "allow any 53 192.0.2.53 any 0.0.0.0/0 out # baseline DNS",
        "allow udp 123 2001:db8::123 any ::/0 out # baseline NTP",
        "allow tcp 5671:5672 10.0.0.0/24 any 0.0.0.0/0 out # ufw_egress_allow",
        "allow udp 5671:5672 10.0.0.0/24 any 0.0.0.0/0 out # ufw_egress_allow",
    ]
    assert native["discover"] == ["dhcp"]
    assert made(policy="deny")["discover"] == ["dns", "ntp", "dhcp"]


@pytest.mark.parametrize("sources", [[], ["10.0.0.0/8", "fd00::/8"]])
def test_a_gateway_forwards_no_dhcp(sources: list[str]) -> None:
    native = made(**DENY, scope="gateway", sources=sources)
    assert native["discover"] == []
    assert {text.partition(" # ")[2] for text in native["rules"]} == {"acme calls", "baseline DNS", "baseline NTP"}
    both = made(**DENY, scope="both", sources=sources)
    assert {text.split()[0] for text in both["rules"] if text.endswith("DHCP")} == {"allow"}
    assert both["discover"] == ["dhcp"]


@pytest.mark.parametrize(
    ("options", "defaults", "stops"),
    [
        ({"scope": "host"}, {"OUTPUT": "DROP"}, []),
        ({"scope": "host", "stopped": "reject"}, {"OUTPUT": "REJECT"}, []),
        ({"scope": "gateway"}, {"FORWARD": "DROP"}, []),
        ({"scope": "both", "stopped": "reject"}, {"OUTPUT": "REJECT", "FORWARD": "REJECT"}, []),
        (
            {"scope": "both", "sources": ["10.0.0.1", "fd00::/8"]},
            {"OUTPUT": "DROP"},
            ["route:deny any any 0.0.0.0/0 any 10.0.0.1 in", "route:deny any any ::/0 any fd00::/8 in"],
        ),
        (
            {"scope": "gateway", "sources": ["10.0.0.0/8"], "stopped": "reject"},
            {},
            ["route:reject any any 0.0.0.0/0 any 10.0.0.0/8 in"],
        ),
    ],
)
def test_deny_stops_by_default_policy_or_by_source(
    options: dict[str, Any], defaults: dict[str, str], stops: list[str]
) -> None:
    native = made(**DENY, **options)
    assert native["defaults"] == defaults
    assert [text.partition(" # ")[0] for text in native["stops"]] == stops
    unmanaged = made(**{**options, "policy": "unmanaged"})
    assert (unmanaged["defaults"], unmanaged["stops"]) == ({}, [])


def test_who_connects_is_let_in() -> None:
    inbound = rule(ports="8801", direction="inbound")
    rules = {scope: made(inbound, scope=scope)["rules"] for scope in ("host", "gateway", "both")}
    host = "allow udp 8801 0.0.0.0/0 any 192.0.2.0/28 in # acme calls"
    routed = "route:allow udp 8801 0.0.0.0/0 any 192.0.2.0/28 in # acme calls"
    assert rules == {"host": [host], "gateway": [routed], "both": [host, routed]}
    assert made(inbound, scope="gateway", sources=["10.0.0.0/8"])["rules"] == [routed]


def test_names_need_a_choice() -> None:
    with pytest.raises(
        ValueError, match=r"a\.example\.com\. Set ufw_egress_names to report .*, to resolve .* policy unmanaged$"
    ):
        made(rule("a.example.com"), policy="deny")
    assert made(rule("a.example.com"), policy="deny", names="report")["rules"] == made(policy="deny")["rules"][1:]


API = [
    rule("api.example.com", "443", "tcp"),
    rule("api.example.com", "8443", "tcp"),
    rule("api.example.com", "443", "tcp", vendor="zoo", service="web"),
    rule("*.api.example.com", "9999"),
    rule("api.example.com", "7777", direction="inbound"),
]


def test_exact_names_have_sets_that_the_host_fills() -> None:
    native = made(*API, names="resolve", names_lease=900, names_refresh=30, names_max_addresses=7)
    sets = native["names"]["domains"]["api.example.com"]["leased"]
    assert [sorted(sets), native["rules"], native["sets"]] == [["4", "6"], [], {}]
    assert all(re.fullmatch(r"egress_names_[46]_[0-9a-f]{16}", name) and len(name) <= 31 for name in sets.values())
    assert native["chained"] == [
        f"allow tcp {ports} {sets[version]} any {anywhere} out # {label}"
        for version, anywhere in (("4", "0.0.0.0/0"), ("6", "::/0"))
        for ports, label in (("443", "acme calls, zoo web"), ("8443", "acme calls"))
    ]
    said = {key: native["names"][key] for key in ("mode", "lease", "refresh", "most", "table", "dnsmasq")}
    assert said == {"mode": "resolve", "lease": 900, "refresh": 30, "most": 7, "table": "", "dnsmasq": []}
    assert list(native["names"]["domains"]) == ["api.example.com"]
    assert "asked" not in native["names"]["domains"]["api.example.com"]


def test_a_set_has_another_name_for_each_name_lease_and_size() -> None:
    variants: list[dict[str, Any]] = [{}, {"names_lease": 900}, {"names_max_addresses": 7}]
    found = [
        made(rule(name), names="resolve", **options)["names"]["domains"][name]["leased"]
        for name in ("a.example.com", "b.example.com")
        for options in variants
    ]
    names = [name for sets in found for name in sets.values()]
    assert len(set(names)) == len(names) == 12
    assert len({name[:-6] for name in names}) == 4
    again = made(rule("a.example.com"), names="resolve", names_refresh=59)
    assert again["names"]["domains"]["a.example.com"]["leased"] == found[0]


def test_names_through_a_gateway_are_for_its_sources() -> None:
    native = made(rule("a.example.com"), names="resolve", scope="both", sources=["10.0.0.0/8"], sets=True)
    assert [text.split(" # ")[0].split()[:1] + text.split()[5:7] for text in native["chained"]] == [
        ["allow", "0.0.0.0/0", "out"],
        ["route:allow", "10.0.0.0/8", "in"],
        ["allow", "::/0", "out"],
    ]


def test_names_that_are_only_reported_have_no_sets() -> None:
    for names in ("", "report"):
        native = made(*API, names=names)
        assert (native["names"], native["chained"]) == ({}, [])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"policy": "Deny"}, "policy 'Deny' is not accepted: choose one of unmanaged, deny"),
        ({"policy": "audit"}, "policy 'audit' is not accepted: ufw cannot count what it would stop; choose unmanaged, "
         "look with 'ufw logging medium' at what leaves, then choose deny"),
        ({"scope": "forward"}, "scope 'forward' is not accepted: choose one of host, gateway, both"),
        ({"stopped": "deny"}, "stopped 'deny' is not accepted: choose one of reject, drop"),
        ({"place": "middle"}, "place 'middle' is not accepted: choose one of last, first"),
        ({"names": "all"}, "names 'all' is not accepted: choose one of report, resolve"),
        ({"names": "dnsmasq"},
         "ufw cannot learn names from dnsmasq: choose report or resolve, or the backend nftables or firewalld"),
        ({"names": "resolve", "names_lease": 250, "names_refresh": 60},
         "ufw_egress_names_lease '250' is too short: with ufw_egress_names_refresh 60 it is at least 251 seconds"),
        ({"names": "resolve", "names_max_addresses": 0},
         "ufw_egress_names_max_addresses '0' is not a whole number from 1 to 65536"),
        ({"sources": ["10.0.0.0/8"]},
         "sources choose among forwarded packets: use them with the scope gateway or both"),
        ({"scope": "gateway", "sources": ["lan.example.com"]},
         "ufw_egress_sources: 'lan.example.com' is a name: write addresses or prefixes"),
        ({"dns_servers": ["dns.example.com"]},
         "ufw_egress_dns_servers: 'dns.example.com' is a name: write addresses or prefixes"),
        ({"ntp_servers": "pool.example.com"},
         "ufw_egress_ntp_servers: 'pool.example.com' is a name: write addresses or prefixes"),
        ({"allow": [{"destination": "192.0.2.1", "protocol": "ICMP type 255"}]},
         "ufw_egress_allow: baseline: row 1: icmp/255: iptables takes 255 for all types: take the row out, or use "
         "nftables"),
        ({"allow": [{"destination": "192.0.2.1", "protocol": "ESP", "ports": "500"}]},
         "ufw_egress_allow: baseline: row 1: ports '500': esp has no ports: leave the cell empty, and write a row of "
         "its own for another protocol that has these ports"),
        ({"allow": [{"destination": "a.bc", "ports": "25"}]},
         "ufw_egress_allow: row 1: 'a.bc' is a name: write its addresses"),
    ],
)  # fmt: skip
def test_what_is_not_accepted(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        made(**options)


@pytest.mark.parametrize("label", ["", "a b", "1a", 'a"', "a;b", "a\nb", "a # b", "(egress.allowlist)", "é"])
def test_a_vendor_that_no_comment_can_name(label: str) -> None:
    allowlist = merge_vendors([rule()])
    allowlist["provenance"][0]["vendor"] = label
    with pytest.raises(ValueError, match="cannot be part of a rule's comment"):
        render(allowlist)


def test_the_rules_do_not_depend_on_the_order() -> None:
    rules = [rule(f"192.0.{n}.0/24", str(1000 + n % 3), vendor=f"v{n % 5}") for n in range(40)]
    wanted = made(*rules, rule(V6))
    for seed in range(3):
        random.Random(seed).shuffle(rules)
        assert made(rule(V6), *rules) == wanted


def test_what_ufw_has_no_rules_for_stands_in_chains_of_ours() -> None:
    services = [
        ("esp", ""),
        ("ah", ""),
        ("gre", ""),
        ("ipv6", ""),
        ("igmp", ""),
        ("vrrp", ""),
        ("ospf", ""),
        ("253", ""),
    ]
    services += [("icmp", ""), ("icmp", "echo-request"), ("sctp", "5060-5061")]
    form = made(*(rule(V4, ports, protocol) for protocol, ports in services))
    opened = {key: [text.split(" ")[1] for text in form[key]] for key in ("rules", "chained")}
    assert opened == {
        "rules": ["ah", "esp", "gre", "igmp", "ipv6"],
        "chained": ["253", "icmp", "ospf", "sctp", "vrrp"],
    }
    assert f"allow icmp any {V4} any 0.0.0.0/0 out # acme calls" in form["chained"]
    assert f"allow sctp 5060:5061 {V4} any 0.0.0.0/0 out # acme calls" in form["chained"]
    assert form["notes"][0].startswith(
        "ufw has no rules for 253, icmp, ospf, sctp, vrrp: they stand in chains of their"
    )
    six = made(rule(V6, "", "igmp"), rule(V6, "", "ipv6"), rule(V6, "", "esp"), rule(V6, "echo-request", "icmpv6"))
    assert [text.split(" ")[1] for text in six["chained"]] == ["icmpv6", "igmp", "ipv6"]
    assert made(rule(V4))["notes"] == []


ROWS = st.lists(
    st.tuples(prefixes(), services(), st.sampled_from("abc")).filter(
        lambda row: fits({"destination": row[0], **row[1]})
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(ROWS, st.sampled_from(["host", "gateway"]))
def test_the_rules_allow_what_the_rows_allow(rows: list[tuple[str, dict[str, str], str]], scope: str) -> None:
    """On the edges of everything that a row or a rule names."""
    form = made(*(rule(to, **service, vendor=vendor) for to, service, vendor in rows), scope=scope)
    texts = form["rules"] + form["chained"]
    allowed = [opened(text) for text in texts]
    wanted = [(ipaddress.ip_network(to), service["protocol"], [span(service["ports"])]) for to, service, _who in rows]
    hosts = {address for network, _protocol, _spans in allowed + wanted for address in around(network)}
    for host in hosts:
        for protocol in ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp"):
            for port in (0, 7, 8, 41, *PORTS):
                assert passes(allowed, host, protocol, port) == passes(wanted, host, protocol, port)
    assert all(len(re.findall("[,:]", text.split()[2])) <= 14 for text in texts)


def opened(text: str) -> tuple[Any, str, list[tuple[int, int]]]:
    """Return what a rule opens."""
    spec = text.partition(" # ")[0]
    _action, protocol, ports, to, _sport, _source, _direction = spec.split()
    network = ipaddress.ip_network(to)
    assert network.version == version_of(spec)
    if ports == "any" or protocol == "icmp":
        return network, protocol, [span(ports.replace("any", ""))]
    return network, protocol, [span(part.replace(":", "-")) for part in ports.split(",")]


def around(network: Any) -> set[Any]:
    """Return the addresses on and next to the edges of a network."""
    whole = ipaddress.ip_network("::/0" if network.version == 6 else "0.0.0.0/0")
    found = {network[0], network[-1]}
    found |= {network[0] - 1} if network[0] != whole[0] else set()
    return found | ({network[-1] + 1} if network[-1] != whole[-1] else set())


def passes(rules: list[tuple[Any, str, list[tuple[int, int]]]], host: Any, protocol: str, port: int) -> bool:
    return any(
        host in network and protocol == name and any(first <= port <= last for first, last in spans)
        for network, name, spans in rules
    )
