# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check one vendor's definition: the keys, the types and the references of a vendor file.

A vendor file is data from outside, so nothing in it is taken on trust. docs/catalog.md explains the keys.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import briefly

from .ends import ENDS, Fillings, check_direction, check_read_as, sound_mapping
from .keys import (
    DIRECTIONS,
    NAME,
    NAMES,
    NOT_RULE,
    REQUIREMENTS,
    ROW,
    SERVICE,
    SOURCE,
    TIMER,
    TRAFFIC,
    Definition,
    Known,
    check_keys,
    check_strings,
    numbered,
    one_of,
    unique,
)
from .known import known_of, stand_in, whole
from .limits import ENTRIES
from .options import choose
from .reserved import is_reserved

_LINE = {"protocol": "TCP", "ports": "443"}  # in the place of a line of traffic that is not sound
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?\Z")


def check_definition(vendor: str, definition: Any) -> None:
    """Raise ValueError, a line with vendor and place for each error, unless this is a vendor's definition."""
    if not isinstance(vendor, str) or not NAME.match(vendor):
        raise ValueError(f"vendor name '{briefly(vendor)}': {NAMES}")
    if is_reserved(vendor):
        raise ValueError(
            f"vendor name '{briefly(vendor)}' means something else to this collection or to Ansible: choose another"
        )
    check_strings(vendor, definition)  # first and alone: no other message then repeats what nobody sees
    faults = Faults()
    definition = whole(vendor, definition, faults)
    known = known_of(vendor, definition, _check_sources(vendor, definition["sources"], faults), faults)
    fillings = Fillings(definition, known)
    with faults.noted():
        fillings.check_mapping(vendor, definition)
    if faults and "destination_options" in definition:
        mapping = sound_mapping(definition["destination_options"], known)
        fillings.definition = {**definition, "destination_options": mapping}
    services = definition["services"]
    for number, service in enumerate(services, 1):
        with faults.noted():
            _check_service(numbered(vendor, "service", number, service, "name"), service, fillings, faults)
    named = [service["name"] for service in services if isinstance(service, dict) and "name" in service]
    names = dict.fromkeys(name for name in named if isinstance(name, str))
    for number, timer in enumerate(definition.get("timers", []), 1):
        with faults.noted():
            _check_timer(f"{vendor}: timer {number}", timer, known, names)
    for number, entry in enumerate(definition.get("not_rules", []), 1):
        place = f"{vendor}: not_rules {number}"
        with faults.noted():
            check_keys(place, entry, NOT_RULE)
            _check_references(place, entry, known)
    faults.stop()
    fillings.end(vendor)
    rows = sum(len(service["rows"]) * len(service.get("traffic", [1])) for service in services)
    if rows > ENTRIES["rows"]:
        raise ValueError(f"{vendor}: {rows:,} rows, one for each line of traffic: at most {ENTRIES['rows']:,}")
    unique(vendor, "service", named)


def sound_part(vendor: str, definition: Any) -> tuple[Definition, dict[str, list[int]]]:
    """Return a definition that C{check_definition} refuses without the services and rows that are not sound.

    Also the numbers that its rows have in the whole definition, by service. Options that are not sound have others of
    their type in their place, and conditions on them are left out. Raises ValueError where nothing of it is sound, or
    too much.
    """
    check_strings(vendor, definition)
    definition = whole(vendor, definition, Faults())
    known = known_of(vendor, definition, _check_sources(vendor, definition["sources"], Faults()), Faults())
    definition = stand_in(definition, known, _sound_sources(definition["sources"]))
    fillings = Fillings(definition, known)
    fillings.check_mapping(vendor, definition)
    services: list[dict[str, Any]] = []
    numbers: dict[str, list[int]] = {}
    for printed in definition["services"]:
        service = _sound_head(vendor, printed, fillings)
        if not service or service["name"] in numbers:
            continue
        found = numbers[service["name"]] = []
        for number, row in enumerate(service["rows"], 1):
            faults = Faults()
            with faults.noted():
                _check_row(vendor, row, service, fillings)
            found += [] if faults or known.in_doubt(row) else [number]
        services.append({**service, "rows": [service["rows"][number - 1] for number in found]})
    fillings.check_size(vendor)
    return {**definition, "services": services}, numbers


