# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dnsmasq and the host are told of names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._names import following
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain, domains
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import dnsmasq_lines
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.special import SPECIAL

from tests.support.rules import web


def found(*rules: dict[str, Any], mode: str = "dnsmasq") -> list[Domain]:
    return domains(merge_vendors(rules), mode)


def sets(domain: Domain) -> list[str]:
    return [f"4#inet#t#{domain.name}"]


def lines(*rules: dict[str, Any]) -> list[str]:
    return dnsmasq_lines(found(*rules), sets)


def test_the_longest_name_has_the_sets_of_the_wildcards_above_it() -> None:
    names = [
        "*.example.com",
        "a.b.example.com",
        "b.example.com",
        "*.c.b.example.com",
        "d.c.b.example.com",
        "example.net",
    ]
    assert lines(*map(web, [*names, "notexample.com"])) == [
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
        dnsmasq_lines(found(*map(web, [long, *parents])), lambda domain: sets(domain) * 2)
    assert len(dnsmasq_lines(found(*map(web, [long, *parents])), sets)) == 3


def host_side(*rules: dict[str, Any], mode: str = "dnsmasq", **more: Any) -> dict[str, Any]:
    times = {"lease": 86400, "refresh": 60, "most": 4096, "table": "inet egress_allowlist"}
    return following.host_side(mode, found(*rules, mode=mode), **{**times, **more})


def test_the_host_is_told_nothing_where_nothing_is_learned() -> None:
    assert host_side(web("192.0.2.0/28")) == {}
    assert host_side(web("*.example.com"), mode="resolve") == {}


def test_what_the_host_is_told() -> None:
    told = host_side(web("*.kudoway.com"), gateway=True, resolv_conf=True)
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
        web("a.example.com"), mode="resolve", table="", leased=lambda _, version: f"egress_names_{version}"
    )
    assert told["domains"] == {
        "a.example.com": {"patterns": ["a.example.com"], "leased": {"4": "egress_names_4", "6": "egress_names_6"}}
    }
    assert told["dnsmasq"] == []


def test_copies_are_filled_by_dnsmasq_too() -> None:
    told = host_side(web("a.example.com"), table="inet names", copies=lambda _, version: f"copy-{version}")
    assert told["domains"]["a.example.com"]["copies"] == {"4": "copy-4", "6": "copy-6"}
    assert told["dnsmasq"][0] == (
        "nftset=/a.example.com/4#inet#names#asked4_a.example.com,6#inet#names#asked6_a.example.com,"
        "4#inet#firewalld#copy-4,6#inet#firewalld#copy-6"
    )
