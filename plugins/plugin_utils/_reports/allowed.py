# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user's own C{..._egress_allow} opens besides the vendors: how much, and what of it is wide or any address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import WIDEST_PREFIX
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import BITS, collapse, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import ANY_BITS, NAT64

from .layout import Reach, count, format_services

# The addresses that count for that: no multicast and reserved ones, and only global unicast of IPv6.
_ORDINARY = {4: (0, (224 << 24) - 1), 6: parse_prefix("2000::/3")[1:]}
_MOST = 3  # wide prefixes that a line names, the widest first

Rules = list[dict[str, Any]]
Spans = dict[int, list[tuple[int, int]]]


class Allowed(NamedTuple):
    """What one variable opens: a line of the summary, and C{any IPv4 address (tcp/443)}, '' where it is not."""

    line: str
    everywhere: str


def allowed(variable: str, rows: list[dict[str, Any]]) -> Allowed:
    """Return what the rows of a variable open. Raises ValueError that names the variable and the row."""
    rules = allow_rules(rows, variable)
    reach = Reach()
    for rule in rules:
        reach.add(rule["destination"])
    anywhere = [version for version, ranges in _spans(rules).items() if _is_any(version, ranges)]
    versions = "".join(f" IPv{version}" for version in anywhere) if len(anywhere) == 1 else ""
    everywhere = f"any{versions} address ({_services_to_all(rules)})" if anywhere else ""
    parts = [f"{count(len(rows), 'rule', 'rules')} to {reach}", everywhere and f"{everywhere} is open"]
    parts.append(_wide(rule for rule in rules if parse_prefix(rule["destination"])[0] not in anywhere))
    return Allowed(f"Open besides, by {variable}: {'; '.join(filter(None, parts))}", everywhere)


def _spans(rules: Iterable[Mapping[str, Any]]) -> Spans:
    """Return the addresses of rules as disjoint ranges by IP version; those of IPv4 in NAT64 are IPv4's too."""
    found: Spans = {4: [], 6: []}
    for rule in rules:
        version, first, last = parse_prefix(rule["destination"])
        found[version].append((first, last))
        start, end = NAT64  # whose last 32 bits are an IPv4 address
        if version == 6 and first <= end and last >= start:
            found[4].append((max(first, start) - start, min(last, end) - start))
    return {version: collapse(ranges) for version, ranges in found.items()}


def _is_any(version: int, ranges: list[tuple[int, int]]) -> bool:
    low, high = _ORDINARY[version]
    return sum(max(0, min(last, high) - max(first, low) + 1) for first, last in ranges) > 1 << ANY_BITS[version]


def _services_to_all(rules: Rules) -> str:
    """Return the services that are open to any address: those that are so alone, or else all."""
    by_service: dict[tuple[str, str], Rules] = {}
    for rule in rules:
        by_service.setdefault((rule["protocol"], rule["ports"]), []).append(rule)
    alone = [
        service
        for service, asked in by_service.items()
        if any(_is_any(version, ranges) for version, ranges in _spans(asked).items())
    ]
    return format_services(alone or by_service)


def _wide(rules: Iterable[Mapping[str, Any]]) -> str:
    """Return which destinations are wider than a vendor's may be without a reason."""
    found: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for rule in rules:
        version, first, last = parse_prefix(rule["destination"])
        length = BITS[version] - (last - first + 1).bit_length() + 1
        if length < WIDEST_PREFIX[f"ipv{version}"]:
            found.setdefault((length, rule["destination"]), []).append((rule["protocol"], rule["ports"]))
    shown = [f"{prefix} ({format_services(found[length, prefix])})" for length, prefix in sorted(found)]
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return f"wide: {', '.join(shown[:_MOST])}{more}" if shown else ""
