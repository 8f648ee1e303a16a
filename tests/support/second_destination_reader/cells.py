# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cell of destinations: items, what stands behind them, and what is between them."""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from . import addresses, names, remarks
from .addresses import ADDRESS, IPV4, LENGTH
from .lines import DASHES, SEPARATORS, STAR, prepare
from .refusal import Refused

_HOSTS = r"hosts?|address(?:es)?|destinations?"
_ANY = re.compile(
    rf"(?:any|all|\*|everywhere|anywhere|(?:the )?internet|(?:any|all) (?:{_HOSTS}|ips?|ip address(?:es)?)"
    rf"|(?:any|all) ipv(?P<version>[46])(?: (?:{_HOSTS}))?)",
    re.IGNORECASE,
)
_ANYWHERE = {"4": "0.0.0.0/0", "6": "::/0"}
_WORD_BETWEEN = r"(?:(?i:and/or|and|or|&)[ \n]+)?"
_BETWEEN = re.compile(rf"(?:[ \n]*(?P<sign>[{SEPARATORS}])[ \n]*|[ \n]+)(?P<word>{_WORD_BETWEEN})")
_END = re.compile(rf"[ \n]*[{SEPARATORS}]?\Z")
_TO = r"[ \n]+(?i:to|through|thru)[ \n]+"
_RANGE = re.compile(
    rf"(?P<first>{ADDRESS})(?: ?[{DASHES}] ?|{_TO})(?P<last>{ADDRESS})"
    rf"|(?i:from)[ \n]+(?P<from>{ADDRESS}){_TO}(?P<to>{ADDRESS})"
)
_MASKED = re.compile(
    rf"(?P<address>{IPV4})(?:(?P<slash> ?/ ?)| (?P<bracket>\()?|(?P<line>\n))(?P<mask>{IPV4})(?(bracket)\))"
)
_LENGTH = re.compile(rf"(?P<address>{ADDRESS})(?P<slash> ?/ ?)(?P<length>{LENGTH})")
_STOPS = rf" \n{SEPARATORS}()\[\]<>`{remarks.SIGNS}{remarks.RAISED}"
_WORD = re.compile(rf"[^{_STOPS}]+")
_STARS = re.compile(rf"[*{STAR}]{{1,3}}(?![*{STAR}])")
_MARK = re.compile(
    rf"[ \n]*(?:(?P<raised>[{remarks.SIGNS}{remarks.RAISED}]+)"
    rf"|\([ \n]*(?P<round>{remarks.INNER})[ \n]*\)|\[ ?(?P<square>{remarks.INNER}|\^[1-9]) ?\]"
    rf"|<(?i:sup)> ?(?P<sup>{remarks.INNER}|[0-9]{{1,3}}) ?</(?i:sup)>"
    r"|\([ \n]*(?P<remark>[^()\[\]<>\n]+)[ \n]*\))"
)


class Item(NamedTuple):
    """An item: prefixes or one name, its kind, and what of it is printed; C{place}: where it is an address alone."""

    results: list[str]
    kind: str  # address, apart (with a length or mask behind a space), prefix, range, name
    printed: str = ""
    place: addresses.Address | None = None


def read(cell: str, requirement: str = "required") -> list[str]:
    """Return the prefixes and names of a cell in printed order; raise Refused where it has not exactly one reading."""
    return _Reading(prepare(cell), requirement).whole()


