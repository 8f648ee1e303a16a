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
options:
  address_groups:
    description:
      - Whether prefixes are kept in address groups, so that a service costs one rule however long the list, or each
        prefix in a rule of its own.
      - With C(auto) the plan has both forms as far as they fit, and the module takes address groups where the cloud
        has them.
    type: str
    choices: [auto, always, never]
    default: auto
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
- name: Two prefixes, one address group, one rule
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478"}
      - {vendor: acme, service: media, destination: 198.51.100.0/24, protocol: UDP, ports: "3478"}
    allowlist: "{{ rows | egress.allowlist.expand_rows | egress.allowlist.merge_vendors }}"
    plan: "{{ allowlist | egress.allowlist.openstack_security_group_plan }}"
  ansible.builtin.assert:
    that:
      - plan.units[0].need == 1
      - plan.forms.rules.units[0].need == 2
      - >-
        plan.forms.groups.parts[0].prefixes == {'192.0.2.0/28': ['acme: media'], '198.51.100.0/24': ['acme: media']}
"""

RETURN = r"""
_value:
  description: The plan, with C(policy), C(forms), C(widened), C(units) and C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._backends.openstack import plan
from ansible_collections.egress.allowlist.plugins.plugin_utils._plain import plain


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
