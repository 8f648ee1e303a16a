# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something is open: whether it is, and the rows that asked for it, from the provenance of an allowlist."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import Range, is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import service_of, service_text
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import ANY_BITS
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import covers, is_inner

from .asked import Asked, asked
from .coverage import Wide, is_all, ordinary, verdict, wide
from .remarks import remarks

_MOST_TOGETHER = 20  # rows that open any address only with others, the widest first
_SHOWN = 3  # prefixes of a row that opens any address with all of them together
_REMARKS = re.compile(r" \([^()]*\)")  # of prefixes, in reasons

Entry = Mapping[str, Any]
Reasons = dict[tuple[str, str, int], list[tuple[str, str]]]


def explain_destination(
    allowlist: Mapping[str, Any], destination: str, protocol: str = "", port: int | str = 0
) -> list[str]:
    """Return a line that says whether a destination is open, C{open: all}, C{open: in part} or C{open: not}, and then
    one for each row that opens anything of it.

    destination: an address, a prefix or a range of addresses (every part of it counts), a name, which patterns take
    too, or a pattern. A row that opens any address opens every name. protocol, port: as C{asked} reads them.
    Raises ValueError for a destination, protocol or port that is none.
    """
    question = asked(destination, protocol, port)
    opened = {} if question.span else wide(allowlist["groups"], question)
    lines = [verdict(allowlist["groups"], question, opened)]
    reasons = _reasons(allowlist)
    far = _far(allowlist["provenance"], question, opened)
    inbound = False
    services: dict[tuple[str, str], str] = {}  # those that are asked about, in words; '' for others
    for number, entry in enumerate(allowlist["provenance"]):
        key = (entry["protocol"], entry["ports"])
        if key not in services:
            service = service_of(*key)
            services[key] = service_text(service) if question.within(*service) else ""
        if services[key]:
            rows = [*_addresses(entry, question)] if question.span else [*_names(entry, question), *far.get(number, ())]
            lines += [_line(services[key], entry, opens, remark, reasons) for opens, remark in rows]
            inbound = inbound or (bool(rows) and entry.get("direction") == "inbound")
    if inbound and question.span:
        lines[0] += "; rows below let it in"
    if more := len(far.get(-1, ())):
        lines.append(f"and {more:,} more rows that open any address with all of these together")
    return lines


def _line(service: str, entry: Entry, opens: str, remark: str, reasons: Reasons) -> str:
    """Return the line of a gathered entry of the provenance; C{opens}: the destination of it that answers."""
    direction = "from" if entry.get("direction") == "inbound" else "to"
    document = ", ".join(filter(None, (entry.get("source"), entry.get("date"))))
    said = [remark, *(_because(entry, opens, reasons) if reasons else ()), *remarks(entry)]
    return "; ".join(
        [
            f"{service} {direction} {opens}  {entry['vendor']}: {entry['service']}: "
            f"row {entry.get('row', '?')} of {document or 'no document'} ({entry.get('requirement', 'required')})",
            *filter(None, said),
        ]
    )


def _addresses(entry: Entry, question: Asked) -> Iterator[tuple[str, str]]:
    """Yield those prefixes of an entry that have some of the addresses, each with what is to be said of it."""
    version, low, high = question.span or (0, 0, 0)
    for text in entry["destinations"]:
        if is_address(text):
            family, first, last = parse_prefix(text)
            if family == version and first <= high and low <= last:
                small = last - first < 1 << ANY_BITS[version]
                yield text, "" if small else _extent(version, ordinary(version, [text]), False)


def _names(entry: Entry, question: Asked) -> Iterator[tuple[str, str]]:
    """Yield those names of an entry that take the name or pattern that is asked about, with what becomes of them."""
    never = "names never let anything in" if entry.get("direction") == "inbound" else ""
    for text in entry["destinations"]:
        if not is_address(text) and covers(text, question.text):
            yield text, never or ("no tool can enforce this pattern" if is_inner(text) else "")


