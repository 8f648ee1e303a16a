# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nftables renderer: what each option changes in the text.

Whether the kernel takes the text and means the same by it is for the integration tests.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.differences import anew
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render

from tests.support.rules import V4, rule
from tests.support.rulesets import FORWARD, KNOWN, MANAGED, OUTPUT, bodies, made, timer

V6 = "2001:db8::/64"
LOOKUP = "udp dport 3478 counter name ip daddr map @allowed4_udp_3478 accept"
INVITED = "udp dport 8801 counter name ip saddr map @inbound4_udp_8801 accept"


INTO = {"family": "inet", "table": "filter"}


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        ({"policy": "unmanaged"}, ["unmanaged in a table of its own only counts"]),
        ({"policy": "unmanaged", "into": INTO}, []),
        ({"scope": "gateway"}, []),
        ({"scope": "gateway", "sources": ["192.0.2.0/24"]}, ["no source of IPv6 is named"]),
        ({"scope": "both", "sources": ["2001:db8::/48"]}, ["no source of IPv4 is named"]),
        ({"scope": "both", "sources": ["192.0.2.0/24", "2001:db8::/48"]}, []),
    ],
)
def test_what_is_less_than_it_seems_is_noted(options: dict[str, Any], noted: list[str]) -> None:
    notes = made(**options)["notes"]
    assert [note.startswith(start) for note, start in zip(notes, noted, strict=True)] == [True] * len(noted)


def test_addresses_without_a_length_are_elements_too() -> None:
    found = bodies(made(rule("192.0.2.1", "443"), rule("2001:DB8::1", "443")))
    assert found["map allowed4_udp_443"][-1] == '192.0.2.1/32 : "acme/calls" }'
    assert found["map allowed6_udp_443"][-1] == '2001:db8::1/128 : "acme/calls" }'


def test_each_service_has_a_rule_and_a_map_that_only_those_split_who_ask_for_it() -> None:
    wide, narrow = rule("192.0.2.0/24", "3478-3481"), rule(ports="3480", vendor="zoom")
    found = bodies(made(wide, narrow, rule(ports="10000", protocol="tcp"), rule(V6, "443", "tcp"), policy="unmanaged"))
    assert {name: lines[3:] for name, lines in found.items() if name.startswith("map")} == {
        "map allowed4_tcp_10000": [f'{V4} : "acme/calls" }}'],
        "map allowed4_udp_3478-3481": ['192.0.2.0/24 : "acme/calls" }'],
        "map allowed4_udp_3480": [f'{V4} : "acme/calls.zoom/calls" }}'],
        "map allowed6_tcp_443": [f'{V6} : "acme/calls" }}'],
    }
    services = [("tcp", "10000"), ("udp", "3480"), ("udp", "3478-3481")]  # the narrow ports first
    assert found["chain egress"] == [
        f"{protocol} dport {ports} counter name ip daddr map @allowed4_{protocol}_{ports} accept"
        for protocol, ports in services
    ] + ["tcp dport 443 counter name ip6 daddr map @allowed6_tcp_443 accept"]


def test_the_defaults_are_audit_on_a_host() -> None:
    native = made()
    assert {key: value for key, value in native.items() if key != "ruleset"} == {
        "family": "inet", "table": "egress_allowlist", "chain": "", "jump": False, "owned": "",
        "discover": ["dns", "ntp", "dhcp"], "vendors": ["acme"], "notes": [], "names": {},
        "settings": {"policy": "audit", "scope": "host", "log rate": "10/minute"},
    }  # fmt: skip
    found = bodies(native)
    assert found["counter acme/calls"] == ['comment "acme: calls"']
    assert found["map allowed4_udp_3478"] == [
        "type ipv4_addr : counter",
        "flags interval",
        "elements = {",
        f'{V4} : "acme/calls" }}',
    ]
    assert found["chain output"] == [OUTPUT, 'oif "lo" accept', KNOWN, MANAGED, "jump baseline_host", "jump egress"]
    assert "chain forward" not in found
    assert found["chain egress"] == [
        LOOKUP,
        "jump baseline",
        'limit rate 10/minute log prefix "egress.allowlist would stop: "',
        'counter name "would_stop"',
    ]


