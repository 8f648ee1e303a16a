# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A destination cell cut into its items: markup, marks and remarks taken off, separators and ranges found."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .anywhere import any_address
from .markup import without_markup
from .neighbours import (
    APART,
    QUAD,
    check_masks,
    check_neighbours,
    check_numbered_names,
    check_shared,
    join_masks,
)
from .remarks import END, is_mark, take_off
from .text import LONG_DASHES, clean, unbulleted

ACCEPTED = (
    "accepted are prefixes, addresses, ranges 'a - b', names and '*.' names, "
    "separated by comma, semicolon, space or newline"
)
_STARRED_LINE = re.compile(r"\*[^\W_]")
# A dash that is not inside a word; ranges are then written with an en dash, whatever was printed. Runs of spaces are
# one space before it is looked for: to look for it at each space of a run would take long.
_SPACES = re.compile(r" {2,}")
_LINE_BREAK = re.compile(r" ?\n[ \n]*")
_DASH = re.compile(rf" ?[{LONG_DASHES}] ?| - ?|- ")
_LETTER = re.compile(r"[A-Za-z]")
# One item, for sure; and what has neither markup nor marks: most cells, and the long ones.
_ONE = re.compile(r"[0-9A-Za-z.:/-]+", re.ASCII)
_PLAIN = re.compile(r"[0-9A-Za-z.:/,; \n-]*", re.ASCII)
_ADDRESS = rf"(?:{QUAD}|[0-9a-f]*:[0-9a-f:.]*)"
_TO = re.compile(
    rf"(?<![^\s,{END}])(?:from\s)?({_ADDRESS})\s(?:to|through|thru)\s({_ADDRESS})(?![^\s,{END}])",
    re.ASCII | re.IGNORECASE,
)
_BETWEEN = re.compile(rf"(?<![^\s,])between\s({_ADDRESS})\sand\s({_ADDRESS})", re.ASCII | re.IGNORECASE)
# Spaces before a word are one; a line break beside it is another.
_AND = re.compile(rf"(?:,[ \n]?)?(?<=[\s,{END}])(?:and/or|and|or|&)(?=\s)", re.IGNORECASE)

Read = Callable[[str], object]


class Items(NamedTuple):
    """The items of a cell, a range with an en dash, C{address mask} with a slash; and what stood behind them."""

    words: list[str]
    remarks: list[str]


def items_of(cell: str, read: Read, requirement: str | None = None) -> Items:
    """Return the items of a cell, in printed order.

    C{read} tells which ways to write a cell can be offered; C{requirement}: what the row says of it. Raises ValueError
    that quotes the cell and gives the reason.
    """
    if _ONE.fullmatch(cell):
        return Items(any_address(cell) or [cell], [])
    where = f"destination {quoted(cell)}"
    text = clean(cell, where)
    if "{{" in text or "{%" in text or "{#" in text:
        raise ValueError(f"{where} holds a template that was not filled in")
    if not text.strip():
        raise ValueError(f"{where} is empty: {ACCEPTED}")
    remarks: list[str] = []
    text = _SPACES.sub(" ", text)
    plain = _PLAIN.fullmatch(text)
    text = text.replace(";", ",") if plain else _SPACES.sub(" ", without_markup(text, where))
    if "\n" in text:
        if "\n " in text or " \n" in text or "\n\n" in text:
            text = _LINE_BREAK.sub("\n", text)
        text = unbulleted(text, where, read)
    if not plain:
        _check_starred_lines(text, where, read)
        text, remarks = take_off(text, where, read, requirement)
    if found := any_address(text.strip(" \n").removesuffix(",").rstrip(f" \n{END}")):
        if not all(map(is_mark, remarks)):
            raise ValueError(
                f"{where} has a remark behind a word for any address, which may limit it: write the addresses that are "
                "meant, or the cell without it, and the remark as the row's label"
            )
        return Items(found, remarks)
    if "-" in text or not text.isascii():
        text = _DASH.sub("–", text)
    return Items(_words(_joined(text, where, read), where, read), remarks)


def _check_starred_lines(text: str, where: str, read: Read) -> None:
    """Refuse stars that all lines begin with, and that a name follows: they are bullets or wildcards."""
    lines = [line.strip(" ,") for line in text.split("\n") if line.strip(" ,")] if "\n" in text else []
    if len(lines) < 2 or not all(map(_STARRED_LINE.match, lines)):
        return
    ways = [", ".join(line[1:] for line in lines), ", ".join(lines)]
    offered = [f"'{way}'" for way in readable((way for way in ways if len(way) <= 60), read)]
    raise ValueError(
        f"{where} can be read in two ways: the stars that its lines begin with can be bullets or wildcards: write "
        f"{' or '.join(offered) or 'it on one line, with commas'}"
    )


def _joined(text: str, where: str, read: Read) -> str:
    """Return a cell with an en dash for C{a to b}, and commas for C{and}, C{or} and C{&}."""
    if not _LETTER.search(text) and "&" not in text:
        return text
    if match := _BETWEEN.search(text):
        ends = match.groups()
        ways = readable([" - ".join(ends), ", ".join(ends)], read)
        raise ValueError(
            f"{where} can be read in two ways: what is between two addresses can be with them or without: write "
            f"{' or '.join(f'{way!r}' for way in ways) or 'the addresses that are meant'}"
        )
    return _AND.sub(",", _TO.sub(r"\1–\2", text.rstrip(" \n")))


def _words(text: str, where: str, read: Read) -> list[str]:
    """Return the items of a cell with commas, spaces and line breaks between them."""
    words: list[str] = []
    apart: set[int] = set()
    parts = text.split(",")
    if len(parts) > 1 and not parts[-1].strip(" \n"):
        parts.pop()
    for part in parts:
        many = len(words)
        for piece in part.split(END):
            items: list[str] = []
            for line in piece.split("\n"):
                items += _items(line, apart, len(words) + len(items))
            if len(items) > 1:
                check_masks(items, where, read)
                if _LETTER.search(piece):
                    check_neighbours(items, where, read)
            words += items
        if len(words) == many:
            raise ValueError(f"{where} lacks an item before or after a separator: {ACCEPTED}")
    if apart:
        check_shared(words, apart, where)
    if len(words) > 1 and _LETTER.search(text):
        check_numbered_names(words, where, read)
    return words


def _items(line: str, apart: set[int], position: int) -> list[str]:
    """Return the words of a line, the first of which has this position in the cell; those with a mask or a length apart
    are added to C{apart}."""
    text = join_masks(line)
    items = text.split()
    if APART in text:
        apart.update(position + number for number, item in enumerate(items) if APART in item)
        items = text.replace(APART, "/").split()
    return items
