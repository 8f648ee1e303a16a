# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least list: each service by itself, with the fewest prefixes that cover its destinations.

Its lines may overlap, as rules of ufw, services of firewalld and lines of a file may. So a host that has a service of
its own does not split the prefix around it, and a change of one service changes no line of another. Maps of nftables
must be disjoint: they are made of C{elements} and C{layered_elements}.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    blocks,
    is_address,
    parse_prefix,
    prefix_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import Service, has_ports, service_of

from .partition import Element


@dataclass(slots=True)
class _Line:
    """A service to one prefix; C{labels}: who asks for what this line covers and no line of the service itself does."""

    protocol: str
    first: int
    last: int
    labels: set[Any]

    def order(self) -> tuple[str, int, int]:
        """Return a key: by protocol and first port, the widest range first."""
        return self.protocol, self.first, -self.last


@dataclass(slots=True)
class _Level:
    """The lines of one prefix, by protocol; their first and last ports both ascend, as none is inside another."""

    end: int
    lines: dict[str, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    firsts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, line: _Line) -> None:
        self.lines[line.protocol].append(line)
        self.firsts[line.protocol].append(line.first)

    def holder(self, line: _Line) -> _Line | None:
        """Return the line whose ports hold all ports of another, None where there is none."""
        before = bisect_right(self.firsts.get(line.protocol, ()), line.first)
        if not before:
            return None
        found = self.lines[line.protocol][before - 1]
        return found if line.last <= found.last else None


def least(
    provenance: Iterable[dict], version: int, label: Callable[[dict], object], apart: bool = False
) -> list[Element]:
    """Return the least list of one IP version, ascending by address, the widest prefix first, then by service.

    C{label} gives an entry's label, or None to leave the entry out. Names are left out: they have no address to
    filter by. No line is inside another, its addresses and its ports both; each entry that is inside the line of
    a wider service or prefix is among the labels of that line. Ports of one prefix that overlap or touch are one range
    where their labels are equal.
    """
    asked: dict[Service, list[tuple[int, int, object]]] = defaultdict(list)
    for entry in provenance:
        name = label(entry)
        if name is None:
            continue
        spans = asked[service_of(entry["protocol"], entry["ports"])]
        for text in entry["destinations"]:
            if is_address(text) and (":" in text) == (version == 6):
                _version, first, last = parse_prefix(text)
                spans.append((first, last, name))
    placed: dict[Range, list[_Line]] = defaultdict(list)
    for service, spans in asked.items():
        for block, labels in _covering(spans, apart):
            placed[block].append(_Line(*service, labels))
    known: dict[frozenset, tuple] = {}
    return [
        Element(prefix, line.protocol, line.first, line.last, _sorted(line.labels, known))
        for (first, last), lines in _outermost(placed)
        for prefix in (prefix_of(version, first, last),)
        for line in _joined(lines)
    ]


def _sorted(labels: set[Any], known: dict[frozenset, tuple]) -> tuple:
    """Return labels as a sorted tuple, equal ones as one."""
    key = frozenset(labels)
    if key not in known:
        known[key] = tuple(sorted(labels))
    return known[key]


def _covering(spans: list[tuple[int, int, object]], apart: bool) -> Iterator[tuple[Range, set[Any]]]:
    """Yield the fewest prefixes, as ranges, that cover prefixes C{(first, last, label)}, each with their labels.

    A prefix of the fewest holds all of each that it meets, as no two prefixes overlap in part. C{apart}: neighbours of
    different labels stay apart.
    """
    wide: list[tuple[int, int, set[Any]]] = []
    for first, last, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        if wide and last <= wide[-1][1]:
            wide[-1][2].add(label)
        else:
            wide.append((first, last, {label}))
    at = 0
    while at < len(wide):
        end = at + 1
        while end < len(wide) and wide[end][0] == wide[end - 1][1] + 1 and not (apart and wide[end][2] != wide[at][2]):
            end += 1
        for block in blocks(wide[at][0], wide[end - 1][1]):
            labels: set[Any] = set()
            while at < end and wide[at][1] <= block[1]:
                labels |= wide[at][2]
                at += 1
            yield block, labels


def _outermost(placed: dict[Range, list[_Line]]) -> Iterator[tuple[Range, list[_Line]]]:
    """Return the lines by prefix without those that are inside another, which gets their labels."""
    around: list[_Level] = []  # the prefixes around the current one, the widest first
    found: list[tuple[Range, list[_Line]]] = []
    for block in sorted(placed, key=lambda span: (span[0], -span[1])):
        while around and around[-1].end < block[0]:
            around.pop()
        level, kept = _Level(block[1]), []
        for line in _joined(placed[block]):
            outer = next((holder for each in reversed(around) if (holder := each.holder(line))), None)
            if outer:
                outer.labels |= line.labels
            else:
                level.add(line)
                kept.append(line)
        if kept:
            around.append(level)
            found.append((block, kept))
    yield from found


def _joined(lines: list[_Line]) -> list[_Line]:
    """Return the lines of one prefix in order: none inside another, and no neighbours of the same labels."""
    found: list[_Line] = []
    for line in sorted(lines, key=_Line.order):
        before = found[-1] if found and found[-1].protocol == line.protocol else None
        if before and line.last <= before.last:
            before.labels |= line.labels
        elif before and before.labels == line.labels and line.first <= before.last + 1 and has_ports(line.protocol):
            before.last = line.last
        else:
            found.append(line)
    return found
