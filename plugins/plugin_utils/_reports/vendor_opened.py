# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rows of a vendor file open: a table of it, the names by themselves, and what a user must agree to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Consent, Openings
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import REASONS, expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import BITS, is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import special_parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import is_inner

from .layout import Reach, count, format_services, row_numbers, table

ALL = {version: [(0, (1 << bits) - 1)] for version, bits in BITS.items()}
_NONE: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
_HEAD = ("service", "opens", "to", "requirement")
_MARKS = ("only with", "with a reason", "BEYOND print")
_MOST_NAMES = 20  # of a service


class OfOneRow(Openings):
    """What one row opens: what rows open together is another matter."""

    def check(self) -> None:
        """Accept any sum."""


class Opened(NamedTuple):
    """A row, what it needs beside its requirement, its rules, and its readings, as C{readings_of_rows} takes them."""

    row: dict[str, Any]
    condition: str
    rules: list[dict[str, Any]]
    read: dict[str, Any]


@dataclass
class _Destination:
    """What is open to a destination: C{(protocol, ports)}; its rows that are wide for a reason, or read as more."""

    services: set[tuple[str, str]] = field(default_factory=set)
    reasoned: set[int] = field(default_factory=set)
    beyond: set[int] = field(default_factory=set)


@dataclass
class _Line:
    """The destinations of a line of the table, patterns by themselves, and its rows as a destination has them."""

    reach: Reach = field(default_factory=Reach)
    patterns: set[str] = field(default_factory=set)
    reasoned: set[int] = field(default_factory=set)
    beyond: set[int] = field(default_factory=set)

    def add(self, destination: str, one: _Destination) -> None:
        if not is_address(destination) and is_inner(destination):
            self.patterns.add(destination)
        else:
            self.reach.add(destination)
        self.reasoned |= one.reasoned
        self.beyond |= one.beyond

    def __str__(self) -> str:
        patterns = f"{count(len(self.patterns), 'pattern', 'patterns')} that nothing can enforce"
        return ", ".join(filter(None, (self.reach.told(merged=True), patterns if self.patterns else "")))


def opened_lines(opened: Iterable[Opened], reasons: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table with a line for each service, requirement and condition of it; C{reasons} of what is wide."""
    because = {(reason["service"], reason["row"]) for reason in reasons}
    found: dict[tuple[str, ...], dict[str, _Destination]] = defaultdict(lambda: defaultdict(_Destination))
    for row, condition, rules, read in opened:
        number = {row["row"]}
        for rule in rules:
            kind = "address" if is_address(rule["destination"]) else "name"
            key = (rule["service"], rule.get("direction", ""), rule["requirement"], condition, kind)
            one = found[key][rule["destination"]]
            one.services.add((rule["protocol"], rule["ports"]))
            one.reasoned |= number if (row["service"], row["row"]) in because else set()
            one.beyond |= number if read.get("beyond") else set()
    rows = [cells for key, destinations in found.items() for cells in _cells(key, destinations)]
    used = [number for number in range(len(_MARKS)) if any(cells[len(_HEAD) + number] for cells in rows)]
    kept = [*range(len(_HEAD)), *(len(_HEAD) + number for number in used)]
    yield from table([tuple(cells[number] for number in kept) for cells in [(*_HEAD, *_MARKS), *rows]])


def _cells(key: tuple[str, ...], destinations: Mapping[str, _Destination]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of lines, destinations together that share their ports, and those that are marked apart."""
    service, direction, requirement, condition, _kind = key
    lines: dict[tuple[str, bool, bool], _Line] = defaultdict(_Line)
    for destination, one in destinations.items():
        lines[format_services(one.services), bool(one.reasoned), bool(one.beyond)].add(destination, one)
    for (ports, *_marked), line in lines.items():
        rows = (row_numbers(numbers) if numbers else "" for numbers in (line.reasoned, line.beyond))
        yield service, f"{direction} {ports}".lstrip(), str(line), requirement, condition, *rows


def names(opened: Iterable[Opened], *, every: bool) -> Iterator[str]:
    """Yield the names that each service opens, in their order.

    Unless C{every}, these are the first ones, and of a name that choices fill it is the first.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row, _condition, rules, _read in opened:
        of_row = [*dict.fromkeys(rule["destination"] for rule in rules if not is_address(rule["destination"]))]
        filled = isinstance(row.get("read_as", {}).get("destination", row["destination"]), list)
        if filled and len(of_row) > 1 and not every:
            of_row = [f"{of_row[0]} (and {len(of_row) - 1} like it)"]
        found[row["service"]].update(dict.fromkeys(of_row))
    for service, listed in found.items():
        if listed:
            most = len(listed) if every else _MOST_NAMES
            more = f" and {len(listed) - most:,} more, listed with -v" if len(listed) > most else ""
            yield f"{service}: {', '.join(list(listed)[:most])}{more}"


def agreements(opened: list[Opened]) -> Iterator[str]:
    """Yield what a user must agree to where all rows are chosen, and which of them ask for it."""
    special: dict[str, None] = {}
    asking, anywhere = [], []
    for one in opened:
        if REASONS.isdisjoint(one.row):
            continue  # what needs consent needs a reason too
        if _refused([one.row], Consent(True, _NONE), OfOneRow):
            special.update(dict.fromkeys(_special_of(one.rules)))
            asking.append(one)
        if _refused([one.row], Consent(False, ALL), Openings):
            anywhere.append(one)
    wide = _refused([one.row for one in opened], Consent(False, ALL), Openings)
    if wide:
        yield f"a user agrees with catalog_any_address: true, {_places(anywhere) or 'for all rows together'}"
    if special:
        yield f"a user agrees with catalog_special_addresses: [{', '.join(special)}], {_places(asking)}"
    if not wide and not special:
        yield "a user need not agree to anything else"


def _places(opened: Iterable[Opened]) -> str:
    """Return rows in words, C{for corporate rows 4, 5 (optional; names: hosts)}; '' for none."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row, condition, _rules, _read in opened:
        stated = row["requirement"]
        stated += ", taken only where catalog_requirements has that" if stated == "optional" else ""
        found[row["service"], "; ".join(filter(None, (stated, condition)))].add(row["row"])
    texts = (f"{service} {row_numbers(numbers)} ({needs})" for (service, needs), numbers in found.items())
    return f"for {', '.join(texts)}" if found else ""


def _refused(rows: list[dict[str, Any]], consent: Consent, openings: type[Openings]) -> bool:
    try:
        expand_rows(rows, openings=openings(consent))
    except ValueError:
        return True
    return False


def _special_of(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the prefixes of a row that hold special addresses."""
    for rule in rules:
        if "/" in rule["destination"] and special_parts(*parse_prefix(rule["destination"])):
            yield rule["destination"]
