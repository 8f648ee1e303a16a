# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check one vendor's definition: the keys, the types and the references of a vendor file.

A vendor file is data from outside, so nothing in it is taken on trust. docs/catalog.md explains the keys.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import Hints, listed, unknown
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import briefly, kind_of, quoted, unseen

from .limits import ENTRIES, LONGEST_CELL, LONGEST_CHOICE, LONGEST_TEXT
from .options import choose
from .reserved import is_reserved

REQUIREMENTS = ("required", "recommended", "optional")
# A vendor's definition: what stands under C{catalog_<vendor>} in its file.
Definition = dict[str, Any]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_NAMES = "write small letters, digits and underscores, a letter first"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?\Z")

# Template markers: Ansible before 2.19 templates facts again.
_TEMPLATE = re.compile(r"\{[{%#]")

# Key -> type, mandatory ones with a "!" after the type.
_VENDOR = {
    "title": "str!",
    "wide_because": "str",
    "sources": "list!",
    "options": "dict",
    "timers": "list",
    "services": "list!",
    "not_rules": "list",
}
_SOURCE = {"id": "str!", "title": "str!", "date": "str!", "dated": "str", "document": "str", "notices": "str"}
_OPTION = {
    "type": "str!",
    "choices": "list",
    "required": "bool",
    "default": "any",
    "example": "any",
    "description": "str",
}
_TIMER = {"protocol": "str!", "seconds": "int!", "printed": "str!", "source": "str", "services": "list", "when": "dict"}
_SERVICE = {
    "name": "str!", "title": "str!", "source": "str!", "requirement": "str", "when": "dict", "traffic": "list",
    "traffic_source": "str", "inbound_option": "str", "note": "str", "rows": "list!",
}  # fmt: skip
_TRAFFIC = {"protocol": "str", "ports": "str", "requirement": "str", "label": "str"}
_ROW = {
    "label": "str", "protocol": "str", "source_ip": "str", "source_port": "str", "destination": "str!", "ports": "str",
    "ports_option": "str", "when": "dict", "requirement": "str", "source": "str", "wide_because": "str",
    "special_because": "str",
}  # fmt: skip
_NOT_RULE = {"title": "str!", "printed": "str!", "why": "str!", "source": "str", "when": "dict"}
_TYPES = {"str": str, "list": list, "dict": dict, "bool": bool, "int": int, "any": object}


class _Known(NamedTuple):
    """What the entries of a vendor's definition may refer to."""

    sources: dict[str, None]  # their ids
    options: dict[str, Any]  # name -> spec
    values: dict[str, frozenset[str | bool]]  # option -> those that a condition may name
    kinds: dict[str, list[str]]  # type -> the options of it
    hints: Hints  # how often an error says what may be meant


def check_definition(vendor: str, definition: Any) -> None:
    """Raise ValueError, a line with vendor and place for each error, unless this is a vendor's definition."""
    if not isinstance(vendor, str) or not _NAME.match(vendor):
        raise ValueError(f"vendor name '{briefly(vendor)}': {_NAMES}")
    if is_reserved(vendor):
        raise ValueError(
            f"vendor name '{briefly(vendor)}' means something else to this collection or to Ansible: choose another"
        )
    _check_strings(vendor, definition)  # first and alone: no other message then repeats what nobody sees
    _check_keys(vendor, definition, _VENDOR)
    faults = Faults()
    known = _known(vendor, definition)
    services = definition["services"]
    for number, service in enumerate(services, 1):
        with faults.noted():
            _check_service(_numbered(vendor, "service", number, service, "name"), service, known, faults)
    faults.stop()
    rows = sum(len(service["rows"]) * len(service.get("traffic", [1])) for service in services)
    if rows > ENTRIES["rows"]:
        raise ValueError(f"{vendor}: {rows:,} rows, one for each line of traffic: at most {ENTRIES['rows']:,}")
    names = _unique(vendor, "service", [service["name"] for service in services])
    for number, timer in enumerate(definition.get("timers", []), 1):
        with faults.noted():
            _check_timer(f"{vendor}: timer {number}", timer, known, names)
    for number, entry in enumerate(definition.get("not_rules", []), 1):
        place = f"{vendor}: not_rules {number}"
        with faults.noted():
            _check_keys(place, entry, _NOT_RULE)
            _check_references(place, entry, known)
    faults.stop()


