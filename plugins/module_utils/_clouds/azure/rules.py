# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a network security group, as Azure's API writes them: whose they are, what they open, what is wanted.

Nothing here talks to Azure. A rule is a dict C{{"name": ..., "properties": {...}}} as the API returns and takes it.
"""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    Refused,
    over,
)
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import canonical

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,29}")  # a rule's name begins with it, and no dot ends it early
ANY = "*"
TAG = "egress.allowlist"  # on a group that was made here: under which name
_MOST = 140  # letters of a description
_STOP = "stop"
EVERYWHERE = {ANY, "0.0.0.0/0", "::/0", "internet"}
_STOPPED = {"everything": ANY, "internet": "Internet"}
_READ_ONLY = ("provisioningState",)


def mark(name):
    """Return how the descriptions of the rules begin that were made under a name."""
    return f"[egress.allowlist {name}]"


def whose(rule):
    """Return the name under which a rule was made here, or None: both its name and its description must say so."""
    found = re.match(r"\[egress\.allowlist ([^\]]+)\]", properties(rule).get("description") or "")
    named = found and outbound(rule) and rule["name"].startswith(found.group(1) + ".")
    return found.group(1) if named else None


def properties(rule):
    """Return a rule's properties."""
    return rule.get("properties") or {}


def outbound(rule):
    """Tell whether a rule is for what leaves."""
    return properties(rule).get("direction", "").lower() == "outbound"


def denies(rule):
    """Tell whether a rule stops what it matches."""
    return properties(rule).get("access", "").lower() == "deny"


def priority(rule):
    """Return a rule's priority: the lowest number comes first."""
    return properties(rule)["priority"]


def several(rule, one, many):
    """Return the values of a property that has a form for one value and a form for many."""
    found = properties(rule)
    single = found.get(one)
    return ([single] if single else []) + list(found.get(many) or [])


def destinations(rule):
    """Return a rule's destination prefixes, in the shortest form."""
    return [_prefix(text) for text in several(rule, "destinationAddressPrefix", "destinationAddressPrefixes")]


def _prefix(text):
    try:
        return canonical(text)
    except ValueError:
        return text


def _canonical(rule):
    """Return all that a rule says, whatever form and order it is written in."""
    found = properties(rule)
    groups = [
        frozenset(group.get("id", "").lower() for group in found.get(key) or [])
        for key in ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")
    ]
    return (
        found.get("protocol", "").lower(),
        found.get("access", "").lower(),
        found.get("priority"),
        found.get("description"),
        frozenset(destinations(rule)),
        frozenset(several(rule, "destinationPortRange", "destinationPortRanges")),
        frozenset(several(rule, "sourceAddressPrefix", "sourceAddressPrefixes")),
        frozenset(several(rule, "sourcePortRange", "sourcePortRanges")),
        groups,
    )


def wanted(plan, name, rules):
    """Return the rules of a plan with their priorities; C{rules}: all that the group has.

    A rule that says the same as the one that is there is that one, so that what is right is not written anew.
    Raises Refused.
    """
    ours = {rule["name"]: rule for rule in rules if whose(rule) == name}
    others = [rule for rule in rules if rule["name"] not in ours]
    made = [_allowing(entry, name) for entry in plan["rules"]]
    stops = [_stopping(plan["stops"], name)] if plan["stops"] else []
    names = {rule["name"].lower() for rule in others}
    for rule in made + stops:
        if rule["name"].lower() in names:
            raise Refused(
                "rule '{}' has a name of ours, but not our description '{} ...': it is left alone. Rename it, or "
                "choose another name than '{}'".format(rule["name"], mark(name), name)
            )
    first, last = plan["priorities"]
    free = _free(others, name, first, last)
    beside = [rule for rule in others if outbound(rule) and first <= priority(rule) <= last]
    # What stops everything under another name stays behind our rules, and our stop behind the rules of other names.
    before = min([last + 1] + [priority(rule) for rule in beside if denies(rule)])
    behind = max([0] + [priority(rule) for rule in beside if not denies(rule)])
    if not (_place(made, stops, ours, free, before, behind) or _place(made, stops, {}, free, before, behind)):
        band, ways = f"priorities {first}-{last}", ["choose a wider range of priorities"]
        room = len([number for number in free if number < before])
        if len(made) < room:
            raise Refused(f"{band}: none is free behind {behind}, which another name uses: {ways[0]}")
        text = f"{band}, {last - first + 1 - room} of them taken"
        raise Refused(over(text, len(made + stops), room, ways))
    return [_kept(rule, ours.get(rule["name"])) for rule in made + stops]


