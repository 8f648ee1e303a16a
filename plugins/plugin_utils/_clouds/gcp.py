# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an allowlist as egress rules of a VPC network of Google Cloud, or of a network firewall policy.

One rule is a list of services and up to so many destinations of one kind: IPv4, IPv6 or, in a policy, names. The plan
holds the lists whole; the module knows which rules are there, and keeps each destination in the rule that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_services,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    format_ports,
    has_ports,
    number_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import domains

from .fit import fit
from .options import common
from .parts import Part, parts
from .widening import Room

NAMES = ("report", "resolve", "fqdn")
BAND = 1000  # priorities of a firewall policy that are ours, from the chosen one on
_NAMED = ("tcp", "udp", "icmp", "esp", "ah", "sctp")  # all other protocols go by their number
_PORTED = ("tcp", "udp", "sctp")
_VARIABLE = "gcp_egress"
_POLICY_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_MOST_RANGES = 5000  # destination ranges of a rule, by Google's limits
_MOST_NAMES = 100  # FQDN objects of a rule of a firewall policy
_LOWEST = 2_147_483_547  # the last priority of a policy that is free to use
_LABEL_NAMES = "names are FQDN objects: Google resolves each of them by itself and uses the first 32 addresses of it"
_METADATA = "169.254.169.254 (metadata, DNS and NTP of Google Cloud) stays open: no firewall rule can stop it"

Destinations = Mapping[str, Sequence[str]]


def plan(
    allowlist: dict,
    *,
    policy: str = "unmanaged",
    names: str = "",
    addresses: dict[str, list[str]] | None = None,
    widen_at_most: int = 0,
    join_services: bool = False,
    allow: list | None = None,
    firewall_policy: str = "",
    priority: int = 1000,
    deny_priority: int = 65534,
    rules: int = 100,
    ranges_per_rule: int = _MOST_RANGES,
) -> dict:
    """Return the plan.

    C{lists}: each with C{kind} (C{v4}, C{v6}, C{fqdn}), C{services} (C{{"tcp": ["443"]}}), C{destinations} with the
    labels of who asks for each, and C{most} of these in one rule. C{firewall_policy}, C{priority},
    C{deny_priority}: where the rules go. C{policy}, C{widened}, C{units}, C{notes}: as all plans have them.
    rules: how many rules the project has room for; in a firewall policy the reserved band of priorities counts.
    Raises ValueError that says what is accepted, DoesNotFit where the quota is too small.
    """
    notes = common(
        allowlist, policy=policy, names=names, addresses=addresses, variable=_VARIABLE, modes=NAMES
    )  # fmt: skip
    _check_place(firewall_policy, names, priority, deny_priority)
    _whole("rules", rules, 1, 1_000_000)
    _whole("ranges_per_rule", ranges_per_rule, 1, _MOST_RANGES)
    extra = allow_rules(allow or [], f"{_VARIABLE}_allow")
    check_services([*allowlist["provenance"], *extra], _refused)
    found = parts(allowlist, addresses=addresses, allow=extra)
    named = _named(allowlist) if names == "fqdn" else {}
    if names == "fqdn":
        notes += _fqdn_notes(allowlist, named)
    taken = (2 if policy == "deny" else 0) + sum(_rules(len(known), _MOST_NAMES) for known in named.values())
    fitted = fit(
        found,
        [_room(firewall_policy, rules, taken, ranges_per_rule)],
        widen_at_most=widen_at_most,
        join_services=join_services,
        variable=_VARIABLE,
    )
    if policy == "deny":
        notes.append(_METADATA)
    lists = _lists(fitted.parts, ranges_per_rule)
    lists += [
        {"kind": "fqdn", "services": _ports(services), "destinations": known, "most": _MOST_NAMES}
        for services, known in sorted(named.items())
    ]
    return {
        "policy": policy,
        "vendors": vendors_of(allowlist),
        "firewall_policy": firewall_policy,
        "priority": priority,
        "deny_priority": priority + BAND - 2 if firewall_policy else deny_priority,
        "lists": lists,
        "widened": fitted.widened,
        "units": [_with_others(unit, taken) for unit in fitted.units],
        "notes": notes,
    }


