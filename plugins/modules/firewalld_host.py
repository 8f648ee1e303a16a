#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of the task C(firewalld): apply what was rendered, armed to revert; confirm; remove."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld_host
short_description: The host's half of the task firewalld, internal
version_added: "0.1.0"
description:
  - What M(egress.allowlist.firewalld) runs on the host. Use that task, which also reconnects and confirms.
  - Internal, its options can change with any release.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - firewalld 1.0 or newer with its nftables backend on the host, with root rights
options:
  objects:
    description: What the filter P(egress.allowlist.firewalld_objects#filter) returned. Needed for O(state=present).
    type: dict
  lose_runtime:
    description: As in M(egress.allowlist.firewalld).
    type: bool
    default: false
attributes:
  platform:
    description: Linux with firewalld.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
  - egress.allowlist.beside_others
"""

EXAMPLES = r"""
- name: Remove everything, as the task does
  egress.allowlist.firewalld_host:
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
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.objects import anew
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.tool import Firewalld, own_files
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import Applier


def main():
    """Run one call."""
    call = Call("firewalld", FORM)

    def applier():
        tool = Firewalld(call.find, call.run, call.params["lose_runtime"])
        return Applier(tool, call.run, call.module.check_mode)

    call.end({"firewall-cmd": "firewalld"}, applier, anew, own_files)


if __name__ == "__main__":
    main()
