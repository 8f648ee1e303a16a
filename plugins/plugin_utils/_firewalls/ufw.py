# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render an allowlist as ordinary rules of ufw.

One rule is a prefix, a protocol and as many ports as one multiport match takes, with the vendor services that asked
for it as its comment. With sets, and for names that the host looks up, a rule has the name of a set in the prefix's
place. The host turns the rules into the text of ufw's files; what only the host knows (its name and time servers) it
adds by the same means.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.protocols import ufw_has
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.rules import (
    ANY,
    address,
    asking,
    specs,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.bundles import bundles
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules, by_version
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_labels,
    check_names,
    check_services,
    one_of,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    has_ports,
    version_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain, domains
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import host_side
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import check_learning

from .options import STOPPED, check_scope, unfiltered
from .ufw_services import beside, ports_of, refused, rules_of

POLICIES = ("unmanaged", "deny")
PLACES = ("last", "first")
NAMES = ("report", "resolve")
# Whom a DHCP client asks without knowing its server, by its service: all of the link.
_DHCP = (("dhcp", "255.255.255.255"), ("dhcp6", "ff02::1:2"), ("dhcp6", "fe80::/10"))
_TARGETS = {"drop": "DROP", "reject": "REJECT"}
_ACTIONS = {"drop": "deny", "reject": "reject"}


def render(
    allowlist: dict,
    *,
    policy: str = "unmanaged",
    scope: str = "host",
    names: str = "",
    names_lease: int = 86400,
    names_refresh: int = 60,
    names_max_addresses: int = 4096,
    sources: Sequence[str] | str = (),
    stopped: str = "drop",
    place: str = "last",
    sets: bool = False,
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    allow: list | None = None,
) -> dict:
    """Return the native form for one host.

    C{rules}, C{stops}: tuples with their comments, in order; the stops belong behind everything. C{defaults}: ufw's
    default policies that must be (C{OUTPUT}, C{FORWARD}). C{sets}: the members of each set by its name, C{chained}: the
    rules that look into them, and into the sets of C{names}: what the host looks up. C{discover}: the servers (C{dns},
    C{ntp}, C{dhcp}) that only the host knows; C{roads}: where rules for them are needed. C{place}, C{notes}: as they
    say. Raises ValueError that says what is accepted.
    """
    _check_what_others_can(policy, names)
    one_of("policy", policy, POLICIES)
    check_scope(scope, sources)
    one_of("stopped", stopped, STOPPED)
    one_of("place", place, PLACES)
    check_labels(allowlist, "a rule's comment")
    check_names(allowlist, policy, names, "ufw_egress", instead="unmanaged", modes=NAMES)
    check_learning("ufw_egress", names_lease, names_refresh, names_max_addresses)
    listed = by_version(sources, "ufw_egress_sources")
    roads = _roads(scope, listed)
    if sets.__class__ is not bool:
        raise ValueError(f"sets '{sets}' is not accepted: write true or false")
    vendors, members = _allowed(allowlist, roads, sets)
    invited, inviting = _invited(allowlist, scope, sets)
    vendors += invited
    lookups, named = _named(domains(allowlist, names), roads, names_lease, names_refresh, names_max_addresses)
    servers = {
        "dns": by_version(dns_servers, "ufw_egress_dns_servers"),
        "ntp": by_version(ntp_servers, "ufw_egress_ntp_servers"),
    }
    extra = allow_rules(allow or [], "ufw_egress_allow")
    check_services([*allowlist["provenance"], *extra], refused)
    baseline = _baseline(servers, extra, roads) if policy == "deny" else []
    made = list(dict.fromkeys([*([] if sets else vendors), *baseline]))
    others = [rule for rule in made if not ufw_has(rule)]
    deny = policy == "deny"
    return {
        "rules": [rule for rule in made if ufw_has(rule)],
        "stops": _stops(listed, stopped) if deny else [],
        "sets": {**members, **inviting},
        "chained": [*(vendors if sets else []), *others, *named],
        "names": lookups,
        "defaults": _defaults(scope, bool(listed), stopped) if deny else {},
        "discover": _discover(servers, roads) if deny else [],
        "roads": roads,
        "vendors": vendors_of(allowlist),
        "place": place,
        "notes": [*(unfiltered(sorted(listed)) if listed else []), *beside(others)],
    }


def _check_what_others_can(policy: str, names: str) -> None:
    """Raise ValueError for choices that other backends have, and say what to do instead."""
    if policy == "audit":
        raise ValueError(
            "policy 'audit' is not accepted: ufw cannot count what it would stop; choose unmanaged, look with "
            "'ufw logging medium' at what leaves, then choose deny"
        )
    if names == "dnsmasq":
        raise ValueError(
            "ufw cannot learn names from dnsmasq: choose report or resolve, or the backend nftables or firewalld"
        )


def _roads(scope: str, listed: dict[int, list[str]]) -> list[list[str]]:
    """Return which packets are allowed: C{["out", ""]} and C{["route", source]}."""
    roads = [["out", ""]] if scope != "gateway" else []
    if scope != "host":
        sources = [prefix for version in sorted(listed) for prefix in listed[version]]
        roads += [["route", source] for source in sources or [""]]
    return roads


def _allowed(allowlist: dict, roads: list[list[str]], sets: bool) -> tuple[list[str], dict[str, list[str]]]:
    """Return the rules for what the vendors want to be reached, and the members of the sets that they name."""
    entries = [entry for entry in allowlist["provenance"] if entry.get("direction") != "inbound"]
    rules: list[str] = []
    members: dict[str, list[str]] = {}
    for version in (4, 6):
        bundles, found = _bundles(entries, version, sets)
        used = [road for road in roads if specs([road], version, "any", "any", "")]
        members.update(found if used else {})
        rules += [
            f"{spec} # {label}"
            for road in used
            for to, protocol, ports, label in bundles
            for spec in specs([road], version, protocol, ports, to)
        ]
    return rules, members


def _invited(allowlist: dict, scope: str, sets: bool) -> tuple[list[str], dict[str, list[str]]]:
    """Return the same for connections that vendors make: to the host, or through the gateway."""
    entries = [entry for entry in allowlist["provenance"] if entry.get("direction") == "inbound"]
    actions = (["allow"] if scope != "gateway" else []) + (["route:allow"] if scope != "host" else [])
    rules: list[str] = []
    members: dict[str, list[str]] = {}
    for version in (4, 6):
        bundles, found = _bundles(entries, version, sets)
        members.update(found)
        rules += [
            f"{action} {protocol} {ports} {ANY[version]} any {address(whom)} in # {label}"
            for action in actions
            for whom, protocol, ports, label in bundles
        ]
    return rules, members


def _bundles(
    entries: list[dict], version: int, sets: bool
) -> tuple[list[tuple[str, str, str, str]], dict[str, list[str]]]:
    """Return C{(prefix, protocol, ports, label)}, as many ports as one rule takes; with sets, names and members."""
    members: dict[str, list[str]] = {}
    found: dict[str, dict[tuple[str, str], list[tuple[int, int]]]] = {}
    for bundle in bundles(entries, version, lambda entry: f"{entry['vendor']} {entry['service']}", rules_of, not sets):
        to = bundle.prefixes[0]
        if sets:
            to = _set_name(version, bundle.prefixes)
            members[to] = _halved(bundle.prefixes)
        for protocol, first, last in bundle.services:
            found.setdefault(to, {}).setdefault((protocol, ", ".join(bundle.labels)), []).append((first, last))
    return [
        (to, protocol, ports, label)
        for to, asked in found.items()
        for (protocol, label), ranges in sorted(asked.items(), key=lambda item: (item[0][0], item[1][0]))
        for ports in ports_of(protocol, ranges)
    ], members


def _named(found: list[Domain], roads: list[list[str]], lease: int, refresh: int, most: int) -> tuple[dict, list[str]]:
    """Return what the host needs to look names up, and the rules that look into their sets."""
    rules = []
    for domain, version in itertools.product(found, (4, 6)):
        services: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for protocol, first, last, labels in domain.services:
            label = ", ".join(sorted(" ".join(asking) for asking in labels))
            services.setdefault((protocol, label), []).append((first, last))
        to = _names_set(domain, version, lease, most)
        rules += [
            f"{spec} # {label}"
            for (protocol, label), ranges in services.items()
            if version_of(protocol) in (0, version)
            for ports in ports_of(protocol, ranges)
            for spec in specs(roads, version, protocol, ports, to)
        ]
    leased = functools.partial(_names_set, lease=lease, most=most)
    return host_side("resolve", found, lease=lease, refresh=refresh, most=most, table="", leased=leased), rules


def _names_set(domain: Domain, version: int, lease: int, most: int) -> str:
    """Return the name of the set of a name's addresses: another lease or size, another end, as the host expects."""
    digests = (hashlib.sha256(text.encode()).hexdigest() for text in (domain.name, f"{lease} {most}"))
    return f"egress_names_{version}_{next(digests)[:10]}{next(digests)[:6]}"


def _set_name(version: int, prefixes: Sequence[str]) -> str:
    """Return the name of a set: other members, another name, so that old and new ones never meet."""
    digest = hashlib.sha256(" ".join(prefixes).encode()).hexdigest()
    return f"egress_allowlist_{version}_{digest[:12]}"


def _halved(prefixes: Sequence[str]) -> list[str]:
    """Return prefixes as ipset takes them: it has no prefix of length 0."""
    halves = {"0.0.0.0/0": ["0.0.0.0/1", "128.0.0.0/1"], "::/0": ["::/1", "8000::/1"]}
    return [address(part) for prefix in prefixes for part in halves.get(prefix, [prefix])]


def _baseline(servers: dict[str, dict[int, list[str]]], extra: list[dict], roads: list[list[str]]) -> list[str]:
    """Return what is always allowed, as far as ufw's own before.rules do not allow it: servers that are named,
    DHCP of the host's own, the user's additions."""
    rules = []
    for service, everybody in _DHCP:
        rules += asking(service, everybody, roads)
    for service, listed in servers.items():
        for version in sorted(listed):
            for server in listed[version]:
                rules += asking(service, server, roads)
    for rule in extra:
        version = parse_prefix(rule["destination"])[0]
        ports = rule["ports"].replace("-", ":") if has_ports(rule["protocol"]) else rule["ports"] or "any"
        rules += [
            f"{spec} # ufw_egress_allow" for spec in specs(roads, version, rule["protocol"], ports, rule["destination"])
        ]
    return rules


def _discover(servers: dict[str, dict[int, list[str]]], roads: list[list[str]]) -> list[str]:
    """Return the servers that only the host knows; that of its DHCP lease, where its own packets are filtered."""
    unnamed = [name for name, addresses in servers.items() if not addresses]
    return unnamed + ["dhcp"] * (["out", ""] in roads)


def _stops(listed: dict[int, list[str]], stopped: str) -> list[str]:
    """Return the rules that stop what else the sources send on."""
    return [
        f"route:{_ACTIONS[stopped]} any any {ANY[version]} any {address(source)} in # egress stop"
        for version in sorted(listed)
        for source in listed[version]
    ]


def _defaults(scope: str, chosen: bool, stopped: str) -> dict[str, str]:
    """Return ufw's default policies; where sources are chosen, the stops do it and the default stays."""
    chains = (["OUTPUT"] if scope != "gateway" else []) + (["FORWARD"] if scope != "host" and not chosen else [])
    return dict.fromkeys(chains, _TARGETS[stopped])
