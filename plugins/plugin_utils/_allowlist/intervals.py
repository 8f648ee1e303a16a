# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the address axis: nested prefixes with marks become disjoint pieces."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, TypeVar

Member = TypeVar("Member", bound=Any)

# The most pieces, each counted once for every member of its marks: they are held in memory, and written. As many rules
# as are read, none inside the other, make half of them; all vendors of the catalog together make 1,372.
MOST_MEMBERS = 2_000_000


class TooManyError(ValueError):
    """Prefixes overlap so much that their pieces have more members of marks than C{MOST_MEMBERS}."""


def sweep(items: Iterable[tuple[int, int, frozenset[Member]]]) -> list[tuple[int, int, frozenset[Member]]]:
    """Return disjoint pieces C{(first, last, marks)}, ascending, with the marks of all items that cover them.

    items: C{(first, last, marks)} of one address family, both ends inside, in any order. They must be laminar
    as prefixes are: any two are nested or disjoint; ValueError otherwise. Neighbouring pieces of equal marks
    come out as one. Raises TooManyError before the pieces fill the memory.
    """
    pieces: list[tuple[int, int, frozenset[Member]]] = []
    # The items around the current place, outermost first, each with the marks of those around it.
    around: list[tuple[int, frozenset[Member]]] = []
    at = members = 0
    # By first address, the widest first: two sorts by plain integers are quicker than one by pairs.
    widest_first = sorted(items, key=itemgetter(1), reverse=True)
    for first, last, marks in sorted(widest_first, key=itemgetter(0)):
        if members > MOST_MEMBERS:
            raise TooManyError
        while around and around[-1][0] < first:
            end, outer = around.pop()
            if at <= end:
                pieces.append((at, end, outer))
                members += len(outer)
                at = end + 1
        if around:
            end, outer = around[-1]
            if last > end:
                raise ValueError(f"the ranges {first}-{last} and one that ends at {end} overlap without being nested")
            if marks <= outer:
                continue
            marks = marks | outer
            if at < first:
                pieces.append((at, first - 1, outer))
                members += len(outer)
        at = first
        around.append((last, marks))
    while around:
        end, outer = around.pop()
        if at <= end:
            pieces.append((at, end, outer))
            at = end + 1
    return _joined(pieces)


def _joined(pieces: list[tuple[int, int, frozenset[Member]]]) -> list[tuple[int, int, frozenset[Member]]]:
    """Return ascending disjoint pieces with neighbours of equal marks made one."""
    joined: list[tuple[int, int, frozenset[Member]]] = []
    for piece in pieces:
        if joined and joined[-1][1] + 1 == piece[0] and joined[-1][2] == piece[2]:
            joined[-1] = (joined[-1][0], piece[1], piece[2])
        else:
            joined.append(piece)
    return joined
