# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inbound rows: a vendor's option may let its own networks in, and never the whole Internet.

That a user agrees to any address is said of what may be reached from inside. It opens no port of a host to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import Range, collapse, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import is_any, is_any_by_itself

_INSTEAD = (
    "inbound rules are for a vendor's own networks: leave the option that asks for them off, and write the rule "
    "yourself, outside of this collection, if it is meant"
)


class Inbound:
    """The addresses that inbound rows let in, by vendor and IP version."""

    def __init__(self) -> None:
        self._ranges: dict[str, dict[int, list[Range]]] = {}

    def add(self, row: Mapping[str, Any], destinations: list[str]) -> None:
        """Enter the destinations of a row if it is inbound; raises ValueError where one is any address."""
        if row.get("direction") != "inbound":
            return
        ranges = self._ranges.setdefault(row["vendor"], {4: [], 6: []})
        for destination in destinations:
            if "/" not in destination:
                continue
            version, first, last = parse_prefix(destination)
            if is_any_by_itself(version, first, last):
                raise ValueError(f"inbound from {destination}, any IPv{version} address, is not opened: {_INSTEAD}")
            ranges[version].append((first, last))

    def check(self) -> None:
        """Raise ValueError, a line for each error, where rows together let in any address."""
        faults = Faults()
        for version in (4, 6):
            any_alone = False
            for vendor, ranges in self._ranges.items():
                if is_any(version, collapse(ranges[version])):
                    any_alone = True
                    faults.append(f"{vendor}: its inbound rows together are any IPv{version} address: {_INSTEAD}")
            together = collapse(span for ranges in self._ranges.values() for span in ranges[version])
            if not any_alone and is_any(version, together):
                vendors = ", ".join(vendor for vendor, ranges in self._ranges.items() if ranges[version])
                faults.append(f"{vendors}: their inbound rows together are any IPv{version} address: {_INSTEAD}")
        faults.stop()
