# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit prefixes into a quota with the least extra address space.

A quota admits so many prefixes and no more. Fewer than there are can only be had by wider ones. Which to widen is found
exactly, by dynamic programming over the tree of prefixes: its leaves are the wanted prefixes, and each node above is
the narrowest prefix around the leaves below. For each k a node knows what the cheapest cover of its leaves by k
prefixes costs: for one prefix it is the node's own, for more the best split of k between its two sides. Lists that
share a quota are split in the same way. No prefix is widened over special addresses, nor to as good as any address.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    format_prefix,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import ANY_BITS, RANGES, is_any

# One network of IPv6 (/64) weighs as much as one address of IPv4: else no IPv6 prefix would ever be widened.
WEIGHTS = {4: 1 << 64, 6: 1}
# What no prefix is widened to.
CLOSED = "widening never adds special addresses (private, loopback and the like), and never comes to any address"
_FEW = 16  # up to here trying all splits is quicker than looking where the best may be


@dataclass(frozen=True, slots=True)
class Fitted:
    """What fits: C{prefixes}, ascending, IPv4 first; C{extra}: what they cover beyond the wanted, as minimal prefixes;
    C{addresses}: how many addresses that is, by IP version."""

    prefixes: list[str]
    extra: list[str]
    addresses: dict[int, int]


@dataclass(frozen=True, slots=True)
class Node:
    """The narrowest prefix around some wanted ones.

    C{costs[k - least]}: extra addresses of the cheapest cover by C{k} prefixes; C{least}: the fewest that cover the
    leaves and nothing closed; C{sides}: empty for a leaf.
    """

    span: Range
    costs: list[int]
    sides: tuple[Node, ...] = ()
    least: int = 1


def fit_quota(wanted: Iterable[str], most: int) -> Fitted:
    """Return at most C{most} prefixes that cover all C{wanted} ones, with the least extra address space.

    IPv4 and IPv6 share the quota. Raises ValueError for what is not a prefix, and for a quota that not even the widest
    prefixes fit into that hold no special addresses and are not any address.
    """
    return fit_quotas({"": wanted}, most)[""]


def fit_quotas(lists: Mapping[str, Iterable[str]], most: int) -> dict[str, Fitted]:
    """Return the same for several lists that share one quota, by their names."""
    if most.__class__ is not int or most < 1:
        raise ValueError(f"quota '{most}' is not a number of prefixes: write a whole number from 1")
    found: dict[tuple[str, int], list[Range]] = {}
    for name in sorted(lists):
        for version, leaves in _leaves(lists[name]).items():
            found[name, version] = leaves
    if len(found) > most:
        if len(lists) == 1:
            raise ValueError("a quota of 1 has no room for IPv4 and IPv6: one prefix has one IP version")
        raise ValueError(
            f"a quota of {most} has no room for these {len(lists)} lists: they need {len(found)} prefixes or more, one "
            "for each list and IP version"
        )
    if sum(map(len, found.values())) <= most:
        counts = list(map(len, found.values()))
        trees = {}
    else:
        # Equal lists are computed once.
        trees = {(version, tuple(leaves)): grow(version, leaves) for (_name, version), leaves in found.items()}
        grown = [trees[version, tuple(leaves)] for (_name, version), leaves in found.items()]
        least = sum(tree.least for tree in grown)
        if least > most:
            raise ValueError(f"a quota of {most} has no room: {least:,} prefixes or more are needed, since {CLOSED}")
        tables = [
            [cost * WEIGHTS[version] for cost in tree.costs]
            for tree, (_name, version) in zip(grown, found, strict=True)
        ]
        counts = [tree.least + more for tree, more in zip(grown, share(tables, most - least), strict=True)]
    fitted = {name: Fitted([], [], {}) for name in lists}
    for ((name, version), leaves), count in zip(found.items(), counts, strict=True):
        spans = leaves if count == len(leaves) else cover(trees[version, tuple(leaves)], count)
        between = gaps(spans, leaves)
        one = fitted[name]
        one.prefixes.extend(format_span(version, span) for span in spans)
        one.extra.extend(prefix for gap in between for prefix in prefixes(version, *gap))
        one.addresses[version] = sum(last - first + 1 for first, last in between)
        if becomes_any(version, leaves, spans):
            raise ValueError(f"a quota of {most} has no room: {CLOSED}")
    return fitted


