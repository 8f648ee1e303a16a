# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our policies of firewalld let out: by the list, and by the baseline besides."""

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

_PATHS = {"policies/egress-allow-host": OUT, "policies/egress-allow-gw": FORWARD}
_END = r'\b{} (ipset|address)="([^"]+)"'
_SERVICE = re.compile(r'service name="([^"]+)"')
_PORT = re.compile(r' port port="([^"]+)" protocol="([^"]+)"')
_PROTOCOL = re.compile(r' protocol value="([^"]+)"')
_TYPE = re.compile(r' icmp-type name="([^"]+)"')
_ASKED = re.compile(r' destination ipset="egress-(?!allow-)')  # of what the list opens without a service
_FAMILY = re.compile(r'family="ipv(\d)"')
_EVERYWHERE = {"4": span("0.0.0.0/0"), "6": span("::/0")}


def opened(objects, learned):
    """Return what C{_host/cuts.py} asks of a tool, from objects C{{name: object}}.

    C{learned}: a function that returns the addresses that a set of names holds.
    """
    listed, others, filtered = [], [], []
    for name, path in _PATHS.items():
        if objects.get(name):
            filtered += [(path, source) for source in (_sources(objects) if path == FORWARD else [None])]
        for rule in (objects.get(name) or {"rules": []})["rules"]:
            if rule.endswith(" accept"):
                part = listed if _SERVICE.search(rule) or (_TYPE.search(rule) and _ASKED.search(rule)) else others
                part.extend(_of(rule, path, objects, learned))
    return listed, others, filtered


def _sources(objects):
    """Return the sources whose forwarded packets are filtered, [None] for all."""
    found = [objects[name]["entries"] for name in sorted(objects) if name.startswith("ipsets/egress-allow-sources-")]
    return [span(entry) for entries in found for entry in entries] or [None]


def _of(rule, path, objects, learned):
    """Return what one rule lets out; the list's are about services or types of ICMP, the baseline's about all else."""
    ends = [_spans(rule, end, objects, learned) for end in ("source", "destination")]
    services = []
    named, port, protocol, kind = (each.search(rule) for each in (_SERVICE, _PORT, _PROTOCOL, _TYPE))
    if named:
        described = objects.get("services/" + named.group(1)) or {"ports": []}
        services = [
            (name, *each)
            for name, dummy, text in (one.partition("/") for one in described["ports"])
            for each in numbers(name, text)
        ]
    elif port:
        services = [(port.group(2), *each) for each in ports(port.group(1))]
    elif kind:
        name = "icmp" if _FAMILY.search(rule).group(1) == "4" else "icmpv6"
        services = [(name, *each) for each in numbers(name, kind.group(1))]
    else:
        services = [(protocol.group(1) if protocol else "", *each) for each in ports("")]
    return [Opening(path, source, to, *service) for source, to, service in itertools.product(*ends, services)]


def _spans(rule, end, objects, learned):
    """Return the addresses of one end of a rule; all of its IP version where it names none."""
    found = re.search(_END.format(end), rule)
    if not found:
        family = _FAMILY.search(rule)
        return [_EVERYWHERE[family.group(1)] if family else None]
    kind, name = found.groups()
    if kind == "address":
        return [span(name)]
    described = objects.get("ipsets/" + name) or {"entries": []}
    return [span(entry) for entry in [*described["entries"], *(learned(name) if not described["entries"] else [])]]
