# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a cell of ports with what joins them, and the ranges that a reading of them makes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .port_atoms import ANY, NAME, NUMBER, PROTOCOL, Atom, Tokens
from .port_errors import ACCEPTED
from .port_readings import BREAK, COLUMN, COMMA, EITHER, LINE, LIST, POINT, RANGE, SHORT, SPACE, Reading, groups
from .text import DASHES

_RANGE = re.compile(rf"[ ]*[{DASHES}~][ ]*|:|[ ]+(?:to|through|thru)[ ]+", re.IGNORECASE)
_LIST = re.compile(
    r"\s*(?:[,;]\s+(?:and|or|plus)\s+|[,;/&|+]\s*)|\s+(?:and/or|and|or|plus)\s+|\s+",
    re.IGNORECASE,
)
_SHORTHAND = re.compile(r"\s*[/&+]\s*|\s+(?:and/or|and|or|plus)\s+", re.IGNORECASE)
_ALONE = {",": COMMA, ".": POINT, " ": SPACE}


class Item(NamedTuple):
    """A port or an inclusive range, its first and last atom by index, and the protocols that the cell gives it.

    C{printed}: the numbers that it begins and ends with, before C{>} and the like. C{ranged}: it is printed as a range.
    """

    low: int
    high: int
    first: int
    last: int
    protocols: tuple[str, ...] | None = None
    printed: tuple[int, int] = (0, 0)
    ranged: bool = False


class Numbers(NamedTuple):
    """The digit groups of a cell, what joins each to the next, the index of each one's atom, and of each that was 0."""

    texts: list[str]
    joints: list[str]
    atoms: list[int]
    zeros: set[int]


def numbers_of(tokens: Tokens, where: str) -> tuple[Numbers, list[str]]:
    """Return the numbers of a cell, 0-65535 as 1-65535, and a note for each that was."""
    atoms = [index for index, atom in enumerate(tokens.atoms) if atom.kind == NUMBER]
    texts = [tokens.atoms[index].text for index in atoms]
    joints = [_joint(tokens, one, other, where) for one, other in pairwise(atoms)]
    notes, zeros = [], set()
    for index, joint in enumerate(joints):
        if (
            joint == RANGE
            and texts[index] == "0"
            and joints[index - 1 : index] != [RANGE]
            and _ends(texts, joints, index + 1)
        ):
            texts[index] = "1"
            zeros.add(index)
            if texts[index + 1] == "65":
                joints[index + 1] = POINT  # 0-65 is no range
            notes.append("0-65535 is 1-65535: there is no port 0")
    return Numbers(texts, joints, atoms, zeros), notes


def _ends(texts: list[str], joints: list[str], index: int) -> bool:
    """Whether the number from an index on is 65535, with or without its thousands apart."""
    pair = texts[index : index + 2] == ["65", "535"] and joints[index] in (*EITHER, POINT)
    return texts[index] == "65535" or pair


def _joint(tokens: Tokens, one: int, other: int, where: str) -> str:
    """Return what joins two numbers, between which no third one stands; raises ValueError where nothing can."""
    before, atom = tokens.atoms[one], tokens.atoms[other]
    if other > one + 1:
        gaps = [tokens.atoms[index].gap for index in range(one + 1, other + 1)]
        short = any(gap != "/" and _SHORTHAND.fullmatch(gap) for gap in gaps)
        protocols = all(tokens.atoms[index].kind == PROTOCOL for index in range(one + 1, other))
        if any("\n" in gap for gap in gaps):
            return LINE if protocols else LIST
        return SHORT if short and protocols else LIST
    gap = atom.gap
    match = _RANGE.match(gap) or _LIST.match(gap)
    if gap.lstrip(" ").startswith(":") and gap != ":":
        raise ValueError(
            f"{where}: this can be read in two ways: before a colon and a space stands a label, and "
            f"'80:90' is a range: write the ports alone, or the range with a dash"
        )
    if gap == "." and groups(before.text, atom.text) and not atom.apart:
        joint = POINT
    elif not match or not gap:
        raise ValueError(f"{where}: {quoted(_rest(tokens, other))} is not understood: {ACCEPTED}")
    elif match.end() != len(gap):
        raise ValueError(
            f"{where}: a port is missing before {quoted(_rest(tokens, other)[match.end() :].strip())}: {ACCEPTED}"
        )
    else:
        joint = RANGE if match.re is _RANGE else _ALONE.get(gap, _kind(gap))
    if joint == RANGE and (atom.relation or before.relation not in ("", "from") or before.closed or before.ended):
        raise ValueError(
            f"{where}: {quoted(_rest(tokens, other).strip())} is not understood there: write the range in full: "
            f"{ACCEPTED}"
        )
    if atom.apart and joint not in (RANGE, SHORT):
        return LINE if joint == BREAK else LIST
    return joint


def _rest(tokens: Tokens, index: int) -> str:
    return "".join(tokens.plain[index:])


def _kind(gap: str) -> str:
    if gap.isspace():
        return BREAK if "\n" in gap else COLUMN
    return SHORT if _SHORTHAND.fullmatch(gap) else LIST


def items_of(tokens: Tokens, numbers: Numbers, reading: Reading, where: str) -> list[Item]:
    """Return all ports of a cell in printed order: those of a reading, any port, and those that names stand for."""
    found = []
    ends = [*(start for _low, _high, start in reading[1:]), len(numbers.texts)][: len(reading)]
    for (low, high, start), after in zip(reading, ends, strict=True):
        first, last = numbers.atoms[start], numbers.atoms[after - 1]
        printed = (0 if start in numbers.zeros else low, high)
        ranged = RANGE in numbers.joints[start : after - 1]
        atoms = [tokens.atoms[index] for index in numbers.atoms[start:after]]
        low, high = _related(low, high, atoms, ranged, where)
        found.append(Item(low, high, first, last, printed=printed, ranged=ranged))
    for index, atom in enumerate(tokens.atoms):
        if atom.kind == ANY:
            found.append(Item(1, 65535, index, index))
        elif atom.kind == NAME:
            found.append(Item(atom.names[0], atom.names[0], index, index, atom.protocols))
    return sorted(found, key=lambda item: item.first)


def _related(low: int, high: int, atoms: list[Atom], ranged: bool, where: str) -> tuple[int, int]:
    """Return the range that C{> 1024}, C{1024+} and the like stand for; a range without these as it is."""
    relations = {atom.relation for atom in atoms} - {""}
    if ">=" in relations and not ranged:
        relations.discard("from")
    if not relations or (relations == {"from"} and ranged):
        return low, high
    several = sum(atom.relation not in ("", "from") for atom in atoms) > 1
    if ranged or several or relations == {"from"}:
        raise ValueError(
            f"{where}: where these ports begin or end has no single reading: write the range in full: {ACCEPTED}"
        )
    relation = relations.pop()
    first, last = (low + (relation == ">"), 65535) if ">" in relation else (1, low - (relation == "<"))
    if first > last:
        raise ValueError(f"{where}: there is no port {'above 65535' if first > 65535 else 'below 1'}: {ACCEPTED}")
    return first, last
