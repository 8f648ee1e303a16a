# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task C(check_vendors) of the playbook check.yml: plugins/modules/check_vendors.py has its documentation."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import ControllerTask, base_folder, plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import folder_names, shipped_files
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.vendor_files import look_at

SPEC = {
    "path": {"type": "raw", "required": True},
    "today": {"type": "str"},
    "every": {"type": "bool", "default": False},
}


class ActionModule(ControllerTask):
    """Look at vendor files: what is wrong, and what each would open."""

    spec = SPEC

    def answer(self, given: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the errors of all files, and the lines on those that are sound."""
        names = folder_names(plain(given["path"]), "path")
        if not names:
            raise ValueError("path is empty: name a vendor file, a folder of such files, or several with commas")
        today = datetime.date.fromisoformat(given["today"]) if given["today"] else datetime.date.today()
        base = base_folder(variables["playbook_dir"])
        look = look_at(names, base, shipped=shipped_files(), today=today, every=given["every"])
        return {"errors": look.errors, "lines": look.lines}
