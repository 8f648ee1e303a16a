# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, patterns and URLs."""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import cache

import idna

from tests.support.repository import REPOSITORY

from .addresses import IPV4
from .refusal import Refused

URL = re.compile(r"(?i:https?|wss?)://([^/]+)/?")
LIST = REPOSITORY / "plugins/plugin_utils/_model/public_suffixes.txt"
FILES = {"json", "html", "htm", "xml", "txt", "csv", "pdf", "php", "doc"}
COMMON = {"com", "edu", "gov", "localdomain", "net", "org"}  # and all endings of two letters
OPEN = r"[0-9]{1,3}(?:\.(?:[0-9]{1,3}|([a-z])\1{0,2}|\*)){3}-"  # an address, or what is left of one
PLACEHOLDERS = [
    "ACCOUNT",
    "CLUSTER",
    "COMPANY",
    "COUNTRY",
    "CUSTOMER",
    "DOMAIN",
    "INSTANCE",
    "NAME",
    "REGION",
    "SITE",
    "TENANT",
    "XX",
    "YOUR",
]
# Second-level suffixes that the drawn names can have; all other names end in a suffix of one label.
SUFFIXES = {"co.uk", "org.uk", "com.au", "co.jp"}
LIKE_LATIN = set("асеорхуіѕјһԁԛԝӏпмктнвгь")
TOGETHER = [
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"LATIN", "CJK", "HANGUL"},
    {"LATIN", "CJK", "BOPOMOFO"},
]


def host(text: str) -> str:
    """Return the name that C{text} is or that is all of its URL."""
    url = URL.fullmatch(text)
    return name(url[1] if url else text)


def name(text: str) -> str:
    """Return a name or pattern in small letters, with a placeholder in capitals only beside a star."""
    if re.match(rf"{IPV4}(?![0-9.])|{OPEN}", text.lower()):
        raise Refused("begins with an address")
    if _like_address(text.lower()):
        raise Refused("an address, mistyped")
    read = _parsed(text)
    _check_hyphens(read)
    return read


def _parsed(text: str) -> str:
    text = text.removesuffix(".")
    kept = _placeholders(text)
    if kept and "*" not in text.removeprefix("*."):
        raise Refused("something is to be put in")
    labels = text.split(".")
    if kept & set(re.split(r"[-*]", labels[-1])):
        raise Refused("any ending")
    read = ".".join(_label(label, kept, last=label is labels[-1]) for label in labels)
    if len(labels) < 2 or len(read) > 253:
        raise Refused("no name")
    _check_ending(read.rpartition(".")[2])
    return read


def _check_ending(label: str) -> None:
    if label in FILES or not re.fullmatch(r"[a-z]{2,}|xn--[a-z0-9-]+", label):
        raise Refused("no last label")
    if label.startswith("xn--"):
        decoded = idna.decode(label)
        if len(decoded) < 2 or re.search(r"[\d-]", decoded):
            raise Refused("no last label")
        if label not in endings() and _looks_latin(decoded):
            raise Refused("looks like Latin letters")


def _like_address(text: str) -> bool:
    """Tell whether a name has numbers alone before its last label, or labels that may all be octets."""
    labels = text.removeprefix("*.").split(".")
    if len(labels) > 2 and re.fullmatch(r"[0-9]+(?:[-.][0-9]+)*", ".".join(labels[:-1])):
        return True
    if re.match(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}[a-z*][a-z0-9*-]*\.", text):
        return True
    parts = re.split(r"[-.]", ".".join(labels))
    octets = all(re.fullmatch(r"[0-9][0-9a-z]*|([a-z])\1{0,2}|\*", part) for part in parts)
    return octets and (any(part[0] in "0123456789x" for part in parts) or (len(labels) == 4 and len(labels[-1]) != 2))