@pytest.mark.parametrize(
    ("stopped", "answers"),
    [
        ("drop", ["drop"]),
        ("reject", ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]),
    ],
)
def test_deny_ends_with_what_stops(stopped: str, answers: list[str]) -> None:
    native = made(policy="deny", stopped=stopped, log_rate="3/hour")
    log = 'limit rate 3/hour log prefix "egress.allowlist stopped: "'
    end = ["jump baseline", log, 'counter name "stopped"', *answers]
    assert bodies(native)["chain egress"] == [LOOKUP, *end]
    assert native["settings"] == {"policy": "deny", "scope": "host", "stopped": stopped, "log rate": "3/hour"}


def test_unmanaged_has_neither_baseline_nor_end() -> None:
    native = made(policy="unmanaged", allow=[{"destination": V4, "ports": "25"}])
    found = bodies(native)
    assert found["chain egress"] == [LOOKUP]
    assert found["chain output"] == [OUTPUT, 'oif "lo" accept', KNOWN, "jump egress"]
    assert set(found) == {"counter acme/calls", "map allowed4_udp_3478", "chain egress", "chain output"}
    assert native["discover"] == []
    assert native["settings"] == {"policy": "unmanaged", "scope": "host"}


@pytest.mark.parametrize(
    ("scope", "chains"),
    [("host", {"chain output"}), ("gateway", {"chain forward"}), ("both", {"chain output", "chain forward"})],
)
def test_scope_chooses_the_hooks(scope: str, chains: set[str]) -> None:
    found = bodies(made(policy="deny", scope=scope))
    assert {name for name, lines in found.items() if any("hook" in line for line in lines)} == chains
    if "chain forward" in chains:
        assert found["chain forward"] == [FORWARD, KNOWN, "jump egress"]


@pytest.mark.parametrize(
    ("sources", "sets", "jumps"),
    [
        (["10.0.0.0/9", "10.128.0.0/9"], {"set sources4": "10.0.0.0/8"}, ["ip saddr @sources4 jump egress"]),
        ("fd00::/8", {"set sources6": "fd00::/8"}, ["ip6 saddr @sources6 jump egress"]),
        (
            ["fd00::/8", "10.0.0.1"],
            {"set sources4": "10.0.0.1/32", "set sources6": "fd00::/8"},
            ["ip saddr @sources4 jump egress", "ip6 saddr @sources6 jump egress"],
        ),
    ],
)
def test_only_what_the_sources_send_is_filtered(sources: Any, sets: dict[str, str], jumps: list[str]) -> None:
    native = made(policy="deny", scope="both", sources=sources)
    found = bodies(native)
    assert {name: lines[-1] for name, lines in found.items() if "sources" in name} == {
        name: f"{prefix} }}" for name, prefix in sets.items()
    }
    assert found["chain forward"] == [FORWARD, KNOWN, *jumps]
    assert found["chain output"][-1] == "jump egress"
    assert native["settings"]["sources"] == ", ".join(sets.values())


def test_servers_that_are_named_need_not_be_found() -> None:
    native = made(policy="deny", dns_servers=["192.0.2.53", "2001:db8::53"], ntp_servers="192.0.2.123")
    found = bodies(native)
    assert native["discover"] == ["dhcp"]
    assert [found[f"set {name}"][-1] for name in ("dns4", "dns6", "ntp4")] == [
        "192.0.2.53/32 }", "2001:db8::53/128 }", "192.0.2.123/32 }",
    ]  # fmt: skip
    assert found["set ntp6"] == ["type ipv6_addr"]
    assert made(policy="audit", dns_servers=["192.0.2.53"], scope="gateway")["discover"] == ["ntp"]


def test_the_user_adds_to_the_baseline() -> None:
    allow = [{"destination": f"{V4} {V6}", "ports": "25, 1000-2000", "protocol": "TCP/UDP"},
             {"destination": "0.0.0.0/0", "ports": "5671"}]  # fmt: skip
    native = made(policy="deny", allow=allow)
    expected = [
        f"{ip} daddr {prefix} {protocol} dport {ports} accept"
        for protocol in ("tcp", "udp")
        for ports in ("25", "1000-2000")
        for ip, prefix in (("ip", V4), ("ip6", V6))
    ] + ["ip daddr 0.0.0.0/0 tcp dport 5671 accept"]
    assert bodies(native)["chain baseline"][4:] == expected
    assert native["settings"]["allow"] == "; ".join(expected)


