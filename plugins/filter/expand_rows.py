# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(expand_rows)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expand_rows
short_description: Turn rows of vendors' tables into rules
version_added: "0.1.0"
description:
  - Makes of each row, its cells as the vendor printed them, the rules that it asks for. A rule is one protocol,
    one port or port range and one destination, with the row that it came from.
  - The cells are read as P(egress.allowlist.expand_protocols#filter), P(egress.allowlist.expand_ports#filter)
    and P(egress.allowlist.expand_ranges#filter) read them.
  - A cell of ports may name the protocols of its ports, C(TCP:443 UDP:3478). Where the row has a protocol too, both
    cells must name the same.
  - An error names vendor, service and row, quotes the cell and says what is accepted.
extends_documentation_fragment: [egress.allowlist.expansion]
options:
  _input:
    description:
      - Rows. C(vendor), C(service) and C(destination) are needed, and C(ports) unless the protocol has none, such as
        C(ESP) or C(ICMP). Then the cell is empty, C(-), C(n/a) or C(any).
      - C(protocol), C(requirement) (C(required) unless said), C(source), C(date), C(direction) (C(outbound) or
        C(inbound)), C(wide_because), C(special_because), C(title), C(label), C(note) and C(timers) are optional.
        C(row) is by default the position.
      - C(own) says that you wrote the row yourself; private addresses in it then need no further consent.
        C(vendor_wide_because) is why the vendor's rows together are as wide as they are.
      - C(source_ip) and C(source_port) may be C(ANY) or empty. An unknown column is an error.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: One row, two ports, one prefix
  ansible.builtin.assert:
    that:
      - rules | map(attribute='ports') == ['443', '5349']
      - rules | map(attribute='protocol') == ['tcp', 'tcp']
      - rules | map(attribute='destination') | unique == ['34.203.254.0/24']
      - rules[0].vendor == 'example' and rules[0].service == 'stun' and rules[0].row == 1
  vars:
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    rows:
      - vendor: example
        service: stun
        protocol: TCP (TURN TLS)
        source_ip: ANY
        source_port: ANY
        destination: 34.203.254.0 – 34.203.254.255
        ports: 443/5349

- name: A prefix wider than usual, with its reason
  ansible.builtin.assert:
    that: "rows | egress.allowlist.expand_rows(widest_prefix={'ipv4': 12}) | length == 2"
  vars:
    rows:
      - {vendor: example, service: push, destination: 17.0.0.0/8, ports: 80 & 443, wide_because: any of them}

- name: A network of one's own
  ansible.builtin.assert:
    that: (rows | egress.allowlist.expand_rows)[0].destination == '10.1.0.0/24'
  vars:
    rows:
      - {vendor: example, service: pbx, destination: 10.1.0.0/24, protocol: TCP, ports: "5061", own: true}
"""

RETURN = r"""
_value:
  description: >-
    Rules in the order of the rows. C(ports) is a type of ICMP, or empty where the protocol has none. C(label) is there
    where the cells of a row have footnote marks or remarks, which it holds behind the row's own label.
  type: list
  elements: dict
  sample:
    - {protocol: tcp, ports: "443", destination: 34.203.254.0/24, vendor: example, service: stun, row: 1,
       requirement: required, source: Firewall rules, date: "2026-06"}
"""

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import WIDEST_PREFIX, expand_rows


def expand_rows_filter(
    rows: Any,
    *,
    widest_prefix: Any = WIDEST_PREFIX,
    any_address: bool = False,
    special_addresses: Sequence[str] | str = (),
) -> list[dict[str, Any]]:
    """Return expand_rows of plain copies; what is wrong becomes an error of the filter."""
    try:
        openings = Openings(consent_of(boolean(any_address), plain(special_addresses)))
        return expand_rows(plain(rows), widest_prefix=plain(widest_prefix), openings=openings)
    except (TypeError, ValueError) as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"expand_rows": expand_rows_filter}
