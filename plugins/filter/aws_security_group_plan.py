# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{aws_security_group_plan}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_security_group_plan
short_description: Plan an allowlist as egress rules of AWS security groups
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Plans what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.aws_security_group).
  - A rule is a protocol, a range of ports and one prefix. The quota of AWS counts rules for each group and IP version,
    and the rules of all groups of an interface add up.
  - What does not fit is an error that says by how much, and what would make it fit. Nothing is widened unasked.
extends_documentation_fragment:
  - egress.allowlist.planning
  - egress.allowlist.additions
options:
  rules_per_group:
    description: The account's quota of outbound rules for each group and IP version (L-0EA8095F).
    type: int
    default: 60
  groups:
    description: How many groups may be made. Leave some of O(groups_per_interface) to other groups of the interface.
    type: int
    default: 5
  groups_per_interface:
    description: The account's quota of groups for each network interface (L-2AFB9258).
    type: int
    default: 5
  prefix_lists:
    description:
      - Whether rules refer to managed prefix lists, which other groups can share.
      - An entry of a list costs as much quota as a rule.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Two services, two rules
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478, 8801-8810"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    plan: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.aws_security_group_plan(policy='deny') }}"
  ansible.builtin.assert:
    that:
      - plan.rules[0].cidr == '192.0.2.0/28'
      - "plan.rules[0].label == 'acme: media'"
      - plan.rules | length == 2
      - plan.groups_needed == 1
      - plan.units[0].need == 2
      - plan.units[0].limit == 300
"""

RETURN = r"""
_value:
  description:
    - The plan, with C(policy), C(rules), C(limits), C(prefix_lists), C(groups_needed), C(widened), C(units) and
      C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.aws import plan


def aws_security_group_plan(allowlist, **options):
    """Plan; raises AnsibleFilterError with what is accepted."""
    try:
        return plan(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"aws_security_group_plan": aws_security_group_plan}