def _far(provenance: Sequence[Entry], question: Asked, opened: Mapping[int, Wide]) -> dict[int, list[tuple[str, str]]]:
    """Return the prefixes that open any address, or a large part of all, by the number of their entry.

    Where no entry does so alone, those that do together are taken, the widest first; at -1 those that are left out.
    """
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for version, each in opened.items():
        alone: list[tuple[str, Range, list[str]]] = []  # what each opens that is a large part by itself
        others: list[tuple[int, int, str, Range]] = []
        for number, entry in enumerate(provenance if each else ()):
            protocol, first, last = service_of(entry["protocol"], entry["ports"])
            part = question.within(protocol, first, last)
            if entry.get("direction") == "inbound" or not part or not each.meets(protocol, part):
                continue
            size = ordinary(version, entry["destinations"])
            if size > 1 << ANY_BITS[version]:
                alone.append((protocol, part, entry["destinations"]))
                found[number] += _widest(version, entry["destinations"], size, each.is_any(protocol, part))
            elif size:
                others.append((-size, number, protocol, part))
        lacking = _lacking(version, each, alone) if others else {}
        left = [
            (number, each.is_any(protocol, part))
            for _size, number, protocol, part in sorted(others)
            if any(first <= part[1] and part[0] <= last for first, last in lacking.get(protocol, ()))
        ]
        for number, is_any in left[:_MOST_TOGETHER]:
            remark = f"with others {_large(version, is_any)}"
            found[number].append((_shown(version, provenance[number]["destinations"]), remark))
        found[-1] += [("", "")] * (len(left) - _MOST_TOGETHER)
    return found


def _lacking(version: int, opened: Wide, alone: Sequence[tuple[str, Range, Sequence[str]]]) -> dict[str, list[Range]]:
    """Return those parts of services that take more entries than these, C{(protocol, part, destinations)}."""
    found: dict[str, list[Range]] = defaultdict(list)
    for parts, is_any in ((opened.to_any, True), (opened.to_many, False)):
        for protocol, (low, high) in ((protocol, part) for protocol, listed in parts.items() for part in listed):
            known = (
                text
                for name, (first, last), destinations in alone
                if name == protocol and first <= low and high <= last
                for text in destinations
            )
            size = ordinary(version, known)
            if not is_all(version, size) if is_any else not size:
                found[protocol].append((low, high))
    return found


def _widest(version: int, destinations: Sequence[str], size: int, with_others: bool) -> list[tuple[str, str]]:
    """Return those prefixes of an entry that are any address or a large part of all, or all of them in one line."""
    sizes = {text: ordinary(version, [text]) for text in destinations}
    alone = [text for text in destinations if sizes[text] > 1 << ANY_BITS[version]]
    if not alone:
        return [(_shown(version, destinations), _extent(version, size, with_others))]
    together = with_others or is_all(version, size)
    return [(text, _extent(version, sizes[text], together)) for text in alone]


def _shown(version: int, destinations: Sequence[str]) -> str:
    """Return the prefixes of one IP version that names can lead to: the first few, and how many more there are."""
    texts = [text for text in destinations if ordinary(version, [text])]
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else "")


def _extent(version: int, size: int, with_others: bool) -> str:
    """Return what so many ordinary addresses are: any address, a large part of all, '' for less.

    C{with_others}: whether they are any address together with those of other prefixes.
    """
    if size <= 1 << ANY_BITS[version]:
        return ""
    whole = is_all(version, size)
    return ("with others " if with_others and not whole else "") + _large(version, whole or with_others)


def _large(version: int, is_any: bool) -> str:
    return f"any IPv{version} address" if is_any else f"a large part of all IPv{version} addresses"


def _reasons(allowlist: Mapping[str, Any]) -> Reasons:
    """Return why what is wide or special is open, C{(what, because)} by vendor, service and row."""
    found: Reasons = defaultdict(list)
    for reason in allowlist.get("reasons", ()):
        found[reason["vendor"], reason["service"], reason["row"]].append((reason["opened"], reason["because"]))
    return found


def _because(entry: Entry, opens: str, reasons: Reasons) -> Iterator[str]:
    """Yield the reasons of an entry that name one of these destinations, or not all that they are for."""
    for opened, because in reasons.get((entry["vendor"], entry["service"], entry.get("row", 0)), ()):
        listed = _REMARKS.sub("", opened)
        if listed.endswith(" more") or not {*listed.split(", ")}.isdisjoint(opens.split(", ")):
            yield f"open because: {because}"
