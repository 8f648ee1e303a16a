# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an allowlist as augmented rules of an Azure network security group.

A rule holds one protocol, many ports and many prefixes of one IP version (Azure refuses both versions in one rule). So
whatever is allowed with the same ports of a protocol is one rule, and a changed prefix changes one rule. A rule's id
is made of its protocol, ports and version: it stays what it is while prefixes come and go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules, by_version
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import (
    check_services,
    one_of,
    vendors_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports, has_ports

from .fit import fit
from .options import common
from .parts import Part, parts
from .widening import Room

VARIABLE = "azure_egress"
MOST_RULES, MOST_ADDRESSES = 1000, 4000  # of one network security group
STOPS = ("everything", "internet")
_PRIORITIES = (100, 4096)
_READABLE = 32  # letters of a list of ports that can stand in a rule's name
_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah")
_SERVERS = {"dns_servers": (("UDP", "53"), ("TCP", "53")), "ntp_servers": (("UDP", "123"),)}


def plan(
    allowlist: Mapping[str, Any],
    *,
    policy: str = "unmanaged",
    names: str = "",
    addresses: Mapping[str, Sequence[str]] | None = None,
    widen_at_most: int = 0,
    join_services: bool = False,
    allow: list | None = None,
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    stops: str = "everything",
    priorities: str = "2000-2999",
    max_rules: int = MOST_RULES,
    max_addresses: int = MOST_ADDRESSES,
) -> dict[str, Any]:
    """Return the plan for one network security group.

    C{rules}: each with its C{id}, C{protocol}, C{version}, C{ports} (C{*} where there are none), C{destinations}, who
    asks for each, and C{asked}, who asks for any. C{stops}: what the last rule stops, '' for nothing. C{priorities}:
    the first and last priority that the rules may have. C{limits}: C{rules} and C{addresses} of the group.
    C{policy}, C{widened}, C{units}, C{notes}: as in all clouds. Raises ValueError that says what is accepted.
    """
    notes = common(allowlist, policy=policy, names=names, addresses=addresses, variable=VARIABLE)
    one_of("stops", stops, STOPS)
    band = _band(priorities)
    extra = allow_rules(list(allow or []), f"{VARIABLE}_allow")
    check_services([*allowlist["provenance"], *extra], _refused)
    if policy == "deny":
        extra += _servers("dns_servers", dns_servers) + _servers("ntp_servers", ntp_servers)
    found = _by_protocol(allowlist, addresses, extra)
    reserved = 1 if policy == "deny" else 0  # the rule that stops all else, and its destination
    fitted = fit(
        found,
        _rooms(band, _limit("max_rules", max_rules), _limit("max_addresses", max_addresses), reserved),
        widen_at_most=widen_at_most,
        join_services=join_services,
        variable=VARIABLE,
    )
    return {
        "policy": policy,
        "vendors": vendors_of(allowlist),
        "rules": [_rule(part) for part in fitted.parts],
        "stops": stops if policy == "deny" else "",
        "priorities": list(band),
        "limits": {"rules": max_rules, "addresses": max_addresses},
        "widened": fitted.widened,
        "units": fitted.units,
        "notes": notes,
    }


def _by_protocol(
    allowlist: Mapping[str, Any], addresses: Mapping[str, Sequence[str]] | None, extra: Iterable[Mapping[str, Any]]
) -> list[Part]:
    """Return parts of one protocol each: what shares the ports of one protocol shares a rule, whatever else it has."""
    found: list[Part] = []
    listed = (*allowlist["provenance"], *extra)
    for protocol in sorted({rule["protocol"] for rule in listed}):
        entries = [entry for entry in allowlist["provenance"] if entry["protocol"] == protocol]
        own = [rule for rule in extra if rule["protocol"] == protocol]
        found += parts({**allowlist, "provenance": entries}, addresses=addresses, allow=own)
    return sorted(found, key=lambda part: (part.version, part.services))


def _rooms(band: tuple[int, int], rules: int, addresses: int, reserved: int) -> list[Room]:
    """Return the quotas of one group."""
    priorities = band[1] - band[0] + 1
    split = "spread the vendors over several groups, one for each subnet or interface"
    listed = [
        Room(f"rules of {rules:,} in a network security group", rules - reserved, units=_one, ways=(split,)),
        Room(f"addresses of {addresses:,} in a network security group", addresses - reserved, ways=(split,)),
    ]
    if priorities < rules:
        wider = f"a wider range {VARIABLE}_priorities"
        text = f"priorities {band[0]}-{band[1]} of a network security group"
        listed.insert(1, Room(text, priorities - reserved, units=_one, ways=(wider,)))
    return listed


def _one(_part: Part) -> int:
    return 1


def _rule(part: Part) -> dict[str, Any]:
    protocol = part.services[0][0]
    ported = has_ports(protocol)
    ports = [format_ports(first, last) if ported else "*" for _protocol, first, last in part.services]
    text = "_".join(ports) if ported else ""
    if len(text) > _READABLE:
        text = hashlib.sha256(text.encode()).hexdigest()[:12]
    return {
        "id": f"{protocol}-ipv{part.version}-{text}".rstrip("-"),
        "protocol": protocol,
        "version": part.version,
        "ports": ports,
        "destinations": {prefix: ", ".join(labels) for prefix, labels in part.prefixes.items()},
        "asked": sorted({label for labels in part.prefixes.values() for label in labels}),
    }


def _refused(protocol: str, ports: str) -> str:
    """Return why a service cannot be opened."""
    if protocol not in _PROTOCOLS:
        return f"Azure has the protocols {', '.join(_PROTOCOLS)} only: take the row out"
    if ports and not has_ports(protocol):
        return (
            f"Azure opens all types of {protocol} or none: write '{protocol}' where that is meant, or take the row out"
        )
    return ""


def _servers(option: str, listed: Sequence[str] | str) -> list[dict]:
    """Return the rules for servers that the user names."""
    variable = f"{VARIABLE}_{option}"
    rows = [
        {"destination": prefix, "protocol": protocol, "ports": ports}
        for prefixes in by_version(listed, variable).values()
        for prefix in prefixes
        for protocol, ports in _SERVERS[option]
    ]
    return allow_rules(rows, variable)


def _band(priorities: str) -> tuple[int, int]:
    """Return the first and the last priority of a range."""
    first, dash, last = str(priorities).partition("-")
    if dash and first.isdecimal() and last.isdecimal():
        band = int(first), int(last)
        if _PRIORITIES[0] <= band[0] < band[1] <= _PRIORITIES[1]:
            return band
    raise ValueError(f"priorities '{priorities}' is not accepted: write a range within 100-4096, such as 2000-2999")


def _limit(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} '{value}' is not accepted: write a number above 0")
    return value
