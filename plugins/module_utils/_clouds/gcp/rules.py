# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules of Google Cloud in a form that VPC firewall rules and rules of a policy share, and how one set of
them becomes another without shutting what is wanted in between."""

from __future__ import annotations

import bisect
import collections
import hashlib
import ipaddress
import json

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYTHING, canonical, line
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import NUMBERS, printed

# services: (("tcp", ("443", "5349")), ...); destinations: a frozenset of prefixes and names; targets: ("tag web", ...);
# odd: fields that a rule of ours never has, which somebody has set.
Rule = collections.namedtuple("Rule", "name action services destinations priority description targets disabled odd")

ALL = (("all", ()),)
GOOGLES = ("tcp", "udp", "icmp", "esp", "ah", "sctp")  # protocols that Google names as we do
_OTHERS = {"ipip": "94", "all": "all"}
_EVERYWHERE = {"v4": "0.0.0.0/0", "v6": "::/0"}
_LONGEST = 2000  # characters of a description
_TARGETS = {"tag": "the network tag", "account": "the service account", "secure": "the secure tag"}


def mark(name):
    """Return how the description of a rule of ours begins."""
    return f"[egress.allowlist {name}]"


def is_ours(name, rule_name, description):
    """Tell whether a rule carries both marks: its name and its description."""
    return (rule_name or "").startswith(name + "-") and (description or "").startswith(mark(name))


def services_of(protocols):
    """Return C{{protocol: [ports]}} as a rule has it, each protocol in the one spelling that plans have."""
    spelled = {_spelled(protocol): ports for protocol, ports in protocols.items()}
    return tuple((protocol, tuple(sorted(ports, key=_port))) for protocol, ports in sorted(spelled.items()))


def _spelled(protocol):
    """Return a protocol as Google names it, by its number where it has no name there; C{all} as it is."""
    name = _OTHERS.get(protocol.lower()) or printed(protocol)
    return name if name in GOOGLES or name not in NUMBERS else str(NUMBERS[name])


def destination(text):
    """Return a prefix in its canonical form, always with its length; a name in lower case."""
    try:
        return canonical(text)
    except ValueError:
        return text.lower()


def desired(plan, name, scope, targets, standing):
    """Return the rules that a plan asks for, by name.

    C{scope}: network or policy, part of what tells rules apart; C{standing}: the rules that are there, by name: each
    destination stays in the rule that has it, so that a changed prefix changes one rule.
    """
    found = {}
    for each in plan["lists"]:
        services = services_of(each["services"])
        stem = _stem(name, scope, targets, "allow", services, each["kind"])
        there = {}
        for known in standing.values():
            head, _dash, number = known.name.rpartition("-")
            if head == stem and number.isdigit():
                there[int(number)] = known.destinations
        asking = {destination(text): labels for text, labels in each["destinations"].items()}
        for number, placed in _placed(asking, there, each["most"]).items():
            who = sorted({label for text in placed for label in asking[text]})
            rule = Rule(
                f"{stem}-{number}", "allow", services, frozenset(placed), plan["priority"],
                _described(name, who), targets, False, (),
            )  # fmt: skip
            found[rule.name] = rule
    if plan["policy"] == "deny":
        for kind, everywhere in sorted(_EVERYWHERE.items()):
            rule_name = "{}-1".format(_stem(name, scope, targets, "deny", ALL, "deny-" + kind))
            found[rule_name] = Rule(
                rule_name, "deny", ALL, frozenset([everywhere]), plan["deny_priority"],
                _described(name, ["all else is stopped"]), targets, False, (),
            )  # fmt: skip
    return found


def labels_of(plan):
    """Return who asks, in words, by C{(protocol, ports, destination)}."""
    return {
        (protocol, ports, destination(text)): ", ".join(labels)
        for each in (plan or {}).get("lists", [])
        for protocol, listed in each["services"].items()
        for ports in listed or ("",)
        for text, labels in each["destinations"].items()
    }


def lines(rules, labels, name):
    """Return what rules open, in the user's words; C{labels} as C{labels_of} returns them."""
    found = set()
    for rule in rules.values():
        if rule.action != "allow" or rule.disabled:
            continue
        for protocol, listed in rule.services:
            for ports in listed or ("",):
                first, _dash, last = ports.partition("-")
                for text in rule.destinations:
                    label = labels.get((protocol, ports, text)) or _asking(rule.description, name)
                    found.add(line(protocol, first or None, last or None, text, label))
    for targets in {rule.targets for rule in rules.values()}:
        found.add(f"rules for {_in_words(targets)}")
    stopped = {text for rule in rules.values() if rule.action == "deny" and not rule.disabled
               for text in rule.destinations}  # fmt: skip
    if not stopped >= set(_EVERYWHERE.values()):
        found.add(EVERYTHING)
    return found


def asked(rules, name):
    """Return C{(who asks, policy)} of rules."""
    stops = any(rule.action == "deny" and not rule.disabled for rule in rules)
    told = [_asking(rule.description, name) for rule in rules if rule.action == "allow"]
    return told, "deny" if stops else "unmanaged"


