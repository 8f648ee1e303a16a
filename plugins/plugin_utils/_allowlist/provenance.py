# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of all vendors, gathered by origin in one pass, so that a million of them need not be held twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import is_name
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    Services,
    check_version,
    has_ports,
    service_of,
    version_of,
)

# As many services of a destination are kept as a set that others share; of more, each destination has its own.
_SHARED = 8
# What all rules of an origin have in common, in the order in which it is read from a rule.
_ORIGIN = ("vendor", "service", "requirement", "source", "date", "direction", "protocol", "ports")
_REQUIRED = ("vendor", "service", "protocol", "ports")
# What the rules of one row may have besides, and few rows do; in this order.
EXTRAS = ("label", "read_as", "own_ip", "source_port")
# A row of an origin: its number alone, or with its extras, '' for those that it has not.
_Row = int | tuple[int, tuple[str, ...]]


@dataclass(slots=True)
class Side:
    """The destinations of one direction: the services of each text, and where the prefixes lie."""

    services: dict[str, Services | set[Service]] = field(default_factory=dict)
    ranges: dict[int, list[tuple[int, int, str]]] = field(default_factory=lambda: {4: [], 6: []})
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Origin:
    """Rules that differ in row and destination only: C{rows} maps the row to its destinations."""

    entry: dict[str, Any]
    order: tuple[Any, ...]
    services: Services
    side: Side
    version: int  # the only IP version of its destinations, 0 for both
    rows: dict[_Row, list[str]] = field(default_factory=dict)


