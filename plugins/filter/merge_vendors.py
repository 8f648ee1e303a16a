# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter merge_vendors: rules of all vendors to one allowlist."""

from __future__ import annotations

DOCUMENTATION = r"""
name: merge_vendors
short_description: Merge the rules of all vendors into one allowlist
version_added: "0.1.0"
description:
  - Gathers rules into groups of destinations that share exactly one list of services (a protocol with a port range, a
    type of ICMP, or a protocol without ports).
  - Groups are disjoint. An address that several rules name belongs to one group, which has the services of all of them.
  - Prefixes and port ranges that overlap or touch are joined. The result does not depend on the order of the rules.
  - Names are kept by their exact text. V(*.example.com) does not take V(a.example.com) in, because tools differ
    in what they let a wildcard match.
options:
  _input:
    description:
      - Rules as P(egress.allowlist.expand_rows#filter) returns them, or a list of such lists.
      - Each has C(protocol), C(ports), C(destination), C(vendor) and C(service). C(row), C(requirement), C(source),
        C(date), C(direction), C(label), C(read_as), C(own_ip) and C(source_port) go into the provenance where they are
        present.
    type: list
    elements: raw
    required: true
  timers:
    description: Connection timers that the vendors ask for.
    type: list
    elements: dict
    default: []
  sources:
    description: The documents that the rules come from. They are not part of the digest.
    type: list
    elements: dict
    default: []
  not_rules:
    description: What the vendors ask for that a packet filter cannot give.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Merge two rules
  ansible.builtin.assert:
    that:
      - allowlist.groups | length == 1
      - allowlist.groups[0].services == ['tcp/443', 'udp/3478']
      - allowlist.groups[0].ipv4 == ['192.0.2.0/24']
  vars:
    web: {vendor: example, service: media, row: 1, protocol: tcp, ports: "443"}
    stun: {vendor: example, service: media, row: 2, protocol: udp, ports: "3478", destination: 192.0.2.0/24}
    rules:
      - "{{ web | combine({'destination': '192.0.2.0/25'}) }}"
      - "{{ web | combine({'destination': '192.0.2.128/25'}) }}"
      - "{{ stun }}"
    allowlist: "{{ rules | egress.allowlist.merge_vendors }}"
"""

RETURN = r"""
_value:
  description:
    - The allowlist.
    - C(groups) and C(inbound) are lists of groups, each with C(id), C(services), C(ipv4), C(ipv6) and C(names).
    - C(provenance) holds the rules themselves; those that differ only in the destination share an entry. Entries are
      sorted by vendor, service, row, and then by all that they hold.
    - C(timers), C(sources) and C(not_rules) are handed through, sorted.
    - C(reasons) is why what is wide or special is open, and C(notes) is what vendor files remark on services, where
      P(egress.allowlist.compile_allowlist#filter) made it.
    - C(digest) is the SHA-256 of C(groups), C(inbound), C(provenance) and C(timers) as JSON, keys sorted, no spaces.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist import merge
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain


def merge_vendors(rules, timers=(), sources=(), not_rules=()):
    """Return the allowlist; the rules are read once as they are, copying a million of them would cost too much."""
    try:
        return merge.merge_vendors(rules, timers=plain(timers), sources=plain(sources), not_rules=plain(not_rules))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self):
        """Return the filter by its name."""
        return {"merge_vendors": merge_vendors}
