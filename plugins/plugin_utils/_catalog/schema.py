# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check one vendor's definition: the keys, the types and the references of a vendor file.

A vendor file is data from outside, so nothing in it is taken on trust. docs/catalog.md explains the keys.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import unknown

from .options import choose

REQUIREMENTS = ("required", "recommended", "optional")
# A vendor's definition: what stands under C{catalog_<vendor>} in its file.
Definition = dict[str, Any]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
# In labels they are no vendors, before options they begin variables of the playbooks and roles.
_RESERVED = {"and", "baseline", "egress", "apply", "catalog", "explain", "export"}
_NAMES = "write small letters, digits and underscores, a letter first"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?\Z")

# What must not stand in a string: template markers (Ansible before 2.19 templates facts again), and
# characters that one does not see (control, bidirectional, line and paragraph separators).
_TEMPLATE = re.compile(r"\{[{%#]")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

# Key -> type, mandatory ones with a "!" after the type.
_VENDOR = {
    "title": "str!",
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
}  # fmt: skip
_NOT_RULE = {"title": "str!", "printed": "str!", "why": "str!", "source": "str", "when": "dict"}
_TYPES = {"str": str, "list": list, "dict": dict, "bool": bool, "int": int, "any": object}


def check_definition(vendor: str, definition: Any) -> None:
    """Raise ValueError, a line with vendor and place for each error, unless this is a vendor's definition."""
    if not isinstance(vendor, str) or not _NAME.match(vendor):
        raise ValueError(f"vendor name '{vendor}': {_NAMES}")
    if vendor in _RESERVED or vendor.endswith("_egress_allow"):
        raise ValueError(f"vendor name '{vendor}' means something else to this collection: choose another")
    _check_strings(vendor, definition)  # first and alone: no other message then repeats what nobody sees
    _check_keys(vendor, definition, _VENDOR)
    faults = Faults()
    sources = _check_sources(vendor, definition["sources"])
    options = definition.get("options", {})
    for name, spec in options.items():
        _check_option(vendor, name, spec)
    services = definition["services"]
    for number, service in enumerate(services, 1):
        with faults.noted():
            _check_service(_numbered(vendor, "service", number, service, "name"), service, sources, options, faults)
    faults.stop()
    names = _unique(vendor, "service", [service["name"] for service in services])
    for number, timer in enumerate(definition.get("timers", []), 1):
        with faults.noted():
            _check_timer(f"{vendor}: timer {number}", timer, sources, options, names)
    for number, entry in enumerate(definition.get("not_rules", []), 1):
        place = f"{vendor}: not_rules {number}"
        with faults.noted():
            _check_keys(place, entry, _NOT_RULE)
            _check_references(place, entry, sources, options)
    faults.stop()


def first_day(date: str) -> datetime.date:
    """Return the day that a source's age counts from: of C{YYYY-MM}, the first of the month.

    Raises ValueError for anything else than C{YYYY-MM} and C{YYYY-MM-DD}.
    """
    try:
        if not _DATE.match(date):
            raise ValueError
        return datetime.date.fromisoformat(date if len(date) == 10 else f"{date}-01")
    except ValueError:
        raise ValueError(f"date '{date}' is not a date: write it as 2022-11-05 or 2022-11, in quotes") from None


def _check_sources(vendor: str, sources: list[Any]) -> list[str]:
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
    place = f"{vendor}: option {name}"
    if not isinstance(name, str) or not _NAME.match(name) or name == "name":
        raise ValueError(f"{place}: {_NAMES}, and not 'name'")
    _check_keys(place, spec, _OPTION)
    _one_of(place, "type", spec["type"], ("list", "str", "bool", "ports"))
    choices = spec.get("choices", [])
    if bool(choices) != (spec["type"] in ("list", "str")):
        raise ValueError(f"{place}: choices belong to the types list and str, and these need them")
    if not all(isinstance(choice, str) and choice != "all" for choice in choices):
        raise ValueError(f"{place}: choices must be strings, and 'all' is not one that you can define")
    if spec.get("required", False) == ("default" in spec):
        raise ValueError(f"{place}: write either 'required: true' or a default")
    if "default" in spec:
        choose(vendor, {name: {**spec, "required": False}}, {})


