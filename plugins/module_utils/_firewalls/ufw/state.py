# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours in ufw's files, and the state that it and a native form are in, see C{_model/standing.py}."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors

from . import kernel, rules, sets

ALLOWED = "ufw_egress_allow"  # the label of what the user added to the baseline


def opened(reader):
    """Return C{{tuple: label}} of all that is ours in the files; C{reader} returns the text of one."""
    found = {}
    for path in kernel.FILES.values():
        text = reader(path)
        found.update(rules.opened(rules.parse(text)) if text else {})
    return {**found, **sets.entries({path: reader(path) for path in (sets.SETS, *sets.CHAINS.values())})}


def there(reader):
    """Return the state of what is in the files, an empty one where nothing is ours."""
    found = opened(reader)
    if not found and not kernel.remarked(reader(kernel.DEFAULTS)):
        return {}
    labels = [label for spec, label in found.items() if label != ALLOWED and not rules.stops_packets(spec)]
    tuples = {spec: label for spec, label in found.items() if rules.is_tuple(spec)}
    return {"vendors": vendors(labels), **_settings(tuples, denied=kernel.remarked(reader(kernel.DEFAULTS)))}


def wanted(native):
    """Return the state of a native form."""
    found = dict(map(rules.split, [*native["rules"], *native["chained"], *native["stops"]]))
    return {"vendors": set(native["vendors"]), **_settings(found, native["roads"], bool(native["defaults"]))}


def anew(native):
    """Return the lines that lead from ufw as it is installed to a native form."""
    plain = dict(map(rules.split, [*native["rules"], *native["stops"]]))
    lines = rules.difference({}, {**plain, **sets.entries(sets.texts(native, (4, 6)))})
    lines += ["~ our rules look into sets: yes"] if native["sets"] else []
    for chain, target in native["defaults"].items():
        lines.append(f"~ default {kernel.CHAINS[chain]} policy: {kernel.WORDS.get(target, target)}")
    return lines


def _settings(found, roads=(), denied=False):
    """Return the choices that rules tell of; C{roads}: which packets they are for, where there may be no rules.

    C{denied}: whether a default policy stops all else.
    """
    allowed = sorted(rules.words(spec, "").rstrip() for spec, label in found.items() if label == ALLOWED)
    routed = [spec for spec in found if spec.startswith("route:")]
    ways = {way for way, dummy in roads} | ({"out"} if len(routed) < len(found) else set())
    ways |= {"route"} if routed else set()
    # What comes from anywhere to a vendor, or is stopped; a vendor that may connect is a source too.
    anywhere = set(rules.ANY.values())
    sources = {spec.split()[5] for spec in routed if rules.stops_packets(spec) or spec.split()[3] not in anywhere}
    sources |= {rules.address(source) for dummy, source in roads if source}
    return {
        "policy": "deny" if denied or any(_denying(*rule) for rule in found.items()) else "unmanaged",
        "scope": "both" if len(ways) > 1 else "gateway" if "route" in ways else "host",
        "sources": ", ".join(sorted(sources - anywhere)),
        "allow": ", ".join(allowed),
    }


def _denying(spec, label):
    """True for a rule that only the policy deny has: one of its baseline, or one that stops."""
    return label.startswith("baseline ") or rules.stops_packets(spec)
