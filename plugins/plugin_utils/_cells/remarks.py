# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind a destination and changes nothing of it: marks of footnotes, and remarks in brackets.

A remark is safe where it names a host, a place or a role. What may say that a destination is old, not meant, or meant
in part is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import is_known_ending
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .neighbours import ADDRESSES, EITHER, ENDINGS
from .remark_words import (
    BEHIND_NEW,
    BETWEEN,
    DANGEROUS,
    DANGEROUS_BEGINNINGS,
    HARMLESS,
    HOSTS,
    REGION,
    REQUIREMENTS,
    SITE,
)
from .text import DASHES

# Stands in a text where a mark or a remark was: what is before it is an item. No cell holds this character.
END = "\x01"

_RAISED = "\u00b9\u00b2\u00b3\u2070\u2074-\u2079\u1d43\u1d47\u1d9c\u1d48\u1d49\u1da0"
_RAISED_SIGN = re.compile(f"[{_RAISED}]")
_SIGNS = "\u2020\u2021\u00a7\u00b6"
_STARS = rf"\*{{1,3}}(?![^\s,(\[{_SIGNS}{_RAISED}])"
_MARK = rf"[1-9a-f]|\*{{1,3}}|[{_SIGNS}]"
_BEHIND = re.compile(
    rf"\((?P<round>[^()]*)\)|\[ ?(?P<square>{_MARK}|\^[1-9]) ?\](?!\()|(?P<sign>[{_SIGNS}{_RAISED}]+)"
    rf"|(?<=[0-9A-Fa-f)\]*{_SIGNS}{_RAISED}])(?P<star>{_STARS})"
)
_NEXT = re.compile(rf"[{_SIGNS}{_RAISED}]|{_STARS}")
_IN_ROUND = re.compile(_MARK)
_MASKS = r"(?:0|24[0-9]|25[0-9])(?:\.[0-9]{1,3}){3}"
_MASK = re.compile(rf" ?{_MASKS} ?", re.ASCII)
_LENGTH = re.compile(r"(?:/ ?)?([0-9]{1,3})", re.ASCII)
_DIGITS = str.maketrans("\u00b9\u00b2\u00b3\u2070\u2074\u2075\u2076\u2077\u2078\u2079", "1230456789")
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_CODE = re.compile(rf"{REGION}|{SITE}", re.ASCII)
_BETWEEN_WORDS = re.compile(r", ?| ?/ ?| ")
_IN_WORDS = re.compile(r"[-.'\u2019]")
_LETTERS = {"\u00e6": "ae", "\u00f0": "d", "\u00f8": "o", "\u0111": "d", "\u0127": "h", "\u0131": "i", "\u0142": "l",
            "\u0153": "oe", "\u00df": "ss", "\u00fe": "th"}  # fmt: skip
_URL = re.compile(r"(?:https?|wss?)://([^/]+)/?", re.IGNORECASE)
# An address with its length or mask, and a range, with spaces.
_WITH_LENGTH = re.compile(rf"({EITHER})(?: ?/ ?([0-9.]+)| \(?({_MASKS})\)?)", re.ASCII | re.IGNORECASE)
_RANGE = re.compile(rf"({EITHER})(?: ?[{DASHES}] ?| (?:to|through|thru) )({EITHER})", re.ASCII | re.IGNORECASE)
_SPACE = re.compile(r"\s")
_SPACED = re.compile(r"[\s,*]")
_MOST_WORDS, _MOST_CHARACTERS = 6, 60
_LONGEST_NAME = 253
_PRIVATE_ENDINGS = frozenset(("local", "lan", "internal", "corp", "home", "intranet", "intra"))
# Characters of the remarks of a row.
MOST_LABEL = 200

Read = Callable[[str], object]


