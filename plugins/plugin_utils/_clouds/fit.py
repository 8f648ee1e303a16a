# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the parts of an allowlist into the quotas of a cloud: exact, or with the least that nobody asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .joining import join
from .parts import Part
from .prefix_tree import CLOSED, in_addresses
from .widening import Room, Widened, total, widen


class DoesNotFit(ValueError):
    """The parts do not fit; the text names the quota, the need, the limit, and the ways out."""


@dataclass(frozen=True)
class Fitted:
    """What fits.

    widened: one line for each prefix or range of ports that nobody asked for. extra: how many addresses that is, in
    each part anew; a /64 of IPv6 counts as one, and an address that gets more ports once for each joined range.
    units: for each room C{{"quota", "exact", "need", "limit"}}, C{exact} what it takes without widening.
    """

    parts: list[Part]
    widened: list[str] = field(default_factory=list)
    extra: int = 0
    units: list[dict[str, Any]] = field(default_factory=list)


def fit(
    found: list[Part],
    rooms: list[Room],
    *,
    widen_at_most: int = 0,
    join_services: bool = False,
    variable: str = "aws_egress",
) -> Fitted:
    """Return the parts as they fit into all rooms: exact if they can be, else with the least extra address space.

    widen_at_most: extra addresses that are accepted in all. join_services: whether neighbouring ports of the same
    destinations may become one range, where that opens less. variable: how the user's variables begin.
    Raises DoesNotFit where more would have to be opened, ValueError for a bound that is none.
    """
    if widen_at_most.__class__ is not int or widen_at_most < 0:
        raise ValueError(f"{variable}_widen_at_most '{widen_at_most}' is not a whole number from 0")
    if join_services.__class__ is not bool:
        raise ValueError(f"{variable}_join_services '{join_services}' is not accepted: write true or false")
    exact = [total(room, found) for room in rooms]
    if all(need <= room.limit for need, room in zip(exact, rooms, strict=True)):
        best = Widened(found)
    else:
        best = _least(found, rooms, widen_at_most, join_services, variable)
    units = [
        {"quota": room.quota, "exact": need, "need": total(room, best.parts), "limit": room.limit}
        for room, need in zip(rooms, exact, strict=True)
    ]
    return Fitted(best.parts, best.lines, in_addresses(best.weight), units)


def _least(found: list[Part], rooms: list[Room], widen_at_most: int, join_services: bool, variable: str) -> Widened:
    """Return what fits and opens least; raise DoesNotFit where that is more than is accepted."""
    alone = widen(found, rooms)
    joined = join(found, rooms) if join_services else None
    best = _cheaper(alone, joined)
    if best and in_addresses(best.weight) <= widen_at_most:
        return best
    if not join_services:
        joined = join(found, rooms)  # for the ways out
    raise DoesNotFit(_refusal(found, rooms, alone, joined, join_services, variable))


def _cheaper(alone: Widened | None, joined: Widened | None) -> Widened | None:
    """Return what opens less; joined only where that is less."""
    if alone and joined:
        return joined if joined.weight < alone.weight else alone
    return alone or joined


def _refusal(
    found: list[Part],
    rooms: list[Room],
    alone: Widened | None,
    joined: Widened | None,
    join_services: bool,
    variable: str,
) -> str:
    """Return the quotas that are too small, by how much, and the ways out."""
    short, ways = [], []
    for room in rooms:
        need, free = total(room, found), max(0, room.limit)
        if need <= room.limit:
            continue
        short.append(f"{room.quota}: {need:,} needed, {free:,} free, {need - free:,} too many")
        ways += [way.replace("{need}", f"{need:,}") for way in room.ways]
        label, count = _most(found, room.holds)
        ways.append(f"fewer engines or regions ({label} alone asks for {count:,} prefixes)")
    ways.append("a newer edition of the vendor's list")
    best = _cheaper(alone, joined) if join_services else alone
    if best:
        ways.append(_budget(best, variable))
    if not join_services and joined and _cheaper(alone, joined) is joined:
        ways.append(f"{variable}_join_services: true with {_budget(joined, variable)}")
    text = f"this does not fit: {'; '.join(short)}. Ways out: {'; '.join(dict.fromkeys(ways))}"
    return text if alone else f"{text}. Wider prefixes alone are no way out: even the widest are too many; {CLOSED}"


def _budget(best: Widened, variable: str) -> str:
    extra = in_addresses(best.weight)
    return f"{variable}_widen_at_most: {extra} (addresses that nobody asked for)"


def _most(found: list[Part], holds: Callable[[Part], bool]) -> tuple[str, int]:
    """Return who asks for the most prefixes, and how many."""
    asking = Counter(label for part in found if holds(part) for labels in part.prefixes.values() for label in labels)
    return min(asking.items(), key=lambda item: (-item[1], item[0]), default=("nobody", 0))
