# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Neutron as keys that can be compared, what a plan wants of them, and an order in which to change them.

A key is C{(version, protocol, first, last, where)}: C{version} 4 or 6, ports inclusive, None for all of something;
C{where} is C{("prefix", "192.0.2.0/24")}, C{("group", NAME)} with the name of an address group of ours, or
C{("other", ID)}.
"""

from __future__ import annotations

import hashlib
import ipaddress

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import (
    EVERYTHING,
    EVERYWHERE,
    canonical,
    line,
)
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import number, printed

MARK = "egress.allowlist"
_PROTOCOLS = {"any": None, "0": None, "ipip": "ipv4"}  # what Neutron means by these words
# Protocols that Neutron names as we do; it takes all others by number.
_NAMED = frozenset(
    ("ah", "dccp", "esp", "gre", "icmp", "igmp", "ospf", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp")
)
_DESCRIPTION = 255  # characters that Neutron takes


def is_ours(thing):
    """Tell what carries our mark from what somebody else made."""
    return (thing.get("description") or "").startswith(MARK)


def default_key(version):
    """Return the key of the rule that Neutron gives to each new group: everything to everywhere."""
    return (version, None, None, None, ("prefix", EVERYWHERE[version]))


def rule_key(rule, names):
    """Return the key of a rule as Neutron tells it. C{names}: C{{id: name}} of our address groups."""
    version = 6 if rule["ethertype"] == "IPv6" else 4
    protocol = rule["protocol"]
    if protocol is not None:
        protocol = str(protocol).lower()
        protocol = _PROTOCOLS[protocol] if protocol in _PROTOCOLS else printed(protocol)
    group, remote = rule.get("remote_address_group_id"), rule.get("remote_group_id")
    if group or remote:
        where = ("group", names[group]) if group in names else ("other", group or remote)
    else:
        where = ("prefix", canonical(rule["remote_ip_prefix"] or EVERYWHERE[version]))
    return (version, protocol, rule["port_range_min"], rule["port_range_max"], where)


class Wanted:
    """What one form of a plan wants.

    C{name}; C{rules}: C{{key: label}}; C{groups}: C{{name: (description, {prefix})}}, the address groups;
    C{opened}: C{{(protocol, first, last, prefix): label}}, what all of it lets out.
    """

    def __init__(self, name, parts, grouped):
        self.name, self.rules, self.groups, self.opened = name, {}, {}, {}
        for part in parts:
            version = part["version"]
            services = [(protocol, *_ends(first, last)) for protocol, first, last in part["services"]]
            prefixes = {canonical(prefix): ", ".join(labels) for prefix, labels in part["prefixes"].items()}
            everyone = ", ".join(sorted({label for labels in part["prefixes"].values() for label in labels}))
            if grouped:
                text = ", ".join(map(_text, services))
                group = f"{name} {hashlib.sha256(text.encode()).hexdigest()[:8]} ipv{version}"
                self.groups[group] = (described(text), set(prefixes))
                for service in services:
                    self.rules[(version, *service, ("group", group))] = everyone
            for service in services:
                for prefix, label in prefixes.items():
                    self.opened[(*service, prefix)] = label
                    if not grouped:
                        self.rules[(version, *service, ("prefix", prefix))] = label


def _ends(first, last):
    """Return ports, or type and code, as Neutron has them: nothing where a plan has -1."""
    return (None if first < 0 else first, None if last < 0 else last)


def _text(service):
    """Return a service for the name of an address group: C{tcp/443-443}, C{icmp/8}, C{esp}."""
    return service[0] + "/".join(["", "-".join(str(end) for end in service[1:] if end is not None)]).rstrip("/")


def described(text):
    """Return a description with our mark."""
    return f"{MARK}: {joined(text.split(', '), _DESCRIPTION - len(MARK) - 2)}"


def opened(key, groups):
    """Yield C{(protocol, first, last, prefix)} of what a rule lets out. C{groups}: C{{name: {prefix}}}."""
    _version, protocol, first, last, (kind, where) = key
    for prefix in sorted(groups.get(where, ())) if kind == "group" else [where]:
        yield (protocol, first, last, prefix)


def in_words(key, label):
    """Return a rule as a line of the difference."""
    protocol, first, last, prefix = key
    if protocol is None and prefix in EVERYWHERE.values():
        return EVERYTHING.replace("everywhere", f"everywhere on IPv{6 if ':' in prefix else 4}")
    return line(protocol, first, last, prefix, label)


def body(key, label, group, project, ids):
    """Return a rule as Neutron takes it. C{group}: the security group's id; C{ids}: C{{name: id}} of address groups."""
    version, protocol, first, last, (kind, where) = key
    default = key == default_key(version)
    return {
        "security_group_id": group,
        "project_id": project,
        "direction": "egress",
        "ethertype": f"IPv{version}",
        "protocol": _sent(protocol),
        "port_range_min": first,
        "port_range_max": last,
        "remote_ip_prefix": where if kind == "prefix" and not default else None,
        "description": "" if default else described(label),
        **({"remote_address_group_id": ids[where]} if kind == "group" else {}),
    }


