# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows that a user's choice of vendors and options takes from the catalog."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed, unknown

from .gaps import gaps_of
from .keys import REQUIREMENTS, Definition
from .options import Choices, choose, words_of
from .rows import applies, dated, rows_of
from .schema import first_day

_DAYS = {"d": 1, "mo": 365 / 12, "y": 365}
_AGE = re.compile(r"([0-9]{1,5}) ?(d|mo|y)\Z")


def parse_age(text: str) -> int:
    """Return the days of C{730d}, C{24mo} or C{2y}; a year has 365 days, a month a twelfth of them."""
    match = _AGE.match(str(text).strip())
    if not match:
        raise ValueError(f"age '{text}' is not an age: write it as 730d, 24mo or 2y")
    return round(int(match[1]) * _DAYS[match[2]])


def names_of(vendors: Any) -> list[str]:
    """Return the names in a user's choice of vendors, as far as it has them."""
    named = (entry.get("name") if isinstance(entry, dict) else entry for entry in words_of(vendors))
    return [name for name in named if isinstance(name, str)]


def select_rows(
    catalog: dict[str, Definition],
    vendors: Any,
    *,
    requirements: list[str] | str = "required, recommended",
    max_age_days: int = 730,
    today: datetime.date,
    stale: str = "warn",
    all_by_default: bool = False,
    own_vendors: Sequence[str] | str = (),
) -> dict[str, Any]:
    """Return what the user's choice of vendors and options takes from the catalog.

    C{vendors} is a vendor's name, C{{"name": vendor, option: value, ...}}, or a list of both; C{all_by_default} says
    that an C{all} in it was put there because nothing was said; C{own_vendors} names those that the user wrote himself,
    whose rows get C{own: true}. The result has

    - C{rows}: one dict per printed row and line of traffic, cells as printed, in the order of the catalog;
    - C{timers}: C{{"vendor", "services", "protocol", "seconds", "printed"}}, services by name;
    - C{sources}: those that the rows come from, with C{age_days} and C{stale};
    - C{not_rules}: what a page asks for that no rule can be made of;
    - C{vendors}: C{{"name", "title", "options", "all", "defaults", "notes", "gaps"}}, the choices that were
      made, C{gaps} where some of them have no row of a service: C{{"service", "option", "choices"}};
    - C{all_by_default}: as given.

    Raises ValueError that names the choices, or sources with a date to come; with C{stale="fail"} also one that lists
    the stale sources.
    """
    wanted = words_of(requirements)
    for requirement in wanted:
        if requirement not in REQUIREMENTS:
            raise ValueError(unknown("requirement", requirement, REQUIREMENTS))
    if not wanted:
        raise ValueError(f"requirements is empty: write any of {', '.join(REQUIREMENTS)}")
    if stale not in ("warn", "fail"):
        raise ValueError(f"stale '{stale}': write warn or fail")
    selection: dict[str, Any] = {"rows": [], "timers": [], "sources": [], "not_rules": [], "vendors": []}
    selection["all_by_default"] = all_by_default
    faults = Faults()
    for vendor, said in _entries(catalog, vendors):
        definition = catalog[vendor]
        with faults.noted():
            choices = choose(vendor, definition.get("options", {}), said)
            _select_vendor(selection, vendor, definition, choices, wanted)
            choices.check()
    faults.stop()
    own = frozenset(words_of(own_vendors))
    for row in selection["rows"]:
        row.update({"own": True} if row["vendor"] in own else {})
    for source in selection["sources"]:
        source["age_days"] = (today - first_day(source["date"])).days
        source["stale"] = source["age_days"] > max_age_days
    # A day of tolerance: the vendor may be where it is tomorrow already.
    if ahead := [source for source in selection["sources"] if source["age_days"] < -1]:
        dates = "; ".join(f"{source['vendor']}: '{source['title']}' of {source['date']}" for source in ahead)
        raise ValueError(f"{dates}: the date is later than today, {today}: write the date of the document")
    if stale == "fail" and any(source["stale"] for source in selection["sources"]):
        old = [s for s in selection["sources"] if s["stale"]]
        listed = "; ".join(f"{s['vendor']}: '{s['title']}' of {s['date']}, {s['age_days']} days" for s in old)
        raise ValueError(f"sources are older than {max_age_days} days: {listed}")
    return selection


