# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit prefixes into a quota with the least extra address space.

A quota admits so many prefixes and no more. Fewer than there are can only be had by wider ones. Which to widen is found
exactly, by dynamic programming over the tree of prefixes: its leaves are the wanted prefixes, and each node above is
the narrowest prefix around the leaves below. For each k a node knows what the cheapest cover of its leaves by k
prefixes costs: for one prefix it is the node's own, for more the best split of k between its two sides.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from ._addresses import Range, collapse, format_prefix, parse_prefix, prefixes

# One network of IPv6 (/64) weighs as much as one address of IPv4: else no IPv6 prefix would ever be widened.
_WEIGHTS = {4: 1 << 64, 6: 1}
_BITS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Fitted:
    """What fits: C{prefixes}, ascending, IPv4 first; C{extra}: what they cover beyond the wanted, as minimal prefixes;
    C{addresses}: how many addresses that is, by IP version."""

    prefixes: list[str]
    extra: list[str]
    addresses: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Node:
    """The narrowest prefix around some wanted ones.

    C{costs[k - 1]}: weight of the extra addresses of the cheapest cover by C{k} prefixes; C{sides}: empty for a leaf.
    """

    span: Range
    wanted: int
    costs: list[int]
    sides: tuple[_Node, ...] = ()


def fit_quota(wanted: Iterable[str], most: int) -> Fitted:
    """Return at most C{most} prefixes that cover all C{wanted} ones, with the least extra address space.

    IPv4 and IPv6 share the quota. Raises ValueError for what is not a prefix, and for a quota that not even the widest
    prefixes fit into.
    """
    if most.__class__ is not int or most < 1:
        raise ValueError(f"quota '{most}' is not a number of prefixes: write a whole number from 1")
    if isinstance(wanted, str):
        raise ValueError(f"prefixes {wanted!r}: write a list")
    ranges: dict[int, list[Range]] = {4: [], 6: []}
    for prefix in wanted:
        version, first, last = parse_prefix(prefix)
        ranges[version].append((first, last))
    leaves = {version: _minimal(version, found) for version, found in ranges.items() if found}
    if len(leaves) > most:
        raise ValueError("a quota of 1 has no room for IPv4 and IPv6: one prefix has one IP version")
    trees = {version: _tree(found, 0, len(found), _WEIGHTS[version], most) for version, found in leaves.items()}
    fitted: list[str] = []
    extra: list[str] = []
    addresses: dict[int, int] = {}
    for version, share in _shares(trees, most).items():
        spans = _cover(trees[version], share)
        fitted += [format_prefix(version, first, _BITS[version] - (last - first).bit_length()) for first, last in spans]
        gaps = _gaps(spans, leaves[version])
        extra += [prefix for gap in gaps for prefix in prefixes(version, *gap)]
        addresses[version] = sum(last - first + 1 for first, last in gaps)
    return Fitted(fitted, extra, addresses)


def check_widening(fitted: Fitted, at_most: int) -> None:
    """Raise ValueError where more than C{at_most} extra addresses are covered; it says how many, and where."""
    if at_most.__class__ is not int or at_most < 0:
        raise ValueError(f"widen_at_most '{at_most}' is not a number of addresses: write a whole number from 0")
    extra = sum(fitted.addresses.values())
    if extra > at_most:
        shown = ", ".join(fitted.extra[:5]) + (f" and {len(fitted.extra) - 5} more" if len(fitted.extra) > 5 else "")
        raise ValueError(
            f"{extra:,} addresses that nobody asked for would be opened, {at_most:,} are accepted: {shown}. "
            "Raise the quota, or accept that many with widen_at_most"
        )


def _minimal(version: int, ranges: list[Range]) -> list[Range]:
    """Return the fewest disjoint prefixes that cover exactly these ranges, as ranges."""
    return [parse_prefix(prefix)[1:] for span in collapse(ranges) for prefix in prefixes(version, *span)]


def _tree(leaves: list[Range], low: int, high: int, weight: int, most: int) -> _Node:
    """Return the tree of C{leaves[low:high]}, with the costs of up to C{most} prefixes."""
    first, last = leaves[low][0], leaves[high - 1][1]
    if high - low == 1:
        return _Node((first, last), last - first + 1, [0])
    bit = (first ^ last).bit_length() - 1  # the highest in which the leaves differ: it parts the two sides
    start = first >> (bit + 1) << (bit + 1)
    middle = bisect_left(leaves, (start | 1 << bit, 0), low, high)
    sides = (_tree(leaves, low, middle, weight, most), _tree(leaves, middle, high, weight, most))
    span, wanted = (start, start + (2 << bit) - 1), sides[0].wanted + sides[1].wanted
    costs = _sum(sides[0].costs, sides[1].costs, most)
    costs[0] = (span[1] - span[0] + 1 - wanted) * weight
    return _Node(span, wanted, costs, sides)


def _sum(left: list[int], right: list[int], most: int) -> list[int]:
    """Return C{costs[k - 1] = min(left[i - 1] + right[k - i - 1])} for k from 2 to C{most}; the first is left open."""
    if len(left) < len(right):
        left, right = right, left
    costs = [1 << 200] * min(len(left) + len(right), most)
    for start, cost in enumerate(right, 1):
        end = min(start + len(left), len(costs))
        # The one loop that takes time: without calls, all places of a share at once.
        costs[start:end] = [
            old if old < cost + new else cost + new for old, new in zip(costs[start:end], left, strict=False)
        ]
    return costs


def _split(node: _Node, count: int) -> int:
    """Return how many of C{count} prefixes the left side gets."""
    left, right = (side.costs for side in node.sides)
    shares = range(max(1, count - len(right)), min(len(left), count - 1) + 1)
    return min(shares, key=lambda share: left[share - 1] + right[count - share - 1])


def _cover(node: _Node, count: int) -> list[Range]:
    """Return the cheapest cover by C{count} prefixes."""
    if count == 1:
        return [node.span]
    share = _split(node, count)
    return _cover(node.sides[0], share) + _cover(node.sides[1], count - share)


def _shares(trees: dict[int, _Node], most: int) -> dict[int, int]:
    """Return how many prefixes each IP version gets: no more than it can use, as few as cost the same."""
    if len(trees) < 2:
        return {version: _fewest(tree.costs, most) for version, tree in trees.items()}
    both = _Node((0, 0), 0, _sum(trees[4].costs, trees[6].costs, most), (trees[4], trees[6]))
    count = _fewest(both.costs, most)
    share = _split(both, count)
    return {4: share, 6: count - share}


def _fewest(costs: list[int], most: int) -> int:
    """Return the smallest number of prefixes with the least cost."""
    return costs.index(min(costs[:most])) + 1


def _gaps(spans: list[Range], leaves: list[Range]) -> list[Range]:
    """Return what C{spans} cover and C{leaves} do not; both ascend, and each leaf lies in one span."""
    found, number = [], 0
    for first, last in spans:
        while number < len(leaves) and leaves[number][1] <= last:
            if first < leaves[number][0]:
                found.append((first, leaves[number][0] - 1))
            first = leaves[number][1] + 1
            number += 1
        if first <= last:
            found.append((first, last))
    return found
