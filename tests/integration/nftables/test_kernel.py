# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered rulesets as the kernel has them after loading: what it lists is compared with an oracle over the rules.

The oracle asks every rule about every packet, and reads nothing of the text that was rendered.
"""

from __future__ import annotations

import ipaddress
import json
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.namespaces import Namespace
from tests.support.repository import REPOSITORY
from tests.support.strategies import TYPES, fits, prefixes, services, span

GOLDEN = sorted((REPOSITORY / "tests" / "unit" / "project" / "golden").glob("*.nft"))
VERSIONS = {"inet": (4, 6), "ip": (4,), "ip6": (6,)}
TIMERS = [("kudo", "media", "udp", 60), ("zoom", "media", "udp", 90), ("zoom", "web", "tcp", 720)]


@pytest.fixture(scope="module")
def space(namespaces: None) -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


def loaded(space: Namespace, text: str, before: str = "") -> list[dict[str, Any]]:
    """Load a ruleset into a kernel without any, and return what nft lists of it as JSON."""
    done = space.run(["sh", "-ec", "nft -f -; nft -j list ruleset"], input=f"flush ruleset\n{before}{text}")
    assert done.returncode == 0, f"{done.stderr}\n{before}{text}"
    return json.loads(done.stdout)["nftables"]


def objects(listing: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {entry[kind]["name"]: entry[kind] for entry in listing if kind in entry}


PROTOCOLS = ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp")
# All types of ICMP are counted behind single ones: what meets a packet first is another test's.
ONE_TYPE = services().filter(lambda service: service != {"protocol": "icmp", "ports": ""})
RULES = st.lists(
    st.builds(
        operator.or_,
        ONE_TYPE,
        st.fixed_dictionaries(
            {
                "destination": prefixes() | st.just("*.example.com"),
                "vendor": st.sampled_from(["kudo", "zoom"]),
                "service": st.sampled_from(["media", "web"]),
            },
            optional={"direction": st.just("inbound")},
        ),
    ).filter(fits),
    min_size=1,
    max_size=10,
)


def matching(rules: list[dict[str, Any]], address: Any, protocol: str, port: int) -> list[dict[str, Any]]:
    """Return the rules that allow a packet, by asking each of them."""
    return [
        rule
        for rule in rules
        if rule["protocol"] == protocol
        and span(rule["ports"])[0] <= port <= span(rule["ports"])[1]
        and "/" in rule["destination"]
        and address in ipaddress.ip_network(rule["destination"])
    ]


def packets(rules: list[dict[str, Any]], versions: tuple[int, ...]) -> Iterator[tuple[Any, str, int]]:
    """Yield packets at all edges of all rules, and one address and one port beyond each."""
    addresses, ports = set(), set()
    for rule in rules:
        ports |= {edge + step for edge in span(rule["ports"]) for step in (-1, 0, 1)}
        if "/" in rule["destination"] and (net := ipaddress.ip_network(rule["destination"])).version in versions:
            for edge in (net.network_address, net.broadcast_address):
                addresses |= {edge + n for n in (-1, 0, 1) if 0 <= int(edge) + n < 2**net.max_prefixlen}
    for address in addresses:
        for port in ports & set(range(65536)):
            for protocol in PROTOCOLS:
                yield address, protocol, port


def interval(value: Any) -> tuple[str, str]:
    """Return the ends of what nft's JSON has for one value, a prefix or a range."""
    if isinstance(value, dict) and "prefix" in value:
        network = ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        return str(network.network_address), str(network.broadcast_address)
    if isinstance(value, dict):
        low, high = value["range"]
        return str(low), str(high)
    return str(value), str(value)


def members(found: dict[str, Any]) -> list[tuple[Any, Any, str, int, int, str]]:
    """Return C{(first address, last, protocol, first port, last, '')} of a timer's set as nft lists it."""
    listed = []
    for member in found.get("elem", []):
        address, protocol, port = member["concat"]
        low, high = map(ipaddress.ip_address, interval(address))
        listed.append((low, high, protocol, *map(int, interval(port)), ""))
    return listed


def opened(listing: list[dict[str, Any]], field: str) -> list[tuple[Any, Any, str, int, int, str]]:
    """Return what the rules accept by C{field} (daddr, saddr), as C{members} does, in order and with the counters:
    the rule says protocol and ports, its map the rest.
    """
    maps, listed, used = objects(listing, "map"), [], []
    for rule in (entry["rule"]["expr"] for entry in listing if "rule" in entry):
        counted = rule[1].get("counter") if len(rule) == 3 else None
        if not (isinstance(counted, dict) and "map" in counted):
            continue
        keys, found = counted["map"]["key"], maps[counted["map"]["data"].lstrip("@")]
        key, *second = (part for part in keys.get("concat", [keys]))
        key = key["payload"]
        used.append(found["name"])
        assert rule[2] == {"accept": None}
        kinds = [{"ip": "ipv4_addr", "ip6": "ipv6_addr"}[key["protocol"]], *(["inet_proto"] if second else [])]
        assert found["type"] == (kinds if second else kinds[0])
        assert second in ([], [{"meta": {"key": "l4proto"}}])
        service = served(rule)
        for address, counter in found["elem"] if key["field"] == field else ():
            if second:
                address, protocol = address["concat"]
                assert str(protocol) == service[0]
            listed.append((*map(ipaddress.ip_address, interval(address)), *service, counter))
    assert sorted(used) == sorted(maps), "a map without a rule, or with two"
    return listed


