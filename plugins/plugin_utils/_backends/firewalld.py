# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render an allowlist as firewalld's own objects: ipsets, services and policies, one XML file each.

What the host sends is the policy egress-allow-host (HOST to ANY), what it forwards egress-allow-gw, what comes in
egress-allow-in and egress-allow-gwin. In a policy a packet costs one set lookup per service, however long the sets are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.egress.allowlist.plugins.plugin_utils._addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._backends._choices import (
    STOPPED,
    allow_rules,
    by_version,
    check_labels,
    check_names,
    check_scope,
    expanded,
    one_of,
    unfiltered,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._backends._firewalld_objects import (
    OWN,
    Block,
    blocks,
    files_of,
    ipset,
    policy_file,
    rule,
)

POLICIES = ("unmanaged", "audit", "deny")
FAMILIES = {4: "ipv4", 6: "ipv6"}
_SERVERS = {"dns": "name servers", "ntp": "time servers"}
_RATE = re.compile(r"([1-9][0-9]{0,3})/(second|minute|hour|day)")
_ZONE = re.compile(r"[A-Za-z0-9_/-]{1,64}")
_REJECT = {4: '<reject type="icmp-admin-prohibited"/>', 6: '<reject type="icmp6-adm-prohibited"/>'}
_ERRORS = ("destination-unreachable", "time-exceeded", "parameter-problem")
_ICMP = {
    4: _ERRORS,
    6: (
        *_ERRORS,
        "packet-too-big",
        "router-solicitation",
        "router-advertisement",
        "neighbour-solicitation",
        "neighbour-advertisement",
    ),
}
# The ports of DHCP. A rich rule cannot name the ports of both ends, so first all else of UDP is stopped.
_DHCP = {4: (67, 68), 6: (546, 547)}
_FIRST, _LAST = -32768, 32767  # priorities


@dataclass(frozen=True)
class Choices:
    """What the rules of one policy depend on; C{sources}: the ipset of sources per IP version, None for everybody."""

    policy: str
    stopped: str
    rate: str
    allow: list[dict]
    sources: dict[int, str] | None = field(default=None)

    def rule(self, version: int, *parts: str, priority: int = 0) -> list[str]:
        """Return the rule for one IP version, for the sources only where there are any."""
        if self.sources is None:
            return [rule(FAMILIES[version], *parts, priority=priority)]
        if version not in self.sources:
            return []
        return [rule(FAMILIES[version], f'<source ipset="{self.sources[version]}"/>', *parts, priority=priority)]


def render(
    allowlist: dict,
    *,
    policy: str = "audit",
    scope: str = "host",
    names: str = "",
    sources: Sequence[str] | str = (),
    ingress_zones: Sequence[str] = ("ANY",),
    egress_zones: Sequence[str] = ("ANY",),
    priority: int = -2,
    stopped: str = "reject",
    log_rate: str = "10/minute",
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    allow: list | None = None,
) -> dict:
    """Return the native form for one host.

    C{files}: C{{path below /etc/firewalld: XML}}, in the order in which they are to be written; C{discover}: the
    servers (C{dns}, C{ntp}) that only the host knows, whose sets are empty; C{notes}: what a person should know.
    Raises ValueError that says what is accepted.
    """
    one_of("policy", policy, POLICIES)
    check_scope(scope, sources)
    if priority.__class__ is not int or not _FIRST < priority < 0:
        raise ValueError(f"firewalld_priority '{priority}' is not a whole number from {_FIRST + 1} to -1")
    one_of("stopped", stopped, STOPPED)
    rate = _RATE.fullmatch(str(log_rate))
    if not rate:
        raise ValueError(
            f"log rate '{log_rate}' is not a number (up to 9999) per second, minute, hour or day: write 10/minute"
        )
    zones = (_zones("ingress_zones", ingress_zones), _zones("egress_zones", egress_zones))
    check_labels(allowlist, "a service's name")
    check_names(allowlist, policy, names, "firewalld", instead="audit")
    choices = Choices(policy, stopped, f"{rate[1]}/{rate[2][0]}", allow_rules(allow or [], "firewalld_allow"))
    opened = blocks([entry for entry in allowlist["provenance"] if entry.get("direction") != "inbound"])
    invited = blocks([entry for entry in allowlist["provenance"] if entry.get("direction") == "inbound"], "-in")
    files: dict[str, str] = {}
    for block in [*opened, *invited]:
        files.update(files_of(block))
    listed = by_version(sources, "firewalld_sources")
    for version, prefixes in listed.items():
        files[f"ipsets/{OWN}sources-{version}.xml"] = ipset("sources", "Whose packets are filtered.", version, prefixes)
    servers = {"dns": dns_servers, "ntp": ntp_servers}
    if policy != "unmanaged":
        files.update(_server_sets(servers))
    told = _settings(choices, scope, sources, log_rate)
    files.update(
        _policies(
            choices, scope, zones, {v: f"{OWN}sources-{v}" for v in listed} or None, opened, invited, told, priority
        )
    )
    return {
        "files": files,
        "discover": [] if policy == "unmanaged" else [name for name, addresses in servers.items() if not addresses],
        "notes": _notes(policy, scope, sorted(listed) if sources else [4, 6]),
    }


def _zones(name: str, zones: Sequence[str]) -> list[str]:
    found = [zones] if isinstance(zones, str) else list(zones)
    wrong = [zone for zone in found if not isinstance(zone, str) or not _ZONE.fullmatch(zone) or zone == "HOST"]
    if wrong or not found or ("ANY" in found and len(found) > 1):
        shown = f" '{wrong[0]}'" if wrong else ""
        raise ValueError(f"firewalld_{name}{shown}: write names of zones, or ANY alone")
    return found


def _settings(choices: Choices, scope: str, sources: Sequence[str] | str, log_rate: str) -> str:
    """Return the choices in words, for the description of a policy: C{policy: deny; scope: host; ...}."""
    settings = {
        "policy": choices.policy,
        "scope": scope,
        "stopped": choices.stopped if choices.policy == "deny" else "",
        "log rate": log_rate if choices.policy != "unmanaged" else "",
        "sources": "named" if expanded(sources) else "",
    }
    return "; ".join(f"{name}: {value}" for name, value in settings.items() if value)


def _server_sets(servers: dict[str, Sequence[str] | str]) -> dict[str, str]:
    """Return the sets of name and time servers; empty ones for the host to fill."""
    files = {}
    for name, addresses in servers.items():
        found = by_version(addresses, f"firewalld_{name}_servers")
        for version in (4, 6):
            text = ipset(_SERVERS[name], "Who may be asked.", version, found.get(version, []))
            files[f"ipsets/{OWN}{name}-{version}.xml"] = text
    return files


def _policies(
    choices: Choices,
    scope: str,
    zones: tuple[list[str], list[str]],
    sources: dict[int, str] | None,
    opened: list[Block],
    invited: list[Block],
    told: str,
    priority: int,
) -> dict[str, str]:
    target = {"reject": "REJECT", "drop": "DROP"}[choices.stopped] if choices.policy == "deny" else "CONTINUE"
    files = {}
    if scope in ("host", "both"):
        rules = _rules(choices, opened)
        files["host"] = policy_file("what the host sends", told, target, (["HOST"], ["ANY"]), rules, priority)
        if invited:
            ends = (["ANY"], ["HOST"])
            files["in"] = policy_file("what comes in", told, "CONTINUE", ends, _invitations(invited), priority - 1)
    if scope in ("gateway", "both"):
        if sources:
            choices, target = Choices(choices.policy, choices.stopped, choices.rate, choices.allow, sources), "CONTINUE"
        rules = _rules(choices, opened)
        files["gw"] = policy_file("what is forwarded", told, target, zones, rules, priority)
        if invited:
            what, ends = "what comes in and is forwarded", (zones[1], zones[0])
            files["gwin"] = policy_file(what, told, "CONTINUE", ends, _invitations(invited), priority - 1)
    return {f"policies/{OWN}{name}.xml": text for name, text in sorted(files.items())}


def _rules(choices: Choices, opened: list[Block]) -> list[str]:
    """Return the rules of a policy on what leaves."""
    rules = []
    for block in opened:
        for version in sorted(block.prefixes):
            way = f'<destination ipset="{block.set_name(version)}"/>'
            rules += choices.rule(version, way, f'<service name="{block.name}"/>', "<accept/>")
    if choices.policy != "unmanaged":
        rules += _baseline(choices) + _rest(choices)
    return rules


def _invitations(invited: list[Block]) -> list[str]:
    return [
        rule(
            FAMILIES[version],
            f'<source ipset="{block.set_name(version)}"/>',
            f'<service name="{block.name}"/>',
            "<accept/>",
        )
        for block in invited
        for version in sorted(block.prefixes)
    ]


def _baseline(choices: Choices) -> list[str]:
    """Return what is always allowed; firewalld itself lets the loopback and known connections through."""
    rules = []
    for version in (4, 6):
        for kind in _ICMP[version]:
            rules += choices.rule(version, f'<icmp-type name="{kind}"/>', "<accept/>")
        for name, services in {"dns": (("tcp", 53), ("udp", 53)), "ntp": (("udp", 123),)}.items():
            for protocol, port in services:
                way = f'<destination ipset="{OWN}{name}-{version}"/>'
                rules += choices.rule(version, way, f'<port port="{port}" protocol="{protocol}"/>', "<accept/>")
    # Who listens to which multicast group: not each firewalld knows these types of ICMPv6 by name.
    listeners = '<destination address="ff02::/16"/>'
    rules += choices.rule(6, listeners, '<protocol value="ipv6-icmp"/>', "<accept/>")
    for row in choices.allow:
        destination = row["destination"]
        narrowed = [] if destination.endswith("/0") else [f'<destination address="{destination}"/>']
        opened = f'<port port="{row["ports"]}" protocol="{row["protocol"]}"/>'
        rules += choices.rule(parse_prefix(destination)[0], *narrowed, opened, "<accept/>")
    return rules


def _rest(choices: Choices) -> list[str]:
    """Return what becomes of the rest: DHCP passes, all else is logged and, by policy deny, stopped.

    Without sources the policy's own target stops what comes to the end.
    """
    what = "stopped" if choices.policy == "deny" else "would stop"
    log = f'<log prefix="egress.allowlist {what}: " level="info">\n      <limit value="{choices.rate}"/>\n    </log>'
    answers = {4: "<drop/>", 6: "<drop/>"} if choices.stopped == "drop" else _REJECT
    rules = []
    for version, (low, high) in _DHCP.items():
        stop = [answers[version]] if choices.policy == "deny" else []
        for others in (f"0-{low - 1}", f"{high + 1}-65535") if stop else ():
            source = f'<source-port port="{others}" protocol="udp"/>'
            rules += choices.rule(version, source, log, *stop, priority=_LAST - 2)
        dhcp = f'<port port="{low}-{high}" protocol="udp"/>'
        rules += choices.rule(version, dhcp, "<accept/>", priority=_LAST - 1)
        if stop and choices.stopped == "reject":
            reset = '<reject type="tcp-reset"/>'  # no ICMP error, of which the kernel sends a few a second only
            rules += choices.rule(version, '<protocol value="tcp"/>', log, reset, priority=_LAST - 1)
        rules += choices.rule(version, log, *(stop if choices.sources is not None else []), priority=_LAST)
    return rules


def _notes(policy: str, scope: str, filtered: list[int]) -> list[str]:
    """Return what a reader of the settings could take for more than it is."""
    notes = []
    if policy == "audit":
        notes.append(
            "firewalld cannot count: audit only logs what deny would stop, no more often than firewalld_log_rate"
        )
    if scope != "host":
        notes += unfiltered(filtered)
    return notes
