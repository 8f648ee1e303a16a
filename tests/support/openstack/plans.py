# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of acme's, the plans that the collection makes of them, and what they let out, written down by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import openstack

from tests.support.aws.account import Space
from tests.support.catalog import select
from tests.support.openstack.neutron import NAME, Opened, everywhere, opening
from tests.support.rules import merged, row
from tests.support.vendor_oracle import Oracle

OLD = [
    row("203.0.113.0/25"),
    row("2001:db8::/64", "10000-60000,3478", "UDP", "media"),
    row("192.0.2.7", "80,8443-8445", "TCP", "web"),
]
DEFAULTS: Opened = {opening(None, None, None, prefix) for prefix in ("0.0.0.0/0", "::/0")}
METADATA: Opened = {opening("tcp", 80, 80, "169.254.169.254/32")}


def plan(rows: Sequence[dict], **options: Any) -> dict[str, Any]:
    """Return what the filter makes of rows."""
    return openstack.plan(merged(*rows), **{"names": "report", **options})


def of_vendors(selection: Sequence[dict], **options: Any) -> dict[str, Any]:
    """Return what the filter makes of vendors of the catalog."""
    return plan(select(*selection, requirements=["required", "recommended"])["rows"], **options)


def documents_say(oracle: Oracle, selection: Sequence[dict]) -> Space:
    """Return the packets that the vendors' documents ask for."""
    boxes: dict[tuple[str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for version, ranges in oracle.compile(selection).ranges.items():
        for ends, services in ranges.items():
            for protocol, low, high in services:
                boxes[protocol, version].append((low, high, *ends))
    return Space(boxes)


def wanted(rows: Iterable[dict]) -> Opened:
    """Return what rows ask for, which must be prefixes that do not touch each other."""
    found: Opened = set()
    for asked in rows:
        for ports in asked["ports"].split(","):
            first, _dash, last = ports.partition("-")
            prefix = str(ip_network(asked["destination"]))
            found.add(opening(asked["protocol"].lower(), int(first), int(last or first), prefix))
    return found


def meaning(opened: Iterable[Sequence[Any]]) -> Space:
    """Return the packets that go out, however the rules are written."""
    return Space.of(("-1" if protocol == "any" else protocol, first, last, to) for protocol, first, last, to in opened)


def watched(entry: Mapping[str, Any], name: str = NAME) -> Opened:
    """Return what a security group let out after a write, an entry of the log of a cloud that is watched."""
    found = (one[1:] for one in entry["open"] if one[0] == name)
    return {opening(protocol, first, last, to or everywhere(kind)) for kind, protocol, first, last, to in found}


def told(lines: Iterable[str], sign: str) -> Opened:
    """Return what lines of a difference open (+) or shut (-)."""
    pattern = re.compile(re.escape(sign) + r" (tcp|udp)/(\d+)(?:-(\d+))? to (\S+)(?:  .*)?")
    found = (pattern.fullmatch(line) for line in lines)
    return {opening(one[1], int(one[2]), int(one[3] or one[2]), one[4]) for one in found if one}
