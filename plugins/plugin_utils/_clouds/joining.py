# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Join neighbouring ports of the same destinations into one range, as far as a quota needs it.

Where each part has one service, a prefix that stands in several parts moves from these to one that has the joined
range; where parts have lists of services, all of a part gets it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import Service, has_ports, named

from .parts import Part, labelled
from .prefix_tree import WEIGHTS
from .widening import Room, Widened, amount, total, widen

_TRIES = (1 / 8, 1 / 3, 2 / 3, 1)  # how much of a need is met by joining, the rest by widening
_FINE = 720720  # divisible by all numbers up to 16: costs per unit stay whole


@dataclass(frozen=True, slots=True)
class _Join:
    """Services that become one range, for a prefix or (C{''}) all of a part; the units that this saves."""

    version: int
    run: tuple[Service, ...]
    of: tuple[Service, ...]
    prefix: str
    weight: int
    saves: int

    def joined(self) -> Service:
        return self.run[0][0], self.run[0][1], self.run[-1][2]

    def places(self) -> set[tuple[object, ...]]:
        """Return what can be joined once only."""
        return {(self.version, self.of, self.prefix, service) for service in self.run}

    def order(self) -> tuple[object, ...]:
        """Return a key: the cheapest for each unit first, then fewer ports."""
        where = parse_prefix(self.prefix) if self.prefix else ()
        return self.weight * _FINE // self.saves, self.ports(), self.version, self.run, self.of, where

    def ports(self) -> int:
        """Return how many ports nobody asked for."""
        return self.run[-1][2] - self.run[0][1] + 1 - sum(last - first + 1 for _protocol, first, last in self.run)


def join(found: list[Part], rooms: list[Room]) -> Widened | None:
    """Return parts that fit with joined ports, and wider prefixes for what these leave; None where nothing is gained.

    The cheapest joins come first. How far they go is tried at several places, from nowhere to where nothing need be
    widened: what opens least of these is taken, not always the least that there could be.
    """
    chosen: list[_Join] = []
    for room in rooms:
        over = total(room, found) - room.limit
        if over <= 0:
            continue
        cheapest = _cheapest(found, room, over, chosen)
        alone = widen(found, [room], told=False)
        outcomes = [(alone.weight, 0)] if alone else []
        for number in sorted({math.ceil(len(cheapest) * share) for share in _TRIES} - {0}):
            if outcomes and sum(one.weight for one in cheapest[:number]) >= min(outcomes)[0]:
                break
            outcome = _applied(found, [room], cheapest[:number], told=False)
            if outcome:
                outcomes.append((outcome.weight, number))
        if outcomes:
            chosen += cheapest[: min(outcomes)[1]]
    return _applied(found, rooms, chosen) if chosen else None


def _cheapest(found: list[Part], room: Room, over: int, chosen: list[_Join]) -> list[_Join]:
    """Return the joins that cost least for each unit, as many as save C{over} units, beside those that are chosen."""
    held = [part for part in found if room.holds(part)]
    candidates = list(_of_prefixes(held) if all(len(part.services) == 1 for part in held) else _of_lists(held, room))
    candidates.sort(key=_Join.order)
    taken: list[_Join] = []
    used = {place for one in chosen for place in one.places()}
    for cheap in candidates:
        if used & cheap.places():
            continue
        one = cheap
        if one.saves > over:  # the last need not join more than is needed
            alike = [
                other
                for other in candidates
                if other.prefix == one.prefix and other.places() <= one.places() and other.saves >= over
            ]
            one = min(alike, key=lambda other: (other.weight, other.ports(), other.run))
        used |= one.places()
        taken.append(one)
        over -= one.saves
        if over <= 0:
            break
    return taken


def _runs(services: list[Service]) -> Iterator[tuple[Service, ...]]:
    """Yield all neighbours of one protocol with ports, two or more."""
    ported = sorted(service for service in services if has_ports(service[0]))
    for _protocol, alike in itertools.groupby(ported, key=lambda service: service[0]):
        ranges = list(alike)
        for first, behind in itertools.combinations(range(len(ranges) + 1), 2):
            if behind - first > 1:
                yield tuple(ranges[first:behind])


