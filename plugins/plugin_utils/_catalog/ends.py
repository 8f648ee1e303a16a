# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check where the packets of a vendor's rows come from and go to: directions, options in cells, readings of cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .keys import DIRECTIONS, READ_AS, Definition, Known, check_keys, one_of
from .limits import ENTRIES, FILLED
from .options import is_free
from .placeholders import check_placeholder, is_label, placeholders
from .rows import mapped_of

# Keys of services and rows that say what is not the plain case: from anywhere, outbound, to the destination.
ENDS = frozenset(("direction", "inbound_option", "source_ip", "source_ip_option", "source_port", "destination_option"))
STAND_IN = "\0"  # the option that fills a placeholder in the place of one that cannot; no file has it


def check_read_as(place: str, entry: Mapping[str, Any], cells: tuple[str, ...]) -> None:
    """Check the author's readings of an entry's cells; C{cells}: the keys of those that it may have.

    That the printed cell has no reading of its own is seen where rows are expanded.
    """
    if "read_as" not in entry:
        return
    read_as = entry["read_as"]
    check_keys(f"{place}: read_as", read_as, READ_AS)
    if not read_as:
        raise ValueError(f"{place}: read_as is empty: write which cell is read as what, or leave it out")
    for cell, reading in read_as.items():
        if cell not in cells or (cell == "destination" and not entry.get(cell, "").strip()):
            raise ValueError(f"{place}: read_as: {cell} is not printed here: only ports and protocol may be missing")
        if not reading.strip():
            raise ValueError(f"{place}: read_as: {cell} is empty: write what the printed cell is read as")
        if f"{cell}_option" in entry:
            raise ValueError(f"{place}: read_as: the option of {cell}_option takes the place of the printed {cell}")


def check_direction(place: str, service: Mapping[str, Any], row: Mapping[str, Any], known: Known) -> None:
    """Check the direction of a row, and that the cells of an inbound one say who connects."""
    for key in ("source_ip_option", "destination_option"):
        if key in row:
            one_of(place, key, row[key], known.kinds["addresses"], known.hints)
    direction = row.get("direction", service.get("direction", ""))
    if "direction" in row:
        one_of(place, "direction", direction, DIRECTIONS, known.hints)
    own, source = "destination_option" in row, row.get("source_ip", "").strip()
    anywhere = source.lower() in ("", "any")
    if not anywhere and "source_ip_option" in row:
        raise ValueError(f"{place}: source_ip {quoted(source)} stands beside source_ip_option: write 'ANY' or nothing")
    if direction == "inbound":
        if "inbound_option" not in service:
            raise ValueError(
                f"{place}: direction inbound needs the service's inbound_option: only a user opens inbound"
            )
        if (anywhere if own else source) or "source_ip_option" in row:
            raise ValueError(
                f"{place}: an inbound row says who connects: in source_ip, with your own addresses as its "
                "destination_option, or in its destination, without source_ip"
            )
    elif "inbound_option" in service and not direction:
        port = row.get("source_port", "").strip().lower()
        if own or not anywhere or "source_ip_option" in row or port not in ("", "any"):
            raise ValueError(
                f"{place}: inbound_option repeats the row inbound, where its source would be another end: write "
                "'direction: outbound' in this row, and a row with 'direction: inbound' if there is one"
            )