def _known(vendor: str, definition: Definition) -> _Known:
    """Return the sources and the options of a vendor, checked."""
    sources = _check_sources(vendor, definition["sources"])
    options = definition.get("options", {})
    kinds: dict[str, list[str]] = {"bool": [], "ports": [], "list": [], "str": []}
    for name, spec in options.items():
        _check_option(vendor, name, spec)
        kinds[spec["type"]].append(name)
    values = {
        name: frozenset((True, False) if spec["type"] == "bool" else spec.get("choices", ()))
        for name, spec in options.items()
    }
    return _Known(sources, options, values, kinds, Hints())


def first_day(date: str) -> datetime.date:
    """Return the day that a source's age counts from: of C{YYYY-MM}, the first of the month.

    Raises ValueError for anything else than C{YYYY-MM} and C{YYYY-MM-DD}.
    """
    try:
        if not _DATE.match(date):
            raise ValueError
        return datetime.date.fromisoformat(date if len(date) == 10 else f"{date}-01")
    except ValueError:
        raise ValueError(
            f"date '{briefly(date)}' is not a date: write it as 2022-11-05 or 2022-11, in quotes"
        ) from None


def _check_sources(vendor: str, sources: list[Any]) -> dict[str, None]:
    for number, source in enumerate(sources, 1):
        place = _numbered(vendor, "source", number, source, "id")
        _check_keys(place, source, _SOURCE)
        try:
            first_day(source["date"])
        except ValueError as exc:
            raise ValueError(f"{place}: {exc}") from None
    if not sources:
        raise ValueError(f"{vendor}: sources is empty: say which document the rows come from, and its date")
    return _unique(vendor, "source", [source["id"] for source in sources])


def _check_option(vendor: str, name: Any, spec: Any) -> None:
    place = f"{vendor}: option {briefly(name)}"
    if not isinstance(name, str) or not _NAME.match(name) or name == "name":
        raise ValueError(f"{place}: {_NAMES}, and not 'name'")
    _check_keys(place, spec, _OPTION)
    _one_of(place, "type", spec["type"], ("list", "str", "bool", "ports"))
    choices = spec.get("choices", [])
    if bool(choices) != (spec["type"] in ("list", "str")):
        raise ValueError(f"{place}: choices belong to the types list and str, and these need them")
    if not all(isinstance(choice, str) and choice != "all" for choice in choices):
        raise ValueError(f"{place}: choices must be strings, and 'all' is not one that you can define")
    if any(len(choice) > LONGEST_CHOICE for choice in choices):
        raise ValueError(f"{place}: a choice has more than {LONGEST_CHOICE} characters")
    if spec.get("required", False) == ("default" in spec):
        raise ValueError(f"{place}: write either 'required: true' or a default")
    if "default" in spec:
        choose(vendor, {name: {**spec, "required": False}}, {})


def _check_timer(place: str, timer: Any, known: _Known, services: dict[str, None]) -> None:
    _check_keys(place, timer, _TIMER)
    _one_of(place, "protocol", timer["protocol"], ("tcp", "udp"))
    _check_references(place, timer, known)
    for service in timer.get("services", []):
        _one_of(place, "service", service, services, known.hints)
    if timer["seconds"] < 1:
        raise ValueError(f"{place}: seconds {briefly(timer['seconds'])} is not larger than 0")


