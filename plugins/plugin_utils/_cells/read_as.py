# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The author's readings of cells: what a page prints with no one reading, and the author of its file reads as one.

A reading is no way around anything else: what it holds is read as printed cells are, and checked as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

_CELLS = ("protocol", "ports", "destination")
_SERVICE = ("protocol", "ports")
_AUTHOR = "by the author of the file"


class Readers:
    """How the cells of a row are read; each raises ValueError for what it refuses."""

    def __init__(self, service: Callable[[Mapping[str, Any]], object], **cells: Callable[[Any], object]) -> None:
        self.service = service  # protocol and ports together, of a row
        self.cells = cells  # each by itself


def as_read(row: Mapping[str, Any], readers: Readers) -> tuple[Mapping[str, Any], str]:
    """Return the row with the author's readings in place of printed cells, and what was read as what; '' for nothing.

    Raises ValueError for a printed cell that has one reading, and for a reading that has not.
    """
    read_as = row.get("read_as")
    if read_as is None:
        return row, ""
    if not isinstance(read_as, Mapping) or not read_as or not read_as.keys() <= {*_CELLS}:
        raise ValueError(
            f"read_as {shown(read_as)} is not understood: write any of {', '.join(_CELLS)} with its reading"
        )
    _check_printed(row, read_as, readers)
    cells = {**row, **read_as}
    try:
        if "destination" in read_as:
            readers.cells["destination"](cells["destination"])
        if not read_as.keys().isdisjoint(_SERVICE):
            readers.service(cells)
    except ValueError as exc:
        raise ValueError(f"read_as: {exc}") from None
    told = [f"{cell} {_printed(row[cell])} read as {_printed(read_as[cell])}" for cell in _CELLS if cell in read_as]
    return cells, f"{'; '.join(told)} {_AUTHOR}"


def _check_printed(row: Mapping[str, Any], read_as: Mapping[str, Any], readers: Readers) -> None:
    """Raise ValueError for a cell that is read as something although it is not printed or has one reading."""
    service_refused = _refuses(readers.service, row)
    alone = {cell: _refuses(readers.cells[cell], row.get(cell)) for cell in _SERVICE}
    # Each of the two may be read, and both together not: UDP, and ports that speak of TCP.
    together = service_refused and not any(alone.values())
    for cell in read_as:
        if not row.get(cell) or (isinstance(row[cell], str) and not row[cell].strip()):
            raise ValueError(f"read_as: {cell} is not printed in this row: only what is printed can be read")
        refused = _refuses(readers.cells[cell], row[cell]) and (service_refused or cell == "destination")
        if not refused and not (together and cell in _SERVICE):
            raise ValueError(f"read_as: {cell} {_printed(row[cell])} has one reading: leave read_as of it out")
    if together and read_as.keys() >= {*_SERVICE}:
        raise ValueError("read_as: protocol and ports have one reading each, only not together: write one of them")


def _refuses(read: Callable[[Any], object], cell: Any) -> bool:
    try:
        read(cell)
    except ValueError:
        return True
    return False


def _printed(cell: Any) -> str:
    """Return a cell in quotes; of one that options made into several, the first."""
    if isinstance(cell, list) and cell and isinstance(cell[0], str):
        return quoted(cell[0]) + (f" and {len(cell) - 1} more" if len(cell) > 1 else "")
    return quoted(cell) if isinstance(cell, str) else shown(cell)