def served(rule: list[dict[str, Any]]) -> tuple[str, int, int]:
    """Return C{(protocol, first port, last)} of what a rule matches first; of a protocol alone, all numbers."""
    matched = rule[0]["match"]
    assert matched["op"] == "=="
    if matched["left"] == {"meta": {"key": "l4proto"}}:
        return str(matched["right"]), *span("")
    field, protocol = (matched["left"]["payload"][key] for key in ("field", "protocol"))
    assert field == ("type" if protocol == "icmp" else "dport")
    low, high = (TYPES.get(end) or int(end.replace("echo-reply", "0")) for end in interval(matched["right"]))
    return protocol, low, high


def named(listing: list[dict[str, Any]], version: int) -> dict[str, list[tuple[str, int, int, str]]]:
    """Return what a name's chain does to which services: C{accept} with the counter, C{renew} with the set."""
    done: dict[str, list[tuple[str, int, int, str]]] = {"accept": [], "renew": []}
    for entry in listing:
        if "rule" in entry and entry["rule"]["chain"] == f"name{version}_example.com":
            rule = entry["rule"]["expr"]
            if "set" in rule[1]:
                assert (rule[1]["set"]["op"], len(rule)) == ("update", 2)
                done["renew"].append((*served(rule), rule[1]["set"]["set"]))
            else:
                assert rule[1]["match"]["left"] == {"ct": {"key": "state"}}
                assert rule[-1] == {"accept": None}
                done["accept"].append((*served(rule), rule[-2]["counter"]))
    return done


def check_names(listing: list[dict[str, Any]], rules: list[dict[str, Any]]) -> None:
    """Fail where the chains of the name open or renew something else than its rules say."""
    asked = [rule for rule in rules if rule["destination"] == "*.example.com" and "direction" not in rule]
    ports = {edge + step for rule in rules for edge in span(rule["ports"]) for step in (-1, 0, 1)}
    for version in (4, 6):
        done = named(listing, version)
        sets = [f"@known{version}", f"@leased{version}_example.com"]
        for protocol, port in ((protocol, port) for protocol in PROTOCOLS for port in ports - {-1}):
            fitting = asked if protocol != "icmp" or version == 4 else []
            at = [
                r for r in fitting if r["protocol"] == protocol and span(r["ports"])[0] <= port <= span(r["ports"])[1]
            ]
            wanted = sorted({f"{rule['vendor']}/{rule['service']}" for rule in at})
            hits = {
                what: sorted(end for known, low, high, end in found if known == protocol and low <= port <= high)
                for what, found in done.items()
            }
            assert hits == {"accept": [".".join(wanted)] if wanted else [], "renew": sets if wanted else []}


def holding(listed: list[tuple], address: Any, protocol: str, port: int) -> list[str]:
    """Return the counters of the elements that hold a packet."""
    return [
        counter
        for low, high, known, first, last, counter in listed
        if low.version == address.version and known == protocol and low <= address <= high and first <= port <= last
    ]


