# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts: a value in quotes for an error message, the advice that can be followed, and characters that are not seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

# Control, format (bidirectional marks, tags, soft hyphen), private, unassigned, surrogate; separators of lines.
_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"))
# Letters, marks and symbols that are drawn as nothing: the combining grapheme joiner, fillers of Hangul, Khmer and
# Khitan, variation selectors, the empty pattern of Braille, a note without a head. First and last of each run.
_BLANK = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0x16FE4, 0x16FE4), (0x1D159, 0x1D159), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Control characters have no names in Unicode; these are among those that end a line somewhere.
_CONTROLS = {
    "\t": "TAB", "\n": "LINE FEED", "\v": "VERTICAL TAB", "\f": "FORM FEED", "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE", "\x7f": "DELETE", "\x85": "NEXT LINE",
}  # fmt: skip


def unseen(text: str) -> str:
    """Return the first character, by code point, that a reader does not see and that is no space; '' for none."""
    if text.isascii() and text.isprintable():
        return ""
    for character in sorted(set(text)):
        code = ord(character)
        blank = code > 127 and any(first <= code <= last for first, last in _BLANK)
        if blank or unicodedata.category(character) in _UNSEEN_CATEGORIES:
            return character
    return ""


def kind_of(character: str) -> str:
    """Return what an unseen character is, for an error message: C{control character U+2066 (LEFT-TO-RIGHT ISOLATE)}."""
    control = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
    return f"{'control' if control else 'invisible'} character {named_character(character)}"


def named_character(character: str) -> str:
    """Return the code point of a character, with its name if it has one: C{U+2028 (LINE SEPARATOR)}."""
    name = unicodedata.name(character, _CONTROLS.get(character, ""))
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def quoted(cell: str) -> str:
    """Return the cell in quotes, control characters escaped, cut after 60 characters."""
    return repr(_cut(cell))


def verbatim(text: str) -> str:
    """Return a text in quotes as it is printed, backslashes and quotes too; only what ends a line is escaped."""
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) + "'"


def shown(value: object) -> str:
    """Return a value that is no text as Python writes it, cut after 60 characters."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return _cut(text)


def briefly(value: object) -> str:
    """Return a text as it is, and what is no text as Python writes it, cut after 60 characters."""
    return _cut(value) if isinstance(value, str) else shown(value)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def readable(ways: Iterable[str], read: Callable[[str], object]) -> list[str]:
    """Return those ways to write a cell that C{read} does not refuse, each once: no error offers another error."""
    accepted = []
    for way in filter(None, dict.fromkeys(ways)):
        try:
            read(way)
        except ValueError:
            continue
        accepted.append(way)
    return accepted
