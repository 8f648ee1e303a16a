# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a vendor's services that options switch on: cells as printed, with the options' values put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .keys import REQUIREMENTS, Definition
from .options import Choices
from .placeholders import filled

# Columns that a row takes over as they are.
_KEPT = ("wide_because", "special_because")
_ANY = ("", "any")  # sources that are none


def rows_of(
    vendor: str, definition: Definition, service: Mapping[str, Any], choices: Choices
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a service that the options switch on: for each line of traffic one, and one for each direction.

    C{source} is still the source's id.
    """
    if not applies(service, choices):
        return
    inbound = bool(choices.values.get(service.get("inbound_option", ""), False))
    for number, row in enumerate(service["rows"], 1):
        if not applies(row, choices):
            continue
        direction = row.get("direction", service.get("direction", ""))
        if direction == "inbound" and not inbound:
            continue
        mapped = mapped_of(definition, service, row)
        for traffic in service.get("traffic", [row]):
            if traffic is not row and not applies(traffic, choices):
                continue
            ends = _ends(row, direction, mapped, _narrowed(choices, service, row, traffic))
            cells = {**row, **traffic}
            stated = [part["requirement"] for part in (service, row, traffic) if "requirement" in part]
            selected = {
                "vendor": vendor,
                "service": service["name"],
                "row": number,
                "title": service["title"],
                **ends,
                "protocol": cells.get("protocol", ""),
                "ports": choices.values[row["ports_option"]] if "ports_option" in row else cells.get("ports", ""),
                "requirement": max(stated, key=REQUIREMENTS.index, default=REQUIREMENTS[0]),
                "source": row.get("source", service["source"]),
            }
            selected.update({key: row[key] for key in _KEPT if key in row})
            if label := "; ".join(dict.fromkeys(part["label"] for part in (row, traffic) if part.get("label"))):
                selected["label"] = label
            if read_as := {**row.get("read_as", {}), **traffic.get("read_as", {}), **ends.get("read_as", {})}:
                selected["read_as"] = read_as
            yield selected
            if inbound and not direction:
                # A page that asks for these beside the others recommends them at most: conntrack lets answers in.
                weakest = max(selected["requirement"], "recommended", key=REQUIREMENTS.index)
                yield {**selected, "direction": "inbound", "requirement": weakest}


def _narrowed(choices: Choices, *parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of options, of lists only those that all parts are for: a row of the east fills in east."""
    values: dict[str, Any] = dict(choices.values)
    for part in parts:
        for option, wanted in part.get("when", {}).items():
            if isinstance(values[option], list):
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
    return {**found, "destination": row["destination"], "read_as": {"destination": _filled(read_as, mapped, values)}}


def mapped_of(definition: Mapping[str, Any], service: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, str]:
    """Return the placeholders of a row's destination: those of the vendor, of its service, and its own, which win."""
    found: dict[str, str] = {}
    for part in (definition, service, row):
        if "destination_options" in part:
            found.update(part["destination_options"])
    return found


def _filled(cell: str, mapped: Mapping[str, str], values: Mapping[str, Any]) -> str | list[str]:
    """Return a cell with the options' values, a list where a list option has several."""
    if not mapped:
        return cell
    cells = filled(cell, mapped, values)
    return cells[0] if len(cells) == 1 else cells


def applies(entry: Mapping[str, Any], choices: Choices) -> bool:
    """Whether all options that an entry's C{when} names have one of the values that it wants."""
    for option, values in entry.get("when", {}).items():
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
