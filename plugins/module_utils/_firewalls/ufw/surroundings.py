# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes on this host before any rule of ufw's is asked that we write: notes for the summary."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read_all

BEFORE = {4: "/etc/ufw/before.rules", 6: "/etc/ufw/before6.rules"}
_OPENS = re.compile(r"^-A ufw6?-before-(output|forward) (.*?) ?-j ACCEPT\b", re.MULTILINE)
_STATES = re.compile(r"--(?:ct)?state (\S+)")
_KNOWN = {"RELATED", "ESTABLISHED"}
_TARGET = re.compile(r"(?:^| )-[jg] (\S+)")
_TO_UFW = re.compile(r"-j ufw6?-")
_MOST = 5  # rules that a note names
_DONE = {"OUTPUT": "sent", "FORWARD": "forwarded"}
_WORDS = {"output": "lets out", "forward": "forwards"}


def opened_before(native, versions):
    """Return notes on what ufw's own before.rules let through where the native form is to stop all else.

    C{versions}: the IP versions that ufw filters. What belongs to known connections is none of it, nor what an IP stack
    needs of a host: the loopback, ICMP.
    """
    notes = []
    chains = [chain.lower() for chain in native["defaults"]] + ["forward"] * bool(native["stops"])
    sources = [source for way, source in native["roads"] if way == "route" and source]
    for version in versions:
        for chain in sorted(set(chains)):
            # With sources named, an IP version without any is forwarded as before.
            if chain == "forward" and sources and not any((":" in source) == (version == 6) for source in sources):
                continue
            found = _openings(version, chain)
            if found:
                notes.append(
                    f"{BEFORE[version]} {_WORDS[chain]} before any rule of the allowlist is asked: {', '.join(found)}; "
                    "to stop that, put # before these lines and run 'ufw reload'"
                )
    return notes


def accepted(versions):
    """Return C{(version, chain, match)} of what is sent or forwarded by ufw's own before.rules, by IP version."""
    found = [(version, text) for version in versions for text in read_all([BEFORE[version]])]
    return [(version, chain, match) for version, text in found for chain, match in _OPENS.findall(text)]


def _openings(version, wanted):
    """Return what the rules of one chain let through, as their matches: C{-p icmp --icmp-type echo-request}."""
    found = []
    for dummy, chain, match in accepted([version]):
        states = _STATES.search(match)
        known = states and set(states.group(1).split(",")) <= _KNOWN
        own = chain == "output" and re.search(r"(?:^| )-(?:o lo|p (?:ipv6-)?icmp(?:v6)?)\b", match)
        if chain == wanted and not known and not own:
            found.append(match or "everything")
    return list(dict.fromkeys(found))


def opened_by_others(native, version, listing):
    """Return notes on rules of others in iptables' own chains that let packets through whatever ufw's say.

    Those before ufw's, where Docker puts some, and those behind, where ufw leaves the rest to the chain's policy.
    C{listing}: what C{iptables -S} or C{ip6tables -S} prints, by the IP version.
    """
    rules = {}
    for line in listing.splitlines():
        option, dummy, rest = line.partition(" ")
        chain, dummy, rule = rest.partition(" ")
        if option == "-A":
            rules.setdefault(chain, []).append(rule)
    notes = []
    for builtin in sorted({*native["defaults"], *(["FORWARD"] if native["stops"] else [])}):
        places = [number for number, rule in enumerate(rules.get(builtin, [])) if _TO_UFW.search(rule)]
        if not places:
            continue  # ufw is not loaded
        parts = {"before": rules[builtin][: places[0]]}
        if native["defaults"].get(builtin) == "DROP":
            parts["behind"] = rules[builtin][places[0] :]
        for where, part in parts.items():
            found = [rule for rule in part if not _TO_UFW.search(rule) and _lets_through(rule, rules, set())]
            if found:
                tool = {4: "iptables", 6: "ip6tables"}[version]
                shown = ", ".join(found[:_MOST]) + (" ..." if len(found) > _MOST else "")
                notes.append(
                    f"rules of others stand {where} ufw's in the chain {builtin} of {tool} ({shown}): what they let "
                    f"through is {_DONE[builtin]}, whatever ufw stops{_remedy(found)}"
                )
    return notes


def _lets_through(rule, rules, seen):
    """True for a rule that accepts packets of new connections, or leads to a chain with such a rule."""
    states, target = _STATES.search(rule), _TARGET.search(rule)
    if not target or (states and set(states.group(1).split(",")) <= _KNOWN):
        return False
    name = target.group(1)
    if name == "ACCEPT":
        return True
    if name in seen:
        return False
    seen.add(name)
    return any(_lets_through(each, rules, seen) for each in rules.get(name, []))


def _remedy(found):
    """Return where such packets can be stopped."""
    docker = any("DOCKER" in rule or "docker" in rule for rule in found)
    return "; stop packets of containers in the chain DOCKER-USER, or by the backend nftables" if docker else ""
