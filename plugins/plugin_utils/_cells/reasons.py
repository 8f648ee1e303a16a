# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons of what is wide, any address or special: what they list, and how it is worded."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    format_address,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import METADATA, Special


class Reason(NamedTuple):
    """Why something wide or special is open: C{service} is '' and C{row} 0 where it is all of the vendor's rows."""

    vendor: str
    service: str
    row: int
    opened: str  # "17.0.0.0/8", "10.0.0.0/24 (private)", "16,777,250 IPv4 addresses"
    because: str


class Opened(NamedTuple):
    """A prefix of a row that is wide, any address or special, or a name of anybody's, as reasons list it."""

    named: bool  # whether a reason always names it: it is any address, or holds special ones
    length: float  # the prefix length as one of IPv4: of IPv6 a quarter; 0 of names
    text: str  # "10.0.0.0/24 (private)"


def opened_prefix(destination: str, version: int, parts: list[Special], inside: list[Range], anywhere: bool) -> Opened:
    """Return a prefix as reasons list it, with all that a reader should know of it in brackets."""
    bits = BITS[version] - int(destination.partition("/")[2])
    length = (BITS[version] - bits) * BITS[4] / BITS[version]
    about = [f"any IPv{4 if inside else version} address"] if anywhere else []
    for low, high in inside:
        length = min(length, 33 - (high - low + 1).bit_length())
        about += [] if anywhere else [f"IPv4 {text}" for text in prefixes(4, low, high)]
    if parts:
        about.append(kinds(version, parts, alone=parts[0].last - parts[0].first + 1 == 1 << bits))
    return Opened(bool(anywhere or parts), length, f"{destination} ({'; '.join(about)})" if about else destination)


def opened_name(name: str) -> Opened:
    """Return a name or pattern below which anybody can have one, as reasons list it: first, as any address is."""
    return Opened(named=True, length=0, text=name)


def listed(opened: list[Opened]) -> str:
    """Return a list in words, any address and special ones first, then the widest: all of the former, three in all if
    there are not more of these, and how many more there are."""
    ordered = sorted(opened, key=lambda one: (not one.named, one.length))
    shown_all = max(3, sum(one.named for one in opened))
    more = len(ordered) - shown_all
    return ", ".join(one.text for one in ordered[:shown_all]) + (f" and {more} more" if more > 0 else "")


def kinds(version: int, parts: list[Special], *, alone: bool) -> str:
    """Return all kinds of special parts, and which metadata services are among them; C{alone}: of a prefix that is one
    of them, and nothing else."""
    found = list(dict.fromkeys(part.kind for part in parts if part.kind != METADATA))
    services = [span_of(version, part) for part in parts if part.kind == METADATA]
    if services:
        found.append(METADATA if alone else f"{METADATA}: {' and '.join(services)}")
    return ", ".join(found)


def span_of(version: int, part: Special) -> str:
    first, last = (format_address(version, address) for address in part[:2])
    return first if first == last else f"{first} - {last}"


def number_of(total: int) -> str:
    """Return a number of addresses; of IPv6 as a power of two, at least or exactly."""
    if total < 1 << 33:
        return f"{total:,}"
    bits = total.bit_length() - 1
    return f"2^{bits}" if total == 1 << bits else f"more than 2^{bits}"
