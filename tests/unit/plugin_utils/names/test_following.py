# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned of names, by which services, and what dnsmasq and the host are told of it."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._names import following
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain, domains, widened
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import dnsmasq_lines
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import check_dns, check_learning
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.special import SPECIAL

ACME = ("acme", "calls")
NOTHING_SPECIAL = {4: ["1.1.1.1", "11.0.0.0", "100.128.0.0", "172.32.0.0", "192.0.1.0", "192.167.255.255",
                       "198.17.255.255", "203.0.112.255", "223.255.255.255"],
                   6: ["2001:200::1", "2003::1", "2600:1f00::1", "2a00:1450::1", "3ffe::1",
                       "64:ff9b::1.1.1.1", "64:ff9b::11.0.0.0", "64:ff9b::223.255.255.255"]}  # fmt: skip
SOME_SPECIAL = {4: ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.0.0.8",
                    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
                    "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
                6: ["::", "::1", "::ffff:1.1.1.1", "::1.1.1.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1",
                    "64:ff9b::192.168.1.1", "64:ff9b::255.255.255.255", "64:ff9b:1::1", "100::1", "2001::1",
                    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1",
                    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1"]}  # fmt: skip


def rule(destination: str, ports: str = "443", protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    about = {"vendor": "acme", "service": "calls"}
    return {**about, "destination": destination, "ports": ports, "protocol": protocol, **more}


def found(*rules: dict[str, Any], mode: str = "dnsmasq") -> list[Domain]:
    return domains(merge_vendors(rules), mode)


def sets(domain: Domain) -> list[str]:
    return [f"4#inet#t#{domain.name}"]


def lines(*rules: dict[str, Any]) -> list[str]:
    return dnsmasq_lines(found(*rules), sets)


def test_addresses_and_inbound_rules_are_no_names() -> None:
    assert found(rule("192.0.2.0/28"), rule("2001:db8::/64"), rule("a.example.com", direction="inbound")) == []


@pytest.mark.parametrize("mode", ["", "report"])
def test_nothing_is_learned_unless_somebody_asked(mode: str) -> None:
    assert found(rule("a.example.com"), mode=mode) == []


def test_names_are_domains_by_name() -> None:
    assert found(rule("b.example.com"), rule("*.a.example.com", "80-90")) == [
        Domain("a.example.com", ("*.a.example.com",), (("tcp", 80, 90, (ACME,)),)),
        Domain("b.example.com", ("b.example.com",), (("tcp", 443, 443, (ACME,)),)),
    ]


def test_only_exact_names_are_looked_up() -> None:
    assert found(rule("*.example.com"), rule("example.com", "80"), mode="resolve") == [
        Domain("example.com", ("example.com",), (("tcp", 80, 80, (ACME,)),))
    ]


def test_patterns_of_one_name_share_their_services() -> None:
    (domain,) = found(
        rule("*.example.com", "1-9"), rule("example.com", "5", vendor="zoom"), rule("example.com", "7", "udp")
    )
    assert domain.patterns == ("*.example.com", "example.com")
    assert domain.services == (
        ("tcp", 1, 4, (ACME,)),
        ("tcp", 5, 5, (ACME, ("zoom", "calls"))),
        ("tcp", 6, 9, (ACME,)),
        ("udp", 7, 7, (ACME,)),
    )


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([rule("example.com")], "names below it"),
        ([rule("*.example.com")], "example.com itself"),
        ([rule("*.example.com"), rule("example.com")], ""),
        ([rule("*.example.com"), rule("example.com", vendor="zoom")], ""),
        ([rule("*.example.com", "1-9"), rule("example.com", "1-4"), rule("example.com", "5-9", vendor="b")], ""),
        ([rule("*.example.com"), rule("example.com", "80")], "example.com itself and names below it share their ports"),
        ([rule("*.example.com"), rule("example.com", "443", "udp")],
         "example.com itself and names below it share their ports"),
    ],
)  # fmt: skip
def test_what_dnsmasq_admits_beyond_the_patterns(rules: list[dict[str, Any]], words: str) -> None:
    assert [widened(domain) for domain in found(*rules)] == [words]


def test_the_longest_name_has_the_sets_of_the_wildcards_above_it() -> None:
    names = [
        "*.example.com",
        "a.b.example.com",
        "b.example.com",
        "*.c.b.example.com",
        "d.c.b.example.com",
        "example.net",
    ]
    assert lines(*map(rule, [*names, "notexample.com"])) == [
        "nftset=/a.b.example.com/4#inet#t#a.b.example.com,4#inet#t#example.com",
        "nftset=/b.example.com/4#inet#t#b.example.com,4#inet#t#example.com",
        "nftset=/c.b.example.com/4#inet#t#c.b.example.com,4#inet#t#example.com",
        "nftset=/d.c.b.example.com/4#inet#t#d.c.b.example.com,4#inet#t#c.b.example.com,4#inet#t#example.com",
        "nftset=/example.com/4#inet#t#example.com",
        "nftset=/example.net/4#inet#t#example.net",
        "nftset=/notexample.com/4#inet#t#notexample.com",
    ]


def test_a_line_that_dnsmasq_would_break() -> None:
    long = ".".join(["a" * 60] * 4)
    parents = [f"*.{long.split('.', cut)[-1]}" for cut in (1, 2)]
    with pytest.raises(ValueError, match=rf"^'{long}' is too long for dnsmasq: its line would have \d+ characters$"):
        dnsmasq_lines(found(*map(rule, [long, *parents])), lambda domain: sets(domain) * 2)
    assert len(dnsmasq_lines(found(*map(rule, [long, *parents])), sets)) == 3


@pytest.mark.parametrize("name", ["a/b.example.com", "a.example.com#", "a b.example.com", 'a".example.com', "a{.com",
                                  "A.example.com", "é.example.com", "a..example.com", "*.*.example.com", "a*.com",
                                  "a.example.com\n", "a" * 64 + ".com", ".example.com", "a,b.com"])  # fmt: skip
def test_what_is_no_host_name_is_refused(name: str) -> None:
    allowlist = merge_vendors([rule("a.example.com")])
    allowlist["provenance"][0]["destinations"] = [name]
    for mode in ("resolve", "dnsmasq"):
        if not (mode == "resolve" and name.startswith("*.")):
            with pytest.raises(ValueError, match=f"^{re.escape(f'acme: calls: {name!r} is not a host name: ')}"):
                domains(allowlist, mode)


def test_keys_of_long_names_fit_and_differ() -> None:
    names = [".".join([letter + "a" * 59] * 4) for letter in "bc"]
    names.append(names[0][:-1] + "b")
    keys = {domain.key() for domain in found(*map(rule, names))}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {200}
    assert found(rule("a.example.com"))[0].key() == "a.example.com"


@pytest.mark.parametrize("version", [4, 6])
def test_special_addresses(version: int) -> None:
    special = [ip_network(prefix) for prefix in SPECIAL[version]]
    assert [text for text in SOME_SPECIAL[version] if not any(ip_address(text) in p for p in special)] == []
    assert [text for text in NOTHING_SPECIAL[version] if any(ip_address(text) in p for p in special)] == []
    ends = sorted((int(prefix[0]), int(prefix[-1])) for prefix in special)
    assert all(last < first for (_low, last), (first, _high) in pairwise(ends)), "they overlap"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((86400, 0, 1), "nft_names_refresh '0' is not a whole number from 1 to 3600"),
        ((86400, True, 1), "nft_names_refresh 'True' is not a whole number from 1 to 3600"),
        ((86400, 3601, 1), "nft_names_refresh '3601' is not a whole number from 1 to 3600"),
        (("86400", 60, 1), "nft_names_lease '86400' is not a whole number from 1 to 2147483"),
        ((2147484, 60, 1), "nft_names_lease '2147484' is not a whole number from 1 to 2147483"),
        ((250, 60, 1), "nft_names_lease '250' is too short: with nft_names_refresh 60 it is at least 251 seconds"),
        ((251, 60, 0), "nft_names_max_addresses '0' is not a whole number from 1 to 65536"),
        ((251, 60, 65537), "nft_names_max_addresses '65537' is not a whole number from 1 to 65536"),
    ],
)
def test_leases_that_cannot_be(values: tuple, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_learning("nft", *values)


def test_leases_that_can_be() -> None:
    for values in ((15, 1, 1), (251, 60, 65536), (2147483, 3600, 4096)):
        check_learning("nft", *values)


@pytest.mark.parametrize(
    ("mode", "scope", "dns", "resolv_conf", "text"),
    [
        ("dnsmasq", "both", "drop", False,
         "nft_names_dns 'drop' is not accepted: choose one of leave, redirect, refuse"),
        ("resolve", "both", "refuse", False, "nft_names_dns 'refuse' needs nft_names dnsmasq"),
        ("dnsmasq", "host", "redirect", False,
         "nft_names_dns 'redirect' is for forwarded packets: use the scope gateway or both"),
        ("dnsmasq", "host", "leave", "yes", "nft_names_resolv_conf 'yes' is not accepted: write true or false"),
        ("report", "host", "leave", True, "nft_names_resolv_conf needs nft_names dnsmasq"),
    ],
)  # fmt: skip
def test_choices_about_dns_that_do_not_fit(mode: str, scope: str, dns: str, resolv_conf: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_dns("nft", mode, scope, dns, resolv_conf)


def test_choices_about_dns_that_fit() -> None:
    check_dns("nft", "dnsmasq", "gateway", "redirect", True)
    check_dns("nft", "report", "host", "leave", False)


def host_side(*rules: dict[str, Any], mode: str = "dnsmasq", **more: Any) -> dict[str, Any]:
    times = {"lease": 86400, "refresh": 60, "most": 4096, "table": "inet egress_allowlist"}
    return following.host_side(mode, found(*rules, mode=mode), **{**times, **more})


def test_the_host_is_told_nothing_where_nothing_is_learned() -> None:
    assert host_side(rule("192.0.2.0/28")) == {}
    assert host_side(rule("*.example.com"), mode="resolve") == {}


def test_what_the_host_is_told() -> None:
    told = host_side(rule("*.kudoway.com"), gateway=True, resolv_conf=True)
    assert told.pop("special") == [*SPECIAL[4], *SPECIAL[6]]
    assert told == {
        "mode": "dnsmasq", "lease": 86400, "refresh": 60, "most": 4096, "table": "inet egress_allowlist",
        "domains": {
            "kudoway.com": {
                "patterns": ["*.kudoway.com"],
                "asked": {"4": "asked4_kudoway.com", "6": "asked6_kudoway.com"},
                "leased": {"4": "leased4_kudoway.com", "6": "leased6_kudoway.com"},
            }
        },
        "dnsmasq": [
            "nftset=/kudoway.com/4#inet#egress_allowlist#asked4_kudoway.com,6#inet#egress_allowlist#asked6_kudoway.com",
            "max-cache-ttl=86270", "max-ttl=86270",
        ],
        "resolv_conf": True, "gateway": True, "ruleset": "",
    }  # fmt: skip


def test_who_resolves_needs_no_dnsmasq() -> None:
    told = host_side(
        rule("a.example.com"), mode="resolve", table="", leased=lambda _, version: f"egress_names_{version}"
    )
    assert told["domains"] == {
        "a.example.com": {"patterns": ["a.example.com"], "leased": {"4": "egress_names_4", "6": "egress_names_6"}}
    }
    assert told["dnsmasq"] == []


def test_copies_are_filled_by_dnsmasq_too() -> None:
    told = host_side(rule("a.example.com"), table="inet names", copies=lambda _, version: f"copy-{version}")
    assert told["domains"]["a.example.com"]["copies"] == {"4": "copy-4", "6": "copy-6"}
    assert told["dnsmasq"][0] == (
        "nftset=/a.example.com/4#inet#names#asked4_a.example.com,6#inet#names#asked6_a.example.com,"
        "4#inet#firewalld#copy-4,6#inet#firewalld#copy-6"
    )