def _check_place(firewall_policy: str, names: str, priority: int, deny_priority: int) -> None:
    """Raise ValueError for a place that cannot hold the rules."""
    if names == "fqdn" and not firewall_policy:
        raise ValueError(
            f"{_VARIABLE}_names fqdn needs {_VARIABLE}_firewall_policy: only rules of a network firewall policy know "
            "FQDN objects, VPC firewall rules do not"
        )
    if firewall_policy and not _POLICY_NAME.fullmatch(firewall_policy):
        raise ValueError(
            f"firewall_policy '{firewall_policy}' is not the name of a network firewall policy: write a to z, 0 to 9 "
            "and '-', a letter first"
        )
    if firewall_policy:
        _whole("priority", priority, 0, _LOWEST - BAND + 1)
        return
    _whole("priority", priority, 0, 65534)
    _whole("deny_priority", deny_priority, 0, 65535)
    if deny_priority <= priority:
        raise ValueError(
            f"deny_priority {deny_priority} must be larger than priority {priority}: the smaller number comes first, "
            "and what denies would stop what is allowed"
        )


def _whole(name: str, value: object, least: int, most: int) -> None:
    if value.__class__ is not int or not least <= value <= most:
        raise ValueError(f"{name} '{value}' is not a whole number from {least} to {most}")


def _room(firewall_policy: str, rules: int, taken: int, most: int) -> Room:
    """Return the one quota that counts rules; destinations are spread over as many rules as they need."""
    if firewall_policy:
        quota = f"rules in the {BAND:,} reserved priorities of the firewall policy {firewall_policy}"
        return Room(quota, BAND - taken, units=lambda part: _rules(len(part.prefixes), most))
    ways = (
        "raise the quota 'VPC firewall rules' (FIREWALLS) until it has room for {need} rules that allow, and "
        f"{_VARIABLE}_rules with it",
    )
    return Room(
        "VPC firewall rules per project", rules - taken, units=lambda part: _rules(len(part.prefixes), most), ways=ways
    )


def _rules(count: int, most: int) -> int:
    return -(-count // most)


def _with_others(unit: dict[str, Any], taken: int) -> dict[str, Any]:
    """Return a unit with the rules that deny and those of names counted on both sides."""
    return {"quota": unit["quota"], **{key: unit[key] + taken for key in ("exact", "need", "limit")}}


def _lists(fitted: Iterable[Part], most: int) -> list[dict[str, Any]]:
    """Return the lists of prefixes; two of the same services and version are one."""
    found: dict[tuple[int, tuple[Service, ...]], dict[str, list[str]]] = {}
    for part in fitted:
        known = found.setdefault((part.version, part.services), {})
        known.update({prefix: [*labels] for prefix, labels in part.prefixes.items()})
    return [
        {"kind": f"v{version}", "services": _ports(services), "destinations": known, "most": most}
        for (version, services), known in sorted(found.items())
    ]


def _named(allowlist: dict) -> dict[tuple[Service, ...], dict[str, list[str]]]:
    """Return exact names with the labels of who asks for them, by their services."""
    found: dict[tuple[Service, ...], dict[str, list[str]]] = {}
    for domain in domains(allowlist, "resolve"):
        services = tuple((protocol, first, last) for protocol, first, last, _labels in domain.services)
        asking = {": ".join(label) for *_service, labels in domain.services for label in labels}
        found.setdefault(services, {})[domain.name] = sorted(asking)
    return found


def _fqdn_notes(allowlist: dict, named: Mapping[tuple[Service, ...], Destinations]) -> list[str]:
    """Return what a reader could take for more than it is."""
    known = {name for destinations in named.values() for name in destinations}
    wild = sorted(name for group in allowlist["groups"] for name in group["names"] if name not in known)
    notes = [_LABEL_NAMES] if known else []
    if wild:
        shown = ", ".join(wild[:10]) + (f" and {len(wild) - 10} more" if len(wild) > 10 else "")
        notes.append(f"names with a wildcard are no FQDN objects, and stay shut: {shown}")
    return notes


def _ports(services: Iterable[Service]) -> dict[str, list[str]]:
    """Return services as Google writes them: C{{"tcp": ["443"], "udp": ["8801-8810"], "esp": [], "47": []}}."""
    found: dict[str, list[str]] = {}
    for protocol, first, last in services:
        name = protocol if protocol in _NAMED else str(number_of(protocol))
        ported = protocol in _PORTED
        found.setdefault(name, []).extend([format_ports(first, last)] if ported else [])
    return found


def _refused(protocol: str, ports: str) -> str:
    """Return why a service cannot be opened."""
    if has_ports(protocol):
        if protocol in _PORTED or ports == "1-65535":
            return ""
        return (
            f"Google has ports of tcp, udp and sctp only, and opens all of {protocol}: write 'any' where that is meant"
        )
    if ports:
        return (
            f"Google opens all types of {protocol} or none: write '{protocol}' where that is meant, or take the row out"
        )
    return ""
