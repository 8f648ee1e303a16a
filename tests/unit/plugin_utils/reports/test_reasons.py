# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reasons of what is wide or special, in lines, and which of them a diff shows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.reasons import reason_lines, reasons_of_diff


def reason(service: str, row: int, opened: str, vendor: str = "kudo") -> dict[str, Any]:
    return {"vendor": vendor, "service": service, "row": row, "opened": opened, "because": f"why {opened[:2]}"}


WIDE = reason("media", 1, "17.0.0.0/8")
SPECIAL = reason("turn", 2, "127.0.0.1/32 (loopback), 10.0.0.0/24 (private)")
SUM = reason("", 0, "16,777,472 IPv4 addresses")
OTHER = reason("media", 1, "0.0.0.0/0", "zoom")
MANY = reason("web", 3, "20.0.0.0/15, 20.4.0.0/15, 20.8.0.0/15 and 2 more")
ALL = [OTHER, MANY, SPECIAL, WIDE, SUM]


def test_reasons_are_sorted_lines() -> None:
    assert reason_lines(ALL) == [
        "kudo: 16,777,472 IPv4 addresses are open because: why 16",
        "kudo: media: row 1: 17.0.0.0/8 is open because: why 17",
        "kudo: turn: row 2: 127.0.0.1/32 (loopback), 10.0.0.0/24 (private) are open because: why 12",
        "kudo: web: row 3: 20.0.0.0/15, 20.4.0.0/15, 20.8.0.0/15 and 2 more are open because: why 20",
        "zoom: media: row 1: 0.0.0.0/0 is open because: why 0.",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+ tcp/443 to 17.0.0.0/8  kudo: media\n", [SUM, WIDE]),
        ("+ tcp/443 to 17.0.0.0/8  kudo: media, zoom: media\n", [SUM, WIDE, OTHER]),
        ("- tcp/443 to 17.0.0.0/8  kudo: media\n+ tcp/80 to 192.0.2.1  kudo: web\n", [SUM, MANY]),
        ("+ tcp/443 to 17.0.0.0/8  kudo: medial\n", [SUM]),
        ("- tcp/443 to 17.0.0.0/8  kudo: media\n~ policy: audit -> deny\n", []),
        ("+ the unit that loads the rules at boot\n", []),
        ("", []),
    ],
)
def test_a_diff_shows_the_reasons_of_what_it_adds(text: str, shown: list[dict[str, Any]]) -> None:
    assert reasons_of_diff(text, ALL) == reason_lines(shown)


ENTRIES = [
    {"vendor": vendor, "service": service, "destinations": destinations}
    for vendor, service, destinations in (
        ("kudo", "media", ["17.0.0.0/8", "198.51.100.7"]),
        ("kudo", "web", ["20.0.0.0/15", "20.4.0.0/15"]),
        ("kudo", "turn", ["*.example.com", "2001:db8::/32"]),
        ("zoom", "media", ["0.0.0.0/0"]),
        ("kudo", "other", ["17.0.0.0/8"]),
    )
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+ tcp/443 to 17.0.0.0/8  aaa and 2 more\n", [SUM, WIDE, OTHER]),
        ("+ tcp/443 to 17.1.0.0/16  aaa and more\n", [SUM, WIDE, OTHER]),
        ("+ tcp/443 to 20.0.0.0-20.255.255.255  aaa: a and 2 more\n", [SUM, MANY, OTHER]),
        ("+ tcp/443 to 20.2.0.0/15  aaa: a and 2 more\n", [OTHER]),
        ("+ tcp/443 to 198.51.100.7 from 10.0.0.0/8 (forwarded)  aaa and 2 more\n", [SUM, WIDE, OTHER]),
        ("+ tcp/443 to *.example.com, example.com  aaa and 2 more\n", [SUM, SPECIAL]),
        ("+ esp to 2001:db8:1::/48  aaa and 2 more\n", [SUM, SPECIAL]),
        ("- tcp/443 to 17.0.0.0/8  aaa and 2 more\n", []),
        ("+ tcp/443 to 192.0.2.1  kudo: web\n", [SUM, MANY]),
    ],
)
def test_a_line_that_names_not_all_shows_the_reasons_of_all(text: str, shown: list[dict[str, Any]]) -> None:
    assert reasons_of_diff(text, ALL, ENTRIES) == reason_lines(shown)
