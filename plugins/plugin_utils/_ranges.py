# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination cells of vendors' tables: prefixes, addresses, ranges, names, and lists of them.

Items are separated by commas, semicolons, spaces or newlines. C{a - b} with any dash is a range; a hyphen
inside a name belongs to the name. Plain prefixes, the bulk of every list, take a short way with no further checks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from socket import AF_INET, inet_ntop, inet_pton

from ._addresses import BITS, Range, collapse, format_prefix, parse_address, parse_prefix, prefixes
from ._names import parse_name

# What a destination becomes: (4 or 6, first, last), or (0, name).
Item = tuple[int, int, int] | tuple[int, str]

_ACCEPTED = "accepted are prefixes, addresses, ranges 'a - b', names and '*.' names, separated by comma, semicolon or space"
_OTHER_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
# Any dash that is not a hyphen inside a word; the range is then written with an en dash, whatever was printed.
_DASH = re.compile(rf"\s*[{_OTHER_DASHES}]\s*|\s+-\s*|(?<=\S)-\s+|^-")
_UNPLAIN = re.compile(r"[^\n -~]")
_NUMERIC_END = re.compile(r"[0-9.]*-[0-9.]*[0-9]$|[0-9.]+$")
_IPV4_SIZES = {str(n): 1 << (32 - n) for n in range(33)}
_MAPPED = 0xFFFF  # ::ffff:0:0/96, IPv4 addresses in IPv6 clothes


def expand_ranges(value: str | list[str], *, collapse: bool = False) -> list[str]:
    """Return the prefixes (always with length) and names (lower case) of a cell or of a list of cells.

    A range that is not one prefix becomes the minimal list of prefixes. Without C{collapse} the printed order is kept, and what is
    printed twice is returned once. With it overlapping and adjacent prefixes are joined and the result is sorted: IPv4, IPv6, names.
    Raises ValueError that quotes the item and gives the reason. An empty cell is an error, an empty list is not.
    """
    items = parse_ranges(value)
    return _collapsed(items) if collapse else list(dict.fromkeys(_texts(items)))


def parse_ranges(value: str | list[str]) -> list[Item]:
    """Return the items of a cell or of a list of cells, in printed order."""
    if isinstance(value, str):
        return _parse_words(_words(value))
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"destination {value!r} is not text or a list of texts: {_ACCEPTED}")
    words: list[str] = []
    for cell in value:
        if not isinstance(cell, str):
            raise ValueError(f"destination {cell!r} is not text: {_ACCEPTED}")
        words += _words(cell)
    return _parse_words(words)


def _parse_words(words: list[str]) -> list[Item]:
    """Return the items of words that hold no separator; plain IPv4 prefixes are read right here, 100,000 in 60 ms."""
    items: list[Item] = []
    add, size_of, number = items.append, _IPV4_SIZES.get, int.from_bytes
    for word in words:
        address, _slash, length = word.partition("/")
        size = size_of(length)
        if size is not None:
            try:
                first = number(inet_pton(AF_INET, address), "big")
            except (OSError, ValueError):
                pass
            else:
                if not first & (size - 1):
                    add((4, first, first + size - 1))
                    continue
        add(_parse_word(word))
    return items


def _words(cell: str) -> list[str]:
    """Return the items of a cell as texts: a range C{a - b} as one word with an en dash, whatever its dash and spacing."""
    if _UNPLAIN.search(cell):
        cell = _without_odd_spaces(cell)
    if "-" in cell or not cell.isascii():
        cell = _DASH.sub("–", cell)
    if "," not in cell and ";" not in cell:
        words = cell.split()
        if not words:
            raise ValueError(f"destination {cell!r} is empty: {_ACCEPTED}")
        return words
    words = []
    for part in cell.replace(";", ",").split(","):
        found = part.split()
        if not found:
            raise ValueError(f"destination {_short(cell)} has a separator with nothing before or after it: an item is missing")
        words += found
    return words


def _without_odd_spaces(cell: str) -> str:
    """Return the cell with tabs and wide or no-break spaces as spaces; control and invisible characters are errors."""
    cell = cell.replace("\r\n", "\n").replace("\t", " ")
    for character in set(_UNPLAIN.findall(cell)):
        category = unicodedata.category(character)
        if category == "Zs":
            cell = cell.replace(character, " ")
        elif category[0] in "CZ":
            kind = "a control character" if category == "Cc" else "an invisible character"
            raise ValueError(f"destination {_short(cell)} holds {kind} (U+{ord(character):04X}): remove it")
    return cell


def _short(cell: str) -> str:
    """Return the cell in quotes, control characters escaped, cut after 60 characters."""
    return repr(cell if len(cell) <= 60 else cell[:57] + "...")


