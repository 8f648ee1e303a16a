# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Special addresses: those that lead to the host itself, into its own networks, or nowhere; not to a vendor.

Ranges for documentation (192.0.2.0/24, 2001:db8::/32 and others) and for benchmarks (198.18.0.0/15) are not among
them: examples and tests use them, and nobody has them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from .addresses import BITS, Range, collapse, parse_prefix


class Special(NamedTuple):
    """A range of special addresses, both ends inside, and its kind: C{loopback}."""

    first: int
    last: int
    kind: str


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
# Single addresses that hand out a cloud's credentials or settings; the networks around them are link-local, private
# or public.
_METADATA_V4 = ("100.100.100.200/32", "168.63.129.16/32", "169.254.169.254/32")
_METADATA_V6 = ("fd00:ec2::254/128", "fd20:ce::254/128")
# Where IPv4 addresses lie in IPv6: NAT64 and 6to4.
NAT64 = parse_prefix("64:ff9b::/96")[1:]
TUNNEL = parse_prefix("2002::/16")[1:]
_TUNNEL_BITS = 80  # behind the IPv4 address in 6to4
# Each with the number of bits behind the IPv4 address; also NAT64 of a network's own. Mapped and compatible addresses
# (::ffff:0:0/96, ::/96) are no destinations.
_FORMS = [(NAT64, 0), (TUNNEL, _TUNNEL_BITS), (parse_prefix("64:ff9b:1::/48")[1:], 0)]
_GLOBAL = parse_prefix("2000::/3")[1:]
# The most ordinary addresses that are not yet any address, as a power of two: a /4 of IPv4, a /16 of IPv6.
ANY_BITS = {4: 28, 6: 112}


def _parsed(table: dict[str, str]) -> list[Special]:
    return [Special(*parse_prefix(text)[1:], kind) for text, kind in table.items()]


def _cut(blocks: Iterable[Special], singles: Iterable[str]) -> list[Special]:
    """Return blocks and the metadata services in or beside them, disjoint and ascending."""
    services = [Special(*parse_prefix(text)[1:], METADATA) for text in singles]
    found = [*services]
    for first, last, kind in blocks:
        for service in sorted(service for service in services if first <= service.first <= last):
            if first < service.first:
                found.append(Special(first, service.first - 1, kind))
            first = service.last + 1
        if first <= last:
            found.append(Special(first, last, kind))
    return sorted(found)


def _of_version_6(version_4: list[Special]) -> list[Special]:
    """Return the special ranges of IPv6: its own, those of IPv4 in NAT64 and 6to4, and what is no global unicast."""
    found = _parsed(_V6)
    found += [Special(NAT64[0] + first, NAT64[0] + last, kind) for first, last, kind in version_4]
    found += [
        Special(TUNNEL[0] | first << _TUNNEL_BITS, TUNNEL[0] | (last + 1 << _TUNNEL_BITS) - 1, kind)
        for first, last, kind in version_4
    ]
    known = collapse([*((first, last) for first, last, _kind in found), NAT64, _GLOBAL])
    before = -1
    for first, last in [*known, (1 << BITS[6], 0)]:
        if first > before + 1:
            found.append(Special(before + 1, first - 1, RESERVED))
        before = last
    return _cut(found, _METADATA_V6)


_TABLE = {4: _cut(_parsed(_V4), _METADATA_V4)}
_TABLE[6] = _of_version_6(_TABLE[4])
_STARTS = {version: [special.first for special in table] for version, table in _TABLE.items()}
# All special addresses by IP version, as joined ranges.
RANGES: dict[int, list[Range]] = {
    version: collapse((first, last) for first, last, _kind in table) for version, table in _TABLE.items()
}


def special_parts(version: int, first: int, last: int) -> list[Special]:
    """Return what of C{first..last} is special, ascending and disjoint."""
    table = _TABLE[version]
    at = max(bisect_right(_STARTS[version], first) - 1, 0)
    found = []
    while at < len(table) and table[at].first <= last:
        if table[at].last >= first:
            found.append(Special(max(first, table[at].first), min(last, table[at].last), table[at].kind))
        at += 1
    return found


def is_private(version: int, first: int, last: int) -> bool:
    """Whether all of C{first..last} is of one network that anybody may have at home."""
    return special_parts(version, first, last) == [Special(first, last, PRIVATE)]


def embedded(first: int, last: int) -> list[Range]:
    """Return the IPv4 addresses that lie in a prefix of IPv6, as ranges of IPv4; of a prefix that holds a form of them
    whole, or several networks of NAT64, all of IPv4."""
    found = []
    for (start, end), bits in _FORMS:
        low, high = max(first, start) >> bits, min(last, end) >> bits
        if low <= high:
            every = high - low >= (1 << BITS[4]) - 1
            found.append((0, (1 << BITS[4]) - 1) if every else (low & 0xFFFFFFFF, high & 0xFFFFFFFF))
    return found


def is_any(version: int, ranges: list[Range]) -> bool:
    """Tell whether disjoint ranges are as good as any address: more than 2^28 addresses of IPv4 or 2^112 of IPv6,
    special ones not counted."""
    if sum(last - first + 1 for first, last in ranges) <= 1 << ANY_BITS[version]:
        return False
    special = (part for span in ranges for part in special_parts(version, *span))
    ordinary = sum(last - first + 1 for first, last in ranges) - sum(last - first + 1 for first, last, _kind in special)
    return ordinary > 1 << ANY_BITS[version]


def is_any_by_itself(version: int, first: int, last: int) -> bool:
    """Tell whether a prefix alone is as good as any address; in NAT64 and 6to4, any of IPv4."""
    if version == 6 and any(start <= first and last <= end for start, end in (NAT64, TUNNEL)):
        return is_any(4, embedded(first, last))
    return is_any(version, [(first, last)])
