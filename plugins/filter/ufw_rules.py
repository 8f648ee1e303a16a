# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{ufw_rules}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ufw_rules
short_description: Render an allowlist as rules of ufw
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Renders what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.ufw).
  - One rule is a prefix, a protocol and up to 15 ports; its comment names the vendor services that asked for it.
extends_documentation_fragment:
  - egress.allowlist.rendering
  - egress.allowlist.additions
options:
  _input:
    description: The allowlist.
    type: dict
    required: true
  policy:
    description: C(unmanaged) only allows, C(deny) stops all else after a baseline. ufw cannot count, so no C(audit).
    type: str
    choices: [unmanaged, deny]
    default: unmanaged
  names:
    description:
      - C(report) accepts that C(deny) stops what is only known by name. With C(resolve) the host looks exact names up,
        again and again, into sets (needs ipset); names with a wildcard stay shut.
    type: str
    choices: ["", report, resolve]
    default: ""
  names_lease:
    description: Seconds for which an address stays open after the last answer that had it.
    type: int
    default: 86400
  stopped:
    description: Whether stopped packets are answered (C(reject)) or not (C(drop)).
    type: str
    choices: [reject, drop]
    default: drop
  place:
    description: Where new rules go, behind the user's own (C(last)) or before them (C(first)).
    type: str
    choices: [last, first]
    default: last
  sets:
    description: Keep the vendors' rules in sets, so that a packet's cost does not grow with the list. Needs ipset.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: One prefix, one service, one rule
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478, 8801-8810"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    native: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.ufw_rules }}"
  ansible.builtin.assert:
    that:
      - >-
        native.rules == ['allow udp 3478,8801:8810 192.0.2.0/28 any 0.0.0.0/0 out # acme media']
"""

RETURN = r"""
_value:
  description:
    - The native form, with C(rules), C(stops), C(sets), C(chained), C(names), C(defaults), C(discover), C(roads),
      C(place) and C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render


def ufw_rules(allowlist, **options):
    """Render; raises AnsibleFilterError with what is accepted."""
    try:
        return render(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"ufw_rules": ufw_rules}
