# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in tiny networks, and what they and parts of plans mean as plain sets of addresses and ports."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import Part
from hypothesis import strategies as st

NETWORKS = {4: ipaddress.ip_network("192.0.2.0/29"), 6: ipaddress.ip_network("2001:db8::/125")}
LABELS = [("acme", "web"), ("acme", "media"), ("example", "api")]
PORTS = ["1", "3", "4-5", "1-3", "7"]
Cell = tuple[str, int, Any]  # protocol, port, address


def rule(label: tuple[str, str], protocol: str, ports: str, destination: str, **more: object) -> dict[str, Any]:
    """Return a rule; label: vendor and service."""
    vendor, service = label
    return {
        "vendor": vendor,
        "service": service,
        "protocol": protocol,
        "ports": ports,
        "destination": destination,
        **more,
    }


def rules(version: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy of up to nine rules in the tiny network of an IP version."""
    net = NETWORKS[version]
    destinations = [
        str(part) for length in range(net.prefixlen, net.max_prefixlen + 1) for part in net.subnets(new_prefix=length)
    ]
    one = st.builds(
        rule,
        st.sampled_from(LABELS),
        st.sampled_from(["tcp", "udp"]),
        st.sampled_from(PORTS),
        st.sampled_from(destinations),
    )
    return st.lists(one, min_size=1, max_size=9)


@functools.cache
def members(prefix: str) -> frozenset[Any]:
    """Return the addresses of a prefix."""
    return frozenset(ipaddress.ip_network(prefix))


def numbers(ports: str) -> range:
    """Return the ports of a range."""
    first, _dash, last = ports.partition("-")
    return range(int(first), int(last or first) + 1)


def wanted(listed: list[dict[str, Any]]) -> set[Cell]:
    """Return what rules ask for."""
    return {
        (one["protocol"], port, at)
        for one in listed
        for port in numbers(one["ports"])
        for at in members(one["destination"])
    }


def opened(found: Iterable[Part]) -> set[Cell]:
    """Return what parts open."""
    return {
        (protocol, port, at)
        for part in found
        for protocol, first, last in part.services
        for port in range(first, last + 1)
        for prefix in part.prefixes
        for at in members(prefix)
    }
