# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table lets out, read from its rules; rather more than they do, where one is of an unknown kind."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.listing import blocks
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.opened import opened
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import ALL_PORTS, FORWARD, OUT, span

from tests.support.hosts.nftables import native
from tests.support.rules import row


def of(*rows: dict, **options: Any) -> list[list[tuple]]:
    """Return what the ruleset of rows opens: by the list, and besides."""
    found = opened(blocks(native(*rows, **{"policy": "deny", **options})["ruleset"]))
    return [[tuple(each) for each in part] for part in found]


def test_where_all_else_is_stopped() -> None:
    assert of(row("203.0.113.9"), scope="both")[2] == [(OUT, None), (FORWARD, None)]
    found = of(row("203.0.113.9"), scope="gateway", sources=["10.1.0.0/16"])[2]
    assert found == [(FORWARD, span("10.1.0.0/16"))]


def baseline(rule: str) -> list[tuple]:
    """Return what a rule of the baseline lets through, by destination, protocol and ports."""
    text = (
        "table inet egress_allowlist {\n\tset dns4 {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.53,\n"
        f"\t\t\t     192.0.2.54 }}\n\t}}\n\tchain baseline {{\n\t\t{rule}\n\t}}\n\tchain output {{\n\t}}\n}}\n"
    )
    return [tuple(each)[2:] for each in opened(blocks(text))[1]]


def test_the_list_on_its_paths() -> None:
    rows = [row("203.0.113.0/24", "443-445"), row("2001:db8::9", "3478", "UDP")]
    here = [(OUT, None, span("203.0.113.0/24"), "tcp", 443, 445), (OUT, None, span("2001:db8::9"), "udp", 3478, 3478)]
    assert sorted(of(*rows)[0]) == sorted(here)
    there = [(FORWARD, *each[1:]) for each in here]
    assert sorted(of(*rows, scope="gateway")[0]) == sorted(there)
    assert sorted(of(*rows, scope="both")[0]) == sorted(here + there)
    sources = ["10.1.0.0/16", "10.2.0.0/16"]
    wanted = [(FORWARD, span(source), *each[2:]) for source in sources for each in here]
    assert sorted(of(*rows, scope="gateway", sources=sources)[0]) == sorted(wanted)
    assert of(*rows, policy="unmanaged")[1] == []


def test_what_the_host_alone_may_is_not_what_it_forwards() -> None:
    others = of(row("203.0.113.9"), scope="both")[1]
    assert {path for path, *rest in others if rest[2] == "udp" and rest[3] in (67, 546)} == {OUT}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ip daddr 203.0.113.0/24 tcp dport 443 accept", [(span("203.0.113.0/24"), "tcp", 443, 443)]),
        ("ip daddr 203.0.113.9 udp dport 10-20 accept", [(span("203.0.113.9"), "udp", 10, 20)]),
        (
            "meta l4proto { tcp, udp } th dport 53 ip daddr @dns4 accept",
            [
                (span(server), protocol, 53, 53)
                for server in ("192.0.2.53", "192.0.2.54")
                for protocol in ("tcp", "udp")
            ],
        ),
        ("udp dport 123 ip6 daddr @ntp6 accept", []),
        ("meta skuid 997 udp dport 123 accept", [(None, "udp", 123, 123)]),
        ("udp sport { 67, 68 } udp dport { 67, 68 } accept", [(None, "udp", 67, 67), (None, "udp", 68, 68)]),
        ("ip daddr { 192.0.2.1 } accept", [(span("192.0.2.1"), "", *ALL_PORTS)]),
        ("ip daddr 192.0.2.1 meta l4proto gre accept", [(span("192.0.2.1"), "gre", *ALL_PORTS)]),
        ("ip protocol 50 ip daddr 192.0.2.1 accept", [(span("192.0.2.1"), "50", *ALL_PORTS)]),
        (
            "icmp type { destination-unreachable, time-exceeded } accept",
            [(None, "icmp", 3, 3), (None, "icmp", 11, 11)],
        ),
        ("icmpv6 type nd-router-solicit accept", [(None, "icmpv6", 133, 133), (None, "ipv6-icmp", 133, 133)]),
        ("ip daddr 192.0.2.1 icmp type 42 accept", [(span("192.0.2.1"), "icmp", 42, 42)]),
        ("ip daddr 192.0.2.1 meta l4proto icmp accept", [(span("192.0.2.1"), "icmp", *ALL_PORTS)]),
        ("icmp type of-tomorrow accept", [(None, "icmp", *ALL_PORTS)]),
        ("tcp dport https accept", [(None, "tcp", *ALL_PORTS)]),
        ("tcp dport 443 drop", []),
    ],
)  # fmt: skip
def test_rules_of_the_baseline(rule: str, expected: list[tuple]) -> None:
    assert baseline(rule) == expected