def _place(made, stops, ours, free, before, behind):
    """Give each rule a priority, the one that it has where it can stay; return whether there were enough.

    New rules take the lowest that are free, and what stops all else takes the highest.
    """
    allowed = [number for number in sorted(free) if number < before]
    taken = {}
    for rule in made:
        old = ours.get(rule["name"])
        if old and priority(old) in allowed and not denies(old):
            taken[priority(old)] = rule
    placed = {rule["name"] for rule in taken.values()}
    fresh = [rule for rule in made if rule["name"] not in placed]
    spare = [number for number in allowed if number not in taken]
    if len(spare) < len(fresh):
        return False
    for rule in fresh:
        taken[spare.pop(0)] = rule
    for stop in stops:
        spare = [number for number in free if number > max([behind, *taken])]
        if not spare:
            return False
        old = ours.get(stop["name"])
        taken[priority(old) if old and priority(old) in spare else max(spare)] = stop
    for number, rule in taken.items():
        rule["properties"]["priority"] = number
    return True


def _free(others, name, first, last):
    """Return the priorities that we may have; raises Refused where a foreign rule has one of our range."""
    inside = [rule for rule in others if outbound(rule) and first <= priority(rule) <= last]
    foreign = [rule for rule in inside if not whose(rule)]
    if foreign:
        rule = min(foreign, key=priority)
        raise Refused(
            "rule '{}' has the priority {} and is not ours: the priorities {}-{} are reserved for '{}'. Give it "
            "another priority, or choose another range".format(rule["name"], priority(rule), first, last, name)
        )
    return set(range(first, last + 1)) - {priority(rule) for rule in inside}


def _kept(rule, old):
    """Return the old rule where it says the same, so that what is right is not written anew."""
    return old if old and _canonical(old) == _canonical(rule) else rule


def _allowing(entry, name):
    # A list of ports holds no asterisk.
    ports = (
        {"destinationPortRange": ANY} if entry["ports"] == [ANY] else {"destinationPortRanges": list(entry["ports"])}
    )
    return {
        "name": "{}.{}".format(name, entry["id"]),
        "properties": {
            "description": f"{mark(name)} {joined(entry['asked'], _MOST - len(mark(name)) - 1)}",
            "protocol": entry["protocol"].capitalize(),
            "sourceAddressPrefix": ANY,
            "sourcePortRange": ANY,
            "destinationAddressPrefixes": list(entry["destinations"]),
            **ports,
            "access": "Allow",
            "direction": "Outbound",
        },
    }


def _stopping(what, name):
    return {
        "name": f"{name}.{_STOP}",
        "properties": {
            "description": f"{mark(name)} stops all else",
            "protocol": ANY,
            "sourceAddressPrefix": ANY,
            "sourcePortRange": ANY,
            "destinationAddressPrefix": _STOPPED[what],
            "destinationPortRange": ANY,
            "access": "Deny",
            "direction": "Outbound",
        },
    }


def written(rule):
    """Return a rule as it is sent: as it was read, without what only Azure writes."""
    found = {key: value for key, value in properties(rule).items() if key not in _READ_ONLY}
    return {"name": rule["name"], "properties": found}
