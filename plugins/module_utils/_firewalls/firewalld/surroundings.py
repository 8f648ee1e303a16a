# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes by our policies in the running firewalld, or is stopped before them: policies that are asked before,
direct rules, panic mode, forward-ports, and zones without ours.
"""

from __future__ import annotations

_HOST, _GATEWAY = "policies/egress-allow-host", "policies/egress-allow-gw"
_MOST = 5  # policies that a note names


def passing_by(ours, look):
    """Return notes on what our running objects C{{name: object}} do not decide; C{look}: what the probe says.

    Only where they stop or log all that is not allowed: what only allows leaves the rest to others anyway.
    """
    notes = _stopping(ours, look)
    for name, told in ((_HOST, "sends"), (_GATEWAY, "forwards")):
        policy = ours.get(name)
        if not policy or "policy: unmanaged" in policy["description"]:
            continue
        before = _asked_before(policy, name.rpartition("/")[2], look["others"], name == _GATEWAY)
        if before:
            shown = ", ".join(before[:_MOST]) + (f" and {len(before) - _MOST} more" if len(before) > _MOST else "")
            notes.append(
                f"policies of yours are asked before ours ({shown}): what they accept of what this host {told} stays "
                "open; give them a higher number than firewalld_egress_priority"
            )
        notes += _zones_without(policy, look["zones"]) + _led_on(look["ports"]) if name == _GATEWAY else []
    return notes


def scope(ours):
    """Return the scope of our running policies, '' where there are none."""
    found = [name for name, policy in (("host", _HOST), ("gateway", _GATEWAY)) if policy in ours]
    return "both" if len(found) > 1 else "".join(found)


def _stopping(ours, look):
    """Return notes on what stops packets before our policies are asked, also those that they allow."""
    notes = []
    if look["panic"]:
        notes.append("firewalld is in panic mode: it stops all packets, until 'firewall-cmd --panic-off'")
    before = [
        stop
        for name in (_HOST, _GATEWAY)
        if name in ours
        for stop in _asked_before(ours[name], name.rpartition("/")[2], look["others"], name == _GATEWAY, stops=True)
    ]
    if before:
        notes.append(
            f"policies of yours are asked before ours and stop packets ({_shown(dict.fromkeys(before))}): what they "
            "stop stays stopped, also where it is allowed here; give them a higher number than "
            "firewalld_egress_priority"
        )
    chains = {"OUTPUT"} if _HOST in ours else set()
    chains |= {"FORWARD", "PREROUTING"} if _GATEWAY in ours else set()
    chains |= {"POSTROUTING"} if chains else set()
    direct = [rule for rule in look["direct"] if _stops(rule) and not chains.isdisjoint(_chain(rule))]
    if direct:
        notes.append(
            f"direct rules of yours stop packets ({_shown(direct)}): what they stop stays stopped, also where it is "
            "allowed here"
        )
    return notes


def _shown(found):
    found = list(found)
    return ", ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")


def _stops(rule):
    """True for a direct rule or passthrough that stops packets, or may by a chain of the user's."""
    words = rule.split()
    return any(
        word in ("-j", "--jump") and words[number + 1 :][:1] in (["DROP"], ["REJECT"])
        for number, word in enumerate(words)
    )


def _chain(rule):
    """Return the words of a rule by which its built-in chain is known; of any other chain all of them."""
    words = set(rule.replace("_direct", "").split())
    builtin = words & {"INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"}
    return builtin or {"OUTPUT", "FORWARD"}


def _led_on(ports):
    """Return a note on forward-ports: what firewalld leads elsewhere, it lets through before it asks any policy."""
    told = [f"{name}: {port}" for name, found in sorted(ports.items()) for port in found]
    if not told:
        return []
    return [
        f"forwarded packets that a forward-port leads on are not filtered ({_shown(told)}): firewalld lets them "
        "through before any policy is asked"
    ]


def _asked_before(ours, name, others, forwards, stops=False):
    """Return the policies C{name: priority -10, target ACCEPT} that let packets through, or stop them, before ours."""
    found = []
    for other, settings in sorted(others.items()):
        ingress, egress = settings.get("ingress_zones", []), settings.get("egress_zones", [])
        kind = (
            bool(ingress) and "HOST" not in ingress and egress not in ([], ["HOST"]) if forwards else "HOST" in ingress
        )
        priority = int(settings.get("priority", -1))
        if not kind or (priority, other) > (ours["priority"], name):
            continue
        target, rules = str(settings.get("target", "CONTINUE")), settings.get("rich_rules", [])
        if stops:
            if target in ("DROP", "REJECT"):
                found.append(f"{other}: priority {priority}, target {target}")
            elif any(_stops_rich(rule) for rule in rules) or settings.get("icmp_blocks"):
                found.append(f"{other}: priority {priority}, some packets")
            continue
        opens = any(settings.get(key) for key in ("services", "ports", "protocols", "source_ports"))
        opens = opens or any("accept" in rule.split() for rule in rules)
        if target == "ACCEPT" or opens:
            found.append(f"{other}: priority {priority}, {'target ACCEPT' if target == 'ACCEPT' else 'some packets'}")
    return found


def _stops_rich(rule):
    """True for a rich rule that stops packets."""
    return not {"reject", "drop"}.isdisjoint(rule.split()) or "icmp-block " in rule


def _zones_without(ours, zones):
    """Return a note on the zones whose forwarded packets are not decided by our policy, with what is bound to them."""
    sides = []
    for way, side in (("come in by", ours["ingress"]), ("leave by", ours["egress"])):
        left = [f"{zone} ({', '.join(ends)})" for zone, ends in sorted(zones.items()) if zone not in side]
        if left and "ANY" not in side:
            sides.append(f"{way} {', '.join(left)}")
    if not sides:
        return []
    options = "firewalld_egress_ingress_zones and firewalld_egress_egress_zones"
    return [f"forwarded packets that {' or '.join(sides)} are not filtered: {options} name other zones"]
