# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services: a protocol with an inclusive range of ports, as text and as numbers, and cut where ranges overlap.

The range is of ports (C{tcp/443}), of one type or all of ICMP (C{icmp/echo-request}, C{icmp}), or, where a protocol has
neither (C{esp}), C{(0, 0)}: so all services are compared and sorted alike. As text such a range is '' or the type.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import (
    PORTED,
    TYPES,
    VERSIONS,
    canonical,
    canonical_type,
    number,
    type_name,
    type_number,
)

from .addresses import Range, collapse

# C{(protocol, first, last)}: the range is inclusive, of ports 1-65535.
Service = tuple[str, int, int]
Services = frozenset[Service]

ALL_TYPES = (0, 255)  # of ICMP
_NONE = (0, 0)
ACCEPTED = "accepted are tcp, udp, other protocols by name (esp, gre, icmp) and all by their number"
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


def parse_ports(text: str) -> Range:
    """Return C{(first, last)} of '443' or '6000-60000'; ValueError with the reason for anything else."""
    low, dash, high = text.partition("-")
    for part in (low, high) if dash else (low,):
        if not _PORT.fullmatch(part) or int(part) > 65535:
            raise ValueError(f"ports '{text}': '{part}' is not a port from 1 to 65535; write 443 or 6000-60000")
    first, last = int(low), int(high if dash else low)
    if first > last:
        raise ValueError(f"ports '{text}': {first} is larger than {last}: write the lower port first")
    return first, last


def format_ports(first: int, last: int) -> str:
    """Return '443' or '6000-60000'; the inverse of parse_ports."""
    return str(first) if first == last else f"{first}-{last}"


def spelled(protocol: str) -> str:
    """Return the one spelling of a protocol's name or number; ValueError that says what is accepted."""
    try:
        return canonical(protocol)
    except ValueError as exc:
        raise ValueError(f"protocol '{protocol}' is unknown{f': {exc}' if str(exc) else ''}; {ACCEPTED}") from None


def service_of(protocol: str, ports: str) -> Service:
    """Return the service of a protocol in its one spelling, and the text of its range: ports, a type or ''.

    Raises ValueError that says what is accepted.
    """
    if protocol in ("tcp", "udp"):
        return (protocol, *parse_ports(ports))
    spelling = spelled(protocol)
    if spelling != protocol:
        raise ValueError(f"protocol '{protocol}' is unknown in rules: write '{spelling}'")
    if protocol in PORTED:
        return (protocol, *parse_ports(ports))
    if protocol in TYPES and ports:
        if (name := canonical_type(protocol, ports)) != ports:
            raise ValueError(f"type '{ports}' of {protocol} is unknown in rules: write '{name}'")
        value = type_number(protocol, name)
        return protocol, value, value
    if ports:
        raise ValueError(f"ports '{ports}': {protocol} has no ports: leave them empty")
    return (protocol, *(ALL_TYPES if protocol in TYPES else _NONE))


def has_ports(protocol: str) -> bool:
    """Tell whether the services of a protocol are ranges of ports."""
    return protocol in PORTED


def type_of(protocol: str, text: str) -> str:
    """Return the one spelling of a type of a protocol, '' where it has none; ValueError for what is no type of it."""
    return canonical_type(protocol, text) if protocol in TYPES else ""


def number_of(protocol: str) -> int:
    """Return the number of a protocol in its one spelling."""
    return number(protocol)


def version_of(protocol: str) -> int:
    """Return the one IP version, 4 or 6, that a protocol belongs to, 0 where it can be in both."""
    return VERSIONS.get(protocol, 0)


def check_version(protocol: str, destination: str) -> None:
    """Raise ValueError where an address is of another IP version than a protocol that belongs to one."""
    version = version_of(protocol)
    if version and (":" in destination) != (version == 6):
        other = "icmpv6" if version == 4 else "icmp"
        raise ValueError(
            f"destination '{destination}' is not of IPv{version}, and {protocol} is of IPv{version} only: "
            f"write {other}, or a destination of IPv{version}"
        )


def range_text(protocol: str, first: int, last: int) -> str:
    """Return the range of a service as rules have it: C{443}, C{echo-request}, '' where all of it is meant."""
    if protocol in PORTED:
        return format_ports(first, last)
    return type_name(protocol, first) if protocol in TYPES and first == last else ""


def service_text(service: Service) -> str:
    """Return a service in words: C{tcp/443}, C{udp/8801-8810}, C{icmp/echo-request}, C{esp}."""
    text = range_text(*service)
    return f"{service[0]}/{text}" if text else service[0]


def named(services: Iterable[Service]) -> str:
    """Return services in words: C{tcp/443, udp/8801-8810}."""
    return ", ".join(map(service_text, services))


def joined(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return services sorted, ranges of ports that overlap or touch joined, and no type beside all of them."""
    found: dict[str, set[Range]] = {}
    for protocol, first, last in services:
        found.setdefault(protocol, set()).add((first, last))
    return tuple(
        (protocol, first, last)
        for protocol in sorted(found)
        for first, last in (collapse(found[protocol]) if protocol in PORTED else _whole(found[protocol]))
    )


def _whole(ranges: set[Range]) -> list[Range]:
    """Return all types alone where they are among the ranges, else each type."""
    return [ALL_TYPES] if ALL_TYPES in ranges else sorted(ranges)


def cut(services: list[tuple]) -> list[tuple]:
    """Cut overlapping C{(protocol, first, last, label)} into disjoint C{(protocol, first, last, labels)}.

    Types of ICMP come before all of them, which is not cut: the first that a packet meets is the one it belongs to.
    """
    found: list[tuple] = []
    for protocol in sorted({service[0] for service in services}):
        same = [service[1:] for service in services if service[0] == protocol]
        if protocol not in PORTED:
            found += [(protocol, *each) for each in _cut_types(same)]
            continue
        begun, ended = defaultdict(list), defaultdict(list)
        for first, last, label in same:
            begun[first].append(label)
            ended[last + 1].append(label)
        there: Counter = Counter()  # how many ranges with a label there are at a port
        for first, behind in itertools.pairwise(sorted({*begun, *ended})):
            there.update(begun[first])
            there.subtract(ended[first])
            there = +there
            labels = tuple(sorted(there))
            if not labels:
                continue
            if found and found[-1][0] == protocol and found[-1][2] == first - 1 and found[-1][3] == labels:
                found[-1] = (protocol, found[-1][1], behind - 1, labels)
            else:
                found.append((protocol, first, behind - 1, labels))
    return found


def _cut_types(services: list[tuple]) -> list[tuple]:
    """Return C{(first, last, labels)}: types with the labels of who asks for all of them too, then all of them."""
    everybody = {label for first, last, label in services if (first, last) == ALL_TYPES}
    listed: dict[Range, set] = {}
    for first, last, label in services:
        listed.setdefault((first, last), {*everybody}).add(label)
    single = sorted(item for item in listed.items() if item[0] != ALL_TYPES and item[1] != everybody)
    found = [(*types, tuple(sorted(labels))) for types, labels in single]
    return found + ([(*ALL_TYPES, tuple(sorted(everybody)))] if everybody else [])
