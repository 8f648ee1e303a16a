# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in a person's words how two rulesets differ: what is opened, and the settings; and what state that is."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import (
    TYPES,
    canonical_type,
    printed,
    service,
)

from .listing import blocks

_MAP = re.compile(r"(allowed|inbound)[46]_([a-z0-9-]+)(?:_(\S+))?$")  # a map's name
_ENTRY = re.compile(r'([0-9a-f.:]+(?:[-/][0-9a-f.:]+)?)(?: \. [\w-]+)? : "([^"]+)"')
_CUT = re.compile(r"(.+)\.\.(\d+)\.[0-9a-f]+")  # a counter's name that would have been too long
_FORMER = re.compile(r"(.+)\.[0-9a-f]{8}")  # one as earlier versions cut it
_NAME = re.compile(r"name[46]_(\S+)")
_PATTERNS = re.compile(r'^\t\tcomment "([^"]*)"$', re.MULTILINE)
_FIRST = re.compile(
    r'(?:(\S+) (?:dport|type) (\S+)|meta l4proto (\S+)) ct state \S+ (?:ct timeout set "\S+" )?'
    r'counter name "([^"]+)" accept'
)


def entries(found):
    """Return C{{(direction, prefix, protocol, ports): label}} of the maps and the names among the blocks."""
    table = {}
    for (kind, name), body in found.items():
        named = _MAP.search(name) if kind == "map" else None
        if named:
            word, protocol, ports = named.groups("")
            direction = "from" if word == "inbound" else "to"
            for prefix, label in _ENTRY.findall(body):
                full = "/128" if ":" in prefix else "/32"
                prefix = prefix[: -len(full)] if prefix.endswith(full) else prefix
                table[(direction, prefix, protocol, ports)] = label
        named_after = _NAME.fullmatch(name) if kind == "chain" else None
        if named_after:
            patterns = _PATTERNS.search(found.get(("set", name.replace("name", "leased", 1)), ""))
            patterns = patterns.group(1) if patterns else named_after.group(1)
            for protocol, ports, bare, label in _FIRST.findall(body):
                table[("to", patterns, *_service(protocol or bare, ports))] = label
    return table


def _service(protocol, ports):
    """Return protocol and ports, or type, in the one spelling, of what we write or nft prints."""
    protocol = printed(protocol)
    return protocol, canonical_type(protocol, ports) if protocol in TYPES and ports else ports


def difference(old, new, owned):
    """Return lines C{- udp/3478 to 3.25.48.0/28  kudo: media} and C{+ ...} that lead from old to new entries."""
    lines = []
    for key in sorted(
        set(old.items()) ^ set(new.items()), key=lambda item: (item[1], item[0], new.get(item[0]) == item[1])
    ):
        (direction, prefix, protocol, ports), label = key
        sign = "+" if new.get(key[0]) == label else "-"
        lines.append(f"{sign} {service(protocol, ports)} {direction} {prefix}  {words(label, owned)}")
    return lines


def anew(native):
    """Return the lines that lead from nothing to a native form, as far as it is known without the host."""
    lines = difference({}, entries(blocks(native["ruleset"], native["owned"])), native["owned"])
    return lines + settings_difference({}, native["settings"])


def words(label, owned):
    """Return C{kudo: media, zoom: meetings} for the counter C{kudo/media.zoom/meetings}.

    Of a name that was too long, C{kudo/media.zoom..12.1a2b3c4d}, it is C{kudo: media, zoom and 12 more}.
    """
    name, more = label[len(owned) :], ""
    cut, former = _CUT.fullmatch(name), _FORMER.fullmatch(name)
    if cut:
        name, more = cut.group(1), f" and {cut.group(2)} more"
    elif former:
        name, more = former.group(1), " and more"
    return name.replace(".", ", ").replace("/", ": ") + more


def asking(found, owned):
    """Return the vendors that the labels in blocks name."""
    return vendors(words(label, owned) for each in found for label in entries(each).values())


def state(asked, settings):
    """Return the state of vendors and settings, see C{_model/standing.py}."""
    told = {name: settings.get(name) for name in ("policy", "scope")} if settings else {}
    told.update({name: settings.get(name, "") for name in ("sources", "allow")} if settings else {})
    return {"vendors": set(asked), **told}


def settings_difference(old, new):
    """Return lines C{~ policy: audit -> deny} for the settings that differ."""
    names = sorted(name for name in set(old) | set(new) if old.get(name) != new.get(name))
    return ["~ {}: {} -> {}".format(name, old.get(name) or "none", new.get(name) or "none") for name in names]
