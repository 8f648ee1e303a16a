# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, prefixes, masks and ranges, by whole numbers."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import NamedTuple

from .refusal import Refused

BITS = {4: 32, 6: 128}
FIRST = {4: 1 << 24, 6: 1 << 64}  # below: 0.0.0.0/8 and ::/64
LAST = {4: (240 << 24) - 1, 6: (1 << 128) - 1}  # above: 240.0.0.0 and up
WIDEST = 4  # the shortest mask; only prefixes may be shorter

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
IPV6 = rf"[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{1,6}}:(?:{IPV4}|[0-9A-Fa-f]{{0,4}})"
ADDRESS = rf"(?:{IPV4}|{IPV6})"
LENGTH = r"(?:0|[1-9][0-9]{0,2})"


class Address(NamedTuple):
    """An address: its IP version and its number."""

    version: int
    number: int


def address(text: str) -> Address:
    """Return the address that C{text} is, also one that is no destination."""
    if re.fullmatch(IPV4, text):
        one, two, three, four = (int(octet) for octet in text.split("."))
        return Address(4, one << 24 | two << 16 | three << 8 | four)
    if re.fullmatch(IPV6, text) and not re.fullmatch(r"(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}", text):
        with suppress(ValueError):
            number = int(ipaddress.IPv6Address(text))
            if number >> 32 != 0xFFFF:
                return Address(6, number)
    raise Refused(f"{text} is no address")


def admitted(place: Address) -> Address:
    """Return the address, if it can be a destination."""
    if FIRST[place.version] <= place.number <= LAST[place.version]:
        return place
    raise Refused(f"{text_of(place)} is no destination")


def text_of(place: Address) -> str:
    """Return the address in its shortest form."""
    return str(ipaddress.IPv4Address(place.number) if place.version == 4 else ipaddress.IPv6Address(place.number))


def prefix(place: Address, length: int) -> str:
    """Return the prefix, if it has no host bits and can be a destination."""
    size = BITS[place.version] - length
    if size < 0 or place.number % (1 << size):
        raise Refused(f"{text_of(place)}/{length} is no prefix")
    if length >= WIDEST:
        admitted(place)
        admitted(Address(place.version, place.number + (1 << size) - 1))
    return f"{text_of(place)}/{length}"


def host(place: Address) -> str:
    """Return the prefix of the address alone."""
    return prefix(place, BITS[place.version])


def check_mark(place: Address, number: int) -> None:
    """Refuse a number as a mark where it can be the length of the address before it."""
    size = BITS[place.version] - number
    if size >= 0 and place.number % (1 << size) == 0:
        raise Refused("a mark or a length")


def mask_length(text: str, slash: bool) -> int | None:
    """Return the length that a mask stands for; None where the text is no mask but a second address.

    C{slash}: behind a slash, where no host can stand.
    """
    number = address(text).number
    for length in range(32, -1, -1):
        hosts = (1 << 32 - length) - 1
        if number in (hosts, hosts ^ 0xFFFFFFFF):
            if number == 0 or length < WIDEST or (FIRST[4] <= number <= LAST[4] and not slash):
                raise Refused("a short mask, or a host")
            return length
    if slash:
        raise Refused("no mask")
    return None


def span(first: Address, last: Address) -> list[str]:
    """Return the fewest prefixes from the first address to the last one."""
    if first.version != last.version or first.number > last.number:
        raise Refused("no range")
    admitted(first)
    admitted(last)
    low, end, pieces = first.number, last.number + 1, []
    while low < end:
        size = min((low & -low).bit_length(), (end - low).bit_length()) - 1
        pieces.append(f"{text_of(Address(first.version, low))}/{BITS[first.version] - size}")
        low += 1 << size
    return pieces
