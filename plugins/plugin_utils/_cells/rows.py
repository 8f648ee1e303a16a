# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows, as the vendor printed them, become rules: one protocol, one port range, one destination."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import opens_to_anybody
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import check_version
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import embedded, is_private
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import kind_of, quoted, shown, unseen

from .consent import Openings, gives
from .inbound import Inbound
from .own_ends import own_end
from .ports import expand_ports
from .remarks import labelled
from .row_cells import CellReader

WIDEST_PREFIX = MappingProxyType({"ipv4": 16, "ipv6": 32})

_REQUIREMENTS = ("required", "recommended", "optional")
_BOTH = ("tcp", "udp")  # of both IP versions
_CELLS = {"protocol", "source_ip", "source_port", "own_ip", "destination", "ports", "read_as"}
_ABOUT = {"vendor", "service", "row", "requirement", "source", "date", "title", "label", "note", "timers"}
REASONS = frozenset(("wide_because", "special_because", "vendor_wide_because"))
_LINES = ("source", "date", "label", *sorted(REASONS))  # columns of one line of text
_WRITTEN = frozenset({*_CELLS, *_ABOUT, *REASONS, "direction", "own"})
# Also, of rows of vendor files: the line of traffic that they have their services from, and the cells that users chose.
_COLUMNS = _WRITTEN | {"traffic", "chosen", "written"}


def expand_rows(
    rows: list[dict[str, Any]],
    *,
    widest_prefix: Mapping[str, int] | None = None,
    broadcast: bool = False,
    openings: Openings | None = None,
) -> list[dict[str, Any]]:
    """Return the rules of all rows, in the order of the rows; inside a row by protocol, ports, destination.

    A row needs C{vendor}, C{service}, C{destination} and, unless its protocol has none, C{ports}; C{row} is its
    position from 1 if absent. A rule is C{{protocol, ports, destination, vendor, service, row, requirement, source,
    date}}, and C{direction: inbound} on inbound ones; C{ports} is a type of ICMP, or '', where there are none. Where a
    row has them, also C{label} (its own and what its cells remark), C{read_as} (which cells the author of the file read
    as what), C{own_ip} and C{source_port} (the user's end, which no backend tells rows apart by).
    C{widest_prefix} gives the shortest prefix length that needs no reason, C{{"ipv4": 16, "ipv6": 32}} if absent.
    C{broadcast} admits 255.255.255.255 as a destination. C{openings} holds what the rows open against the user's
    consent, and keeps the reasons; without it, they are the user's own.
    Raises ValueError with vendor, service, row, cell, reason and what is accepted, of all rows that cannot be read.
    """
    if not isinstance(rows, list):
        raise ValueError(f"rows are a list of dictionaries, not {type(rows).__name__}")
    widest = _widest({} if widest_prefix is None else widest_prefix)
    reader = CellReader(broadcast=broadcast, vendors=openings is not None)
    rules: list[dict[str, Any]] = []
    inbound = Inbound()
    faults = Faults()
    for position, row in enumerate(rows, 1):
        with faults.noted():
            if not isinstance(row, dict):
                raise ValueError(f"row {position}: a row is a dictionary of columns, not {row!r}")
            common = _common(row, position)
            with faults.noted(f"{common['vendor']}: {common['service']}: "):
                for protocol, port, destination in _read_row(row, common, reader, widest, openings, inbound):
                    rules.append({"protocol": protocol, "ports": port, "destination": destination, **common})
    if openings:
        with faults.noted():
            openings.check()
        with faults.noted():
            inbound.check()
    faults.stop()
    return rules


def _read_row(
    row: dict[str, Any],
    common: dict[str, Any],
    reader: CellReader,
    widest: dict[str, int],
    openings: Openings | None,
    inbound: Inbound,
) -> list[tuple[str, str, str]]:
    """Return C{(protocol, ports, destination)} of a row, and put what its cells say besides into C{common}.

    Raises ValueError with all that is wrong with the row, each with its place in the service.
    """
    faults = Faults()
    here = f"row {common['row']}: "
    with faults.noted(here):
        _check_columns(row)
    faults.stop()
    found = reader.read(row, common["row"], common["requirement"], faults)
    destinations, services = found.destinations, found.services
    if found.remarks:
        common["label"] = labelled(row.get("label"), found.remarks)
    if destinations is not None:
        with faults.noted(here):
            wide = _wide(destinations, found.cells, widest, vendors=openings is not None)
            if openings:
                openings.add(found.cells, common["row"], destinations, wide)
                inbound.add(found.cells, destinations)
    if services is not None:
        with faults.noted(here):
            common.update(own_end(row, services, expand_ports))
            for protocol in dict.fromkeys(protocol for protocol, _port in services if protocol not in _BOTH):
                for destination in filter(is_address, destinations or ()):
                    check_version(protocol, destination)
    pairs = [(*service, destination) for service in services or () for destination in destinations or ()]
    if openings:
        with faults.noted(here):
            openings.count(len(pairs))
    faults.stop()
    common.update({"read_as": found.read_as} if found.read_as else {})
    return pairs


