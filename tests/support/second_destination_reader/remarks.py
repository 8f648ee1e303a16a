# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remarks in round brackets and marks of footnotes."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from tests.support.repository import REPOSITORY

from .lines import STAR
from .names import endings, host, uncommon
from .refusal import Refused

PAGE = REPOSITORY / "docs/cells-destinations.md"
_PRIVATE = {"local", "lan", "internal", "corp", "home", "intranet", "intra", "localdomain"}
REQUIREMENTS = {
    "optional": "optional",
    "recommended": "recommended",
    "required": "required",
    "mandatory": "required",
}
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ"
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
SIGNS = "†‡§¶"
INNER = rf"(?:[1-9a-f]|[*{STAR}]{{1,3}}|[{SIGNS}])"  # what stands in brackets as a mark
_NEW = ["York", "Jersey", "Zealand", "Delhi", "Mexico", "Orleans", "Hampshire", "Brunswick", "Castle"]
_REGIONS = [
    "us",
    "eu",
    "ap",
    "ca",
    "sa",
    "af",
    "me",
    "il",
    "mx",
    "cn",
    "us-gov",
    "asia",
    "europe",
    "northamerica",
    "southamerica",
    "australia",
    "africa",
]
_COMPASS = ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"]


@cache
def words(title: str) -> frozenset[str]:
    """Return a list of words of the page, by the line above it."""
    block = PAGE.read_text(encoding="utf-8").partition(f"\n{title}:\n\n")[2].partition("\n\n")[0]
    assert block.startswith("    ")
    return frozenset(block.split())


def check(text: str, behind: str, requirement: str) -> None:
    """Raise Refused unless C{text} is a remark that changes nothing; C{behind}: the kind of item before it."""
    text = text.strip(" ")
    if REQUIREMENTS.get(text.lower()) == requirement:
        return
    if behind == "any":
        raise Refused("a remark limits any address")
    if _is_host(text):
        if behind == "name":
            raise Refused("which is meant")
        return
    if len(text) > 60 or _forbidden(text) or not _are_words(text):
        raise Refused("no remark")


def _is_host(text: str) -> bool:
    """Tell whether C{text} is a host name of the net or of a private network, and not words with a point."""
    try:
        *labels, ending = host(text).split(".")
    except Refused:
        return False
    if "*" in text or not (len(ending) == 2 or ending in endings() | _PRIVATE):
        return False
    dangerous = words("Words that no remark holds") - words("Words of these that hosts are called by")
    return not uncommon(ending) or not dangerous & {part for label in labels for part in label.split("-")}


def _are_words(text: str) -> bool:
    found = re.split(r" ?/ ?|[,;，；、|] ?| ", text)
    if len(found) > 6:
        return False
    for place, word in enumerate(found):
        before, after = found[:place], "".join(found[place + 1 : place + 2])
        if _plain(word) == "new" and _plain(after).title() in _NEW and after[0].isupper():
            continue
        if not (_is_word(word) or (before and after and word in ("am", "de", "la"))):
            return False
    return True


def _is_word(word: str) -> bool:
    if any(map(_forbidden, [word, *re.split(r"[-.'\u2019]", word), word.rstrip("0123456789")])):
        return False
    if word.lower() in words("Words of places and roles") or _is_code(word):
        return True
    letters = re.sub(r"[-.'\u2019]", "", word)
    long = len(letters) > 1 or word[1:] == "."
    latin = letters.isalpha() and all("LATIN" in unicodedata.name(sign) for sign in letters)
    return long and latin and word[0].isupper()


def _is_code(text: str) -> bool:
    region = rf"(?:{'|'.join(_REGIONS)})-(?:{'|'.join(_COMPASS)})(?:-?[1-9][0-9]?[a-z]?)?"
    return bool(re.fullmatch(rf"{region}|[A-Z]{{2,4}}[0-9]{{1,2}}|[a-z]{{2}}[0-9]", text))


def _plain(word: str) -> str:
    """Return a word in small letters, without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign)).lower()


def _forbidden(word: str) -> bool:
    plain = _plain(word)
    beginnings = words("Beginnings of words that no remark holds")
    return plain in words("Words that no remark holds") or plain.startswith(tuple(beginnings))
