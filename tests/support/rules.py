# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows and rules of vendors that are made up, and the allowlist of rows."""

from __future__ import annotations

from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

V4 = "192.0.2.0/28"


def row(destination: str, ports: str = "443", protocol: str = "TCP", service: str = "calls", **more: Any) -> dict:
    """Return a row of the vendor acme's table; more: other cells, or another vendor."""
    found = {"vendor": "acme", "service": service, "destination": destination, "ports": ports, "protocol": protocol}
    return found | {"source": "Acme's ports", "date": "2026-01", "requirement": "required"} | more


def rule(destination: str = V4, ports: str = "3478", protocol: str = "udp", **more: Any) -> dict[str, Any]:
    """Return a rule of acme's calls, udp/3478 unless told otherwise; more: other keys, another vendor or service."""
    about = {"vendor": "acme", "service": "calls"}
    return {**about, "destination": destination, "ports": ports, "protocol": protocol, **more}


def web(destination: str, ports: str = "443", protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    """Return a rule as C{rule} does, tcp/443 unless told otherwise."""
    return rule(destination, ports, protocol, **more)


def merged(*rows: dict, **carried: Any) -> dict[str, Any]:
    """Return the allowlist of rows; carried: what else it holds, as timers."""
    return merge_vendors(expand_rows(list(rows)), **carried)


# A selection and the one that follows it: a destination stays, one becomes wider, one goes and one comes.
OLD = [row("203.0.113.0/25"), row("2001:db8::/64", "10000-60000", "UDP", "media"), row("192.0.2.7", "80", "TCP", "web")]
NEW = [
    row("203.0.113.0/25"),
    row("2001:db8::/63", "10000-60000", "UDP", "media"),
    row("198.51.100.0/24", "3478", "UDP"),
]
