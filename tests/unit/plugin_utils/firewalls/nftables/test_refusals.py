# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nftables renderer refuses, and the words in which it does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render

from tests.support.rules import V4, rule
from tests.support.rulesets import made

INTO = {"family": "inet", "table": "filter", "chain": "output", "jump": True}
NAME = "is not a name: write letters, digits, '_', '.' or '-', a letter first"
RATE = "is not a number per second, minute, hour or day: write 10/minute"
LABEL = "cannot be part of a counter's name: write letters, digits, '_' or '-', a letter first"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"policy": "Deny"}, "policy 'Deny' is not accepted: choose one of unmanaged, audit, deny"),
        ({"policy": None}, "policy 'None' is not accepted: choose one of unmanaged, audit, deny"),
        ({"scope": "forward"}, "scope 'forward' is not accepted: choose one of host, gateway, both"),
        ({"stopped": "tarpit"}, "stopped 'tarpit' is not accepted: choose one of reject, drop"),
        ({"names": "ask"}, "names 'ask' is not accepted: choose one of report, resolve, dnsmasq"),
        *(
            ({"log_rate": rate}, f"log rate '{rate}' {RATE}")
            for rate in ("", "0/minute", "10", 10, "10/week", "10/minute\n", "1/second burst 5 packets", "-1/day")
        ),
        (
            {"sources": ["10.0.0.0/8"]},
            "sources choose among forwarded packets: use them with the scope gateway or both",
        ),
        (
            {"scope": "gateway", "sources": ["lan.example.com"]},
            "nftables_egress_sources: 'lan.example.com' is a name: write addresses or prefixes",
        ),
        (
            {"scope": "gateway", "sources": ["10.0.0.1/8"]},
            "nftables_egress_sources: '10.0.0.1/8' is not a prefix: host bits are set: the network is 10.0.0.0/8; "
            "write that, or the single address without '/8'",
        ),
        (
            {"dns_servers": ["192.0.2.53", "dns.example.com"]},
            "nftables_egress_dns_servers: 'dns.example.com' is a name: write addresses or prefixes",
        ),
        (
            {"ntp_servers": "pool.example.com"},
            "nftables_egress_ntp_servers: 'pool.example.com' is a name: write addresses or prefixes",
        ),
        (
            {"policy": "deny", "allow": [{"destination": V4, "ports": "1"}, {"destination": "a.bc", "ports": "25"}]},
            "nftables_egress_allow: row 2: 'a.bc' is a name: write its addresses",
        ),
        ({"policy": "deny", "into": INTO},
         "policy 'deny' needs a table of its own; in yours your chains decide: use unmanaged"),
        ({"into": INTO}, "policy 'audit' needs a table of its own; in yours your chains decide: use unmanaged"),
        ({"policy": "unmanaged", "into": {**INTO, "hook": "output"}},
         "nftables_egress_into has no 'hook': it takes family, table, chain and jump"),
        ({"policy": "unmanaged", "into": {**INTO, "family": "bridge"}},
         "nftables_egress_into: family 'bridge' is not accepted: choose one of inet, ip, ip6"),
        ({"policy": "unmanaged", "into": {**INTO, "jump": "no"}},
         "nftables_egress_into: jump 'no' is not accepted: write true or false"),
        ({"policy": "unmanaged", "into": {"family": "inet"}}, f"nftables_egress_into: table '' {NAME}"),
        ({"policy": "unmanaged", "into": {"table": "filter", "jump": True}}, f"nftables_egress_into: chain '' {NAME}"),
        *(
            ({"policy": "unmanaged", "into": {**INTO, key: value}}, f"nftables_egress_into: {key} '{value}' {NAME}")
            for key in ("table", "chain")
            for value in ("a b", "1a", "a;", "a\n", "a{", "é", "a" * 65, 7, None)
        ),
    ],
)  # fmt: skip
def test_what_is_not_accepted(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        made(**options)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"dns_servers": ["192.0.2.256"]}, "192.0.2.256"),
        (
            {"policy": "deny", "allow": [{"destination": V4, "ports": "83-80"}]},
            "nftables_egress_allow: baseline: row 1: ",
        ),
        ({"policy": "deny", "allow": [{"destination": V4}]}, "the column 'ports' is missing"),
        ({"policy": "deny", "allow": ["192.0.2.1"]}, "row 1: a row is a dictionary of columns"),
        ({"policy": "deny", "allow": [{"destination": V4, "ports": "1", "port": 1}]}, "unknown column 'port'"),
    ],
)
def test_cells_of_the_users_are_read_like_cells_of_vendors(options: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        made(**options)


def test_deny_does_not_shut_names_out_in_silence() -> None:
    with pytest.raises(ValueError, match=r"^policy deny would stop 2 names that a packet filter cannot enforce: "
                       r"\*\.example\.com, a\.example\.com\. Set nftables_egress_names to report "):  # fmt: skip
        made(rule("a.example.com"), rule("*.example.com"), rule(), policy="deny")
    with pytest.raises(ValueError, match=r"would stop 12 names .*: n10\.example\.com, .* and 2 more\. Set "):
        made(*(rule(f"n{number}.example.com") for number in range(10, 22)), policy="deny")


@pytest.mark.parametrize("label", ["", "a b", "1a", "a.b", "a/b", 'a"', "a;b", "a\nb", "é", "{a}", "$a", "@a", "#a"])
def test_a_vendor_that_no_counter_can_be_named_after(label: str) -> None:
    allowlist = merge_vendors([rule()])
    for key in ("vendor", "service"):
        allowlist["provenance"][0].update({"vendor": "acme", "service": "calls", key: label})
        with pytest.raises(ValueError, match=f"^{re.escape(f'{key} {label!r} {LABEL}')}$"):
            render(allowlist)


@pytest.mark.parametrize("seconds", [0, -1, 2_147_484, "60", 1.5, True, None])
def test_a_timer_that_the_kernel_cannot_hold(seconds: Any) -> None:
    timer = {"vendor": "acme", "services": ["calls"], "protocol": "udp", "seconds": seconds, "printed": "x"}
    allowlist = merge_vendors([rule()]) | {"timers": [timer]}
    text = f"acme: timer: seconds {seconds!r} is not a number from 1 to 2147483"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        render(allowlist)


def test_a_protocol_that_is_none() -> None:
    allowlist = merge_vendors([rule()])
    allowlist["provenance"][0]["protocol"] = "tcp . 1 }; drop"
    with pytest.raises(
        ValueError, match=r"^acme: calls: protocol 'tcp \. 1 }; drop' is unknown; accepted are tcp, udp"
    ):
        render(allowlist)
