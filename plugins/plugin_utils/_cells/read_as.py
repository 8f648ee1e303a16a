# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The author's readings of cells: what a page prints with no one reading, and the author of its file reads as one.

A reading is no way around anything else: what it holds is read as printed cells are, and checked as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown, verbatim

SERVICE = ("protocol", "ports")
DESTINATION = ("destination",)
_CELLS = (*SERVICE, *DESTINATION)
_AUTHOR = "by the author of the file"
# What may always be done with a printed cell of a vendor file, behind the reason why it is not read.
WAY_OUT = "; or leave the cell as printed, with its reading in read_as"


class Readers(NamedTuple):
    """How some cells of a row are read; each raises ValueError for what it refuses."""

    together: Callable[[Mapping[str, Any]], object]  # all of them, of a row
    alone: Mapping[str, Callable[[Any], object]]  # each by itself


def as_read(row: Mapping[str, Any], cells: Sequence[str], readers: Readers) -> tuple[Mapping[str, Any], list[str]]:
    """Return the row with the author's readings in place of these printed cells, and what was read as what.

    Raises ValueError for a printed cell that has one reading, and for a reading that has not.
    """
    given = row.get("read_as")
    if given is None:
        return row, []
    if not isinstance(given, Mapping) or not given or not given.keys() <= {*_CELLS}:
        raise ValueError(f"read_as {shown(given)} is not understood: write any of {', '.join(_CELLS)} with its reading")
    read_as = {cell: given[cell] for cell in cells if cell in given}
    if not read_as:
        return row, []
    _check_printed(row, read_as, readers)
    changed = {**row, **read_as}
    try:
        readers.together(changed)
    except ValueError as exc:
        raise ValueError(f"read_as: {exc}") from None
    return changed, [
        f"{cell} {verbatim(str(row[cell]))} read as {_written(row, cell, reading)}"
        if _is_printed(row, cell)
        else f"{cell}, which the row does not print, read as {_written(row, cell, reading)}"
        for cell, reading in read_as.items()
    ]


def told(readings: Sequence[str]) -> str:
    """Return in one text what was read as what; '' for nothing."""
    return f"{'; '.join(readings)} {_AUTHOR}" if readings else ""


def _check_printed(row: Mapping[str, Any], read_as: Mapping[str, Any], readers: Readers) -> None:
    """Raise ValueError for a cell that is read as something although it has one reading, or need not be there."""
    refused = _refuses(readers.together, row)
    alone = {cell: _refuses(read, row.get(cell)) for cell, read in readers.alone.items()}
    # Each of the two may be read, and both together not: UDP, and ports that speak of TCP.
    apart = refused and len(alone) > 1 and not any(alone.values())
    for cell in read_as:
        if not _is_printed(row, cell):
            _check_missing(row, cell, readers, refused=refused)
        elif not (refused and (alone.get(cell, True) or apart)):
            raise ValueError(f"read_as: {cell} {_printed(row[cell])} has one reading: leave read_as of it out")
    if apart and all(cell in read_as and _is_printed(row, cell) for cell in SERVICE):
        raise ValueError("read_as: protocol and ports have one reading each, only not together: write one of them")


def _check_missing(row: Mapping[str, Any], cell: str, readers: Readers, *, refused: bool) -> None:
    """Raise ValueError for a reading of a cell that is not printed, where the others say it, or need none."""
    if cell in DESTINATION:
        raise ValueError(f"read_as: {cell} is not printed in this row: only ports and protocol may be missing")
    if cell == "ports" and not refused:
        raise ValueError(
            f"read_as: ports are not printed in this row, and protocol {_printed(row.get('protocol'))} has none: leave "
            "read_as of it out"
        )
    # Ports alone are tcp, unless the author says what they are; where they name their protocol, they are no other.
    either = [_refuses(readers.together, {**row, "protocol": name}) for name in ("TCP", "UDP")]
    if cell == "protocol" and not refused and any(either):
        raise ValueError(
            f"read_as: protocol is not printed in this row, and ports {_printed(row['ports'])} say it: leave read_as "
            "of it out"
        )


def _is_printed(row: Mapping[str, Any], cell: str) -> bool:
    text = row.get(cell)
    return bool(text.strip() if isinstance(text, str) else text)


def _refuses(read: Callable[[Any], object], cell: Any) -> bool:
    try:
        read(cell)
    except ValueError:
        return True
    return False


def _written(row: Mapping[str, Any], cell: str, reading: Any) -> str:
    """Return a reading whole, as its author wrote it: with the placeholders that options fill."""
    written = row.get("written", {}).get(cell, reading)
    return ", ".join(verbatim(str(one)) for one in (written if isinstance(written, list) else [written]))


def _printed(cell: Any) -> str:
    """Return a cell in quotes; of one that options made into several, the first."""
    if isinstance(cell, list) and cell and isinstance(cell[0], str):
        return quoted(cell[0]) + (f" and {len(cell) - 1} more" if len(cell) > 1 else "")
    return quoted(cell) if isinstance(cell, str) else shown(cell)
