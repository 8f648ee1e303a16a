# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that the module gcp_security_group takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form

FORM = Form(
    "gcp_security_group_plan",
    {
        "policy": {"deny", "unmanaged"},
        "firewall_policy": str,
        "priority": int,
        "deny_priority": int,
        "lists": [{"kind": {"v4", "v6", "fqdn"}, "services": {str: [str]}, "destinations": {str: [str]}, "most": int}],
        "widened": [str],
        "units": [dict],
        "notes": [str],
        "vendors": [str],
    },
)
