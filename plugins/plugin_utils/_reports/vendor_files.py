# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at vendor files before anybody uses them: all that is wrong, what each would open, and what that needs.

All rows are looked at, whatever switches them on: lists are filled with all their choices, and what a user must write
is the option's example.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_file, vendor_files
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.keys import Definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.options import Choices, everything
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.rows import dated, rows_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import (
    check_definition,
    first_day,
    sound_part,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Consent, Openings
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults, FaultsError, faults_of

from .layout import row_numbers, wrapped
from .reasons import reason_lines
from .remarks import own_ends, readings_of_rows
from .vendor_conditions import OFF, condition, not_rules, option_lines, told_of
from .vendor_opened import ALL, OfOneRow, Opened, agreements, names, opened_lines
from .vendor_readings import beyond

_MOST_ROWS = 10_000  # of a file that is refused anyway
_MOST_READ = 200  # cells that their author reads
_MOST_ALIKE = 3  # rows whose errors are told one by one where they are alike
_OF_ROW = re.compile(r"(\w+: \w+: )row ([0-9]+): (.*)", re.ASCII | re.DOTALL)


@dataclass
class Look:
    """What was found in files: C{errors}, each with its file, and C{lines}, what sound files would open."""

    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def look_at(
    names: list[str], base: Path, *, shipped: Mapping[str, Path], today: datetime.date, every: bool = False
) -> Look:
    """Return what files, and the vendor files of folders, would open; relative ones are taken from C{base}.

    C{shipped}: the vendors that the collection has, with their files; C{today}: the day that no document is later than;
    C{every}: name all names and readings, not the first ones.
    """
    look = Look()
    seen: dict[str, str] = {}
    for path, name in _files(names, base, look.errors):
        try:
            vendor, definition = load_file(path)
            there = seen.get(vendor, "this collection" if shipped.get(vendor, path.resolve()) != path.resolve() else "")
            if there:
                raise ValueError(f"{vendor}: there is a vendor of this name in {there}: give yours another name")
            seen[vendor] = name
            lines = _lines(vendor, definition, name, today, every=every)
        except RecursionError:
            look.errors.append(f"{name}: it nests its entries deeper than any vendor file")
        except ValueError as exc:
            here = f"{str(path)!r} "  # what cannot be read begins with the whole path
            look.errors += [f"{name}: {fault.removeprefix(here)}" for fault in _alike(faults_of(exc))]
        else:
            look.lines += ["", *lines] if look.lines else lines
    return look


def _lines(vendor: str, definition: Definition, name: str, today: datetime.date, *, every: bool) -> list[str]:
    """Return the lines on a vendor; raises ValueError with all that is wrong with its form and, where that is sound,
    with what its cells hold."""
    try:
        check_definition(vendor, definition)
    except ValueError as exc:
        faults = Faults(faults_of(exc))
    else:
        title = definition["title"]
        head = f"{title} ({vendor}), {name}" if title != vendor else f"{vendor}, {name}"
        return [head, *_told(definition, *_read_rows(vendor, definition, today), every=every)]
    try:
        sound, numbers = sound_part(vendor, definition)
        if sum(len(service["rows"]) * len(service.get("traffic", [1])) for service in sound["services"]) <= _MOST_ROWS:
            _read_rows(vendor, sound, today, numbers)
    except ValueError as exc:
        faults += faults_of(exc)
    raise FaultsError(faults)


def _alike(faults: Iterable[str]) -> list[str]:
    """Return errors with one in the place of those that many rows of a service have alike."""
    rows: dict[tuple[str, ...], dict[str, int]] = {}
    for fault in faults:
        service, number, text = match.groups() if (match := _OF_ROW.fullmatch(fault)) else (fault, "0", "")
        rows.setdefault((service, text), {})[fault] = int(number)
    found: list[str] = []
    for (service, text), numbers in rows.items():
        together = len(numbers) > _MOST_ALIKE
        found += [f"{service}{row_numbers({*numbers.values()})}: {text}"] if together else numbers
    return found


def _files(names: list[str], base: Path, errors: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield each file once, with the name that the user knows it by; notes what is not there."""
    seen = set()
    for name in names:
        try:
            found = _named(name, base)
        except (OSError, RuntimeError) as exc:  # RuntimeError: nobody has that home
            errors.append(f"{name}: it cannot be read: {getattr(exc, 'strerror', '') or exc}")
            continue
        if not found:
            errors.append(f"{name}: the folder has no vendor files, *.yml or *.yaml")
        for each, shown in found:
            if each.resolve() not in seen:
                seen.add(each.resolve())
                yield each, shown


def _named(name: str, base: Path) -> list[tuple[Path, str]]:
    """Return the files that a name stands for; raises OSError where there is nothing of that name."""
    path = base / Path(name).expanduser()
    path.stat()
    if path.is_dir():
        return [(inner, str(Path(name) / inner.name)) for inner in vendor_files(path)]
    return [(path, name)]


def _read_rows(
    vendor: str, definition: Definition, today: datetime.date, numbers: Mapping[str, list[int]] = MappingProxyType({})
) -> tuple[Mapping[str, Any], list[Opened], Openings]:
    """Return the values of all options, and what the rows of a sound vendor open with them.

    C{numbers}: those that its rows have in the file, by service, where some were left out. Raises ValueError with all
    that is wrong with the rows.
    """
    faults = Faults()
    for source in definition["sources"]:
        if (first_day(source["date"]) - today).days > 1:
            faults.append(f"{vendor}: {source['id']}: date {source['date']} is later than today, {today}")
    options = definition.get("options", {})
    choices = everything(vendor, options)
    rows = [row for service in definition["services"] for row in _rows(vendor, definition, service, choices)]
    dated(definition, [row for row, _parts, _inbound in rows])
    opened = []
    for row, parts, inbound in rows:
        row["row"] = numbers[row["service"]][row["row"] - 1] if numbers else row["row"]
        with faults.noted():
            rules = expand_rows([row], openings=OfOneRow(Consent(True, ALL)))
            opened.append(Opened(row, condition(options, parts, inbound), rules, _read(row, parts[1], rules)))
    openings = Openings(Consent(True, ALL))
    with faults.noted():
        expand_rows([one.row for one in opened], openings=openings)
    faults.stop()
    return choices.values, opened, openings


def _rows(
    vendor: str, definition: Definition, service: Mapping[str, Any], choices: Choices
) -> Iterator[tuple[dict[str, Any], list[Mapping[str, Any]], str]]:
    """Yield the rows of a service, each with the parts of the file that it is made of, and what option lets it in."""
    for row in rows_of(vendor, definition, service, choices):
        printed = service["rows"][row["row"] - 1]
        inbound = row.get("direction") == "inbound"
        line = service["traffic"][row["traffic"] - 1] if "traffic" in row else {}
        yield row, [service, printed, line], service["inbound_option"] if inbound else ""


def _read(row: Mapping[str, Any], printed: Mapping[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row with its readings as its author wrote them, and what is beyond their cells; nothing for most."""
    if "read_as" not in row:
        return {}
    written = {cell: printed.get("read_as", {}).get(cell, text) for cell, text in row["read_as"].items()}
    return {**row, "read_as": written, "beyond": beyond(row, rules)}


def _told(
    definition: Definition, values: Mapping[str, Any], opened: list[Opened], openings: Openings, *, every: bool
) -> Iterator[str]:
    """Yield the lines below the head of a vendor: what it opens, by what, for whom, and what else its page says."""
    rules = [rule for one in opened for rule in one.rules]
    yield from opened_lines(opened, openings.reasons()) if rules else ["  nothing: it has no rows"]
    if any(OFF in one.condition for one in opened):
        yield f"  {OFF}: not with the defaults of the options"
    for text in agreements(opened):
        yield from wrapped(text, "  ")
    yield from told_of(definition)
    yield from readings_of_rows((one.read for one in opened), len(rules) if every else _MOST_READ)
    for text in own_ends(rules):
        yield from wrapped(f"{text}: kept, not enforced", "  ")
    for title, found in (
        ("Options", list(option_lines(definition.get("options", {}), values))),
        ("Names", _wrapped(names(opened, every=every))),
        ("Asked for by the page, but no rule can be made of it", _wrapped(not_rules(definition))),
        ("Wide or special, and why", _wrapped(reason_lines(openings.reasons()))),
    ):
        yield from [f"  {title}", *found] if found else []


def _wrapped(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in wrapped(text, "    ")]
