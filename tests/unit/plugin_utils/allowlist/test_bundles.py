# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of the least list: what they hold, and that they are the fewest of the ways that there are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.bundles import bundles
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.least import least_and_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.entries import ALL_ENTRIES, by_who, entry

LEFT, RIGHT, WHOLE, HOST = "192.0.2.0/25", "192.0.2.128/25", "192.0.2.0/24", "192.0.2.77/32"


def one_each(_services: Any) -> int:
    return 1


def shown(entries: list[dict], single: bool) -> list[str]:
    return [
        f"{' '.join(one.labels)}: {' '.join(f'{name}/{first}' for name, first, _last in one.services)} to "
        f"{' '.join(one.prefixes)}"
        for one in bundles(entries, 4, by_who, one_each, single)
    ]


@settings(max_examples=100)
@given(ALL_ENTRIES, st.sampled_from([4, 6]), st.booleans())
def test_bundles_are_the_lines_of_one_of_the_lists(entries: list[dict], version: int, single: bool) -> None:
    found = bundles(entries, version, by_who, one_each, single)
    listed = sorted(
        (prefix, *service, one.labels) for one in found for service in one.services for prefix in one.prefixes
    )
    assert listed in [sorted(map(tuple, lines)) for lines in least_and_apart(entries, version, by_who)]
    for one in found:
        assert one.services == tuple(sorted(one.services))
        assert not single or len(one.prefixes) == 1


@pytest.mark.parametrize(
    ("entries", "single", "expected"),
    [
        (  # services of one prefix
            [entry("kudo", "tcp", "80", WHOLE), entry("kudo", "tcp", "443", WHOLE), entry("kudo", "tcp", "443", HOST)],
            True,
            [f"kudo: tcp/80 tcp/443 to {WHOLE}"],
        ),
        (  # a service with its destinations, rather than each list of services
            [
                entry("kudo", "tcp", "80", LEFT, "198.51.100.0/24"),
                entry("kudo", "tcp", "443", "198.51.100.0/24", "203.0.113.0/24"),
            ],
            False,
            [f"kudo: tcp/80 to {LEFT} 198.51.100.0/24", "kudo: tcp/443 to 198.51.100.0/24 203.0.113.0/24"],
        ),
        (  # destinations with the same services, where these are fewer
            [
                *(entry("kudo", "tcp", port, LEFT) for port in ("80", "443")),
                *(entry("kudo", "tcp", port, "198.51.100.0/24") for port in ("443", "5061")),
            ],
            False,
            [f"kudo: tcp/80 tcp/443 to {LEFT}", "kudo: tcp/443 tcp/5061 to 198.51.100.0/24"],
        ),
        (  # neighbours of two who ask for the same are one
            [entry("kudo", "tcp", "443", LEFT), entry("zoom", "tcp", "443", RIGHT)],
            True,
            [f"kudo zoom: tcp/443 to {WHOLE}"],
        ),
        (  # and stay two where one would be a third
            [
                *(entry("kudo", "tcp", port, LEFT) for port in ("443", "3478")),
                *(entry("zoom", "tcp", port, RIGHT) for port in ("443", "5061")),
            ],
            True,
            [f"kudo: tcp/443 tcp/3478 to {LEFT}", f"zoom: tcp/443 tcp/5061 to {RIGHT}"],
        ),
    ],
)
def test_the_fewest_bundles(entries: list[dict], single: bool, expected: list[str]) -> None:
    assert shown(entries, single) == expected
    assert shown(entries[::-1], single) == expected
