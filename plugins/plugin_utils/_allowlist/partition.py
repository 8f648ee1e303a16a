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

from .intervals import sweep

Request = TypeVar("Request")


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
    services: dict[int, list[tuple]] = {}
    listed: list[Element] = []
    for first, last, mask in found[version]:
        if mask not in services:
            services[mask] = cut(requested(requests, mask))
        for prefix in prefixes(version, first, last):
            listed.extend(Element(prefix, *service) for service in services[mask])
    return listed


def pieces(
    wanted: Iterable[tuple[Request, Iterable[str]]],
) -> tuple[list[Request], dict[int, list[tuple[int, int, int]]]]:
    """Return the different requests, and by IP version the disjoint pieces C{(first, last, mask)}, ascending.

    wanted: a request, hashable, and the prefixes that it is for. mask: a bit for each request that covers the piece,
    the lowest for the first request; C{requested} reads it. Neighbouring pieces of the same requests come out as one.
    """
    bits: dict[Request, int] = {}
    masks: dict[int, dict[Range, int]] = {4: {}, 6: {}}
    for request, destinations in wanted:
        bit = bits.setdefault(request, 1 << len(bits))
        for destination in destinations:
            version, first, last = parse_prefix(destination)
            known = masks[version]
            known[first, last] = known.get((first, last), 0) | bit
    return list(bits), {
        version: sweep((first, last, mask) for (first, last), mask in known.items()) for version, known in masks.items()
    }


def requested(requests: list[Request], mask: int) -> list[Request]:
    """Return the requests whose bits are set in the mask of a piece."""
    return [request for number, request in enumerate(requests) if mask >> number & 1]
