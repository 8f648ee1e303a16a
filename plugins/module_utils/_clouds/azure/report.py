# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of a network security group open, in words; whose they are; what they take of its quotas."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    Refused,
    over,
    restricts_nothing,
    unit,
)
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYTHING, line

from .rules import ANY, EVERYWHERE, denies, destinations, mark, outbound, priority, properties, several, whose


def lets_all_out(rules):
    """Tell whether Azure's default rule for the Internet is still reached: no rule stops everything before it."""
    return not any(
        outbound(rule)
        and denies(rule)
        and properties(rule).get("protocol") == ANY
        and {text.lower() for text in destinations(rule)} & EVERYWHERE
        and ANY in several(rule, "destinationPortRange", "destinationPortRanges")
        and ANY in several(rule, "sourceAddressPrefix", "sourceAddressPrefixes")
        for rule in rules
    )


def lines(rules, plan, name, changed):
    """Return what our rules do, in words; C{changed}: names of rules whose settings are shown too."""
    asked = {
        ("{}.{}".format(name, entry["id"]), destination): who
        for entry in (plan or {}).get("rules", [])
        for destination, who in entry["destinations"].items()
    }
    found = []
    for rule in rules:
        if whose(rule) != name:
            continue
        found += _opened(rule, asked, name)
        if rule["name"] in changed:
            text = "rule {}: priority {}, {}"
            found.append(text.format(rule["name"], priority(rule), properties(rule).get("description")))
    return found + ([EVERYTHING] if lets_all_out(rules) else [])


def _opened(rule, asked, name):
    """Return the lines of one rule: one for each destination and range of ports."""
    who = (properties(rule).get("description") or "")[len(mark(name)) :].strip()
    protocol = properties(rule).get("protocol", ANY).lower()
    protocol = "all" if protocol == ANY else protocol
    sources = several(rule, "sourceAddressPrefix", "sourceAddressPrefixes")
    only = "" if ANY in sources else "only from {}, ".format(", ".join(sources))
    if denies(rule):
        return [f"stopped, {only}{protocol} to {_where(text)}" for text in destinations(rule)]
    found = []
    for destination in destinations(rule):
        label = only + asked.get((rule["name"], destination), who)
        for ports in several(rule, "destinationPortRange", "destinationPortRanges"):
            first, _dash, last = ports.partition("-")
            pair = (None, None) if ports == ANY else (first, last or first)
            found.append(line(protocol, pair[0], pair[1], destination, label))
    return found


def _where(text):
    return {ANY: "everywhere", "internet": "the Internet"}.get(text.lower(), text)


def asked(rules, name):
    """Return C{(who asks, policy)} of our rules, None where there are none."""
    ours = [rule for rule in rules if whose(rule) == name]
    if not ours:
        return None
    told = [properties(rule)["description"][len(mark(name)) :].strip() for rule in ours if not denies(rule)]
    return told, "deny" if any(map(denies, ours)) else "unmanaged"


def changed_settings(before, after):
    """Return the names of rules that stand in both, and differ in what their lines do not tell."""
    old = {rule["name"]: rule for rule in before}
    return {
        rule["name"]
        for rule in after
        if rule["name"] in old
        and [priority(rule), properties(rule).get("description")]
        != [priority(old[rule["name"]]), properties(old[rule["name"]]).get("description")]
    }


def notes(rules, name, plan):
    """Return what a person should know of the rules of others, beside ours."""
    ours = [rule for rule in rules if whose(rule) == name]
    if not ours:
        return []
    found = []
    others = sorted((rule for rule in rules if outbound(rule) and not whose(rule)), key=priority)
    if others:
        found.append("rules of others stay as they are: {}".format(_some([rule["name"] for rule in others])))
    stop = [rule for rule in ours if denies(rule)]
    last = max(priority(rule) for rule in ours)
    first = [rule["name"] for rule in others if denies(rule) and priority(rule) < last]
    if first:
        found.append(f"these rules of others come first, and may stop what ours allow: {_some(first)}")
    late = [rule["name"] for rule in others if stop and not denies(rule) and priority(rule) > last]
    if late:
        found.append(f"these rules of others come behind the stop, and open nothing more: {_some(late)}")
    if plan["policy"] == "unmanaged" and lets_all_out(rules):
        found.append(restricts_nothing("Azure's default rule AllowInternetOutBound (65001)"))
    return found


def _some(names):
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def units(before, after, limits):
    """Return the account of a group's quotas, all rules counted, and raise Refused where one is exceeded."""
    counted = [
        ("rules in the network security group", len, limits["rules"]),
        ("destination addresses in the network security group", _count_addresses, limits["addresses"]),
        ("destination ports in the network security group", _count_ports, limits["addresses"]),
    ]
    found = [unit(quota, count(before), count(after), limit) for quota, count, limit in counted]
    for one in found:
        # A group that is over a limit already may become smaller.
        if one["after"] > one["limit"] and one["after"] > one["before"]:
            ways = ["put the vendors into another network security group, for another subnet or interface"]
            raise Refused(over(one["quota"], one["after"], one["limit"], ways))
    return found


def _count_addresses(rules):
    return sum(max(1, len(destinations(rule))) for rule in rules)


def _count_ports(rules):
    return sum(max(1, len(several(rule, "destinationPortRange", "destinationPortRanges"))) for rule in rules)
