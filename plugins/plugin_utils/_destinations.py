# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One destination as vendors print it: a prefix, an address, a range, a name, or a URL of a host alone.

The reasons of errors follow the quoted destination: C{'192.0.2.0/33' is not a prefix: ...}.
"""

from __future__ import annotations

import re
from socket import AF_INET, inet_ntop

from ._addresses import parse_address, parse_prefix

# C{(version, first, last)}, both inside, or a name.
Destination = tuple[int, int, int] | str

# A host whose last label is a number is an address or nothing: no top-level domain is one.
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.ASCII | re.IGNORECASE)
_ADDRESS_LETTERS = re.compile(r"[0-9a-f:.%/-]+", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_MAPPED = 0xFFFF  # ::ffff:0:0/96, IPv4 addresses in IPv6 clothes
_NAMES = "accepted are names like live.example.com, with '*.' only in front"
_URLS = "accepted are URLs of a host alone, like https://live.example.com/"


def parse_destination(word: str) -> Destination:
    """Return what a word stands for; a range has an en dash, or a hyphen without spaces.

    Raises ValueError with a reason that follows the quoted word.
    """
    if word[0] in "([{<\"'`" or word[-1] in ")]}>\"'`":
        raise ValueError("stands in brackets or quotes: write it without them")
    if "://" in word:
        return _parse_url(word)
    if "–" in word:
        return _parse_range(word.split("–"))
    if "-" in word and _ADDRESS_LETTERS.fullmatch(word) and not _has_name_end(word):
        return _parse_range(word.split("-"))
    return _parse_host(word)


def _has_name_end(word: str) -> bool:
    """Tell names of address letters (C{fe-ed.de}) from ranges (C{192.0.2.4-192.0.2.9}, also C{192.0.2.0-255})."""
    return word.rstrip(".").rpartition(".")[2].isalpha()


def _parse_host(word: str) -> Destination:
    """Return a prefix, an address or a name."""
    host = word.partition("/")[0]
    if host.count(":") > 1 or _NUMERIC_END.fullmatch(host):
        return _parse_prefix(word)
    name, colon, port = host.partition(":")
    if colon and port.isdigit():
        raise ValueError(f"has a port: write '{name}' here and {port} in the ports cell")
    if colon:
        raise ValueError("is not a destination: what stands before a colon is a label; move it out of the cell")
    return parse_name(word)


def _parse_prefix(word: str) -> Destination:
    if "%" in word:
        raise ValueError("has a zone ('%...'), which means something on one machine only: write the address without it")
    try:
        version, first, last = parse_prefix(word)
    except ValueError as exc:
        kind = "a prefix" if "/" in word and not str(exc).startswith(("octet", "'")) else "an address"
        raise ValueError(f"is not {kind}: {exc}") from None
    _check_mapped(version, first)
    return version, first, last


def _parse_range(ends: list[str]) -> Destination:
    if len(ends) != 2 or not all(ends):
        raise ValueError("is not a range: it needs one address on either side of one dash")
    if any("/" in end for end in ends):
        raise ValueError("is not a range: its ends are addresses, without prefix length")
    parsed = []
    for end in ends:
        try:
            version, address = parse_address(end)
        except ValueError as exc:
            raise ValueError(f"is not a range of whole addresses: {exc}") from None
        _check_mapped(version, address)
        parsed.append((version, address))
    (low_version, low), (high_version, high) = parsed
    if low_version != high_version:
        raise ValueError("is not a range: one end is IPv4, the other IPv6")
    if low > high:
        raise ValueError(f"is not a range: {ends[0]} is larger than {ends[1]}; write the lower address first")
    return low_version, low, high


def _check_mapped(version: int, address: int) -> None:
    """Refuse C{::ffff:a.b.c.d}: no packet bears it."""
    if version == 6 and address >> 32 == _MAPPED:
        ipv4 = inet_ntop(AF_INET, (address & 0xFFFFFFFF).to_bytes(4, "big"))
        raise ValueError(f"is IPv4 written as IPv6: write {ipv4}, with an IPv4 prefix length if it has one")


def _parse_url(word: str) -> Destination:
    """Return the name or address of a URL that has nothing but a host."""
    scheme, _slashes, rest = word.partition("://")
    if scheme.lower() not in ("http", "https", "ws", "wss"):
        raise ValueError(f"has the scheme '{scheme}': known are http, https, ws and wss; {_URLS}")
    host = rest.removesuffix("/")
    if not host:
        raise ValueError(f"is a URL without a host: {_URLS}")
    if "[" in host or "]" in host:
        raise ValueError("is a URL with brackets: write the IPv6 address alone")
    for mark, part in (("@", "a user"), ("?", "a query"), ("#", "a fragment"), ("/", "a path"), (":", "a port")):
        if mark in host:
            name = re.split(r"[/?#:]", host.rpartition("@")[2])[0]
            port = ", and the port in the ports cell" if mark == ":" else ""
            raise ValueError(f"is a URL with {part}, which a packet filter does not see: write '{name}'{port}")
    return _parse_host(host)


def parse_name(text: str) -> str:
    """Return a name or C{*.} name in lower case, without the trailing dot.

    Labels are 1-63 letters, digits and hyphens, the name at most 253 characters; two labels at least, also after C{*.}.
    Raises ValueError with a reason that follows the quoted name.
    """
    name = text.lower().removesuffix(".")
    if name == "any":
        raise ValueError("is not a destination: write 0.0.0.0/0 and ::/0, and in wide_because why it must be so")
    if not name.isascii():
        raise ValueError("is not a name: letters beyond ASCII are written in their xn-- form")
    if "/" in name:
        raise ValueError("is not a name: a name has no path and no prefix length")
    if "_" in name:
        raise ValueError("is not a name: no host has an underscore in its name")
    if name.startswith("."):
        raise ValueError(f"is not a name: write '{name[1:]}', or '*{name}' for all names below it")
    labels = name.removeprefix("*.").split(".")
    if any("*" in label for label in labels):
        raise ValueError(f"is not a name: '*' may only be the whole first label; {_NAMES}")
    if len(labels) < 2:
        behind = " after '*.'" if name.startswith("*.") else ""
        raise ValueError(f"is not a name: it needs at least two labels{behind}; {_NAMES}")
    if len(name) > 253:
        raise ValueError(f"is not a name: it has {len(name)} characters, more than 253")
    for label in labels:
        if not label:
            raise ValueError(f"is not a name: a label between the dots is empty; {_NAMES}")
        if len(label) > 63:
            raise ValueError(f"is not a name: the label '{label}' has {len(label)} characters, more than 63")
        if not _LABEL.fullmatch(label):
            raise ValueError(f"is not a name: the label '{label}' is not letters, digits and inner hyphens; {_NAMES}")
    return name
