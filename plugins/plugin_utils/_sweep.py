# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the address axis: nested prefixes with masks become disjoint pieces."""

from __future__ import annotations

from collections.abc import Iterable

Item = tuple[int, int, int]


def sweep(items: Iterable[Item]) -> list[Item]:
    """Return disjoint pieces C{(first, last, mask)}, ascending, with the masks of all items that cover them.

    items: C{(first, last, mask)}, both ends inside, in any order, the mask a set of bits that the caller
    gave a meaning to. The items must be laminar as prefixes are: any two are nested or disjoint; ValueError
    otherwise. Items of one address family only. Neighbouring pieces of equal masks come out as one.
    """
    pieces: list[Item] = []
    # The items around the current place, outermost first, each with the masks of those around it.
    around: list[tuple[int, int]] = []
    at = 0
    for first, last, mask in sorted(items, key=_outer_first):
        while around and around[-1][0] < first:
            end, outer = around.pop()
            if at <= end:
                pieces.append((at, end, outer))
                at = end + 1
        if around:
            end, outer = around[-1]
            if last > end:
                raise ValueError(f"the ranges {first}-{last} and one that ends at {end} overlap without being nested")
            mask |= outer
            if mask == outer:
                continue
            if at < first:
                pieces.append((at, first - 1, outer))
        at = first
        around.append((last, mask))
    while around:
        end, outer = around.pop()
        if at <= end:
            pieces.append((at, end, outer))
            at = end + 1
    return _joined(pieces)


def _outer_first(item: Item) -> tuple[int, int]:
    return item[0], -item[1]


def _joined(pieces: list[Item]) -> list[Item]:
    """Return ascending disjoint pieces with neighbours of equal masks made one."""
    joined: list[Item] = []
    low = high = 0
    held = None
    for first, last, mask in pieces:
        if mask == held and first == high + 1:
            high = last
            continue
        if held is not None:
            joined.append((low, high, held))
        low, high, held = first, last, mask
    if held is not None:
        joined.append((low, high, held))
    return joined
