# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks on readings: what is beyond the numbers that a cell prints."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.vendor_readings import beyond

from tests.support.rules import row


def marks(cells: dict[str, Any], read: dict[str, str]) -> dict[str, str]:
    """Return the marks of a row whose printed cells are C{cells}; its rules are those of the reading alone."""
    printed = row("192.0.2.1") | cells
    return beyond({**printed, "read_as": read}, expand_rows([{**printed, **read}]))


@pytest.mark.parametrize(
    ("printed", "read", "mark"),
    [
        ("80; 443; 30011 - 30013 (for RTMP converter)", "30011-30013", ""),
        ("80; 443; 30011 - 30013 (for RTMP converter)", "80, 443", ""),
        ("80; 443; 30011 - 30013 (for RTMP converter)", "30012", ""),
        ("30011 - 30013 (for RTMP converter)", "1-65535", "tcp/1-65535"),
        ("30011 - 30013 (for RTMP converter)", "30011-30014", "tcp/30011-30014"),
        ("80 or 443", "80-443", "tcp/80-443"),
        ("80, 443", "443, 8443", "tcp/8443"),
        ("5060/61", "5060-5061", ""),
        ("5060/61", "5060-5062", "tcp/5060-5062"),
        ("10,000 to 20,000", "10000-20000", ""),
        ("10000 (min) – 20000 (max)", "10000-20000", ""),
        ("https (see below)", "443", ""),
        ("full connectivity", "any", "tcp/1-65535"),
        ("", "443", ""),  # what is not printed is told as such
    ],
)
def test_ports(printed: str, read: str, mark: str) -> None:
    assert marks({"ports": printed}, {"ports": read}) == ({"ports": mark} if mark else {})


def test_ports_are_held_against_the_cell_of_protocols_too() -> None:
    assert marks({"protocol": "TCP 443 (SIP)", "ports": "see left"}, {"protocol": "TCP", "ports": "443"}) == {}
    assert marks({"protocol": "SIP", "ports": "5060"}, {"protocol": "UDP"}) == {}


@pytest.mark.parametrize(
    ("printed", "read", "mark"),
    [
        ("192.0.2.0 -> 192.0.2.7", "192.0.2.0/29", "192.0.2.0/29"),
        ("192.0.2.0 – 192.0.2.7 (west)", "192.0.2.0/29", ""),
        ("192.0.2.0 - 7", "192.0.2.0/29", ""),
        ("192.0.2.1/24", "192.0.2.0/24", ""),
        ("192.0.2.1/24", "192.0.0.0/16", "192.0.0.0/16"),
        ("our network 192.0.2.1", "198.51.100.1", "198.51.100.1/32"),
        ("2001:db8::/48, or so", "2001:db8::/64", ""),
        ("2001:db8::/48, or so", "2001:db8::/32", "2001:db8::/32"),
        (".agora.example.com", "*.agora.example.com", ""),
        (r"rtc\*.calls.example.com<br>see below", "rtc*.calls.example.com", ""),
        ("media. example.com, or so", "media.example.com", ""),
        ("media.example.com, or so", "media.example.net", "media.example.net"),
        ("our hosts", "0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_destinations(printed: str, read: str, mark: str) -> None:
    cells = {"destination": printed, "wide_because": "printed so"}
    assert marks(cells, {"destination": read}) == ({"destination": mark} if mark else {})
