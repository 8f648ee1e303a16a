# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The allowlist as a file: for other tools, for a spreadsheet, for a person, for a shell."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.least import least
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import unknown
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    service_of,
    service_text,
)

from .remarks import remarks

_COLUMNS = (
    "protocol", "ports", "destination", "direction", "vendor", "service", "row", "requirement", "source", "date",
    "label", "read_as", "own_ip", "source_port",
)  # fmt: skip
_TABLE = ("| Destination | Open | Source |", "| --- | --- | --- |")
# What makes a spreadsheet take a cell for a formula, full-width forms included.
_FORMULA = tuple("=+-@＝＋－＠")
# What Markdown or HTML would take for markup in a cell of a table.
_MARKUP = {ord(character): f"\\{character}" for character in r"\`*_[]<>|~&#$"} | dict.fromkeys(map(ord, "\r\n\t"), " ")


def export_allowlist(allowlist: Mapping[str, Any], form: str = "json") -> str:
    """Return the text of an export, ending in a newline.

    - C{json}: C{{"rules": [...], "allowlist": {...}}}, the rules before merging, the allowlist after it;
    - C{csv}: the rules, a line each, after a line of column names;
    - C{markdown}: the rules as tables, by vendor and service;
    - C{text}: the least list, a line for each service and destination: C{tcp/443 192.0.2.0/24}; lines may overlap.

    Raises ValueError for any other form.
    """
    if form not in _FORMS:
        raise ValueError(unknown("format", form, _FORMS))
    return _FORMS[form](_rules(allowlist), allowlist)


def _rules(allowlist: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rules before merging, in the order of the vendor's rows: the provenance is exactly these, gathered."""
    rules = [
        {**{key: entry[key] for key in _COLUMNS if key in entry}, "destination": destination}
        for entry in allowlist["provenance"]
        for destination in entry["destinations"]
    ]
    return sorted(rules, key=lambda rule: (rule["vendor"], rule["service"], rule.get("row", 0), rule["protocol"]))


def _json(rules: list[dict[str, Any]], allowlist: Mapping[str, Any]) -> str:
    """The age of a source is left out: an export of tomorrow is to be the same file."""
    sources = [{key: source[key] for key in source if key != "age_days"} for source in allowlist["sources"]]
    return json.dumps({"rules": rules, "allowlist": {**allowlist, "sources": sources}}, indent=2) + "\n"


def _csv(rules: list[dict[str, Any]], _allowlist: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for rule in rules:
        writer.writerow([_spreadsheet_cell(str(rule.get(column, ""))) for column in _COLUMNS])
    return text.getvalue()


def _spreadsheet_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe in front makes it text."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _markdown(rules: list[dict[str, Any]], _allowlist: Mapping[str, Any]) -> str:
    vendors: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for rule in rules:
        vendors[rule["vendor"]][rule["service"]].append(rule)
    lines = ["# Allowlist"]
    for vendor, services in vendors.items():
        lines += ["", f"## {_markdown_cell(vendor)}"]
        for service, found in services.items():
            lines += ["", f"### {_markdown_cell(service)}", "", *_TABLE]
            lines += _markdown_rows(found)
    return "\n".join(lines) + "\n"


def _markdown_rows(rules: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each destination, document and remark, with all that is open to it."""
    opened: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for rule in rules:
        service = service_text(service_of(rule["protocol"], rule["ports"]))
        ports = " ".join(filter(None, (rule.get("direction"), service)))
        requirement = rule.get("requirement", "required")
        text = ports if requirement == "required" else f"{ports} ({requirement})"
        opened[rule["destination"], rule.get("source", ""), rule.get("date", ""), *remarks(rule)][text] = None
    for (destination, *document), texts in opened.items():
        cells = (destination, ", ".join(texts), ", ".join(filter(None, document)))
        yield f"| {' | '.join(map(_markdown_cell, cells))} |"


def _markdown_cell(text: str) -> str:
    return text.translate(_MARKUP)


def _text(_rules: list[dict[str, Any]], allowlist: Mapping[str, Any]) -> str:
    return "".join(
        f"{lead}{service_text(service)} {destination}\n"
        for direction, key, lead in ((None, "groups", ""), ("inbound", "inbound", "inbound "))
        for service, destinations in _least(allowlist, direction, allowlist[key])
        for destination in destinations
    )


def _least(
    allowlist: Mapping[str, Any], direction: str | None, groups: Iterable[Mapping[str, Any]]
) -> list[tuple[Service, list[str]]]:
    """Return the services of one direction, sorted, each with its prefixes and names."""
    entries = [entry for entry in allowlist["provenance"] if entry.get("direction") == direction]
    found: dict[Service, list[str]] = defaultdict(list)
    for version in (4, 6):
        for line in least(entries, version, lambda _entry: ""):
            found[line[1:4]].append(line.prefix)
    for group in groups:
        for text in group["services"]:
            protocol, _slash, ports = text.partition("/")
            found[service_of(protocol, ports)] += group["names"]
    return sorted((service, destinations) for service, destinations in found.items() if destinations)


_FORMS: dict[str, Callable[[list[dict[str, Any]], Mapping[str, Any]], str]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "text": _text,
}
