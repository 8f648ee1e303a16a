# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provenance of an allowlist, cut into disjoint pieces of address space and elements of these, with labels.

Groups say what is open, provenance says who asked for it. A backend that counts or comments per
vendor service needs both at once: pieces of address space and ports that are disjoint and have
the same labels throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import NamedTuple, TypeVar

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    blocks,
    is_address,
    parse_prefix,
    prefix_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    ALL_TYPES,
    Service,
    cut,
    has_ports,
    range_text,
    service_of,
)

from .collector import no_collector
from .intervals import MOST_MEMBERS, TooManyError, sweep

Request = TypeVar("Request")
Asked = frozenset[int]  # requests, by their position in a list of them
_Span = tuple[int, int, tuple]  # first and last address, and labels


class Element(NamedTuple):
    """One prefix x one protocol x one range (inclusive) of ports or types, with sorted labels."""

    prefix: str
    protocol: str
    first_port: int
    last_port: int
    labels: tuple

    @property
    def ports(self) -> str:
        """The range as C{443}, C{6000-60000} or C{echo-request}, '' where a protocol has none or all is meant."""
        return range_text(self.protocol, self.first_port, self.last_port)


@no_collector()
def elements(provenance: Iterable[dict], version: int, label: Callable[[dict], object]) -> list[Element]:
    """Return the disjoint elements of one IP version, in ascending order.

    C{label} gives an entry's label, or None to leave the entry out. Names are left out: they have no
    address to filter by. Neighbouring ports with equal labels are joined, and neighbouring prefixes of each service.
    """
    return _listed(version, _spans(provenance, version, label, cut))


@no_collector()
def layered_elements(provenance: Iterable[dict], version: int, label: Callable[[dict], object]) -> list[Element]:
    """Return the elements of one IP version for a table with a map for each service, which is asked in C{layer_order}.

    Those of one service are disjoint; a service within the ports of another has elements of its own only where others
    ask for it, with the labels of those who ask for both. The first that a packet meets has the labels of all
    who ask for it. So a service is split only where those change who ask for it.
    """
    return _listed(version, _alike(_spans(provenance, version, label, _layers)))


def layer_order(service: Service) -> tuple[str, int, int]:
    """Return a key that sorts services so that each comes before those that hold all of its ports."""
    protocol, first, last = service
    return protocol, last, -first


def _spans(
    provenance: Iterable[dict],
    version: int,
    label: Callable[[dict], object],
    split: Callable[[list[tuple]], list[tuple]],
) -> dict[Service, list[_Span]]:
    """Return the addresses of each service, C{(first, last, labels)}, ascending, neighbours of equal labels as one.

    C{split}: brings C{(protocol, first, last, label)} that cover the same addresses to services with labels.
    """
    labelled = ((entry, name) for entry in provenance if (name := label(entry)) is not None)
    requests, found = pieces(
        (
            (*service_of(entry["protocol"], entry["ports"]), name),
            (text for text in entry["destinations"] if is_address(text) and (":" in text) == (version == 6)),
        )
        for entry, name in labelled
    )
    services: dict[Asked, list[tuple[list[_Span], tuple]]] = {}
    spans: dict[Service, list[_Span]] = {}
    for first, last, asked in found[version]:
        if asked not in services:
            split_up = split(requested(requests, asked))
            services[asked] = [(spans.setdefault((p, low, high), []), labels) for p, low, high, labels in split_up]
        for placed, labels in services[asked]:
            if placed and placed[-1][1] + 1 == first and placed[-1][2] == labels:
                placed[-1] = (placed[-1][0], last, labels)
            else:
                placed.append((first, last, labels))
    return spans


def _listed(version: int, spans: dict[Service, list[_Span]]) -> list[Element]:
    """Return the spans of services as elements, ascending by address, then by service."""
    placed = [
        (*block, service[0], service[1:] == ALL_TYPES, *service[1:], labels)
        for service, found in spans.items()
        for first, last, labels in found
        for block in blocks(first, last)
    ]
    placed.sort(key=itemgetter(0, 2, 3, 4, 5))
    known: dict[Range, str] = {}
    for first, last, *_service in placed:
        if (first, last) not in known:
            known[first, last] = prefix_of(version, first, last)
    return [
        Element(known[first, last], protocol, low, high, labels)
        for first, last, protocol, _all, low, high, labels in placed
    ]


