# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One destination as vendors print it: a prefix, an address, a range, a name, or a URL of a host alone.

The reasons of errors follow the quoted destination: C{'192.0.2.0/33' is not a prefix: ...}.
"""

from __future__ import annotations

import re
from socket import AF_INET, inet_ntop

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    length_of,
    mask_length,
    parse_address,
    parse_prefix,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .admitted import Admitted
from .markup import unfilled
from .names import read_name
from .neighbours import QUAD

# C{(version, first, last)}, both inside, or a name.
Destination = tuple[int, int, int] | str

_NONE_ADMITTED = Admitted()

# A host whose last label is a number is an address or nothing: no top-level domain is one.
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.ASCII | re.IGNORECASE)
_ADDRESS_LETTERS = re.compile(r"[0-9a-f:.%/-]+", re.ASCII | re.IGNORECASE)
_QUAD = re.compile(QUAD, re.ASCII)
_LENGTH = re.compile(rf"[0-9]+|{QUAD}", re.ASCII)
_PLACEHOLDER = re.compile(r"(?:\A|[.-])(:[A-Za-z][A-Za-z0-9_-]*)")
_MAPPED = 0xFFFF  # ::ffff:0:0/96, IPv4 addresses in IPv6 clothes
_EUI64 = re.compile(r"(?:[0-9a-f]{2}:){7}[0-9a-f]{2}", re.ASCII | re.IGNORECASE)
_URLS = "accepted are URLs of a host alone, like https://live.example.com/"


def parse_destination(word: str, admitted: Admitted = _NONE_ADMITTED) -> Destination:
    """Return what a word stands for; a range has an en dash, or a hyphen without spaces.

    Raises ValueError with a reason that follows the quoted word.
    """
    destination = _parse(word)
    if not isinstance(destination, str):
        _check_reached(*destination, admitted)
    return destination


def _parse(word: str) -> Destination:
    if word[0] in "([{<\"'`" or (word[-1] in ")]}>\"'`" and "://[" not in word):
        raise ValueError("stands in brackets or quotes: write it without them")
    if "://" in word:
        return _parse_url(word)
    if "–" in word:
        return _parse_range(word.split("–"))
    if "-" in word and _ADDRESS_LETTERS.fullmatch(word) and not _has_name_end(word):
        return _parse_range(word.split("-"))
    return _parse_host(word)


def _check_reached(version: int, first: int, last: int, admitted: Admitted) -> None:
    """Refuse what no host has and netmasks look like; prefixes shorter than /4 are no mistake, whatever they hold."""
    size = last - first + 1
    wide = size > 1 << BITS[version] - 4 and not size & (size - 1) and not first & (size - 1)
    if version == 6:
        if admitted.loopback and first == last == 1:
            return
        inverse = first ^ (1 << 128) - 1
        if first == last and first >> 120 == 0xFF and not inverse & (inverse + 1):
            raise ValueError("is not a destination but looks like a netmask: write the prefix with its length")
        if first == last and not first & (first + 1):
            raise ValueError("is not a destination: no other host has this address; any address is ::/0")
        if first >> 64 == 0 and not wide:
            raise ValueError(
                "is not a destination: no host has an address in ::/64; it holds all of IPv4 written as IPv6, and any "
                "address is ::/0"
            )
        return
    if wide or (admitted.broadcast and first == last == 0xFFFFFFFF):
        return
    if first >> 24 == 0 or last >> 28 == 0xF:
        where = "in 0.0.0.0/8" if first >> 24 == 0 else "from 240.0.0.0 up"
        hint = "any address is 0.0.0.0/0"
        if first == last and (length := length_of(first)):
            hint = f"a mask is written as the length of its prefix: '/{length}' behind the address"
        raise ValueError(f"is not a destination: no host has an address {where}; {hint}")


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
        here = [f"'{way}' here and {port[:20]}" for way in readable([name], parse_destination)]
        way = here[0] if here else "a name or an address here, and ports"
        raise ValueError(f"has a port: write {way} in the ports cell")
    if placeholder := _PLACEHOLDER.search(word):
        raise ValueError(unfilled("", placeholder.group(1)).lstrip())
    if colon:
        raise ValueError("is not a destination: what stands before a colon is a label; move it out of the cell")
    return parse_name(word)


def _parse_prefix(word: str) -> Destination:
    if "%" in word:
        raise ValueError("has a zone ('%...'), which means something on one machine only: write the address without it")
    address, _slash, mask = word.partition("/")
    _check_card(address)
    try:
        if ":" not in address and _QUAD.fullmatch(mask):
            word = f"{address}/{mask_length(mask)}"
        version, first, last = parse_prefix(word)
    except ValueError as exc:
        kind = "a prefix" if "/" in word and not str(exc).startswith(("octet", "'")) else "an address"
        raise ValueError(f"is not {kind}: {exc}") from None
    _check_mapped(version, first)
    return version, first, last


def _check_card(address: str) -> None:
    """Refuse what may be the address of a network card."""
    if _EUI64.fullmatch(address):
        full = ":".join(f"00{group}" for group in address.lower().split(":"))
        ways = [f"'{way}'" for way in readable([full], parse_destination)]
        raise ValueError(
            "can be read in two ways: eight pairs of digits are the address of a network card (EUI-64), which is no "
            f"destination: write {ways[0] if ways else 'the IPv6 address in full'} if it is an IPv6 address"
        )


def _parse_range(ends: list[str]) -> Destination:
    if len(ends) != 2 or not all(ends):
        raise ValueError("is not a range: it needs one address on either side of one dash")
    if any("/" in end for end in ends):
        raise ValueError("is not a range: its ends are addresses, without prefix length")
    parsed = []
    for end in ends:
        _check_card(end)
        try:
            version, address = parse_address(end)
        except ValueError as exc:
            hint = "" if ":" in end or not end[-1].isalpha() else "; names have no ranges: write each by itself"
            whole = f"{ends[0]}-{ends[0].rpartition('.')[0]}.{ends[1]}" if ends[1].isdigit() else ""
            for way in readable([whole], parse_destination):
                hint = f"; write '{way}' if that is meant"
            raise ValueError(f"is not a range of whole addresses: {exc}{hint}") from None
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
        ways = readable([ipv4], parse_destination)
        way = f"{ways[0]}, with an IPv4 prefix length if it has one" if ways else "the IPv4 address or prefix"
        raise ValueError(f"is IPv4 written as IPv6: write {way}")


def _parse_url(word: str) -> Destination:
    """Return the name or address of a URL that has nothing but a host."""
    scheme, _slashes, rest = word.partition("://")
    if scheme.lower() not in ("http", "https", "ws", "wss"):
        raise ValueError(f"has the scheme {quoted(scheme)}: known are http, https, ws and wss; {_URLS}")
    host = rest.removesuffix("/")
    if not host:
        raise ValueError(f"is a URL without a host: {_URLS}")
    if "[" in host or "]" in host:
        raise ValueError("is a URL with brackets: write the IPv6 address alone")
    address = re.split(r"[/?#]", host)[0]
    if readable([address], parse_address) and ":" in address:
        raise ValueError("is a URL with an IPv6 address, which would stand in brackets: write the address alone")
    if readable([address], parse_address) and _LENGTH.fullmatch(host.partition("/")[2]):
        ways = [f"'{way}' if the prefix" for way in readable([host], parse_destination)] or ["the address alone if it"]
        raise ValueError(f"is a URL with a path or a prefix length: write {ways[0]} is meant")
    for mark, part in (("@", "a user"), ("?", "a query"), ("#", "a fragment"), ("/", "a path"), (":", "a port")):
        if mark in host:
            name = re.split(r"[/?#:]", host.rpartition("@")[2])[0]
            port = ", and the port in the ports cell" if mark == ":" else ""
            way = f"'{name}'" if readable([name], parse_destination) else "the name or the address alone"
            raise ValueError(f"is a URL with {part}, which a packet filter does not see: write {way}{port}")
    return _parse_host(host)


def parse_name(text: str) -> str:
    """Return a name or a pattern as C{read_name} does.

    Raises ValueError with a reason that follows the quoted name.
    """
    return read_name(text, parse_destination)
