# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two rulesets open, and how they are compared in words."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.differences import (
    difference,
    entries,
    settings_difference,
    words,
)
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.listing import blocks
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors

from tests.support.nft_listings import LEARNED, LISTING


def test_entries_are_addresses_services_and_who_asked() -> None:
    assert entries(blocks(LISTING)) == {
        ("to", "192.0.2.7", "tcp", "443"): "acme/calls",
        ("to", "192.0.2.8/31", "tcp", "443"): "other/web",
        ("to", "198.51.100.3-198.51.100.9", "tcp", "443"): "acme/calls",
        ("to", "203.0.113.0/25", "udp", "10000-60000"): "acme/calls.other/media",
        ("from", "2001:db8::/32", "tcp", "443"): "acme/calls",
        ("from", "2001:db9::", "tcp", "443"): "acme/calls",
    }


def test_entries_are_found_in_a_table_of_the_users_too() -> None:
    owned = LISTING.replace("\tmap ", "\tmap egress_allowlist_") + "\tmap allowed4 {\n\t\t192.0.2.9 : 80\n\t}\n"
    assert entries(blocks(owned, "egress_allowlist_")) == entries(blocks(LISTING))


def test_a_host_is_the_same_with_and_without_its_prefix_length() -> None:
    written = LISTING.replace("192.0.2.7 :", "192.0.2.7/32 :").replace("2001:db9::/128", "2001:db9::")
    assert entries(blocks(written)) == entries(blocks(LISTING))
    wide = LISTING.replace("2001:db8::/32", "2001:db8::/128")
    assert entries(blocks(wide)) != entries(blocks(LISTING))


def test_names_are_entries_with_their_patterns() -> None:
    assert entries(blocks(LEARNED)) == {
        ("to", "203.0.113.0/28", "tcp", "443"): "acme/calls",
        ("to", "203.0.113.17", "tcp", "443"): "acme/calls",
        ("to", "*.example.com, example.com", "tcp", "443"): "acme/calls",
        ("to", "*.example.com, example.com", "udp", "1-9"): "acme/calls.zoom/web",
    }
    uncommented = re.sub("comment .*", "", LEARNED)
    assert ("to", "example.com", "tcp", "443") in entries(blocks(uncommented))


PROTOCOLS = """table inet egress_allowlist {
\tmap allowed4_esp {
\t\ttype ipv4_addr . inet_proto : counter
\t\telements = { 192.0.2.7 . esp : "acme/calls",
\t\t\t     192.0.2.8/31 . esp : "acme/calls" }
\t}
\tmap allowed4_253 {
\t\telements = { 192.0.2.7 : "acme/calls" }
\t}
\tmap inbound6_icmpv6_echo-request {
\t\telements = { 2001:db8::/32 . ipv6-icmp : "acme/calls" }
\t}
\tmap allowed4_icmp {
\t\telements = { 192.0.2.7 : "acme/calls" }
\t}
\tchain name4_example.com {
%s
\t}
}
"""
AS_WRITTEN = ["meta l4proto 47", "meta l4proto 38", "icmp type 8", "icmpv6 type 135", "sctp dport 5060"]
AS_PRINTED = [
    *("meta l4proto gre", "meta l4proto idpr-cmtp", "icmp type echo-request", "icmpv6 type nd-neighbor-solicit"),
    "sctp dport 5060",
]


@pytest.mark.parametrize("rules", [AS_WRITTEN, AS_PRINTED])
def test_entries_of_other_protocols_are_spelled_alike(rules: list[str]) -> None:
    lines = [f'\t\t{rule} ct state new,untracked,invalid counter name "acme/calls" accept' for rule in rules]
    named = [("gre", ""), ("38", ""), ("icmp", "echo-request"), ("icmpv6", "neighbor-solicitation"), ("sctp", "5060")]
    assert set(entries(blocks(PROTOCOLS % "\n".join(lines)))) == {
        ("to", "192.0.2.7", "esp", ""),
        ("to", "192.0.2.8/31", "esp", ""),
        ("to", "192.0.2.7", "253", ""),
        ("to", "192.0.2.7", "icmp", ""),
        ("from", "2001:db8::/32", "icmpv6", "echo-request"),
        *(("to", "example.com", *service) for service in named),
    }


OLD = {("to", "192.0.2.7", "tcp", "443"): "acme/calls", ("to", "192.0.2.8", "tcp", "80"): "acme/web"}
CHANGES = [
    (OLD, OLD, "", []),
    ({}, OLD, "", ["+ tcp/443 to 192.0.2.7  acme: calls", "+ tcp/80 to 192.0.2.8  acme: web"]),
    (OLD, {}, "", ["- tcp/443 to 192.0.2.7  acme: calls", "- tcp/80 to 192.0.2.8  acme: web"]),
    (
        OLD,
        {**OLD, ("to", "192.0.2.7", "tcp", "443"): "acme/calls.zenith/sip"},
        "",
        ["- tcp/443 to 192.0.2.7  acme: calls", "+ tcp/443 to 192.0.2.7  acme: calls, zenith: sip"],
    ),
    (
        {},
        {("from", "2001:db8::/32", "udp", "8801-8810"): "mine_zoom/meetings"},
        "mine_",
        ["+ udp/8801-8810 from 2001:db8::/32  zoom: meetings"],
    ),
    (
        {("to", "192.0.2.7", "icmp", "echo-request"): "acme/calls"},
        {("to", "192.0.2.7", "esp", ""): "acme/calls"},
        "",
        ["+ esp to 192.0.2.7  acme: calls", "- icmp/echo-request to 192.0.2.7  acme: calls"],
    ),
]


@pytest.mark.parametrize(("old", "new", "owned", "lines"), CHANGES)
def test_differences_in_words(old: dict, new: dict, owned: str, lines: list[str]) -> None:
    assert difference(old, new, owned) == lines


def test_settings_in_words() -> None:
    old, new = {"policy": "audit", "log rate": "10/minute", "scope": "host"}, {"policy": "deny", "scope": "host"}
    assert settings_difference(old, new) == ["~ log rate: 10/minute -> none", "~ policy: audit -> deny"]
    assert settings_difference(old, old) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kudo/media.zoom/meetings", "kudo: media, zoom: meetings"),
        ("kudo/media.zoom..12.1a2b3c4d", "kudo: media, zoom and 12 more"),
        ("kudo..1.1a2b3c4d5e", "kudo and 1 more"),
        ("kudo/media.zoom/meet.f208f38a", "kudo: media, zoom: meet and more"),  # of an earlier version
    ],
)
def test_who_asks_in_words(name: str, expected: str) -> None:
    assert words(name, "") == words(f"egress_allowlist_{name}", "egress_allowlist_") == expected
    assert vendors([expected]) == {"kudo", "zoom"} & set(re.findall(r"\w+", name))
