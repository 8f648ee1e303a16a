# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names change in the text of the nftables renderer, and what is refused.

Whether the kernel means the same by it is for the integration tests.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render

from tests.support.rules import V4, rule
from tests.support.rulesets import FORWARD, KNOWN, MANAGED, OUTPUT, bodies, timer

NEW = "ct state new,untracked,invalid"
ELSEWHERE = ["ip daddr @known4 jump names4", "ip6 daddr @known6 jump names6"]
NO_VERDICT = re.compile(r"\b(accept|drop|reject|return|jump|goto)\b")


def named(*rules: dict[str, Any], timers: tuple = (), **options: Any) -> dict[str, Any]:
    allowlist = merge_vendors(rules or [rule("*.example.com")], timers=timers)
    return render(allowlist, **{"names": "dnsmasq", "policy": "deny", **options})


def test_a_name_has_its_sets_and_chains() -> None:
    native = named(names_lease=3600, names_max_addresses=10)
    found = bodies(native)
    assert {name: lines for name, lines in found.items() if "4" in name and name.split()[0] in ("set", "chain")} == {
        "set special4": found["set special4"],
        "set asked4_example.com": ["type ipv4_addr", "size 65536", "flags timeout", "timeout 3600s",
                                   'comment "*.example.com"'],
        "set leased4_example.com": ["type ipv4_addr", "size 10", "flags dynamic,timeout", "timeout 3600s",
                                    'comment "*.example.com"'],
        "set known4": ["type ipv4_addr", "size 10", "flags dynamic,timeout", "timeout 3600s"],
        "chain name4_example.com": [
            "udp dport 3478 update @leased4_example.com { ip daddr }",
            "udp dport 3478 update @known4 { ip daddr }",
            f'udp dport 3478 {NEW} counter name "acme/calls" accept',
        ],
        "chain names4": [
            "ip daddr @special4 return",
            "ip daddr @asked4_example.com jump name4_example.com",
            "ip daddr @leased4_example.com jump name4_example.com",
        ],
        "set dhcp4": ["type ipv4_addr"],
        "set dns4": ["type ipv4_addr"],
        "set ntp4": ["type ipv4_addr"],
    }  # fmt: skip
    assert found["chain egress"][:3] == [
        "meta nfproto ipv4 jump names4", "meta nfproto ipv6 jump names6", "jump baseline",
    ]  # fmt: skip
    assert found["chain output"] == [
        OUTPUT,
        'oif "lo" accept',
        *ELSEWHERE,
        KNOWN,
        MANAGED,
        "jump baseline_host",
        "jump egress",
    ]
    assert found["counter acme/calls"] == ['comment "acme: calls"']
    assert native["names"]["domains"]["example.com"]["asked"] == {
        "4": "asked4_example.com", "6": "asked6_example.com",
    }  # fmt: skip
    assert (native["names"]["table"], native["names"]["lease"], native["names"]["gateway"]) == (
        "inet egress_allowlist", 3600, False,
    )  # fmt: skip


def test_ipv6_is_the_same_with_its_own_sets() -> None:
    found = bodies(named(rule("*.example.com"), rule("b.example.net", "80", "tcp")))
    for name in ("set asked{}_example.com", "set leased{}_b.example.net", "chain name{}_example.com", "chain names{}"):
        four = "\n".join(found[name.format(4)])
        six = four.replace("ip daddr", "ip6 daddr").replace("ipv4", "ipv6")
        assert "\n".join(found[name.format(6)]) == re.sub(r"(asked|leased|known|special|name)4", r"\g<1>6", six)


def test_who_is_resolved_is_asked_by_nobody() -> None:
    native = named(rule("a.example.com"), rule("*.example.com"), names="resolve")
    assert "asked" not in native["ruleset"]
    assert "*." not in native["ruleset"]
    assert bodies(native)["chain names4"][1:] == ["ip daddr @leased4_a.example.com jump name4_a.example.com"]
    assert list(native["names"]["domains"]) == ["a.example.com"]


