# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination cells of vendors' tables: lists of prefixes, addresses, ranges and names.

Plain IPv4 prefixes, the bulk of every list, take a short way through C{expand_ranges}: 100,000 of them are read,
collapsed and written in a few times what the C program iprange takes. Two things make that possible: a prefix is
kept as one integer, its first address followed by its last, because integers sort faster than tuples; and the text
that was read is the text that is returned, because C{inet_pton} admits an IPv4 address in its canonical form only.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from socket import AF_INET, inet_pton
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import BITS, prefixes
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .admitted import Admitted
from .endpoints import parse_destination
from .items import ACCEPTED, items_of
from .text import DASHES

# What was found: the two addresses of a prefix in one integer -> its text; a name -> itself.
Found = dict[int | str, str]

# 1.0.0.0 to 239.255.255.255: below and above nothing is a destination.
_LOWEST, _HIGHEST = 1 << 24, (240 << 24) - 1
_HOST_MASKS = {str(n): (1 << (32 - n)) - 1 for n in range(33)}
# Set in the integer of an IPv6 prefix, above its two addresses, so that it equals no IPv4 one and sorts after them all.
_IPV6 = 1 << 256


class Destinations(NamedTuple):
    """What cells stand for, in printed order, and what stands behind their items, each once."""

    found: list[str]
    remarks: list[str]


def expand_ranges(
    value: str | list[str], *, collapse: bool = False, broadcast: bool = False, loopback: bool = False
) -> list[str]:
    """Return the prefixes (always with length) and names (lower case) of a cell or of a list of cells.

    A range that is not one prefix becomes the minimal list of prefixes. Without C{collapse} the printed order is
    kept, and what is printed twice is returned once. With it overlapping and adjacent prefixes are joined and the
    result is sorted: IPv4, IPv6, names. An empty cell is an error, an empty list is not. C{broadcast} admits
    255.255.255.255, C{loopback} ::1.
    Raises ValueError that quotes the item and gives the reason.
    """
    found, _remarks = _read(value, Admitted(broadcast, loopback), None)
    return _collapsed(found) if collapse else list(found.values())


def read_destinations(
    value: str | list[str], *, broadcast: bool = False, loopback: bool = False, requirement: str | None = None
) -> Destinations:
    """Return the destinations of a cell or of a list of cells as C{expand_ranges} does, and marks and remarks.

    C{requirement}: that of the row; a remark in the cell may say the same. Raises ValueError as C{expand_ranges} does.
    """
    found, remarks = _read(value, Admitted(broadcast, loopback), requirement)
    return Destinations(list(found.values()), list(dict.fromkeys(remarks)) if remarks else remarks)


def _read(value: str | list[str], admitted: Admitted, requirement: str | None) -> tuple[Found, list[str]]:
    cells = [value] if isinstance(value, str) else value
    if not isinstance(cells, (list, tuple)):
        raise ValueError(f"destination {shown(value)} is neither text nor a list of texts: {ACCEPTED}")
    for cell in cells:
        if not isinstance(cell, str):
            raise ValueError(f"destination {shown(cell)} is not text: {ACCEPTED}")
    found: Found = {}
    remarks: list[str] = []
    for cell in _find(found, cells):
        words, behind = items_of(cell, expand_ranges, requirement)
        remarks += behind
        try:
            for word in _find(found, words):
                _add(found, word, admitted)
        except ValueError as exc:
            if words == [cell]:
                raise
            message = _as_printed(str(exc), words, cell)
            raise ValueError(f"{message}{'' if quoted(cell) in message else f' (in {quoted(cell)})'}") from None
    return found, remarks


def _find(found: Found, cells: Iterable[str]) -> Iterator[str]:
    """Add what plain IPv4 prefixes stand for, in their order; yield each other cell in its turn."""
    number = int.from_bytes
    for cell in cells:
        address, _slash, length = cell.partition("/")
        try:
            host_mask = _HOST_MASKS[length]
            first = number(inet_pton(AF_INET, address), "big")
        except (KeyError, OSError, ValueError):
            pass
        else:
            if not first & host_mask and first >= _LOWEST and first | host_mask <= _HIGHEST:
                found[first << 32 | first | host_mask] = cell
                continue
        yield cell


def _add(found: Found, word: str, admitted: Admitted) -> None:
    """Add anything but a plain IPv4 prefix."""
    try:
        destination = parse_destination(word, admitted)
    except ValueError as exc:
        raise ValueError(f"destination {quoted(word)} {exc}") from None
    if isinstance(destination, str):
        found[destination] = destination
        return
    version, low, high = destination
    for prefix in prefixes(version, low, high):
        host_mask = (1 << (BITS[version] - int(prefix.partition("/")[2]))) - 1
        found[_packed(version, low, low | host_mask)] = prefix
        low += host_mask + 1


def _as_printed(message: str, words: list[str], cell: str) -> str:
    """Return the message with a range quoted as the cell prints it, not as C{_words} writes it."""
    for word in words:
        if word.count("–") == 1 and quoted(word) in message:
            dash = rf"\s*(?:[{DASHES}]|to|through|thru)\s*"
            pattern = dash.join(map(re.escape, word.split("–"))).removeprefix(r"\s*")
            if printed := re.search(pattern, cell, re.IGNORECASE):
                return message.replace(quoted(word), quoted(printed.group().strip()), 1)
    return message


def _packed(version: int, first: int, last: int) -> int:
    """Return a prefix as one integer."""
    return first << 32 | last if version == 4 else _IPV6 | first << 128 | last


def _collapsed(found: Found) -> list[str]:
    """Return the minimal prefixes in ascending order, IPv4 first, then the names."""
    packed = sorted([key for key in found if isinstance(key, int)])
    middle = bisect_left(packed, _IPV6)
    texts: list[str] = []
    for version, flag, keys in ((4, 0, packed[:middle]), (6, _IPV6, packed[middle:])):
        bits = BITS[version]
        for key in _joined(keys, bits):
            if text := found.get(key):
                texts.append(text)
            else:
                texts += prefixes(version, (key ^ flag) >> bits, key & (1 << bits) - 1)
    return texts + sorted(name for name in found if isinstance(name, str))


def _joined(keys: list[int], bits: int) -> list[int]:
    """Return sorted ranges, each one integer, with overlapping and adjacent ones joined."""
    if not keys:
        return []
    mask = (1 << bits) - 1
    joined: list[int] = []
    low, high = keys[0] >> bits, keys[0] & mask
    for key in keys:
        first = key >> bits
        if first & mask > high + 1:
            joined.append(low << bits | high)
            low, high = first, key & mask
        elif key & mask > high:
            high = key & mask
    joined.append(low << bits | high)
    return joined
