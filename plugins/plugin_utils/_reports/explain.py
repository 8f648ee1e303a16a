# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something is open: the rows that asked for it, from the provenance of an allowlist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.endpoints import parse_name
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    has_ports,
    parse_ports,
    service_of,
    service_text,
    spelled,
    type_of,
)

from .remarks import remarks


def explain_destination(
    allowlist: Mapping[str, Any], destination: str, protocol: str = "", port: int | str = 0
) -> list[str]:
    """Return a line for each row that opens something to a destination, none where nothing does.

    destination: an address, a prefix (every part of it that is open counts) or a name, which a wildcard matches too.
    protocol: by name or number, C{esp} or C{50}, or '' for all; with the type or the port as lists print it,
    C{icmp/echo-request} or C{tcp/443}. port: 1-65535, as a number or text; 0 for all.
    Raises ValueError for a destination, protocol or port that is none.
    """
    protocol, _slash, kind = protocol.partition("/")
    try:
        protocol = spelled(protocol) if protocol or kind else ""
    except ValueError as exc:
        raise ValueError(f"{exc}, or nothing for all") from None
    if not re.fullmatch("[0-9]{1,5}", str(port)) or int(port) > 65535:
        raise ValueError(f"port '{port}' is not accepted: write a number from 1 to 65535, or 0 for all")
    port = int(port)
    asked_type = type_of(protocol, kind) if kind else ""
    if kind and not asked_type:
        port = _port(protocol, kind, port)
    if port and protocol and not has_ports(protocol):
        raise ValueError(f"port '{port}' is not accepted: {protocol} has no ports: leave it out")
    try:
        wanted = parse_prefix(destination) if is_address(destination) else parse_name(destination)
    except ValueError as exc:
        raise ValueError(f"destination '{destination}': {exc}") from None
    return [
        line
        for entry in allowlist["provenance"]
        if protocol in ("", entry["protocol"]) and (not port or _within(port, entry))
        if asked_type in ("", entry["ports"]) or not entry["ports"]
        for line in _lines(entry, wanted)
    ]


def _port(protocol: str, text: str, port: int) -> int:
    """Return the port of C{tcp/443}; raises ValueError where it is none, or not the one that was given by itself."""
    if not has_ports(protocol):
        raise ValueError(f"protocol '{protocol}/{text}' is not accepted: {protocol} has no ports: write '{protocol}'")
    first, last = parse_ports(text)
    if first != last:
        raise ValueError(f"protocol '{protocol}/{text}' is not accepted: ask for one port of the range at a time")
    if port not in (0, first):
        raise ValueError(f"protocol '{protocol}/{text}' and port '{port}' are not the same: write one of them")
    return first


def _lines(entry: Mapping[str, Any], wanted: tuple[int, int, int] | str) -> Iterator[str]:
    """Yield what a gathered entry of the provenance opens to an address range or a name."""
    service = service_text(service_of(entry["protocol"], entry["ports"]))
    for opened in entry["destinations"]:
        if _matches(opened, wanted) if isinstance(wanted, str) else _overlaps(opened, *wanted):
            direction = "from" if entry.get("direction") == "inbound" else "to"
            document = ", ".join(filter(None, (entry.get("source"), entry.get("date"))))
            yield (
                f"{service} {direction} {opened}  {entry['vendor']}: {entry['service']}: "
                f"row {entry.get('row', '?')} of {document or 'no document'} ({entry.get('requirement', 'required')})"
                + "".join(f"; {text}" for text in remarks(entry))
            )


def _within(port: int, entry: Mapping[str, Any]) -> bool:
    protocol, first, last = service_of(entry["protocol"], entry["ports"])
    return has_ports(protocol) and first <= port <= last


def _overlaps(opened: str, version: int, low: int, high: int) -> bool:
    if not is_address(opened):
        return False
    family, first, last = parse_prefix(opened)
    return family == version and first <= high and low <= last


def _matches(opened: str, name: str) -> bool:
    """Tell whether a name is the printed one or below a printed wildcard."""
    return opened == name or (opened.startswith("*.") and name.endswith(opened[1:]))