def attributes(rules, others, name):
    """Return what else is said of rules that stand in both sets and differ in it."""
    found = []
    for rule in rules.values():
        other = others.get(rule.name)
        if other is None:
            continue
        said = f"rule {rule.name}: "
        if rule.priority != other.priority:
            found.append(f"{said}priority {rule.priority}")
        if rule.description != other.description:
            found.append(f"{said}asked for by {_asking(rule.description, name)}")
        if rule.targets != other.targets:
            found.append(f"{said}for {_in_words(rule.targets)}")
        if rule.disabled != other.disabled:
            found.append(said + ("disabled" if rule.disabled else "enabled"))
        found += [f"{said}has {field}" for field in rule.odd if field not in other.odd]
    return found


def steps(standing, wanted, most):
    """Return C{[(verb, rule)]}, verb C{insert}, C{patch} or C{delete}, that make one set of rules of the other.

    Each step is atomic by itself. What is wanted and open is open after each of them: all gains come before all
    losses, and a rule that loses to another what both cannot hold at once is bridged. C{most}: destinations of a rule.
    """
    both = [(standing[name], rule) for name, rule in sorted(wanted.items()) if name in standing]
    changed = [(old, rule) for old, rule in both if old != rule]
    new = [rule for name, rule in sorted(wanted.items()) if name not in standing]
    gone = [rule for name, rule in sorted(standing.items()) if name not in wanted]
    first = [("insert", rule) for rule in new if rule.action == "allow"]
    gains = {rule.name: rule.destinations - (frozenset() if old.disabled else old.destinations)
             for old, rule in changed if rule.action == "allow"}  # fmt: skip
    later, bridges = [], []
    for old, rule in changed:
        if rule.action != "allow":
            continue
        others = [text for name, gained in gains.items() if name != rule.name for text in gained]
        lost = old.destinations - rule.destinations
        moved = overlapping(lost, others)
        if not gains[rule.name] and lost:
            later.append(("patch", rule))
        elif not moved:
            first.append(("patch", rule))
        elif len(moved | rule.destinations) <= most:
            first.append(("patch", rule._replace(destinations=rule.destinations | moved)))
            later.append(("patch", rule))
        else:
            bridge = rule._replace(name=rule.name + "-bridge", destinations=frozenset(moved))
            bridges.append(bridge)
            first.append(("patch", rule))
    first = [("insert", bridge) for bridge in bridges] + first
    # The smaller number comes first: a deny that goes back does so before what is allowed goes back behind it.
    denying = [(old, rule) for old, rule in changed if rule.action == "deny"]
    ahead = [("delete", rule) for rule in gone if rule.action == "deny" and _shadows(rule, wanted)]
    ahead += [("patch", rule) for old, rule in denying if rule.priority > old.priority]
    behind = [("patch", rule) for old, rule in denying if rule.priority <= old.priority]
    behind += [("insert", rule) for rule in new if rule.action == "deny"]
    removed = sorted(gone + bridges, key=lambda rule: (rule.action != "deny", rule.name))
    behind += [("delete", rule) for rule in removed if ("delete", rule) not in ahead]
    return ahead + first + later + behind


def _shadows(denying, wanted):
    """Tell whether a rule that denies, and is to go, would stop what is wanted for as long as it stands."""
    stays = any(rule.action == "deny" for rule in wanted.values())
    return not stays or any(rule.priority >= denying.priority for rule in wanted.values() if rule.action == "allow")


def overlapping(some, others):
    """Return those of some prefixes that share an address with any of the others; names are compared as they are."""
    spans = []
    names = set()
    for text in others:
        if "/" in text:
            spans.append(_span(text))
        else:
            names.add(text)
    spans.sort()
    reach = []
    for family, _first, last in spans:
        before = reach[-1][1] if reach and reach[-1][0] == family else -1
        reach.append((family, max(before, last)))
    found = set()
    for text in some:
        if "/" not in text:
            found.update({text} & names)
            continue
        family, first, last = _span(text)
        # Of all that begin at or before our end, in our family, the one that reaches furthest decides.
        at = bisect.bisect_right(spans, (family, last, float("inf"))) - 1
        if at >= 0 and spans[at][0] == family and reach[at][1] >= first:
            found.add(text)
    return found


def _span(text):
    network = ipaddress.ip_network(text)
    return network.version, int(network.network_address), int(network.broadcast_address)


def _placed(wanted, there, most):
    """Return C{{number: destinations}}, each where it is already, as far as that leaves the fewest rules."""
    numbers = range(1, -(-len(wanted) // most) + 1)
    left = set(wanted)
    found = {}
    for number in numbers:
        found[number] = set(sorted(left & there.get(number, frozenset()))[:most])
        left -= found[number]
    rest = sorted(left)
    for number in numbers:
        room = most - len(found[number])
        found[number].update(rest[:room])
        rest = rest[room:]
    return found


def _stem(name, scope, targets, action, services, kind):
    """Return a rule's name without its number: the same list for the same instances, the same name."""
    digest = hashlib.sha256(json.dumps([scope, targets, action, services]).encode()).hexdigest()
    return f"{name}-{digest[:8]}-{kind}"


def _described(name, who):
    """Return a description: the mark, and who asks, as far as it holds that."""
    return f"{mark(name)} {joined(who, _LONGEST - len(mark(name)) - 1)}".rstrip()


def _asking(description, name):
    return description[len(mark(name)) :].strip()


def _in_words(targets):
    words = [f"{_TARGETS[kind]} {value}" for kind, _space, value in (text.partition(" ") for text in targets)]
    return "instances with " + " or ".join(words) if words else "all instances"


def _port(text):
    return int(text.partition("-")[0] or 0)
