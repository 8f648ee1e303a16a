# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(read_options), which plugins/action/read_options.py does on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: read_options
short_description: Read what a playbook of this collection was given
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - The first task of the playbooks of this collection. It runs on the controller and asks no host for anything.
  - Makes entries of C(catalog_vendors) of the variables that begin with a vendor's name, such as C(kudo_regions).
  - An unknown backend, a variable that is a near miss of a known one, and an option given with C(-e) without its prefix
    (C(regions) for C(kudo_regions), C(nftables_policy) for C(nftables_egress_policy)) are errors which say what was
    meant.
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  reads:
    description: The variables of the playbook itself, such as C(apply_hosts).
    type: list
    elements: str
    default: []
  backend:
    description: The role that applies the allowlist; not checked where it is empty.
    type: str
    default: ""
  vendors:
    description: Vendors, by name, whose options stand in variables; a list, or a string with commas.
    type: raw
    default: []
  own:
    description:
      - Whether this is a vendor's own playbook, which takes all regions where none is chosen and changes nothing else
        of a host.
    type: bool
    default: false
  selects:
    description: Whether the playbook needs a selection, from O(vendors) or from C(catalog_vendors).
    type: bool
    default: false
  replace:
    description: Whether other vendors that a host allows may go, although this is a vendor's own playbook.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read what is said of two vendors
  egress.allowlist.read_options:
    vendors: kudo,vsee
  vars:
    kudo_regions: [usa]
  register: given

- name: See what the role catalog would be given
  ansible.builtin.assert:
    that:
      - given.vendors | map(attribute='name') == ['kudo', 'vsee']
      - given.vendors[0].regions == ['usa']
"""

RETURN = r"""
vendors:
  description: Entries of C(catalog_vendors); that variable itself where O(vendors) is empty.
  type: raw
  returned: always
folder:
  description: The current folder of the controller.
  type: str
  returned: always
all_by_default:
  description: Whether V(all) was put where nothing was said.
  type: bool
  returned: always
unchanged:
  description: What the modules of the backends are told to leave as it is, see their option C(unchanged).
  type: list
  elements: str
  returned: always
"""
