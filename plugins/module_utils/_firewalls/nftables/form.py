# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native form that the module nftables takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form, Text
from ansible_collections.egress.allowlist.plugins.module_utils._names.form import NAMES

_NAME = Text("a name that nftables takes", r"[A-Za-z_][A-Za-z0-9_/.-]*")
_NO_NAME = Text("a name that nftables takes, or nothing", r"[A-Za-z_][A-Za-z0-9_/.-]*|")

FORM = Form(
    "nftables_ruleset",
    {
        "family": {"inet", "ip", "ip6"},
        "table": _NAME,
        "chain": _NO_NAME,
        "jump": bool,
        "owned": {"", "egress_allowlist_"},
        "discover": [{"dns", "ntp", "dhcp"}],
        "notes": [str],
        "vendors": [str],
        "settings": {str: str},
        "ruleset": str,
        "names": NAMES,
    },
)