def take_off(text: str, where: str, read: Read, requirement: str | None = None) -> tuple[str, list[str]]:
    """Return a cell with C{END} in the place of each mark and remark, and these as they are printed.

    C{requirement}: that of the row; a remark that says the same is left out. Raises ValueError, beginning with
    C{where}, for what may change what is meant.
    """
    pieces: list[str] = []
    remarks: list[str] = []
    done = 0
    item = ""
    for match in _BEHIND.finditer(text):
        before = text[done : match.start()].rstrip(" \n")
        attached = pieces and not before
        item = item if attached else _last_item(before[-200:])
        content = match["round"]
        if match["star"] and not (attached and match.start() == done) and not _is_marked(item):
            continue
        if content is not None and _MASK.fullmatch(content) and ADDRESSES.fullmatch(item):
            continue
        _check_place(text, match, before, item, where)
        if content is None or _IN_ROUND.fullmatch(content.strip()):
            mark = _SPACE.sub("", match.group())
            if not attached:
                _check_number(mark, _host_of(item), where, read)
            remarks.append(mark)
        elif not _agrees(content.strip(), requirement, where):
            _check_remark(text, match, _host_of(item), where, read)
            remarks.append(content.strip())
        pieces.append(before + END)
        done = match.end()
    return "".join([*pieces, text[done:]]), remarks


def _last_item(text: str) -> str:
    """Return the item that a text ends in, without the spaces around its slash or its dash."""
    words = text.rpartition(",")[2].split()
    for count in (4, 3, 2):
        last = " ".join(words[-count:])
        if ends := _RANGE.fullmatch(last):
            return f"{ends[1]}-{ends[2]}"
        if apart := _WITH_LENGTH.fullmatch(last):
            return f"{apart[1]}/{apart[2] or apart[3]}"
    return words[-1] if words else ""


def _host_of(item: str) -> str:
    """Return the host of a URL that has nothing else, any other item as it is."""
    url = _URL.fullmatch(item)
    return url[1] if url else item


def _is_marked(item: str) -> bool:
    """Whether stars behind an item are a mark: it is whole; an IPv6 address without a length may be cut off."""
    return bool(ADDRESSES.fullmatch(item)) and (":" not in item or "/" in item)


def _check_place(text: str, match: re.Match[str], before: str, item: str, where: str) -> None:
    """Refuse a mark or a remark that does not stand behind an item, or that something is attached to."""
    what = quoted(match.group())
    end = before[-1:] if item == _host_of(item) else ""
    if not item or (end and end in f",/(&{DASHES}"):
        raise ValueError(
            f"{where} has {what}, which stands in brackets or is a mark, and not behind an item: write it without them"
        )
    following = text[match.end() : match.end() + 1]
    if following not in " \n,([" and not _NEXT.match(text, match.end()):
        raise ValueError(f"{where} has {what} inside an item: write the item without it, and it as the row's label")


def _check_number(mark: str, item: str, where: str, read: Read) -> None:
    """Refuse a number that can be the length of the address before it: C{10.0.0.0 (8)}, but not C{10.0.0.0 [^8]}."""
    number = None if "^" in mark else _NUMBER.search(mark.translate(_DIGITS))
    if number and "/" not in item and ADDRESSES.fullmatch(item):
        prefix = f"{item}/{number.group()}"
        if readable([prefix], read):
            ways = " or ".join(f"'{way}'" for way in readable([item, prefix], read))
            raise ValueError(
                f"{where} can be read in two ways: {quoted(mark)} can be a mark or the length of a prefix: write {ways}"
            )


def _agrees(remark: str, requirement: str | None, where: str) -> bool:
    """Whether a remark says of the requirement what the row says; raises ValueError where it says something else."""
    said = REQUIREMENTS.get(remark.lower())
    if said and said != requirement:
        raise ValueError(
            f"{where} has the remark {quoted(remark)}, which is about the requirement: write the row's "
            f"'requirement: {said}' for it"
        )
    return bool(said)


def _check_remark(text: str, match: re.Match[str], item: str, where: str, read: Read) -> None:
    """Refuse a remark that may change what is meant."""
    remark = match["round"].strip()
    is_address = bool(ADDRESSES.fullmatch(item))
    if length := _LENGTH.fullmatch(remark):
        prefix = [f"{item}/{length.group(1)}"] if is_address and "/" not in item else []
        raise _refused(text, match, where, read, "a length", prefix)
    if _is_destination(remark, read):
        if not is_address or ADDRESSES.fullmatch(remark):
            raise _refused(text, match, where, read, "meant too", [item, remark, f"{item}, {remark}"])
    elif not is_safe(remark):
        raise _refused(text, match, where, read, "a limit", [])


