# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of what is asked an allowlist opens: all of it, a part, or nothing. The groups say so, which are disjoint.

Whoever opens any address opens every name; of a name itself it is known only which rows print it or a pattern of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    collapse,
    format_address,
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    joined,
    named,
    service_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import ANY_BITS
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import covers, is_inner

from .asked import Asked

# Where addresses of names lie: no multicast and reserved ones, and only global unicast of IPv6.
ORDINARY = {4: (1 << 24, (224 << 24) - 1), 6: parse_prefix("2000::/3")[1:]}
_SHOWN = 3  # pieces of what is open in part, and names
_VERSIONS = (4, 6)
_BELOW = "for the services of the rows below"

Groups = Sequence[Mapping[str, Any]]
Parts = dict[str, list[Range]]  # of services, by protocol


@dataclass(frozen=True)
class Wide:
    """The services that are open to any address of one IP version, and those to a large part of them."""

    to_any: Parts = field(default_factory=dict)
    to_many: Parts = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.to_any or self.to_many)

    def meets(self, protocol: str, part: Range) -> bool:
        """Tell whether some of a service is open to any address, or to a large part of them."""
        return _meets(self.to_any, protocol, part) or _meets(self.to_many, protocol, part)

    def is_any(self, protocol: str, part: Range) -> bool:
        """Tell whether some of a service is open to any address."""
        return _meets(self.to_any, protocol, part)


def ordinary(version: int, destinations: Iterable[str]) -> int:
    """Return how many addresses of names lie in prefixes of one IP version; others are passed over."""
    low, high = ORDINARY[version]
    spans = [span for text in destinations if is_address(text) for span in [parse_prefix(text)] if span[0] == version]
    return sum(max(0, min(last, high) - max(first, low) + 1) for first, last in collapse(span[1:] for span in spans))


def is_all(version: int, size: int) -> bool:
    """Tell whether so many ordinary addresses are all that there are."""
    low, high = ORDINARY[version]
    return size == high - low + 1


def wide(groups: Groups, asked: Asked) -> dict[int, Wide]:
    """Return which of the services that are asked about are open to any address, by IP version."""
    found = {}
    for version in _VERSIONS:
        # How many addresses more, or fewer, have a protocol from this port or type on.
        steps: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for group in groups:
            size = ordinary(version, group[f"ipv{version}"])
            for protocol, (first, last) in _services(group, asked) if size else ():
                steps[protocol][first] += size
                steps[protocol][last + 1] -= size
        found[version] = Wide()
        for protocol, changes in steps.items():
            size = begun = 0
            for at in sorted(changes):
                if size > 1 << ANY_BITS[version]:
                    kind = found[version].to_any if is_all(version, size) else found[version].to_many
                    kind.setdefault(protocol, []).append((begun, at - 1))
                size, begun = size + changes[at], at
    return found


def verdict(groups: Groups, asked: Asked, opened: Mapping[int, Wide]) -> str:
    """Return in one line whether all that is asked is open, part of it, or nothing; C{opened}: what C{wide} returns."""
    if asked.span:
        return _of_addresses(groups, asked, asked.span)
    return _of_name(groups, asked, opened)


def _of_addresses(groups: Groups, asked: Asked, span: tuple[int, int, int]) -> str:
    version, low, high = span
    whole = [(low, high)]
    # The addresses that have the same parts of what is asked of a protocol.
    pieces: dict[tuple[str, tuple[Range, ...]], list[Range]] = defaultdict(list)
    for group in groups:
        ranges = [
            (max(first, low), min(last, high))
            for _version, first, last in map(parse_prefix, group[f"ipv{version}"])
            if first <= high and low <= last
        ]
        parts: Parts = defaultdict(list)
        for protocol, part in _services(group, asked) if ranges else ():
            parts[protocol].append(part)
        for protocol, found in parts.items():
            pieces[protocol, tuple(collapse(found))] += ranges
    if not pieces:
        return _closed(asked)
    if not asked.service:
        reached = collapse(each for ranges in pieces.values() for each in ranges)
        if reached == whole:
            return f"open: all: {asked.text}, {_BELOW}"
        return f"open: in part: {_spans(version, reached)} of {asked.text}, {_BELOW}"
    told = []
    full = []
    for (protocol, parts_of), ranges in sorted(pieces.items()):
        reached = collapse(ranges)
        services = named((protocol, *part) for part in parts_of)
        if reached == whole and parts_of == (asked.service,):
            full.append(services)
        else:
            told.append(f"{services} to {asked.text if reached == whole else _spans(version, reached)}")
    if full:
        return "; ".join(
            [f"open: all: {', '.join(full)} to {asked.text}", *(["in part: " + _some(told)] if told else [])]
        )
    return f"open: in part: {_some(told, '; ')}, of {asked_services(asked)} to {asked.text}"


