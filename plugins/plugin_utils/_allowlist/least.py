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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    blocks,
    is_address,
    parse_prefix,
    prefix_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import Service, has_ports, service_of

from .collector import no_collector
from .partition import Element

_Labels = frozenset[Any]
# First and last address of a prefix that is inside no other of its service, and who asks for anything of it.
_Span = tuple[int, int, _Labels]


@dataclass(slots=True)
class _Line:
    """A service to one prefix; C{labels}: who asks for what this line covers and no line of the service itself does."""

    protocol: str
    first: int
    last: int
    labels: _Labels

    def place(self) -> tuple[str, int]:
        return self.protocol, self.first

    def order(self) -> tuple[str, int, int]:
        """Return a key: by protocol and first port, the widest range first."""
        return self.protocol, self.first, -self.last

    def add(self, labels: _Labels) -> None:
        if not labels <= self.labels:
            self.labels |= labels


@no_collector()
def least(
    provenance: Iterable[Mapping[str, Any]],
    version: int,
    label: Callable[[Mapping[str, Any]], object],
    *,
    mixed: bool = False,
) -> list[Element]:
    """Return the least list of one IP version, ascending by address, the widest prefix first, then by service.

    C{label} gives an entry's label, or None to leave the entry out. Names are left out: they have no address to
    filter by. No line is inside another, its addresses and its ports both; each entry that is inside the line of
    a wider service or prefix is among the labels of that line. Ports of one prefix that overlap or touch are one range
    where their labels are equal; C{mixed}: whatever their labels.
    """
    return _lines(version, _asked(provenance, version, label), False, mixed)


def least_and_apart(
    provenance: Iterable[Mapping[str, Any]], version: int, label: Callable[[Mapping[str, Any]], object]
) -> list[list[Element]]:
    """Return the least list and, where it is another, that whose neighbouring prefixes of different labels stay apart.

    Arguments as for C{least}.
    """
    asked = _asked(provenance, version, label)
    found = [_lines(version, asked, False, False)]
    if any(one[1] + 1 == other[0] and one[2] != other[2] for spans in asked.values() for one, other in pairwise(spans)):
        found.append(_lines(version, asked, True, False))
    return found


def _asked(
    provenance: Iterable[Mapping[str, Any]], version: int, label: Callable[[Mapping[str, Any]], object]
) -> dict[Service, list[_Span]]:
    """Return the prefixes of each service that are inside no other, ascending."""
    asked: dict[Service, list[_Span]] = defaultdict(list)
    services: dict[tuple[str, str], list[_Span]] = {}
    alone: dict[object, _Labels] = {}
    for entry in provenance:
        name = label(entry)
        if name is None:
            continue
        labels = alone.setdefault(name, frozenset([name]))
        text = (entry["protocol"], entry["ports"])
        if text not in services:
            services[text] = asked[service_of(*text)]
        spans = services[text]
        for destination in entry["destinations"]:
            if is_address(destination) and (":" in destination) == (version == 6):
                _version, first, last = parse_prefix(destination)
                spans.append((first, last, labels))
    return {service: _outer(spans) for service, spans in asked.items()}


def _outer(spans: list[_Span]) -> list[_Span]:
    """Return the prefixes that are inside no other, ascending, with the labels of those inside them."""
    found: list[_Span] = []
    # By first address, the widest first: two sorts by plain integers are quicker than one by pairs.
    for span in sorted(sorted(spans, key=itemgetter(1), reverse=True), key=itemgetter(0)):
        if not found or span[1] > found[-1][1]:
            found.append(span)
        elif not span[2] <= found[-1][2]:
            found[-1] = (*found[-1][:2], found[-1][2] | span[2])
    return found


def _lines(version: int, asked: Mapping[Service, list[_Span]], apart: bool, mixed: bool) -> list[Element]:
    placed: dict[Range, list[_Line]] = {}
    for (protocol, low, high), spans in asked.items():
        for block, labels in _covering(spans, apart):
            line = _Line(protocol, low, high, labels)
            if block in placed:
                placed[block].append(line)
            else:
                placed[block] = [line]
    known: dict[_Labels, tuple] = {}
    found: list[Element] = []
    for (first, last), lines in _outermost(placed, mixed):
        prefix = prefix_of(version, first, last)
        for line in _joined(lines, mixed):
            if line.labels not in known:
                known[line.labels] = tuple(sorted(line.labels))
            found.append(Element(prefix, line.protocol, line.first, line.last, known[line.labels]))
    return found


def _covering(spans: list[_Span], apart: bool) -> Iterator[tuple[Range, _Labels]]:
    """Yield the fewest prefixes, as ranges, that cover disjoint ones, each with their labels.

    C{apart}: neighbours of different labels stay apart.
    """
    at = 0
    while at < len(spans):
        end = at + 1
        while (
            end < len(spans)
            and spans[end][0] == spans[end - 1][1] + 1
            and not (apart and spans[end][2] != spans[at][2])
        ):
            end += 1
        if end == at + 1:
            yield spans[at][:2], spans[at][2]
            at = end
            continue
        for block in blocks(spans[at][0], spans[end - 1][1]):
            labels = spans[at][2]
            # No two prefixes overlap in part, so one of the fewest holds all of each that it meets.
            while at < end and spans[at][1] <= block[1]:
                if not spans[at][2] <= labels:
                    labels |= spans[at][2]
                at += 1
            yield block, labels


def _outermost(placed: dict[Range, list[_Line]], mixed: bool) -> list[tuple[Range, list[_Line]]]:
    """Return the lines by prefix without those that are inside another, which gets their labels."""
    around: list[tuple[int, list[_Line]]] = []  # the ends and lines of the prefixes around, the widest first
    found: list[tuple[Range, list[_Line]]] = []
    for block in sorted(placed, key=lambda span: (span[0], -span[1])):
        while around and around[-1][0] < block[0]:
            around.pop()
        kept = _joined(placed[block], mixed)
        if around:
            kept = [line for line in kept if not _absorbed(line, around)]
        if kept:
            around.append((block[1], kept))
            found.append((block, kept))
    return found


def _absorbed(line: _Line, around: list[tuple[int, list[_Line]]]) -> bool:
    """Give the labels of a line to the nearest around it that has all of its ports; tell whether there is one."""
    for _end, lines in reversed(around):
        # Of lines of one prefix, none inside another, first and last ports both ascend.
        before = bisect_right(lines, line.place(), key=_Line.place) - 1
        if before >= 0 and lines[before].protocol == line.protocol and line.last <= lines[before].last:
            lines[before].add(line.labels)
            return True
    return False


def _joined(lines: list[_Line], mixed: bool) -> list[_Line]:
    """Return the lines of one prefix in order: none inside another, and no neighbours of the same labels, or at all."""
    if len(lines) == 1:
        return lines
    found: list[_Line] = []
    for line in sorted(lines, key=_Line.order):
        before = found[-1] if found and found[-1].protocol == line.protocol else None
        if before and line.last <= before.last:
            before.add(line.labels)
        elif (
            before
            and line.first <= before.last + 1
            and has_ports(line.protocol)
            and (mixed or before.labels == line.labels)
        ):
            before.add(line.labels)
            before.last = line.last
        else:
            found.append(line)
    return found
