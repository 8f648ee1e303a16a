# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a vendor's services that options switch on: cells as printed, with the options' values put in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .keys import REQUIREMENTS, Definition
from .options import Choices
from .placeholders import filled, placeholders

# Columns that a row takes over as they are.
_KEPT = ("wide_because", "special_because")
_OPTIONS = ("ports_option", "source_ip_option", "destination_option")  # whose value stands in a row
_ANY = ("", "any")  # sources that are none


def rows_of(
    vendor: str,
    definition: Definition,
    service: Mapping[str, Any],
    choices: Choices,
    requirements: Collection[str] = REQUIREMENTS,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a service that the options switch on: for each line of traffic one, and one for each direction.

    C{source} is still the source's id. C{requirements}: those that the user takes. A row that needs an option which is
    missing is left out, and C{choices.needed} gets the option.
    """
    if not applies(service, choices):
        return
    lines: list[Mapping[str, Any] | None] = [*service.get("traffic", [None])]
    of_all = mapped_of(mapped_of({}, definition), service)
    for number, row in enumerate(service["rows"], 1):
        if not applies(row, choices):
            continue
        direction = row.get("direction", service.get("direction", ""))
        mapped = mapped_of(of_all, row)
        for line, traffic in enumerate(lines, 1):
            if traffic is not None and not applies(traffic, choices):
                continue
            parts = (service, row) if traffic is None else (service, row, traffic)
            values = _narrowed(choices, *parts)
            if any(values.get(option) == [] for part in parts for option in part.get("when", {})):
                continue  # each part is for a choice of the user's, and none for all parts
            found = _requirements(parts, direction, choices)
            taken = {way: requirement for way, requirement in found.items() if requirement in requirements}
            if found and not taken:
                _leave_out(parts, mapped, choices)
            taken = _ready(taken, parts, mapped, choices)
            if not taken:
                continue
            ends = _ends(row, direction, mapped, values)
            if [] in (ends["destination"], ends.get("read_as", {}).get("destination")):
                continue  # of no value that fills its name
            selected = _selected(vendor, service, row, traffic, choices, ends)
            selected.update(row=number, **({"traffic": line} if traffic is not None else {}))
            for way, requirement in taken.items():
                yield {**selected, **({"direction": way} if way == "inbound" else {}), "requirement": requirement}


def _requirements(parts: Sequence[Mapping[str, Any]], direction: str, choices: Choices) -> dict[str, str]:
    """Return the requirement of a row by direction, in which it opens something; C{parts}: service, row, traffic."""
    stated = [part["requirement"] for part in parts if "requirement" in part]
    requirement = max(stated, key=REQUIREMENTS.index, default=REQUIREMENTS[0])
    found = {"outbound": requirement} if direction != "inbound" else {}
    option = parts[0].get("inbound_option", "")
    if direction != "outbound" and (choices.values.get(option, False) or option in choices.missing):
        # A page that asks for these beside the others recommends them at most: conntrack lets answers in.
        weakest = max(requirement, "recommended", key=REQUIREMENTS.index)
        found["inbound"] = requirement if direction else weakest
    return found


def _ready(
    taken: dict[str, str], parts: Sequence[Mapping[str, Any]], mapped: Mapping[str, str], choices: Choices
) -> dict[str, str]:
    """Return the directions of a row for which nothing is missing; enters the options that it needs.

    What a row holds is asked for only once it is known that the row is switched on.
    """
    if not taken:
        return {}
    if choices.missing:
        for part in parts:
            if lacking := part.get("when", {}).keys() & choices.missing.keys():
                choices.needed.update(lacking)
                return {}
        if "inbound" in taken and (option := parts[0]["inbound_option"]) in choices.missing:
            choices.needed.add(option)
            taken = {way: requirement for way, requirement in taken.items() if way != "inbound"}
        if taken and (lacking := _held(parts[1], mapped) & choices.missing.keys()):
            choices.needed.update(lacking)
            return {}
    if taken:
        choices.taken.update(_used(parts, mapped))
    return taken


def _leave_out(parts: Sequence[Mapping[str, Any]], mapped: Mapping[str, str], choices: Choices) -> None:
    """Enter the options of a row that only its requirement leaves out, where it is known to be switched on."""
    if any(part.get("when", {}).keys() & choices.missing.keys() for part in parts):
        return
    for option in _used(parts, mapped):
        choices.left_out.setdefault(option, {})[parts[0]["name"]] = None


def _used(parts: Sequence[Mapping[str, Any]], mapped: Mapping[str, str]) -> set[str]:
    """Return the options that switch a row on, and those whose values it holds."""
    return _held(parts[1], mapped).union(*(part.get("when", {}) for part in parts))


def _held(row: Mapping[str, Any], mapped: Mapping[str, str]) -> set[str]:
    """Return the options whose values stand in a row."""
    held = {row[key] for key in _OPTIONS if key in row}
    if mapped and "destination_option" not in row:
        cell = row.get("read_as", {}).get("destination", row["destination"])
        held.update(mapped[text] for text in placeholders(cell, mapped))
    return held


def _selected(
    vendor: str,
    service: Mapping[str, Any],
    row: Mapping[str, Any],
    traffic: Mapping[str, Any] | None,
    choices: Choices,
    ends: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the columns of a row; C{ends}: those of where its packets come from and go to."""
    traffic = traffic or {}
    cells = {**row, **traffic}
    selected = {
        "vendor": vendor,
        "service": service["name"],
        "title": service["title"],
        **ends,
        "protocol": cells.get("protocol", ""),
        "ports": choices.values[row["ports_option"]] if "ports_option" in row else cells.get("ports", ""),
        "source": row.get("source", service["source"]),
    }
    if chosen := [cell for cell in ("ports", "destination") if f"{cell}_option" in row]:
        selected["chosen"] = chosen
    selected.update({key: row[key] for key in _KEPT if key in row})
    if label := "; ".join(dict.fromkeys(part["label"] for part in (row, traffic) if part.get("label"))):
        selected["label"] = label
    if read_as := {**row.get("read_as", {}), **traffic.get("read_as", {}), **ends.get("read_as", {})}:
        selected["read_as"] = read_as
    return selected


def _narrowed(choices: Choices, *parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of options, of lists only those that all parts are for: a row of the east fills in east."""
    values: dict[str, Any] = dict(choices.values)
    for part in parts:
        for option, wanted in part.get("when", {}).items():
            if isinstance(values.get(option), list):
                values[option] = [value for value in values[option] if value in wanted]
    return values


def _ends(row: Mapping[str, Any], direction: str, mapped: Mapping[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that say where a row's packets come from and go to, with the options' values.

    The destination of an inbound row is who connects, wherever the page prints it.
    """
    own = values[row["destination_option"]] if "destination_option" in row else None
    found: dict[str, Any] = {"direction": "inbound"} if direction == "inbound" else {}
    if row.get("source_port", "").strip().lower() not in _ANY:
        found["source_port"] = row["source_port"]
    if direction == "inbound" and own is not None:
        return {**found, "destination": row["source_ip"], "own_ip": own}
    if "source_ip_option" in row:
        found["source_ip"] = values[row["source_ip_option"]]
    elif row.get("source_ip", "").strip().lower() not in _ANY:
        found["source_ip"] = row["source_ip"]
    if own is not None:
        # What the user writes himself is his own network.
        return {**found, "destination": own, "own": True}
    read_as = row.get("read_as", {}).get("destination")
    if read_as is None:
        return {**found, "destination": _filled(row["destination"], mapped, values)}
    return {
        **found,
        "destination": row["destination"],
        "read_as": {"destination": _filled(read_as, mapped, values)},
        "written": {"destination": read_as},
    }


def mapped_of(mapped: Mapping[str, str], entry: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the placeholders of an entry's destinations: those around it, and its own, which win."""
    own = entry.get("destination_options")
    return {**mapped, **own} if own else mapped


def _filled(cell: str, mapped: Mapping[str, str], values: Mapping[str, Any]) -> str | list[str]:
    """Return a cell with the options' values, a list where a list option has several."""
    if not mapped:
        return cell
    cells = filled(cell, mapped, values)
    return cells[0] if len(cells) == 1 else cells


def applies(entry: Mapping[str, Any], choices: Choices) -> bool:
    """Whether all options that an entry's C{when} names have one of the values that it wants, or are missing."""
    for option, values in entry.get("when", {}).items():
        if option in choices.missing:
            continue
        value = choices.values[option]
        if not any(wanted in values for wanted in (value if isinstance(value, list) else [value])):
            return False
    return True


def dated(definition: Definition, rows: list[dict[str, Any]]) -> None:
    """Put titles and dates in place of the sources' ids, and the vendor's own reason beside them."""
    sources = {source["id"]: source for source in definition["sources"]}
    because = {"vendor_wide_because": definition["wide_because"]} if "wide_because" in definition else {}
    for row in rows:
        source = sources[row["source"]]
        row.update(source=source["title"], date=source["date"], **because)