def _of_name(groups: Groups, asked: Asked, opened: Mapping[int, Wide]) -> str:
    by_name: Parts = defaultdict(list)
    unmatched, within = False, []
    for group in groups:
        services = list(_services(group, asked))
        if not services:
            continue
        taking = [name for name in group["names"] if covers(name, asked.text)]
        unmatched = unmatched or any(map(is_inner, taking))
        within += [name for name in group["names"] if name not in taking and covers(asked.text, name)]
        for protocol, part in services if not all(map(is_inner, taking)) else ():
            by_name[protocol].append(part)
    both = {
        protocol: _common(opened[4].to_any[protocol], opened[6].to_any.get(protocol, []))
        for protocol in opened[4].to_any
    }
    surely = _joined([by_name, both])
    perhaps = _joined([by_name, *(parts for each in opened.values() for parts in (each.to_any, each.to_many))])
    how = [f"{_named(by_name)} by name where names are enforced"] if by_name else []
    how += _by_address(opened)
    if _is_whole(surely, asked):
        return f"open: all: {asked.text}: {'; '.join(how)}"
    if perhaps:
        closed = [f"nothing to IPv{version} addresses" for version in _VERSIONS if not by_name and not opened[version]]
        return f"open: in part: {asked.text}: {'; '.join([*how, *closed])}"
    enforced = sorted(name for name in within if not is_inner(name))
    if enforced:
        return f"open: in part: of {asked.text} the names {_some(enforced)}"
    if unmatched:
        return f"open: not: no tool can enforce the patterns below that take {asked.text}"
    if within:
        return f"open: not: of {asked.text} only {_some(sorted(within))}, which no tool can enforce"
    return _closed(asked)


def _by_address(opened: Mapping[int, Wide]) -> Iterator[str]:
    """Yield how far names are open because addresses are."""
    for version, each in opened.items():
        if each.to_any:
            yield f"{_named(each.to_any)} to any IPv{version} address"
        if each.to_many:
            yield f"{_named(each.to_many)} to a large part of all IPv{version} addresses"


def _named(parts: Mapping[str, list[Range]]) -> str:
    """Return the first few services in words, and how many more there are."""
    return _some(
        [named([service]) for service in joined((key, *part) for key, found in parts.items() for part in found)]
    )


def asked_services(asked: Asked) -> str:
    """Return the services that are asked about: C{udp/50000-50010}, or C{port 443} of any protocol."""
    if not asked.service:
        return asked.protocol
    if asked.protocol:
        return named([(asked.protocol, *asked.service)])
    first, last = asked.service
    return f"port {first}" if first == last else f"ports {first}-{last}"


def _closed(asked: Asked) -> str:
    services = asked_services(asked)
    return f"open: not: nothing on the allowlist opens {asked.text}{f', {services}' if services else ''}"


def _services(group: Mapping[str, Any], asked: Asked) -> Iterator[tuple[str, Range]]:
    """Yield the parts of a group's services that are asked about, by protocol."""
    for text in group["services"]:
        protocol, _slash, ports = text.partition("/")
        if part := asked.within(*service_of(protocol, ports)):
            yield protocol, part


def _is_whole(parts: Parts, asked: Asked) -> bool:
    """Tell whether a protocol has all that is asked of it; where no ports are asked about, anything is all."""
    return any(asked.service in (None, part) for found in parts.values() for part in found)


def _joined(many: Iterable[Mapping[str, list[Range]]]) -> Parts:
    found: Parts = defaultdict(list)
    for parts in many:
        for protocol, ranges in parts.items():
            found[protocol] += ranges
    return {protocol: collapse(ranges) for protocol, ranges in found.items() if ranges}


def _common(some: Iterable[Range], others: Sequence[Range]) -> list[Range]:
    """Return what is in a range of both."""
    cut = ((max(low, first), min(high, last)) for low, high in some for first, last in others)
    return [(first, last) for first, last in cut if first <= last]


def _meets(parts: Parts, protocol: str, part: Range) -> bool:
    return bool(_common([part], parts.get(protocol, [])))


def _spans(version: int, ranges: Sequence[Range]) -> str:
    """Return addresses in words, a prefix where they are one."""
    texts = []
    for first, last in ranges[: _SHOWN + 1]:
        found = prefixes(version, first, last)
        ends = [format_address(version, first), format_address(version, last)]
        texts.append(ends[0] if first == last else found[0] if len(found) == 1 else "-".join(ends))
    return _some(texts + [""] * (len(ranges) - len(texts)))


def _some(texts: Sequence[str], joint: str = ", ") -> str:
    more = len(texts) - _SHOWN
    return joint.join(texts[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
