# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spaces, line breaks, bullets and emphasis of whole lines: what is settled before items are read."""

from __future__ import annotations

import itertools
import re
import unicodedata

from .addresses import ADDRESS, LENGTH
from .refusal import Refused

STAR = "\ue02a"  # a star behind a backslash, which is no emphasis
BREAKS = re.compile(r"<(?: |/ ?)?(?:br|p|li|ul|ol|div) *?/? ?>", re.IGNORECASE)
BULLETS = "-–—•·*◦▪●○■‣"
SEPARATORS = ",;，；、|"
DASHES = "-‐‑‒–—―−﹘﹣－"
WHOLE = rf"{ADDRESS}(?:/{LENGTH})?(?: ?[{DASHES}] ?{ADDRESS})?"  # what may stand between single stars
EDGE = r" \n,;，；、|(\[<†‡§¶⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ`*_"  # what stands beside an item
TAGS = ["b", "strong", "i", "em", "code", "tt"]

_BEGINS, _ENDS = rf"(?<![^ \n{SEPARATORS}>`*_])", rf"(?=[{EDGE}]|\Z)"
_MARK = re.compile(r"\*{1,3}(?=[ \n,;，；、|(\[†‡§¶⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ]|\Z)")
_PAIRS = [
    re.compile(rf"{_BEGINS}<(?P<tag>{'|'.join(TAGS)})>(?P<inner>[^<>]+)</(?P=tag)>{_ENDS}", re.IGNORECASE),
    re.compile(rf"{_BEGINS}(?<!`)`(?P<inner>[^`\n]+)`(?!`){_ENDS}"),
    *(
        re.compile(
            rf"{_BEGINS}(?<!{sign[:2]}){sign}(?P<inner>(?! )(?:(?!{sign})[^\n])+?(?<! )){sign}(?!{sign[:2]}){_ENDS}"
        )
        for sign in (r"\*\*\*", r"\*\*")
    ),
    *(
        re.compile(rf"{_BEGINS}(?<!_){sign}(?P<inner>(?![ _])(?:(?!{sign})[^\n])+?(?<! )){sign}(?!_){_ENDS}")
        for sign in ("___", "__", "_")
    ),
    re.compile(rf"{_BEGINS}(?<!\*)\*(?P<inner>{WHOLE})\*(?!\*){_ENDS}"),
]


def prepare(cell: str) -> str:
    """Return the cell with plain spaces, line breaks as such, and no bullets; C{STAR} for a star behind a backslash."""
    if re.search(r"\{[{%#]", cell):
        raise Refused("a template")
    cell = cell.replace("\r\n", "\n")
    text = "".join(_plain(sign) for sign in cell)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", lambda found: STAR if found[1] == "*" else found[1], text)
    if "](" in text:
        raise Refused("a link")
    text = _without_pairs(BREAKS.sub("\n", text))
    lines = [" ".join(line.split(" ")).strip(" ") for line in text.split("\n")]
    lines = [re.sub(" +", " ", line) for line in lines if line]
    if not lines:
        raise Refused("empty")
    return "\n".join(_without_bullets(lines))


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
    """Return the text without tags, backticks and emphasis that stand around whole items."""
    before = None
    while before != text:
        before = text
        for pattern in _PAIRS:
            text = pattern.sub(_inner, text)
    return text


def _inner(found: re.Match[str]) -> str:
    """Return what stands inside a pair, unless it crosses other emphasis."""
    inner = found["inner"].strip(" \n")
    before, behind = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if before and before in "*_`>":
        crossing = before.replace(">", "<") != behind
    else:
        mark = _MARK.match(found.string, found.end()) and inner[:1].isalnum() and inner[-1:].isalnum()
        tag = re.match(rf"<(?:{'|'.join(TAGS)})>", found.string[found.end() :], re.IGNORECASE)
        crossing = bool(tag) or behind in ("_", "`") or (behind == "*" and not mark)
    return (
        found[0]
        if not inner or crossing or inner.count("`") % 2 or (found[0][0] in "*_" and not re.search(r"\w", inner))
        else inner
    )


def _without_bullets(lines: list[str]) -> list[str]:
    bullet = lines[0][0]
    if len(lines) > 1 and bullet in BULLETS and all(line[:2] == bullet + " " for line in lines):
        lines = [line[2:].strip() for line in lines]
        if not all(line and line[0] not in SEPARATORS for line in lines):
            raise Refused("nothing behind a bullet")
        lines[:-1] = [line if line[-1] in SEPARATORS else line + ";" for line in lines[:-1]]
        return lines
    if len(lines) > 1 and all(re.match(r"\*[A-Za-z0-9]", line) for line in lines):
        raise Refused("bullets or wildcards")
    for above, below in itertools.pairwise(lines):
        if above[-1] in DASHES or below[0] in DASHES:
            raise Refused("a bullet or a range")
    return lines
