# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a row, read: its destinations and its services, what is wrong with each, and the author's readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults

from .destinations import read_destinations
from .ports import expand_ports
from .protocols import expand_protocols
from .read_as import DESTINATION, SERVICE, WAY_OUT, Readers, as_read, told
from .services import read_services

_Services = tuple[list[tuple[str, str]], list[str]]
_ALONE: Mapping[str, Callable[[Any], object]] = MappingProxyType({"protocol": expand_protocols, "ports": expand_ports})


@dataclass(slots=True)
class RowCells:
    """What the cells of a row say; C{None} for what is refused."""

    cells: Mapping[str, Any]  # the row, with the author's readings in place of what they are readings of
    destinations: list[str] | None = None
    services: list[tuple[str, str]] | None = None
    remarks: list[str] = field(default_factory=list)
    read_as: str = ""


class CellReader:
    """Reads the cells of rows; C{vendors}: these are of vendor files."""

    def __init__(self, *, broadcast: bool, vendors: bool) -> None:
        self._destinations = partial(read_destinations, broadcast=broadcast, loopback=vendors)
        self._vendors = vendors
        # A table has few different cells of protocols and ports.
        self._known: dict[Any, _Services] = {}

    def read(self, row: Mapping[str, Any], number: int, requirement: str, faults: Faults) -> RowCells:
        """Return what the cells of a row say; what is wrong with each goes into C{faults}, with its place."""
        found = RowCells(row)
        here = f"row {number}: "
        line = f"traffic {row['traffic']}: " if "traffic" in row else here
        errors: list[str] = []
        readings: list[str] = []
        try:
            of_destination = partial(self._destinations, requirement=requirement)
            if "read_as" in row:
                readers = Readers(lambda cells: of_destination(cells["destination"]), {})
                found.cells, readings = as_read(row, DESTINATION, readers)
            found.destinations, remarks = of_destination(found.cells["destination"])
        except ValueError as exc:
            ours = self._has_way_out(row, DESTINATION) and (line != here or not self._refuses_services(row))
            errors.append(f"{here}{exc}{WAY_OUT if ours else ''}")
            remarks = []
        try:
            if "read_as" in row:
                readers = Readers(lambda cells: read_services(cells.get("protocol"), cells.get("ports")), _ALONE)
                found.cells, more = as_read(found.cells, SERVICE, readers)
                readings = [*more, *readings]
            found.services, marks = self._services(found.cells.get("protocol"), found.cells.get("ports"))
            found.remarks = [*remarks, *marks]
        except ValueError as exc:
            errors.append(f"{line}{exc}{WAY_OUT if self._has_way_out(row, SERVICE) else ''}")
        faults += errors
        found.read_as = told(readings)
        return found

    def _has_way_out(self, row: Mapping[str, Any], cells: tuple[str, ...]) -> bool:
        """Tell whether the author of a file may say how a cell is read: not where he did, nor what a user chose."""
        if not self._vendors:
            return False
        return {*row.get("chosen", ()), *row.get("read_as", ())}.isdisjoint(cells)

    def _refuses_services(self, row: Mapping[str, Any]) -> bool:
        try:
            self._services(row.get("protocol"), row.get("ports"))
        except ValueError:
            return self._has_way_out(row, SERVICE)
        return False

    def _services(self, protocol: Any, ports: Any) -> _Services:
        """Return what C{read_services} returns."""
        if not all(isinstance(cell, (str, int, type(None))) for cell in (protocol, ports)):
            return read_services(protocol, ports)
        key = (type(protocol), protocol, type(ports), ports)
        if key not in self._known:
            self._known[key] = read_services(protocol, ports)
        return self._known[key]
