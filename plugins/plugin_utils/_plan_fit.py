# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the parts of an allowlist into the quotas of a cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ._plan_parts import Part


def _prefixes(part: Part) -> int:
    return len(part.prefixes)


@dataclass(frozen=True)
class Room:
    """One quota that some parts share.

    quota: its name in the user's words, C{"rules for IPv4 in 5 groups of 60 per network interface"}.
    limit: the units that are free. holds: which parts it holds. units: how many a part takes; never more for fewer
    prefixes. ways: ways out that only this cloud has, C{"raise the quota 'Inbound or outbound rules per security
    group' (L-0EA8095F)"}.
    """

    quota: str
    limit: int
    holds: Callable[[Part], bool] = lambda part: True
    units: Callable[[Part], int] = _prefixes
    ways: tuple[str, ...] = ()


class DoesNotFit(ValueError):
    """The parts do not fit; the text names the quota, the need, the limit, and the ways out."""


@dataclass(frozen=True)
class Fitted:
    """What fits.

    widened: one line for each prefix or range of ports that nobody asked for. extra: how many addresses that is; a /64
    of IPv6 counts as one, and an address that gets more ports once for each joined range. units: for each room
    C{{"quota", "exact", "need", "limit"}}, C{exact} what it takes without widening.
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
    variable: str = "aws_security_group",
) -> Fitted:
    """Return the parts as they fit into all rooms: exact where that fits.

    Raises DoesNotFit.
    """
    units = []
    for room in rooms:
        need = sum(room.units(part) for part in found if room.holds(part))
        if need > room.limit:
            raise DoesNotFit(
                f"{room.quota}: {need:,} are needed, {room.limit:,} are free, {need - room.limit:,} too many"
            )
        units.append({"quota": room.quota, "exact": need, "need": need, "limit": room.limit})
    return Fitted(found, [], 0, units)