def test_a_rule_that_fills_a_set_decides_nothing() -> None:
    """It ends where the set is full."""
    found = bodies(named(rule("*.example.com", "1-9", "tcp"), rule("example.com"), timers=(timer(60),)))
    rules = [line for lines in found.values() for line in lines if "update" in line]
    assert len(rules) == 8
    assert not [line for line in rules if NO_VERDICT.search(line)]
    assert not [line for line in rules if "counter" in line or "ct timeout" in line]


def test_counters_and_times_are_those_of_who_asks() -> None:
    rules = [rule("*.example.com"), rule("*.example.com", vendor="zoom"), rule("b.example.net", "443", "tcp")]
    found = bodies(named(*rules, timers=(timer(60), timer(90, vendor="zoom"), timer(30, vendor="other"))))
    assert found["ct timeout udp_90"] == ["protocol udp", "l3proto inet", "policy = { unreplied : 90, replied : 90 }"]
    assert [name for name in found if "timeout" in name] == ["ct timeout udp_90"]
    end = 'ct timeout set "udp_90" counter name "acme/calls.zoom/calls" accept'
    assert found["chain name4_example.com"][-1] == f"udp dport 3478 {NEW} {end}"
    assert found["chain name4_b.example.net"][-1] == f'tcp dport 443 {NEW} counter name "acme/calls" accept'
    assert found["counter acme/calls.zoom/calls"] == ['comment "acme: calls, zoom: calls"']


def test_a_vendor_of_addresses_and_names_has_one_counter_and_one_time() -> None:
    found = bodies(named(rule(), rule("*.example.com"), timers=(timer(60),)))
    assert found["ct timeout udp_60"]
    assert found["counter acme/calls"]


@pytest.mark.parametrize("scope", ["gateway", "both"])
def test_only_maps_beside_dnsmasq_have_a_field_more(scope: str) -> None:
    rules = [rule(), rule("198.51.100.0/24", direction="inbound"), rule("a.example.com")]
    found = bodies(named(*rules, scope=scope))
    assert found["map allowed4_udp_3478"][0] == "type ipv4_addr . inet_proto : counter"
    assert found["map allowed4_udp_3478"][-1] == f'{V4} . udp : "acme/calls" }}'
    assert found["map inbound4_udp_3478"][-1] == '198.51.100.0/24 . udp : "acme/calls" }'
    lookup = "udp dport 3478 counter name ip {} . meta l4proto map @{}4_udp_3478 accept"
    assert lookup.format("daddr", "allowed") in found["chain egress"]
    assert lookup.format("saddr", "inbound") in found["chain forward"]
    for names in ("resolve", "report"):
        assert bodies(named(*rules, scope=scope, names=names))["map allowed4_udp_3478"][0] == "type ipv4_addr : counter"
    # Nothing is learned where there is no name.
    assert bodies(named(*rules[:2], scope=scope))["map allowed4_udp_3478"][0] == "type ipv4_addr : counter"


def test_inbound_rules_by_name_open_nothing() -> None:
    native = named(rule(), rule("a.example.com", direction="inbound"), scope="gateway")
    assert "example" not in native["ruleset"]
    assert native["names"] == {}


@pytest.mark.parametrize(
    ("sources", "renewals"),
    [
        ((), ELSEWHERE),
        ("10.0.0.0/8", ["ip saddr @sources4 ip daddr @known4 jump names4"]),
        (["fd00::/8", "10.0.0.0/8"], ["ip saddr @sources4 ip daddr @known4 jump names4",
                                      "ip6 saddr @sources6 ip6 daddr @known6 jump names6"]),
    ],
)  # fmt: skip
def test_leases_are_renewed_before_known_flows_pass(sources: Any, renewals: list[str]) -> None:
    lines = bodies(named(scope="gateway", sources=sources))["chain forward"]
    assert lines[: len(renewals) + 2] == [FORWARD, *renewals, KNOWN]


ASKING = "meta l4proto { tcp, udp } th dport 53 fib daddr type != local redirect"
REFUSED = ["tcp dport 53 reject with tcp reset", "udp dport 53 reject with icmpx admin-prohibited"]


