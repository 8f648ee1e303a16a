# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render an allowlist as firewalld's own objects: ipsets, services and policies, one XML file each.

What the host sends is the policy egress-allow-host (HOST to ANY), what it forwards egress-allow-gw, what comes in
egress-allow-in and egress-allow-gwin. In a policy a packet costs one set lookup per service, however long the sets are.
What is learned of names has sets of its own, which the host fills, and a table beside firewalld's that renews it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules, by_version, expanded
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.names import AUXILIARY, auxiliary
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.options import (
    STOPPED,
    check_scope,
    unfiltered,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_labels,
    check_names,
    check_services,
    one_of,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import service_of, service_text
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import domains
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import host_side
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import (
    check_dns,
    check_learning,
    names_notes,
)

from .names import named
from .objects import OWN, Block, blocks, files_of, ipset, policy_file, refused
from .policies import FIRST, Choices, invitations, rules_of

POLICIES = ("unmanaged", "audit", "deny")
_SERVERS = {"dns": "name servers", "ntp": "time servers"}
_RATE = re.compile(r"([1-9][0-9]{0,3})/(second|minute|hour|day)")
_ZONE = re.compile(r"[A-Za-z0-9_/-]{1,64}")


def render(
    allowlist: dict,
    *,
    policy: str = "audit",
    scope: str = "host",
    names: str = "",
    names_lease: int = 86400,
    names_refresh: int = 60,
    names_max_addresses: int = 4096,
    names_dns: str = "leave",
    names_resolv_conf: bool = False,
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
    servers (C{dns}, C{ntp}, C{dhcp}) that only the host knows, whose sets are empty; C{names}: what the host needs to
    follow names, {} where it follows none; C{notes}: what a person should know. Raises ValueError that says what is
    accepted.
    """
    rate = _check(policy, scope, sources, priority, stopped, log_rate)
    zones = (_zones("ingress_zones", ingress_zones), _zones("egress_zones", egress_zones))
    check_labels(allowlist, "a service's name")
    check_names(allowlist, policy, names, "firewalld_egress", instead="audit")
    check_learning("firewalld_egress", names_lease, names_refresh, names_max_addresses)
    check_dns("firewalld_egress", names, scope, names_dns, names_resolv_conf, sources)
    found = domains(allowlist, names)
    choices = Choices(
        policy,
        stopped,
        rate,
        allow_rules(allow or [], "firewalld_egress_allow"),
        named(found, allowlist["provenance"]),
        guarded=policy == "deny" and names == "dnsmasq",
    )
    check_services([*allowlist["provenance"], *choices.allow], refused)
    opened = blocks([entry for entry in allowlist["provenance"] if entry.get("direction") != "inbound"])
    invited = blocks([entry for entry in allowlist["provenance"] if entry.get("direction") == "inbound"], "-in")
    files: dict[str, str] = {}
    for block in [*opened, *invited]:
        files.update(files_of(block))
    files.update(choices.learned.files(names_lease, names_max_addresses, choices.guarded))
    listed = by_version(sources, "firewalld_egress_sources")
    for version, prefixes in listed.items():
        files[f"ipsets/{OWN}sources-{version}.xml"] = ipset("sources", "Whose packets are filtered.", version, prefixes)
    servers = {"dns": dns_servers, "ntp": ntp_servers}
    asks = policy != "unmanaged" and scope != "gateway"  # for a lease, of servers that only the host knows
    if policy != "unmanaged":
        files.update(_server_sets(servers))
    if asks:
        files[f"ipsets/{OWN}dhcp-4.xml"] = ipset("DHCP servers", "Who may be asked.", 4, [])
    dns = names_dns if found else "leave"
    told = _settings(choices, scope, sources, log_rate)
    told += f"; names dns: {dns}" if dns != "leave" else ""
    files.update(
        _policies(
            choices, scope, zones, {v: f"{OWN}sources-{v}" for v in listed} or None, opened, invited, told, priority
        )
    )
    return {
        "files": files,
        "vendors": vendors_of(allowlist),
        "discover": [
            *(name for name, addresses in servers.items() if policy != "unmanaged" and not addresses),
            *(["dhcp"] if asks else []),
        ],
        "notes": [
            *_notes(policy, scope, sorted(listed) if sources else [4, 6]),
            *names_notes("firewalld_egress", names, scope, bool(found), names_dns),
        ],
        "names": host_side(
            names,
            found,
            lease=names_lease,
            refresh=names_refresh,
            most=names_max_addresses,
            table=AUXILIARY,
            gateway=scope != "host",
            resolv_conf=names_resolv_conf,
            copies=choices.learned.set_name,
            ruleset=auxiliary(
                found,
                names,
                lease=names_lease,
                most=names_max_addresses,
                scope=scope,
                dns=dns,
                sources=sources,
                variable="firewalld_egress_sources",
            ),
        ),
    }


def _check(policy: str, scope: str, sources: Sequence[str] | str, priority: int, stopped: str, log_rate: str) -> str:
    """Raise ValueError for a choice that is none; returns the log rate as firewalld writes it."""
    one_of("policy", policy, POLICIES)
    check_scope(scope, sources)
    if priority.__class__ is not int or not FIRST < priority < 0:
        raise ValueError(f"firewalld_egress_priority '{priority}' is not a whole number from {FIRST + 1} to -1")
    one_of("stopped", stopped, STOPPED)
    rate = _RATE.fullmatch(str(log_rate))
    if not rate:
        raise ValueError(
            f"log rate '{log_rate}' is not a number (up to 9999) per second, minute, hour or day: write 10/minute"
        )
    return f"{rate[1]}/{rate[2][0]}"


def _zones(name: str, zones: Sequence[str]) -> list[str]:
    found = [zones] if isinstance(zones, str) else list(zones)
    wrong = [zone for zone in found if not isinstance(zone, str) or not _ZONE.fullmatch(zone) or zone == "HOST"]
    if wrong or not found or ("ANY" in found and len(found) > 1):
        shown = f" '{wrong[0]}'" if wrong else ""
        raise ValueError(f"firewalld_egress_{name}{shown}: write names of zones, or ANY alone")
    return found


def _settings(choices: Choices, scope: str, sources: Sequence[str] | str, log_rate: str) -> str:
    """Return the choices in words, for the description of a policy: C{policy: deny; scope: host; ...}."""
    allowed = (
        f"{service_text(service_of(row['protocol'], row['ports']))} to {row['destination']}" for row in choices.allow
    )
    settings = {
        "policy": choices.policy,
        "scope": scope,
        "stopped": choices.stopped if choices.policy == "deny" else "",
        "log rate": log_rate if choices.policy != "unmanaged" else "",
        "sources": "named" if expanded(sources, "firewalld_egress_sources") else "",
        "allow": ", ".join(allowed) if choices.policy != "unmanaged" else "",
    }
    return "; ".join(f"{name}: {value}" for name, value in settings.items() if value)


def _server_sets(servers: dict[str, Sequence[str] | str]) -> dict[str, str]:
    """Return the sets of name and time servers; empty ones for the host to fill."""
    files = {}
    for name, addresses in servers.items():
        found = by_version(addresses, f"firewalld_egress_{name}_servers")
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
        rules = rules_of(choices, opened)
        files["host"] = policy_file("what the host sends", told, target, (["HOST"], ["ANY"]), rules, priority)
        if invited:
            ends = (["ANY"], ["HOST"])
            files["in"] = policy_file("what comes in", told, "CONTINUE", ends, invitations(invited), priority - 1)
    if scope in ("gateway", "both"):
        choices = replace(choices, sources=sources, host=False)
        target = "CONTINUE" if sources else target
        rules = rules_of(choices, opened)
        files["gw"] = policy_file("what is forwarded", told, target, zones, rules, priority)
        if invited:
            what, ends = "what comes in and is forwarded", (zones[1], zones[0])
            files["gwin"] = policy_file(what, told, "CONTINUE", ends, invitations(invited), priority - 1)
    return {f"policies/{OWN}{name}.xml": text for name, text in sorted(files.items())}


def _notes(policy: str, scope: str, filtered: list[int]) -> list[str]:
    """Return what a reader of the settings could take for more than it is."""
    notes = []
    if policy == "audit":
        notes.append(
            "firewalld cannot count: audit only logs what deny would stop, no more often than firewalld_egress_log_rate"
        )
    if scope != "host":
        notes += unfiltered(filtered)
    return notes