class _Reading:
    """One pass over a cell."""

    def __init__(self, text: str, requirement: str) -> None:
        self.text = text
        self.place = 0
        self.requirement = requirement

    def whole(self) -> list[str]:
        """Return what the whole cell says."""
        anywhere = self._anywhere()
        if anywhere:
            return anywhere
        items: list[Item] = []
        runs: list[list[Item]] = [[]]  # with nothing but space between them
        while True:
            item = self._item()
            if item.kind == "apart" and items and items[-1].kind == "address":
                raise Refused("whose length is it")
            start = self.place
            self._behind(item)
            items.append(item)
            runs[-1].append(item)
            if _END.match(self.text, self.place):
                break
            between = _BETWEEN.match(self.text, self.place)
            if not between:
                raise Refused("something behind an item")
            self.place = between.end()
            if start != between.start() or between["sign"] or between["word"]:
                runs.append([])
        for run in runs:
            _check_spaces(run)
        if names.counted([item.printed for item in items if item.kind == "name"]):
            raise Refused("numbers that may count names")
        return list(dict.fromkeys(result for item in items for result in item.results))

    def _anywhere(self) -> list[str]:
        """Return any address where the cell is a word for it, with marks or without."""
        flat = re.sub(r"[ \n]+", " ", self.text)
        for length in range(min(len(flat), 40), 0, -1):
            word = _ANY.fullmatch(flat[:length].replace(STAR, "*"))
            if word:
                rest = _Reading(flat, self.requirement)
                rest.place = length
                rest._behind(Item([], "any"))
                if _END.match(flat, rest.place):
                    return [_ANYWHERE[word["version"]]] if word["version"] else list(_ANYWHERE.values())
        return []

    def _item(self) -> Item:
        return self._numbers() or self._name()

    def _numbers(self) -> Item | None:
        for pattern, meaning in (
            (_RANGE, _range),
            (_MASKED, _masked),
            (_LENGTH, _prefix),
            (re.compile(ADDRESS), _alone),
        ):
            found = pattern.match(self.text, self.place)
            item = found and self._ends(found.end()) and meaning(found)
            if not (found and item):
                continue
            self.place = found.end()
            stars = _STARS.match(self.text, self.place)
            if not stars:
                return item
            if ":" in found[0] and item.kind in ("address", "range"):
                raise Refused("a mark, or a group left open")
            self.place = stars.end()
            return item._replace(place=None)
        return None

    def _name(self) -> Item:
        found = _WORD.match(self.text, self.place)
        if not found:
            raise Refused("no item")
        if found[0].endswith(("*", STAR)):
            raise Refused("a star at the end")
        self.place = found.end()
        word = found[0].replace(STAR, "*")
        url = names.URL.fullmatch(word)
        if url and re.fullmatch(ADDRESS, url[1]):
            place = addresses.admitted(addresses.address(url[1]))
            return Item([addresses.host(place)], "url", place=place)
        return Item([names.host(word)], "name", word)

    def _ends(self, place: int) -> bool:
        """Tell whether a whole item can end here."""
        stars = _STARS.match(self.text, place)
        rest = self.text[stars.end() if stars else place :]
        return not rest or bool(re.match(f"[{_STOPS}]", rest))

    def _behind(self, item: Item) -> None:
        """Step over the marks and remarks behind an item."""
        place = item.place
        while found := _MARK.match(self.text, self.place):
            inner = found["round"] or found["square"] or found["sup"] or found["raised"] or ""
            if place and re.fullmatch(r"\d+", inner.translate(remarks.LOWERED)):
                addresses.check_mark(place, int(inner.translate(remarks.LOWERED)))
            if found["remark"] is not None:
                remarks.check(found["remark"], item.kind, self.requirement)
            self.place = found.end()
            place = None
            stars = _STARS.match(self.text, self.place)
            self.place = stars.end() if stars else self.place


def _check_spaces(run: list[Item]) -> None:
    """Refuse a space that may be inside a name."""
    endings = {item.results[0].rpartition(".")[2] for item in run if item.kind == "name"}
    for above, below in itertools.pairwise(run):
        if above.printed.endswith("."):
            raise Refused("one name that was broken, or two")
        if above.printed.endswith("/"):
            continue
        continued = below.kind == "name" and not below.printed.startswith("*") and "/" not in below.printed
        ending = above.results[0].rpartition(".")[2]
        if ending.startswith("xn--") and ending in names.endings():
            continue
        if above.kind == "name" and continued and len(endings) > 1 and names.uncommon(above.results[0]):
            raise Refused("one name that was broken, or two")


def _range(found: re.Match[str]) -> Item:
    ends = [addresses.address(found[one] or found[other]) for one, other in (("first", "from"), ("last", "to"))]
    return Item(addresses.span(*ends), "range")


def _masked(found: re.Match[str]) -> Item | None:
    length = addresses.mask_length(found["mask"], slash=bool(found["slash"]))
    if length is None:
        return None
    if found["line"]:
        raise Refused("a mask on a line of its own")
    kind = "prefix" if found["slash"] == "/" else "apart"
    return Item([addresses.prefix(addresses.address(found["address"]), length)], kind)


def _prefix(found: re.Match[str]) -> Item:
    result = addresses.prefix(addresses.address(found["address"]), int(found["length"]))
    return Item([result], "apart" if " " in found["slash"] else "prefix")


def _alone(found: re.Match[str]) -> Item:
    place = addresses.admitted(addresses.address(found[0]))
    return Item([addresses.host(place)], "address", place=place)
