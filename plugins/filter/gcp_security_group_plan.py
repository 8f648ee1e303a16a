# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{gcp_security_group_plan}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gcp_security_group_plan
short_description: Plan an allowlist as firewall rules of Google Cloud
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Plans what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.gcp_security_group), without
    asking Google Cloud for anything.
  - One rule is a list of services and up to O(ranges_per_rule) destinations of one IP version.
extends_documentation_fragment:
  - egress.allowlist.planning
  - egress.allowlist.additions
options:
  _input:
    description: The allowlist.
    type: dict
    required: true
  names:
    description:
      - C(report) accepts that what is only known by name stays shut; the summary lists it.
      - With C(resolve) the addresses in O(addresses) are opened; names with a wildcard stay shut.
      - With C(fqdn) names are FQDN objects, which Google Cloud resolves by itself. Needs O(firewall_policy); names with
        a wildcard stay shut.
    type: str
    choices: ["", report, resolve, fqdn]
    default: ""
  firewall_policy:
    description:
      - Name of a network firewall policy that holds the rules, in a band of 1000 priorities from O(priority) on. Empty
        means VPC firewall rules.
    type: str
    default: ""
  priority:
    description: Priority of the rules that allow; in a firewall policy the first of the band.
    type: int
    default: 1000
  deny_priority:
    description: Priority of the VPC firewall rules that deny. A firewall policy has them at the end of the band.
    type: int
    default: 65534
  rules:
    description:
      - VPC firewall rules that the project has room for. The module reads the real quota before it writes.
    type: int
    default: 100
  ranges_per_rule:
    description: The most destinations of one rule.
    type: int
    default: 5000
"""

EXAMPLES = r"""
- name: Two services of one destination are one rule
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478, 8801-8810"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    planned: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.gcp_security_group_plan }}"
  ansible.builtin.assert:
    that:
      - planned.lists | length == 1
      - "planned.lists[0].services == {'udp': ['3478', '8801-8810']}"
      - "planned.lists[0].destinations == {'192.0.2.0/28': ['acme: media']}"
"""

RETURN = r"""
_value:
  description:
    - The plan, with C(lists), C(firewall_policy), C(priority), C(deny_priority), C(policy), C(widened), C(units) and
      C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.gcp import plan


def gcp_security_group_plan(allowlist, **options):
    """Plan; raises AnsibleFilterError with what is accepted."""
    try:
        return plan(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"gcp_security_group_plan": gcp_security_group_plan}
