# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's end of a row: its addresses, and the ports that packets come from. They are kept, and open nothing.

No firewall or cloud tells the rows of one list apart by these: what they say stands in the summary and in exports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .destinations import expand_ranges

_OPTION = "where the page means addresses of the user's own, the row says which with source_ip_option"


def own_end(
    row: Mapping[str, Any], services: Iterable[tuple[str, str]], read_ports: Callable[[Any], list[str]]
) -> dict[str, str]:
    """Return C{{"own_ip", "source_port"}}, each only where the row says more than ANY, as text with commas.

    C{services}: C{(protocol, ports)} of the row. C{own_ip}: where the packets of an outbound row come from, and where
    those of an inbound one go to. Raises ValueError for a cell that is neither read nor ANY.
    """
    found = {}
    inbound = row.get("direction") == "inbound"
    column = "own_ip" if inbound else "source_ip"
    other = "source_ip" if inbound else "own_ip"
    if not _is_any(row.get(other)):
        means = "who connects is its destination" if inbound else "where it comes from is its source_ip"
        raise ValueError(f"{other} {shown(row[other])}: {'inbound' if inbound else 'outbound'}, {means}: leave it out")
    if not _is_any(row.get(column)):
        found["own_ip"] = ", ".join(_addresses(column, row[column]))
    if not _is_any(row.get("source_port")):
        for protocol, _ports in services:
            if not has_ports(protocol):
                raise ValueError(f"source_port {shown(row['source_port'])}: {protocol} has no ports: leave it out")
        try:
            found["source_port"] = ", ".join(read_ports(row["source_port"]))
        except ValueError as exc:
            raise ValueError(f"source_port: {exc}; accepted are ports, ANY or nothing") from None
    return found


def _is_any(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in ("", "any"))


def _addresses(column: str, cell: Any) -> list[str]:
    """Return the prefixes of a cell, joined and sorted."""
    printed = f"{column} {quoted(cell) if isinstance(cell, str) else shown(cell)}"
    try:
        found = expand_ranges(cell, collapse=True)
    except ValueError as exc:
        reason = str(exc).removeprefix("destination ")
        raise ValueError(f"{printed}: {reason}; accepted are addresses, ANY or nothing; {_OPTION}") from None
    if not found:
        raise ValueError(f"{printed} is empty: accepted are addresses, ANY or nothing; {_OPTION}")
    if names := [name for name in found if "/" not in name]:
        raise ValueError(f"{printed}: {names[0]} is a name: accepted are addresses, ANY or nothing; {_OPTION}")
    return found
