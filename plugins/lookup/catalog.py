# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup C(catalog)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: catalog
short_description: Read the vendors' rows as published
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Returns one dictionary with all vendors of the catalog, each as its vendor file has it, for the
    P(egress.allowlist.select_rows#filter) filter.
  - The files are data from outside. They are checked, and never templated.
options:
  _terms:
    description:
      - Folders with more vendor files, C(*.yml) and C(*.yaml), each with one key C(catalog_<vendor>), or lists of such
        folders.
      - Relative ones are taken from the play's folder. For the playbooks of this collection that is the folder of
        the playbook on the command line which imports them, or the current one.
    type: list
    elements: raw
    default: []
  custom_vendors:
    description: More vendors, by name, in the form of a vendor file.
    type: dict
    default: {}
notes:
  - A vendor that is there already is refused, not replaced. A file that is no vendor file is warned of and left out.
"""

EXAMPLES = r"""
- name: The vendors of the catalog
  ansible.builtin.assert:
    that: "'kudo' in lookup('egress.allowlist.catalog')"

- name: The catalog and a folder of your own
  ansible.builtin.assert:
    that: "'acme' in lookup('egress.allowlist.catalog', playbook_dir ~ '/vendors')"
"""

RETURN = r"""
_raw:
  description: One dictionary, the vendor's definition by its name.
  type: list
  elements: dict
  sample:
    - kudo:
        title: KUDO
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import base_folder, plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog


class LookupModule(LookupBase):
    """Glue: folders and the user's own vendors to read_catalog."""

    def run(
        self, terms: list[str | list[str]], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        # Not get_basedir(): inside a role that is the role, and the user's folders lie beside the playbook.
        base = base_folder((variables or {}).get("playbook_dir") or self._loader.get_basedir())
        try:
            catalog = read_catalog(terms, plain(self.get_option("custom_vendors")), base)
            for fault in catalog.chosen(catalog.vendors):
                self._display.warning(fault)
            return [catalog.vendors]
        except ValueError as exc:
            raise AnsibleLookupError(str(exc)) from exc
