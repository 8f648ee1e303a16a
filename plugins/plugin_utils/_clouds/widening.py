# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Widen the prefixes of parts until they fit, with the least extra address space."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    collapse,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import Service, named

from .parts import Part
from .prefix_tree import WEIGHTS, Node, becomes_any, cover, format_span, gaps, grow, share


def number_of_prefixes(part: Part) -> int:
    """Return how many prefixes a part has: the units of most quotas."""
    return len(part.prefixes)


@dataclass(frozen=True)
class Room:
    """One quota that some parts share.

    quota: its name in the user's words, C{"rules for IPv4 in 5 groups of 60 per network interface"}.
    limit: the units that are free. holds: which parts it holds, by their services and version. units: how many a part
    takes, by its services and its number of prefixes; never more for fewer prefixes.
    ways: ways out that only this cloud has, C{"raise the quota 'Inbound or outbound rules per security group'
    (L-0EA8095F)"}; C{{need}} in one becomes the number of units that would do.
    """

    quota: str
    limit: int
    holds: Callable[[Part], bool] = lambda part: True
    units: Callable[[Part], int] = number_of_prefixes
    ways: tuple[str, ...] = ()


@dataclass(frozen=True)
class Widened:
    """Parts that fit, what was widened for it in words, and how much: an address of IPv4 weighs 2^64, of IPv6 1."""

    parts: list[Part]
    lines: list[str] = field(default_factory=list)
    weight: int = 0


class _First(Mapping[str, tuple[str, ...]]):
    """The first prefixes of a part, for counting units without copies."""

    def __init__(self, all_of_them: dict[str, tuple[str, ...]], count: int) -> None:
        self._all, self._count = all_of_them, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return islice(self._all, self._count)

    def __getitem__(self, prefix: str) -> tuple[str, ...]:
        return self._all[prefix]


class Trees:
    """The trees of parts, equal ones grown once, and what is open of the address space of each part anyway."""

    def __init__(self, found: list[Part]) -> None:
        self.leaves = [[parse_prefix(prefix)[1:] for prefix in part.prefixes] for part in found]
        self.opened = [
            collapse(
                span
                for other, leaves in zip(found, self.leaves, strict=True)
                if other.version == part.version and covers(other.services, part.services)
                for span in leaves
            )
            for part in found
        ]
        self._versions = [part.version for part in found]
        self._grown: dict[tuple[int, tuple[Range, ...], tuple[Range, ...]], Node] = {}

    def __getitem__(self, place: int) -> Node:
        """Return the tree of the part at this place."""
        key = self._versions[place], tuple(self.leaves[place]), tuple(self.opened[place])
        if key not in self._grown:
            self._grown[key] = grow(*key)
        return self._grown[key]


def covers(wider: tuple[Service, ...], services: tuple[Service, ...]) -> bool:
    """Tell whether all C{services} are within some of C{wider}."""
    return all(
        any(protocol == name and low <= first and last <= high for name, low, high in wider)
        for protocol, first, last in services
    )


def total(room: Room, found: list[Part]) -> int:
    """Return the units that parts take of a room."""
    return sum(room.units(part) for part in found if room.holds(part))


def units_by_count(room: Room, part: Part, least: int, most: int) -> list[int]:
    """Return the units of a part with C{least}, one more, ... C{most} prefixes."""
    if room.units is number_of_prefixes:
        return list(range(least, most + 1))
    firsts = (_First(part.prefixes, count) for count in range(least, most + 1))
    return [room.units(replace(part, prefixes=cast("dict[str, tuple[str, ...]]", first))) for first in firsts]


def costs_by_units(units: list[int], costs: list[int], weight: int, most: int) -> list[int]:
    """Return the weight of the cheapest cover for each number of units from the least on, up to C{most} places.

    units, costs: by the number of prefixes.
    """
    return [
        costs[bisect_right(units, number) - 1] * weight
        for number in range(units[0], min(units[-1], units[0] + most - 1) + 1)
    ]