def _sent(protocol):
    """Return a protocol as every Neutron takes it."""
    if protocol is None or protocol in _NAMED:
        return protocol
    return "ipv6-icmp" if protocol == "icmpv6" else str(number(protocol))


def order(add, drop, room, groups):
    """Return C{[("add", [key]), ("drop", [key]), ...]}: the changes in an order in which nothing wanted is ever shut.

    C{room}: how many rules more the quota takes, None for any number; C{groups}: C{{name: {prefix}}}. An old rule goes
    when all that is new in its place is there. Returns None where the room is too small for that.
    """
    add, drop = list(add), list(drop)
    if room is None or len(add) <= room:
        return [step for step in (("add", add), ("drop", drop)) if step[1]]
    return _alternate(add, drop, room, _waits(add, drop, groups))


def least(add, drop, room, groups):
    """Return the least room that bisection finds in which C{order} has a way. C{room}: one that is too small."""
    add, drop = list(add), list(drop)
    waits, enough = _waits(add, drop, groups), len(add)
    while room + 1 < enough:
        tried = (room + enough) // 2
        if _alternate(add, drop, tried, waits) is None:
            room = tried
        else:
            enough = tried
    return enough


def _waits(add, drop, groups):
    """Return for each old rule the new ones that have to stand before it goes."""
    spans = {key: _spans(key, groups) for key in [*add, *drop]}
    return {key: {other for other in add if _meet(key, other, spans)} for key in drop}


def _alternate(add, drop, room, waits):
    """Return steps that never take more than C{room}, as C{order} does."""
    steps = []
    while True:
        gone = [key for key in drop if not waits[key]]
        drop = [key for key in drop if waits[key]]
        room += len(gone)
        steps += [("drop", gone)] if gone else []
        if len(add) <= room:
            return [*steps, *(step for step in (("add", add), ("drop", drop)) if step[1])]
        now = set()
        for key in sorted(drop, key=lambda key: len(waits[key])):
            now |= waits[key] if len(now | waits[key]) <= room else set()
        if not now:
            return None
        steps.append(("add", [key for key in add if key in now]))
        add = [key for key in add if key not in now]
        room -= len(now)
        waits = {key: waits[key] - now for key in drop}


def _spans(key, groups):
    """Return the addresses of a rule as C{(first, last)}; of a group whose addresses nobody knows: all there are."""
    known = key[4][0] != "other"
    prefixes = [prefix for *_service, prefix in opened(key, groups)] if known else [EVERYWHERE[key[0]]]
    return [(int(network[0]), int(network[-1])) for network in map(ipaddress.ip_network, prefixes)]


def _meet(one, other, spans):
    """Tell whether two rules let out any packet in common."""
    if one[0] != other[0] or (one[1] and other[1] and one[1] != other[1]):
        return False
    if None not in (one[2], one[3], other[2], other[3]) and (one[2] > other[3] or other[2] > one[3]):
        return False
    return any(first <= end and start <= last for first, last in spans[one] for start, end in spans[other])