def test_clients_that_ask_others_are_left_redirected_or_refused() -> None:
    left, redirected, refused = (
        named(scope="gateway", sources="10.0.0.0/8", names_dns=choice) for choice in ("leave", "redirect", "refuse")
    )
    assert "chain redirect_dns" not in bodies(left)
    assert bodies(redirected)["chain redirect_dns"] == [
        "type nat hook prerouting priority dstnat; policy accept;", f"ip saddr @sources4 {ASKING}",
    ]  # fmt: skip
    assert bodies(refused)["chain forward"][:3] == [FORWARD, *(f"ip saddr @sources4 {line}" for line in REFUSED)]
    assert "names dns" not in left["settings"]
    assert [native["settings"]["names dns"] for native in (redirected, refused)] == ["redirect", "refuse"]
    for dns in ("redirect", "refuse"):
        native = named(rule(), scope="gateway", names_dns=dns, sources="fd00::/8")  # there is nothing to learn
        assert not re.search("redirect|dport 53 reject", native["ruleset"])


def test_only_sources_are_redirected_or_refused() -> None:
    sources = ["10.0.0.0/8", "fd00::/8"]
    found = bodies(named(scope="gateway", names_dns="redirect", sources=sources))
    assert found["chain redirect_dns"][1:] == [f"ip saddr @sources4 {ASKING}", f"ip6 saddr @sources6 {ASKING}"]
    found = bodies(named(scope="gateway", names_dns="refuse", sources=sources[:1]))
    assert found["chain forward"][1:3] == [f"ip saddr @sources4 {line}" for line in REFUSED]


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({}, ""),
        ({"scope": "gateway"}, "only clients that ask this host for names open them"),
        ({"scope": "gateway", "names_dns": "refuse", "sources": ["10.0.0.0/8", "fd00::/8"]}, ""),
        ({"scope": "both", "names": "resolve"}, "clients may be given other addresses of a name than this host"),
        ({"names": "resolve"}, ""),
        ({"scope": "gateway", "names": "report"}, ""),
    ],
)
def test_what_is_less_than_it_seems_is_noted(options: dict[str, Any], start: str) -> None:
    notes = named(rule("a.example.com"), **options)["notes"]
    assert len(notes) == bool(start)
    assert notes == [] or notes[0].startswith(start)


@pytest.mark.parametrize("names", ["resolve", "dnsmasq"])
def test_a_mode_that_has_nothing_to_do_says_so(names: str) -> None:
    (note,) = named(rule(), names=names)["notes"]
    assert note.startswith(f"nftables_egress_names {names} has nothing to do")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"names": "resolve", "policy": "unmanaged", "into": {"family": "inet", "table": "filter"}},
         "names 'resolve' needs a table of its own: leave nftables_egress_into empty, or use report"),
        ({"names_lease": 250},
         "nftables_egress_names_lease '250' is too short: with nftables_egress_names_refresh 60 it is at least 251 "
         "seconds"),
        ({"names_max_addresses": 0}, "nftables_egress_names_max_addresses '0' is not a whole number from 1 to 65536"),
        ({"names_dns": "refuse"},
         "nftables_egress_names_dns 'refuse' is for forwarded packets: use the scope gateway or both"),
        ({"names_dns": "redirect", "scope": "both"},
         "nftables_egress_names_dns 'redirect' needs nftables_egress_sources, the clients whose questions are turned "
         "to this host: otherwise what outsiders ask of a name server behind this gateway would be too"),
        ({"names": "report", "names_resolv_conf": True},
         "nftables_egress_names_resolv_conf needs nftables_egress_names dnsmasq"),
    ],
)  # fmt: skip
def test_what_is_not_accepted(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        named(**options)


def test_deny_needs_a_choice_and_any_will_do() -> None:
    with pytest.raises(
        ValueError,
        match=r"Set nftables_egress_names to report to accept .*, to dnsmasq to open ",  # not resolve: of *.
    ):
        named(names="")
    for names in ("report", "resolve", "dnsmasq"):
        named(names=names)
