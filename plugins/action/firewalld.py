# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task C(firewalld): plugins/modules/firewalld.py has its documentation."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.options import required_if, task_spec
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import HostTask

SPEC = task_spec("firewalld")


class ActionModule(HostTask):
    """Apply to firewalld, reconnect, confirm."""

    backend = "firewalld"
    spec = SPEC
    required_if = required_if("firewalld")
