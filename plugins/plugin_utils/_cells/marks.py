# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footnote marks: what vendors print behind a port or a protocol to refer to a note. None is part of a number."""

from __future__ import annotations

import re

from .text import DASHES

SIGNS = "*\u2020\u2021\u00a7\u00b6"  # asterisk, dagger, double dagger, section, paragraph
SUPERSCRIPTS = "\u00b9\u00b2\u00b3\u2070\u2074-\u2079"
LETTERS = "a-hA-H"  # those that are no word of their own: U and T may be protocols, I and O directions

# A mark without its gap, but for those in parentheses.
_SIGN = rf"[{SIGNS}]{{1,3}}(?![{SIGNS}])"
_OTHER = rf"[{SUPERSCRIPTS}]+|\[(?:[1-9][0-9]?|[{LETTERS}])\]"
MARK = re.compile(f"{_SIGN}|{_OTHER}")
IN_PARENTHESES = re.compile(rf"[1-9]|[{LETTERS}]")
_BEHIND = re.compile(
    rf"(?:(?<=[A-Za-z0-9)])|(?<=[0-9]\+))(?<![ \n]or)(?<!and)(?<!plus)(?<!over)(?<!via)"
    rf"(?:(?P<sign>{_SIGN})|(?P<mark>{_OTHER})"
    rf"|[ ]*(?P<loose>{_OTHER}|\([{LETTERS}]\))(?![ ]+(?!(?i:and/or|and|or|plus|over|via|only)[ ])[A-Za-z0-9]))"
    rf"(?=[{DASHES} \n,;/&|+):(]|$|{_SIGN}|{_OTHER})(?![ /]*[0-9]|\([sS]\)|/[iI][pP]|\+[ ]*$)"
)
LONGEST = 200  # characters of all remarks of a row


def without_marks(text: str) -> tuple[str, list[str]]:
    """Return a protocol cell without its marks, and the marks as they are printed."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(match["sign"] or match["mark"] or match["loose"])
        return ""

    return _BEHIND.sub(take, text), found


def capped(remarks: list[str]) -> list[str]:
    """Return remarks, each once, that have at most C{LONGEST} characters together, the last one cut."""
    kept: list[str] = []
    room = LONGEST
    for remark in dict.fromkeys(remarks):
        if len(remark) > room:
            return [*kept, f"{remark[: room - 3]}..."] if room > 3 else kept
        kept.append(remark)
        room -= len(remark) + 2
    return kept
