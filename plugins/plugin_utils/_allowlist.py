# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge the rules of all vendors into one allowlist of disjoint groups.

A service (protocol and port range) is a bit. Each destination that is written in the rules gets the
mask of its services, one sweep over the addresses finds what each piece of the address space may
use, and pieces of equal services make a group. Names cannot be compared like addresses, because tools
differ in what C{*.example.com} matches: each name is kept by its exact text.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ._addresses import Range, collapse, parse_prefix, prefixes
from ._sweep import sweep

PROTOCOLS = ("tcp", "udp")
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_NAME = re.compile(r"(?=.{1,253}\Z)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
# What all rules of an origin have in common, in the order in which it is read from a rule.
_ORIGIN = ("vendor", "service", "requirement", "source", "date", "direction", "protocol", "ports")
_REQUIRED = ("vendor", "service", "protocol", "ports")
_SLICE = 10_000


def merge_vendors(
    rules: Iterable[Any],
    *,
    timers: Iterable[Mapping[str, Any]] = (),
    sources: Iterable[Mapping[str, Any]] = (),
    not_rules: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the allowlist of C{rules}; the same to the byte in whatever order they come.

    rules: dicts as expand_rows gives them, or lists of such dicts (one for each vendor). Needed keys:
    vendor, service, protocol, ports, destination; row, requirement, source, date and direction are kept
    in the provenance when they are there.
    timers, sources, not_rules: carried along, sorted, equal ones once.

    Returns groups, inbound, provenance, timers, sources, not_rules and digest: the SHA-256 of
    C{json.dumps({groups, inbound, provenance, timers}, sort_keys=True, separators=(",", ":"))}.
    Raises ValueError that names vendor, service and row of the rule that cannot be read.
    """
    book = _Book()
    for number, rule in enumerate(_flat(rules), 1):
        book.add(rule, number)
    allowlist: dict[str, Any] = {
        "groups": book.groups(book.outbound),
        "inbound": book.groups(book.inbound),
        "provenance": book.provenance(),
        "timers": _ordered(timers),
        "sources": _ordered(sources),
        "not_rules": _ordered(not_rules),
    }
    allowlist["digest"] = _digest(allowlist)
    return allowlist


def parse_ports(text: str) -> Range:
    """Return C{(first, last)} of '443' or '6000-60000'; ValueError with the reason for anything else."""
    low, dash, high = text.partition("-")
    for part in (low, high) if dash else (low,):
        if not _PORT.fullmatch(part) or int(part) > 65535:
            raise ValueError(f"ports '{text}': '{part}' is not a port from 1 to 65535; write 443 or 6000-60000")
    first, last = int(low), int(high if dash else low)
    if first > last:
        raise ValueError(f"ports '{text}': {first} is larger than {last}: write the lower port first")
    return first, last


def format_ports(first: int, last: int) -> str:
    """Return '443' or '6000-60000'; the inverse of parse_ports."""
    return str(first) if first == last else f"{first}-{last}"


@dataclass(slots=True)
class _Side:
    """The destinations of one direction: services of each text (a mask), and where the prefixes lie."""

    masks: dict[str, int] = field(default_factory=dict)
    ranges: dict[int, list[tuple[int, int, str]]] = field(default_factory=lambda: {4: [], 6: []})
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Origin:
    """Rules that differ in row and destination only: C{rows} maps the row to its destinations."""

    entry: dict[str, Any]
    order: tuple[Any, ...]
    bit: int
    side: _Side
    rows: dict[int, list[str]] = field(default_factory=dict)


class _Book:
    """What the rules say, gathered in one pass so that a million of them need not be held twice."""

    def __init__(self) -> None:
        self.outbound, self.inbound = _Side(), _Side()
        self._origins: dict[tuple[Any, ...], _Origin] = {}
        self._bits: dict[tuple[str, int, int], int] = {}

    def add(self, rule: Any, number: int) -> None:
        """Enter a rule, the C{number}th of the input."""
        if not isinstance(rule, Mapping):
            raise ValueError(f"rule {number}: {rule!r} is not a dictionary; rules are what expand_rows returns")
        get = rule.get
        head = (
            get("vendor"), get("service"), get("requirement"), get("source"),
            get("date"), get("direction"), get("protocol"), get("ports"),
        )  # fmt: skip
        row = get("row", 0)
        try:
            origin = self._origins.get(head) or self._new_origin(head)
            if type(row) is not int or row < 1:
                row = _row(rule)
            destination = get("destination")
            if type(destination) is not str:
                destination = _text("destination", destination)
            side = origin.side
            known = side.masks.get(destination)
            if known is None:
                _place(side, destination)
                side.masks[destination] = origin.bit
            else:
                side.masks[destination] = known | origin.bit
        except (ValueError, TypeError) as exc:
            raise ValueError(f"{_where(rule, number)}: {exc}") from None
        gathered = origin.rows.get(row)
        if gathered is None:
            origin.rows[row] = [destination]
        else:
            gathered.append(destination)

    def _new_origin(self, head: tuple[Any, ...]) -> _Origin:
        entry = {
            key: _text(key, value)
            for key, value in zip(_ORIGIN, head, strict=True)
            if value is not None or key in _REQUIRED
        }
        protocol, direction = entry["protocol"], entry.get("direction")
        if protocol not in PROTOCOLS:
            raise ValueError(f"protocol '{protocol}' is unknown; accepted are {' and '.join(PROTOCOLS)}")
        if direction not in (None, "inbound"):
            raise ValueError(f"direction '{direction}' is unknown; accepted is inbound, or none for outbound")
        first, last = parse_ports(entry["ports"])
        bit = self._bits.setdefault((protocol, first, last), 1 << len(self._bits))
        order = (*(entry.get(key, "") for key in _ORIGIN[:-1]), first, last, entry["ports"])
        side = self.inbound if direction else self.outbound
        origin = self._origins[head] = _Origin(entry, order, bit, side)
        return origin

    def groups(self, side: _Side) -> list[dict[str, Any]]:
        """Return the groups of one direction: disjoint destinations that share exactly one list of services."""
        services: dict[int, tuple[tuple[str, int, int], ...]] = {}
        ranges: dict[int, dict[Any, list[Range]]] = {4: defaultdict(list), 6: defaultdict(list)}
        names = defaultdict(list)
        for version, placed in side.ranges.items():
            for first, last, mask in sweep((first, last, side.masks[text]) for first, last, text in placed):
                allowed = services.get(mask) or services.setdefault(mask, self._services(mask))
                held = ranges[version][allowed]
                if held and held[-1][1] + 1 == first:
                    held[-1] = (held[-1][0], last)
                else:
                    held.append((first, last))
        for name in sorted(side.names):
            names[self._services(side.masks[name])].append(name)
        groups = []
        for allowed in sorted({*ranges[4], *ranges[6], *names}):
            families = {
                version: [text for span in ranges[version].get(allowed, ()) for text in prefixes(version, *span)]
                for version in ranges
            }
            texts = [f"{protocol}/{format_ports(first, last)}" for protocol, first, last in allowed]
            groups.append(
                {"services": texts, "ipv4": families[4], "ipv6": families[6], "names": names.get(allowed, [])}
            )
        ids = _ids([group["services"] for group in groups])
        return [{"id": name, **group} for name, group in zip(ids, groups, strict=True)]

    def _services(self, mask: int) -> tuple[tuple[str, int, int], ...]:
        """Return the services of a mask, port ranges that overlap or touch joined, sorted."""
        ports: dict[str, list[Range]] = {protocol: [] for protocol in PROTOCOLS}
        for (protocol, first, last), bit in self._bits.items():
            if mask & bit:
                ports[protocol].append((first, last))
        return tuple((protocol, *span) for protocol in PROTOCOLS for span in collapse(ports[protocol]))

    def provenance(self) -> list[dict[str, Any]]:
        """Return the rules themselves, destinations gathered that differ in nothing else, sorted."""
        services = defaultdict(list)
        for origin in sorted(self._origins.values(), key=lambda origin: origin.order):
            services[origin.order[:2]].append(origin)
        entries = []
        for origins in services.values():
            rows = [(row, rank) for rank, origin in enumerate(origins) for row in origin.rows]
            for row, rank in sorted(rows):
                origin = origins[rank]
                entry = origin.entry.copy()
                if row:
                    entry["row"] = row
                destinations = origin.rows[row]
                entry["destinations"] = destinations if len(destinations) == 1 else sorted(set(destinations))
                entries.append(entry)
        return entries


def _flat(rules: Any) -> Iterator[Any]:
    """Yield the rules of a list of rules or of a list of lists of rules."""
    if isinstance(rules, (str, Mapping)) or not isinstance(rules, Iterable):
        raise ValueError(f"rules: expected a list of rules, or a list of such lists, not {type(rules).__name__}")
    for item in rules:
        if isinstance(item, (list, tuple)):
            yield from item
        else:
            yield item


def _text(key: str, value: Any) -> str:
    if value is None:
        raise ValueError(f"{key} is missing; a rule needs {', '.join(_REQUIRED)} and destination")
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} {value!r} is not a text; write it in quotes")
    return str(value)


def _row(rule: Mapping[str, Any]) -> int:
    """Return the row's number as a plain int; 0 where the rule has none."""
    row = rule.get("row")
    if row is None:
        return 0
    if isinstance(row, bool) or not isinstance(row, int) or row < 1:
        raise ValueError(f"row {row!r} is not a whole number from 1")
    return int(row)


def _place(side: _Side, destination: str) -> None:
    """Enter a destination that was not seen before as a prefix or a name."""
    if "/" not in destination and _NAME.fullmatch(destination):
        side.names.append(destination)
        return
    try:
        version, first, last = parse_prefix(destination)
    except ValueError as exc:
        raise ValueError(
            f"destination '{destination}' is neither a prefix nor a name: {exc}; "
            "accepted are 192.0.2.0/24, 2001:db8::/32, host.example.com and *.example.com, in lower case"
        ) from None
    side.ranges[version].append((first, last, destination))


def _where(rule: Mapping[str, Any], number: int) -> str:
    row = rule.get("row")
    place = f"row {row}" if row is not None else f"rule {number}"
    return ": ".join([*(str(rule[key]) for key in ("vendor", "service") if rule.get(key) is not None), place])


def _ids(lists: list[list[str]]) -> list[str]:
    """Return an id for each list of services, made from the list alone as long as no two agree."""
    digests = [sha256(_json(services).encode()).hexdigest() for services in lists]
    length = 8
    while len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return [f"g-{digest[:length]}" for digest in digests]


def _ordered(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the items sorted by vendor and then by all they hold, equal ones once."""
    unique = {(str(item.get("vendor", "")), _json(item)): dict(item) for item in items}
    return [unique[key] for key in sorted(unique)]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(allowlist: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the canonical JSON; provenance goes in by slices, its text may be large."""
    digest = sha256()
    digest.update(f'{{"groups":{_json(allowlist["groups"])},"inbound":{_json(allowlist["inbound"])}'.encode())
    digest.update(b',"provenance":[')
    provenance = allowlist["provenance"]
    for start in range(0, len(provenance), _SLICE):
        comma = "," if start else ""
        digest.update((comma + _json(provenance[start : start + _SLICE])[1:-1]).encode())
    digest.update(f'],"timers":{_json(allowlist["timers"])}}}'.encode())
    return digest.hexdigest()
