# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a vendor file and the types of their values, and the checks of single entries and texts.

A vendor file is data from outside, so nothing in it is taken on trust. docs/catalog.md explains the keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import Hints, unknown
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import briefly, kind_of, quoted, unseen

from .limits import ENTRIES, LONGEST_CELL, LONGEST_TEXT

REQUIREMENTS = ("required", "recommended", "optional")
DIRECTIONS = ("outbound", "inbound")
# A vendor's definition: what stands under C{catalog_<vendor>} in its file.
Definition = dict[str, Any]

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
NAMES = "write small letters, digits and underscores, a letter first"

# Template markers: Ansible before 2.19 templates facts again.
_TEMPLATE = re.compile(r"\{[{%#]")
# The cells of a page, and how its author reads them: these may have lines.
_CELL = re.compile(r": (rows |traffic: )[0-9]+(: read_as)?: (destination|ports|protocol)\Z")

# Key -> type, mandatory ones with a "!" after the type.
VENDOR = {
    "title": "str!",
    "wide_because": "str",
    "sources": "list!",
    "options": "dict",
    "destination_options": "dict",
    "timers": "list",
    "services": "list!",
    "not_rules": "list",
}
SOURCE = {"id": "str!", "title": "str!", "date": "str!", "dated": "str", "document": "str", "notices": "str"}
OPTION = {
    "type": "str!",
    "choices": "list",
    "required": "bool",
    "default": "any",
    "example": "any",
    "description": "str",
}
TIMER = {"protocol": "str!", "seconds": "int!", "printed": "str!", "source": "str", "services": "list", "when": "dict"}
SERVICE = {
    "name": "str!", "title": "str!", "source": "str!", "requirement": "str", "direction": "str", "when": "dict",
    "traffic": "list", "traffic_source": "str", "inbound_option": "str", "destination_options": "dict", "note": "str",
    "rows": "list!",
}  # fmt: skip
TRAFFIC = {
    "protocol": "str", "ports": "str", "read_as": "dict", "when": "dict", "requirement": "str", "label": "str",
}  # fmt: skip
ROW = {
    "label": "str", "protocol": "str", "source_ip": "str", "source_ip_option": "str", "source_port": "str",
    "destination": "str!", "destination_options": "dict", "destination_option": "str", "ports": "str",
    "ports_option": "str", "read_as": "dict", "direction": "str", "when": "dict", "requirement": "str",
    "source": "str", "wide_because": "str", "special_because": "str",
}  # fmt: skip
NOT_RULE = {"title": "str!", "printed": "str!", "why": "str!", "source": "str", "when": "dict"}
READ_AS = {"protocol": "str", "destination": "str", "ports": "str"}
_TYPES = {"str": str, "list": list, "dict": dict, "bool": bool, "int": int, "any": object}


class Known(NamedTuple):
    """What the entries of a vendor's definition may refer to."""

    sources: dict[str, None]  # their ids
    options: dict[str, Any]  # name -> spec
    values: dict[str, frozenset[str | bool]]  # option -> those that a condition may name
    kinds: dict[str, list[str]]  # type -> the options of it
    hints: Hints  # how often an error says what may be meant
    unsound: set[str]  # options in whose place others stand, whose values say nothing

    def in_doubt(self, row: dict[str, Any]) -> bool:
        """Tell whether a cell of a row is the value of an option of which not even the type is sound."""
        options = [row.get(key) for key in ("ports_option", "source_ip_option", "destination_option")]
        return any(option in self.unsound and self.options[option]["type"] == "str" for option in options if option)


def check_keys(place: str, entry: Any, keys: dict[str, str]) -> None:
    """Check that an entry is a dict with all mandatory keys, no unknown ones, and values of the right types."""
    if not isinstance(entry, dict):
        raise ValueError(f"{place}: must be a dictionary with the keys {', '.join(keys)}")
    for key, value in entry.items():
        if key not in keys:
            raise ValueError(f"{place}: {unknown('key', key, keys)}")
        wanted = keys[key].rstrip("!")
        if not isinstance(value, _TYPES[wanted]) or (wanted == "int" and isinstance(value, bool)):
            hint = ": write it in quotes" if wanted == "str" else ""
            kind = type(value).__name__
            raise ValueError(f"{place}: {key} '{briefly(value)}' must be a {wanted}, not a {kind}{hint}")
        if key in ENTRIES and isinstance(value, (list, dict)) and len(value) > ENTRIES[key]:
            raise ValueError(f"{place}: {len(value):,} {key}: at most {ENTRIES[key]:,}")
    for key, wanted in keys.items():
        if wanted.endswith("!") and key not in entry:
            raise ValueError(f"{place}: {key} is missing")


def check_strings(place: str, value: Any) -> None:
    """Refuse template markers, unseen characters and endless texts, at any depth; the cells of rows may have lines."""
    if isinstance(value, str):
        _check_text(place, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_strings(place, key)
            if not _is_plain(inner):
                check_strings(f"{place}: {key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            if _is_plain(inner):
                continue
            name = inner.get("name", number) if isinstance(inner, dict) else number
            check_strings(f"{place} {name}" if place.endswith(("rows", "services")) else f"{place}: {number}", inner)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a text in which nothing can be wrong, as nearly all are."""
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_TEXT
        and value.isascii()
        and value.isprintable()
        and "{" not in value
    )


def _check_text(place: str, text: str) -> None:
    if _is_plain(text):
        return
    longest = LONGEST_CELL if place.endswith(": destination") else LONGEST_TEXT
    if len(text) > longest:
        raise ValueError(f"{place}: {quoted(text)} has {len(text):,} characters: at most {longest:,}")
    if found := _TEMPLATE.search(text):
        raise ValueError(f"{place}: '{briefly(text)}' holds '{found[0]}': vendor files are never templated")
    lines = text.replace("\n", " ").replace("\t", " ") if _CELL.search(place) else text
    if character := unseen(lines):
        raise ValueError(f"{place}: {quoted(text)} holds the {kind_of(character)}")


def numbered(vendor: str, kind: str, number: int, entry: Any, key: str) -> str:
    """Return the place of an entry: by its name where it has one, else by its number."""
    name = entry.get(key) if isinstance(entry, dict) else None
    return f"{vendor}: {briefly(name)}" if isinstance(name, str) else f"{vendor}: {kind} {number}"


def one_of(place: str, kind: str, name: Any, known: Collection[str], hints: Hints | None = None) -> None:
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"{place}: {unknown(kind, name, known, hints)}")


def unique(vendor: str, kind: str, names: list[str]) -> dict[str, None]:
    """Return the names in their order; raises ValueError for one that is there twice."""
    found: dict[str, None] = {}
    for name in names:
        if name in found:
            raise ValueError(f"{vendor}: the {kind} '{briefly(name)}' is there twice")
        found[name] = None
    return found
