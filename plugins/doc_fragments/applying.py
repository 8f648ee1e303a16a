# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks that apply to a host have in common with the modules that do the host's half."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of an application."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - C(present) applies what the filter returned. C(confirmed) confirms what a former call applied. C(absent)
        removes all that is ours, and only that.
    type: str
    choices: [present, confirmed, absent]
    default: present
  token:
    description: What the call that applied returned as RV(token). Needed for O(state=confirmed).
    type: str
  revert_after:
    description:
      - Seconds until the host goes back to the former rules. 0 confirms at once.
      - Where going back fails, the host says why in its journal and tries again until it is done.
    type: int
    default: 60
  missing_ok:
    description:
      - Return RV(missing) instead of failing where a command is missing that the options need.
      - In check mode the differences are returned all the same. Where the firewall itself is missing, they are those
        from nothing.
    type: bool
    default: false
  unchanged:
    description:
      - What of an allowlist that is there already must not change. Where it would, the module fails and has touched
        nothing. The playbook of a single vendor asks for this, so that it changes only its own vendor.
      - C(vendors) are those that rules are for, C(allow) what was added to the baseline, C(names) what becomes of
        names.
    type: list
    elements: str
    choices: [vendors, policy, scope, sources, names, allow]
    default: []
  cut_removed:
    description:
      - End flows that are under way to addresses and ports that the former list opened and this one does not, once the
        change is confirmed. conntrack, which knows them, would let them go on.
      - No other flow is ended, neither one that the baseline, an addition of the user's or another entry of the list
        lets through, nor one that came in to the host.
      - Only with the policy C(deny), which stops what is new. Needs C(conntrack) on the host.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing and returns the same difference.
    support: full
  diff_mode:
    description: Shows what is opened and shut, in words.
    support: full
"""