@settings(max_examples=60)
@given(RULES, st.sampled_from(["report", "dnsmasq", "inet", "ip", "ip6"]))
def test_the_kernel_holds_what_the_rules_say(space: Namespace, rules: list[dict], how: str) -> None:
    """C{how}: in a table of its own, and what becomes of names; or in one of the user's, of that family."""
    timers = [{"vendor": v, "services": [s], "protocol": p, "seconds": t, "printed": ""} for v, s, p, t in TIMERS]
    allowlist = merge_vendors(rules, timers=timers)
    if how in VERSIONS:
        into = {"family": how, "table": "filter"}
        native = render(allowlist, policy="unmanaged", into=into)
    else:
        native = render(allowlist, policy="deny", names=how, scope="gateway")
    owned, versions = native["owned"], VERSIONS[native["family"]]
    listing = loaded(space, native["ruleset"])
    sets = objects(listing, "set")
    outbound = [rule for rule in rules if "direction" not in rule]
    for field, asked in (("daddr", outbound), ("saddr", [rule for rule in rules if "direction" in rule])):
        table = opened(listing, field)
        for address, protocol, port in packets(rules, versions):
            wanted = sorted({f"{r['vendor']}/{r['service']}" for r in matching(asked, address, protocol, port)})
            counted = holding(table, address, protocol, port)[:1]  # the first rule that has it accepts it
            assert counted == ([owned + ".".join(wanted)] if wanted else []), (field, address, protocol, port)
    timed = {seconds: f"{owned}{protocol}_{seconds}" for _v, _s, protocol, seconds in TIMERS}
    asked_times = {(vendor, service, protocol): seconds for vendor, service, protocol, seconds in TIMERS}
    held = {(name, v): members(sets.get(f"{name}_v{v}", {})) for name in timed.values() for v in versions}
    for address, protocol, port in packets(rules, versions):
        longest: dict[str, int] = {}
        for rule in matching(rules, address, protocol, port):
            seconds = asked_times.get((rule["vendor"], rule["service"], rule["protocol"]), 0)
            if seconds or "direction" not in rule:
                longest[rule["vendor"]] = max(longest.get(rule["vendor"], 0), seconds)
        found = [t for t, name in timed.items() if holding(held[name, address.version], address, protocol, port)]
        # None where one of the vendors asks for none: its flows are not shortened.
        wanted_times = [max(longest.values())] if longest and all(longest.values()) else []
        assert found == wanted_times, (address, protocol, port)
    # A timer's object without its set, or the other way round, would enforce nothing.
    applied = {name.rsplit("_v", 1)[0] for name in sets if "_v" in name}
    if how == "dnsmasq":
        check_names(listing, rules)
        applied |= {name for name in timed.values() if f'ct timeout set "{name}" counter' in native["ruleset"]}
    assert applied == set(objects(listing, "ct timeout"))


ROWS = [
    {"vendor": "acme", "service": "calls", "protocol": "udp", "ports": "3478", "destination": prefix, **more}
    for prefix in ("192.0.2.0/28", "2001:db8::/64")
    for more in ({}, {"direction": "inbound"})
]
TIMED = [{"vendor": "acme", "services": ["calls"], "protocol": "udp", "seconds": 60, "printed": ""}]
SOURCES = [(), ["10.0.0.0/8"], ["fd00::/8"], ["10.0.0.0/8", "fd00::/8"]]


@pytest.mark.parametrize("policy", ["unmanaged", "audit", "deny"])
@pytest.mark.parametrize("stopped", ["reject", "drop"])
@pytest.mark.parametrize("scope", ["host", "gateway", "both"])
def test_every_choice_loads_into_a_table_of_its_own(space: Namespace, policy: str, stopped: str, scope: str) -> None:
    for sources in SOURCES if scope != "host" else [()]:
        allow = [{"destination": "198.51.100.1 2001:db8::1", "ports": "25, 1000-2000", "protocol": "TCP/UDP"}]
        servers = {"dns_servers": ["192.0.2.53", "2001:db8::53"], "ntp_servers": "192.0.2.123"}
        options = {"policy": policy, "scope": scope, "stopped": stopped, "sources": sources, "log_rate": "1/second"}
        native = render(merge_vendors(ROWS, timers=TIMED), **options, allow=allow, **servers)
        listing = loaded(space, native["ruleset"])
        hooks = {chain["hook"] for chain in objects(listing, "chain").values() if "hook" in chain}
        assert hooks == {"host": {"output"}, "gateway": {"forward"}, "both": {"output", "forward"}}[scope]
        if policy != "unmanaged":
            assert objects(listing, "set")["dns4"]["elem"] == ["192.0.2.53"]
            assert objects(listing, "set")["ntp4"]["elem"] == ["192.0.2.123"]
            assert "elem" not in objects(listing, "set")["ntp6"]


@pytest.mark.parametrize("family", ["inet", "ip", "ip6"])
@pytest.mark.parametrize("sources", SOURCES, ids=str)
def test_every_choice_loads_into_a_table_of_the_users(space: Namespace, family: str, sources: list[str]) -> None:
    into = {"family": family, "table": "filter", "chain": "forward", "jump": True}
    native = render(
        merge_vendors(ROWS, timers=TIMED), policy="unmanaged", scope="gateway" if sources else "host",
        sources=sources, into=into,
    )  # fmt: skip
    theirs = f"table {family} filter {{\n\tchain forward {{\n\t\tcounter\n\t}}\n}}\n"
    listing = loaded(space, native["ruleset"], before=theirs)
    names = [entry[kind]["name"] for entry in listing for kind in entry if "name" in entry[kind] and kind != "table"]
    assert [name for name in names if not name.startswith("egress_allowlist")] == ["forward"]
    assert sorted(objects(listing, "map")) == sorted(
        f"egress_allowlist_{word}{version}_udp_3478" for version in VERSIONS[family] for word in ("allowed", "inbound")
    )


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_load(space: Namespace, path: Path) -> None:
    listing = loaded(space, path.read_text("utf-8"))
    written = path.read_text("utf-8").count(' : "')
    assert sum(len(found.get("elem", [])) for found in objects(listing, "map").values()) == written


def test_there_are_golden_files() -> None:
    assert GOLDEN
