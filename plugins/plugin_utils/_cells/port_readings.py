# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readings of a cell of ports: a comma or a space between its numbers may separate ports or group thousands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What may join two numbers: the last three are a single space, a line break, and other gaps.
RANGE, LIST, SHORT, COMMA, SPACE, BREAK, COLUMN = "-", ",", "/", "?", " ", "\n", "  "
EITHER = (COMMA, SPACE)  # one of these alone between digits may group thousands

# Port ranges, each with the index of its first digit group: C{((80, 80, 0), (6000, 60000, 1))}.
Reading = tuple[tuple[int, int, int], ...]


def groups(head: str, tail: str) -> bool:
    """Whether C{head,tail} may be one number with a thousands separator."""
    return len(tail) == 3 and len(head) < 3 and not head.startswith("0")


def readings_of(numbers: list[str], joints: list[str]) -> list[Reading]:
    """Return the valid readings of a cell, at most three of them.

    The readings of what follows a token are found once, from the right: trying all combinations would take forever.
    """
    count = len(numbers)

    def ports(start: int) -> list[tuple[int, int]]:
        """Return each valid port that begins at token C{start}, with the index of the token after it."""
        found = []
        if not numbers[start].startswith("0") and len(numbers[start]) <= 5:
            found.append((int(numbers[start]), start + 1))
        if start + 1 < count and joints[start] in EITHER and groups(numbers[start], numbers[start + 1]):
            found.append((int(numbers[start] + numbers[start + 1]), start + 2))
        return [(port, after) for port, after in found if port <= 65535]

    # A reading of what begins at a token: its first item and the reading of the rest, so that nothing is copied.
    following: list[list[Any]] = [[] for dummy in range(count)] + [[None]]
    for start in range(count - 1, -1, -1):
        items = []
        for low, after in ports(start):
            if after == count or joints[after - 1] != RANGE:
                items.append((low, low, after))
                continue
            for high, end in ports(after):
                if low <= high and (end == count or joints[end - 1] != RANGE):
                    items.append((low, high, end))
        following[start] = [((low, high, start), rest) for low, high, after in items for rest in following[after]][:3]
    return [tuple(_unchained(reading)) for reading in following[0]]


def _unchained(reading: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the items of C{(item, (item, ... None))}."""
    while reading:
        item, reading = reading
        yield item
