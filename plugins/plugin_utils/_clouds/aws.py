# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an allowlist as egress rules of AWS security groups.

A rule is a protocol, a range of ports and one CIDR. The quota counts rules for each group and IP version. Which group a
rule comes to is not said here: the module knows where it stands already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_services,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports, number_of

from .fit import fit
from .options import common
from .parts import Part, parts
from .widening import Room

VARIABLE = "aws_egress"
PRODUCT = 1000  # rules a group, times groups an interface: AWS raises neither quota beyond that
MOST_GROUPS = 16  # groups an interface, at most
LABEL = 255 - len(" (egress.allowlist)")  # characters that a rule's description leaves to those who ask for it
_REFUSED = re.compile(r"[^a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]")
_RULES = (
    "raise the quota 'Inbound or outbound rules per security group' (L-0EA8095F) to {0}, then {1}_rules_per_group: {0}"
)
_GROUPS = (
    "raise the quota 'Security groups per network interface' (L-2AFB9258) to {0}, then {1}_groups_per_interface and "
    "{1}_groups: {0}"
)
_LIMITS = {"rules_per_group": PRODUCT, "groups": MOST_GROUPS, "groups_per_interface": MOST_GROUPS}
_DENY = "the rules of all security groups of an interface add up: what other groups beside these allow stays allowed"
_AMAZON = "security groups do not filter Amazon's own DNS, DHCP, time and metadata services"


def plan(
    allowlist: Mapping[str, Any],
    *,
    policy: str = "unmanaged",
    names: str = "",
    addresses: Mapping[str, Sequence[str]] | None = None,
    widen_at_most: int = 0,
    join_services: bool = False,
    allow: Sequence[dict[str, Any]] = (),
    rules_per_group: int = 60,
    groups: int = 5,
    groups_per_interface: int = 5,
    prefix_lists: bool = False,
) -> dict[str, Any]:
    """Return the plan for the module: C{rules}, C{limits}, C{groups_needed} and what all plans have.

    rules_per_group: the quota of the account, for each IP version. groups: how many groups may be made.
    groups_per_interface: the quota of the account. prefix_lists: whether rules refer to managed prefix lists.
    Raises ValueError for what is not accepted, and DoesNotFit.
    """
    given = {"rules_per_group": rules_per_group, "groups": groups, "groups_per_interface": groups_per_interface}
    _check(given)
    notes = common(allowlist, policy=policy, names=names, addresses=addresses, variable=VARIABLE)
    additions = allow_rules(list(allow), f"{VARIABLE}_allow")
    check_services([*allowlist["provenance"], *additions], _refused)
    found = parts(allowlist, addresses=addresses, allow=additions, single=True)
    usable = rules_per_group - (policy == "unmanaged")
    fitted = fit(
        found,
        [_room(version, given, usable, found) for version in (4, 6)],
        widen_at_most=widen_at_most,
        join_services=join_services,
        variable=VARIABLE,
    )
    rules: list[dict[str, Any]] = [
        {**_service(*service), "cidr": prefix, "label": described(labels)}
        for part in fitted.parts
        for service in part.services
        for prefix, labels in part.prefixes.items()
    ]
    need = max(sum(":" in rule["cidr"] for rule in rules), sum(":" not in rule["cidr"] for rule in rules))
    return {
        "policy": policy,
        "vendors": vendors_of(allowlist),
        "rules": rules,
        "limits": given,
        "prefix_lists": bool(prefix_lists),
        "groups_needed": max(1, -(-need // usable)),
        "widened": fitted.widened,
        "units": fitted.units,
        "notes": [*notes, *([_DENY, _AMAZON] if policy == "deny" else [])],
    }


def _refused(protocol: str, ports: str) -> str:
    """Return why a service cannot be opened."""
    if protocol in ("tcp", "udp") or not has_ports(protocol) or ports == "1-65535":
        return ""
    return f"AWS has ports of tcp and udp only, and opens all of {protocol}: write 'any' where that is meant"


def _service(protocol: str, first: int, last: int) -> dict[str, Any]:
    """Return a service as AWS has it: ports, of ICMP type and code (-1: all), and numbers of all other protocols."""
    if protocol in ("tcp", "udp"):
        return {"protocol": protocol, "first": first, "last": last}
    if protocol in ("icmp", "icmpv6"):
        return {"protocol": protocol, "first": first if first == last else -1, "last": -1}
    return {"protocol": str(number_of(protocol)), "first": -1, "last": -1}


def described(labels: Sequence[str]) -> str:
    """Return who asks for a rule, cut to what a description of AWS holds and says."""
    return joined([_REFUSED.sub("_", label) for label in labels], LABEL)


def _check(given: Mapping[str, int]) -> None:
    """Raise ValueError for limits that no account of AWS has."""
    for name, value in given.items():
        if value.__class__ is not int or not 1 <= value <= _LIMITS[name]:
            raise ValueError(f"{name} '{value}' is not accepted: write a whole number from 1 to {_LIMITS[name]:,}")
    rules, groups, per_interface = given.values()
    if groups > per_interface:
        raise ValueError(f"groups {groups} is more than an interface can have: groups_per_interface is {per_interface}")
    if rules * per_interface > PRODUCT:
        raise ValueError(
            f"rules_per_group {rules} x groups_per_interface {per_interface} is {rules * per_interface:,}: AWS allows "
            f"{PRODUCT:,} rules for a network interface; with {per_interface} groups there can be "
            f"{PRODUCT // per_interface} rules in each"
        )


def _room(version: int, given: Mapping[str, int], usable: int, found: Sequence[Part]) -> Room:
    """Return the quota of one IP version over all groups; unless denied, each keeps a rule for the default rule."""
    rules, groups, _per_interface = given.values()
    kept = "" if usable == rules else f", less the default rule of each, which only {VARIABLE}_policy deny removes"

    def holds(part: Part) -> bool:
        return part.version == version

    return Room(
        f"rules for IPv{version} in {groups} security group{'s' if groups > 1 else ''} of {rules}{kept}",
        limit=groups * usable,
        holds=holds,
        ways=tuple(_ways(sum(len(part.prefixes) for part in found if holds(part)), given, rules - usable)),
    )


def _ways(need: int, given: Mapping[str, int], kept: int) -> Iterator[str]:
    """Yield the quotas that would take C{need} rules as they are; C{kept}: rules that each group keeps free."""
    rules, groups, per_interface = given.values()
    size = -(-need // groups) + kept
    if size * per_interface <= PRODUCT:
        yield _RULES.format(size, VARIABLE)
    more = -(-need // (rules - kept)) if rules > kept else PRODUCT
    if more <= per_interface:
        yield f"{VARIABLE}_groups: {more}"
    elif more <= MOST_GROUPS and rules * more <= PRODUCT:
        yield _GROUPS.format(more, VARIABLE)
    elif size * per_interface > PRODUCT:
        for more in range(per_interface, MOST_GROUPS + 1):
            size = -(-need // more) + kept
            if size * more <= PRODUCT:
                other = _GROUPS.format(more, VARIABLE) if more > per_interface else f"{VARIABLE}_groups: {more}"
                yield f"{_RULES.format(size, VARIABLE)}, and {other}"
                return
        yield f"no quota takes it as it is: AWS allows {PRODUCT:,} rules for a network interface and IP version at most"
