# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as rules of ufw and iptables have them: ports, types of ICMP, and what stands beside ufw's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    has_ports,
    range_text,
)

_MOST_PORTS = 15  # of one multiport match; a range counts as two


def refused(protocol: str, ports: str) -> str:
    """Return why a service cannot be opened."""
    broad = protocol in ("icmp", "icmpv6") and ports == "255"
    return "iptables takes 255 for all types: take the row out, or use nftables" if broad else ""


def beside(rules: list[str]) -> list[str]:
    """Return a note on rules that ufw cannot have."""
    protocols = sorted({rule.split()[1] for rule in rules})
    if not protocols:
        return []
    return [
        f"ufw has no rules for {', '.join(protocols)}: they stand in chains of their own behind ufw's, which "
        "'ufw status' does not list ('iptables -S egress-allowlist-output' does)"
    ]


def ports_of(protocol: str, ranges: list[tuple[int, int]]) -> list[str]:
    """Return lists of ports as one rule takes them, C{any} or types where a protocol has no ports."""
    if has_ports(protocol):
        return _multiports(sorted(ranges))
    return [range_text(protocol, first, last) or "any" for first, last in sorted(ranges)]


def rules_of(services: Sequence[Service]) -> int:
    """Return how many rules open services to one prefix, or to one set."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    if len(services) == 1:
        return 1
    for protocol, first, last in services:
        ranges.setdefault(protocol, []).append((first, last))
    return sum(len(ports_of(protocol, found)) for protocol, found in ranges.items())


def _multiports(ranges: Iterable[tuple[int, int]]) -> list[str]:
    """Return port lists as iptables takes them: C{3478,8801:8810}."""
    lists: list[list[str]] = []
    room = 0
    for first, last in ranges:
        size = 1 if first == last else 2
        if size > room:
            lists.append([])
            room = _MOST_PORTS
        lists[-1].append(str(first) if size == 1 else f"{first}:{last}")
        room -= size
    return [",".join(ports) for ports in lists]
