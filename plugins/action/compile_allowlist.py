# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task C(compile_allowlist): plugins/modules/compile_allowlist.py has its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import ControllerTask, base_folder, plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.keys import REQUIREMENTS
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import names_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog, role_options
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.variables import (
    FIREWALLS,
    Known,
    check_once,
    check_variables,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import WIDEST_PREFIX

SPEC = {
    "vendors": {"type": "raw", "required": True},
    "requirements": {
        "type": "list",
        "elements": "str",
        "choices": list(REQUIREMENTS),
        "default": ["required", "recommended"],
    },
    "custom_vendors": {"type": "dict", "default": {}},
    "vendor_dirs": {"type": "list", "elements": "str", "default": []},
    "max_age": {"type": "str", "default": "2y"},
    "stale": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
    "widest_prefix": {
        "type": "dict",
        "default": dict(WIDEST_PREFIX),
        "options": {"ipv4": {"type": "int", "default": 16}, "ipv6": {"type": "int", "default": 32}},
    },
    "any_address": {"type": "bool", "default": False},
    "special_addresses": {"type": "list", "elements": "str", "default": []},
    "all_by_default": {"type": "bool", "default": False},
    "today": {"type": "str"},
}
_HOST_ROLES = [f"egress.allowlist.{role}" for role in FIREWALLS]


class ActionModule(ControllerTask):
    """Compile the allowlist of the selected vendors."""

    spec = SPEC

    def answer(self, given: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the selection, the allowlist, and notes on variables that nobody reads."""
        base = base_folder(variables["playbook_dir"])
        catalog = read_catalog(given.pop("vendor_dirs"), plain(given.pop("custom_vendors")), base)
        notes = check_variables(variables, Known(roles=role_options(), vendors={}))
        vendors = plain(given.pop("vendors"))
        warnings = catalog.chosen(names_of(vendors))
        compiled = compile_allowlist(catalog.vendors, vendors, own_vendors=sorted(catalog.own, key=str), **given)
        where = self._where(variables)
        check_once(where, compiled["selection"], variables.get("catalog_compiled", {}))
        return {**compiled, "notes": notes, "warnings": warnings, "where": where}

    def _where(self, variables: Mapping[str, Any]) -> str:
        """Return which role in which play has this done, '' where it is none that has a host to itself."""
        roles = [name for name in variables.get("ansible_parent_role_names", []) if name in _HOST_ROLES]
        return f"{roles[0]} in play {self.play._uuid}" if roles else ""
