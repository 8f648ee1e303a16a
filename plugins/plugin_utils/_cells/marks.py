# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footnote marks: what vendors print behind a port or a protocol to refer to a note. None is part of a number."""

from __future__ import annotations

import re

from .text import DASHES
from .words import VERSION, VERSION_GOES_ON

SIGNS = "*\u2020\u2021\u00a7\u00b6"  # asterisk, dagger, double dagger, section, paragraph
SUPERSCRIPTS = "\u00b9\u00b2\u00b3\u2070\u2074-\u2079"
LETTERS = "a-hA-H"  # those that are no word of their own: U and T may be protocols, I and O directions

# A mark without its gap, but for those in parentheses.
_SIGN = rf"[{SIGNS}]{{1,3}}(?![{SIGNS}])"
_OTHER = rf"[{SUPERSCRIPTS}]+|\[(?:[1-9][0-9]?|[{LETTERS}])\]"
MARK = re.compile(f"{_SIGN}|{_OTHER}")
IN_PARENTHESES = re.compile(rf"[1-9]|[{LETTERS}]")
# One apart: no asterisk, and no number that may be that of the protocol before it.
_LOOSE = rf"{_OTHER}|[{SIGNS[1:]}]{{1,3}}(?![{SIGNS}])|\([ ]*[{LETTERS}][ ]*\)|(?P<number>\([ ]*[1-57-9][ ]*\))"
_BEHIND = re.compile(
    rf"(?:(?<=[A-Za-z0-9)])|(?<=[0-9]\+))(?<![ \n]or)(?<!and)(?<!plus)(?<!over)(?<!via)(?<!\([sS])"
    rf"(?:(?P<sign>{_SIGN})|(?P<mark>{_OTHER})"
    rf"|[ ]*(?P<loose>{_LOOSE})(?![ ]+(?!(?i:and/or|and|or|plus|over|via|only)[ \n])[A-Za-z0-9]))"
    rf"(?=[{DASHES} \n,;/&|+):(]|$|{_SIGN}|{_OTHER})"
    rf"(?![ /]*[0-9]|\([sS]\)|/[iI][pP]|\+[ ]*(?:[\n,;|]|(?i:over|via)[ ]|$)|(?i:{VERSION_GOES_ON}))"
)
# A protocol whose own number is none of those that marks are: 6 is that of TCP, which nothing else is called by.
_TRANSPORT = re.compile(
    rf"(?<![A-Za-z0-9])(?:tcp|udp|(?:tcp|udp)/ip|(?:d?tls|ssl)(?:{VERSION})?|https?|http\(s\)|http/(?:1\.[01]|2|2\.0|3)"
    r"|wss?|websockets?|mtls|quic)\Z",
    re.IGNORECASE,
)
LONGEST = 200  # characters of all remarks of a row


def without_marks(text: str) -> tuple[str, list[str]]:
    """Return a protocol cell without its marks, and the marks as they are printed."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        if match["number"] and not _TRANSPORT.search(text, 0, match.start()):
            return match.group()
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
