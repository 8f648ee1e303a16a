#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply rendered objects to firewalld on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld
short_description: Apply an egress allowlist to firewalld, as one change and with a way back
version_added: "0.1.0"
description:
  - Writes the result of P(egress.allowlist.firewalld_objects#filter) as ipsets, services and policies
    below C(/etc/firewalld) and makes firewalld load them by one C(firewall-cmd --reload), after
    C(firewall-offline-cmd --check-config) has accepted them.
  - Arms the host to go back to the former objects by itself, unless a second call with O(state=confirmed) comes in
    time. That call is meant to come over a fresh connection; only then does the change survive a reboot.
  - Changes nothing and reloads nothing when files and running objects are what is wanted; mends what somebody changed.
  - The objects that are ours have a name that starts with C(egress-) and a description that starts with
    C(Made by egress.allowlist.); all others stay as they are.
  - Where firewalld does not run the files are written and checked, and nothing is loaded. It is never started.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - firewalld 1.0 or newer with its nftables backend on the host, with root rights
options:
  state:
    description:
      - C(present) applies O(objects). C(confirmed) confirms what a former call applied. C(absent) removes all that
        this module made, and only that.
    type: str
    choices: [present, confirmed, absent]
    default: present
  objects:
    description: What the filter returned. Needed for O(state=present).
    type: dict
  missing_ok:
    description: Return RV(missing) instead of failing where firewalld is not installed.
    type: bool
    default: false
  beside_others:
    description: Apply although another firewall manager is at work on this host.
    type: bool
    default: false
  lose_runtime:
    description:
      - Reload although that loses what somebody changed in the running firewalld only, without C(--permanent).
      - Without this such a change makes the call fail, and names what would be lost.
    type: bool
    default: false
attributes:
  platform:
    description: Linux with firewalld.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
"""

EXAMPLES = r"""
- name: Apply, armed to revert after a minute
  egress.allowlist.firewalld:
    objects: "{{ catalog_compiled.allowlist | egress.allowlist.firewalld_objects(policy='audit') }}"
  register: applied

- name: Open a fresh connection
  ansible.builtin.meta: reset_connection

- name: Confirm
  egress.allowlist.firewalld:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.firewalld:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation.
  type: bool
  returned: always
missing:
  description: Whether firewalld is missing.
  type: bool
  returned: always
msg:
  description: Which command is missing, and of which package.
  type: str
  returned: when RV(missing)
token:
  description: What O(token) takes to confirm this very change.
  type: str
  returned: when armed
differences:
  description: One line for each thing that is opened, shut or set otherwise.
  type: list
  elements: str
  returned: always
  sample: ["+ udp/3478 to 3.25.48.192/28  kudo: media"]
notes:
  description: What a person should know, such as that firewalld does not run.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld.tool import Firewalld, own_files
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import Applier


def main():
    """Run one call."""
    flag = {"type": "bool", "default": False}
    call = Call("firewalld", "objects", FORM, beside_others=flag, lose_runtime=flag)

    def applier():
        tool = Firewalld(call.find, call.run, call.params["lose_runtime"])
        return Applier(tool, call.run, call.module.check_mode)

    call.end({"firewall-cmd": "firewalld"}, applier, own_files)


if __name__ == "__main__":
    main()
