# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw's rules let out: by the list, and by the baseline and the user's own rules besides; and what is stopped."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read_all
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import FORWARD, OUT, Opening, numbers, span

from . import kernel, rules, sets, state

_BEFORE = {4: "/etc/ufw/before.rules", 6: "/etc/ufw/before6.rules"}
_ACCEPTED = re.compile(r"^-A ufw6?-before-(output|forward) (.*?) ?-j ACCEPT\b", re.MULTILINE)
_PASSED = re.compile(r"(?:-p (\S+))?(?:(?:^| )--icmp(?:v6)?-type (\S+))?")
_PATHS = {"output": OUT, "forward": FORWARD}
_CHAINS = {OUT: "OUTPUT", FORWARD: "FORWARD"}


def opened(reader, looked_up):
    """Return what C{_host/cuts.py} asks of a tool; C{looked_up}: C{{set: addresses}} of names in the kernel."""
    texts = [reader(path) for path in kernel.FILES.values()]
    entries = [(entry.spec, entry.label) for text in texts if text for entry in rules.parse(text).blocks]
    chained = {path: reader(path) for path in (sets.SETS, *sets.CHAINS.values())}
    entries += sets.entries(chained, looked_up).items()
    defaults = kernel.policies(reader(kernel.DEFAULTS))
    filtered = [(path, None) for path, chain in _CHAINS.items() if defaults.get(chain) != "ACCEPT"]
    listed, others = [], []
    for spec, label in entries:
        if label and spec.startswith("route:") and rules.stops_packets(spec):
            filtered.append((FORWARD, _span(spec.split()[5])))
        (listed if label and label != state.ALLOWED and not label.startswith("baseline ") else others).extend(_of(spec))
    return listed, others, filtered


def beyond(versions):
    """Return what ufw's own before.rules let through to anywhere, before any rule of the list is asked."""
    found = []
    accepted = [
        (version, match)
        for version in versions
        for text in read_all([_BEFORE[version]])
        for match in _ACCEPTED.findall(text)
    ]
    for version, (chain, match) in accepted:
        passed = _PASSED.fullmatch(match)
        if passed:
            protocol, kind = passed.groups("")
            ends = span(rules.ANY[version]), span(rules.ANY[version])
            found += [Opening(_PATHS[chain], *ends, protocol, *each) for each in numbers(protocol, kind)]
    return found


def _of(spec):
    """Return what one rule lets out."""
    if not rules.is_tuple(spec):
        return []
    fields = spec.split()
    route = fields[0].startswith("route:")
    if rules.stops_packets(spec) or not (route or fields[-1].partition("_")[0] == "out"):
        return []
    source, destination = (_span(fields[number]) for number in (5, 3))
    protocol = "" if fields[1] == "any" else fields[1]
    path = FORWARD if route else OUT
    return [Opening(path, source, destination, protocol, *each) for each in numbers(protocol, fields[2])]


def _span(text):
    return None if text in rules.ANY.values() else span(text)
