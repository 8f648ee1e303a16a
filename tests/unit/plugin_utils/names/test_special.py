# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that no name opens."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import gaps
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import collapse, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import NAT64, RANGES
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.special import SPECIAL

NOTHING_SPECIAL = {4: ["1.1.1.1", "11.0.0.0", "100.128.0.0", "172.32.0.0", "192.0.1.0", "192.167.255.255",
                       "198.17.255.255", "168.63.129.15", "168.63.129.17", "203.0.112.255", "223.255.255.255"],
                   6: ["2001:200::1", "2003::1", "2600:1f00::1", "2a00:1450::1", "3ffe::1",
                       "64:ff9b::1.1.1.1", "64:ff9b::11.0.0.0", "64:ff9b::223.255.255.255"]}  # fmt: skip
SOME_SPECIAL = {4: ["0.0.0.0", "10.1.2.3", "168.63.129.16", "100.100.100.200",
                    "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.0.0.8",
                    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
                    "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
                6: ["::", "::1", "64:ff9b::168.63.129.16", "fd00:ec2::254", "fd20:ce::254", "1::1", "40::1", "ff::1",
                    "65::1",
                    "::ffff:1.1.1.1", "::1.1.1.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1",
                    "64:ff9b::192.168.1.1", "64:ff9b::255.255.255.255", "64:ff9b:1::1", "100::1", "2001::1",
                    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1",
                    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1"]}  # fmt: skip


@pytest.mark.parametrize("version", [4, 6])
def test_special_addresses(version: int) -> None:
    special = [ip_network(prefix) for prefix in SPECIAL[version]]
    assert [text for text in SOME_SPECIAL[version] if not any(ip_address(text) in p for p in special)] == []
    assert [text for text in NOTHING_SPECIAL[version] if any(ip_address(text) in p for p in special)] == []
    ends = sorted((int(prefix[0]), int(prefix[-1])) for prefix in special)
    assert all(last < first for (_low, last), (first, _high) in pairwise(ends)), "they overlap"


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_special_in_a_vendors_cell_is_special_as_an_answer(version: int) -> None:
    """But for what is reserved around NAT64, in 64::/16, which no host has."""
    prefixes_of = [parse_prefix(prefix)[1:] for prefix in SPECIAL[version]]
    missing = [
        (first, last)
        for first, last in gaps(RANGES[version], collapse(prefixes_of))
        if version == 4 or first >> 112 != 0x64
    ]
    assert missing == []
    nat64 = collapse(
        (first - NAT64[0], last - NAT64[0]) for first, last in prefixes_of if NAT64[0] <= first <= NAT64[1]
    )
    assert version == 4 or gaps(RANGES[4], nat64) == []
