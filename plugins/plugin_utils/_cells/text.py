# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a cell before it is read: its characters, its lines, and the bullets and numbers before them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import readable, unseen

# The dashes that vendors print in ranges and as bullets, for inside a character class too; a hyphen is also part of
# names.
LONG_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
DASHES = f"-{LONG_DASHES}"

_UNPLAIN = re.compile(r"[^\n -~]")
_MARKS = rf"{DASHES}*\u00b7\u2022\u2023\u2043\u2219\u25a0-\u25ff"
_MARK = re.compile(rf"[{_MARKS}]")
# A line of ports that begins with what may be its number.
_HEAD = re.compile(r"(\d{1,5})(?![ .,]\d{3}(?!\d))[^\d,;]+\d")
_SMALL_HEAD = re.compile(r"([1-9]\d?)(?![, ]\d{3}(?!\d))(?: *[,;/&] *| +(?:and +)?)[1-9]")
_BULLET = re.compile(rf"([{_MARKS}]) +(?=\S)")
# Wide forms of punctuation, as pages in Chinese and Japanese print them; the ideographic comma always separates.
_WIDE = str.maketrans(
    dict(zip("\uff0c\uff1b\uff1a\uff08\uff09\uff5e\u301c", ",;:()~~", strict=True)) | {"\u3001": ", "}
)
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_CODE = re.compile(r"`([^`\n]*)`")
# A separator at the end of a line, or at its beginning, joins it with the next.
_ENDS_OPEN = re.compile(r"(?:[,;/&|]|(?<= )\+|(?<![a-z])(?:and|or|plus))\Z", re.IGNORECASE)
_BEGINS_OPEN = re.compile(r"[,;/&|+]|(?:and|or|plus)(?![a-z])", re.IGNORECASE)


def clean(cell: str, where: str) -> str:
    """Return the cell with every kind of space as ordinary spaces; lines end with C{\\n}.

    Raises ValueError, beginning with C{where}, for control and invisible characters.
    """
    if not _UNPLAIN.search(cell):
        return cell
    # Two spaces: a tab separates columns and never groups the digits of a number.
    text = cell.replace("\r\n", "\n").replace("\t", "  ")
    for character in sorted(set(_UNPLAIN.findall(text))):
        category = unicodedata.category(character)
        if category == "Zs":
            text = text.replace(character, " ")
        elif unseen(character):
            kind = "a control character" if category == "Cc" else "an invisible character"
            raise ValueError(f"{where} holds {kind} (U+{ord(character):04X}): remove it")
    return text


def plain(text: str, where: str) -> str:
    """Return a cell of ports or protocols with ordinary punctuation and without the backticks around its items.

    C{<br>} is a line break. What stood in backticks joins with nothing outside. Raises ValueError for a backtick
    without its other half, and for a letter or digit outside that touches one.
    """
    text = _BREAK.sub("\n", text.translate(_WIDE))
    if "`" in text:
        text = text.strip()
        if any(_is_touched(text, code) for code in _CODE.finditer(text)):
            raise ValueError(
                f"{where} can be read in two ways: what touches a backtick (`) may be a part of what stands in it: "
                "write the cell without backticks"
            )
        whole = _CODE.fullmatch(text)
        text = whole[1] if whole else _CODE.sub(r" \1 ", text)
        if "`" in text:
            raise ValueError(f"{where} has a backtick (`) without its other half: write the cell without it")
    return text


def _is_touched(text: str, code: re.Match[str]) -> bool:
    """Whether a letter, a digit or another backtick stands directly beside what stands in backticks."""
    around = text[max(code.start() - 1, 0) : code.start()] + text[code.end() : code.end() + 1]
    return any(sign.isalnum() or sign == "`" for sign in around)


def is_bulleted(text: str) -> bool:
    """Whether each of two or more lines begins with the same bullet."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    bullets = {match and match.group(1) for match in map(_BULLET.match, lines)}
    return len(lines) > 1 and len(bullets) == 1 and None not in bullets


def unbulleted(text: str, where: str, read: Callable[[str], object]) -> str:
    """Return the cell without the bullets of its lines, with commas between them, if every line has the same one.

    Raises ValueError, beginning with C{where}, if a line begins or ends with a dash otherwise: the dash can be a bullet
    or belong to a range. C{read} tells which of the two readings can be offered.
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()] if _MARK.search(text) else []
    if len(lines) < 2:
        return text
    bullets = [_BULLET.match(line) for line in lines]
    bulleted = bool(bullets[0]) and len({bullet and bullet.group(1) for bullet in bullets}) == 1
    if bulleted:
        lines = [
            _without_separator(line[bullet.end() :]) for bullet, line in zip(bullets, lines, strict=True) if bullet
        ]
    for line, following in pairwise(lines):
        if line.endswith(tuple(DASHES)) or following.startswith(tuple(DASHES)):
            one, other = (half.strip(f"{DASHES} ,;") for half in (line, following))
            short = len(lines) == 2 and one and other and len(one) + len(other) <= 57
            ways = [f"'{way}'" for way in readable((f"{one}, {other}", f"{one} - {other}"), read) if short]
            raise ValueError(
                f"{where} can be read in two ways: the dash at the line break can be a bullet or join the lines: "
                f"write {' or '.join(ways) or 'it on one line'}"
            )
    if not bulleted:
        return "\n".join(lines)
    return "".join(f"{line}\n" if line.endswith(":") else f"{line},\n" for line in lines[:-1]) + lines[-1]


def joined(text: str) -> str:
    """Return a text without empty lines, and without the line breaks beside a separator."""
    lines: list[str] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        if lines and (_ENDS_OPEN.search(lines[-1]) or _BEGINS_OPEN.match(line)):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _without_separator(line: str) -> str:
    """Return a line without the separator at its end; as it is where an item is missing before that."""
    bare = line.rstrip(" ")
    if bare.endswith((",", ";")):
        bare = bare[:-1].rstrip(" ")
    return line if not bare or bare.endswith((",", ";")) else bare


def check_numbering(where: str, text: str) -> None:
    """Raise ValueError if the numbers that lines begin with may count them, and be no ports.

    They are successive, C{5 - 80} above C{6 - 443}, or rise and stand before a comma, C{1, 80} above C{3, 443}.
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    heads = [int(head.group(1)) if (head := _HEAD.match(line)) else 0 for line in lines]
    successive = len(lines) > 1 and heads[0] and heads == [*range(heads[0], heads[0] + len(lines))]
    if successive or _rising(lines) or _rising([part.strip() for part in text.split(";")]):
        raise ValueError(
            f"{where}: this can be read in two ways: its lines seem to be numbered: write them without their numbers, "
            "or, where the numbers are ports, on one line with commas"
        )


def _rising(lines: list[str]) -> bool:
    """Whether lines begin with numbers of one or two digits that rise, and that another number follows."""
    heads = [int(head.group(1)) for line in lines if (head := _SMALL_HEAD.match(line))]
    return len(heads) > 1 and all(one < other for one, other in pairwise(heads))
