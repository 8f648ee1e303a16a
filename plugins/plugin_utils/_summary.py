# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary that a person reads after a play: what is open, where it comes from, and what is not enforced."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from ._addresses import collapse, is_address, parse_prefix, prefixes

WIDTH = 100

_POLICIES = {
    "deny": "all other egress is stopped, after the baseline",
    "audit": "all other egress is counted and logged, nothing is stopped",
    "unmanaged": "other egress is left as it was",
}
_UNOPENED = {
    "deny": "these stay blocked, except where an address above covers them",
    "audit": "counted and logged like all that is not allowed, and not stopped",
    "unmanaged": "nothing is opened for these",
}
_ASKED = "Asked for by the vendors, but no rule can be made of it"
_BY_DNSMASQ = "dnsmasq's answers open the names as they are asked for"


@dataclass
class _Reach:
    """Where something leads: prefixes by family, and names."""

    ranges: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {4: [], 6: []})
    names: set[str] = field(default_factory=set)

    def add(self, destination: str) -> None:
        if is_address(destination):
            version, first, last = parse_prefix(destination)
            self.ranges[version].append((first, last))
        else:
            self.names.add(destination)

    def __str__(self) -> str:
        """Return the counts: addresses and minimal prefixes for IPv4, prefixes for IPv6, names."""
        parts = []
        if ipv4 := collapse(self.ranges[4]):
            addresses = sum(last - first + 1 for first, last in ipv4)
            number = sum(len(prefixes(4, *pair)) for pair in ipv4)
            parts.append(_count(addresses, "address", "addresses"))
            if number < addresses:
                parts[-1] += f" in {_count(number, 'prefix', 'prefixes')}"
        if ipv6 := collapse(self.ranges[6]):
            number = sum(len(prefixes(6, *pair)) for pair in ipv6)
            parts.append(_count(number, "IPv6 prefix", "IPv6 prefixes"))
        if self.names:
            parts.append(_count(len(self.names), "name", "names"))
        return ", ".join(parts)


