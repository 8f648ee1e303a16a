# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as integers: parse, format and collapse prefixes.

A prefix is handled as C{(version, first, last)}: IP version 4 or 6, first and last address as
integers, both inside. Plain integers and the C library's C{inet_pton} are used because
collapsing 100,000 prefixes with address objects takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from .text import quoted

Range = tuple[int, int]

BITS = {4: 32, 6: 128}
_FAMILY = {4: AF_INET, 6: AF_INET6}
_BYTES = {4: 4, 6: 16}
# Where host bits are set, a shorter length is rather a slip than the prefix that is meant.
_SHORTEST_ADVISED = {4: 8, 6: 16}
# Prefix length as printed -> number of addresses; str.isdigit() would admit '٣' and '08'.
_SIZES = {version: {str(n): 1 << (bits - n) for n in range(bits + 1)} for version, bits in BITS.items()}


def is_address(text: str) -> bool:
    """Tell an address or prefix, with or without length, from a name; C{text} is known to be one of them."""
    return ":" in text or text.partition("/")[0].replace(".", "").isdigit()


def parse_address(text: str) -> tuple[int, int]:
    """Return C{(version, address)} of one IPv4 or IPv6 address.

    Raises ValueError with a reason for anything else, octal-looking octets and scope ids included.
    """
    version = 6 if ":" in text else 4
    try:
        return version, int.from_bytes(inet_pton(_FAMILY[version], text), "big")
    except (OSError, ValueError):
        raise ValueError(_reason(text, version)) from None


def parse_prefix(text: str) -> tuple[int, int, int]:
    """Return C{(version, first, last)} of C{a.b.c.d}, C{a.b.c.d/n}, C{x::y} or C{x::y/n}.

    Raises ValueError with a reason; host bits set are an error, never rounded away.
    """
    address, slash, length = text.partition("/")
    version, first = parse_address(address)
    if not slash:
        return version, first, first
    size = _SIZES[version].get(length)
    if size is None:
        raise ValueError(f"prefix length {quoted(length)} is not a number from 0 to {BITS[version]}")
    if first & (size - 1):
        network = format_prefix(version, first & -size, int(length))
        advised = int(length) >= _SHORTEST_ADVISED[version]
        ways = f"the network is {network}; write that" if advised else "write the length that is meant"
        raise ValueError(f"host bits are set: {ways}, or the single address without '/{length}'")
    return version, first, first + size - 1


def mask_length(mask: str) -> int:
    """Return the prefix length, from 4, of a netmask (C{255.255.240.0}) or a wildcard mask (C{0.0.15.255})."""
    bits = parse_address(mask)[1]
    length = length_of(bits)
    if not bits:
        raise ValueError("the mask 0.0.0.0 is /0 as a netmask and /32 as a wildcard mask: write the length")
    if length is None:
        raise ValueError(f"the mask {mask} is neither a netmask nor a wildcard mask: write the length of the prefix")
    if length < 4:
        raise ValueError(f"the mask {mask} is shorter than /4: write the length of the prefix if it is meant")
    return length


def length_of(mask: int) -> int | None:
    """Return the prefix length of a netmask or a wildcard mask; None if its ones are not in one row at an end."""
    inverse = mask ^ 0xFFFFFFFF
    if not inverse & (inverse + 1):
        return 32 - inverse.bit_length()
    return None if mask & (mask + 1) else 32 - mask.bit_length()


def format_address(version: int, address: int) -> str:
    """Return the canonical text of an address (lower case, shortest form)."""
    return inet_ntop(_FAMILY[version], address.to_bytes(_BYTES[version], "big"))


def format_prefix(version: int, first: int, length: int) -> str:
    """Return C{address/length}; always with the length, also for a single address."""
    return f"{format_address(version, first)}/{length}"


def prefix_of(version: int, first: int, last: int) -> str:
    """Return the text of a prefix, always with the length, of its first and last address."""
    return format_prefix(version, first, BITS[version] + 1 - (last - first + 1).bit_length())


def prefixes(version: int, first: int, last: int) -> list[str]:
    """Return the minimal list of prefixes that covers exactly C{first..last}, in ascending order."""
    bits, family, size = BITS[version], _FAMILY[version], _BYTES[version]
    found = []
    while first <= last:
        host_bits = (last - first + 1).bit_length() - 1
        aligned = first & -first
        if aligned and not aligned >> host_bits:
            host_bits = aligned.bit_length() - 1
        # Not through format_prefix: the calls would cost half of the time.
        found.append(f"{inet_ntop(family, first.to_bytes(size, 'big'))}/{bits - host_bits}")
        first += 1 << host_bits
    return found


def blocks(first: int, last: int) -> list[Range]:
    """Return the fewest prefixes that cover exactly C{first..last} as ranges, in ascending order."""
    found = []
    while first <= last:
        host_bits = (last - first + 1).bit_length() - 1
        aligned = first & -first
        if aligned and not aligned >> host_bits:
            host_bits = aligned.bit_length() - 1
        found.append((first, first + (1 << host_bits) - 1))
        first += 1 << host_bits
    return found


def collapse(ranges: Iterable[Range]) -> list[Range]:
    """Return the same integers as sorted, disjoint ranges; overlapping and adjacent ones are joined."""
    joined: list[Range] = []
    low = high = -1
    for first, last in sorted(ranges):
        if high < 0:
            low, high = first, last
        elif first <= high + 1:
            if last > high:
                high = last
        else:
            joined.append((low, high))
            low, high = first, last
    if high >= 0:
        joined.append((low, high))
    return joined


def _reason(text: str, version: int) -> str:
    """Say why C{text} is not an address, in the words of the person who typed it."""
    if version == 6:
        return f"{quoted(text)} is not an IPv6 address"
    octets = text.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdigit() for octet in octets):
        for octet in octets:
            number = octet.lstrip("0") or "0"
            if len(number) > 3 or int(number) > 255:
                return f"octet {octet[:20]} is larger than 255: an octet is a number from 0 to 255"
            if len(octet) > 1 and octet[0] == "0":
                return f"octet {octet[:20]} has a leading zero, which some tools read as octal: write {number}"
    return f"{quoted(text)} is not an IPv4 address: an address is four numbers from 0 to 255, like 192.0.2.1"
