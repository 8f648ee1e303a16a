# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of the provenance says besides: its label, the author's readings, and ends that are kept only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import verbatim

from .layout import row_numbers, wrapped

_MOST_LINES = 20
_MOST = 3  # addresses that a line names
_LONGEST = 3000  # characters of a printed cell
_AUTHOR = "by the author of the file"
_READ = " read as "
_BETWEEN = re.compile("; (?=(?:ports|destination)(?: '|, which ))")  # what is told of two cells of a row


@dataclass
class _Reading:
    """One reading of a printed cell: the rows of each service that have it, and what is beyond the cell's numbers."""

    rows: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    beyond: dict[str, None] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"; BEYOND what the cell prints: {', '.join(self.beyond)}" if self.beyond else ""


_Found = defaultdict[str, defaultdict[str, _Reading]]  # cell as printed -> reading


def remarks(entry: Mapping[str, Any]) -> list[str]:
    """Return the remarks on an entry, C{label: Primary}; none for most."""
    found = [f"label: {entry['label']}"] if "label" in entry else []
    found += [entry["read_as"]] if "read_as" in entry else []
    end = own_end(entry)
    return found + ([f"{end} (kept, not enforced)"] if end else [])


def own_end(entry: Mapping[str, Any]) -> str:
    """Return the user's end of an entry, C{only from 192.0.2.1/32 port 5060}; '' where it says nothing of it."""
    if not (entry.get("own_ip") or entry.get("source_port")):
        return ""
    inbound = entry.get("direction") == "inbound"
    address, port = _listed(entry.get("own_ip", "")), entry.get("source_port", "")
    ports = f"port {port}" if port else ""
    if inbound:
        parts = [f"to {address}" if address else "", f"from {ports}" if ports else ""]
    else:
        parts = ["from" if address or ports else "", address, ports]
    told = " ".join(filter(None, parts))
    return f"only {told}" if told else ""


def readings(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return lines on what the author of a vendor's file read as what, by the texts of entries; nothing of these cut.

    A text tells of all cells of a row; here each cell is told once, with the rows of all services that have it.
    """
    found: _Found = defaultdict(lambda: defaultdict(_Reading))
    for entry in entries:
        for part in _BETWEEN.split(entry.get("read_as", "").removesuffix(f" {_AUTHOR}")):
            # Cells that hold such words themselves are told as they come, only not together.
            what, _dummy, text = part.partition(_READ) if part.count(_READ) == 1 else (part, "", "")
            if part:
                found[what][text].rows[entry["service"]].add(entry.get("row", 0))
    return _lines(found, _MOST_LINES)


def readings_of_rows(rows: Iterable[Mapping[str, Any]], most: int) -> list[str]:
    """Return the same lines for rows with their cells, of at most C{most} cells.

    C{beyond} of a row: what a reading opens that the numbers of its cell do not span, C{{"ports": "udp/1-65535"}}.
    """
    found: _Found = defaultdict(lambda: defaultdict(_Reading))
    for row in rows:
        for cell, text in row.get("read_as", {}).items():
            printed = str(row.get(cell) or "")
            what = f"{cell} {_whole(printed)}" if printed.strip() else f"{cell}, which the row does not print,"
            reading = found[what][verbatim(str(text))]
            reading.rows[row["service"]].add(row["row"])
            reading.beyond.update(dict.fromkeys(filter(None, [row.get("beyond", {}).get(cell)])))
    return _lines(found, most)


def _lines(found: _Found, most: int) -> list[str]:
    """Return lines on each cell with its readings."""
    lines = []
    for what, told in list(found.items())[:most]:
        if len(told) == 1:
            [(text, reading)] = told.items()
            read = f"{what}{_READ}{text}" if text else what
            lines += wrapped(f"note on {_services(reading.rows)}: {read} {_AUTHOR}{reading}", "  ")
            continue
        lines += wrapped(f"note on {what} read {_AUTHOR}", "  ")
        for text, reading in told.items():
            lines += wrapped(f"as {text}: {_services(reading.rows)}{reading}", "      ")
    return lines + ([f"  note on {len(found) - most:,} more cells that were read so"] if len(found) > most else [])


def own_ends(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the user's ends of entries, with their rows: C{only from 192.0.2.1/32: sip row 1, media rows 2, 3}."""
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        if end := own_end(entry):
            found[end][entry["service"]].add(entry.get("row", 0))
    yield from _first((f"{end}: {_services(rows)}" for end, rows in found.items()), "ends of rows")


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


def _services(rows: Mapping[str, set[int]]) -> str:
    """Return the rows of services, C{sip row 1, media rows 2-4}."""
    return ", ".join(f"{service} {row_numbers(numbers)}" for service, numbers in rows.items())


def _whole(cell: str) -> str:
    """Return a printed cell in quotes, whole unless it would fill screens: what would differ may be anywhere."""
    more = len(cell) - _LONGEST
    return verbatim(cell) if more <= 0 else f"{verbatim(cell[:_LONGEST])} and {more:,} characters more"
