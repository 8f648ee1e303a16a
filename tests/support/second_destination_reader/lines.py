# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spaces, line breaks, bullets and emphasis of whole lines: what is settled before items are read."""

from __future__ import annotations

import itertools
import re
import unicodedata

from .addresses import ADDRESS
from .refusal import Refused

STAR = "\ue02a"  # a star behind a backslash, which is no emphasis
BREAKS = re.compile(r"< ?/? ?(?:br|p|li|ul|ol|div) *?/? ?>", re.IGNORECASE)
BULLETS = "-–—•·*◦▪●○■‣"
SEPARATORS = ",;，；、|"
DASHES = "-‐‑‒–—―−﹘﹣－"
WRAPPERS = ["***", "**", "___", "__", "_", "`"]  # around items and whole lines
EDGE = r" \n,;，；、|()\[\]<>†‡§¶⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ`*_"  # what stands beside an item
TAGS = ["b", "strong", "i", "em", "code", "tt"]

_PAIRS = [
    re.compile(rf"(?<![^{EDGE}])<(?P<tag>{'|'.join(TAGS)})>(?P<inner>[^<>]+)</(?P=tag)>(?=[{EDGE}]|\Z)", re.IGNORECASE),
    re.compile(rf"(?<![^{EDGE}])(?<!`)`(?P<inner>[^`\n]+)`(?!`)(?=[{EDGE}]|\Z)"),
]
_MARK = r"[†‡§¶⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ]+|\([^()\n]+\)|\[[^\[\]\n]+\]"
_EMPHASISED = [
    re.compile(rf"(?<![^{EDGE}])(?<!{edge}){edge} ?(?P<inner>{inner}) ?{edge}(?!{edge})(?=[{EDGE}]|\Z)")
    for edge, inner in [*((re.escape(edge), f"{ADDRESS}|{_MARK}") for edge in WRAPPERS), (r"\*", ADDRESS)]
]


def prepare(cell: str) -> str:
    """Return the cell with plain spaces, line breaks as such, and no bullets; C{STAR} for a star behind a backslash."""
    if re.search(r"\{[{%#]", cell):
        raise Refused("a template")
    cell = cell.replace("\r\n", "\n")
    text = "".join(_plain(sign) for sign in cell)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", lambda found: STAR if found[1] == "*" else found[1], text)
    text = BREAKS.sub("\n", _without_pairs(text))
    lines = [" ".join(line.split(" ")).strip(" ") for line in text.split("\n")]
    lines = [re.sub(" +", " ", line) for line in lines if line]
    if not lines:
        raise Refused("empty")
    return "\n".join(_unwrapped(line) for line in _without_bullets([_without_emphasis(line) for line in lines]))


def _plain(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind == "Zs" or sign == "\t":
        return " "
    if sign == "\n":
        return sign
    if kind in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") or sign in "\u115f\u1160\u3164\uffa0\u2800\u034f":
        raise Refused("a sign that nobody sees")
    return sign


def _without_pairs(text: str) -> str:
    """Return the text without pairs of tags, and without backticks, that stand around whole items."""
    before = None
    while before != text:
        before = text
        for pattern in _PAIRS:
            text = pattern.sub(lambda found: found["inner"].strip(" \n"), text)
    return text


def _without_emphasis(line: str) -> str:
    """Return the line without emphasis around addresses and marks."""
    for pattern in _EMPHASISED:
        line = pattern.sub(lambda found: found["inner"], line)
    return line


def _without_bullets(lines: list[str]) -> list[str]:
    bullet = lines[0][0]
    if len(lines) > 1 and bullet in BULLETS and all(line[:2] == bullet + " " for line in lines):
        lines = [line[2:].strip() for line in lines]
        if any(line[:1] in SEPARATORS for line in lines):
            raise Refused("nothing behind a bullet")
        return lines
    for above, below in itertools.pairwise(lines):
        if above[-1] in DASHES or below[0] in DASHES:
            raise Refused("a bullet or a range")
    return lines


def _unwrapped(line: str) -> str:
    for sign in WRAPPERS:
        inner = line[len(sign) : -len(sign)].strip(" ")
        if line.startswith(sign) and line.endswith(sign) and inner and sign[0] not in inner:
            return _unwrapped(inner)
    return line
