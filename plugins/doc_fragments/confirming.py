# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks that apply to a host have in common, and the modules of the host's half do not have."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of a task."""

    DOCUMENTATION = r"""
options:
  confirm:
    description:
      - Whether to open a fresh connection and confirm over it, as soon as the host has applied.
      - With V(false) the host waits for a second task with O(state=confirmed) and RV(token), and goes back without it.
        So something of your own can decide, such as a probe of a service.
    type: bool
    default: true
attributes:
  action:
    description: Is an action plugin, which connects to the host twice.
    support: full
  async:
    description: Is refused. The task confirms over a second connection, and takes seconds.
    support: none
"""