def first_day(date: str) -> datetime.date:
    """Return the day that a source's age counts from: of C{YYYY-MM}, the first of the month.

    Raises ValueError for anything else than C{YYYY-MM} and C{YYYY-MM-DD}.
    """
    try:
        if not _DATE.match(date):
            raise ValueError
        return datetime.date.fromisoformat(date if len(date) == 10 else f"{date}-01")
    except ValueError:
        raise ValueError(
            f"date '{briefly(date)}' is not a date: write it as 2022-11-05 or 2022-11, in quotes"
        ) from None


def _check_sources(vendor: str, sources: list[Any], faults: Faults) -> dict[str, None]:
    """Return the ids of sources, also of unsound ones; what is wrong goes into C{faults}."""
    for number, source in enumerate(sources, 1):
        place = numbered(vendor, "source", number, source, "id")
        with faults.noted():
            _check_source(place, source)
    named = [source.get("id") for source in sources if isinstance(source, dict)]
    names = [name for name in named if isinstance(name, str)]
    with faults.noted():
        if not sources:
            raise ValueError(f"{vendor}: sources is empty: say which document the rows come from, and its date")
        return unique(vendor, "source", names)
    return dict.fromkeys(names)


def _check_source(place: str, source: Any) -> None:
    check_keys(place, source, SOURCE)
    try:
        first_day(source["date"])
    except ValueError as exc:
        raise ValueError(f"{place}: {exc}") from None


def _sound_sources(sources: list[Any]) -> dict[str, Any]:
    """Return the sources that are sound, by their ids."""
    found = {}
    for source in sources:
        with Faults().noted():
            _check_source("", source)
            found[source["id"]] = source
    return found


def _check_timer(place: str, timer: Any, known: Known, services: dict[str, None]) -> None:
    check_keys(place, timer, TIMER)
    one_of(place, "protocol", timer["protocol"], ("tcp", "udp"))
    _check_references(place, timer, known)
    for service in timer.get("services", []):
        one_of(place, "service", service, services, known.hints)
    if timer["seconds"] < 1:
        raise ValueError(f"{place}: seconds {briefly(timer['seconds'])} is not larger than 0")


def _check_service(place: str, service: Any, fillings: Fillings, faults: Faults) -> None:
    """Put what is wrong with a service, its lines of traffic and its rows into C{faults}."""
    before = len(faults)
    with faults.noted():
        _check_head(place, service, fillings, faults)
    if len(faults) > before:
        service = _sound_head(place, service, fillings)
        if not service:
            return
    for number, row in enumerate(service["rows"], 1):
        with faults.noted():
            _check_row(f"{place}: row {number}", row, service, fillings)
    if len(faults) == before:
        fillings.end_service(place, service)


def _check_head(place: str, service: Any, fillings: Fillings, faults: Faults) -> None:
    """Check a service without its rows, which come next; what is wrong with its traffic goes into C{faults}."""
    known = fillings.known
    check_keys(place, service, SERVICE)
    if not NAME.match(service["name"]):
        raise ValueError(f"{place}: name '{briefly(service['name'])}': {NAMES}")
    _check_references(place, service, known)
    if "inbound_option" in service:
        option = service["inbound_option"]
        one_of(place, "inbound_option", option, known.kinds["bool"], known.hints)
        spec = known.options[option]
        if "default" in spec and choose(place, {option: spec}, {}).values[option]:
            raise ValueError(f"{place}: inbound_option {option}: its default opens inbound: write 'default: false'")
    if "direction" in service:
        one_of(place, "direction", service["direction"], DIRECTIONS, known.hints)
    fillings.check_mapping(place, service)
    before = len(faults)
    for number, traffic in enumerate(service.get("traffic", []), 1):
        line = f"{place}: traffic {number}"
        with faults.noted():
            check_keys(line, traffic, TRAFFIC)
            _check_references(line, traffic, known)
            check_read_as(line, traffic, ("protocol", "ports"))
    fillings.begin_service(sound=len(faults) == before)


