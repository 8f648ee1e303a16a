# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""merge_vendors against a packet filter that asks every rule, one after the other.

The oracle knows rules, packets and the standard library, and shares no code with what it judges.
C{HYPOTHESIS_PROFILE=long} tries ten times as many lists of rules.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import operator
import os
import socket
from itertools import combinations, pairwise

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.strategies import fits, prefixes, services, span

settings.register_profile("quick", max_examples=200)
settings.register_profile("long", settings.get_profile("quick"), max_examples=2_000)
PROFILE = settings.get_profile("long" if os.environ.get("HYPOTHESIS_PROFILE") == "long" else "quick")

NAMES = ["example.com", "*.example.com", "a.example.com", "*.a.example.com"]
GROUP_KEYS = ["id", "services", "ipv4", "ipv6", "names"]


RULES = st.lists(
    st.builds(
        operator.or_,
        services(),
        st.fixed_dictionaries(
            {
                "destination": prefixes() | st.sampled_from(NAMES),
                "vendor": st.sampled_from(["kudo", "zoom"]),
                "service": st.sampled_from(["media", "web"]),
                "row": st.integers(1, 3),
                "requirement": st.sampled_from(["required", "optional"]),
                "source": st.sampled_from(["Page 1", 'Page "2"']),
                "date": st.sampled_from(["2022-03", "2026-06-01"]),
            },
            optional={
                "direction": st.just("inbound"),
                "label": st.sampled_from(["Primary", '"row":0,']),
                "read_as": st.just("ports '5060/61' read as '5060'"),
                "own_ip": st.sampled_from(["10.0.0.0/8", "10.0.0.0/8, 192.0.2.1/32"]),
                "source_port": st.just("1024-65535"),
            },
        ),
    ).filter(fits),
    max_size=20,
)


def allowed(rules, destination, protocol, port):
    """Say whether a rule lets the packet (or the connection to a name) through."""
    for rule in rules:
        first, last = span(rule["ports"])
        if rule["protocol"] != protocol or not first <= port <= last:
            continue
        if isinstance(destination, str):
            if rule["destination"] == destination:
                return True
        elif rule["destination"] not in NAMES and destination in ipaddress.ip_network(rule["destination"]):
            return True
    return False


def packets(rules):
    """Yield packets at all edges of all rules, and one address and one port beyond each."""
    addresses = set(NAMES)
    ports = set()
    for rule in rules:
        ports |= {port + step for port in span(rule["ports"]) for step in (-1, 0, 1)}
        if rule["destination"] not in NAMES:
            network = ipaddress.ip_network(rule["destination"])
            for edge in (network.network_address, network.broadcast_address):
                for step in (-1, 0, 1):
                    if 0 <= int(edge) + step < 2**network.max_prefixlen:
                        addresses.add(edge + step)
    for address in addresses:
        for port in ports & set(range(65536)):
            for protocol in ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp"):
                yield address, protocol, port


def as_rules(groups):
    """Return the rules that say what the groups say."""
    return [
        {"protocol": protocol, "ports": ports, "destination": destination, "vendor": "all", "service": "all"}
        for group in groups
        for protocol, dummy, ports in (service.partition("/") for service in group["services"])
        for destination in group["ipv4"] + group["ipv6"] + group["names"]
    ]


def sides(rules, allowlist):
    """Yield the rules of a direction and the groups made of them."""
    yield [rule for rule in rules if "direction" not in rule], allowlist["groups"]
    yield [rule for rule in rules if "direction" in rule], allowlist["inbound"]


def expanded(provenance):
    """Return the provenance as the set of rules that it stands for."""
    return {
        tuple(sorted([*((key, value) for key, value in entry.items() if key != "destinations"), ("destination", one)]))
        for entry in provenance
        for one in entry["destinations"]
    }


def as_set(rules):
    return {tuple(sorted(rule.items())) for rule in rules}


@PROFILE
@given(RULES)
def test_a_packet_is_allowed_exactly_when_a_rule_allows_it(rules):
    for mine, groups in sides(rules, merge_vendors(rules)):
        merged = as_rules(groups)
        for packet in packets(mine):
            assert allowed(merged, *packet) == allowed(mine, *packet), packet


