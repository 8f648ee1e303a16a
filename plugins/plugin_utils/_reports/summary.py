# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary that a person reads after a play: what is open, where it comes from, and what is not enforced."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import unseen
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import domains

from .allowed import Allowed, allowed
from .enforcement import enforcement, followed
from .layout import WIDTH, Reach, format_services, section, shortened, table, verdict, wrapped
from .reasons import reason_lines
from .remarks import readings
from .scopes import scope_lines

_POLICIES = {
    "deny": "all other egress is stopped, after the baseline",
    "audit": "all other egress is counted and logged, nothing is stopped",
    "unmanaged": "other egress is left as it was",
}
# Groups and rules of others add up with ours, and no cloud has a baseline of ours.
_CLOUD_POLICIES = {
    "deny": "all other egress is stopped, unless other rules allow it",
    "unmanaged": _POLICIES["unmanaged"],
}
# Where the user's own additions open any address, what else there is to say of the rest.
_REMAINDERS = {
    "deny": "only what that leaves is stopped",
    "audit": "only what that leaves is counted and logged, nothing is stopped",
}
_WORD = re.compile(r"[\w./:*+-]+", re.ASCII)
_WORDS = re.compile(rf"{_WORD.pattern}(?:, ?{_WORD.pattern})*", re.ASCII)  # ports and prefixes
_JOINT = "\0"
_ASKED = "Asked for by the vendors, but no rule can be made of it"


