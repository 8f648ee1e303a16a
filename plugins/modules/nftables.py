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
  token:
    description: What the call that applied returned as RV(token). Needed for O(state=confirmed).
    type: str
  revert_after:
    description: Seconds until the host goes back to the former rules. 0 confirms at once.
    type: int
    default: 60
  missing_ok:
    description: Return RV(missing) instead of failing where nft is not installed.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing and returns the same difference.
    support: full
  diff_mode:
    description: Shows what is opened and shut, in words.
    support: full
  platform:
    description: Linux with nftables.
    platforms: linux
    support: full
extends_documentation_fragment: []
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
  description: Whether nft is missing.
  type: bool
  returned: always
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

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils._nft import Nft, NftError
from ansible_collections.egress.allowlist.plugins.module_utils._nft_apply import Applier


def main():
    """Run one call."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "confirmed", "absent"], "default": "present"},
            "ruleset": {"type": "dict"},
            "token": {"type": "str", "no_log": False},
            "revert_after": {"type": "int", "default": 60},
            "missing_ok": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ["ruleset"]), ("state", "confirmed", ["token"])],
        supports_check_mode=True,
    )
    params = module.params
    if params["revert_after"] < 0:
        module.fail_json(
            msg=f"revert_after '{params['revert_after']}' is not accepted: write seconds, or 0 for no way back"
        )
    result = {"changed": False, "armed": False, "missing": False, "differences": [], "notes": []}

    def run(command, text=None):
        return module.run_command(command, data=text, expand_user_and_vars=False, handle_exceptions=False)

    path = module.get_bin_path("nft", opt_dirs=["/usr/sbin", "/sbin"])
    if not path:
        if params["state"] == "absent" or params["missing_ok"]:
            module.exit_json(**{**result, "missing": True})
        module.fail_json(
            msg="nft is not installed: install the package nftables, or set nftables_install to true", **result
        )
    if os.geteuid() != 0:
        module.fail_json(msg="nft needs root rights: use become", **result)
    try:
        applier = Applier(Nft(path, run), run, module.check_mode)
        if params["state"] == "present":
            result.update(applier.present(params["ruleset"], params["revert_after"]))
        elif params["state"] == "confirmed":
            result.update(applier.confirmed(params["token"]))
        else:
            result.update(applier.absent())
    except NftError as error:
        module.fail_json(msg=f"{error}; the rules are the old ones", **result)
    except OSError as error:
        if params["state"] == "confirmed":
            module.fail_json(msg=f"not confirmed: {error}; the host goes back to the old rules by itself", **result)
        module.fail_json(msg=f"nothing was applied: {error}; the rules are the old ones", **result)
    if module._diff and result["differences"]:
        result["diff"] = {"prepared": "\n".join(result["differences"]) + "\n"}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