def _refused(text: str, match: re.Match[str], where: str, read: Read, what: str, ways: list[str]) -> ValueError:
    """Return the error for a remark that may be C{what}, and how to write the cell, as far as that can be read."""
    short = len(text) - len(match.group()) <= _MOST_CHARACTERS
    alone = f"{text[: match.start()].rstrip()}{text[match.end() :]}".strip() if short else ""
    offered = [f"'{way}'" for way in readable([*ways, alone], read) if len(way) <= _MOST_CHARACTERS]
    return ValueError(
        f"{where} has {quoted(match.group())} behind an item, which may be {what}: write "
        f"{' or '.join(offered) or 'the cell without it'}, and the remark as the row's label"
    )


def _is_destination(remark: str, read: Read) -> bool:
    """Whether a remark is itself a name or an address: one word with a dot or colons in it.

    C{Not.Live} is a name too, and is taken for words.
    """
    if len(remark) > _LONGEST_NAME or not ("." in remark.rstrip(".") or remark.count(":") > 1):
        return False
    if _SPACED.search(remark) or not readable([remark], read):
        return False
    labels = remark.lower().rstrip(".").split(".")
    if ":" in remark or ADDRESSES.fullmatch(remark) or labels[-1] in ENDINGS or len(labels[-1]) == 2:
        return True
    known = is_known_ending(labels[-1]) or labels[-1] in _PRIVATE_ENDINGS
    words = {part for label in labels[:-1] for part in _IN_WORDS.split(label)}
    return known and not words & (DANGEROUS - HOSTS)


def is_safe(remark: str) -> bool:
    """Whether a remark in brackets names only places and roles, in Latin letters, and nothing that limits."""
    if len(remark) > _MOST_CHARACTERS or remark.lower() in DANGEROUS:
        return False
    words = _BETWEEN_WORDS.split(remark)
    if len(words) > _MOST_WORDS:
        return False
    for before, word, following in zip(["", *words], words, [*words[1:], ""], strict=False):
        safe = folded(following) in BEHIND_NEW if folded(word) == "new" else _is_safe_word(word)
        if not safe and not (word in BETWEEN and before and following):
            return False
    return True


def _is_safe_word(word: str) -> bool:
    """Whether a word is the name or the code of a place, or a role."""
    if _CODE.fullmatch(word):
        return word.rstrip("0123456789").lower() not in DANGEROUS
    if word.lower() in HARMLESS:
        return True
    parts = [folded(part) for part in _IN_WORDS.split(word)]
    if any(part in DANGEROUS or part.startswith(DANGEROUS_BEGINNINGS) for part in parts):
        return False
    letters = _IN_WORDS.sub("", word)
    whole = len(letters) > 1 or word[1:] == "."  # one capital alone is a mark or short for something
    return whole and word[0].isupper() and all(map(_is_latin, letters))


def _is_latin(letter: str) -> bool:
    """Whether a letter is one of the common Latin ones: of phonetic and small capital letters none is."""
    return letter.isalpha() and ord(letter) < 0x250 and unicodedata.name(letter, "").startswith("LATIN ")


def folded(word: str) -> str:
    """Return a word in small letters, without accents."""
    plain = unicodedata.normalize("NFKD", "".join(_LETTERS.get(letter, letter) for letter in word.lower()))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def is_mark(remark: str) -> bool:
    """Whether what C{take_off} returns is a mark, and no remark of words."""
    return remark[0] in f"([*{_SIGNS}" or bool(_RAISED_SIGN.match(remark))


def labelled(label: str | None, remarks: list[str]) -> str:
    """Return what a row's label and the remarks in its cells say."""
    told = ", ".join(remarks)
    if len(told) > MOST_LABEL:
        told = f"{told[: MOST_LABEL - 3]}..."
    return f"{label}; {told}" if label else told
