# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a native form that says what the host needs to follow names; empty where it follows none."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Maybe, Prefix, Text

_SET = Text("the name of a set", r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SETS = {"4": _SET, "6": _SET}
_NAME = Text("a domain name", r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_TABLE = Text("a table of nftables, or nothing", r"(?:inet|ip|ip6) [A-Za-z_][A-Za-z0-9_/.-]*|")
_LINE = Text("a line", r"[^\r\n\0]*")
NAMES = Maybe(
    {
        "mode": {"dnsmasq", "resolve"},
        "lease": int,
        "refresh": int,
        "most": int,
        "table": _TABLE,
        "domains": {_NAME: {"patterns": [_LINE], "leased": _SETS, "asked?": _SETS, "copies?": _SETS}},
        "special": [Prefix()],
        "dnsmasq": [_LINE],
        "resolv_conf": bool,
        "gateway": bool,
        "ruleset": str,
    }
)
