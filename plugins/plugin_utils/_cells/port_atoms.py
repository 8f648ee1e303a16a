# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a cell of ports, in printed order: numbers, words for any port, protocols and names, with their gaps."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

NUMBER, ANY, PROTOCOL, NAME = "number", "any", "protocol", "name"
_LISTS = re.compile(r"\s*[,;|/&+]\s*|\s*[,;]?\s+(?:and/or|and|or|plus)\s+", re.IGNORECASE)
_PAIRS = re.compile(r"\s*[/&+]\s*|\s*[,;]?\s+(?:and/or|and|or|plus)\s+", re.IGNORECASE)


@dataclass(slots=True)
class Atom:
    """A number, a word for any port, a protocol or a name: C{kind}, with what stands before it.

    C{gap}: the separators before it, as printed, without marks, remarks and words. C{apart}: such stood there.
    C{tight}: brackets or the word port in the gap. C{closed}: the last one in brackets. C{ended}: a
    purpose without brackets stands behind it. C{relation}: C{>} and the like.
    C{protocols}: of a protocol or a name. C{names}: the ports that its names stand for. C{listed}: it is a list itself.
    C{pure}: it is nothing but names of ports. C{plain}: nothing but TCP and UDP. C{worded}: the word port stands
    behind it, where it is any.
    """

    kind: str
    text: str
    gap: str = ""
    apart: bool = False
    tight: bool = False
    closed: bool = False
    ended: bool = False
    relation: str = ""
    protocols: tuple[str, ...] = ()
    names: tuple[int, ...] = ()
    listed: bool = False
    pure: bool = False
    plain: bool = False
    worded: bool = False


@dataclass(slots=True)
class Remark:
    """A purpose, or the letter U or T, as printed: it belongs to the atom with the index C{at}.

    C{beside}: neither brackets nor a colon say that it is no port.
    """

    text: str
    at: int
    beside: bool = False


@dataclass(slots=True)
class Tokens:
    """A cell's atoms, what is said of them, and its text without marks and remarks."""

    atoms: list[Atom] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)


def is_pair(atoms: list[Atom]) -> bool:
    """Whether atoms begin with a list whose last item stands behind C{and} or its like: what C{both} stands before."""
    if not atoms or atoms[0].kind not in (NUMBER, PROTOCOL):
        return False
    if atoms[0].kind == PROTOCOL and (len(atoms[0].protocols) > 1 or atoms[0].listed or not atoms[0].pure):
        return len(atoms[0].protocols) > 1 or atoms[0].listed
    for before, atom in pairwise(atoms):
        bound = before.kind == PROTOCOL and not _LISTS.fullmatch(atom.gap)
        if atom.kind == PROTOCOL or "\n" in atom.gap or bound:
            return False
        if _PAIRS.fullmatch(atom.gap):
            return True
    return False
