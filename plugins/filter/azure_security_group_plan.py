# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{azure_security_group_plan}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: azure_security_group_plan
short_description: Plan an allowlist as rules of an Azure network security group
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Plans what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.azure_security_group).
  - One rule is a protocol, its ports and all prefixes of one IP version that are allowed with these ports.
  - Refuses, with the ways out, what does not fit the limits of one network security group.
extends_documentation_fragment:
  - egress.allowlist.planning
  - egress.allowlist.additions
options:
  dns_servers:
    description: Name servers that may be asked with the policy C(deny). Azure's own can always be asked.
    type: list
    elements: str
    default: []
  ntp_servers:
    description: Time servers that may be asked with the policy C(deny).
    type: list
    elements: str
    default: []
  stops:
    description:
      - What the policy C(deny) stops. C(everything) is all but what the rules allow, traffic within the virtual
        network too.
      - C(internet) leaves open what Azure counts as the virtual network, peered and connected networks too. Where a
        default route leads to an own gateway, that can be the whole Internet.
    type: str
    choices: [everything, internet]
    default: everything
  priorities:
    description: The range of priorities that is ours. No other outbound rule may have one of them.
    type: str
    default: 2000-2999
  max_rules:
    description: How many rules a network security group may have. Azure allows 1,000.
    type: int
    default: 1000
  max_addresses:
    description: How many destination prefixes all rules of a network security group may have. Azure allows 4,000.
    type: int
    default: 4000
"""

EXAMPLES = r"""
- name: Two services of one prefix, and a prefix of one of them
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478, 8801-8810"}
      - {vendor: acme, service: web, destination: "192.0.2.0/28, 198.51.100.7", protocol: TCP, ports: "443"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    plan: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.azure_security_group_plan }}"
  ansible.builtin.assert:
    that:
      - plan.rules | map(attribute='id') == ['tcp-ipv4-443', 'udp-ipv4-3478_8801-8810']
      - plan.rules[0].destinations | list == ['192.0.2.0/28', '198.51.100.7/32']
      - plan.units | map(attribute='need') == [2, 3]
"""

RETURN = r"""
_value:
  description:
    - The plan, with C(rules), C(stops), C(priorities), C(limits), C(policy), C(widened), C(units) and C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.azure import plan


def azure_security_group_plan(allowlist, **options):
    """Plan; raises AnsibleFilterError with what is accepted."""
    try:
        return plan(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"azure_security_group_plan": azure_security_group_plan}
