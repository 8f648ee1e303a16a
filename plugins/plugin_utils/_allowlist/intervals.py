# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the address axis: nested prefixes with marks become disjoint pieces."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, TypeVar

# What an item says of its addresses: an int taken as bits, or a frozenset. C{|} unites two of them.
Mark = TypeVar("Mark", int, frozenset[Any])


def sweep(items: Iterable[tuple[int, int, Mark]]) -> list[tuple[int, int, Mark]]:
    """Return disjoint pieces C{(first, last, mark)}, ascending, with the marks of all items that cover them.

    items: C{(first, last, mark)} of one address family, both ends inside, in any order. They must be laminar
    as prefixes are: any two are nested or disjoint; ValueError otherwise. Neighbouring pieces of equal marks
    come out as one.
    """
    pieces: list[tuple[int, int, Mark]] = []
    # The items around the current place, outermost first, each with the marks of those around it.
    around: list[tuple[int, Mark]] = []
    at = 0
    # By first address, the widest first: two sorts by plain integers are quicker than one by pairs.
    widest_first = sorted(items, key=itemgetter(1), reverse=True)
    for first, last, mark in sorted(widest_first, key=itemgetter(0)):
        while around and around[-1][0] < first:
            end, outer = around.pop()
            if at <= end:
                pieces.append((at, end, outer))
                at = end + 1
        if around:
            end, outer = around[-1]
            if last > end:
                raise ValueError(f"the ranges {first}-{last} and one that ends at {end} overlap without being nested")
            mark = mark | outer
            if mark == outer:
                continue
            if at < first:
                pieces.append((at, first - 1, outer))
        at = first
        around.append((last, mark))
    while around:
        end, outer = around.pop()
        if at <= end:
            pieces.append((at, end, outer))
            at = end + 1
    return _joined(pieces)


def _joined(pieces: list[tuple[int, int, Mark]]) -> list[tuple[int, int, Mark]]:
    """Return ascending disjoint pieces with neighbours of equal marks made one."""
    joined: list[tuple[int, int, Mark]] = []
    for piece in pieces:
        if joined and joined[-1][1] + 1 == piece[0] and joined[-1][2] == piece[2]:
            joined[-1] = (joined[-1][0], piece[1], piece[2])
        else:
            joined.append(piece)
    return joined
