# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters have in common that plan for a cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of a plan."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The allowlist, as P(egress.allowlist.merge_vendors#filter) returns it.
    type: dict
    required: true
  policy:
    description:
      - C(unmanaged) only allows. C(deny) also removes or overrules the rule that lets everything out.
      - A security group cannot count what it would stop, so there is no C(audit).
    type: str
    choices: [unmanaged, deny]
    default: unmanaged
  names:
    description:
      - C(report) accepts that what is only known by name stays shut; the summary lists it.
      - With C(resolve) the addresses in O(addresses) are opened; names with a wildcard stay shut.
    type: str
    choices: ["", report, resolve]
    default: ""
  addresses:
    description: What exact names have as addresses, as P(egress.allowlist.resolve#lookup) returns it.
    type: dict
    default: {}
  widen_at_most:
    description:
      - How many addresses that nobody asked for may be opened, where the exact list does not fit the quota.
      - A C(/64) of IPv6 counts as one address. Each extra prefix is listed in C(widened) of the plan.
      - Special addresses (private, loopback and the like) that the list does not open are never among them, and what
        is opened never comes to as good as any address.
    type: int
    default: 0
  join_services:
    description:
      - Whether neighbouring ports of the same destinations may become one range, such as C(443) and C(5349)
        C(443-5349), where the exact list does not fit the quota.
    type: bool
    default: false
"""
