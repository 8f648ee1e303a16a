# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a provenance, and an oracle that asks each of them about a packet."""

from __future__ import annotations

import ipaddress
import operator
from typing import Any

from hypothesis import strategies as st

from tests.support.strategies import fits, port_ranges, prefixes, services, span

NAMES = ["example.com", "*.example.com"]


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "protocol": st.sampled_from(["tcp", "udp"]),
            "ports": port_ranges(),
            "destinations": st.lists(prefixes() | st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
            "who": st.sampled_from(["kudo", "zoom", "twilio", None]),
        }
    ),
    max_size=8,
)


# Of all kinds of protocols, with and without ports.
ALL_ENTRIES = st.lists(
    st.builds(
        operator.or_,
        services(),
        st.fixed_dictionaries(
            {
                "destinations": st.lists(prefixes() | st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
                "who": st.sampled_from(["kudo", "zoom", "twilio", None]),
            }
        ),
    ).filter(lambda found: all(fits({**found, "destination": one}) for one in found["destinations"])),
    max_size=8,
)


def by_who(entry: dict) -> Any:
    return entry["who"]


def entry(who: str | None, protocol: str, ports: str, *destinations: str) -> dict:
    return {"who": who, "protocol": protocol, "ports": ports, "destinations": list(destinations)}


def asked_by(entries: list[dict], address: Any, protocol: str, port: int) -> tuple:
    """Return who asks for a packet, by asking every entry."""
    return tuple(
        sorted(
            {
                found["who"]
                for found in entries
                if found["who"] is not None
                and found["protocol"] == protocol
                and span(found["ports"])[0] <= port <= span(found["ports"])[1]
                and any("/" in text and address in ipaddress.ip_network(text) for text in found["destinations"])
            }
        )
    )


def edges(entries: list[dict], version: int) -> tuple[set, set[int]]:
    """Return the addresses and ports at all edges, and one beyond each."""
    numbers, found = set(), set()
    for one in entries:
        numbers |= {edge + step for edge in span(one["ports"]) for step in (-1, 0, 1)}
        for text in one["destinations"]:
            if "/" in text and (network := ipaddress.ip_network(text)).version == version:
                for edge in (network.network_address, network.broadcast_address):
                    found |= {edge + n for n in (-1, 0, 1) if 0 <= int(edge) + n < 2**network.max_prefixlen}
    return found, numbers & set(range(1, 65536))