@pytest.mark.parametrize("scope", ["host", "gateway", "both"])
@pytest.mark.parametrize("policy", ["audit", "deny"])
def test_the_baseline_opens_dns_and_ntp_to_servers_only(policy: str, scope: str) -> None:
    """It is all that a gateway forwards to where no list leads; the rest is for packets of the host's own."""
    found = bodies(made(policy=policy, scope=scope))
    dns = "meta l4proto { tcp, udp } th dport 53"
    assert found["chain baseline"] == [
        f"{dns} ip daddr @dns4 accept",
        f"{dns} ip6 daddr @dns6 accept",
        "udp dport 123 ip daddr @ntp4 accept",
        "udp dport 123 ip6 daddr @ntp6 accept",
    ]
    jumping = {name for name, lines in found.items() if "jump baseline_host" in lines}
    assert jumping == ({"chain output"} if scope != "gateway" else set())
    assert ("chain baseline_host" in found) == ("set dhcp4" in found) == bool(jumping)


def test_a_host_asks_for_its_lease_and_nobody_else_for_one() -> None:
    dhcp = [line for line in bodies(made(policy="deny"))["chain baseline_host"] if line.startswith("udp")]
    assert dhcp == [
        "udp sport 68 udp dport 67 ip daddr 255.255.255.255 accept",
        "udp sport 68 udp dport 67 ip daddr @dhcp4 accept",
        "udp sport 546 udp dport 547 ip6 daddr { ff02::1:2, fe80::/10 } accept",
    ]


@pytest.mark.parametrize("scope", ["gateway", "both"])
def test_a_gateway_lets_invited_connections_in(scope: str) -> None:
    inbound = rule("198.51.100.0/24", "8801", direction="inbound")
    found = bodies(made(rule(), inbound, policy="deny", scope=scope, sources="10.0.0.0/8"))
    assert found["chain forward"] == [FORWARD, KNOWN, INVITED, "ip saddr @sources4 jump egress"]
    assert found["map inbound4_udp_8801"][-1] == '198.51.100.0/24 : "acme/calls" }'
    assert found["map allowed4_udp_3478"][-1] == f'{V4} : "acme/calls" }}'


def test_a_host_invites_nobody() -> None:
    native = made(rule(), rule("198.51.100.0/24", direction="inbound"), policy="deny", scope="host")
    assert "inbound" not in native["ruleset"]
    assert native["notes"] == ["inbound rules open nothing on a host: nothing that comes in is stopped here"]
    assert "198.51.100" not in native["ruleset"]


@pytest.mark.parametrize(
    ("family", "kept", "left"), [("inet", "46", ""), ("ip", "4", "6"), ("ip6", "6", "4")], ids=["inet", "ip", "ip6"]
)
def test_a_table_of_the_users_gets_what_its_family_can_hold(family: str, kept: str, left: str) -> None:
    into = {"family": family, "table": "filter", "chain": "output", "jump": True}
    native = made(rule(), rule(V6), timers=(timer(60),), policy="unmanaged", into=into)
    assert {key: native[key] for key in into} == into
    assert native["owned"] == "egress_allowlist_"
    assert native["ruleset"].startswith(f"table {family} filter {{\n")
    found = bodies(native)
    assert all(name.split()[-1].startswith("egress_allowlist") for name in found)
    assert [name for name in found if name.startswith("map")] == [
        f"map egress_allowlist_allowed{v}_udp_3478" for v in kept
    ]
    assert ({"4": V4, "6": V6}[left] not in native["ruleset"]) if left else V4 in native["ruleset"]
    assert found["ct timeout egress_allowlist_udp_60"][1] == f"l3proto {family}"
    ips = {"4": "ip", "6": "ip6"}
    key = "daddr . meta l4proto . th dport"
    assert found["chain egress_allowlist"] == [
        f'{ips[v]} {key} @egress_allowlist_udp_60_v{v} ct timeout set "egress_allowlist_udp_60"' for v in kept
    ] + [f"udp dport 3478 counter name {ips[v]} daddr map @egress_allowlist_allowed{v}_udp_3478 accept" for v in kept]


