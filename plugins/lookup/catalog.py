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
      - Folders with more vendor files, C(*.yml), each with one key C(catalog_<vendor>), or lists of such folders.
      - Relative ones are taken from the playbook's folder.
    type: list
    elements: raw
    default: []
  custom_vendors:
    description: More vendors, by name, in the form of a vendor file.
    type: dict
    default: {}
notes:
  - A vendor that is there already is refused, not replaced.
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

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import add_vendors, load_vendor_dirs

_SHIPPED = Path(__file__).parents[2] / "roles" / "catalog" / "vars" / "vendors"


class LookupModule(LookupBase):
    """Glue: the folders to load_vendor_dirs, the user's own vendors to add_vendors."""

    def run(
        self, terms: list[str | list[str]], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        # Not get_basedir(): inside a role that is the role, and the user's folders lie beside the playbook.
        base = (variables or {}).get("playbook_dir") or self._loader.get_basedir()
        named = [name for term in terms for name in ([term] if isinstance(term, str) else term)]
        folders = [Path(base, Path(str(name)).expanduser()) for name in named]
        try:
            catalog = load_vendor_dirs([_SHIPPED, *folders])
            return [add_vendors(catalog, plain(self.get_option("custom_vendors")))]
        except ValueError as exc:
            raise AnsibleLookupError(str(exc)) from exc