def summarise_allowlist(
    allowlist: Mapping[str, Any], selection: Mapping[str, Any] | None = None, backend: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the lines of the summary, plain text, at most 100 characters wide.

    C{selection} is what select_rows returned; without it the choices that were made are left out.
    C{backend} says what is enforced, C{{"name", "policy", "names", "timers", "counts", "notes"}}: C{names} one of
    report, resolve and dnsmasq, C{timers} whether it enforces them, C{counts} whether it counts (true unless said),
    C{notes} further lines. Without it, enforcement is left out.
    """
    selection, backend = selection or {}, backend or {}
    lines = [*_head(allowlist, backend)]
    chosen = {vendor["name"]: vendor for vendor in selection.get("vendors", [])}
    present = dict.fromkeys(entry["vendor"] for entry in allowlist["provenance"])
    for vendor in [*chosen, *(name for name in present if name not in chosen)]:
        lines += ["", *_vendor(vendor, chosen.get(vendor, {}), allowlist, selection)]
    lines += _section("Timers", _timers(selection.get("timers", allowlist["timers"]), backend))
    lines += _section("Names", _names(allowlist, backend))
    lines += _section(
        _ASKED,
        _not_rules(selection.get("not_rules", allowlist["not_rules"])),
    )
    lines += _section("Notes", (line for note in backend.get("notes", []) for line in _wrapped(note, "  - ")))
    return ["".join(c if c.isprintable() else "?" for c in line).rstrip() for line in lines]


def _head(allowlist: Mapping[str, Any], backend: Mapping[str, Any]) -> Iterator[str]:
    outbound, inbound = _reach(allowlist["groups"]), _reach(allowlist["inbound"])
    yield f"Allowlist {allowlist['digest'][:12]}: {outbound or 'nothing is allowed'}"
    if inbound:
        yield f"Inbound connections from: {inbound}"
    if backend:
        policy = backend.get("policy", "")
        yield from _wrapped(f"Backend {backend['name']}, policy {policy}: {_verdict(_POLICIES, backend)}", "")


def _verdict(verdicts: Mapping[str, str], backend: Mapping[str, Any]) -> str:
    """Return what the policy does, without the counting where the backend cannot count."""
    text = verdicts.get(backend.get("policy", ""), verdicts["unmanaged"])
    return text if backend.get("counts", True) else text.replace("counted and logged", "logged")


def _reach(groups: Iterable[Mapping[str, Any]]) -> str:
    """Return the counts of all destinations of groups, empty if there are none."""
    reach = _Reach()
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
    yield title if title == vendor else f"{title} ({vendor})"
    yield from _wrapped(_choices(chosen, bool(selection.get("all_by_default"))), "  ")
    if not entries:
        yield "  nothing: no row of the chosen requirements"
    yield from _table(_services(entries, numbers))
    for note in chosen.get("notes", []):
        yield from _wrapped(f"note on {note['service']}: {note['note']}", "  ")
    stale = {(source["title"], source["date"]): source for source in known if source.get("stale")}
    for document, number in numbers.items():
        old = stale.get(document)
        age = f", STALE: {old['age_days']:,} days old" if old else ""
        yield from _wrapped(f"[{number}] {', '.join(filter(None, document))}{age}", "  ")


def _document(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and date of the document that an entry comes from; rules written by hand may have none."""
    return entry.get("source", ""), entry.get("date", "")


def _choices(chosen: Mapping[str, Any], all_by_default: bool) -> str:
    """Return the options as they were chosen: 'regions: all (us, jp), since nothing was said; teams: no'."""
    parts = []
    for option, value in chosen.get("options", {}).items():
        if isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = value if isinstance(value, str) else ", ".join(value)
        if option in chosen["all"]:
            text = f"all ({text})" + (", since nothing was said" if all_by_default else "")
        elif option in chosen["defaults"]:
            text += " (default)"
        parts.append(f"{option}: {text}")
    return "; ".join(parts)


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
        lines: dict[tuple[str, ...], tuple[_Reach, set[int]]] = {}
        for destination, ports in destinations.items():
            reach, documents = lines.setdefault((_ports(ports), str(not is_address(destination))), (_Reach(), set()))
            reach.add(destination)
            documents.update(marks[(service, direction, destination)])
        for (opened, _is_name), (reach, documents) in lines.items():
            where = f"{direction} {opened}".lstrip()
            yield service, where, str(reach), " ".join(f"[{number}]" for number in sorted(documents))


def _ports(ports: Iterable[tuple[str, str]]) -> str:
    """Return 'tcp/443,5349 udp/3478,10000-60000', joined where they touch or overlap."""
    texts = []
    for protocol in ("tcp", "udp"):
        ranges = []
        for name, text in ports:
            if name == protocol:
                low, _dash, high = text.partition("-")
                ranges.append((int(low), int(high or low)))
        if ranges:
            joined = (str(low) if low == high else f"{low}-{high}" for low, high in collapse(ranges))
            texts.append(f"{protocol}/{','.join(joined)}")
    return " ".join(texts)


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows as aligned columns; a cell that is too long goes on below; a first cell is not repeated."""
    rows = list(rows)
    if not rows:
        return
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    rows = list(zip(*columns, strict=True))
    widths = [max(map(len, column)) for column in columns]
    # Columns share the width: nobody gets more than the longest cell, the widest gives first.
    while sum(widths) + 2 * len(widths) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    above = ""
    for first, *others in rows:
        texts = ("" if first == above else first, *others)
        cells = [_lines(text, width) for text, width in zip(texts, widths, strict=True)]
        above = first
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            yield ("  " + "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True))).rstrip()


def _lines(text: str, width: int) -> list[str]:
    """Return a cell as lines that fit, broken after a space or comma where it has any."""
    lines = [""]
    for word in re.split("(?<=[ ,])", text):
        for piece in wrap(word, width, drop_whitespace=False) or [""]:
            if len(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece
    return lines


def _timers(timers: Iterable[Mapping[str, Any]], backend: Mapping[str, Any]) -> Iterator[str]:
    verdict = {None: "", True: "; enforced", False: "; NOT enforced: {} cannot"}[backend.get("timers")]
    for timer in timers:
        services = ", ".join(timer["services"])
        text = f"{timer['vendor']}: {timer['protocol']} {timer['seconds']:,} s for {services}"
        yield from _wrapped(f"{text}{verdict.format(backend.get('name'))}", "  ")
        yield from _wrapped(f"printed: {timer['printed']}", "    ")


def _names(allowlist: Mapping[str, Any], backend: Mapping[str, Any]) -> Iterator[str]:
    """Yield what becomes of names, and a table of those that nobody enforces, with what they would need."""
    mode = backend.get("names")
    names: dict[str, set[tuple[str, str]]] = defaultdict(set)
    wanted_by: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in allowlist["provenance"]:
        for name in entry["destinations"]:
            if not is_address(name):
                names[name].add((entry["protocol"], entry["ports"]))
                wanted_by[name][entry["vendor"]].append(entry["service"])
    if not names or not mode:
        return
    if mode == "dnsmasq":
        yield f"  {_BY_DNSMASQ}"
        return
    idle = sorted(name for name in names if mode == "report" or name.startswith("*."))
    if mode == "resolve" and len(idle) < len(names):
        yield f"  {_count(len(names) - len(idle), 'name is', 'names are')} looked up on the host and kept fresh"
    if idle:
        verb = _verdict(_UNOPENED, backend)
        rows = []
        why = "a wildcard cannot be looked up" if mode == "resolve" else "names are reported only"
        yield from _wrapped(f"NOT enforced by {backend['name']}, {why}: {verb}", "  ")
        for name in idle:
            services = (f"{vendor}: {', '.join(dict.fromkeys(found))}" for vendor, found in wanted_by[name].items())
            rows.append((name, _ports(names[name]), "; ".join(services)))
        yield from _table(rows)


def _not_rules(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield from _wrapped(f"{entry['vendor']}: {entry['title']}: {entry['why']}", "  ")


def _section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a titled section, or nothing where it would be empty."""
    found = list(lines)
    return ["", title, *found] if found else []


def _wrapped(text: str, lead: str) -> list[str]:
    """Return a text as lines, each after C{lead}, those that follow two further in."""
    return wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * (len(lead) + 2))


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
