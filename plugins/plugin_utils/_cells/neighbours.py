# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of a destination cell that stand beside each other: an address and its mask, the halves of a broken name, two
hosts with a hyphen between them.

A space separates two destinations, or stands where a name was broken or before a mask. What has two readings is an
error that says how to write each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import (
    is_known_ending,
    registrable,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .text import DASHES

QUAD = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"

# Labels, and parts of them between hyphens, that all stand for octets: 192, x, nnn, 1a, 1O.
OCTET = re.compile(r"[0-9][0-9a-z]*|([a-z])\1{0,2}|\*", re.ASCII)

_ADDRESS = re.compile(QUAD, re.ASCII)
_OPEN_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.(?:[0-9]{1,3}|([a-z])\1{0,2}|\*)){3}", re.ASCII)
_IS_ADDRESS = re.compile(rf"{QUAD}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*", re.ASCII | re.IGNORECASE)
# A whole address; a whole address, prefix or range, as far as its shape tells.
EITHER = rf"(?:{QUAD}|[0-9a-f]*:[0-9a-f:.]*)"
ADDRESSES = re.compile(rf"(?:{EITHER}[{DASHES}])?{EITHER}(?:/[0-9.]+)?", re.ASCII | re.IGNORECASE)
# Stands for the slash between an address and its length or mask, which was printed with a space. No cell holds it.
APART = "\x03"
_LENGTH = re.compile(rf"(?<![^ –])({EITHER})( ?/ ?)(?=[0-9])", re.ASCII | re.IGNORECASE)
# An address, a space, and what begins like a netmask or a wildcard mask; the words between are those of vendors.
_MASK = re.compile(
    rf"(?<![^ ])({QUAD}) +(?:(?:subnet|net)?[ -]?mask[:=]? *|subnet[:=]? *)?(\()?"
    r"((?:0|24[0-9]|25[0-9])(?:\.[0-9]{1,3}){3})(?(2)\))(?![^ ])",
    re.ASCII | re.IGNORECASE,
)
# The shortest masks could be hosts too.
_SHORT_MASK = re.compile(r"(?:128|192|224)\.0\.0\.0|(?:1|3|7|15|31|63|127)\.255\.255\.255", re.ASCII)
# Labels of any script; C{*} in them makes a pattern.
_LABEL = "[^\\s./:,;–]+"
_NAME = re.compile(rf"(?:[a-z]+://)?(?:{_LABEL}\.)+(?P<last>(?:{_LABEL})?)", re.ASCII | re.IGNORECASE)
_REST = re.compile(rf"(?!\*){_LABEL}(?:\.{_LABEL})*\.?")
# Last labels that are no words and begin few: nobody takes them for the first half of a broken label, as C{sip.tel
# nyx.com} has it. Those of countries have two letters.
ENDINGS = {"com", "edu", "gov", "localdomain", "net", "org"}
_LENGTH_ALONE = re.compile(r"[0-9]{1,2}", re.ASCII)
# A name behind a number that may count it.
_NUMBERED = re.compile(r"([0-9]{1,2})[.-]((?:[^\W\d_]|\*)[^\s./:]*\..+)")
_GENERIC = frozenset(("com", "net", "org"))

Read = Callable[[str], object]


def join_masks(line: str) -> str:
    """Return a line with C{address mask} and C{address /length} as one word, with C{APART} where a space was."""
    line = line.strip(" ")
    if " " not in line:
        return line
    if "/" in line:
        line = _LENGTH.sub(lambda match: match[1] + (APART if " " in match[2] else "/"), line)
    return _MASK.sub(rf"\1{APART}\3", line)


def check_shared(words: list[str], apart: set[int], where: str) -> None:
    """Raise ValueError, beginning with C{where}, where a mask or a length may belong to more than the last address.

    C{apart}: the positions of those words whose mask or length was printed behind a space.
    """
    for position in apart - {0}:
        word, following = words[position - 1 : position + 1]
        if _IS_ADDRESS.fullmatch(word):
            raise ValueError(
                f"{where} can be read in two ways: what is printed apart behind {quoted(following.partition('/')[0])} "
                f"may belong to {quoted(word)} too: write each prefix with its length, like 192.0.2.0/24"
            )


