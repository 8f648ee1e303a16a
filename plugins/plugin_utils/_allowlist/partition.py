# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disjoint elements of an allowlist, each with the labels of everybody who allows it.

Groups say what is open, provenance says who asked for it. A backend that counts or comments per
vendor service needs both at once: pieces of address space and ports that are disjoint and have
the same labels throughout. This module cuts the provenance of an allowlist into such pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import cut, parse_ports

from .intervals import sweep


class Element(NamedTuple):
    """One prefix x one protocol x one port range (inclusive), with sorted labels."""

    prefix: str
    protocol: str
    first_port: int
    last_port: int
    labels: tuple

    @property
    def ports(self) -> str:
        """The port range as C{443} or C{6000-60000}."""
        return str(self.first_port) if self.first_port == self.last_port else f"{self.first_port}-{self.last_port}"


def elements(provenance: Iterable[dict], version: int, label: Callable[[dict], object]) -> list[Element]:
    """Return the disjoint elements of one IP version, in ascending order.

    C{label} gives an entry's label, or None to leave the entry out. Names are left out: they have no
    address to filter by. Neighbouring ports with equal labels are joined, neighbouring prefixes too.
    """
    bits: dict[tuple, int] = {}
    masks: dict[tuple[int, int], int] = {}
    for entry in provenance:
        key = label(entry)
        if key is None:
            continue
        bit = bits.setdefault((entry["protocol"], *parse_ports(entry["ports"]), key), 1 << len(bits))
        for destination in entry["destinations"]:
            if not is_address(destination) or (":" in destination) != (version == 6):
                continue
            first, last = parse_prefix(destination)[1:]
            masks[first, last] = masks.get((first, last), 0) | bit
    services = list(bits)
    pieces = sweep((first, last, mask) for (first, last), mask in masks.items())
    cuts: dict[int, list[tuple]] = {}
    found: list[Element] = []
    for first, last, mask in pieces:
        if mask not in cuts:
            cuts[mask] = cut([service for n, service in enumerate(services) if mask >> n & 1])
        for prefix in prefixes(version, first, last):
            found.extend(Element(prefix, *piece) for piece in cuts[mask])
    return found