def _check_service(place: str, service: Any, known: _Known, faults: Faults) -> None:
    """Raise ValueError for the service itself; what is wrong with its lines and rows goes into C{faults}."""
    _check_keys(place, service, _SERVICE)
    if not _NAME.match(service["name"]):
        raise ValueError(f"{place}: name '{briefly(service['name'])}': {_NAMES}")
    _check_references(place, service, known)
    if "inbound_option" in service:
        option = service["inbound_option"]
        _one_of(place, "inbound_option", option, known.kinds["bool"], known.hints)
        spec = known.options[option]
        if "default" in spec and choose(place, {option: spec}, {}).values[option]:
            raise ValueError(f"{place}: inbound_option {option}: its default opens inbound: write 'default: false'")
    for number, traffic in enumerate(service.get("traffic", []), 1):
        line = f"{place}: traffic {number}"
        with faults.noted():
            _check_keys(line, traffic, _TRAFFIC)
            _check_references(line, traffic, known)
    for number, row in enumerate(service["rows"], 1):
        with faults.noted():
            _check_row(f"{place}: row {number}", row, known, "traffic" in service)


def _check_row(place: str, row: Any, known: _Known, traffic: bool) -> None:
    _check_keys(place, row, _ROW)
    _check_references(place, row, known)
    if traffic and not row.keys().isdisjoint({"protocol", "ports", "ports_option"}):
        raise ValueError(f"{place}: protocol and ports stand in the service's traffic already")
    if "ports_option" in row:
        _one_of(place, "ports_option", row["ports_option"], known.kinds["ports"], known.hints)


def _check_references(place: str, entry: dict[str, Any], known: _Known) -> None:
    """Check what an entry refers to: its requirement, its sources and the options of its C{when}."""
    if "requirement" in entry:
        _one_of(place, "requirement", entry["requirement"], REQUIREMENTS)
    for key in ("source", "traffic_source"):
        if key in entry:
            _one_of(place, key, entry[key], known.sources, known.hints)
    for option, values in entry.get("when", {}).items():
        _one_of(f"{place}: when", "option", option, known.options, known.hints)
        choices = known.values[option]
        if not choices:
            raise ValueError(f"{place}: when: {option} has no choices that a condition could name")
        if (
            not isinstance(values, list)
            or not values
            or not all(isinstance(value, (str, bool)) and value in choices for value in values)
        ):
            accepted = listed(known.options[option].get("choices", ["True", "False"]))
            raise ValueError(f"{place}: when: {option} '{briefly(values)}' must be a list of {accepted}")


def _check_keys(place: str, entry: Any, keys: dict[str, str]) -> None:
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


def _check_strings(place: str, value: Any) -> None:
    """Refuse template markers, unseen characters and endless texts, at any depth; a destination may have lines."""
    if isinstance(value, str):
        _check_text(place, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_strings(place, key)
            _check_strings(f"{place}: {key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            name = inner.get("name", number) if isinstance(inner, dict) else number
            _check_strings(f"{place} {name}" if place.endswith(("rows", "services")) else f"{place}: {number}", inner)


def _check_text(place: str, text: str) -> None:
    cell = place.endswith(": destination")
    longest = LONGEST_CELL if cell else LONGEST_TEXT
    if len(text) > longest:
        raise ValueError(f"{place}: {quoted(text)} has {len(text):,} characters: at most {longest:,}")
    if found := _TEMPLATE.search(text):
        raise ValueError(f"{place}: '{briefly(text)}' holds '{found[0]}': vendor files are never templated")
    lines = text.replace("\n", " ").replace("\t", " ") if cell else text
    if character := unseen(lines):
        raise ValueError(f"{place}: {quoted(text)} holds the {kind_of(character)}")


def _numbered(vendor: str, kind: str, number: int, entry: Any, key: str) -> str:
    """Return the place of an entry: by its name where it has one, else by its number."""
    name = entry.get(key) if isinstance(entry, dict) else None
    return f"{vendor}: {briefly(name)}" if isinstance(name, str) else f"{vendor}: {kind} {number}"


def _one_of(place: str, kind: str, name: Any, known: Collection[str], hints: Hints | None = None) -> None:
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"{place}: {unknown(kind, name, known, hints)}")


def _unique(vendor: str, kind: str, names: list[str]) -> dict[str, None]:
    """Return the names in their order; raises ValueError for one that is there twice."""
    found: dict[str, None] = {}
    for name in names:
        if name in found:
            raise ValueError(f"{vendor}: the {kind} '{briefly(name)}' is there twice")
        found[name] = None
    return found
