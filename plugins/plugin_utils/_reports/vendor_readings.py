# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a reading opens more than the numbers of its printed cell span: what a reviewer should look at first.

This is a mark, and no judgement: a page may say in words what the author reads as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    is_address,
    parse_address,
    parse_prefix,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.port_names import PORTS
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports, parse_ports

from .layout import format_services

_UNIT = re.compile(r"(?<=\d)[, .](?=\d{3}(?!\d))", re.ASCII)  # between thousands
_WORD = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
# What stands between the ends of a range, a word in brackets beside it.
_TO = re.compile(r"\s*(\([^()]*\)\s*)?([-–—‒−~]|\.{2,3}|…|to|through|thru|until|till)\s*", re.IGNORECASE)
_SHORT = re.compile(r"\s*([-–/&]|and)\s*", re.IGNORECASE)  # between 5060 and 61
_ADDRESS = re.compile(r"(?<![\w.:])(\d+(?:\.\d+){3}|(?=[0-9a-f:]*:[0-9a-f:]*:)[0-9a-f:]+)(?:/(\d+))?", re.I | re.ASCII)
_SQUEEZED = re.compile(r"[\s\\`*]")


def beyond(row: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what a row's readings open beyond the numbers that are printed, by cell; nothing for most.

    C{rules}: those that the row makes. A cell that is not printed is none to hold a reading against.
    """
    read, rules = row.get("read_as", {}), list(rules)
    found = {}
    printed = f"{row.get('protocol') or ''} {row.get('ports') or ''}"
    if cell := next((cell for cell in ("ports", "protocol") if cell in read and str(row.get(cell) or "").strip()), ""):
        spans = printed_ports(printed)
        services = {(rule["protocol"], rule["ports"]) for rule in rules if has_ports(rule["protocol"])}
        if more := [service for service in services if not _within(parse_ports(service[1]), spans)]:
            found[cell] = format_services(more)
    if "destination" in read:
        texts = dict.fromkeys(rule["destination"] for rule in rules)
        if ends := [text for text in texts if not _is_printed(text, str(row["destination"]))]:
            found["destination"] = ", ".join(ends)
    return found


def printed_ports(text: str) -> list[Range]:
    """Return what the numbers of a cell span, ranges joined: C{3478/79; 10000 to 20000} 3478-3479 and 10000-20000."""
    spans = [(port, port) for word in _WORD.findall(text.lower()) if (port := PORTS.get(word, 0))]
    for form in dict.fromkeys((text, _UNIT.sub("", text))):
        before: re.Match[str] | None = None
        for number in re.finditer(r"\d{1,9}", form, re.ASCII):
            value = int(number[0])
            spans.append((value, value))
            if before:
                gap = form[before.end() : number.start()]
                low, high = int(before[0]), value
                if len(number[0]) < len(before[0]) and _SHORT.fullmatch(gap):
                    high = int(before[0][: -len(number[0])] + number[0])
                    spans.append((high, high))
                if low <= high and _TO.fullmatch(gap):
                    spans.append((low, high))
            before = number
    return collapse(spans)


def printed_addresses(text: str) -> dict[int, list[Range]]:
    """Return what the addresses of a cell span, by IP version; a prefix with bits of a host is its whole network."""
    spans: dict[int, list[Range]] = {4: [], 6: []}
    before: tuple[int, int, int] = (0, 0, 0)  # IP version, first address, where it ends
    for found in _ADDRESS.finditer(text):
        try:
            version, first = parse_address(found[1])
        except ValueError:
            continue
        length = min(int(found[2] or BITS[version]), BITS[version])
        size = 1 << (BITS[version] - length)
        spans[version].append((first & -size, first | (size - 1)))
        if before[0] == version and before[1] <= first and _TO.fullmatch(text[before[2] : found.start()]):
            spans[version].append((before[1], first))
        last = re.match(r"\s*[-–]\s*(\d{1,3})(?![\d.])", text[found.end() :], re.ASCII) if version == 4 else None
        if last and first & 255 <= int(last[1]) < 256:
            spans[4].append((first, first & ~255 | int(last[1])))
        before = version, first, found.end()
    return {version: collapse(found) for version, found in spans.items()}


def _is_printed(destination: str, printed: str) -> bool:
    """Tell whether a cell prints addresses that span a destination, or the domain of a name."""
    if is_address(destination):
        version, first, last = parse_prefix(destination)
        return _within((first, last), printed_addresses(printed)[version])
    domain = ".".join(destination.lower().split(".")[-2:])
    return domain in _SQUEEZED.sub("", printed.lower())


def _within(span: Range, spans: Iterable[Range]) -> bool:
    return any(first <= span[0] and span[1] <= last for first, last in spans)