class Book:
    """What the rules say, gathered in one pass so that a million of them need not be held twice."""

    def __init__(self) -> None:
        self.outbound, self.inbound = Side(), Side()
        self._origins: dict[tuple[Any, ...], _Origin] = {}
        # Each set of services once, so that a million destinations share a few of them.
        self._known: dict[Services, Services] = {}

    def add(self, rule: Any, number: int) -> None:
        """Enter a rule, the C{number}th of the input."""
        if not isinstance(rule, dict):
            raise ValueError(f"rule {number}: {rule!r} is not a dictionary; rules are what expand_rows returns")
        get = rule.get
        head = (
            get("vendor"), get("service"), get("requirement"), get("source"),
            get("date"), get("direction"), get("protocol"), get("ports"),
        )  # fmt: skip
        row = get("row", 0)
        try:
            try:
                origin = self._origins.get(head)
            except TypeError:
                origin = None  # A list or a dictionary among the values: _new_origin says which.
            if origin is None:
                origin = self._new_origin(head)
            if row.__class__ is not int or row < 1:
                row = _row(rule)
            if "label" in rule or "read_as" in rule or "own_ip" in rule or "source_port" in rule:
                row = _with_extras(row, rule)
            destination = get("destination")
            if destination.__class__ is not str:
                destination = _text("destination", destination)
            if origin.version and is_address(destination):
                check_version(origin.entry["protocol"], destination)
            side = origin.side
            services = side.services.get(destination)
            if services is None:
                _place(side, destination)
                side.services[destination] = origin.services
            elif isinstance(services, set):
                services |= origin.services
            elif services is not origin.services:
                services |= origin.services
                if len(services) > _SHARED:
                    side.services[destination] = set(services)
                else:
                    side.services[destination] = self._known.setdefault(services, services)
        except ValueError as exc:
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
            if value not in (None, "") or (key in _REQUIRED and (key != "ports" or has_ports(head[6])))
        }
        entry.setdefault("ports", "")
        protocol, direction = entry["protocol"], entry.get("direction")
        if direction not in (None, "inbound"):
            raise ValueError(f"direction '{direction}' is unknown; accepted is inbound, or none for outbound")
        service = service_of(protocol, entry["ports"])
        services = frozenset([service])
        services = self._known.setdefault(services, services)
        order = (*(entry.get(key, "") for key in _ORIGIN[:-1]), *service[1:], entry["ports"])
        side = self.inbound if direction else self.outbound
        origin = self._origins[head] = _Origin(entry, order, services, side, version_of(protocol))
        return origin

    def most_services(self) -> str:
        """Return the vendors with the most services in words, C{acme (2,000 services), kudo (2 services)}."""
        found: dict[str, set[Services]] = defaultdict(set)
        for origin in self._origins.values():
            found[origin.entry["vendor"]].add(origin.services)
        ranked = sorted(found, key=lambda vendor: (-len(found[vendor]), vendor))
        told = ", ".join(f"{vendor} ({len(found[vendor]):,} services)" for vendor in islice(ranked, 3))
        return told + (f" and {len(ranked) - 3} more" if len(ranked) > 3 else "")

    def provenance(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the rules, destinations gathered that differ in nothing else, sorted; each with its canonical JSON."""
        services = defaultdict(list)
        for origin in sorted(self._origins.values(), key=lambda origin: origin.order):
            services[origin.order[:2]].append(origin)
        for origins in services.values():
            # Put together from parts: json.dumps of a million dictionaries takes longer than all the rest.
            parts = [_json_parts(origin.entry) for origin in origins]
            rows = [(*_plain(row), rank, row) for rank, origin in enumerate(origins) for row in origin.rows]
            for number, extras, rank, row in sorted(rows, key=lambda row: (row[0], row[2], row[1])):
                destinations = origins[rank].rows[row]
                if len(destinations) > 1:
                    destinations = sorted(set(destinations))
                entry = origins[rank].entry.copy()
                numbered = ""
                if number:
                    entry["row"] = number
                    numbered = f'"row":{number},'
                entry["destinations"] = destinations
                if extras:
                    entry.update((key, text) for key, text in zip(EXTRAS, extras, strict=True) if text)
                    yield entry, canonical_json(entry)
                    continue
                before, between, after = parts[rank]
                # Prefixes and names hold nothing that JSON would escape.
                listed = '"' + '","'.join(destinations) + '"'
                yield entry, f"{before}[{listed}]{between}{numbered}{after}"


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _json_parts(entry: dict[str, Any]) -> tuple[str, str, str]:
    """Return the canonical JSON of an entry: before its destinations, between them and the row, after the row."""
    text = canonical_json({**entry, "destinations": 0, "row": 0})
    # Inside a text JSON writes a quote as \\", so neither mark can be found in one.
    before, dummy, text = text.partition('"destinations":0')
    between, dummy, after = text.partition('"row":0,')
    return before + '"destinations":', between, after


def _text(key: str, value: Any) -> str:
    if value is None:
        raise ValueError(f"{key} is missing; a rule needs {', '.join(_REQUIRED)} and destination")
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} {value!r} is not a text; write it in quotes")
    return str(value)


def _with_extras(row: int, rule: dict[str, Any]) -> _Row:
    """Return a row with its extras, checked; its number alone where all of them are empty."""
    texts = tuple(_text(key, value) if (value := rule.get(key)) not in (None, "") else "" for key in EXTRAS)
    return (row, texts) if any(texts) else row


def _plain(row: _Row) -> tuple[int, tuple[str, ...]]:
    return (row, ()) if isinstance(row, int) else row


def _row(rule: dict[str, Any]) -> int:
    """Return the row's number as a plain int; 0 where the rule has none."""
    row = rule.get("row")
    if row is None:
        return 0
    if isinstance(row, bool) or not isinstance(row, int) or row < 1:
        raise ValueError(f"row {row!r} is not a whole number from 1")
    return int(row)


def _place(side: Side, destination: str) -> None:
    """Enter a destination that was not seen before as a prefix or a name."""
    if "/" not in destination and is_name(destination):
        side.names.append(destination)
        return
    try:
        version, first, last = parse_prefix(destination)
    except ValueError as exc:
        raise ValueError(
            f"destination {destination!r} is neither a prefix nor a name: {exc}; "
            "accepted are 192.0.2.0/24, 2001:db8::/32, host.example.com, *.example.com, a*.example.com, in lower case"
        ) from None
    side.ranges[version].append((first, last, destination))


def _where(rule: dict[str, Any], number: int) -> str:
    row = rule.get("row")
    place = f"row {row}" if row is not None else f"rule {number}"
    return ": ".join([*(str(rule[key]) for key in ("vendor", "service") if rule.get(key) is not None), place])