def _common(row: dict[str, Any], position: int) -> dict[str, Any]:
    """Return what all rules of a row have in common."""
    known = ""
    for column in ("vendor", "service"):
        text = row.get(column)
        if not isinstance(text, str) or not text or text.isspace() or not text.isprintable() or unseen(text):
            where = f"{known}row {shown(row.get('row', position))}"
            raise ValueError(f"{where}: {column} {shown(text)} is not a name: every row says its {column}")
        known += f"{text}: "
    number = row.get("row", position)
    if number.__class__ is not int or number < 1:
        raise ValueError(f"{row['vendor']}: {row['service']}: row {shown(number)} is not a number from 1")
    common = {
        "vendor": row["vendor"],
        "service": row["service"],
        "row": number,
        "requirement": row.get("requirement", "required"),
        "source": row.get("source") or "",
        "date": row.get("date") or "",
    }
    if row.get("direction") == "inbound":
        common["direction"] = "inbound"
    if row.get("label"):
        common["label"] = row["label"]
    return common


def _check_columns(row: dict[str, Any]) -> None:
    """Raise ValueError for a column that is unknown, missing, or asks for what a rule cannot say."""
    if not _COLUMNS.issuperset(row):
        unknown = row.keys() - _COLUMNS
        raise ValueError(f"unknown column '{sorted(unknown, key=str)[0]}'; known are {', '.join(sorted(_WRITTEN))}")
    if row.get("destination") is None:
        raise ValueError("the column 'destination' is missing: it needs a value")
    if row["destination"] in ([], ()):
        raise ValueError("destination is an empty list: it needs a value")
    for column in _LINES:
        text = row.get(column)
        if not text:
            continue
        if not isinstance(text, str) or "\n" in text:
            raise ValueError(f"{column} {shown(text)} is not one line of text")
        if character := unseen(text):
            raise ValueError(f"{column} {quoted(text)} holds the {kind_of(character)}")
    if row.get("own", False).__class__ is not bool:
        raise ValueError(f"own {shown(row['own'])} is neither true nor false")
    if row.get("requirement", "required") not in _REQUIREMENTS:
        raise ValueError(f"requirement {row['requirement']!r} is unknown: accepted are {', '.join(_REQUIREMENTS)}")
    if row.get("direction", "outbound") not in ("inbound", "outbound"):
        raise ValueError(f"direction {row['direction']!r} is unknown: accepted are outbound and inbound")


def _widest(given: Mapping[str, int]) -> dict[str, int]:
    """Return the shortest prefix lengths that need no reason, checked."""
    if not isinstance(given, Mapping) or given.keys() - WIDEST_PREFIX.keys():
        raise ValueError(f"widest_prefix {given!r} is not understood: write {dict(WIDEST_PREFIX)}")
    widest = {**WIDEST_PREFIX, **given}
    for family, bits in (("ipv4", 32), ("ipv6", 128)):
        if widest[family].__class__ is not int or not 0 <= widest[family] <= bits:
            raise ValueError(f"widest_prefix: {family} {widest[family]!r} is not a number from 0 to {bits}")
    return widest


def _wide(destinations: list[str], row: Mapping[str, Any], widest: dict[str, int], *, vendors: bool) -> list[str]:
    """Return the destinations that are wider than what needs no reason; raises ValueError where the row gives none.

    Names and patterns below which anybody can have one need a reason too, but where no prefix does. C{vendors}: the row
    is of a vendor file.
    """
    wide = []
    for destination in destinations:
        if "/" in destination:
            if row.get("own") and is_private(*parse_prefix(destination)):
                continue  # the user's own network: to write it is to agree
            what = _wide_prefix(destination, widest, "catalog_widest_prefix" if vendors else "widest_prefix")
        else:
            what = opens_to_anybody(destination) if vendors or any(widest.values()) else ""
        if not what:
            continue
        if not (row.get("wide_because") or "").strip():
            raise ValueError(
                f"{gives(row['destination'], destination)} {what}: if it must be so, say why in the row's wide_because"
            )
        wide.append(destination)
    return wide


def _wide_prefix(destination: str, widest: dict[str, int], bound: str) -> str:
    """Return what is wide of a prefix; '' for nothing. C{bound}: the name of what sets the limit."""
    address, _slash, length = destination.partition("/")
    if int(length) < (limit := widest["ipv6" if ":" in address else "ipv4"]):
        return f"is wider than /{limit} ({bound})"
    what = _wide_inside(destination, widest["ipv4"]) if ":" in address else ""
    return f"{what} ({bound})" if what else ""


def _wide_inside(destination: str, limit: int) -> str:
    """Return what is wide of the IPv4 addresses that lie in a prefix of IPv6; '' for none."""
    for low, high in embedded(*parse_prefix(destination)[1:]):
        for prefix in prefixes(4, low, high):
            if int(prefix.partition("/")[2]) < limit:
                return f"holds the IPv4 addresses {prefix}, wider than /{limit}"
    return ""
