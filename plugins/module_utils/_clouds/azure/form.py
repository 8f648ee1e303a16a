# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that the module azure_security_group takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form

FORM = Form(
    "azure_security_group_plan",
    {
        "policy": {"deny", "unmanaged"},
        "rules": [
            {"id": str, "protocol": str, "version": int, "ports": [str], "destinations": {str: str}, "asked": [str]}
        ],
        "stops": {"", "everything", "internet"},
        "priorities": (int, int),
        "limits": {"rules": int, "addresses": int},
        "widened": [str],
        "units": [dict],
        "notes": [str],
        "vendors": [str],
    },
)
