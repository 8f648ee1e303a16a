# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubts about a valid reading of ports: shorthand, ports that a space may have broken, numbers before ranges.

A shorter number behind a slash, an ampersand or C{and} may be shorthand for the port that it ends (C{5060/61}): where
that is 1 to 20 above the one before, the cell has two readings too. C{443/5349} and C{5349/443} are lists.
"""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import collapse

from .port_numbers import Item, Numbers
from .port_readings import BREAK, COLUMN, LINE, LIST, SHORT, SPACE

_FARTHEST = 20  # a port that shorthand completes is at most so far above the one before
_WELL_KNOWN = 1024  # a range that begins below and overlaps another may begin with the number of its line


def complete(port: int, end: int) -> int:
    """Return the port whose last digits are C{end} and whose first are those of C{port}; 0 if C{end} is no shorter."""
    digits = 10 ** len(str(end))
    return port // digits * digits + end if port >= digits else 0


def other_readings(items: list[Item], numbers: Numbers) -> list[list[Item]]:
    """Return what a valid reading may mean as well: shorthand in full, or broken ports in one; [] for nothing."""
    first = {atom: index for index, atom in enumerate(numbers.atoms)}
    counted = [item for item in items if item.first in first]
    gaps = [BREAK, *(numbers.joints[first[item.first] - 1] for item in counted[1:]), BREAK]
    if counted and counted[0] is not items[0]:  # behind a name
        gaps[0] = LIST
    if counted and counted[-1] is not items[-1]:
        gaps[-1] = LIST
    return _completed(counted, gaps) or _unbroken(counted, gaps)


def _completed(items: list[Item], gaps: list[str]) -> list[list[Item]]:
    """Return the ways to write shorthand in full, C{5060-5061} for C{5060/61}; none if there is none."""
    full: list[Item] = []
    short = 0
    for index, item in enumerate(items):
        same = bool(full) and full[-1].protocols == item.protocols and not _is_open(full[-1])
        before = full[-1].high if same else 0
        farthest = min(before + _FARTHEST, 65535)
        if gaps[index] == SHORT and before < (port := complete(before, item.printed[0])) <= farthest:
            short += 1
            low = port + max(item.low - item.printed[0], 0)
            high = item.high if _is_open(item) else max(low, complete(port, item.high) or item.high)
            full.append(item._replace(low=low, high=high))
        else:
            full.append(item)
    if not short:
        return []
    if len(full) > 2 or any(item.low != item.high for item in full):
        return [full]
    ranged = [full[0]._replace(high=full[1].high)]
    return [ranged] if full[1].high == full[0].low + 1 else [full, ranged]


def _is_open(item: Item) -> bool:
    """Whether ports begin or end nowhere, like those of C{> 1024}."""
    return not item.ranged and item.low < item.high


def _unbroken(items: list[Item], gaps: list[str]) -> list[list[Item]]:
    """Return the ways to write broken ports in one, C{3478} for C{34 78}; none if none seems broken.

    Of several gaps that may be inside a port each may be the one, or all of them.
    """
    broken = [at for at in range(1, len(items)) if _breaks(gaps[at - 1 : at + 2], items[at - 1], items[at])]
    if not broken:
        return []
    return [*(_without(items, {at}) for at in broken[:3]), _without(items, set(broken))]


def _breaks(gaps: list[str], before: Item, behind: Item) -> bool:
    """Whether the second of three gaps may be inside a port: none between numbers on lines of their own is."""
    ports = not (before.ranged or behind.ranged or _is_open(before) or _is_open(behind))
    if gaps[1] == BREAK and ports and {gaps[0], *gaps[2:]} <= {BREAK, LINE}:
        return False
    return (gaps[1] in (SPACE, BREAK) or (gaps[1] == COLUMN and before.ranged)) and bool(_glued(before, behind))


def _without(items: list[Item], gaps: set[int]) -> list[Item]:
    """Return the items without the gaps before those whose index is given."""
    full = items[:1]
    for index, item in enumerate(items[1:], 1):
        whole = _glued(full[-1], item) if index in gaps else None
        full[-1:] = [whole] if whole else [full[-1], item]
    return full


def _glued(before: Item, behind: Item) -> Item | None:
    """Return two items as the one that a gap may have broken: one of the parts has one or two digits.

    Behind a range it is the second part. None if these two cannot be one.
    """
    if before.ranged and behind.ranged:
        return None
    whole = int(f"{before.printed[1]}{behind.printed[0]}")
    short = behind.printed[0] < 100 or (not before.ranged and before.printed[1] < 100)
    if not short or whole > (behind.high if behind.ranged else 65535):
        return None
    if _is_open(before):  # "> 1 24"
        ends = (before.low - before.printed[0] + whole, 65535) if before.high == 65535 else (1, whole)
    else:
        ends = (before.low if before.ranged else whole, behind.high if behind.ranged or _is_open(behind) else whole)
    return before._replace(low=ends[0], high=ends[1], printed=(ends[0], ends[1]), ranged=before.ranged or behind.ranged)


def numbered(items: list[Item]) -> list[list[Item]]:
    """Return two readings of ranges that overlap, of which one begins below 1024: C{1 - 80, 3 - 443} may be numbered
    ports. [] where there are none.
    """
    for protocol in dict.fromkeys(protocol for item in items for protocol in item.protocols or (None,)):
        same = [item for item in items if protocol in (item.protocols or (None,))]
        farthest = 0
        for item in sorted({(item.low, item.high) for item in same if item.low < item.high}):
            low, high = item
            if low <= farthest:
                return [[item._replace(low=item.high) for item in items], _merged(items)]
            if low < _WELL_KNOWN:
                farthest = max(farthest, high)
    return []


def _merged(items: list[Item]) -> list[Item]:
    """Return the ranges of each protocol without overlaps; those of several together where all have the same ones."""
    kinds = list(dict.fromkeys(item.protocols for item in items))
    if len(kinds) > 1:
        kinds = [(protocol,) for protocol in dict.fromkeys(protocol for kind in kinds for protocol in kind or ())]
    return [
        Item(low, high, 0, 0, kind)
        for kind in kinds
        for low, high in collapse(
            (item.low, item.high)
            for item in items
            if item.protocols == kind or set(kind or ()) & {*(item.protocols or ())}
        )
    ]
