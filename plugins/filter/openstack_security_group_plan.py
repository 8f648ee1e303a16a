# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{openstack_security_group_plan}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: openstack_security_group_plan
short_description: Plan an allowlist as a security group of OpenStack
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Plans what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.openstack_security_group).
  - It knows no account; the module compares the plan with the quota that the project really has.
extends_documentation_fragment:
  - egress.allowlist.planning
  - egress.allowlist.additions
options:
  address_groups:
    description:
      - V(never) keeps each prefix in a rule of its own. V(always) keeps prefixes in address groups, so that a service
        costs one rule however long the list.
      - Choose V(always) only where Neutron's drivers obey address groups. Iptables and hybrid Open vSwitch do from
        21.2.1, 22.2.0, 23.2.0 and 24.0.0, OVN from 24.2.0, 25.2.0 and 26.0.0. Older ones open such a rule to every
        destination, and Neutron's API tells a project neither the driver nor its version.
    type: str
    choices: [never, always]
    default: never
  rules:
    description: How many rules the project's quota leaves to this group, C(-1) for any number.
    type: int
    default: 100
  groups:
    description: How many security groups the project's quota leaves, C(-1) for any number.
    type: int
    default: 10
  dns_servers:
    description: Name servers that may be asked with the policy C(deny), addresses or prefixes.
    type: list
    elements: str
    default: []
  ntp_servers:
    description: Time servers that may be asked with the policy C(deny), addresses or prefixes.
    type: list
    elements: str
    default: []
  metadata:
    description: Whether instances may ask 169.254.169.254 for their metadata with the policy C(deny).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Two prefixes, two rules
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478"}
      - {vendor: acme, service: media, destination: 198.51.100.0/24, protocol: UDP, ports: "3478"}
    allowlist: "{{ rows | egress.allowlist.expand_rows | egress.allowlist.merge_vendors }}"
    plan: "{{ allowlist | egress.allowlist.openstack_security_group_plan }}"
  ansible.builtin.assert:
    that:
      - plan.units[0].need == 2
      - >-
        plan.parts[0].prefixes == {'192.0.2.0/28': ['acme: media'], '198.51.100.0/24': ['acme: media']}
"""

RETURN = r"""
_value:
  description: The plan, with C(policy), C(form), C(parts), C(widened), C(units) and C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.openstack import plan


def openstack_security_group_plan(allowlist, **options):
    """Plan; raises AnsibleFilterError with what is accepted."""
    try:
        return plan(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"openstack_security_group_plan": openstack_security_group_plan}
