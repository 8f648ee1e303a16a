# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task C(read_options) of the playbooks: plugins/modules/read_options.py has its documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.utils.vars import load_extra_vars
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import ControllerTask, base_folder, plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.options import words_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import (
    read_catalog,
    role_options,
    shipped_vendors,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.variables import (
    CLOUDS,
    SETTINGS,
    Known,
    check_backend,
    check_extra,
    check_variables,
    entries,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed

SPEC = {
    "reads": {"type": "list", "elements": "str", "default": []},
    "backend": {"type": "str", "default": ""},
    "vendors": {"type": "raw", "default": []},
    "own": {"type": "bool", "default": False},
    "replace": {"type": "bool", "default": False},
    "selects": {"type": "bool", "default": False},
}


class ActionModule(ControllerTask):
    """Look at the names and values of what a playbook was given."""

    spec = SPEC

    def answer(self, given: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of C(catalog_vendors), and what a vendor's own playbook leaves as it is."""
        roles, backend, own = role_options(), given["backend"], given["own"]
        if backend:
            check_backend(backend, roles)
        vendors = [str(vendor) for vendor in words_of(plain(given["vendors"]))]
        extra = load_extra_vars(self._loader)
        if own and ("apply_vendors" in extra or len(vendors) != 1):
            raise ValueError("this is the playbook of one vendor: for others, or several, run playbooks/apply.yml")
        base = base_folder(variables["playbook_dir"])
        folders, custom = (self._value(variables, f"catalog_{name}") for name in ("vendor_dirs", "custom_vendors"))
        catalog = read_catalog(plain(folders), plain(custom), base)
        catalog.chosen(vendors)
        options = {vendor: frozenset(catalog.vendors.get(vendor, {}).get("options", {})) for vendor in vendors}
        known = Known(roles, options, frozenset(given["reads"]), backend)
        check_extra(extra, known)
        check_variables(variables, known)
        self._check_place(variables, extra)
        result = {"unchanged": [], "folder": os.getcwd()}
        if not vendors:
            if given["selects"] and "catalog_vendors" not in variables:
                raise ValueError(f"no vendor is chosen: give catalog_vendors; known are {listed(catalog.vendors)}")
            by_default = self._value(variables, "catalog_all_by_default")
            return {**result, "vendors": self._value(variables, "catalog_vendors"), "all_by_default": bool(by_default)}
        if "catalog_vendors" in extra:
            raise ValueError("catalog_vendors and apply_vendors are both given, or a vendor's own playbook: write one")
        if own and self._value(variables, f"{backend}_egress_state") == "absent":
            raise ValueError(
                "state absent removes all vendors, not only this one: run playbooks/remove.yml for that, or "
                "playbooks/apply.yml with the vendors that stay"
            )
        names = {f"{vendor}_{option}" for vendor, found in options.items() for option in found}
        values = {name: plain(self._value(variables, name)) for name in names & variables.keys()}
        found, all_by_default = entries(
            vendors,
            catalog.vendors,
            values,
            own=own,
            shipped=shipped_vendors(),
            read_ports=expand_ports,
            written=catalog.own,
            typed=extra,
        )
        if own:
            result["unchanged"] = [name for name in SETTINGS if f"{backend}_egress_{name}" not in variables]
            result["unchanged"] += [] if given["replace"] else ["vendors"]
        return {**result, "vendors": found, "all_by_default": all_by_default}

    def _check_place(self, variables: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        """Raise ValueError for what the inventory says and a play cannot read there: it chooses hosts before."""
        given = {*extra, *self.play.vars}
        if "apply_hosts" in variables and "apply_hosts" not in given:
            raise ValueError("apply_hosts is not read in an inventory: give it with -e, or limit the play with --limit")
        backend = variables.get("apply_backend")
        if "apply_backend" not in given and backend in CLOUDS:
            raise ValueError(
                f"apply_backend {backend} is not read in an inventory: give it with -e, a cloud has no hosts"
            )

    def _value(self, variables: Mapping[str, Any], name: str) -> Any:
        return self._templar.template(variables[name]) if name in variables else None