def widen(found: list[Part], rooms: list[Room], told: bool = True) -> Widened | None:
    """Return the parts with prefixes that fit into all rooms; None where not even the widest do that hold no special
    addresses, unless the list itself opens these, and do not come to any address.

    The extra address space is the least there can be where rooms have no part in common, or only one of those that
    have is too small. Else the room with the fewest parts is filled first. told: say in words what was widened.
    """
    trees = Trees(found)
    counts = [len(part.prefixes) for part in found]
    if all(total(room, found) <= room.limit for room in rooms):
        return Widened(found)
    least = [trees[place].least for place in range(len(found))]
    for room in sorted(rooms, key=lambda room: sum(map(room.holds, found))):
        held = [place for place, part in enumerate(found) if room.holds(part)]
        units = [units_by_count(room, found[place], least[place], counts[place]) for place in held]
        if sum(of[-1] for of in units) <= room.limit:
            continue
        spare = room.limit - sum(of[0] for of in units)
        if spare < 0:
            return None
        tables = [
            costs_by_units(of, trees[place].costs, WEIGHTS[found[place].version], spare + 1)
            for place, of in zip(held, units, strict=True)
        ]
        for place, of, more in zip(held, units, share(tables, spare), strict=True):
            counts[place] = least[place] - 1 + bisect_right(of, of[0] + more)
    parts, lines, weight = [], [], 0
    for place, (part, count) in enumerate(zip(found, counts, strict=True)):
        if count == len(part.prefixes):
            parts.append(part)
            continue
        spans = cover(trees[place], count)
        parts.append(replace(part, prefixes=_with_labels(part, spans, trees.leaves[place])))
        between = gaps(spans, trees.opened[place])
        weight += WEIGHTS[part.version] * sum(last - first + 1 for first, last in between)
        if told:
            lines += _lines(parts[-1], spans, between)
    return None if _become_any(found, parts) else Widened(parts, lines, weight)


def _become_any(found: list[Part], widened: list[Part]) -> bool:
    """Tell whether parts, each or all of a version, became as good as any address."""
    together: dict[int, tuple[list[Range], list[Range]]] = {4: ([], []), 6: ([], [])}
    for before, after in zip(found, widened, strict=True):
        wanted, covered = ([parse_prefix(prefix)[1:] for prefix in part.prefixes] for part in (before, after))
        if before is not after and becomes_any(before.version, wanted, covered):
            return True
        together[before.version][0].extend(wanted)
        together[before.version][1].extend(covered)
    return any(becomes_any(version, *ranges) for version, ranges in together.items())


def _with_labels(part: Part, spans: list[Range], leaves: list[Range]) -> dict[str, tuple[str, ...]]:
    """Return the prefixes of spans, each with the labels of the leaves in it."""
    values, number = list(part.prefixes.values()), 0
    found: dict[str, tuple[str, ...]] = {}
    for span in spans:
        labels: set[str] = set()
        while number < len(leaves) and leaves[number][1] <= span[1]:
            labels.update(values[number])
            number += 1
        found[format_span(part.version, span)] = tuple(sorted(labels))
    return found


def _lines(part: Part, spans: list[Range], between: list[Range]) -> list[str]:
    """Return a line for each prefix that nobody asked for."""
    labels = list(part.prefixes.values())
    starts = [first for first, _last in spans]
    what, lines = named(part.services), []
    for gap in between:
        who = ", ".join(labels[bisect_right(starts, gap[0]) - 1])
        for prefix in prefixes(part.version, *gap):
            _version, first, last = parse_prefix(prefix)
            number = amount(part.version, last - first + 1)
            lines.append(f"{what} to {prefix}: {number} that nobody asked for ({who})")
    return lines


def amount(version: int, number: int) -> str:
    """Return a number of addresses in words; of IPv6, networks of /64 where they are whole."""
    if version == 6 and number >> 64:
        number = -(-number >> 64)
        return f"{number:,} network{'s' * (number > 1)} of /64"
    return f"{number:,} address{'es' * (number > 1)}"
