# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(nftables), which plugins/action/nftables.py does by means of nftables_host.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables
short_description: Apply an egress allowlist to nftables, atomically and with a way back
version_added: "0.1.0"
description:
  - Loads the result of P(egress.allowlist.nftables_ruleset#filter) as one transaction, after C(nft -c) has checked it.
  - Arms the host to go back to the former rules by itself, opens a fresh connection to it and confirms over that one.
    Only then do the rules survive a reboot. Where no connection comes through, the host goes back within
    O(revert_after) seconds, and the task fails. Other hosts are not waited for.
  - Changes nothing when the live rules and the boot file are what is wanted; mends what somebody changed by hand.
  - Keeps the addresses that were learned by name when the rules change, as far as their names are still wanted.
  - Touches its own table only, or, in a table of the user's, only objects whose names start with C(egress_allowlist).
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - nft 1.0 or newer on the host, with root rights
options:
  ruleset:
    description: What the filter returned. Needed for O(state=present).
    type: dict
attributes:
  platform:
    description: Linux with nftables.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
  - egress.allowlist.confirming
"""

EXAMPLES = r"""
- name: Apply, and confirm over a fresh connection
  egress.allowlist.nftables:
    ruleset: "{{ catalog_compiled.allowlist | egress.allowlist.nftables_ruleset(policy='audit') }}"

- name: Apply a stricter policy, which goes away again unless somebody confirms it
  egress.allowlist.nftables:
    ruleset: "{{ catalog_compiled.allowlist | egress.allowlist.nftables_ruleset(policy='deny', names='report') }}"
    revert_after: 300
    confirm: false
  register: applied

- name: Confirm it, after a look of your own at what it stops
  egress.allowlist.nftables:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.nftables:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation, as it does only with O(confirm=false).
  type: bool
  returned: always
missing:
  description: Whether nft, or dnsmasq where names need it, is missing.
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
  description: What a person should know, such as that nothing loads the rules at boot.
  type: list
  elements: str
  returned: always
"""