def _entries(catalog: dict[str, Definition], vendors: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each vendor's name and the options that the user said; known and once each."""
    known = f"known are {listed(catalog)}"
    entries = words_of(vendors) if vendors is not None else []
    if not entries:
        raise ValueError(f"no vendor is chosen: write names of vendors, or entries with a name and options; {known}")
    seen = set()
    for number, entry in enumerate(entries, 1):
        entry = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(entry, dict) or "name" not in entry:
            raise ValueError(f"vendors: entry {number} is neither a vendor's name nor an entry with a name; {known}")
        vendor = entry["name"]
        if not isinstance(vendor, str) or vendor not in catalog:
            raise ValueError(unknown("vendor", vendor, catalog))
        if vendor in seen:
            raise ValueError(f"{vendor}: is chosen twice: write one entry with all that you want of it")
        seen.add(vendor)
        yield vendor, {option: value for option, value in entry.items() if option != "name"}


def _select_vendor(
    selection: dict[str, Any], vendor: str, definition: Definition, choices: Choices, wanted: list[str]
) -> None:
    """Add what one vendor contributes to the selection."""
    sources = {source["id"]: source for source in definition["sources"]}
    used: set[str] = set()
    rows: list[dict[str, Any]] = []
    notes: list[dict[str, str]] = []
    gaps: list[dict[str, Any]] = []
    for service in definition["services"]:
        if applies(service, choices):
            gaps.extend(gaps_of(service, definition.get("options", {}), choices))
        chosen = list(rows_of(vendor, definition, service, choices, wanted))
        if chosen:
            used.update(row["source"] for row in chosen)
            used.update([service["traffic_source"]] if "traffic_source" in service else [])
            notes.extend([{"service": service["name"], "note": service["note"]}] if "note" in service else [])
        rows.extend(chosen)
    dated(definition, rows)
    selection["rows"].extend(rows)
    selection["sources"].extend(
        {"vendor": vendor, **source} for source in definition["sources"] if source["id"] in used
    )
    present = list(dict.fromkeys(row["service"] for row in rows))
    for timer in definition.get("timers", []):
        timed = frozenset(timer.get("services", present))
        services = [name for name in present if name in timed]
        if services and applies(timer, choices):
            choices.needed.update(timer.get("when", {}).keys() & choices.missing.keys())
            kept = {key: timer[key] for key in ("protocol", "seconds", "printed")}
            selection["timers"].append({"vendor": vendor, "services": services, **kept})
    for entry in definition.get("not_rules", []):
        if applies(entry, choices):
            named = {"source": sources[entry["source"]]["title"]} if "source" in entry else {}
            kept = {key: entry[key] for key in ("title", "printed", "why")}
            selection["not_rules"].append({"vendor": vendor, **kept, **named})
    notes.extend(_left_out(choices, wanted))
    selection["vendors"].append(
        {
            "name": vendor,
            "title": definition["title"],
            "options": choices.values,
            "all": choices.all,
            "defaults": choices.defaults,
            "notes": notes,
            **({"gaps": gaps} if gaps else {}),
        }
    )


def _left_out(choices: Choices, wanted: list[str]) -> Iterator[dict[str, str]]:
    """Yield a note, by service, on each option that was said and of which no row has a requirement that is taken."""
    for option, services in choices.left_out.items():
        if option in choices.values and option not in choices.taken and option not in choices.defaults:
            for service in services:
                yield {
                    "service": service,
                    "note": f"{option} opens nothing here: catalog_requirements takes what is {' or '.join(wanted)}, "
                    f"and the rows of {option} are none of that",
                }
