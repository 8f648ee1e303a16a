# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at vendor files before anybody uses them: all that is wrong, what each would open, and what that needs.

All rows are looked at, whatever switches them on: lists are filled with all their choices, and what a user must write
is the option's example.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_file, vendor_files
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.keys import Definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.options import everything, is_free
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.rows import dated, rows_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import (
    check_definition,
    first_day,
    sound_part,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Consent, Openings
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import BITS, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults, FaultsError, faults_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import special_parts

from .layout import Reach, format_services, section, table, wrapped
from .reasons import reason_lines
from .remarks import own_ends, readings

_ALL = {version: [(0, (1 << bits) - 1)] for version, bits in BITS.items()}
_MOST_ROWS = 10_000  # of a file that is refused anyway
_NONE: dict[int, list[tuple[int, int]]] = {4: [], 6: []}


class _OfOneRow(Openings):
    """What one row opens: what rows open together is another matter."""

    def check(self) -> None:
        """Accept any sum."""


@dataclass
class _Opened:
    """What is open to a destination: C{(protocol, ports)}, and the rows of it that have a reason for being wide."""

    services: set[tuple[str, str]] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)


@dataclass
class Look:
    """What was found in files: C{errors}, each with its file, and C{lines}, what sound files would open."""

    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def look_at(names: list[str], base: Path, *, shipped: Mapping[str, Path], today: datetime.date) -> Look:
    """Return what files, and the vendor files of folders, would open; relative ones are taken from C{base}.

    C{shipped}: the vendors that the collection has, with their files; C{today}: the day that no document is later than.
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
            lines = _lines(vendor, definition, name, today)
        except RecursionError:
            look.errors.append(f"{name}: it nests its entries deeper than any vendor file")
        except ValueError as exc:
            here = f"{str(path)!r} "  # what cannot be read begins with the whole path
            look.errors += [f"{name}: {fault.removeprefix(here)}" for fault in faults_of(exc)]
        else:
            look.lines += ["", *lines] if look.lines else lines
    return look


def _lines(vendor: str, definition: Definition, name: str, today: datetime.date) -> list[str]:
    """Return the lines on a vendor; raises ValueError with all that is wrong with its form and, where that is sound,
    with what its cells hold."""
    try:
        check_definition(vendor, definition)
    except ValueError as exc:
        faults = Faults(faults_of(exc))
    else:
        return _vendor(vendor, definition, name, today)
    try:
        sound, numbers = sound_part(vendor, definition)
        if sum(len(service["rows"]) * len(service.get("traffic", [1])) for service in sound["services"]) <= _MOST_ROWS:
            _vendor(vendor, sound, name, today, numbers)
    except ValueError as exc:
        faults += faults_of(exc)
    raise FaultsError(faults)


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


def _vendor(
    vendor: str,
    definition: Definition,
    name: str,
    today: datetime.date,
    numbers: Mapping[str, list[int]] = MappingProxyType({}),
) -> list[str]:
    """Return the lines on a sound vendor; raises ValueError with all that is wrong with its rows.

    C{numbers}: those that its rows have in the file, by service, where some were left out.
    """
    faults = Faults()
    for source in definition["sources"]:
        if (first_day(source["date"]) - today).days > 1:
            faults.append(f"{vendor}: {source['id']}: date {source['date']} is later than today, {today}")
    choices = everything(vendor, definition.get("options", {}))
    rows = [row for service in definition["services"] for row in rows_of(vendor, definition, service, choices)]
    dated(definition, rows)
    for row in rows if numbers else ():
        row["row"] = numbers[row["service"]][row["row"] - 1]
    sound, opened = [], []
    for row in rows:
        with faults.noted():
            opened.append((row, expand_rows([row], openings=_OfOneRow(Consent(True, _ALL)))))
            sound.append(row)
    openings = Openings(Consent(True, _ALL))
    with faults.noted():
        expand_rows(sound, openings=openings)
    faults.stop()
    rules = [rule for _row, found in opened for rule in found]
    title = definition["title"]
    lines = [f"{title} ({vendor}), {name}" if title != vendor else f"{vendor}, {name}"]
    lines += table(_table(opened, openings.reasons())) if rules else ["  nothing: it has no rows"]
    for text in (*_options(definition, choices.values), *_needed(sound), *_kept(rules)):
        lines += wrapped(text, "  ")
    return lines + [f"  {line}" for line in section("Wide or special, and why", _reasons(openings))[1:]]


def _table(
    opened: list[tuple[dict[str, Any], list[dict[str, Any]]]], reasons: list[dict[str, Any]]
) -> Iterator[tuple[str, ...]]:
    """Yield C{(service, what is open, to how many, requirement, reasons)}, a line for each service and requirement."""
    because = {(reason["service"], reason["row"]) for reason in reasons}
    found: dict[tuple[str, str, str, bool], dict[str, _Opened]] = {}
    for row, rules in opened:
        for rule in rules:
            named = "/" not in rule["destination"]
            key = (rule["service"], rule.get("direction", ""), rule["requirement"], named)
            one = found.setdefault(key, {}).setdefault(rule["destination"], _Opened())
            one.services.add((rule["protocol"], rule["ports"]))
            if not named and (row["service"], row["row"]) in because:
                one.rows.add(row["row"])
    yield "service", "opens", "to", "requirement", "with a reason"
    for (service, direction, requirement, _named), destinations in found.items():
        lines: dict[tuple[str, tuple[int, ...]], Reach] = {}
        for destination, one in destinations.items():
            lines.setdefault((format_services(one.services), tuple(sorted(one.rows))), Reach()).add(destination)
        for (text, numbers), reach in lines.items():
            rows = f"row {', '.join(map(str, numbers))}" if numbers else ""
            yield service, f"{direction} {text}".lstrip(), str(reach), requirement, rows


def _options(definition: Definition, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a user must choose, and what was taken here for what he writes."""
    options = definition.get("options", {})
    required = [option for option, spec in options.items() if spec.get("required")]
    if required:
        yield f"a user chooses: {listed(required)}"
    written = {
        option: value
        for option, value in values.items()
        if is_free(options[option]) or options[option]["type"] == "ports"
    }
    if written:
        told = (
            f"{option} {', '.join(value) if isinstance(value, list) else value}" for option, value in written.items()
        )
        yield f"counted with: {'; '.join(told)}"


def _needed(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what a user must agree to where all rows are chosen."""
    special: dict[str, None] = {}
    for row in rows:
        try:
            expand_rows([row], openings=_OfOneRow(Consent(True, _NONE)))
        except ValueError:
            special.update(dict.fromkeys(_special_of(row)))
    needed = [f"catalog_special_addresses: [{', '.join(special)}]"] if special else []
    try:
        expand_rows(rows, openings=Openings(Consent(False, _ALL)))
    except ValueError:
        needed.insert(0, "catalog_any_address: true")
    yield f"a user agrees with: {'; '.join(needed)}" if needed else "a user need not agree to anything else"


def _special_of(row: dict[str, Any]) -> Iterator[str]:
    """Yield the prefixes of a row that hold special addresses."""
    for rule in expand_rows([row], openings=_OfOneRow(Consent(True, _ALL))):
        if "/" in rule["destination"] and special_parts(*parse_prefix(rule["destination"])):
            yield rule["destination"]


def _kept(rules: list[dict[str, Any]]) -> Iterator[str]:
    for text in readings(rules):
        yield f"note on {text}"
    for text in own_ends(rules):
        yield f"{text}: kept, not enforced"


def _reasons(openings: Openings) -> Iterator[str]:
    for text in reason_lines(openings.reasons()):
        yield from wrapped(text, "  ")
