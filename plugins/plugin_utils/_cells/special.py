# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Special addresses: those that lead to the host itself, into its own networks, or nowhere; not to a vendor.

Ranges for documentation (192.0.2.0/24, 2001:db8::/32 and others) and for benchmarks (198.18.0.0/15) are not among
them: examples and tests use them, and nobody has them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    parse_address,
    parse_prefix,
)


class Special(NamedTuple):
    """A range of special addresses, both ends inside, and its kind: C{loopback}."""

    first: int
    last: int
    kind: str


class Admitted(NamedTuple):
    """Addresses that are no vendor's and that a caller accepts in a cell."""

    broadcast: bool = False  # 255.255.255.255
    loopback: bool = False  # ::1


LOOPBACK, LINK_LOCAL, MULTICAST, PRIVATE, RESERVED = "loopback", "link-local", "multicast", "private", "reserved"
METADATA = "a metadata service of a cloud"

_V4 = {
    "0.0.0.0/8": RESERVED, "10.0.0.0/8": PRIVATE, "100.64.0.0/10": PRIVATE, "127.0.0.0/8": LOOPBACK,
    "169.254.0.0/16": LINK_LOCAL, "172.16.0.0/12": PRIVATE, "192.0.0.0/24": RESERVED, "192.168.0.0/16": PRIVATE,
    "224.0.0.0/4": MULTICAST, "240.0.0.0/4": RESERVED,
}  # fmt: skip
# What is not in 2000::/3 and not here is reserved. 64:ff9b:1::/48 and 2001::/23 (Teredo) can hold any IPv4 address.
_V6 = {
    "::1/128": LOOPBACK, "64:ff9b:1::/48": RESERVED, "2001::/23": RESERVED, "fc00::/7": PRIVATE,
    "fe80::/10": LINK_LOCAL, "fec0::/10": PRIVATE, "ff00::/8": MULTICAST,
}  # fmt: skip
# Single addresses that hand out a cloud's credentials or settings; the networks around them are private or public.
_METADATA = frozenset(
    parse_address(text) for text in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)
# Where IPv4 addresses lie in IPv6: NAT64 (the last 32 bits) and 6to4 (those behind the first 16).
_NAT64 = parse_prefix("64:ff9b::/96")
_6TO4 = parse_prefix("2002::/16")
_GLOBAL = parse_prefix("2000::/3")


def _parsed(table: dict[str, str]) -> list[Special]:
    return [Special(*parse_prefix(text)[1:], kind) for text, kind in table.items()]


def _of_version_6(version_4: list[Special]) -> list[Special]:
    """Return the special ranges of IPv6: its own, those of IPv4 in NAT64 and 6to4, and what is no global unicast."""
    base, host_bits = _6TO4[1], 80
    found = _parsed(_V6)
    found += [Special(_NAT64[1] + first, _NAT64[1] + last, kind) for first, last, kind in version_4]
    found += [
        Special(base | first << host_bits, base | last << host_bits | (1 << host_bits) - 1, kind)
        for first, last, kind in version_4
    ]
    known = collapse([*((first, last) for first, last, _kind in found), _NAT64[1:], _GLOBAL[1:]])
    before = -1
    for first, last in [*known, (1 << BITS[6], 0)]:
        if first > before + 1:
            found.append(Special(before + 1, first - 1, RESERVED))
        before = last
    return found


_TABLE = {4: sorted(_parsed(_V4)), 6: sorted(_of_version_6(_parsed(_V4)))}
_STARTS = {version: [special.first for special in table] for version, table in _TABLE.items()}


def special_parts(version: int, first: int, last: int) -> list[Special]:
    """Return what of C{first..last} is special, ascending and disjoint."""
    if first == last and (version, first) in _METADATA:
        return [Special(first, last, METADATA)]
    table = _TABLE[version]
    at = max(bisect_right(_STARTS[version], first) - 1, 0)
    found = []
    while at < len(table) and table[at].first <= last:
        if table[at].last >= first:
            found.append(Special(max(first, table[at].first), min(last, table[at].last), table[at].kind))
        at += 1
    return found


def is_any(version: int, ranges: list[Range]) -> bool:
    """Tell whether disjoint ranges are as good as any address: more than half of IPv4, or of 2000::/3 in IPv6."""
    if version == 4:
        return sum(last - first + 1 for first, last in ranges) > 1 << 31
    low, high = _GLOBAL[1:]
    return sum(max(0, min(last, high) - max(first, low) + 1) for first, last in ranges) > (high - low + 1) // 2
