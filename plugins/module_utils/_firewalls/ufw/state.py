# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours in ufw's files, and the state that it and a native form are in, see C{_model/standing.py}."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors

from . import kernel, rules, sets

_ALLOWED = "ufw_egress_allow"  # the label of what the user added to the baseline


def opened(reader):
    """Return C{{tuple: label}} of all that is ours in the files; C{reader} returns the text of one."""
    found = {}
    for path in kernel.FILES.values():
        text = reader(path)
        found.update(rules.opened(rules.parse(text)) if text else {})
    return {**found, **sets.entries({path: reader(path) for path in (sets.SETS, *sets.CHAINS.values())})}


def there(reader):
    """Return the state of what is in the files, an empty one where nothing is ours."""
    found, remarked = opened(reader), kernel.remarked(reader(kernel.DEFAULTS))
    if not found and not remarked:
        return {}
    ways = {"route" if spec.startswith("route:") else "out" for spec in found}
    return _state(found, ways, remarked or any(map(rules.stops_packets, found)))


def wanted(native):
    """Return the state of a native form."""
    found = dict(map(rules.split, [*native["rules"], *native["chained"]]))
    ways = {way for way, dummy in native["roads"]}
    return _state(found, ways, bool(native["defaults"] or native["stops"]))


def _state(found, ways, deny):
    allowed = sorted(rules.words(spec, "").rstrip() for spec, label in found.items() if label == _ALLOWED)
    return {
        "vendors": vendors(label for label in found.values() if label != _ALLOWED),
        "policy": "deny" if deny else "unmanaged",
        "scope": "both" if len(ways) > 1 else "gateway" if "route" in ways else "host",
        "allow": ", ".join(allowed),
    }
