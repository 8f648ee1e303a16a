# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a native form that says what the host needs to follow names; empty where it follows none."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Maybe

_SETS = {"4": str, "6": str}
NAMES = Maybe(
    {
        "mode": {"dnsmasq", "resolve"},
        "lease": int,
        "refresh": int,
        "most": int,
        "table": str,
        "domains": {str: {"patterns": [str], "leased": _SETS, "asked?": _SETS, "copies?": _SETS}},
        "special": [str],
        "dnsmasq": [str],
        "resolv_conf": bool,
        "gateway": bool,
        "ruleset": str,
    }
)
