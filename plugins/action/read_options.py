# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task C(read_options) of the playbooks: plugins/modules/read_options.py has its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.utils.vars import load_extra_vars
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import ControllerTask, base_folder, plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.options import words_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog, role_options
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.variables import (
    Known,
    check_backend,
    check_extra,
    check_variables,
    entries,
)

SPEC = {
    "reads": {"type": "list", "elements": "str", "default": []},
    "backend": {"type": "str", "default": ""},
    "vendors": {"type": "raw", "default": []},
    "own": {"type": "bool", "default": False},
    "replace": {"type": "bool", "default": False},
}
_SETTINGS = ("policy", "scope", "names", "allow")


class ActionModule(ControllerTask):
    """Look at the names and values of what a playbook was given."""

    spec = SPEC

    def answer(self, given: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of C(catalog_vendors), and what a vendor's own playbook leaves as it is."""
        roles = role_options()
        if given["backend"]:
            check_backend(given["backend"], roles)
        base = base_folder(variables["playbook_dir"])
        catalog = read_catalog(
            plain(self._value(variables, "catalog_vendor_dirs", [])),
            plain(self._value(variables, "catalog_custom_vendors", {})),
            base,
        )
        vendors = [str(vendor) for vendor in words_of(plain(given["vendors"]))]
        catalog.chosen(vendors)
        options = {vendor: frozenset(catalog.vendors.get(vendor, {}).get("options", {})) for vendor in vendors}
        known = Known(roles, options, frozenset(given["reads"]))
        extra = load_extra_vars(self._loader)
        check_extra(extra, known)
        check_variables(variables, known)
        if not vendors:
            return {
                "vendors": self._value(variables, "catalog_vendors", None),
                "unchanged": [],
                "all_by_default": self._value(variables, "catalog_all_by_default", False),
            }
        if given["own"] and "apply_vendors" in extra:
            raise ValueError(f"this is the playbook of one vendor: for {', '.join(vendors)} run playbooks/apply.yml")
        if "catalog_vendors" in extra:
            raise ValueError("catalog_vendors and apply_vendors are both given, or a vendor's own playbook: write one")
        names = {f"{vendor}_{option}" for vendor, found in options.items() for option in found}
        values = {name: plain(self._value(variables, name, None)) for name in names & variables.keys()}
        found, all_by_default = entries(vendors, catalog.vendors, values, own=given["own"])
        unchanged = [name for name in _SETTINGS if f"{given['backend']}_egress_{name}" not in variables]
        unchanged += [] if given["replace"] else ["vendors"]
        return {"vendors": found, "unchanged": unchanged if given["own"] else [], "all_by_default": all_by_default}

    def _value(self, variables: Mapping[str, Any], name: str, default: Any) -> Any:
        return self._templar.template(variables[name]) if name in variables else default
