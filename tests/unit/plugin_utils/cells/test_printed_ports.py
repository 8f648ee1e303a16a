# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol cells and cells of ports as vendors of voice and video print them, each with what a reader takes from it."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.services import read_services

# Protocol cell, cell of ports, services; line breaks are those of the table.
READ = [
    # Protocol and ports in one cell
    ("", "TCP: 443", "tcp/443"),
    ("", "TCP: 7881", "tcp/7881"),
    ("", "UDP: 3478", "udp/3478"),
    ("", "UDP: 50000-60000", "udp/50000-60000"),
    ("", "TCP 443", "tcp/443"),
    ("", "TCP:443", "tcp/443"),
    ("", "TCP:443 UDP:3478", "tcp/443 udp/3478"),
    ("", "UDP/5060\nTCP/5060\nTLS/5061", "udp/5060 tcp/5060 tcp/5061"),
    ("", "UDP/5000:65000", "udp/5000-65000"),
    ("", "443 (TCP)", "tcp/443"),
    ("", "443 (HTTPS)", "tcp/443"),
    ("", "3478 (UDP)", "udp/3478"),
    ("", "TCP port 443", "tcp/443"),
    ("", "UDP port 10000", "udp/10000"),
    ("", "TCP port 443, UDP port 443 and UDP ports 49152-65535", "tcp/443 udp/443 udp/49152-65535"),
    # Two columns
    ("TCP", "443", "tcp/443"),
    ("UDP", "443", "udp/443"),
    ("UDP", "1024-65535", "udp/1024-65535"),
    ("TCP/UDP", "5060", "tcp/5060 udp/5060"),
    ("TLS", "5061", "tcp/5061"),
    ("TLS", "8443", "tcp/8443"),
    ("TCP", "8443", "tcp/8443"),
    ("TCP", "443, 8443", "tcp/443 tcp/8443"),
    ("UDP", "6000-65535", "udp/6000-65535"),
    ("UDP", "6000–65535", "udp/6000-65535"),
    ("UDP", "10000-65535", "udp/10000-65535"),
    ("UDP", "10,000–65,535", "udp/10000-65535"),
    ("TCP (TURN TLS)", "443/5349", "tcp/443 tcp/5349"),
    ("TCP (TURN TLS)", "3478", "tcp/3478"),
    ("TLS", "443", "tcp/443"),
    ("UDP", "123 (1)", "udp/123"),
    ("UDP\nTCP", "53 (1)", "tcp/53 udp/53"),
    ("SRTP over UDP", "5004 and 9000", "udp/5004 udp/9000"),
    ("SRTP over UDP", "50,000 – 53,000", "udp/50000-53000"),
    ("SRTP over TCP", "5004", "tcp/5004"),
    ("SRTP over TLS", "443", "tcp/443"),
    ("SIP over TCP/TLS/MTLS", "5060 - 5070", "tcp/5060-5070"),
    ("RTP/SRTP over UDP", "49152 -59999", "udp/49152-59999"),
    ("TCP", "5061, 5062", "tcp/5061 tcp/5062"),
    ("TCP", "5061, 5065", "tcp/5061 tcp/5065"),
    ("TCP", "443; 9591; 9593; 27387", "tcp/443 tcp/9591 tcp/9593 tcp/27387"),
    (
        "TCP",
        "80; 3433; 4700 - 5000; 5668; 5669; 6080; 6443; 8667; 9667",
        "tcp/80 tcp/3433 tcp/4700-5000 tcp/5668 tcp/5669 tcp/6080 tcp/6443 tcp/8667 tcp/9667",
    ),
    ("UDP", "3478; 4700 - 5000", "udp/3478 udp/4700-5000"),
    (
        "TCP",
        "443; 7384; 8443; 9130; 9131; 9136; 9137; 9140; 9141",
        "tcp/443 tcp/7384 tcp/8443 tcp/9130 tcp/9131 tcp/9136 tcp/9137 tcp/9140 tcp/9141",
    ),
    (
        "UDP",
        "1080; 3000; 8000; 8130; 8443; 9120; 9121; 9700; 25000",
        "udp/1080 udp/3000 udp/8000 udp/8130 udp/8443 udp/9120 udp/9121 udp/9700 udp/25000",
    ),
    ("UDP", "4001 - 4150", "udp/4001-4150"),
]

# Protocol cell, cell of ports, and why a reader asks what is meant.
REFUSED = [
    ("TCP", "80; 443; 30011 - 30013 (for RTMP converter)", "who needs the range is a condition: a row of its own"),
    ("UDP", "3478; 4700 - 5000 (2.9.0 or later); 10000 - 65535 (before 2.9.0)", "the ranges depend on a version"),
    (
        "",
        "For a Windows environment: 49152-65535 (UDP)\nFor a Linux environment: 32768\n• 61000",
        "the client's own ports, of two systems, one of them broken over two lines",
    ),
    ("SIP over TCP/TLS/MTLS", "Cloud 5060 - 5070", "whose ports they are stands in the cell"),
    ("RTP/SRTP over UDP", "Gateway\n36000 - 59999", "whose ports they are stands in the cell"),
    ("TCP/UDP", "Ephemeral Ports\n8000 - 59999", "ephemeral ports are not this range"),
    ("", "", "a heading, or a row that says its ports elsewhere"),
]


@pytest.mark.parametrize(("protocol", "ports", "services"), READ)
def test_a_printed_row_is_read(protocol: str, ports: str, services: str) -> None:
    assert " ".join("/".join(service) for service in read_services(protocol, ports)[0]) == services


@pytest.mark.parametrize(("protocol", "ports", "why"), REFUSED)
def test_a_printed_row_with_no_single_reading_is_refused(protocol: str, ports: str, why: str) -> None:
    assert why
    with pytest.raises(ValueError, match=r"^ports .*(write|accepted|understood)"):
        read_services(protocol, ports)
