# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an allowlist as one security group of Neutron.

Neutron counts rules by project. Each prefix costs a rule for each service. With address groups each service of a list
of prefixes costs one rule, whatever the list's length; but drivers that ignore address groups open such a rule to every
destination, and Neutron's API does not tell which drivers those are. So nobody gets them who did not ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.drivers import OBEYED
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules, by_version
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_services,
    one_of,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports, range_text

from .fit import DoesNotFit, fit
from .options import common
from .parts import parts
from .widening import Room

VARIABLE = "openstack_egress"
ADDRESS_GROUPS = ("never", "always")
_METADATA = "169.254.169.254/32"  # tcp/80; instances ask it for their keys and settings when they boot
_DEFAULT_RULES = 2  # everything to everywhere, of IPv4 and of IPv6: they stay with the policy unmanaged
_ONLY_IPV6 = ("ipv6", "59")
_SERVERS = {"dns": ("DNS", ("tcp", "udp"), "53"), "ntp": ("NTP", ("udp",), "123")}


def plan(
    allowlist: Mapping[str, Any],
    *,
    policy: str = "unmanaged",
    names: str = "",
    addresses: Mapping[str, Sequence[str]] | None = None,
    widen_at_most: int = 0,
    join_services: bool = False,
    allow: list | None = None,
    address_groups: str = "never",
    rules: int = 100,
    groups: int = 10,
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    metadata: bool = True,
) -> dict[str, Any]:
    """Return the plan of one security group.

    rules, groups: how many the quota leaves us, -1 for any number.
    C{form}: C{rules}, a rule for each prefix, or C{groups}, address groups. C{parts}: C{version}, C{services} as
    C{[protocol, first, last]}, of ICMP C{[protocol, type, -1]}, with -1 for all types and where there are no ports;
    C{prefixes} with who asks. C{widened}, C{units}: as C{fit} returns them.
    Raises ValueError that says what is accepted, DoesNotFit where the quota is too small.
    """
    notes = common(allowlist, policy=policy, names=names, addresses=addresses, variable=VARIABLE)
    one_of("address_groups", address_groups, ADDRESS_GROUPS)
    for option, limit in (("rules", rules), ("groups", groups)):
        if limit.__class__ is not int or limit < -1:
            raise ValueError(f"{option} '{limit}' is not a limit: write a whole number, or -1 for none")
    if groups == 0:
        raise DoesNotFit(
            "this does not fit: security groups of the project: 1 needed, 0 free, 1 too many. Ways out: raise the "
            f"quota (openstack quota set --secgroups NUMBER PROJECT) and set {VARIABLE}_groups; remove a group"
        )
    if metadata.__class__ is not bool:
        raise ValueError(f"metadata '{metadata}' is not accepted: write true or false")
    extra = allow_rules(allow or [], f"{VARIABLE}_allow")
    asked = [*allowlist["provenance"], *extra]
    check_services((rule for rule in asked if any(":" not in to for to in _destinations(rule))), _refused)
    if policy == "deny":
        extra += _baseline(dns_servers, ntp_servers, metadata)
        if not dns_servers:
            notes.append(f"no name server may be asked: name them in {VARIABLE}_dns_servers, or put them into _allow")
    grouped = address_groups == "always"
    if grouped:
        told = "Neutron's API tells neither driver nor version"
        notes.append(f"{VARIABLE}_address_groups: always is right only where {OBEYED}. {told}")
    found = parts(allowlist, addresses=addresses, allow=extra, single=not grouped)
    free = rules if rules < 0 or policy == "deny" else max(rules - _DEFAULT_RULES, 0)
    ways = [f"room for {{need}} rules: openstack quota set --secgroup-rules NUMBER PROJECT, then {VARIABLE}_rules"]
    if not grouped and 0 <= free < sum(len(part.prefixes) for part in found):
        fewer = sum(len(part.services) for part in parts(allowlist, addresses=addresses, allow=extra))
        ways.append(f"{VARIABLE}_address_groups: always ({fewer:,} needed then), only where {OBEYED}")
    room = Room(
        quota=_quota(rules, free),
        limit=free if free >= 0 else 1 << 30,
        holds=lambda part: True,
        units=(lambda part: len(part.services)) if grouped else (lambda part: len(part.prefixes)),
        ways=tuple(ways),
    )
    fitted = fit(found, [room], widen_at_most=widen_at_most, join_services=join_services, variable=VARIABLE)
    return {
        "policy": policy,
        "vendors": vendors_of(allowlist),
        "form": "groups" if grouped else "rules",
        "parts": [
            {
                "version": part.version,
                "services": [_service(*service) for service in part.services],
                "prefixes": {prefix: list(labels) for prefix, labels in part.prefixes.items()},
            }
            for part in fitted.parts
        ],
        "widened": list(fitted.widened),
        "units": [{**unit, "limit": free if free >= 0 else -1} for unit in fitted.units],
        "notes": notes,
    }


def _destinations(rule: Mapping[str, Any]) -> list[str]:
    return rule["destinations"] if "destinations" in rule else [rule["destination"]]


def _refused(protocol: str, _ports: str) -> str:
    """Return why a service cannot be opened to an address of IPv4, or to a name that may have one."""
    if protocol not in _ONLY_IPV6:
        return ""
    return "Neutron takes this protocol to addresses of IPv6 only: write these alone, or take the row out"


def _service(protocol: str, first: int, last: int) -> list[Any]:
    """Return a service as Neutron has it: ports, of ICMP a type; -1 where it has nothing."""
    if has_ports(protocol):
        return [protocol, first, last]
    typed = range_text(protocol, first, last)
    return [protocol, first if typed else -1, -1]


def _quota(rules: int, free: int) -> str:
    """Return the quota of rules in words. rules: the limit, -1 for none; free: what the default rules leave of it."""
    quota = "rules of the project's security groups"
    if rules < 0:
        return quota
    less = "" if free == rules else f", {_DEFAULT_RULES} of them the default ones"
    return f"{quota} ({VARIABLE}_rules: {rules}{less})"


def _baseline(dns: Sequence[str] | str, ntp: Sequence[str] | str, metadata: bool) -> list[dict]:
    """Return what an instance needs besides, as rules: name servers, clocks, metadata. Neutron itself lets DHCP and
    neighbour discovery through."""
    found = []
    for kind, servers in (("dns", dns), ("ntp", ntp)):
        service, protocols, port = _SERVERS[kind]
        for prefixes in by_version(servers, f"{VARIABLE}_{kind}_servers").values():
            found += [_rule(service, protocol, port, prefix) for prefix in prefixes for protocol in protocols]
    if metadata:
        found.append(_rule("metadata", "tcp", "80", _METADATA))
    return found


def _rule(service: str, protocol: str, ports: str, prefix: str) -> dict:
    parse_prefix(prefix)
    return {
        "vendor": "baseline",
        "service": service,
        "protocol": protocol,
        "ports": ports,
        "destination": prefix,
    }