def summarise_allowlist(
    allowlist: Mapping[str, Any], selection: Mapping[str, Any] | None = None, backend: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the lines of the summary, plain text, at most 100 characters wide.

    C{selection} is what select_rows returned; without it the choices that were made are left out.
    C{backend} says what is enforced, C{{"name", "policy", "scope", "sources", "names", "timers", "counts",
    "inbound", "ip_versions", "allow", "notes"}}: C{scope} and C{sources} of a host (host unless said), C{names} one of
    report, resolve, dnsmasq and fqdn, C{timers} whether it enforces them, C{counts} whether it counts and C{inbound}
    whether it lets in (both true unless said), C{ip_versions} those of which it has rules (both unless said),
    C{allow} the user's own additions, C{{variable: rows}}, C{notes} further lines; a cloud has C{units}, what of its
    quotas is used, and C{widened}, what is open although nobody asked. Without it, enforcement is left out.
    """
    selection, backend = selection or {}, backend or {}
    lines = [*_head(allowlist, backend)]
    chosen = {vendor["name"]: vendor for vendor in selection.get("vendors", [])}
    present = dict.fromkeys(entry["vendor"] for entry in allowlist["provenance"])
    timers = selection.get("timers", allowlist["timers"])
    learned = domains(dict(allowlist), followed(backend))
    for vendor in [*chosen, *(name for name in present if name not in chosen)]:
        lines += ["", *_vendor(vendor, chosen.get(vendor, {}), allowlist, selection)]
        if backend:
            asked = [entry for entry in allowlist["provenance"] if entry["vendor"] == vendor]
            slow = [timer for timer in timers if timer["vendor"] == vendor]
            lines += table(enforcement(asked, learned, slow, backend))
    lines += section("Timers", _timers(timers, backend))
    lines += section(_ASKED, _not_rules(selection.get("not_rules", allowlist["not_rules"])))
    lines += section(
        "Wide or special, and why",
        (line for text in reason_lines(allowlist.get("reasons", [])) for line in wrapped(text, "  ")),
    )
    lines += section("Quota", table(_units(backend.get("units", []))))
    lines += section(
        "Open although nobody asked", (line for text in backend.get("widened", []) for line in wrapped(text, "  "))
    )
    lines += section("Notes", (line for note in backend.get("notes", []) for line in wrapped(note, "  - ")))
    return ["".join(c if c.isprintable() and not unseen(c) else "?" for c in line).rstrip() for line in lines]


def _head(allowlist: Mapping[str, Any], backend: Mapping[str, Any]) -> Iterator[str]:
    outbound, inbound = _reach(allowlist["groups"]), _reach(allowlist["inbound"])
    yield f"Allowlist {allowlist['digest'][:12]}: {outbound or 'nothing is allowed'}"
    if inbound:
        yield f"Inbound connections from: {inbound}"
    if backend:
        policy, cloud = backend.get("policy", ""), "units" in backend
        # Policy unmanaged has no baseline on a host that could be added to.
        added = [allowed(*each) for each in backend.get("allow", {}).items() if each[1]]
        used = added if cloud or policy in _REMAINDERS else []
        yield from wrapped(f"Backend {backend['name']}, policy {policy}: {_verdict(used, cloud, backend)}", "")
        for each in added:
            yield from wrapped(each.line if used else f"{each.line}; not used: the policy is unmanaged", "")
        yield from scope_lines(backend)


def _verdict(added: Iterable[Allowed], cloud: bool, backend: Mapping[str, Any]) -> str:
    """Return what becomes of all other egress; C{added}: what the user's own additions open."""
    everywhere = [each.everywhere for each in added if each.everywhere]
    verdicts = _CLOUD_POLICIES if cloud else _POLICIES
    if not everywhere or backend.get("policy") not in _REMAINDERS:
        return verdict(verdicts, backend)
    unless = ", unless other rules allow it" if cloud else ""
    variable = next(iter(backend["allow"]))
    return f"{variable} opens {everywhere[0]}: {verdict(_REMAINDERS | {'unmanaged': ''}, backend)}{unless}"


def _reach(groups: Iterable[Mapping[str, Any]]) -> str:
    """Return the counts of all destinations of groups, empty if there are none."""
    reach = Reach()
    for group in groups:
        for destination in (*group["ipv4"], *group["ipv6"], *group["names"]):
            reach.add(destination)
    return str(reach)


def _vendor(
    vendor: str, chosen: Mapping[str, Any], allowlist: Mapping[str, Any], selection: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what a vendor has open, by service, with the documents that say so."""
    entries = [entry for entry in allowlist["provenance"] if entry["vendor"] == vendor]
    # The catalog's order is that of the vendor's page; the allowlist's is alphabetical.
    order = {
        service: number
        for number, service in enumerate(
            dict.fromkeys(row["service"] for row in selection.get("rows", []) if row["vendor"] == vendor)
        )
    }
    entries.sort(key=lambda entry: order.get(entry["service"], 0))
    known = [source for source in selection.get("sources", allowlist["sources"]) if source["vendor"] == vendor]
    documents = dict.fromkeys((source["title"], source["date"]) for source in known)
    documents.update(dict.fromkeys(_document(entry) for entry in entries if entry.get("source")))
    numbers = {document: number for number, document in enumerate(documents, 1)}

    title = chosen.get("title", vendor)
    name = "" if title == vendor else f" ({vendor})"
    yield shortened(shortened(title, max(WIDTH - len(name), WIDTH // 2)) + name, WIDTH)
    # No line is broken inside a value, so that none of its words begins one.
    choices = wrapped(_choices(chosen, bool(selection.get("all_by_default"))), "  ")
    yield from (line.replace(_JOINT, " ") for line in choices)
    if not entries:
        yield "  nothing: no row of the chosen requirements"
    yield from table(_services(entries, numbers))
    for note in chosen.get("notes", []):
        yield from wrapped(f"note on {note['service']}: {note['note']}", "  ")
    for gap in chosen.get("gaps", []):
        yield from wrapped(f"NO ROW of {gap['service']} for {gap['option']}: {', '.join(gap['choices'])}", "  ")
    yield from readings(entries)
    stale = {(source["title"], source["date"]): source for source in known if source.get("stale")}
    for document, number in numbers.items():
        old = stale.get(document)
        age = f", STALE: {old['age_days']:,} days old" if old else ""
        yield from wrapped(f"[{number}] {', '.join(filter(None, document))}{age}", "  ")


def _document(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and date of the document that an entry comes from; rules written by hand may have none."""
    return entry.get("source", ""), entry.get("date", "")


def _choices(chosen: Mapping[str, Any], all_by_default: bool) -> str:
    """Return the options as they were chosen: 'regions: all (us, jp), since nothing was said; teams: no'.

    A value of other characters than a word's is in quotes, with C{_JOINT} for spaces: it cannot be read as an option.
    """
    parts = []
    for option, value in chosen.get("options", {}).items():
        if isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = _value(value, _WORDS) if isinstance(value, str) else ", ".join(_value(one, _WORD) for one in value)
            text = text or "none"
        if option in chosen["all"]:
            text = f"all ({text})" + (", since nothing was said" if all_by_default else "")
        elif option in chosen["defaults"]:
            text += " (default)"
        parts.append(f"{option}: {text}")
    return "; ".join(parts)


def _value(text: str, plain: re.Pattern[str]) -> str:
    return text if plain.fullmatch(text) else repr(text).replace(" ", _JOINT)


def _services(entries: list[Mapping[str, Any]], numbers: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, ...]]:
    """Yield C{(service, what is open, to how many, documents)}; a line for destinations that share their ports."""
    services: dict[tuple[str, str], dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    marks: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for entry in entries:
        key = (entry["service"], entry.get("direction", ""))
        for destination in entry["destinations"]:
            services[key][destination].add((entry["protocol"], entry["ports"]))
            if number := numbers.get(_document(entry)):
                marks[(*key, destination)].add(number)
    for (service, direction), destinations in services.items():
        lines: dict[tuple[str, ...], tuple[Reach, set[int]]] = {}
        for destination, ports in destinations.items():
            reach, documents = lines.setdefault(
                (format_services(ports), str(not is_address(destination))), (Reach(), set())
            )
            reach.add(destination)
            documents.update(marks[(service, direction, destination)])
        for (opened, _is_name), (reach, documents) in lines.items():
            where = f"{direction} {opened}".lstrip()
            yield service, where, str(reach), " ".join(f"[{number}]" for number in sorted(documents))


def _timers(timers: Iterable[Mapping[str, Any]], backend: Mapping[str, Any]) -> Iterator[str]:
    verdict = {None: "", True: "; enforced", False: "; NOT enforced: {} cannot"}[backend.get("timers")]
    for timer in timers:
        services = ", ".join(timer["services"])
        text = f"{timer['vendor']}: {timer['protocol']} {timer['seconds']:,} s for {services}"
        yield from wrapped(f"{text}{verdict.format(backend.get('name'))}", "  ")
        yield from wrapped(f"printed: {timer['printed']}", "    ")


def _not_rules(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield from wrapped(f"{entry['vendor']}: {entry['title']}: {entry['why']}", "  ")


def _units(units: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield C{(quota, what is used of it, what the exact list takes)}."""
    for unit in units:
        used = f"{unit['after']:,}" if "after" in unit else f"{unit['need']:,} needed"
        if "after" in unit and unit.get("before") != unit["after"]:
            used = f"{unit.get('before', 0):,} -> {used}"
        exact = f"{unit['exact']:,} if exact" if unit.get("exact", unit.get("need")) != unit.get("need") else ""
        limit = f"of {unit['limit']:,}" if unit["limit"] >= 0 else "(no limit)"
        yield unit["quota"], f"{used} {limit}", exact