def _of_prefixes(held: list[Part]) -> Iterator[_Join]:
    """Yield what could be joined for each prefix that stands in several parts."""
    standing: dict[tuple[int, str], list[Service]] = {}
    for part in held:
        for prefix in part.prefixes:
            standing.setdefault((part.version, prefix), []).append(part.services[0])
    for (version, prefix), services in standing.items():
        if len(services) > 1:
            _version, first, last = parse_prefix(prefix)
            weight = (last - first + 1) * WEIGHTS[version]
            for run in _runs(services):
                yield _Join(version, run, (), prefix, weight, len(run) - 1)


def _of_lists(held: list[Part], room: Room) -> Iterator[_Join]:
    """Yield what could be joined for each part that takes fewer units then."""
    for part in held:
        weight = _addresses(part) * WEIGHTS[part.version]
        for run in _runs([*part.services]):
            one = _Join(part.version, run, part.services, "", weight, 1)
            saves = room.units(part) - room.units(Part(_services(part.services, [one]), part.version, part.prefixes))
            if saves > 0:
                yield _Join(part.version, run, part.services, "", weight, saves)


def _addresses(part: Part) -> int:
    return sum(last - first + 1 for _version, first, last in map(parse_prefix, part.prefixes))


def _services(services: tuple[Service, ...], joins: list[_Join]) -> tuple[Service, ...]:
    """Return services with the joined ranges in the place of their runs."""
    gone = {service for one in joins for service in one.run}
    return tuple(sorted({*services} - gone | {one.joined() for one in joins}))


def _applied(found: list[Part], rooms: list[Room], joins: list[_Join], told: bool = True) -> Widened | None:
    """Return the parts with joined ports, widened to what the rooms hold; C{told} in words, too."""
    moved = {(one.version, one.prefix, service): one for one in joins if one.prefix for service in one.run}
    placed: dict[tuple[int, tuple[Service, ...]], dict[str, set[str]]] = {}
    asked: dict[_Join, set[str]] = {one: set() for one in joins}
    for part in found:
        whole = [one for one in joins if (one.version, one.of) == (part.version, part.services)]
        services = _services(part.services, whole)
        for prefix, labels in part.prefixes.items():
            one = moved.get((part.version, prefix, part.services[0])) if len(part.services) == 1 else None
            for used in [one] if one else whole:
                asked[used].update(labels)
            target = placed.setdefault((part.version, (one.joined(),) if one else services), {})
            target.setdefault(prefix, set()).update(labels)
    fitted = widen([_part(*key, prefixes) for key, prefixes in sorted(placed.items(), key=_key)], rooms, told)
    if not fitted:
        return None
    lines = [_line(one, sorted(asked[one])) for one in sorted(joins, key=_Join.order)] if told else []
    return Widened(fitted.parts, [*lines, *fitted.lines], fitted.weight + sum(one.weight for one in joins))


def _key(item: tuple[tuple[int, tuple[Service, ...]], object]) -> tuple[int, tuple[Service, ...]]:
    return item[0]


def _part(version: int, services: tuple[Service, ...], found: dict[str, set[str]]) -> Part:
    """Return a part of prefixes that may be inside each other: the outer ones have the labels of those in them."""
    pieces: list[tuple[int, int, tuple[str, ...]]] = []
    spans = [(*parse_prefix(prefix)[1:], labels) for prefix, labels in found.items()]
    for first, last, labels in sorted(spans, key=lambda span: (span[0], -span[1])):
        if pieces and last <= pieces[-1][1]:
            pieces[-1] = (*pieces[-1][:2], tuple(sorted({*pieces[-1][2], *labels})))
        else:
            pieces.append((first, last, tuple(sorted(labels))))
    return Part(services, version, labelled(version, pieces))


def _line(one: _Join, labels: list[str]) -> str:
    """Return what is joined, in words."""
    number, ports = amount(one.version, one.weight // WEIGHTS[one.version]), one.ports()
    where = one.prefix or f"all IPv{one.version} destinations of {named(one.of)}"
    return (
        f"{named((one.joined(),))} to {where}: {number} with {ports:,} port{'s' * (ports > 1)} that nobody asked for, "
        f"{' and '.join(named((service,)) for service in one.run)} joined ({', '.join(labels)})"
    )
