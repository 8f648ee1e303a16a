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
  - ipset, where sets are wanted
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
  token:
    description: What the call that applied returned as RV(token). Needed for O(state=confirmed).
    type: str
  revert_after:
    description: Seconds until the host goes back to the former rules. 0 confirms at once.
    type: int
    default: 60
  missing_ok:
    description: Return RV(missing) instead of failing where ufw is not installed, or ipset where sets are wanted.
    type: bool
    default: false
  beside_others:
    description: Apply although another firewall manager is at work on this host.
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
    description: Linux with ufw.
    platforms: linux
    support: full
extends_documentation_fragment: []
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
  description: Whether ufw is missing, or ipset where sets are wanted.
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
  description: What a person should know, such as that ufw is inactive.
  type: list
  elements: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils import _host
from ansible_collections.egress.allowlist.plugins.module_utils._tool import Applier, ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._ufw import Ufw

_FOLDERS = ["/usr/sbin", "/sbin"]


def main():
    """Run one call."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "confirmed", "absent"], "default": "present"},
            "rules": {"type": "dict"},
            "token": {"type": "str", "no_log": False},
            "revert_after": {"type": "int", "default": 60},
            "missing_ok": {"type": "bool", "default": False},
            "beside_others": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ["rules"]), ("state", "confirmed", ["token"])],
        supports_check_mode=True,
    )
    params = module.params
    if params["revert_after"] < 0:
        module.fail_json(
            msg=f"revert_after '{params['revert_after']}' is not accepted: write seconds, or 0 for no way back"
        )
    result = {"changed": False, "armed": False, "missing": False, "differences": [], "notes": []}
    tools = ["ufw"] + (["ipset"] if params["rules"] and params["rules"].get("chained") else [])
    missing = [tool for tool in tools if not module.get_bin_path(tool, opt_dirs=_FOLDERS)]
    if missing:
        if params["state"] == "absent" or params["missing_ok"]:
            module.exit_json(**{**result, "missing": True})
        tool = missing[0]
        module.fail_json(
            msg=f"{tool} is not installed: install the package {tool}, or set ufw_install to true", **result
        )
    if os.geteuid() != 0:
        module.fail_json(msg="ufw needs root rights: use become", **result)
    try:
        result.update(_applied(module, params))
    except ToolError as error:
        module.fail_json(msg=f"{error}; the rules are the old ones", **result)
    except OSError as error:
        if params["state"] == "confirmed":
            module.fail_json(msg=f"not confirmed: {error}; the host goes back to the old rules by itself", **result)
        module.fail_json(msg=f"nothing was applied: {error}; the rules are the old ones", **result)
    if module._diff and result["differences"]:
        result["diff"] = {"prepared": "\n".join(result["differences"]) + "\n"}
    module.exit_json(**result)


def _applied(module, params):
    """Do what is asked for; returns what is to be returned. Raises ToolError or OSError."""

    def run(command, text=None):
        try:
            return module.run_command(command, data=text, expand_user_and_vars=False, handle_exceptions=False)
        except BrokenPipeError:
            return 1, "", "it ended before it had read them"

    def find(command, needed=True):
        path = module.get_bin_path(command, opt_dirs=_FOLDERS)
        if needed and not path:
            raise ToolError(f"{command} is not installed")
        return path

    applier = Applier(Ufw(find, run), run, module.check_mode)
    if params["state"] == "confirmed":
        return applier.confirmed(params["token"])
    if params["state"] == "absent":
        return applier.absent()
    others = [] if params["beside_others"] else _host.other_managers("ufw", run)
    if others:
        raise ToolError(
            "another firewall manager is at work on this host: {}; stop it, or set ufw_beside_others to true".format(
                ", ".join(others)
            )
        )
    return applier.present(params["rules"], params["revert_after"])


if __name__ == "__main__":
    main()
