# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that the module aws_security_group takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form

FORM = Form(
    "aws_security_group_plan",
    {
        "policy": {"deny", "unmanaged"},
        "rules": [{"protocol": str, "first": int, "last": int, "cidr": str, "label": str}],
        "limits": {"rules_per_group": int, "groups": int, "groups_per_interface": int},
        "prefix_lists": bool,
        "groups_needed": int,
        "widened": [str],
        "units": [dict],
        "notes": [str],
        "vendors": [str],
    },
)