def _parse_word(word: str) -> Item:
    """Return one item; raise ValueError that quotes it as printed, as nearly as spaces allow."""
    try:
        if "{{" in word or "{%" in word or "{#" in word:
            raise ValueError("holds a template that nobody filled in")
        if "://" in word:
            return _parse_host(word)
        if "–" in word or (_is_range(word)):
            return _parse_range(word)
        if word[0] in "([{<\"'" or word[-1] in ")]}>\"'":
            raise ValueError("stands in brackets or quotes: write it without them")
        if _is_address(word):
            return _parse_prefix(word)
        return 0, parse_name(word)
    except ValueError as exc:
        printed = word.replace("–", " - ").strip()
        raise ValueError(f"destination {_short(printed)} {exc}") from None


def _is_address(word: str) -> bool:
    """Whether a word was meant as an address or prefix: colons only, or a last label that is a number, as no name has."""
    host = word.partition("/")[0]
    if ":" in host:
        return not re.fullmatch(r"[^:]*[g-zG-Z][^:]*:[0-9]*", host) and host.count(":") > 1 or host.startswith(":")
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None


def _is_range(word: str) -> bool:
    """Whether a word with a hyphen is a range: C{1.2.3.4-1.2.3.9} is one, C{a-1.example.com} is a name."""
    return "-" in word and (word.count(":") > 1 or _is_address(word))


def _parse_range(word: str) -> Item:
    ends = re.split("[–-]", word) if "–" not in word else word.split("–")
    if len(ends) != 2 or not all(ends):
        raise ValueError("is not a range: write one address on either side of one dash; a hyphen in a name has no spaces around it")
    if "/" in word:
        raise ValueError("is not a range: its ends are addresses, without prefix length")
    (low_version, low), (high_version, high) = map(_parse_address, ends)
    if low_version != high_version:
        raise ValueError("is not a range: one end is IPv4 and the other IPv6")
    if low > high:
        raise ValueError(f"is not a range: {ends[0]} is larger than {ends[1]}; write the lower address first")
    return low_version, low, high


def _parse_address(text: str) -> tuple[int, int]:
    try:
        version, address = parse_address(text)
    except ValueError as exc:
        raise ValueError(f"is not a range of addresses: {exc}") from None
    _check_mapped(version, address)
    return version, address


def _parse_prefix(word: str) -> Item:
    if "%" in word:
        raise ValueError("is not an address: a zone ('%...') means something on one machine only")
    host, _slash, _length = word.partition("/")
    if host.count(":") == 1:
        raise ValueError("is not an address: write the port in the ports cell")
    try:
        version, first, last = parse_prefix(word)
    except ValueError as exc:
        raise ValueError(f"is not {'a prefix' if 'host bits' in str(exc) else 'an address'}: {exc}") from None
    _check_mapped(version, first)
    return version, first, last


def _check_mapped(version: int, address: int) -> None:
    """Refuse IPv4 addresses in IPv6 clothes: no packet bears them."""
    if version == 6 and address >> 32 == _MAPPED:
        ipv4 = inet_ntop(AF_INET, (address & 0xFFFFFFFF).to_bytes(4, "big"))
        raise ValueError(f"is an IPv4 address written as IPv6: write {ipv4}, with an IPv4 prefix length if there was one")


def _parse_host(word: str) -> Item:
    """Return the name or address of a URL that has nothing but a host."""
    scheme, _slashes, rest = word.partition("://")
    if scheme.lower() not in ("http", "https", "ws", "wss"):
        raise ValueError(f"is not a destination: the scheme '{scheme}' is not one of http, https, ws, wss; write only the name")
    host = rest.removesuffix("/")
    for mark, what in (("@", "a user"), ("?", "a query"), ("#", "a fragment"), ("/", "a path"), (":", "a port")):
        if mark in host:
            name = re.split(r"[/?#:]", host.rpartition("@")[2])[0]
            advice = f"write '{name}'" + (" and the port in the ports cell" if mark == ":" else "")
            raise ValueError(f"is not a destination: the URL has {what}, which a packet filter does not see; {advice}")
    if not host:
        raise ValueError("is not a destination: the URL has no host")
    return _parse_prefix(host) if _is_address(host) else (0, parse_name(host))


def _texts(items: list[Item]) -> Iterator[str]:
    """Yield each item as prefixes or as a name."""
    for item in items:
        if item[0]:
            version, first, last = item  # type: ignore[misc]
            yield from _prefixes(version, first, last)
        else:
            yield item[1]  # type: ignore[misc]


def _prefixes(version: int, first: int, last: int) -> list[str]:
    """Return the minimal prefixes of a range; the common case of just one without further ado."""
    size = last - first + 1
    if not size & (size - 1) and not first & (size - 1):
        return [format_prefix(version, first, BITS[version] - size.bit_length() + 1)]
    return prefixes(version, first, last)


def _collapsed(items: list[Item]) -> list[str]:
    ranges: dict[int, list[Range]] = {4: [], 6: []}
    names = set()
    for item in items:
        if item[0]:
            ranges[item[0]].append(item[1:])  # type: ignore[arg-type]
        else:
            names.add(item[1])
    texts = []
    for version, of_version in ranges.items():
        for first, last in collapse(of_version):
            texts += _prefixes(version, first, last)
    return texts + sorted(names)  # type: ignore[type-var]