def _sound_head(place: str, service: Any, fillings: Fillings) -> dict[str, Any]:
    """Return a service without what is not sound but for its rows; nothing where these would be told for it."""
    if _is_sound(place, service, fillings):
        return dict(service)
    if not isinstance(service, dict) or any(isinstance(service[key], list) for key in service.keys() - SERVICE.keys()):
        return {}  # of what is no service, or misspelt lines of traffic
    source = next(iter(fillings.known.sources), None)
    head = {"title": "", "source": source, **{key: service[key] for key in ("name", "rows") if key in service}}
    for key in [key for key in SERVICE if key in service and key not in ("name", "rows")]:
        value = service[key]
        if key == "traffic" and isinstance(value, list):
            value = [line if _is_sound(place, {**head, key: [line]}, fillings) else _LINE for line in value]
        elif key == "destination_options" and isinstance(value, dict):
            value = sound_mapping(value, fillings.known)
        if _is_sound(place, {**head, key: value}, fillings):
            head[key] = value
        elif key in ("direction", "inbound_option", "traffic"):
            return {}
    return head if _is_sound(place, head, fillings) else {}


def _is_sound(place: str, service: Any, fillings: Fillings) -> bool:
    """Tell whether a service is, but for its rows."""
    faults = Faults()
    with faults.noted():
        _check_head(place, service, fillings, faults)
    return not faults


def _check_row(place: str, row: Any, service: dict[str, Any], fillings: Fillings) -> None:
    known = fillings.known
    check_keys(place, row, ROW)
    _check_references(place, row, known)
    if "traffic" in service and not row.keys().isdisjoint({"protocol", "ports", "ports_option"}):
        raise ValueError(f"{place}: protocol and ports stand in the service's traffic already")
    if "ports_option" in row:
        one_of(place, "ports_option", row["ports_option"], known.kinds["ports"], known.hints)
    if not (ENDS.isdisjoint(row) and ENDS.isdisjoint(service)):
        check_direction(place, service, row, known)
    if "read_as" in row:
        check_read_as(place, row, ("destination",) if "traffic" in service else ("protocol", "destination", "ports"))
    fillings.add(place, service, row)


def _check_references(place: str, entry: dict[str, Any], known: Known) -> None:
    """Check what an entry refers to: its requirement, its sources and the options of its C{when}."""
    faults = Faults()
    if "requirement" in entry:
        with faults.noted():
            one_of(place, "requirement", entry["requirement"], REQUIREMENTS)
    for key in ("source", "traffic_source"):
        if key in entry:
            with faults.noted():
                one_of(place, key, entry[key], known.sources, known.hints)
    for option, values in entry.get("when", {}).items():
        with faults.noted():
            _check_condition(f"{place}: when", option, values, known)
    faults.stop()


def _check_condition(place: str, option: Any, values: Any, known: Known) -> None:
    """Check that an option of a C{when} has all the values that it names."""
    one_of(place, "option", option, known.options, known.hints)
    if option in known.unsound:
        return
    choices = known.values[option]
    if not choices:
        raise ValueError(f"{place}: {option} has no choices that a condition could name")
    words = known.options[option].get("choices", ["false", "true"])
    if isinstance(values, (str, bool)) and values in choices:
        word = str(values).lower() if isinstance(values, bool) else values
        raise ValueError(f"{place}: {option} is a list of values: write {option}: [{word}]")
    if (
        not isinstance(values, list)
        or not values
        or not all(isinstance(value, (str, bool)) and value in choices for value in values)
    ):
        raise ValueError(f"{place}: {option} '{briefly(values)}' must be a list of {listed(words)}")