@PROFILE
@given(RULES)
def test_groups_are_disjoint(rules):
    allowlist = merge_vendors(rules)
    for groups in (allowlist["groups"], allowlist["inbound"]):
        for family in ("ipv4", "ipv6"):
            networks = [ipaddress.ip_network(prefix) for group in groups for prefix in group[family]]
            assert not any(one.overlaps(other) for one, other in combinations(networks, 2))
        names = [name for group in groups for name in group["names"]]
        assert len(names) == len(set(names))


def inet_form(address):
    return socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, address.packed)


@PROFILE
@given(RULES)
def test_groups_are_minimal_and_canonical(rules):
    allowlist = merge_vendors(rules)
    for groups in (allowlist["groups"], allowlist["inbound"]):
        assert all(list(group) == GROUP_KEYS for group in groups)
        assert (
            len({tuple(group["services"]) for group in groups}) == len({group["id"] for group in groups}) == len(groups)
        )
        for group in groups:
            assert group["ipv4"] + group["ipv6"] + group["names"], "a group of nothing"
            assert group["names"] == sorted(group["names"])
            for family in ("ipv4", "ipv6"):
                networks = [ipaddress.ip_network(prefix) for prefix in group[family]]
                assert networks == sorted(networks)
                # As the C library writes addresses: for ::/96 other than Python's ipaddress.
                assert group[family] == [f"{inet_form(n.network_address)}/{n.prefixlen}" for n in networks]
                parents = [network.supernet() for network in networks if network.prefixlen]
                assert len(parents) == len(set(parents)), "two halves of one prefix"
            listed = [service.partition("/") for service in group["services"]]
            spans = [(protocol, *span(ports)) for protocol, dummy, ports in listed]
            assert spans == sorted(spans)
            for (protocol, dummy, last), (following, first, dummy) in pairwise(spans):
                assert protocol != following or last + (protocol != "icmp") < first


@PROFILE
@given(RULES)
def test_merging_again_changes_nothing(rules):
    allowlist = merge_vendors(rules)
    for groups in (allowlist["groups"], allowlist["inbound"]):
        assert merge_vendors(as_rules(groups))["groups"] == groups


@PROFILE
@given(st.data(), RULES)
def test_order_does_not_matter_to_the_byte(data, rules):
    once = merge_vendors(rules)
    shuffled = [dict(sorted(rule.items())) for rule in data.draw(st.permutations(rules))]
    cut = data.draw(st.integers(0, len(rules)))
    assert json.dumps(merge_vendors([shuffled[:cut], shuffled[cut:]])) == json.dumps(once)


@PROFILE
@given(RULES)
def test_provenance_is_exactly_the_rules(rules):
    provenance = merge_vendors(rules)["provenance"]
    assert expanded(provenance) == as_set(rules)
    assert all(entry["destinations"] == sorted(entry["destinations"]) for entry in provenance)
    assert sum(len(entry["destinations"]) for entry in provenance) == len(as_set(rules))
    heads = [
        tuple(sorted((key, value) for key, value in entry.items() if key != "destinations")) for entry in provenance
    ]
    assert len(heads) == len(set(heads))


@PROFILE
@given(RULES, RULES)
def test_the_digest_tells_lists_of_rules_apart_and_nothing_else(rules, others):
    one, other = merge_vendors(rules), merge_vendors(others)
    assert (one["digest"] == other["digest"]) == (as_set(rules) == as_set(others))
    assert merge_vendors(rules + rules)["digest"] == one["digest"]


@PROFILE
@given(st.data(), RULES.filter(bool))
def test_the_digest_notices_one_changed_cell(data, rules):
    changed = dict(data.draw(st.sampled_from(rules)))
    changes = [
        *({"date": "2001-01"}, {"row": 9}, {"source": "Page 3"}, {"destination": "b.example.com"}),
        *({"label": "Secondary"}, {"own_ip": "192.0.2.9/32"}),
        *({"protocol": "udp", "ports": "5000"}, {"protocol": "ospf", "ports": ""}),
    ]
    changed |= data.draw(st.sampled_from(changes))
    assert merge_vendors([*rules, changed])["digest"] != merge_vendors(rules)["digest"]


@PROFILE
@given(RULES)
def test_the_digest_is_over_canonical_json(rules):
    allowlist = merge_vendors(rules)
    hashed = {key: allowlist[key] for key in ("groups", "inbound", "provenance", "timers")}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    assert allowlist["digest"] == hashlib.sha256(text.encode()).hexdigest()
