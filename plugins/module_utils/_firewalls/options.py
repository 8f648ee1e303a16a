# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the tasks that apply to a host, and of the modules that do the host's half of them."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model import standing

NATIVE = {"nftables": "ruleset", "ufw": "rules", "firewalld": "objects"}  # the option with the native form
_FLAG = {"type": "bool", "default": False}
_OWN = {
    "nftables": {},
    "ufw": {"beside_others": _FLAG},
    "firewalld": {"beside_others": _FLAG, "lose_runtime": _FLAG},
}


def spec(backend):
    """Return the argument spec of the module of a backend."""
    return {
        "state": {"type": "str", "choices": ["present", "confirmed", "absent"], "default": "present"},
        NATIVE[backend]: {"type": "dict"},
        "token": {"type": "str", "no_log": False},
        "revert_after": {"type": "int", "default": 60},
        "missing_ok": _FLAG,
        "unchanged": standing.OPTION,
        "cut_removed": _FLAG,
        **_OWN[backend],
    }


def task_spec(backend):
    """Return the argument spec of the task, which confirms by itself unless it is told not to."""
    return {**spec(backend), "confirm": {"type": "bool", "default": True}}


def required_if(backend):
    """Return which options a state needs."""
    return [("state", "present", [NATIVE[backend]]), ("state", "confirmed", ["token"])]
