# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel has of our running policies what firewalld makes of them: their chains, and the way to them.

firewalld itself does not look: what somebody changes in its table stays so until it reloads.
"""

from __future__ import annotations

import re

_PARTS = ("pre", "log", "deny", "allow", "post")
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject"}
_LEADS = re.compile(r"\b(?:jump|goto) ([^\s,}]+)")
_PRIORITY = re.compile(r'^rule priority="(-?\d+)"')
# Of what firewalld itself lets through before it asks policies.
_OWN = re.compile(r'ct state (?:\{ )?(?:established|related)\b.* accept|ct status dnat accept|[io]ifname "lo" accept')
_ZONED = (2, 0)  # from here on firewalld asks no policy about packets between interfaces that are in no zone


def drifted(look, version):
    """Return the chains and sets that are not as firewalld makes them, in words; C{look}: what the probe says.

    C{version}: of firewalld, C{(2, 3)}. Whatever this cannot know surely is taken as it is.
    """
    chains, ways, found = look["kernel"], look["ways"], [f"members of {name}" for name in look["members"]]
    for name, settings in sorted(look["policies"].items()):
        way, start = _way(settings)
        head = f"filter_{way}_policy_{name}"
        if not _asked(settings, look["zones"], version):
            continue
        found += _incomplete(head, settings, chains)
        if head not in _reached(start, {**ways, **chains}):
            found.append(f"way from {start} to {head}")
        found += _let_through(start, head, ways) if way != "IN" else []
    return list(dict.fromkeys(found))


def _way(settings):
    """Return how the names of a policy's chains begin, and the chain at whose hook its packets begin."""
    if "HOST" in settings.get("ingress_zones", []):
        return "OUT", "filter_OUTPUT"
    return ("IN", "filter_INPUT") if settings.get("egress_zones") == ["HOST"] else ("FWD", "filter_FORWARD")


def _asked(settings, zones, version):
    """True where firewalld surely asks a policy: on both sides are zones that are in use, or any interface."""
    for side in (settings.get("ingress_zones", []), settings.get("egress_zones", [])):
        anywhere = "HOST" in side or ("ANY" in side and (version < _ZONED or zones))
        if not anywhere and not set(side) & set(zones):
            return False
    return True


def _incomplete(head, settings, chains):
    """Return what is missing of a policy's own chains, and what does not belong there."""
    lines = chains.get(head, [])
    wanted = [f"jump {head}_{part}" for part in _PARTS]
    verdict = _VERDICTS.get(str(settings.get("target", "")))
    others = [line for line in lines if line not in wanted]
    if not set(wanted) <= set(lines) or [line for line in others if "accept" in line.split()][verdict == "accept" :]:
        return [f"chain {head}"]
    if verdict and not any(verdict in line.split() for line in others):
        return [f"chain {head}"]
    found, counted = [], {}
    for rule in settings.get("rich_rules", []):
        part, verb = _place(rule)
        counted[part, verb] = counted.get((part, verb), 0) + 1
    for (part, verb), number in sorted(counted.items()):
        there = [line for line in chains.get(f"{head}_{part}", []) if verb in line.split()]
        if len(there) < number or "accept" in there:
            found.append(f"chain {head}_{part}")
    return found


def _place(rule):
    """Return in which of a policy's chains a rich rule is, and by which word it is known there."""
    match = _PRIORITY.match(rule)
    priority, words = int(match.group(1)) if match else 0, rule.split()
    verb = next((word for word in ("accept", "reject", "drop") if word in words), "log")
    if priority:
        return ("pre" if priority < 0 else "post"), verb
    return {"accept": "allow", "log": "log"}.get(verb, "deny"), verb


def _reached(start, chains):
    """Return the chains that one leads to."""
    found, waiting = set(), [start]
    while waiting:
        for line in chains.get(waiting.pop(), []):
            fresh = set(_LEADS.findall(line)) - found
            found |= fresh
            waiting += sorted(fresh)
    return found


def _let_through(start, head, ways):
    """Return the chains at a hook that let packets through, or lead them elsewhere, before our policy is asked."""
    found = []
    for chain in sorted({start, *(name for name in ways if name.startswith(start + "_POLICIES"))}):
        for line in ways.get(chain, []):
            led = _LEADS.findall(line)
            if head in led:
                break
            if any(not name.startswith("filter_") for name in led):
                found.append(f"rule '{line}' in {chain}")
            elif start == chain and led:
                break
            elif "accept" in line.split() and not _OWN.search(line) and not line.startswith("type "):
                found.append(f"rule '{line}' in {chain}")
    return found
