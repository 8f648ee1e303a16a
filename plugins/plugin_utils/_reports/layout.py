# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the summary is laid out: counts, ports, tables and wrapped lines, at most 100 characters wide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    collapse,
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import joined, range_text, service_of

WIDTH = 100
_NUMBER = re.compile(r"[0-9]{1,3}(,[0-9]{3})+ ?")


@dataclass
class Reach:
    """Where something leads: prefixes by family, and names."""

    ranges: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {4: [], 6: []})
    names: set[str] = field(default_factory=set)

    def add(self, destination: str) -> None:
        if is_address(destination):
            version, first, last = parse_prefix(destination)
            self.ranges[version].append((first, last))
        else:
            self.names.add(destination)

    def __str__(self) -> str:
        return self.told()

    def told(self, *, merged: bool = False) -> str:
        """Return the counts: addresses and minimal prefixes for IPv4, prefixes for IPv6, names.

        C{merged}: say of how many prefixes of IPv4 these are made, where they lie beside or inside each other.
        """
        parts = []
        if ipv4 := collapse(self.ranges[4]):
            addresses = sum(last - first + 1 for first, last in ipv4)
            number = sum(len(prefixes(4, *pair)) for pair in ipv4)
            parts.append(count(addresses, "address", "addresses"))
            if number < addresses:
                parts[-1] += f" in {count(number, 'prefix', 'prefixes')}"
                asked = len(set(self.ranges[4]))
                parts[-1] += f", merged from {asked:,}" if merged and asked > number else ""
        if ipv6 := collapse(self.ranges[6]):
            number = sum(len(prefixes(6, *pair)) for pair in ipv6)
            parts.append(count(number, "IPv6 prefix", "IPv6 prefixes"))
        if self.names:
            parts.append(count(len(self.names), "name", "names"))
        return ", ".join(parts)


def format_services(ports: Iterable[tuple[str, str]]) -> str:
    """Return 'esp tcp/443,5349 udp/3478,10000-60000', ports joined where they touch or overlap."""
    texts: dict[str, list[str]] = {}
    for service in joined(service_of(*pair) for pair in ports):
        texts.setdefault(service[0], []).append(range_text(*service))
    return " ".join(f"{name}/{','.join(found)}" if any(found) else name for name, found in texts.items())


def table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows as aligned columns; a cell that is too long goes on below; a first cell is not repeated."""
    rows = list(rows)
    if not rows:
        return
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    rows = list(zip(*columns, strict=True))
    widths = [max(map(len, column)) for column in columns]
    # Columns share the width: nobody gets more than the longest cell, the widest gives first, and none less than its
    # longest word as long as others can give.
    least = [max(len(word.rstrip()) for text in column for word in _words(text)) for column in columns]
    while sum(widths) + 2 * len(widths) > WIDTH:
        spare = [width if width > word else 0 for width, word in zip(widths, least, strict=True)]
        spare = spare if any(spare) else widths
        widths[spare.index(max(spare))] -= 1
    above = ""
    for first, *others in rows:
        texts = ("" if first == above else first, *others)
        cells = [_lines(text, width) for text, width in zip(texts, widths, strict=True)]
        above = first
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            yield ("  " + "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True))).rstrip()


def _lines(text: str, width: int) -> list[str]:
    """Return a cell as lines that fit, broken after a space or comma where it has any."""
    lines = [""]
    for word in _words(text):
        for piece in wrap(word, width, drop_whitespace=False, break_on_hyphens=False) or [""]:
            if len(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def _words(text: str) -> list[str]:
    """Return what a cell is broken into: words with the space behind them, lists after each comma, no number."""
    return [
        part
        for word in re.split("(?<= )", text)
        for part in ([word] if _NUMBER.fullmatch(word) else re.split("(?<=,)", word))
    ]


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a titled section, or nothing where it would be empty."""
    found = list(lines)
    return ["", title, *found] if found else []


def wrapped(text: str, lead: str) -> list[str]:
    """Return a text as lines, each after C{lead}, those that follow two further in; none ends at a hyphen."""
    return wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * (len(lead) + 2), break_on_hyphens=False)


def shortened(text: str, width: int) -> str:
    """Return a text on one line of at most C{width} characters, cut with C{...} where it is longer."""
    return text if len(text) <= width else text[: width - 4].rstrip() + " ..."


def row_numbers(rows: Iterable[int]) -> str:
    """Return C{row 1}, C{rows 1, 2} or C{rows 1-4, 7}."""
    runs: list[list[int]] = []
    for row in sorted(rows):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    texts = [
        str(first) if first == last else f"{first}, {last}" if last == first + 1 else f"{first}-{last}"
        for first, last in runs
    ]
    return f"row{'s' if len(texts) > 1 or not texts[0].isdigit() else ''} {', '.join(texts)}"


def verdict(verdicts: Mapping[str, str], backend: Mapping[str, Any]) -> str:
    """Return what the backend's policy does, without the counting where the backend cannot count."""
    text = verdicts.get(backend.get("policy", ""), verdicts["unmanaged"])
    return text if backend.get("counts", True) else text.replace("counted and logged", "logged")


def count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
