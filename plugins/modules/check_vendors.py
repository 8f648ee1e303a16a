# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the task C(check_vendors), which plugins/action/check_vendors.py does on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_vendors
short_description: Look at vendor files before anybody uses them
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Reads vendor files on the controller, checks them and expands all their rows, whatever options switch them on. Lists
    are filled with all their choices, and what a user must write is the example of the option.
  - What is wrong with a file is no failure of the task. It stands in C(errors), for C(playbooks/check.yml) to print.
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  path:
    description:
      - A vendor file, a folder with such files, C(*.yml) and C(*.yaml), or several, as a list or with commas.
      - Relative ones are taken from the play's folder. For the playbooks of this collection that is the folder of
        the playbook on the command line which imports them, or the current one.
    type: raw
    required: true
  every:
    description: Whether all names and readings of a file are listed, not the first ones.
    type: bool
    default: false
  today:
    description: The day that no document is later than, C(YYYY-MM-DD), if not today.
    type: str
"""

EXAMPLES = r"""
- name: Look at the files of a folder
  egress.allowlist.check_vendors:
    path: vendors
  register: found

- name: See that they are sound, and what Acme would open
  ansible.builtin.assert:
    that:
      - found.errors == []
      - found.lines | select('search', '^  media +tcp/443 +16 addresses in 1 prefix +required$') | length == 1
      - found.lines | select('search', '^  a user need not agree to anything else$') | length == 1
"""

RETURN = r"""
errors:
  description: What is wrong, a line for each error, with its file and place.
  type: list
  elements: str
  returned: always
  sample: ["vendors/acme.yml: acme: media: row 1: ports '83-80': 83 is larger than 80: write the lower port first"]
lines:
  description: What each sound file would open, and what a user would have to choose and to agree to.
  type: list
  elements: str
  returned: always
"""
