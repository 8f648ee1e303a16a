#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply the rendered rules to ufw on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ufw
short_description: Apply an egress allowlist to ufw, as one change and with a way back
version_added: "0.1.0"
description:
  - Writes the result of P(egress.allowlist.ufw_rules#filter) into ufw's own files as ordinary rules with comments, and
    loads them as one transaction per IP version. C(ufw reload) is not needed and not called.
  - Arms the host to go back to the former rules by itself, unless a second call with O(state=confirmed) comes in
    time. That call is meant to come over a fresh connection; only then do the rules survive a reboot.
  - Changes nothing when files and running rules are what is wanted; mends what somebody changed by hand.
  - The rules that are ours are those whose comment ends in C((egress.allowlist)); all others stay as they are.
  - Where ufw is inactive the files are written and nothing is loaded. It is never enabled.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - ufw 0.36 or newer on the host, with root rights
  - ipset, where sets are wanted or names are looked up
options:
  state:
    description:
      - C(present) applies O(rules). C(confirmed) confirms what a former call applied. C(absent) removes all that
        this module made, and only that.
    type: str
    choices: [present, confirmed, absent]
    default: present
  rules:
    description: What the filter returned. Needed for O(state=present).
    type: dict
  missing_ok:
    description: Return RV(missing) instead of failing where ufw is not installed, or ipset where its sets are wanted.
    type: bool
    default: false
  beside_others:
    description: Apply although another firewall manager is at work on this host.
    type: bool
    default: false
attributes:
  platform:
    description: Linux with ufw.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
"""

EXAMPLES = r"""
- name: Apply, armed to revert after a minute
  egress.allowlist.ufw:
    rules: "{{ catalog_compiled.allowlist | egress.allowlist.ufw_rules(policy='unmanaged') }}"
  register: applied

- name: Open a fresh connection
  ansible.builtin.meta: reset_connection

- name: Confirm
  egress.allowlist.ufw:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.ufw:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation.
  type: bool
  returned: always
missing:
  description: Whether ufw is missing, or ipset where its sets are wanted.
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
  description: What a person should know, such as that ufw is inactive.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw.tool import Ufw
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import Applier


def main():
    """Run one call."""
    call = Call("ufw", "rules", FORM, beside_others={"type": "bool", "default": False})
    commands = {"ufw": "ufw"}
    if call.params["state"] == "absent":
        commands = {}  # its files, which outlive the package, and what runs are changed without it
    elif call.params["rules"] and call.params["rules"]["chained"]:
        commands["ipset"] = "ipset"
    call.end(commands, lambda: Applier(Ufw(call.find, call.run), call.run, call.module.check_mode))


if __name__ == "__main__":
    main()