@dataclass
class Fillings:
    """What the placeholders of a vendor's destinations are filled with, while its rows are checked."""

    definition: Definition
    known: Known
    cells: int = 0  # that the rows come to, with all choices of their lists
    characters: int = 0
    options: set[str] = field(default_factory=set)  # that fill something
    _sound: bool = True
    _met: set[str] = field(default_factory=set)
    _met_of_service: set[str] = field(default_factory=set)
    # Of the service at hand: option -> the values of its own condition, if any, and of those of its lines of traffic.
    _conditions: dict[str, list[frozenset[str]]] = field(default_factory=dict)

    def check_mapping(self, place: str, entry: Mapping[str, Any]) -> None:
        """Check the C{destination_options} of a vendor, a service or a row."""
        if "destination_options" not in entry:
            return
        faults = Faults()
        for text, option in entry["destination_options"].items():
            if option == STAND_IN:
                continue
            with faults.noted(f"{place}: "):
                _check_filling("destination_options", text, option, self.known, self.options)
                self.options.add(option)
        faults.stop()

    def begin_service(self, *, sound: bool) -> None:
        """Begin with the rows of a service; C{sound}: whether its lines of traffic are, else rows are not entered."""
        self._sound, self._met_of_service, self._conditions = sound, set(), {}

    def add(self, place: str, service: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """Enter a row; raises ValueError for a placeholder that is not mapped, or mapped and not there."""
        self.check_mapping(place, row)
        if not self._sound:
            return
        own = row.get("destination_options", {})
        if "destination_option" in row:
            if own or "destination" in row.get("read_as", {}):
                raise ValueError(f"{place}: the addresses of destination_option take the place of the destination")
            return
        cell = row.get("read_as", {}).get("destination", row["destination"])
        mapped = mapped_of(mapped_of(mapped_of({}, self.definition), service), row)
        try:
            found = placeholders(cell, mapped)
        except ValueError as exc:
            raise ValueError(f"{place}: {exc}") from None
        _check_met(place, own, {*found})
        self._met.update(found)
        self._met_of_service.update(found)
        lists = [option for option in {mapped[text] for text in found} if option in self.known.kinds["list"]]
        for option in lists:
            if option in self.known.unsound:
                continue
            self._check_conditions(place, option, service, row)
        copies = prod(len(self.known.options[option]["choices"]) for option in lists)
        self.cells += copies
        self.characters += copies * len(cell)

    def _check_conditions(self, place: str, option: str, service: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """Raise ValueError where no value of a list can fill a row, since its conditions exclude each other."""
        if option not in self._conditions:
            lines = [service, *service.get("traffic", [])]
            self._conditions[option] = [
                frozenset(line["when"][option]) for line in lines if option in line.get("when", {})
            ]
        values = row.get("when", {}).get(option, self.known.options[option]["choices"])
        of_service = self._conditions[option] if option in service.get("when", {}) else [frozenset(values)]
        values = of_service[0].intersection(values)
        if not values or any(values.isdisjoint(condition) for condition in self._conditions[option]):
            raise ValueError(f"{place}: when: {option}: no value is in all of its conditions, so none can fill the row")

    def end_service(self, place: str, service: Mapping[str, Any]) -> None:
        """Raise ValueError for what a service maps and none of its rows has."""
        _check_met(place, service.get("destination_options", {}), self._met_of_service)

    def end(self, vendor: str) -> None:
        """Raise ValueError for what the vendor maps and no row has, for idle options, and for too many cells."""
        _check_met(vendor, self.definition.get("destination_options", {}), self._met)
        for option, spec in self.known.options.items():
            if is_free(spec) and spec["type"] == "str" and option not in self.options | self.known.unsound:
                raise ValueError(
                    f"{vendor}: option {option}: it has no choices, and no placeholder that it fills: name it in a "
                    "destination_options, or give it choices"
                )
        self.check_size(vendor)

    def check_size(self, vendor: str) -> None:
        """Raise ValueError where the rows come to too many cells."""
        if self.cells > ENTRIES["rows"] or self.characters > FILLED:
            raise ValueError(
                f"{vendor}: with all choices its destinations come to {self.cells:,} cells of {self.characters:,} "
                f"characters: at most {ENTRIES['rows']:,} and {FILLED:,}"
            )


def sound_mapping(mapping: Mapping[Any, Any], known: Known) -> dict[str, str]:
    """Return what fills the placeholders of C{destination_options}, C{STAND_IN} in the place of what cannot.

    What is written as no placeholder may be is left out.
    """
    found = {}
    for text, option in mapping.items():
        with Faults().noted():
            check_placeholder("", text)
            found[text] = STAND_IN
            if isinstance(option, str) and option in known.options:
                _check_filling("", text, option, known, ())
                found[text] = option
    return found


def _check_filling(place: str, text: Any, option: Any, known: Known, sound: Collection[str]) -> None:
    """Raise ValueError unless an option can fill what is written as a placeholder; C{sound}: options that can."""
    check_placeholder(place, text)
    one_of(place, "option", option, [*known.kinds["str"], *known.kinds["list"]], known.hints)
    if option in sound:
        return
    for choice in known.options[option].get("choices", ()):
        if not is_label(choice):
            raise ValueError(f"{place}: {option}: the choice {quoted(choice)} is not one label of a name")


def _check_met(place: str, mapped: Mapping[str, str], met: set[str]) -> None:
    for text in mapped:
        if text not in met:
            raise ValueError(f"{place}: destination_options: the placeholder {quoted(text)} is in no destination here")
