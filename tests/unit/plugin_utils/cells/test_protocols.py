# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of protocol columns."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols

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
    ("UDP\nTLS", ["tcp", "udp"]),
    ("TCP (TURN), UDP (STUN)", ["tcp", "udp"]),
    ("TLS 1.2, TLS 1.3", ["tcp"]),
    ("HTTP", ["tcp"]),
    ("SSL", ["tcp"]),
    ("WS", ["tcp"]),
    ("UDP, UDP", ["udp"]),
    # A list, whatever travels over what
    ("UDP, TLS 1.2", ["tcp", "udp"]),
    ("UDP; HTTPS", ["tcp", "udp"]),
    ("UDP and TLS", ["tcp", "udp"]),
    ("TLS & UDP", ["tcp", "udp"]),
    ("UDP+WSS", ["tcp", "udp"]),
    ("UDP (TURN), TLS (TURN)", ["tcp", "udp"]),
    ("TCP/TLS", ["tcp"]),
    ("TLS/TCP/UDP", ["tcp", "udp"]),
    ("TCP/UDP/TLS", ["tcp", "udp"]),
    ("TCP, UDP TLS", ["tcp", "udp"]),
    ("UDP – TCP", ["tcp", "udp"]),
    ("HTTPS/WSS", ["tcp"]),
]

REJECTED = [
    ("ANY", "'ANY' is not a known protocol"),
    ("TCPUDP", "'TCPUDP' is not a known protocol"),
    ("TCP 443", "'443' is not a known protocol"),
    ("UDP 1.2", "'1.2' is not a known protocol"),
    ("TURN", "'TURN' is not a known protocol"),
    (":", "accepted are TCP, UDP"),
    ("/TCP", "'/TCP' is not a known protocol"),
    ("TCP//UDP", "'/UDP' is not a known protocol"),
    ("TCP/", "a protocol is missing at the end"),
    ("TCP and ", "'and' is not a known protocol"),
    ("TCP\x00", "the cell holds a control character (U+0000): remove it"),
    ("TCP\x1b[31m", "the cell holds a control character (U+001B): remove it"),
    ("TCP\x0bUDP", "the cell holds a control character (U+000B): remove it"),
    ("TCP\u200bUDP", "the cell holds an invisible character (U+200B): remove it"),
    ("UDP\ufeff", "the cell holds an invisible character (U+FEFF): remove it"),
    ("TCP (not UDP)", "the remark '(not UDP)' may change what is meant"),
    ("TCP (UDP)", "the remark '(UDP)' may change what is meant"),
    ("TCP (TURN", "is not a known protocol"),
    ("TCP ()", "the remark '()' may change what is meant"),
    ("{{ protocol }}", "is not a known protocol"),
    (6.0, "is not text"),
    (["TCP"], "is not text"),
    (True, "is not text"),
]


# Cells that may be a list, or TLS and the like on UDP, with how to write the list.
TWO_READINGS = [
    ("UDP – TLS 1.2", "UDP, TLS"),
    ("UDP-TLS", "UDP, TLS"),
    ("UDP TLS", "UDP, TLS"),
    ("UDP/TLS", "UDP, TLS"),
    ("UDP / TLS", "UDP, TLS"),
    ("udp/tls", "udp, tls"),
    ("TLS 1.3 UDP", "TLS, UDP"),
    ("TLS v1.2/UDP", "TLS, UDP"),
    ("UDP (TURN) TLS", "UDP, TLS"),
    ("UDP (TURN)/TLS (TURN)", "UDP, TLS"),
    ("UDP/HTTPS", "UDP, HTTPS"),
    ("HTTPS – UDP", "HTTPS, UDP"),
    ("HTTP(S) UDP", "HTTP(S), UDP"),
    ("WSS/UDP", "WSS, UDP"),
    ("WS - UDP", "WS, UDP"),
    ("SSL UDP", "SSL, UDP"),
]


@pytest.mark.parametrize(("cell", "expected"), PRINTED + ACCEPTED)
def test_accepted(cell: str | None, expected: list[str]) -> None:
    assert expand_protocols(cell) == expected


@pytest.mark.parametrize(("cell", "reason"), REJECTED)
def test_rejected_with_reason(cell: object, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_protocols(cell)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"protocol {cell!r}")


@pytest.mark.parametrize(("cell", "listed"), TWO_READINGS)
def test_udp_beside_what_travels_over_tcp_is_refused(cell: str, listed: str) -> None:
    with pytest.raises(ValueError, match="can be read in two ways, as a list or as one protocol") as caught:
        expand_protocols(cell)
    assert str(caught.value).startswith(f"protocol {cell!r}")
    assert f"write '{listed}' for UDP and TCP" in str(caught.value)
    assert expand_protocols(listed) == ["tcp", "udp"]


@pytest.mark.parametrize(
    "cell",
    ["x" * 9000, "TCP (" + "x" * 9000 + ")", "TCP 1" + "0" * 9000, ["TCP"] * 9000, 10**9000],
    ids=("word", "remark", "digits", "list", "number"),
)
def test_a_long_cell_is_quoted_in_part(cell: object) -> None:
    with pytest.raises(ValueError, match=r"^protocol ") as caught:
        expand_protocols(cell)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 500
