#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of the task C(ufw): apply what was rendered, armed to revert; confirm; remove."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ufw_host
short_description: The host's half of the task ufw, internal
version_added: "0.1.0"
description:
  - What M(egress.allowlist.ufw) runs on the host. Use that task, which also reconnects and confirms.
  - Internal, its options can change with any release.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - ufw 0.36 or newer on the host, with root rights
options:
  rules:
    description: What the filter P(egress.allowlist.ufw_rules#filter) returned. Needed for O(state=present).
    type: dict
attributes:
  platform:
    description: Linux with ufw.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
  - egress.allowlist.beside_others
"""

EXAMPLES = r"""
- name: Remove everything, as the task does
  egress.allowlist.ufw_host:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation.
  type: bool
  returned: always
token:
  description: What O(token) takes to confirm this very change.
  type: str
  returned: when armed
missing:
  description: Whether a command is missing that the options need.
  type: bool
  returned: always
differences:
  description: One line for each thing that is opened, shut or set otherwise.
  type: list
  elements: str
  returned: always
ip_versions:
  description: The IP versions of which there are rules, where some were applied.
  type: list
  elements: int
  returned: always
  sample: [4, 6]
notes:
  description: What a person should know.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.kernel import versions
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.state import anew
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.tool import Ufw
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import Applier


def main():
    """Run one call."""
    call = Call("ufw", FORM)
    commands = {"ufw": "ufw"}
    if call.params["state"] == "absent":
        commands = {}  # its files, which outlive the package, and what runs are changed without it
    elif call.params["rules"] and (call.params["rules"]["sets"] or call.params["rules"]["names"]):
        commands["ipset"] = "ipset"
    call.end(
        commands, lambda: Applier(Ufw(call.find, call.run), call.run, call.module.check_mode), anew, versions=versions
    )


if __name__ == "__main__":
    main()
