# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes by our policies in the running firewalld: policies that are asked before, and zones without ours."""

from __future__ import annotations

_HOST, _GATEWAY = "policies/egress-allow-host", "policies/egress-allow-gw"
_MOST = 5  # policies that a note names


def passing_by(ours, look):
    """Return notes on what our running objects C{{name: object}} do not decide; C{look}: what the probe says.

    Only where they stop or log all that is not allowed: what only allows leaves the rest to others anyway.
    """
    notes = []
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
        notes += _zones_without(policy, look["zones"]) if name == _GATEWAY else []
    return notes


def _asked_before(ours, name, others, forwards):
    """Return the policies C{name (priority -10, ACCEPT)} that let packets of our kind through before ours is asked."""
    found = []
    for other, settings in sorted(others.items()):
        ingress, egress = settings.get("ingress_zones", []), settings.get("egress_zones", [])
        kind = (
            bool(ingress) and "HOST" not in ingress and egress not in ([], ["HOST"]) if forwards else "HOST" in ingress
        )
        priority = int(settings.get("priority", -1))
        if not kind or (priority, other) > (ours["priority"], name):
            continue
        target = str(settings.get("target", "CONTINUE"))
        opens = any(settings.get(key) for key in ("services", "ports", "protocols", "source_ports"))
        opens = opens or any(" accept" in rule for rule in settings.get("rich_rules", []))
        if target == "ACCEPT" or opens:
            found.append(f"{other}: priority {priority}, {'target ACCEPT' if target == 'ACCEPT' else 'some packets'}")
    return found


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
