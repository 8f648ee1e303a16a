# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{nftables_ruleset}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nftables_ruleset
short_description: Render an allowlist as an nftables ruleset
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Renders what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.nftables).
  - One map lookup per packet decides, however long the list is; its value is the counter of the vendor service.
extends_documentation_fragment:
  - egress.allowlist.rendering
  - egress.allowlist.additions
  - egress.allowlist.learning
options:
  _input:
    description: The allowlist.
    type: dict
    required: true
  policy:
    description: C(unmanaged) only allows, C(audit) counts and logs what C(deny) would stop, C(deny) stops it.
    type: str
    choices: [unmanaged, audit, deny]
    default: audit
  stopped:
    description: Whether stopped packets are answered (C(reject)) or not (C(drop)).
    type: str
    choices: [reject, drop]
    default: reject
  log_rate:
    description: How many stopped packets are logged at most.
    type: str
    default: 10/minute
  into:
    description: A table of the user's to put the rules into, instead of a table of their own.
    type: dict
    default: {}
    suboptions:
      family:
        description: The table's family.
        type: str
        choices: [inet, ip, ip6]
        default: inet
      table:
        description: The table's name. Needed where anything is given of the place.
        type: str
      chain:
        description: The user's chain that leads to ours. Needed with O(into.jump).
        type: str
        default: ""
      jump:
        description: Whether to put the jump into the user's chain.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: One prefix, one service, one element
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    native: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.nftables_ruleset }}"
  ansible.builtin.assert:
    that:
      - native.table == 'egress_allowlist'
      - >-
        native.ruleset is search('udp dport 3478 counter name ip daddr map @allowed4_udp_3478 accept')
      - >-
        native.ruleset is search('192.0.2.0/28 : "acme/media"')
"""

RETURN = r"""
_value:
  description:
    - The native form, with C(family), C(table), C(chain), C(jump), C(owned), C(discover), C(notes), C(settings),
      C(ruleset) and C(names).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render


def nftables_ruleset(allowlist, **options):
    """Render; raises AnsibleFilterError with what is accepted."""
    try:
        return render(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"nftables_ruleset": nftables_ruleset}
