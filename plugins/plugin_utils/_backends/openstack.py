# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an allowlist as one security group of Neutron.

Neutron counts rules by project. Where it has address groups, a list of prefixes is one of them, and each service that
is open there costs one rule, whatever the list's length; else each prefix costs a rule for each service. A plan has
both forms, because only the cloud knows which of them it can have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._backends._choices import allow_rules, by_version, one_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._plan import DoesNotFit, Part, Room, common, fit, parts

VARIABLE = "openstack_security_group"
ADDRESS_GROUPS = ("auto", "always", "never")
_METADATA = "169.254.169.254/32"  # tcp/80; instances ask it for their keys and settings when they boot
_DEFAULT_RULES = 2  # everything to everywhere, of IPv4 and of IPv6: they stay with the policy unmanaged
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
    address_groups: str = "auto",
    rules: int = 100,
    groups: int = 10,
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    metadata: bool = True,
) -> dict[str, Any]:
    """Return the plan of one security group.

    rules, groups: how many the quota leaves us, -1 for any number.
    C{forms}: C{groups} and C{rules}, as far as O(address_groups) admits them, each with its C{parts}
    (C{version}, C{services} as C{[protocol, first, last]}, C{prefixes} with who asks), C{widened}, C{units} and
    C{refused}, why it does not fit. C{widened}, C{units}: of the form that is taken where the cloud has a choice.
    Raises ValueError that says what is accepted, DoesNotFit where no form fits.
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
    if policy == "deny":
        extra += _baseline(dns_servers, ntp_servers, metadata)
        if not dns_servers:
            notes.append(f"no name server may be asked: name them in {VARIABLE}_dns_servers, or put them into _allow")
    quota = "rules of the project's security groups"
    if policy != "deny":
        quota += f", besides the {_DEFAULT_RULES} default ones"
    free = rules if rules < 0 or policy == "deny" else max(rules - _DEFAULT_RULES, 0)
    budget: dict[str, Any] = {"widen_at_most": widen_at_most, "join_services": join_services, "variable": VARIABLE}
    forms: dict[str, dict[str, Any]] = {}
    for form in _forms(address_groups):
        found = parts(allowlist, addresses=addresses, allow=extra, single=form == "rules")
        forms[form] = _fitted(found, form, free, budget, quota, first=not forms)
    chosen = forms.get("groups") or forms["rules"]
    return {"policy": policy, "forms": forms, "widened": chosen["widened"], "units": chosen["units"], "notes": notes}


def _forms(address_groups: str) -> list[str]:
    """Return the forms to plan, the preferred one first."""
    return [form for form, unless in (("groups", "never"), ("rules", "always")) if address_groups != unless]


def _fitted(found: list[Part], form: str, free: int, budget: dict[str, Any], quota: str, first: bool) -> dict[str, Any]:
    """Return one form, fitted; raises DoesNotFit where it is the preferred one."""
    grouped = form == "groups"
    ways = [f"room for {{need}} rules: openstack quota set --secgroup-rules NUMBER PROJECT, then {VARIABLE}_rules"]
    if not grouped:
        ways.append("address groups, where the cloud has them: each service costs one rule then")
    room = Room(
        quota=quota,
        limit=free if free >= 0 else 1 << 30,
        holds=lambda part: True,
        units=(lambda part: len(part.services)) if grouped else (lambda part: len(part.prefixes)),
        ways=tuple(ways),
    )
    try:
        fitted = fit(found, [room], **budget)
    except DoesNotFit as error:
        if first:
            raise
        return {"parts": [], "widened": [], "units": [], "refused": str(error)}
    return {
        "parts": [
            {
                "version": part.version,
                "services": [list(service) for service in part.services],
                "prefixes": {prefix: list(labels) for prefix, labels in part.prefixes.items()},
            }
            for part in fitted.parts
        ],
        "widened": list(fitted.widened),
        "units": [{**unit, "limit": free if free >= 0 else -1} for unit in fitted.units],
        "refused": "",
    }


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
