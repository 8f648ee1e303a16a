# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native form that the module ufw takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form, Prefix, Text
from ansible_collections.egress.allowlist.plugins.module_utils._names.form import NAMES

_PORTS = r"(?:any|\d{1,5}(?::\d{1,5})?(?:,\d{1,5}(?::\d{1,5})?)*)"
_PLACE = r"[0-9a-fA-F.:]+(?:/\d{1,3})?"
_SET = r"egress_(?:allowlist|names)_[46]_\w+"
_SERVICE = rf"(?:icmp(?:v6)? [a-z0-9-]+|[a-z0-9-]+ {_PORTS})"
_RULE = r"(?:route:)?(?:allow|deny|reject) {0} {2} {1} {2} (?:in|out) # [^\r\n\0]*"
_WORDS = "a rule such as 'allow tcp 443 192.0.2.0/24 any 0.0.0.0/0 out # vendor service'"
_TUPLE = Text(_WORDS, _RULE.format(_SERVICE, _PORTS, _PLACE))
_CHAINED = Text(_WORDS.replace("192.0.2.0/24", "SET"), _RULE.format(_SERVICE, _PORTS, f"(?:{_SET}|{_PLACE})"))

FORM = Form(
    "ufw_rules",
    {
        "rules": [_TUPLE],
        "stops": [_TUPLE],
        "sets": {Text("the name of a set of ours", r"egress_allowlist_[46]_\w+"): [Prefix()]},
        "chained": [_CHAINED],
        "names": NAMES,
        "defaults": {"OUTPUT?": {"DROP", "REJECT"}, "FORWARD?": {"DROP", "REJECT"}},
        "discover": [{"dns", "ntp", "dhcp"}],
        "roads": [({"out", "route"}, Prefix(empty=True))],
        "place": {"first", "last"},
        "notes": [str],
        "vendors": [str],
    },
)
