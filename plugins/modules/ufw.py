# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(ufw), which plugins/action/ufw.py does by means of ufw_host.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ufw
short_description: Apply an egress allowlist to ufw, as one change and with a way back
version_added: "0.1.0"
description:
  - Writes the result of P(egress.allowlist.ufw_rules#filter) into ufw's own files as ordinary rules with comments, and
    loads them as one transaction per IP version. C(ufw reload) is not needed and not called.
  - Arms the host to go back to the former rules by itself, opens a fresh connection to it and confirms over that one.
    Only then do the rules survive a reboot. Where no connection comes through, the host goes back within
    O(revert_after) seconds, and the task fails. Other hosts are not waited for.
  - Changes nothing when files and running rules are what is wanted; mends what somebody changed by hand.
  - The rules that are ours are those whose comment ends in C((egress.allowlist)); all others stay as they are.
  - Where ufw is inactive the files are written and nothing is loaded. It is never enabled.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - ufw 0.36 or newer on the host, with root rights
  - ipset, where sets are wanted or names are looked up
options:
  rules:
    description: What the filter returned. Needed for O(state=present).
    type: dict
attributes:
  platform:
    description: Linux with ufw.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
  - egress.allowlist.beside_others
  - egress.allowlist.confirming
"""

EXAMPLES = r"""
- name: Apply, and confirm over a fresh connection
  egress.allowlist.ufw:
    rules: "{{ catalog_compiled.allowlist | egress.allowlist.ufw_rules(policy='unmanaged') }}"

- name: Apply a stricter policy, which goes away again unless somebody confirms it
  egress.allowlist.ufw:
    rules: "{{ catalog_compiled.allowlist | egress.allowlist.ufw_rules(policy='deny', names='report') }}"
    revert_after: 300
    confirm: false
  register: applied

- name: Confirm it, after a look of your own at what it stops
  egress.allowlist.ufw:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.ufw:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation, as it does only with O(confirm=false).
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
ip_versions:
  description: The IP versions of which there are rules, where some were applied.
  type: list
  elements: int
  returned: always
  sample: [4, 6]
notes:
  description: What a person should know, such as that ufw is inactive.
  type: list
  elements: str
  returned: always
"""