def becomes_any(version: int, wanted: Iterable[Range], covered: Iterable[Range]) -> bool:
    """Tell whether what is covered is as good as any address and what was wanted is not."""
    return is_any(version, collapse(covered)) and not is_any(version, collapse(wanted))


def check_widening(fitted: Mapping[str, Fitted], at_most: int) -> None:
    """Raise ValueError where more than C{at_most} extra addresses are covered; it says how many, and where."""
    if at_most.__class__ is not int or at_most < 0:
        raise ValueError(f"widen_at_most '{at_most}' is not a number of addresses: write a whole number from 0")
    extra = in_addresses(
        sum(WEIGHTS[version] * number for one in fitted.values() for version, number in one.addresses.items())
    )
    if extra > at_most:
        listed = [f"{name}: {prefix}" if name else prefix for name, one in fitted.items() for prefix in one.extra]
        shown = ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
        raise ValueError(
            f"{extra:,} addresses that nobody asked for would be opened, {at_most:,} are accepted: {shown}. "
            "Raise the quota, or accept that many with widen_at_most"
        )


def in_addresses(weight: int) -> int:
    """Return how many addresses of IPv4 weigh as much; what is begun counts."""
    return -(-weight // WEIGHTS[4])


def format_span(version: int, span: Range) -> str:
    """Return the text of a prefix that is given by its first and last address."""
    return format_prefix(version, span[0], BITS[version] - (span[1] - span[0]).bit_length())


def grow(version: int, leaves: Sequence[Range], opened: Sequence[Range] | None = None) -> Node:
    """Return the tree over C{leaves}: disjoint prefixes of an IP version, ascending, as ranges; no two could be one.

    opened: ranges, ascending and disjoint, that cost nothing because they are wanted anyway; the leaves, unless said.
    What is special and not among them is closed: no prefix is widened over it.
    """
    free = leaves if opened is None else opened
    closed = gaps(RANGES[version], free)
    ends = [last for _first, last in closed]
    starts = [first for first, _last in free]
    before = [0, *itertools.accumulate(last - first + 1 for first, last in free)]

    def up_to(address: int) -> int:
        """Return how many addresses below C{address} cost nothing."""
        number = bisect_left(starts, address)
        return before[number] - (max(0, free[number - 1][1] - address + 1) if number else 0)

    def is_closed(start: int, end: int) -> bool:
        """Tell whether anything from C{start} to below C{end} is closed."""
        number = bisect_left(ends, start)
        return number < len(closed) and closed[number][0] < end

    def node(low: int, high: int) -> Node:
        first, last = leaves[low][0], leaves[high - 1][1]
        if high - low == 1:
            return Node((first, last), [0])
        bit = (first ^ last).bit_length() - 1  # the highest in which the leaves differ: it parts the two sides
        start = first >> (bit + 1) << (bit + 1)
        middle = bisect_left(leaves, (start | 1 << bit, 0), low, high)
        sides = (node(low, middle), node(middle, high))
        end = start + (2 << bit)
        own = end - start - (up_to(end) - up_to(start))
        costs = _combined(sides[0].costs, sides[1].costs)
        if own and (bit >= ANY_BITS[version] or is_closed(start, end)):
            return Node((start, end - 1), costs, sides, sides[0].least + sides[1].least)
        return Node((start, end - 1), [own, *costs], sides)

    return node(0, len(leaves))


def cover(node: Node, count: int) -> list[Range]:
    """Return the cheapest cover by C{count} prefixes, C{node.least} or more."""
    if count == 1:
        return [node.span]
    left, right = node.sides
    spare = count - left.least - right.least
    share_of_left = left.least + _split(left.costs, right.costs, spare, node.costs[count - node.least])
    return cover(left, share_of_left) + cover(right, count - share_of_left)


def gaps(spans: Sequence[Range], free: Sequence[Range]) -> list[Range]:
    """Return what C{spans} cover and C{free} does not; both ascend and are disjoint."""
    found, number = [], 0
    for first, last in spans:
        while number < len(free) and free[number][1] < first:
            number += 1
        while number < len(free) and free[number][0] <= last:
            if first < free[number][0]:
                found.append((first, free[number][0] - 1))
            first = free[number][1] + 1
            if first > last:
                break  # it may reach into the next span
            number += 1
        if first <= last:
            found.append((first, last))
    return found


def totals(tables: Sequence[Sequence[int]], spare: int) -> list[list[int]]:
    """Return for the first table, the first two, ... all, the least cost of places that add up to 0, 1, ... C{spare}.

    Tables never ascend, and nor do these.
    """
    sums = [[*tables[0][: spare + 1]]]
    for table in tables[1:]:
        sums.append(_combined(sums[-1], table[: spare + 1])[: spare + 1])
    return sums


def share(tables: Sequence[Sequence[int]], spare: int) -> list[int]:
    """Return which place of each table to take so that the places add up to no more than C{spare} and cost least.

    Of what costs the same, the smallest places are taken.
    """
    sums = totals(tables, spare)
    place = sums[-1].index(sums[-1][-1])
    taken = []
    for number in range(len(tables) - 1, 0, -1):
        rest = _split(sums[number - 1], tables[number], place, sums[number][place])
        taken.append(place - rest)
        place = rest
    return [place, *reversed(taken)]


def _leaves(wanted: Iterable[str]) -> dict[int, list[Range]]:
    """Return the fewest disjoint prefixes that cover exactly these, as ranges, by IP version."""
    if isinstance(wanted, (str, Mapping)):
        raise ValueError(f"prefixes {wanted!r}: write a list")
    ranges: dict[int, list[Range]] = {4: [], 6: []}
    for prefix in wanted:
        version, first, last = parse_prefix(prefix)
        ranges[version].append((first, last))
    return {
        version: [parse_prefix(prefix)[1:] for span in collapse(found) for prefix in prefixes(version, *span)]
        for version, found in ranges.items()
        if found
    }


def _split(left: Sequence[int], right: Sequence[int], place: int, cost: int) -> int:
    """Return the first i with C{left[i] + right[place - i] == cost}."""
    for number in range(max(0, place - len(right) + 1), min(len(left) - 1, place) + 1):
        if left[number] + right[place - number] == cost:
            return number
    raise AssertionError("a cost that no split has")


def _combined(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Return C{costs[k] = min(left[i] + right[k - i])}."""
    if len(left) < len(right):
        left, right = right, left
    if len(right) > _FEW:
        return _bounded(left, right)
    costs = [cost + right[0] for cost in left]
    for start, cost in enumerate(right[1:], 1):
        costs.append(left[-1] + cost)
        costs[start:-1] = [
            old if old < cost + new else cost + new for old, new in zip(costs[start:-1], left, strict=False)
        ]
    return costs


def _bounded(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Return the same for long tables.

    No cost is below the convex hull of its table, and where the best sum of two hulls lies is known from their slopes.
    From there on to both sides the sums of the hulls only ascend: the first that is no better than what was found ends
    the search.
    """
    (low_left, slopes_left), (low_right, slopes_right) = _hull(left), _hull(right)
    ends = len(left) - 1, len(right) - 1
    costs = []
    at = 0  # the place in left where the sum of the hulls is least
    for total in range(len(left) + len(right) - 1):
        best = left[at] + right[total - at]
        for places in (range(at - 1, max(0, total - ends[1]) - 1, -1), range(at + 1, min(total, ends[0]) + 1)):
            for place in places:
                if low_left[place] + low_right[total - place] >= best:
                    break
                cost = left[place] + right[total - place]
                if cost < best:
                    best = cost
        costs.append(best)
        if at < ends[0]:
            other = total - at
            if other == ends[1]:
                at += 1
            else:
                (fall, run), (other_fall, other_run) = slopes_left[at], slopes_right[other]
                if fall * other_run <= other_fall * run:
                    at += 1
    return costs


def _hull(costs: Sequence[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the lower convex hull, rounded down, at each place, and its slope C{(rise, run)} behind each place."""
    corners: list[int] = []
    for place, cost in enumerate(costs):
        while len(corners) > 1:
            one, two = corners[-2], corners[-1]
            if (costs[two] - costs[one]) * (place - two) < (cost - costs[two]) * (two - one):
                break
            corners.pop()
        corners.append(place)
    low: list[int] = []
    slopes: list[tuple[int, int]] = []
    for one, two in itertools.pairwise(corners):
        rise, run = costs[two] - costs[one], two - one
        low += [costs[one] + rise * step // run for step in range(run)]
        slopes += [(rise, run)] * run
    return [*low, costs[-1]], slopes
