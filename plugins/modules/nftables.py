#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a rendered nftables ruleset to this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables
short_description: Apply an egress allowlist to nftables, atomically and with a way back
version_added: "0.1.0"
description:
  - Loads the result of P(egress.allowlist.nftables_ruleset#filter) as one transaction, after C(nft -c) has checked it.
  - Arms the host to go back to the former rules by itself, unless a second call with O(state=confirmed) comes in
    time. That call is meant to come over a fresh connection; only then do the rules survive a reboot.
  - Changes nothing when the live rules and the boot file are what is wanted; mends what somebody changed by hand.
  - Keeps the addresses that were learned by name when the rules change, as far as their names are still wanted.
  - Touches its own table only, or, in a table of the user's, only objects whose names start with C(egress_allowlist).
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - nft 1.0 or newer on the host, with root rights
options:
  state:
    description:
      - C(present) applies O(ruleset). C(confirmed) confirms what a former call applied. C(absent) removes all that
        this module made, and only that.
    type: str
    choices: [present, confirmed, absent]
    default: present
  ruleset:
    description: What the filter returned. Needed for O(state=present).
    type: dict
  missing_ok:
    description: Return RV(missing) instead of failing where nft is not installed, or dnsmasq where names need it.
    type: bool
    default: false
attributes:
  platform:
    description: Linux with nftables.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
"""

EXAMPLES = r"""
- name: Apply, armed to revert after a minute
  egress.allowlist.nftables:
    ruleset: "{{ catalog_compiled.allowlist | egress.allowlist.nftables_ruleset(policy='audit') }}"
  register: applied

- name: Open a fresh connection
  ansible.builtin.meta: reset_connection

- name: Confirm
  egress.allowlist.nftables:
    state: confirmed
    token: "{{ applied.token }}"

- name: Remove everything again
  egress.allowlist.nftables:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation.
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
notes:
  description: What a person should know, such as that nothing loads the rules at boot.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.apply import Applier
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.boot import own_files
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.nft import Nft


def main():
    """Run one call."""
    call = Call("nftables", "ruleset", FORM)

    def applier():
        return Applier(Nft(call.find("nft"), call.run), call.run, call.module.check_mode)

    call.end({"nft": "nftables"}, applier, own_files)


if __name__ == "__main__":
    main()
