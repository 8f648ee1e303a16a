# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with numbers that have no valid reading."""

from __future__ import annotations

from .port_doubts import complete
from .port_errors import ACCEPTED
from .port_readings import BREAK, COLUMN, EITHER, POINT, RANGE, groups


def fault(numbers: list[str], joints: list[str]) -> str:
    """Say what is wrong with a cell that has no valid reading, in the reading that a person would try first."""
    joined: list[str] = [numbers[0]]
    between: list[str] = []
    for joint, number in zip(joints, numbers[1:], strict=True):
        grouped = joint == POINT or (joint in EITHER and number.startswith("0"))
        if grouped and groups(joined[-1], number):
            joined[-1] += number
        else:
            joined.append(number)
            between.append(joint)
    for number in joined:
        if not number.strip("0"):
            return f"port {number[:20]} does not exist: {ACCEPTED}"
        if number.startswith("0"):
            return f"port {number[:20]} has a leading zero, which no port has: write the whole port"
        if len(number) > 5 or int(number) > 65535:
            return f"port {number[:20]} is larger than 65535: {ACCEPTED}"
    for index, joint in enumerate(between):
        if joint == RANGE:
            if between[index + 1 : index + 2] == [RANGE]:
                break
            low, high = joined[index], joined[index + 1]
            if int(low) > int(high):
                if between[index + 1 : index + 2] and between[index + 1] in (*EITHER, BREAK, COLUMN):
                    return f"{low} is larger than {high}: write no comma or gap inside a port, and ', ' between two"
                full = complete(int(low), int(high))
                if int(low) < full <= 65535:
                    return f"{low} is larger than {high}: write '{low}-{full}' or '{low}, {high}'"
                return f"{low} is larger than {high}: write the lower port first"
    return f"a range has two ends: {ACCEPTED}"
