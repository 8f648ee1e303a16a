# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of a destination cell that stand beside each other: an address and its mask, the halves of a broken name.

A space separates two destinations, or stands where a name was broken or before a mask. What has two readings is an
error that says how to write each.
"""

from __future__ import annotations

import re
from itertools import pairwise

QUAD = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"

_ADDRESS = re.compile(QUAD, re.ASCII)
_LENGTH = re.compile(r"(?<=[0-9a-f:])(?: +/ *| */ +)(?=[0-9])", re.ASCII | re.IGNORECASE)
# An address, a space, and what begins like a netmask or a wildcard mask; the words between are those of vendors.
_MASK = re.compile(
    rf"(?<![^ ])({QUAD}) +(?:(?:subnet|net)?[ -]?mask[:=]? *|subnet[:=]? *)?(\()?"
    r"((?:0|24[0-9]|25[0-9])(?:\.[0-9]{1,3}){3})(?(2)\))(?![^ ])",
    re.ASCII | re.IGNORECASE,
)
# The shortest masks could be hosts too.
_SHORT_MASK = re.compile(r"(?:128|192|224)\.0\.0\.0|(?:1|3|7|15|31|63|127)\.255\.255\.255", re.ASCII)
_NAME = re.compile(r"(?:[a-z]+://)?(?:\*\.)?(?:[a-z0-9-]+\.)+(?P<last>[a-z0-9-]*)", re.ASCII | re.IGNORECASE)
_REST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?", re.ASCII | re.IGNORECASE)
# Last labels that nobody takes for the first half of a broken label, as C{sip.tel nyx.com} has it. Those of countries
# have two letters.
_ENDINGS = {
    "com", "net", "org", "edu", "gov", "mil", "int", "info", "biz",
    "local", "localdomain", "lan", "internal", "intranet", "corp", "test", "example", "invalid", "arpa",
}  # fmt: skip


def join_masks(line: str, where: str) -> str:
    """Return a line with C{address mask} and C{address /length} as one word.

    Raises ValueError, beginning with C{where}, where it is not clear what a mask belongs to.
    """
    line = line.strip(" ")
    if " " not in line:
        return line
    if "/" in line:
        line = _LENGTH.sub("/", line)
    joined, masks = _MASK.subn(r"\1/\3", line)
    if masks and any(_ADDRESS.fullmatch(word) for word in joined.split()):
        raise ValueError(
            f"{where} can be read in two ways: a netmask behind several addresses may belong to each of them or to the "
            "last one: write each prefix with its length, like 192.0.2.0/24"
        )
    return joined


def check_masks(words: list[str], where: str) -> None:
    """Raise ValueError, beginning with C{where}, where what follows an address may be its mask or another one."""
    for word, following in pairwise(words):
        if _SHORT_MASK.fullmatch(following) and _ADDRESS.fullmatch(word):
            raise ValueError(
                f"{where} can be read in two ways: write '{word}' with its prefix length, or "
                f"'{word}, {following}' for two addresses"
            )


def check_neighbours(words: list[str], where: str) -> None:
    """Raise ValueError, beginning with C{where}, where two words may be one name that a space or a newline broke.

    A name is taken as whole if its last label has two letters, is a common one, or ends the last word too.
    """
    last = _NAME.fullmatch(words[-1].rstrip("."))
    complete = _ENDINGS | {last.group("last").lower() if last else ""}
    for word, following in pairwise(words):
        if following.startswith(".") and word[-1].isalnum() and word[0] != ".":
            raise ValueError(f"{where} has a space inside a name: write '{word}{following}', or each name by itself")
        name = _NAME.fullmatch(word)
        if not name or word.replace(".", "").isdigit():
            continue
        end = name.group("last").lower()
        continued = _REST.fullmatch(following) and not following.replace(".", "").isdigit()
        if end and (not continued or end in complete or end.isdigit() or re.fullmatch(r"[a-z]{2}|xn--.*", end)):
            continue
        dot = "" if not end or end.isalpha() else "."
        whole = word.rstrip(".")
        ways = [f"'{word}{dot}{following}' for one name"] if continued else []
        two = "." in whole and "." in following and "-" not in whole.rpartition(".")[2].removeprefix("xn--")
        ways += [f"'{whole}, {following}' for two"] if two else []
        raise ValueError(
            f"{where} can be read in two ways: the space or the line break after '{word}' may be inside a name: "
            f"write {', or '.join(ways) or 'each name by itself'}"
        )
