# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readings of a cell of ports: a comma, a point or a space between its numbers may group thousands.

A joint is one of these alone between one or two digits and exactly three. Where all joints of a cell as thousands give
valid ports, and all as separators do not, they are thousands; where both do, the cell has both readings. Otherwise
every mixture is a reading. A point never separates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What may join two numbers: the last ones are a comma, a point and a space alone, a line break, a line break with a
# word behind it, and other gaps.
RANGE, LIST, SHORT, COMMA, POINT, SPACE, BREAK, LINE, COLUMN = "-", ",", "/", "?", ".", " ", "\n", "\n,", "  "
EITHER = (COMMA, SPACE)  # one of these alone between digits may group thousands, or separate
_MOST = 3  # readings

# Port ranges, each with the index of its first digit group: C{((80, 80, 0), (6000, 60000, 1))}.
Reading = tuple[tuple[int, int, int], ...]


def groups(head: str, tail: str) -> bool:
    """Whether C{head,tail} may be one number with a thousands separator."""
    return len(tail) == 3 and len(head) < 3 and not head.startswith("0")


def readings_of(numbers: list[str], joints: list[str]) -> list[Reading]:
    """Return the valid readings of a cell, at most three of them."""
    doubtful = [
        index for index, joint in enumerate(joints) if joint in EITHER and groups(numbers[index], numbers[index + 1])
    ]
    separate = _uniform(numbers, joints, thousands=False)
    if not doubtful:
        return [separate] if separate else []
    together = _uniform(numbers, joints, thousands=True)
    if together and not separate:
        return [together]
    mixed = _mixed(numbers, joints)
    if together and separate:
        return [separate, together, *(reading for reading in mixed if reading not in (separate, together))][:_MOST]
    return mixed


def _uniform(numbers: list[str], joints: list[str], *, thousands: bool) -> Reading | None:
    """Return the reading in which all joints group thousands, or none but points; None where it is not valid."""
    grouping = (*EITHER, POINT) if thousands else (POINT,)
    found: list[tuple[int, int, int]] = []
    start, low = 0, 0
    while start < len(numbers):
        text, after = numbers[start], start + 1
        if after < len(numbers) and joints[start] in grouping and groups(text, numbers[after]):
            text, after = text + numbers[after], after + 1
        port = _port(text)
        if not port:
            return None
        ranged = after < len(numbers) and joints[after - 1] == RANGE
        if low and (port < low or ranged):
            return None
        if ranged:
            low, first = port, start
        else:
            found.append((low or port, port, first if low else start))
            low = 0
        start = after
    return tuple(found)


def _port(text: str) -> int:
    """Return a port of 1-65535 without a leading zero, 0 for anything else."""
    port = int(text) if len(text) <= 5 and not text.startswith("0") else 0
    return port if port <= 65535 else 0


def _mixed(numbers: list[str], joints: list[str]) -> list[Reading]:
    """Return the valid readings in which each joint is what it may be, at most three of them.

    The readings of what follows a token are found once, from the right: trying all combinations would take forever.
    """
    count = len(numbers)

    def ports(start: int) -> list[tuple[int, int]]:
        """Return each valid port that begins at token C{start}, with the index of the token after it."""
        found = []
        grouped = start + 1 < count and groups(numbers[start], numbers[start + 1])
        if not (grouped and joints[start] == POINT):
            found.append((_port(numbers[start]), start + 1))
        if grouped and joints[start] in (*EITHER, POINT):
            found.append((_port(numbers[start] + numbers[start + 1]), start + 2))
        return [(port, after) for port, after in found if port]

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
        following[start] = [((low, high, start), rest) for low, high, after in items for rest in following[after]]
        following[start] = following[start][:_MOST]
    return [tuple(_unchained(reading)) for reading in following[0]]


def _unchained(reading: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the items of C{(item, (item, ... None))}."""
    while reading:
        item, reading = reading
        yield item
