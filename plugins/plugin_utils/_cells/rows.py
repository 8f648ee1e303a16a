# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows, as the vendor printed them, become rules: one protocol, one port range, one destination."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import embedded
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import kind_of, quoted, shown, unseen

from .consent import Openings, gives
from .destinations import read_destinations
from .inbound import Inbound
from .own_ends import own_end
from .ports import expand_ports
from .protocols import expand_protocols
from .read_as import Readers, as_read
from .remarks import labelled
from .services import read_services

WIDEST_PREFIX = MappingProxyType({"ipv4": 16, "ipv6": 32})

_REQUIREMENTS = ("required", "recommended", "optional")
_BOTH = ("tcp", "udp")  # of both IP versions
_CELLS = {"protocol", "source_ip", "source_port", "own_ip", "destination", "ports", "read_as"}
_ABOUT = {"vendor", "service", "row", "requirement", "source", "date", "title", "label", "note", "timers"}
_REASONS = {"wide_because", "special_because", "vendor_wide_because"}
_COLUMNS = frozenset({*_CELLS, *_ABOUT, *_REASONS, "direction", "own"})


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
    known: dict[Any, tuple[list[tuple[str, str]], list[str]]] = {}
    destinations_of = partial(read_destinations, broadcast=broadcast, loopback=openings is not None)
    rules: list[dict[str, Any]] = []
    inbound = Inbound()
    faults = Faults()
    for position, row in enumerate(rows, 1):
        with faults.noted():
            if not isinstance(row, dict):
                raise ValueError(f"row {position}: a row is a dictionary of columns, not {row!r}")
            common = _common(row, position)
            with faults.noted(f"{common['vendor']}: {common['service']}: row {common['row']}: "):
                _check_columns(row)
                read = partial(destinations_of, requirement=common["requirement"])
                cells: Mapping[str, Any] = row
                read_as = ""
                if "read_as" in row:
                    readers = Readers(_service, protocol=expand_protocols, ports=expand_ports, destination=read)
                    cells, read_as = as_read(row, readers)
                destinations, remarks = read(cells["destination"])
                services, marks = _services(cells.get("protocol"), cells.get("ports"), known)
                if remarks or marks:
                    common["label"] = labelled(row.get("label"), [*remarks, *marks])
                wide = _wide(destinations, cells, widest, names=bool(openings) or any(widest.values()))
                if openings:
                    openings.add(cells, common["row"], destinations, wide)
                    inbound.add(cells, destinations)
                for protocol in dict.fromkeys(protocol for protocol, _port in services if protocol not in _BOTH):
                    for destination in filter(is_address, destinations):
                        check_version(protocol, destination)
                common.update(own_end(row, services, expand_ports), **({"read_as": read_as} if read_as else {}))
                if openings:
                    openings.count(len(services) * len(destinations))
                for protocol, port in services:
                    for destination in destinations:
                        rules.append({"protocol": protocol, "ports": port, "destination": destination, **common})
    faults.stop()
    if openings:
        openings.check()
        inbound.check()
    return rules


def _service(row: Mapping[str, Any]) -> object:
    return read_services(row.get("protocol"), row.get("ports"))


def _services(
    protocol: Any, ports: Any, known: dict[Any, tuple[list[tuple[str, str]], list[str]]]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what C{read_services} returns; C{known}: that of cells before, since a table has few different ones."""
    key = (type(protocol), protocol, type(ports), ports)
    if not all(isinstance(cell, (str, int, type(None))) for cell in (protocol, ports)):
        return read_services(protocol, ports)
    if key not in known:
        known[key] = read_services(protocol, ports)
    return known[key]


def _common(row: dict[str, Any], position: int) -> dict[str, Any]:
    """Return what all rules of a row have in common."""
    known = ""
    for column in ("vendor", "service"):
        text = row.get(column)
        if not isinstance(text, str) or not text.strip() or not text.isprintable() or unseen(text):
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
        raise ValueError(f"unknown column '{sorted(unknown, key=str)[0]}'; known are {', '.join(sorted(_COLUMNS))}")
    if row.get("destination") is None:
        raise ValueError("the column 'destination' is missing: it needs a value")
    if row["destination"] in ([], ()):
        raise ValueError("destination is an empty list: it needs a value")
    for column in ("source", "date", "label", *sorted(_REASONS)):
        text = row.get(column) or ""
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


def _wide(destinations: list[str], row: Mapping[str, Any], widest: dict[str, int], *, names: bool) -> list[str]:
    """Return the destinations that are wider than what needs no reason; raises ValueError where the row gives none.

    C{names}: also those names and patterns below which anybody can have one.
    """
    wide = []
    for destination in destinations:
        what = (
            _wide_prefix(destination, widest) if "/" in destination else opens_to_anybody(destination) if names else ""
        )
        if not what:
            continue
        if not (row.get("wide_because") or "").strip():
            raise ValueError(
                f"{gives(row['destination'], destination)} {what}: if it must be so, say why in the row's wide_because"
            )
        wide.append(destination)
    return wide


def _wide_prefix(destination: str, widest: dict[str, int]) -> str:
    """Return what is wide of a prefix; '' for nothing."""
    address, _slash, length = destination.partition("/")
    if int(length) < (limit := widest["ipv6" if ":" in address else "ipv4"]):
        return f"is wider than /{limit} (widest_prefix)"
    what = _wide_inside(destination, widest["ipv4"]) if ":" in address else ""
    return f"{what} (widest_prefix)" if what else ""


def _wide_inside(destination: str, limit: int) -> str:
    """Return what is wide of the IPv4 addresses that lie in a prefix of IPv6; '' for none."""
    for low, high in embedded(*parse_prefix(destination)[1:]):
        for prefix in prefixes(4, low, high):
            if int(prefix.partition("/")[2]) < limit:
                return f"holds the IPv4 addresses {prefix}, wider than /{limit}"
    return ""
