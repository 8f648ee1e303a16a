# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and patterns of names, as vendors print them: C{*} anywhere in a label, letters of any script.

The reasons of errors follow the quoted name: C{'a..example.com' is not a name: ...}.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .anywhere import ALONE
from .neighbours import OCTET, QUAD, check_hyphens
from .scripts import ascii_label, check_characters, check_encoded, check_top

_OPEN = re.compile(r"x+|n+|y+|z+|[a-z]|\*", re.ASCII)  # an octet that is left open as a whole
# Last labels that are none: of one letter, with a hyphen, with a digit (a footnote, C{com1}), or the ending of a file.
_NO_TOP = re.compile(
    r"(?!xn--|(?:lan|local|internal|corp|home|intranet|intra)[0-9]+\Z)"
    r"(?:[a-z]|.*[0-9-].*|json|pdf|html?|php|txt|csv|xml|xlsx?|docx?)",
    re.ASCII,
)
# Parts of labels that stand for what a reader puts in: C{REGION}, C{sipXX}, C{sipN}.
_PLACEHOLDER = re.compile(
    r"[A-Z0-9]*(?:ACCOUNT|CLUSTER|COMPANY|COUNTRY|CUSTOMER|DOMAIN|INSTANCE|NAME|REGION|SITE|TENANT|XX|YOUR)[A-Z0-9]*"
    r"|[a-z0-9]*(?:X+|N+)",
    re.ASCII,
)
_PARTS = re.compile(r"[*-]")
_GLUED = re.compile(rf"{QUAD}[a-z*][a-z0-9*-]*\.", re.ASCII)
_GLUED_LETTER = re.compile(rf"{QUAD}[^.0-9]", re.ASCII)
_GLUED_REASON = "is not a name: it begins with an address: write the address and the name by themselves"
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_NAMES = "accepted are names like live.example.com and *.example.com"
_LONGEST = 253
_RANGE = "is not a name; a range is written with two whole addresses, like 192.0.2.1 - 192.0.2.9"
_LIST = "is not a name; it stands between two items, and one is missing"
_JOINING = {
    **dict.fromkeys(("to", "through", "thru", "from", "between", "until", "till"), _RANGE),
    **dict.fromkeys(("and", "or", "and/or", "&"), _LIST),
}

Read = Callable[[str], object]


def read_name(text: str, read: Read) -> str:
    """Return a name or a pattern in lower case and ASCII, without the trailing dot.

    Labels are 1-63 letters, digits and hyphens, the name at most 253 characters; two labels at least, also after C{*.}.
    C{*} stands anywhere but in the last label. In a pattern that C{*} makes one that nothing enforces, with more than
    C{*.} in front, a label with a placeholder in capitals stays as it is, but for the last one.
    C{read} tells which ways to write a name can be offered. Raises ValueError with a reason that follows the quoted
    name.
    """
    name = _checked(text.removesuffix("."), read)
    if text.islower() or text.isupper():
        return name
    printed = text.removesuffix(".").split(".")
    placeholders = [part for label in printed for part in _PARTS.split(label) if _PLACEHOLDER.fullmatch(part)]
    if not placeholders:
        return name
    if "*" not in name.removeprefix("*."):
        raise ValueError(
            f"can be read in two ways: '{placeholders[0]}' can be a placeholder: write '{name}' if it is the name, "
            "else the names or the addresses that are meant"
        )
    kept = [any(map(_PLACEHOLDER.fullmatch, _PARTS.split(label))) for label in printed]
    if kept[-1]:
        raise ValueError(
            f"is not a name: '{printed[-1]}' in its last label can be a placeholder, and nobody has all "
            f"endings; {_NAMES}"
        )
    labels = zip(printed, name.split("."), kept, strict=True)
    return ".".join(label if keep else small for label, small, keep in labels)