def check_masks(words: list[str], where: str, read: Read) -> None:
    """Raise ValueError, beginning with C{where}, where what follows an address may be its mask or another one."""
    for word, following in pairwise(words):
        two = _SHORT_MASK.fullmatch(following) and _ADDRESS.fullmatch(word)
        if two and readable([f"{word}, {following}"], read):
            raise ValueError(
                f"{where} can be read in two ways: write '{word}' with its prefix length, or "
                f"'{word}, {following}' for two addresses"
            )
        address, slash, length = word.partition("/")
        if _LENGTH_ALONE.fullmatch(following) and _ADDRESS.fullmatch(address) and (length.isdigit() or not slash):
            whole = readable([f"{word}{following}" if slash else f"{word}/{following}"], read)
            ways = [f"'{way}' if it does" for way in whole] or ["the prefix like 192.0.2.0/24"]
            raise ValueError(
                f"{where} has a number alone, '{following}', which may belong to the prefix length: write {ways[0]}"
            )


def check_numbered_names(words: list[str], where: str, read: Read) -> None:
    """Raise ValueError, beginning with C{where}, if numbers in front of different names may count them."""
    numbered = [match for word in words if (match := _NUMBERED.fullmatch(word))]
    rising = all(int(one.group(1)) < int(other.group(1)) for one, other in pairwise(numbered))
    if rising and len({match.group(2).lower() for match in numbered}) > 1:
        names = [match.group(2) if (match := _NUMBERED.fullmatch(word)) else word for word in words]
        ways = [f"'{way}' if they do" for way in readable([", ".join(names)], read)] or ["them without numbers"]
        raise ValueError(
            f"{where} can be read in two ways: the numbers that its names begin with may count the names: "
            f"write {ways[0]}, else each name in a row of its own"
        )


def check_neighbours(words: list[str], where: str, read: Read) -> None:
    """Raise ValueError, beginning with C{where}, where two words may be one name that a space or a newline broke.

    A name is taken as whole if its last label has two letters, is a common one, or ends all the names.
    """
    names = [name for word in words if (name := _NAME.fullmatch(word.rstrip("."))) and not _is_number(word)]
    lasts = {name.group("last").lower() for name in names}
    complete = ENDINGS | (lasts if len(lasts) == 1 else set())
    for word, following in pairwise(words):
        if following.startswith(".") and word[-1].isalnum() and word[0] != ".":
            ways = [f"'{way}', or " for way in readable([f"{word}{following}"], read)]
            raise ValueError(f"{where} has a space inside a name: write {''.join(ways)}each name by itself")
        name = _NAME.fullmatch(word)
        if not name or _is_number(word):
            continue
        end = name.group("last").lower()
        continued = _REST.fullmatch(following) and not ADDRESSES.fullmatch(following)
        if end and (not continued or end in complete or end.isdigit() or _is_whole(end)):
            continue
        dot = "" if not end or end.isalpha() else "."
        whole = word.rstrip(".")
        one = readable([f"{word}{dot}{following}"] if continued else [], read)
        two = readable([f"{whole}, {following}"] if "." in following else [], read)
        ways = [*(f"'{way}' for one name" for way in one), *(f"'{way}' for two" for way in two)]
        raise ValueError(
            f"{where} can be read in two ways: the space or the line break after {quoted(word)} may be inside a name: "
            f"write {', or '.join(ways) or 'each name by itself'}"
        )


def _is_whole(end: str) -> bool:
    """Whether nobody takes a last label in small letters for the first half of one: it is that of a country, or known
    and beyond ASCII."""
    if end.isascii() and not end.startswith("xn--"):
        return len(end) == 2 and end.isalpha()
    return is_known_ending(end if end.isascii() else f"xn--{end.encode('punycode').decode('ascii')}")


def check_hyphens(name: str, read: Read) -> None:
    """Refuse two hosts with a hyphen between them, a range or a list: C{sip1.example.com-sip4.example.com}.

    Two names of one registrable domain are taken as two hosts: nobody registers a domain to have it repeat itself.
    C{www.example.com-v2.edgekey.net} is one name. So are an address before a name, and a top-level domain with a
    hyphen, which there is not.
    """
    for position in (index for index, character in enumerate(name) if character == "-"):
        left, right = name[:position], name[position + 1 :]
        if "." not in left.removeprefix("*."):
            continue
        if "." not in right:
            first, end = left.removeprefix("*.").partition(".")[0], left.rpartition(".")[2]
            apart = end in _GENERIC or first.rstrip("0123456789") == right.rstrip("0123456789")
        else:
            apart = bool(_OPEN_ADDRESS.fullmatch(left)) or registrable(left.removeprefix("*.")) == registrable(right)
        if apart:
            both = "." in right and all(readable([half], read) for half in (left, right))
            two = f"'{left}, {right}' for the two, and " if both else ""
            raise ValueError(
                "can be read in two ways, as one name or as two hosts with a hyphen between them: "
                f"write {two}each host of a range by itself"
            )


def _is_number(word: str) -> bool:
    return word.replace(".", "").isdigit()