def _layers(requests: list[tuple]) -> list[tuple]:
    """Return C{(protocol, first, last, labels)} of C{(protocol, first, last, label)} that cover the same addresses.

    Each range as it is asked for, with the labels of those who ask for a wider one, unless these are all: in
    C{layer_order} the first that holds a packet has the labels of all who ask for it. Where ranges of a protocol
    overlap and none holds the other, all of the protocol are cut.
    """
    by_protocol: dict[str, dict[Range, set]] = {}
    for protocol, first, last, label in requests:
        by_protocol.setdefault(protocol, {}).setdefault((first, last), set()).add(label)
    found: list[tuple] = []
    for protocol, ranges in by_protocol.items():
        around: list[tuple[int, set]] = []
        layers: list[tuple] = []
        for first, last in sorted(ranges, key=lambda span: (span[0], -span[1])):
            while around and around[-1][0] < first:
                around.pop()
            wider = around[-1][1] if around else set()
            if around and around[-1][0] < last:
                layers = cut([request for request in requests if request[0] == protocol])
                break
            labels = ranges[first, last] | wider
            if labels != wider:
                layers.append((protocol, first, last, tuple(sorted(labels))))
            around.append((last, labels))
        found += layers
    return found


def _alike(spans: dict[Service, list[_Span]]) -> dict[Service, list[_Span]]:
    """Return spans of services with neighbouring ports as one that have the same addresses and labels throughout."""
    found: dict[Service, list[_Span]] = {}
    for service in sorted(spans):
        before = next(reversed(found), service)
        both = (service[0], before[1], service[2])
        if (
            before[0] == service[0]
            and before[2] + 1 == service[1]
            and has_ports(service[0])
            and found[before] == spans[service]
            and not any(_crosses(both, other) for other in spans)
        ):
            found[both] = found.pop(before)
        else:
            found[service] = spans[service]
    return found


def _crosses(both: Service, other: Service) -> bool:
    """Tell whether two neighbours as one would overlap another service in part, or be it."""
    protocol, first, last = other
    if protocol != both[0] or last < both[1] or first > both[2]:
        return False
    return other == both or not (both[1] <= first <= last <= both[2] or first <= both[1] <= both[2] <= last)


def pieces(
    wanted: Iterable[tuple[Request, Iterable[str]]],
) -> tuple[list[Request], dict[int, list[tuple[int, int, Asked]]]]:
    """Return the different requests, and by IP version the disjoint pieces C{(first, last, asked)}, ascending.

    wanted: a request, hashable, and the prefixes that it is for. asked: the positions of the requests that cover the
    piece; C{requested} reads it. Neighbouring pieces of the same requests come out as one.
    Raises ValueError where the pieces come to more than can be held.
    """
    positions: dict[Request, int] = {}
    asked: dict[int, dict[Range, set[int]]] = {4: {}, 6: {}}
    for request, destinations in wanted:
        position = positions.setdefault(request, len(positions))
        for destination in destinations:
            version, first, last = parse_prefix(destination)
            asked[version].setdefault((first, last), set()).add(position)
    # Each set once, so that a hundred thousand prefixes share a few of them.
    known: dict[Asked, Asked] = {}
    try:
        return list(positions), {
            version: sweep(
                (first, last, known.setdefault(one, one))
                for (first, last), requests in found.items()
                for one in (frozenset(requests),)
            )
            for version, found in asked.items()
        }
    except TooManyError:
        raise ValueError(
            f"{len(positions):,} services of vendors overlap so much that they make more than {MOST_MEMBERS:,} pieces "
            "of addresses, each counted once for every service of a vendor that it has: select fewer of them"
        ) from None


def requested(requests: list[Request], asked: Asked) -> list[Request]:
    """Return the requests that cover a piece, in their order."""
    return [requests[position] for position in sorted(asked)]