def _checked(text: str, read: Read) -> str:
    """Return a name in lower case and ASCII."""
    if text.lower() in ALONE:
        raise ValueError(
            "is a word for any address, and stands beside others: write 0.0.0.0/0 and ::/0 in its place if that is "
            "meant, else leave it out"
        )
    if text.lower() in _JOINING:
        raise ValueError(_JOINING[text.lower()])
    name = text.lower() if text.isascii() else _in_ascii(text)
    _check_octets(name, read)
    if "/" in name:
        raise ValueError(f"is not a name: a name has no path and no prefix length; {_NAMES}")
    if "_" in name:
        raise ValueError("is not a name: no host has an underscore in its name")
    if name[:1] == "." != name[1:2] and len(readable([name[1:], f"*{name}"], read)) == 2:
        raise ValueError(f"is not a name: write '{name[1:]}', or '*{name}' for all names below it")
    if name.startswith("%.") and (ways := readable([f"*{name[1:]}"], read)):
        raise ValueError(f"is not a name: '%' stands for nothing here: write '{ways[0]}' for all names below it")
    labels = name.split(".")
    if "*" in name:
        _check_stars(name, labels, read)
    if len(labels) < 2:
        raise ValueError(f"is not a name: it needs at least two labels; {_NAMES}")
    if len(name) > _LONGEST:
        raise ValueError(f"is not a name: it has {len(name)} characters, more than {_LONGEST}")
    for label in labels:
        _check_label(label, top=label is labels[-1])
    check_hyphens(name, read)
    if labels[-1].startswith("xn--"):
        check_top(labels[-1])
    if _NO_TOP.fullmatch(labels[-1]):
        begins = "begins with a digit" if labels[-1][0].isdigit() else "is not one that names end in"
        raise ValueError(f"is not a name: its last label '{labels[-1]}' {begins}; {_NAMES}")
    return name


def _in_ascii(text: str) -> str:
    """Return a name with letters beyond ASCII in its xn-- form."""
    if len(text) > _LONGEST:
        raise ValueError(f"is not a name: it has {len(text)} characters, more than {_LONGEST}")
    check_characters(text)
    if _GLUED_LETTER.match(text):
        raise ValueError(_GLUED_REASON)
    labels = text.split(".")
    for label in labels:
        if "*" in label and not label.isascii():
            raise ValueError(f"is not a name: the label '{label}' has '*' beside letters beyond ASCII")
    return ".".join(
        label.lower() if label.isascii() else ascii_label(label, top=label is labels[-1]) for label in labels
    )


def _check_label(label: str, *, top: bool) -> None:
    if not label:
        raise ValueError(f"is not a name: a label between the dots is empty; {_NAMES}")
    if len(label) > 63:
        raise ValueError(f"is not a name: the label {quoted(label)} has {len(label)} characters, more than 63")
    if not _LABEL.fullmatch(label.replace("*", "x")):
        raise ValueError(f"is not a name: the label '{label}' is not letters, digits and inner hyphens; {_NAMES}")
    if label.startswith("xn--"):
        check_encoded(label, top=top)


def _check_stars(name: str, labels: list[str], read: Read) -> None:
    """Refuse stars that may be marks or emphasis, two in a row, and those in the last label."""
    if "*" in labels[-1]:
        whole = name.rstrip("*")
        marked = "*" not in (labels[-1].rstrip("*") or "*")
        if ways := [f"'{way}'" for way in readable([whole.lstrip("*"), whole] if marked else [], read)]:
            raise ValueError(
                "can be read in two ways: '*' behind a name can be a wildcard, a mark of a footnote, or emphasis: "
                f"write {' or '.join(ways)}"
            )
        raise ValueError(f"is not a name: '*' in its last label is any ending, and nobody has all; {_NAMES}")
    if "**" in name:
        ways = [f"'{way}'" for way in readable([re.sub(r"\*+", "*", name)], read)]
        raise ValueError(f"is not a name: it has two '*' in a row: write {ways[0] if ways else 'one'}")


def _check_octets(name: str, read: Read) -> None:
    """Refuse what looks like an address with an octet left open or mistyped: C{192.0.2.x}, C{192.0.2.1O}."""
    if _GLUED.match(name):
        raise ValueError(_GLUED_REASON)
    host, slash, suffix = name.partition("/")
    labels = host.removeprefix("*.").split(".")
    parts = [part for label in labels for part in label.split("-")]
    numbers = len(labels) > 2 and all(part.isdigit() for part in parts[: -1 - labels[-1].count("-")])
    # Single letters alone look like octets only where there are four: a.b.c.d.
    octets = all(map(OCTET.fullmatch, parts)) and (
        any(part[0] in "0123456789x" for part in parts) or (len(labels) == 4 and len(labels[-1]) != 2)
    )
    if len(labels) < 2 or not (numbers or octets):
        return
    ways = "the address, its prefix or its range, like 192.0.2.0/24 or 192.0.2.1-192.0.2.9"
    known = list(takewhile(str.isdigit, labels[:3]))
    network, length = ".".join([*known, "0", "0", "0"][:4]), 8 * len(known)
    rest = labels[len(known) :]
    fits = not slash or suffix == str(length)
    whole = len(labels) == 4 and known and fits and all(map(_OPEN.fullmatch, rest))
    if whole and readable([f"{network}/{length}"], read):
        ways = f"'{network}/{length}' for all of these addresses, or the one or the range that is meant"
    raise ValueError(f"is not a name but looks like an address with a part left open or mistyped: write {ways}")
