# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(compile_allowlist), which plugins/action/compile_allowlist.py does on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compile_allowlist
short_description: Compile the allowlist of the selected vendors
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Reads the catalog, selects rows, expands them to rules and merges these to one allowlist, in one task on the
    controller.
  - Does what the lookup P(egress.allowlist.catalog#lookup) and the filter
    P(egress.allowlist.compile_allowlist#filter) do together. What is wrong is one line, without the
    templates around it.
  - A variable that is a near miss of one that a role of this collection takes is an error which says what was meant.
extends_documentation_fragment: [egress.allowlist.selection, egress.allowlist.expansion]
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  custom_vendors:
    description: Vendors of your own, by name, in the form of a vendor file.
    type: dict
    default: {}
  vendor_dirs:
    description:
      - Folders with more vendor files, C(*.yml) and C(*.yaml), each with one key C(catalog_<vendor>).
      - Relative ones are taken from the play's folder. For the playbooks of this collection that is the folder of
        the playbook on the command line which imports them, or the current one.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Compile the allowlist of two vendors
  egress.allowlist.compile_allowlist:
    vendors:
      - vsee
      - name: kudo
        regions: [usa, europe]
  register: compiled

- name: See that no wildcard is in it
  ansible.builtin.assert:
    that: compiled.allowlist.groups | map(attribute='names') | flatten | select('match', '[*]') | length > 0
"""

RETURN = r"""
selection:
  description: The choices that were made, with the sources and their ages.
  type: dict
  returned: always
allowlist:
  description: What the filters of the backends take.
  type: dict
  returned: always
notes:
  description: What a person should know, such as variables with a role's prefix that the role does not have.
  type: list
  elements: str
  returned: always
  sample: ["nftables_egress_zone is not read: the role nftables has no such variable"]
"""
