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

Range = tuple[int, int]

BITS = {4: 32, 6: 128}
_FAMILY = {4: AF_INET, 6: AF_INET6}
_BYTES = {4: 4, 6: 16}
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
        raise ValueError(f"prefix length '{length}' is not a number from 0 to {BITS[version]}")
    if first & (size - 1):
        network = format_prefix(version, first & -size, int(length))
        raise ValueError(
            f"host bits are set: the network is {network}; write that, or the single address without '/{length}'"
        )
    return version, first, first + size - 1


def format_address(version: int, address: int) -> str:
    """Return the canonical text of an address (lower case, shortest form)."""
    return inet_ntop(_FAMILY[version], address.to_bytes(_BYTES[version], "big"))


def format_prefix(version: int, first: int, length: int) -> str:
    """Return C{address/length}; always with the length, also for a single address."""
    return f"{format_address(version, first)}/{length}"


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
        return f"'{text}' is not an IPv6 address"
    octets = text.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdigit() for octet in octets):
        for octet in octets:
            if int(octet) > 255:
                return f"octet {octet} is larger than 255"
            if len(octet) > 1 and octet[0] == "0":
                return f"octet {octet} has a leading zero, which some tools read as octal: write {int(octet)}"
    return f"'{text}' is not an IPv4 address"
