# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(firewalld), which plugins/action/firewalld.py does by means of firewalld_host.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld
short_description: Apply an egress allowlist to firewalld, as one change and with a way back
version_added: "0.1.0"
description:
  - Writes the result of P(egress.allowlist.firewalld_objects#filter) as ipsets, services and policies
    below C(/etc/firewalld) and makes firewalld load them by one C(firewall-cmd --reload), after
    C(firewall-offline-cmd --check-config) has accepted them.
  - Arms the host to go back to the former rules by itself, opens a fresh connection to it and confirms over that one.
    Only then do the rules survive a reboot. Where no connection comes through, the host goes back within
    O(revert_after) seconds, and the task fails. Other hosts are not waited for.
  - Changes nothing and reloads nothing when files and running objects are what is wanted; mends what somebody changed.
  - The objects that are ours have a name that starts with C(egress-) and a description that starts with
    C(Made by egress.allowlist.); all others stay as they are.
  - Where firewalld does not run the files are written and checked, and nothing is loaded. It is never started.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - firewalld 1.0 or newer with its nftables backend on the host, with root rights
options:
  objects:
    description: What the filter returned. Needed for O(state=present).
    type: dict
  lose_runtime:
    description:
      - Reload although that loses what somebody changed in the running firewalld only, without C(--permanent), or
        brings what somebody wrote with C(--permanent) and did not load.
      - Without this such a change makes the call fail, and names what would be lost or brought.
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
  - egress.allowlist.confirming
"""

EXAMPLES = r"""
- name: Apply, and confirm over a fresh connection
  egress.allowlist.firewalld:
    objects: "{{ catalog_compiled.allowlist | egress.allowlist.firewalld_objects(policy='audit') }}"

- name: Apply a stricter policy, which goes away again unless somebody confirms it
  egress.allowlist.firewalld:
    objects: "{{ catalog_compiled.allowlist | egress.allowlist.firewalld_objects(policy='deny', names='report') }}"
    revert_after: 300
    confirm: false
  register: applied

- name: Confirm it, after a look of your own at what it stops
  egress.allowlist.firewalld:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.firewalld:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation, as it does only with O(confirm=false).
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
ip_versions:
  description: The IP versions of which there are rules, where some were applied.
  type: list
  elements: int
  returned: always
  sample: [4, 6]
notes:
  description: What a person should know, such as that firewalld does not run.
  type: list
  elements: str
  returned: always
"""