@pytest.mark.parametrize(
    ("family", "sources", "leaves"),
    [
        ("inet", "10.0.0.0/8", ["ip saddr != @egress_allowlist_sources4 return", "meta nfproto ipv6 return"]),
        ("ip", "10.0.0.0/8", ["ip saddr != @egress_allowlist_sources4 return"]),
        ("ip6", "10.0.0.0/8", ["return"]),
        ("ip6", "fd00::/8", ["ip6 saddr != @egress_allowlist_sources6 return"]),
    ],
)
def test_others_leave_our_chain_in_a_table_of_the_users(family: str, sources: str, leaves: list[str]) -> None:
    into = {"family": family, "table": "filter"}
    native = made(rule(), rule(V6), policy="unmanaged", scope="gateway", sources=sources, into=into)
    assert bodies(native)["chain egress_allowlist"][: len(leaves)] == leaves
    assert ("set egress_allowlist_sources4" in native["ruleset"]) == (family != "ip6" and ":" not in sources)


def test_who_is_invited_comes_before_whose_packets_are_filtered() -> None:
    into = {"family": "ip", "table": "filter"}
    native = made(rule(direction="inbound"), policy="unmanaged", scope="gateway", sources="10.0.0.0/8", into=into)
    assert bodies(native)["chain egress_allowlist"][0] == (
        "udp dport 3478 counter name ip saddr map @egress_allowlist_inbound4_udp_3478 accept"
    )


def test_the_longest_timer_wins() -> None:
    rules = [rule(V4), rule(V4, vendor="zoom"), rule("192.0.2.128/28", vendor="zoom", service="web")]
    timers = (timer(60), timer(90, vendor="zoom"), timer(30, vendor="zoom", services=("web",)), timer(20))
    found = bodies(made(*rules, timers=timers))
    assert found["set udp_90_v4"][-1] == f"{V4} . udp . 3478 }}"
    assert found["set udp_30_v4"][-1] == "192.0.2.128/28 . udp . 3478 }"
    assert found["ct timeout udp_90"] == ["protocol udp", "l3proto inet", "policy = { unreplied : 90, replied : 90 }"]
    assert {name for name in found if "timeout" in name} == {"ct timeout udp_90", "ct timeout udp_30"}


@pytest.mark.parametrize("seconds", [(60, 20), (20, 60)])
def test_the_longest_timer_of_one_service_wins(seconds: tuple[int, int]) -> None:
    allowlist = merge_vendors([rule()]) | {"timers": [timer(time) for time in seconds]}
    assert {name for name in bodies(render(allowlist)) if "timeout" in name} == {"ct timeout udp_60"}


EVIL = {"vendor": "evil", "service": "media"}


@pytest.mark.parametrize(
    ("rules", "timers", "times"),
    [
        ([rule(), rule(**EVIL)], [timer(1, vendor="evil", services=("media",))], {}),
        ([rule(), rule("192.0.2.8/29", **EVIL)], [timer(1, vendor="evil", services=("media",))], {}),
        ([rule(), rule("192.0.2.0/24", **EVIL)], [timer(1, vendor="evil", services=("media",))],
         {"192.0.2.16/28 . udp . 3478": 1, "192.0.2.32/27 . udp . 3478": 1, "192.0.2.64/26 . udp . 3478": 1,
          "192.0.2.128/25 . udp . 3478": 1}),
        ([rule(), rule(ports="3478-3480", **EVIL)], [timer(1, vendor="evil", services=("media",))],
         {f"{V4} . udp . 3479-3480": 1}),
        ([rule(), rule(**EVIL)], [timer(1, vendor="evil", services=("media",)), timer(60)], {f"{V4} . udp . 3478": 60}),
        ([rule(), rule(service="web")], [timer(60)], {f"{V4} . udp . 3478": 60}),
        ([rule(ports="443", protocol="tcp"), rule(**EVIL)], [timer(1, vendor="evil", services=("media",))],
         {f"{V4} . udp . 3478": 1}),
        ([rule(direction="inbound"), rule(**EVIL)], [timer(1, vendor="evil", services=("media",))],
         {f"{V4} . udp . 3478": 1}),
    ],
)  # fmt: skip
def test_a_timer_does_not_shorten_what_another_vendor_opens(rules: list, timers: list, times: dict[str, int]) -> None:
    native = made(*rules, timers=tuple(timers))
    found = {
        line.strip(" ,}"): int(name.split("_")[1])
        for name, lines in bodies(native).items()
        if name.startswith("set udp_")
        for line in lines[3:]
    }
    assert found == times
    note = "the udp timer of evil is not set for what another vendor, which asks for none, opens too"
    shared = len(timers) == 1 and rules[1]["vendor"] == "evil" and "direction" not in rules[0]
    assert (note in native["notes"]) == (shared and rules[0]["protocol"] == "udp")


