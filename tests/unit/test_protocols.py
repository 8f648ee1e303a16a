# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of protocol columns."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._protocols import expand_protocols

# Every distinct cell of the vendors' documents.
PRINTED = [
    ("TCP", ["tcp"]),
    ("UDP", ["udp"]),
    ("TCP/UDP", ["tcp", "udp"]),
    ("TCP, UDP", ["tcp", "udp"]),
    ("TCP, UDP (TURN)", ["tcp", "udp"]),
    ("TCP (TURN TLS)", ["tcp"]),
    ("TLS", ["tcp"]),
    ("WSS", ["tcp"]),
    ("", ["tcp"]),
    ("UDP (STUN)", ["udp"]),
    ("UDP (STUN):", ["udp"]),
    ("UDP: ", ["udp"]),
    ("TCP (XMPP)", ["tcp"]),
    ("HTTPS – TLS 1.2", ["tcp"]),
    ("HTTPS – TLS", ["tcp"]),
    ("HTTPS", ["tcp"]),
    ("HTTP(S)", ["tcp"]),
    ("TCP (WSS)", ["tcp"]),
]

ACCEPTED = [
    (None, ["tcp"]),
    ("  ", ["tcp"]),
    ("tcp", ["tcp"]),
    ("udp/tcp", ["tcp", "udp"]),
    ("UDP & TCP", ["tcp", "udp"]),
    ("TCP and UDP", ["tcp", "udp"]),
    ("TCP UDP", ["tcp", "udp"]),
    ("TCP+UDP", ["tcp", "udp"]),
    ("TCP;UDP", ["tcp", "udp"]),
    ("TCP\nUDP", ["tcp", "udp"]),
    ("TCP (TURN), UDP (STUN)", ["tcp", "udp"]),
    ("TLS 1.2, TLS 1.3", ["tcp"]),
    ("HTTP", ["tcp"]),
    ("SSL", ["tcp"]),
    ("WS", ["tcp"]),
    ("UDP, UDP", ["udp"]),
]

REJECTED = [
    ("ICMP", "'ICMP' is not a known protocol"),
    ("SCTP", "'SCTP' is not a known protocol"),
    ("ANY", "'ANY' is not a known protocol"),
    ("TCP/ICMP", "'ICMP' is not a known protocol"),
    ("TCPUDP", "'TCPUDP' is not a known protocol"),
    ("TCP 443", "'443' is not a known protocol"),
    ("UDP 1.2", "'1.2' is not a known protocol"),
    ("TURN", "'TURN' is not a known protocol"),
    (":", "accepted are TCP, UDP"),
    ("/TCP", "'/TCP' is not a known protocol"),
    ("TCP//UDP", "'/UDP' is not a known protocol"),
    ("TCP/", "a protocol is missing at the end"),
    ("TCP and ", "'and' is not a known protocol"),
    ("TCP\x00", "is not a known protocol"),
    ("TCP\u200bUDP", "is not a known protocol"),
    ("TCP (not UDP)", "the remark '(not UDP)' may change what is meant"),
    ("TCP (UDP)", "the remark '(UDP)' may change what is meant"),
    ("TCP (TURN", "is not a known protocol"),
    ("TCP ()", "the remark '()' may change what is meant"),
    ("{{ protocol }}", "is not a known protocol"),
    (6, "is not text"),
    (["TCP"], "is not text"),
    (True, "is not text"),
]


@pytest.mark.parametrize(("cell", "expected"), PRINTED + ACCEPTED)
def test_accepted(cell: str | None, expected: list[str]) -> None:
    assert expand_protocols(cell) == expected


@pytest.mark.parametrize(("cell", "reason"), REJECTED)
def test_rejected_with_reason(cell: object, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_protocols(cell)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"protocol {cell!r}")