@cache
def endings() -> frozenset[str]:
    """Return the top-level domains of the Public Suffix List."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(next(line for line in lines if line.startswith(". ")).split()[1:])


def _placeholders(text: str) -> set[str]:
    """Return the words of a name that ask for something to be put in."""
    if text.upper() == text:
        return set()
    return {word for word in re.split(r"[-.*]", text) if _asks(word)}


def _asks(word: str) -> bool:
    capitals = re.fullmatch(r"[A-Z0-9]+", word) and any(part in word for part in PLACEHOLDERS)
    return bool(capitals or re.fullmatch(r"[a-z0-9]*(?:X+|N+)", word))


def _label(label: str, kept: set[str], last: bool) -> str:
    if not label or "**" in label:
        raise Refused("no label")
    if label.isascii():
        read = label if kept & set(re.split(r"[-*]", label)) else label.lower()
        if not re.fullmatch(r"[a-zA-Z0-9*](?:[a-zA-Z0-9*-]*[a-zA-Z0-9*])?", read) or len(read) > 63:
            raise Refused("no label")
        if read.startswith("xn--"):
            _check_encoded(read, last)
        return read
    if "*" in label:
        raise Refused("a star among letters beyond ASCII")
    return _encoded(label.lower(), last)


def _check_encoded(label: str, last: bool) -> None:
    try:
        decoded = idna.decode(label)
    except UnicodeError as error:
        raise Refused("does not decode") from error
    if decoded.isascii() or _encoded(decoded, last) != label:
        raise Refused("does not encode to itself")


def _encoded(label: str, last: bool) -> str:
    if unicodedata.normalize("NFKC", label) != label or re.search(r"[^\W0-9_]", label) is None:
        raise Refused("letters in another form")
    if re.search("[ɑɡ\u0335-\u0338]", label):
        raise Refused("drawn like another letter")
    if any(sign.isdigit() and sign not in "0123456789" for sign in label):
        raise Refused("digits of another script")
    _check_scripts([sign for sign in label if sign not in "0123456789-"])
    if not last and _looks_latin(label):
        raise Refused("looks like Latin letters")
    try:
        return idna.encode(label).decode()
    except UnicodeError as error:
        raise Refused("no label by IDNA 2008") from error


def _check_scripts(letters: list[str]) -> None:
    scripts = {unicodedata.name(sign, "NONE").split()[0] for sign in letters if not "\u0300" <= sign <= "\u036f"}
    if len(scripts) > 1 and not any(scripts <= family for family in TOGETHER):
        raise Refused("two scripts in a label")


def _looks_latin(label: str) -> bool:
    """Tell whether all letters of a label look like Latin ones and are none."""
    return {sign for sign in label if sign.isalpha()} <= LIKE_LATIN


def registrable(read: str) -> str | None:
    """Return the public suffix of a name and one label before it; None where it has none."""
    labels = read.split(".")
    size = 3 if ".".join(labels[-2:]) in SUFFIXES else 2
    return ".".join(labels[-size:]) if len(labels) >= size else None


def _check_hyphens(read: str) -> None:
    """Refuse a hyphen between two names of one registrable domain."""
    for hyphen in re.finditer("-", read):
        try:
            left, right = _parsed(read[: hyphen.start()]), _parsed(read[hyphen.end() :].lstrip("-"))
        except Refused:
            continue
        if registrable(left) == registrable(right):
            raise Refused("two names or a range")


def uncommon(read: str) -> bool:
    """Tell whether a name ends in what may be the beginning of a label."""
    ending = read.rpartition(".")[2]
    return not (ending in COMMON or len(ending) == 2)


def counted(printed: list[str]) -> bool:
    """Tell whether the numbers that names begin with may count them: they rise, and the rests differ."""
    found = [
        one
        for one in (re.fullmatch(r"([0-9]{1,2})[.-]([^0-9].*\..+)", text.lower().removesuffix(".")) for text in printed)
        if one
    ]
    numbers = [int(one[1]) for one in found]
    rising = all(low < high for low, high in itertools.pairwise(numbers))
    return len(found) > 1 and rising and len({one[2] for one in found}) > 1
