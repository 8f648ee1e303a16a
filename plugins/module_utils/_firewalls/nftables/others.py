# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other tables of nftables that stop what ours lets through: a drop is final, wherever it stands."""

from __future__ import annotations

import re

from .shut import CUT

_TABLE = re.compile(r"^table (\S+ \S+) \{[^\n]*\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CHAIN = re.compile(r"^\tchain (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_HOOK = re.compile(r"^\t\ttype (?:filter|route|nat) hook (\w+) .*?(?:policy (\w+);)?$", re.MULTILINE)
_STOPS = re.compile(r"\b(?:drop|reject)\b")
_STOPS_XT = re.compile(r'xt target "(?:DROP|REJECT)"')  # of iptables, where nft has no words of its own for it
_LEADS = re.compile(r"\b(?:jump|goto) ([^\s,}]+)")
_QUOTED = re.compile(r'"[^"]*"')  # names, comments and log prefixes
_OURS = ("inet egress_allowlist", "inet egress_allowlist_names", CUT)
_FAMILIES = ("inet", "ip", "ip6", "netdev")
_VMAP = re.compile(r"\bvmap @(\S+)")
_MAP = re.compile(r"^\tmap (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_VERDICT = re.compile(r"^\t\ttype .* : verdict$", re.MULTILINE)
_HOOKS = {
    "host": ("output", "postrouting", "egress"),
    "gateway": ("ingress", "prerouting", "forward", "postrouting", "egress"),
    "both": ("output", "ingress", "prerouting", "forward", "postrouting", "egress"),
}
_MOST = 6  # chains that a note names


def stopping(nft, place, scope):
    """Return a note on the chains of other tables that may stop what is allowed; C{place}: where our rules are.

    C{scope}: host, gateway or both. Chains that stop nothing but packets of no valid connection are none of them.
    """
    found = []
    for table, body in _TABLE.findall(nft.run("-s", "-t", "list", "ruleset")):
        for name, rules in _MAP.findall(body):
            if _VERDICT.search(rules):  # with the elements, which -t leaves out
                body += nft.run("-s", "list", "map", *table.split(), name).partition("\n")[2]
        asleep = re.search(r"^\tflags .*\bdormant\b", body, re.MULTILINE)
        if table.split()[0] in _FAMILIES and table not in (*_OURS, str(place)) and not asleep:
            found += [f"table {table}, chain {chain} ({how})" for chain, how in _stopping(body, _HOOKS[scope])]
    if not found:
        return []
    shown = "; ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")
    remedy = "" if place.owned else "; to open them, put the rules into such a table (nftables_egress_into)"
    return [f"what other tables stop stays stopped, also where it is allowed here: {shown}{remedy}"]


def _stopping(body, hooks):
    """Yield C{(chain, how it stops)} of the chains at these hooks."""
    chains = dict(_CHAIN.findall(body))
    # What a named map of verdicts does is found as if it stood in the rule.
    maps = {name: _QUOTED.sub("", rules) for name, rules in _MAP.findall(body) if _VERDICT.search(rules)}
    for name, rules in chains.items():
        chains[name] = _VMAP.sub(lambda found: " ".join(maps.get(found.group(1), "").split()), rules)
    for name, rules in sorted(chains.items()):
        hook = _HOOK.search(rules)
        if not hook or hook.group(1) not in hooks:
            continue
        if hook.group(2) == "drop":
            yield name, "policy drop"
        elif _stops(name, chains, set()):
            yield name, "drops or rejects some packets"


def _stops(name, chains, seen):
    """True where a chain, or one that it leads to, has a rule that stops packets of valid connections."""
    seen.add(name)
    for rule in chains.get(name, "").splitlines():
        plain = _QUOTED.sub("", rule)
        if _HOOK.match(rule) or plain.strip().startswith("comment "):
            continue
        if re.search(r"ct state invalid (?:counter )?(?:drop|reject)", plain):
            continue
        if _STOPS.search(plain) or _STOPS_XT.search(rule):
            return True
        if any(_stops(led, chains, seen) for led in _LEADS.findall(plain) if led not in seen):
            return True
    return False
