# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge the rules of all vendors into one allowlist of disjoint groups.

Each destination that is written in the rules gets the set of its services, one sweep over the addresses
finds what each piece of the address space may use, and pieces of equal services make a group. Names cannot be
compared like addresses, because tools differ in what C{*.example.com} matches: each is kept by its exact text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import Range, prefixes
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    Services,
    joined,
    service_text,
)

from .collector import no_collector
from .intervals import MOST_MEMBERS, TooManyError, sweep
from .provenance import Book, Side, canonical_json

_TIMER = {"vendor", "services", "protocol", "seconds"}


def merge_vendors(
    rules: Iterable[Any],
    *,
    timers: Iterable[Mapping[str, Any]] = (),
    sources: Iterable[Mapping[str, Any]] = (),
    not_rules: Iterable[Mapping[str, Any]] = (),
    reasons: Iterable[Mapping[str, Any]] = (),
    notes: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the allowlist of C{rules}; the same to the byte in whatever order they come.

    rules: dicts as expand_rows gives them, or lists of such dicts (one for each vendor). Needed keys:
    vendor, service, protocol, ports, destination; row, requirement, source, date, direction, label, read_as, own_ip and
    source_port are kept in the provenance when they are there.
    timers, sources, not_rules, reasons (of what is wide or special), notes (on services): carried along, sorted, equal
    ones once.

    Returns groups, inbound, provenance, timers, sources, not_rules, reasons, notes and digest: the SHA-256 of
    C{json.dumps({groups, inbound, provenance, timers}, sort_keys=True, separators=(",", ":"))}.
    Raises ValueError that names vendor, service and row of the rule that cannot be read.
    """
    with no_collector():
        book = Book()
        for number, rule in enumerate(_flat(rules), 1):
            book.add(rule, number)
        try:
            groups, inbound = _groups(book.outbound), _groups(book.inbound)
        except TooManyError:
            raise ValueError(
                f"{book.most_services()}: their prefixes lie inside each other so often that they make more "
                f"than {MOST_MEMBERS:,} pieces of addresses, each counted once for every service that it has: at most "
                "that many are merged"
            ) from None
        carried = _ordered(timers)
        for timer in carried:
            if not timer.keys() >= _TIMER:
                raise ValueError(f"timer {timer}: it needs {', '.join(sorted(_TIMER))}")
        digest = sha256(f'{{"groups":{canonical_json(groups)},"inbound":{canonical_json(inbound)}'.encode())
        digest.update(b',"provenance":[')
        provenance: list[dict[str, Any]] = []
        for entry, text in book.provenance():
            digest.update(f",{text}".encode() if provenance else text.encode())
            provenance.append(entry)
        digest.update(f'],"timers":{canonical_json(carried)}}}'.encode())
    return {
        "groups": groups,
        "inbound": inbound,
        "provenance": provenance,
        "timers": carried,
        "sources": _ordered(sources),
        "not_rules": _ordered(not_rules),
        "reasons": _ordered(reasons),
        "notes": _ordered(notes),
        "digest": digest.hexdigest(),
    }


@dataclass(slots=True)
class _Group:
    """The destinations that share one list of services: ranges ascending by IP version, and names."""

    ranges: dict[int, list[Range]] = field(default_factory=lambda: {4: [], 6: []})
    names: list[str] = field(default_factory=list)


def _groups(side: Side) -> list[dict[str, Any]]:
    """Return the groups of one direction: disjoint destinations that share exactly one list of services."""
    found: dict[tuple[Service, ...], _Group] = defaultdict(_Group)
    for version, placed in side.ranges.items():
        held: dict[Services, list[Range]] = {}
        for first, last, services in sweep(
            (first, last, frozenset(side.services[text])) for first, last, text in placed
        ):
            ranges = held.get(services)
            if ranges is None:
                ranges = held[services] = found[joined(services)].ranges[version]
            if ranges and ranges[-1][1] + 1 == first:
                ranges[-1] = (ranges[-1][0], last)
            else:
                ranges.append((first, last))
    for name in sorted(side.names):
        found[joined(side.services[name])].names.append(name)
    lists = sorted(found)
    texts = [[service_text(service) for service in services] for services in lists]
    return [
        {
            "id": name,
            "services": text,
            "ipv4": [prefix for span in found[services].ranges[4] for prefix in prefixes(4, *span)],
            "ipv6": [prefix for span in found[services].ranges[6] for prefix in prefixes(6, *span)],
            "names": found[services].names,
        }
        for name, text, services in zip(_ids(texts), texts, lists, strict=True)
    ]


def _flat(rules: Any) -> Iterator[Any]:
    """Yield the rules of a list of rules or of a list of lists of rules."""
    if isinstance(rules, (str, Mapping)) or not isinstance(rules, Iterable):
        raise ValueError(f"rules: expected a list of rules, or a list of such lists, not {type(rules).__name__}")
    for item in rules:
        if isinstance(item, (list, tuple)):
            yield from item
        else:
            yield item


def _ids(lists: list[list[str]]) -> list[str]:
    """Return an id for each list of services, made from the list alone as long as no two agree."""
    digests = [sha256(canonical_json(services).encode()).hexdigest() for services in lists]
    length = 8
    while len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return [f"g-{digest[:length]}" for digest in digests]


def _ordered(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the items sorted by vendor and then by all they hold, equal ones once."""
    unique = {(str(item.get("vendor", "")), canonical_json(item)): dict(item) for item in items}
    return [unique[key] for key in sorted(unique)]