def _check_timer(place: str, timer: Any, sources: list[str], options: dict[str, Any], services: Iterable[str]) -> None:
    _check_keys(place, timer, _TIMER)
    _one_of(place, "protocol", timer["protocol"], ("tcp", "udp"))
    _check_references(place, timer, sources, options)
    for service in timer.get("services", []):
        _one_of(place, "service", service, services)
    if timer["seconds"] < 1:
        raise ValueError(f"{place}: seconds {timer['seconds']} is not larger than 0")


def _check_service(place: str, service: Any, sources: list[str], options: dict[str, Any], faults: Faults) -> None:
    """Raise ValueError for the service itself; what is wrong with its lines and rows goes into C{faults}."""
    _check_keys(place, service, _SERVICE)
    if not _NAME.match(service["name"]):
        raise ValueError(f"{place}: name '{service['name']}': {_NAMES}")
    _check_references(place, service, sources, options)
    if "inbound_option" in service:
        _one_of(place, "inbound_option", service["inbound_option"], _of_type(options, "bool"))
    for number, traffic in enumerate(service.get("traffic", []), 1):
        line = f"{place}: traffic {number}"
        with faults.noted():
            _check_keys(line, traffic, _TRAFFIC)
            _check_references(line, traffic, sources, options)
    for number, row in enumerate(service["rows"], 1):
        with faults.noted():
            _check_row(f"{place}: row {number}", row, sources, options, "traffic" in service)


def _check_row(place: str, row: Any, sources: list[str], options: dict[str, Any], traffic: bool) -> None:
    _check_keys(place, row, _ROW)
    _check_references(place, row, sources, options)
    if traffic and not row.keys().isdisjoint({"protocol", "ports", "ports_option"}):
        raise ValueError(f"{place}: protocol and ports stand in the service's traffic already")
    if "ports_option" in row:
        _one_of(place, "ports_option", row["ports_option"], _of_type(options, "ports"))


def _check_references(place: str, entry: dict[str, Any], sources: list[str], options: dict[str, Any]) -> None:
    """Check what an entry refers to: its requirement, its sources and the options of its C{when}."""
    if "requirement" in entry:
        _one_of(place, "requirement", entry["requirement"], REQUIREMENTS)
    for key in ("source", "traffic_source"):
        if key in entry:
            _one_of(place, key, entry[key], sources)
    for option, values in entry.get("when", {}).items():
        _one_of(f"{place}: when", "option", option, options)
        choices = [True, False] if options[option]["type"] == "bool" else options[option].get("choices")
        if not choices:
            raise ValueError(f"{place}: when: {option} has no choices that a condition could name")
        if not isinstance(values, list) or not values or any(value not in choices for value in values):
            raise ValueError(f"{place}: when: {option} '{values}' must be a list of {', '.join(map(str, choices))}")


def _of_type(options: dict[str, Any], kind: str) -> list[str]:
    return [name for name, spec in options.items() if spec["type"] == kind]


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
            raise ValueError(f"{place}: {key} '{value}' must be a {wanted}, not a {type(value).__name__}{hint}")
    for key, wanted in keys.items():
        if wanted.endswith("!") and key not in entry:
            raise ValueError(f"{place}: {key} is missing")


def _check_strings(place: str, value: Any) -> None:
    """Refuse template markers and unseen characters, at any depth; a destination may have several lines."""
    if isinstance(value, str):
        if found := _TEMPLATE.search(value):
            raise ValueError(f"{place}: '{value}' holds '{found[0]}': vendor files are never templated")
        lines = value.replace("\n", " ").replace("\t", " ") if place.endswith(": destination") else value
        if found := _UNSEEN.search(lines):
            raise ValueError(f"{place}: {value!r} holds the control character U+{ord(found[0]):04X}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_strings(place, key)
            _check_strings(f"{place}: {key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            name = inner.get("name", number) if isinstance(inner, dict) else number
            _check_strings(f"{place} {name}" if place.endswith(("rows", "services")) else f"{place}: {number}", inner)


def _numbered(vendor: str, kind: str, number: int, entry: Any, key: str) -> str:
    """Return the place of an entry: by its name where it has one, else by its number."""
    name = entry.get(key) if isinstance(entry, dict) else None
    return f"{vendor}: {name}" if isinstance(name, str) else f"{vendor}: {kind} {number}"


def _one_of(place: str, kind: str, name: Any, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"{place}: {unknown(kind, name, known)}")


def _unique(vendor: str, kind: str, names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{vendor}: the {kind} '{name}' is there twice")
    return names
