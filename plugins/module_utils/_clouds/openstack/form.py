# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that the module openstack_security_group takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form

FORM = Form(
    "openstack_security_group_plan",
    {
        "policy": {"deny", "unmanaged"},
        "form": {"groups", "rules"},
        "parts": [{"version": int, "services": [(str, int, int)], "prefixes": {str: [str]}}],
        "widened": [str],
        "units": [dict],
        "notes": [str],
        "vendors": [str],
    },
)
