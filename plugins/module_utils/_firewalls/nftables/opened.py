# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our table lets out, read from its live listing: by the list, and by the baseline besides."""

from __future__ import annotations

import itertools
import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import (
    FORWARD,
    OUT,
    Opening,
    numbers,
    ports,
    span,
)

from .differences import entries

_ADDRESS = re.compile(r"[0-9a-f.:]*[.:][0-9a-f.:]*(?:[-/][0-9a-f.:]+)?")
_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)
_SERVICE = re.compile(r"^\t\t(?:(\S+) (?:dport|type) (\S+)|meta l4proto (\S+)) ct state .* accept$", re.MULTILINE)
_TO = re.compile(r"\bip6? daddr (?:@(\S+)|\{([^}]*)\}|(\S+))")
_PORTS = re.compile(r"\b(?:th|\w+) dport (?:\{([^}]*)\}|(\S+))")
_PROTOCOL = re.compile(
    r"\b(?:(\w+) dport|(?:meta l4proto|ip protocol|ip6 nexthdr) (?:\{([^}]*)\}|(\S+))|(icmp(?:v6)?) )"
)
_TYPES = re.compile(r"\b(icmp(?:v6)?) type (?:\{([^}]*)\}|(\S+))")
_KINDS = {"icmpv6": ["icmpv6", "ipv6-icmp"], "ipv6-icmp": ["icmpv6", "ipv6-icmp"]}  # as nft and conntrack name it


def opened(found):
    """Return what C{_host/cuts.py} asks of a tool, from the blocks of our table, with what sets hold now."""
    paths = [path for path, name in ((OUT, "output"), (FORWARD, "forward")) if ("chain", name) in found]
    listed = [(prefix, protocol, ports) for (way, prefix, protocol, ports) in _by_address(found) if way == "to"]
    listed += _by_name(found)
    sources = {OUT: [None], FORWARD: _sources(found)}
    parts = [], []
    for path in paths:
        chains = ("baseline", "baseline_host") if path == OUT else ("baseline",)
        others = [each for chain in chains for each in _accepted(found.get(("chain", chain), ""), found)]
        for part, openings in zip(parts, (_plain(listed), others)):  # noqa: B905 # Python 3.8 knows no strict
            part.extend(Opening(path, source, *each) for source in sources[path] for each in openings)
    return (*parts, [(path, source) for path in paths for source in sources[path]])


def _accepted(body, found):
    """Return what the rules of a chain let through."""
    lines = [line for line in body.splitlines() if line.rstrip().endswith("accept")]
    return [each for line in lines for each in _of_rule(line, found)]


def _by_address(found):
    return [key for key in entries(found) if _ADDRESS.fullmatch(key[1])]


def _plain(listed):
    return [(span(prefix), protocol, *each) for prefix, protocol, text in listed for each in numbers(protocol, text)]


def _by_name(found):
    """Return C{(address, protocol, ports)} of what was learned of names."""
    listed = []
    for (kind, name), body in found.items():
        if kind == "chain" and re.match(r"name[46]_", name):
            held = [_members(found.get(("set", name.replace("name", part, 1)), "")) for part in ("leased", "asked")]
            services = {(protocol or bare, text) for protocol, text, bare in _SERVICE.findall(body)}
            listed += [(address, *service) for address in dict.fromkeys(held[0] + held[1]) for service in services]
    return listed


def _sources(found):
    """Return the sources whose forwarded packets are filtered, [None] for all."""
    named = [name for kind, name in found if kind == "set" and re.fullmatch(r"sources[46]", name)]
    return [span(member) for name in named for member in _members(found["set", name])] or [None]


def _of_rule(line, found):
    """Return what a rule of the baseline opens: rather more than it does, where it is of an unknown kind."""
    destinations = [None]
    match = _TO.search(line)
    if match:
        named, several, one = match.groups()
        members = _members(found.get(("set", named), "")) if named else _ADDRESS.findall(several or one)
        destinations = [span(member) for member in members]
    typed, match = _TYPES.search(line), _PORTS.search(line)
    if typed:
        ranges = [each for text in _texts(*typed.groups()[1:]) for each in numbers(typed.group(1), text)]
    else:
        texts = _texts(*match.groups()) if match else [""]
        ranges = [each for text in texts for each in ports(text if re.fullmatch(r"[\d-]*", text) else "")]
    protocols = _protocols(line)
    return [(where, protocol, *each) for where, protocol, each in itertools.product(destinations, protocols, ranges)]


def _texts(several, one):
    """Return the members of C{{a, b}}, or of C{a}, as a rule has them."""
    return [text.strip() for text in (several or one).split(",")]


def _protocols(line):
    """Return the protocols of a rule, [''] for all."""
    found = []
    for one, several, other, icmp in _PROTOCOL.findall(line):
        words = [word.strip() for word in (several or other or icmp or ("" if one == "th" else one)).split(",")]
        found += [each for word in words if word for each in _KINDS.get(word, [word])]
    return found or [""]


def _members(body):
    """Return the addresses, prefixes and ranges that a set holds."""
    match = _ELEMENTS.search(body)
    return [_ADDRESS.match(part.strip()).group() for part in match.group(1).split(",")] if match else []
