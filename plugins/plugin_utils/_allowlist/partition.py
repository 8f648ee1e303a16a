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
from typing import NamedTuple, TypeVar

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import cut, range_text, service_of

from .intervals import MOST_MEMBERS, TooManyError, sweep

Request = TypeVar("Request")
Asked = frozenset[int]  # requests, by their position in a list of them


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


def elements(provenance: Iterable[dict], version: int, label: Callable[[dict], object]) -> list[Element]:
    """Return the disjoint elements of one IP version, in ascending order.

    C{label} gives an entry's label, or None to leave the entry out. Names are left out: they have no
    address to filter by. Neighbouring ports with equal labels are joined, neighbouring prefixes too.
    """
    labelled = ((entry, name) for entry in provenance if (name := label(entry)) is not None)
    requests, found = pieces(
        (
            (*service_of(entry["protocol"], entry["ports"]), name),
            (text for text in entry["destinations"] if is_address(text) and (":" in text) == (version == 6)),
        )
        for entry, name in labelled
    )
    services: dict[Asked, list[tuple]] = {}
    listed: list[Element] = []
    for first, last, asked in found[version]:
        if asked not in services:
            services[asked] = cut(requested(requests, asked))
        for prefix in prefixes(version, first, last):
            listed.extend(Element(prefix, *service) for service in services[asked])
    return listed


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