@pytest.mark.parametrize(("timers", "name"), [(("evil",), ""), (("evil", "acme"), "udp_60")])
def test_a_timer_does_not_shorten_flows_to_a_name_of_another_vendor(timers: tuple[str, ...], name: str) -> None:
    rules = [rule("a.example.com"), rule("a.example.com", vendor="evil")]
    wishes = tuple(timer({"evil": 1, "acme": 60}[vendor], vendor=vendor) for vendor in timers)
    text = made(*rules, timers=wishes, names="resolve", policy="deny")["ruleset"]
    made_timers = [line.split()[2] for line in text.splitlines() if line.startswith("\tct timeout ")]
    assert made_timers == ([name] if name else [])


def test_a_timer_is_for_its_protocol_vendor_and_services() -> None:
    rules = [rule(), rule(ports="443", protocol="tcp"), rule(vendor="zoom", ports="9"), rule(service="web", ports="8")]
    found = bodies(made(*rules, timers=(timer(720, protocol="tcp"),)))
    assert found["ct timeout tcp_720"] == ["protocol tcp", "l3proto inet", "policy = { established : 720 }"]
    assert found["set tcp_720_v4"][2:] == ["elements = {", f"{V4} . tcp . 443 }}"]
    assert found["chain egress"][0] == ('ip daddr . meta l4proto . th dport @tcp_720_v4 ct timeout set "tcp_720"')


def test_names_are_left_out_where_that_was_accepted() -> None:
    for options in ({"policy": "deny", "names": "report"}, {"policy": "audit"}, {"policy": "unmanaged"}):
        assert "example.com" not in made(rule(), rule("*.example.com"), **options)["ruleset"]


def test_a_long_list_of_who_asks_is_cut_with_a_digest() -> None:
    services = [f"{'s' * 40}_{number}" for number in range(5)]
    names = [name for name in bodies(made(*(rule(service=name) for name in services))) if "counter" in name]
    others = [n for n in bodies(made(*(rule(service=n) for n in services[:4]))) if "counter" in n]
    assert len(names[0].split()[1]) == 120
    assert names[0] != others[0]


@pytest.mark.parametrize(
    "labels",
    [
        [("aaa", "s" * 110), ("zoom2", "media")],
        [*(("aaa", f"{'s' * 14}{number:02}") for number in range(12)), ("zoom2", "media")],
        [("aaa", "s" * 200)],
        [(f"vendor{number:02}", "s" * 60) for number in range(10)],
        [(f"{'v' * 15}{number:02}", "media") for number in range(12)],
    ],
)
def test_a_long_list_of_who_asks_keeps_every_vendor(labels: list[tuple[str, str]]) -> None:
    native = made(*(rule("17.0.0.0/8", vendor=vendor, service=service) for vendor, service in labels))
    (line,) = [line for line in anew(native) if "17.0.0.0/8" in line]
    who = line.rpartition("  ")[2]
    assert vendors([who]) == {vendor for vendor, _service in labels}
    shown = [part for part in who.rpartition(" and ")[0].split(", ") if ": " in part]
    assert who.endswith(f" and {len(labels) - len(shown)} more")
    assert set(shown) <= {": ".join(label) for label in labels}
    assert all(len(name.split()[1]) <= 240 for name in bodies(native) if name.startswith("counter "))


def test_the_text_does_not_depend_on_the_order_of_rules() -> None:
    rng = random.Random(7)
    rules = [
        rule(f"192.0.2.{rng.randrange(256)}/32", str(rng.choice([443, 80, "80-443"])), rng.choice(["tcp", "udp"]),
             vendor=rng.choice(["acme", "zoom"]), **rng.choice([{}, {"direction": "inbound"}]))
        for dummy in range(60)
    ]  # fmt: skip
    texts = set()
    for dummy in range(5):
        rng.shuffle(rules)
        texts.add(made(*rules, timers=(timer(60), timer(90, vendor="zoom")), policy="deny", scope="both")["ruleset"])
    assert len(texts) == 1
