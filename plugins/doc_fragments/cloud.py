# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all clouds have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of an application to a cloud."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - C(present) makes the cloud have what O(plan) says. C(absent) removes all that this module made under
        O(name), and only that.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Marks what is ours. Only what carries this mark is ever changed or removed, so that two selections can stand
        side by side under two names.
    type: str
    default: egress-allowlist
  plan:
    description: What the filter of this cloud returned. Needed for O(state=present).
    type: dict
  unchanged:
    description:
      - What of an allowlist that is there already must not change. Where it would, the module fails and has touched
        nothing. The playbook of a single vendor asks for this, so that it changes only its own vendor.
      - C(vendors) are those that rules are for, C(allow) what was added to the baseline. A cloud has no C(scope) and no
        C(sources), and what becomes of C(names) cannot be read back from it.
    type: list
    elements: str
    choices: [vendors, policy, scope, sources, names, allow]
    default: []
attributes:
  check_mode:
    description: Reads, computes the difference and checks the quota, and writes nothing.
    support: full
  diff_mode:
    description: Shows what is opened and shut, in words.
    support: full
"""
