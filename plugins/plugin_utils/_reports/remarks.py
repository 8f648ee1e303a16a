# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of the provenance says besides: its label, the author's readings, and ends that are kept only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MOST_LINES = 20
_MOST = 3  # rows, and addresses, that a line names


def remarks(entry: Mapping[str, Any]) -> list[str]:
    """Return the remarks on an entry, C{label: Primary}; none for most."""
    found = [f"label: {entry['label']}"] if "label" in entry else []
    found += [entry["read_as"]] if "read_as" in entry else []
    end = own_end(entry)
    return found + ([f"{end} (kept, not enforced)"] if end else [])


def own_end(entry: Mapping[str, Any]) -> str:
    """Return the user's end of an entry, C{only from 192.0.2.1/32 port 5060}; '' where it says nothing of it."""
    inbound = entry.get("direction") == "inbound"
    address, port = _listed(entry.get("own_ip", "")), entry.get("source_port", "")
    ports = f"port {port}" if port else ""
    if inbound:
        parts = [f"to {address}" if address else "", f"from {ports}" if ports else ""]
    else:
        parts = ["from" if address or ports else "", address, ports]
    told = " ".join(filter(None, parts))
    return f"only {told}" if told else ""


def readings(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the author of a vendor's file read as what, C{media row 3: ports '5060/61' read as ...}, each once."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for entry in entries:
        if "read_as" in entry:
            found[entry["service"], entry["read_as"]].add(entry.get("row", 0))
    yield from _first((f"{_rows(service, rows)}: {text}" for (service, text), rows in found.items()), "readings")


def own_ends(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the user's ends of entries, with their rows: C{only from 192.0.2.1/32: sip row 1, media rows 2, 3}."""
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        if end := own_end(entry):
            found[end][entry["service"]].add(entry.get("row", 0))
    told = (f"{end}: {', '.join(_rows(service, rows) for service, rows in found[end].items())}" for end in found)
    yield from _first(told, "ends of rows")


def _first(lines: Iterable[str], what: str) -> Iterator[str]:
    """Yield the first of the lines, and how many more there are."""
    found = list(lines)
    yield from found[:_MOST_LINES]
    if len(found) > _MOST_LINES:
        yield f"{len(found) - _MOST_LINES:,} more {what}"


def _listed(addresses: str) -> str:
    """Return the first of the addresses, and how many more there are."""
    found = addresses.split(", ")
    return ", ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")


def _rows(service: str, rows: Iterable[int]) -> str:
    ordered = sorted(rows)
    listed = ", ".join(map(str, ordered[:_MOST]))
    more = f" and {len(ordered) - _MOST} more" if len(ordered) > _MOST else ""
    return f"{service} row{'s' if len(ordered) > 1 else ''} {listed}{more}"
