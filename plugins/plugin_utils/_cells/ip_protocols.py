# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol cells that name an IP protocol by name or number, and the cells of ports beside them.

C{ESP}, C{50}, C{IP protocol 50} and C{ESP (50)} are one protocol; C{ICMP echo-request} and C{ICMP type 8} one type.
What has no ports has an empty cell of ports, or one that says so.

Gaps are one space by the time a cell is matched here. No pattern has two optional gaps in a row: the time that a match
takes grows with the length of the cell and no faster.
"""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import (
    ALIASES,
    NUMBERS,
    PORTED,
    TYPES,
    canonical,
    canonical_type,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .text import DASHES, LONG_DASHES

# Names of protocols that have no ports, in small letters.
PORTLESS = frozenset({*NUMBERS, *(alias for alias in ALIASES if ALIASES[alias] not in PORTED)} - PORTED)
IP_PROTOCOLS = "IP protocols by name (ESP, GRE, ICMP echo-request) or number (50)"

_TRANSPORTS = ("tcp", "udp")  # whose names are read with those of what travels over them
_SPELLINGS = sorted({*NUMBERS, *ALIASES, "icmp v6", "icmp v4"}, key=len, reverse=True)
_NAME = re.compile(rf"(?P<name>{'|'.join(map(re.escape, _SPELLINGS))})(?![a-z0-9])(?: protocol\b)?", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:ip(?! ?[46](?![0-9]))(?= ?(?:[/#: 0-9]*[0-9]|proto))(?: ?[/#:])? ?)?"
    r"(?:proto(?:col)?\.?(?: ?(?:number|num\.?|no\.?))?(?: ?[:#=])? ?)?"
    r"#?(?P<number>[0-9]+)(?![a-z0-9.])",
    re.IGNORECASE,
)
_VERSION = re.compile(r"ip ?([46])", re.IGNORECASE)
_IPSEC = re.compile(r"ip-?sec[ /-]*(?=\(?(?:esp|ah)\b)", re.IGNORECASE)
_IPSEC_REMARKS = ("(ipsec)", "(ip-sec)")
_AGAIN = re.compile(rf"\((?P<inside>[^()]*)\)|(?:[{DASHES}/:] ?)?(?P<behind>[^() ][^()]*)")
_LIST = re.compile(r" ?(?:[,;&\n]|\+(?![0-9])|\b(?:and|or)\b) ?", re.IGNORECASE)
_TYPE = re.compile(r"[/:,(-]?(?P<type>[^()]+)\)? ?(?:\((?P<other>[^()]*)\))?")
_WORD = re.compile(r"(?:message )?(?P<word>types?)\b(?: ?[:#=])? ?", re.IGNORECASE)
_CODE = re.compile(r"\bcodes?\b|^[0-9]+ ?/ ?[0-9]+$", re.IGNORECASE)
_KIND = re.compile(r" (?:messages?|packets?|type)$", re.IGNORECASE)
_ALL = ("all", "any", "all types", "any type", "types all", "types any")
_NOTHING = {"", "n/a", "na", "none", "not applicable", "any", "all", "no ports", "no port", *DASHES, "--"}


def read_list(text: str, where: str) -> tuple[list[str], list[str]]:
    """Return C{(protocols, rest)} of a cell whose gaps are one space or line break; no protocols but TCP and UDP: none.

    Protocols: C{esp}, C{icmp/echo-request}; rest: the parts of the list that are to be read otherwise.
    Raises ValueError, beginning with C{where}, for an IP protocol with something that cannot be kept.
    """
    found: list[str] = []
    rest: list[str] = []
    types = ""  # the protocol whose types a list may go on with, with how they were written
    parts = _LIST.split(text)
    if not parts[0]:
        return [], []
    for part in filter(None, parts):
        carried = _carried(part, types, where) if types else None
        read = [carried] if carried else _item(part, where)
        if read is None:
            rest.append(part)
        else:
            found += read
        last = (read or [""])[-1].partition("/")
        plural = bool(re.search(r"\btypes\b", part, re.IGNORECASE)) or (bool(carried) and types.endswith("s"))
        types = last[0] + ("/s" if plural else "/") if last[0] in TYPES and last[1] else ""
    if found and not parts[-1]:
        raise ValueError(f"{where}: a protocol is missing at the end: accepted are {IP_PROTOCOLS}")
    return found, rest


def _carried(part: str, types: str, where: str) -> str | None:
    """Return the type that follows others of its protocol in a list, C{0, 8}; None where it is something else."""
    protocol, _slash, plural = types.partition("/")
    word = _WORD.match(part)
    name = part[word.end() :] if word else part
    try:
        kind = canonical_type(protocol, name)
    except ValueError:
        return None
    if name.strip().isdigit() and not word and not plural:
        raise ValueError(
            f"{where} can be read in two ways: {quoted(part)} may be a type of {protocol} or a protocol: write "
            f"'{protocol} type {part}' or 'protocol {part}'"
        )
    return f"{protocol}/{kind}"


def _item(part: str, where: str) -> list[str] | None:
    """Return the protocols of a part without commas: one, or several with slashes."""
    one = _one(part, where)
    if one:
        return [one]
    words = [word.strip().lower() for word in part.split("/")]
    names = [ALIASES.get(word, word) for word in words]
    if len(words) < 2 or any(name not in NUMBERS for name in names) or set(names) <= {*_TRANSPORTS}:
        return None
    if "tcp" not in names and not PORTED.isdisjoint(names):
        raise ValueError(
            f"{where} can be read in two ways, as a list or as one protocol inside the other: write "
            f"'{', '.join(words)}' for each of them, or the outer one alone"
        )
    return names


def _one(part: str, where: str) -> str | None:
    """Return the protocol of a part, None where it is none, or a list with slashes."""
    text = _IPSEC.sub("", part.strip()).strip()
    text = text[1:-1] if text.startswith("(") and text.endswith(")") and not text[1:-1].isdigit() else text
    match = _NAME.match(text) or _NUMBER.match(text)
    if version := _VERSION.fullmatch(text):
        raise ValueError(
            f"{where} can be read in two ways: {quoted(text)} may be a version of IP, or the number of a protocol: "
            f"write 'protocol {version[1]}' if that is meant"
        )
    if not match:
        return None
    by_name = match.re is _NAME
    try:
        protocol = _canonical(match)
    except ValueError as exc:
        raise ValueError(f"{where}: {exc}: accepted are {IP_PROTOCOLS}") from None
    rest = text[match.end() :].strip()
    transport = by_name and protocol in _TRANSPORTS  # read elsewhere, unless its number stands beside it
    if not rest:
        return None if transport else protocol
    if protocol in TYPES:
        return _typed(protocol, rest, part, where, by_name=by_name)
    if rest.lower() in _IPSEC_REMARKS and protocol in ("esp", "ah"):
        return protocol
    again = _AGAIN.fullmatch(rest)
    second = _named(again["inside"] or again["behind"] or "") if again else None
    # Beside TCP and UDP a number may be a port, unless it stands in parentheses.
    port = again is not None and not again["inside"] and {protocol, second and second[0]} & {*_TRANSPORTS}
    if second and by_name != second[1] and not port:
        if second[0] == protocol:
            return protocol
        raise ValueError(f"{where} names {protocol} and {second[0]}: write the one that is meant")
    if transport or "/" in rest:
        return None
    raise ValueError(
        f"{where}: {quoted(rest)} may change what is meant: write the protocol alone, by name or by number: accepted "
        f"are {IP_PROTOCOLS}"
    )


def _canonical(match: re.Match[str]) -> str:
    return canonical("-".join(match.group(1).lower().split()))


def _named(text: str) -> tuple[str, bool] | None:
    """Return the protocol that a text names and nothing else, and whether by name; None if none."""
    match = _NAME.fullmatch(text.strip()) or _NUMBER.fullmatch(text.strip())
    try:
        return (_canonical(match), match.re is _NAME) if match else None
    except ValueError:
        return None


def _typed(protocol: str, rest: str, part: str, where: str, *, by_name: bool) -> str:
    """Return C{icmp/echo-request} of what stands behind a protocol with types, which may be its number again.

    C{by_name}: the protocol is named; behind its number, a number alone may be the end of a range of protocols.
    """
    again = _named(rest.strip(f"() /:{DASHES}"))
    # The number of ICMP itself, 1, and that of ICMPv6, 58, are no types of theirs that mean anything.
    if again and again[0] == protocol and (rest.startswith("(") or not rest.isdigit()):
        return protocol
    match = _TYPE.fullmatch(rest)
    kinds = []
    for text in map(str.strip, filter(None, (match["type"], match["other"]) if match else (rest,))):
        name = text.strip(f" {LONG_DASHES}")
        name = name[word.end() :] if (word := _WORD.match(name)) else name
        name = _KIND.sub("", name.strip("'\" "))
        if not by_name and not word and name.isdigit():
            raise ValueError(
                f"{where} can be read in two ways: {quoted(part)} may be several protocols, or a type of {protocol}: "
                f"write each protocol by itself, or '{protocol} type {name}'"
            )
        if _CODE.search(name):
            raise ValueError(f"{where}: {quoted(text)}: a rule is for all codes of a type: write the type alone")
        if name.lower() in _ALL:
            kinds.append("")
            continue
        try:
            kinds.append(canonical_type(protocol, name))
        except ValueError as exc:
            raise ValueError(f"{where}: {exc}") from None
    if len(set(kinds)) > 1:
        raise ValueError(f"{where} names two types, {' and '.join(kinds)}: write the one that is meant")
    return f"{protocol}/{kinds[0]}" if kinds[0] else protocol


def range_of(protocol: str, cell: str | int | None) -> str:
    """Return what rules have as ports of a protocol that has none: C{''}, or a type that its cell of ports names.

    C{protocol}: C{esp} or C{icmp/echo-request}. Raises ValueError that quotes a cell with anything else.
    """
    name, _slash, kind = protocol.partition("/")
    text = "" if cell is None else " ".join(str(cell).split())
    if text.lower() in _NOTHING:
        return kind
    if name not in TYPES:
        raise ValueError(
            f"ports {quoted(text)}: {name} has no ports: leave the cell empty, and write a row of its own for another "
            "protocol that has these ports"
        )
    word = _WORD.match(text)
    if text.isdigit():
        way = f"if this is a type, write '{name} type {text}' as the protocol" if int(text) <= 255 else "leave it empty"
        raise ValueError(f"ports {quoted(text)}: {name} has no ports: {way}")
    try:
        given = canonical_type(name, text[word.end() :] if word else text)
    except ValueError as exc:
        raise ValueError(f"ports {quoted(text)}: {name} has types and no ports: {exc}") from None
    if kind not in ("", given):
        raise ValueError(f"ports {quoted(text)}: the protocol says {kind} and the ports {given}: write one of them")
    return given
