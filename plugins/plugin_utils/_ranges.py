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
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from socket import AF_INET, inet_pton

from ._addresses import BITS, prefixes
from ._destinations import parse_destination

# What was found: the two addresses of a prefix in one integer -> its text; a name -> itself.
Found = dict[int | str, str]

_ACCEPTED = (
    "accepted are prefixes, addresses, ranges 'a - b', names and '*.' names, "
    "separated by comma, semicolon, space or newline"
)
# A dash that is not inside a word; ranges are then written with an en dash, whatever was printed.
_DASH = re.compile(r"\s*[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]\s*|\s+-\s*|-\s+")
_UNPLAIN = re.compile(r"[^\n -~]")
_HOST_MASKS = {str(n): (1 << (32 - n)) - 1 for n in range(33)}
# Set in the integer of an IPv6 prefix, above its two addresses, so that it equals no IPv4 one and sorts after them all.
_IPV6 = 1 << 256


def expand_ranges(value: str | list[str], *, collapse: bool = False) -> list[str]:
    """Return the prefixes (always with length) and names (lower case) of a cell or of a list of cells.

    A range that is not one prefix becomes the minimal list of prefixes. Without C{collapse} the printed order is
    kept, and what is printed twice is returned once. With it overlapping and adjacent prefixes are joined and the
    result is sorted: IPv4, IPv6, names. An empty cell is an error, an empty list is not.
    Raises ValueError that quotes the item and gives the reason.
    """
    cells = [value] if isinstance(value, str) else value
    if not isinstance(cells, (list, tuple)):
        raise ValueError(f"destination {value!r} is neither text nor a list of texts: {_ACCEPTED}")
    for cell in cells:
        if not isinstance(cell, str):
            raise ValueError(f"destination {cell!r} is not text: {_ACCEPTED}")
    found: Found = {}
    _find(found, cells)
    return _collapsed(found) if collapse else list(found.values())


def _find(found: Found, cells: Iterable[str]) -> None:
    """Add what cells stand for, in their order; a cell that is not just a plain IPv4 prefix is taken apart."""
    number = int.from_bytes
    for cell in cells:
        address, _slash, length = cell.partition("/")
        try:
            host_mask = _HOST_MASKS[length]
            first = number(inet_pton(AF_INET, address), "big")
        except (KeyError, OSError, ValueError):
            pass
        else:
            if not first & host_mask:
                found[first << 32 | first | host_mask] = cell
                continue
        words = _words(cell)
        if words == [cell]:
            _add(found, cell)
        else:
            _find(found, words)


def _add(found: Found, word: str) -> None:
    """Add anything but a plain IPv4 prefix."""
    try:
        destination = parse_destination(word)
    except ValueError as exc:
        raise ValueError(f"destination {quoted(word.replace('–', ' - ').strip())} {exc}") from None
    if isinstance(destination, str):
        found[destination] = destination
        return
    version, low, high = destination
    for prefix in prefixes(version, low, high):
        host_mask = (1 << (BITS[version] - int(prefix.partition("/")[2]))) - 1
        found[_packed(version, low, low | host_mask)] = prefix
        low += host_mask + 1


def _packed(version: int, first: int, last: int) -> int:
    """Return a prefix as one integer."""
    return first << 32 | last if version == 4 else _IPV6 | first << 128 | last


def _words(cell: str) -> list[str]:
    """Return the items of a cell; a range C{a - b} as one word with an en dash, whatever its dash and spacing."""
    text = _without_odd_spaces(cell) if _UNPLAIN.search(cell) else cell
    if "{{" in text or "{%" in text or "{#" in text:
        raise ValueError(f"destination {quoted(cell)} holds a template that was not filled in")
    if "-" in text or not text.isascii():
        text = _DASH.sub("–", text)
    if not text.strip():
        raise ValueError(f"destination {quoted(cell)} is empty: {_ACCEPTED}")
    if "," not in text and ";" not in text:
        return text.split()
    words = []
    for part in text.replace(";", ",").split(","):
        items = part.split()
        if not items:
            raise ValueError(f"destination {quoted(cell)} lacks an item before or after a separator: {_ACCEPTED}")
        words += items
    return words


def _without_odd_spaces(cell: str) -> str:
    """Return the cell with tabs, wide and no-break spaces as spaces; control and invisible characters are errors."""
    text = cell.replace("\r\n", "\n").replace("\t", " ")
    for character in sorted(set(_UNPLAIN.findall(text))):
        category = unicodedata.category(character)
        if category == "Zs":
            text = text.replace(character, " ")
        elif category[0] in "CZ":
            kind = "a control character" if category == "Cc" else "an invisible character"
            raise ValueError(f"destination {quoted(cell)} holds {kind} (U+{ord(character):04X}): remove it")
    return text


def quoted(cell: str) -> str:
    """Return the cell in quotes, control characters escaped, cut after 60 characters."""
    return repr(cell if len(cell) <= 60 else f"{cell[:57]}...")


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
