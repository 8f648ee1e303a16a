# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(explain_destination)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: explain_destination
short_description: Say whether and why something is open
version_added: "0.1.0"
author: Contributors to egress.allowlist (@egress-allowlist)
description:
  - Says whether all of a destination is open, part of it, or nothing, and lists the rows of the vendors' documents that
    open it.
  - What is open is what the allowlist asks for. What becomes of names is the choice of each backend.
options:
  _input:
    description: The allowlist, as P(egress.allowlist.merge_vendors#filter) returns it.
    type: dict
    required: true
  destination:
    description:
      - An address, a prefix, a range of addresses C(192.0.2.1-192.0.2.9), a name, or a pattern of names
        C(*.example.com).
      - A wildcard of a vendor takes the names below it, a C(*) within a label what stands in that label. A row that
        opens any address answers for every name.
    type: str
    required: true
  protocol:
    description:
      - Only rows of this protocol, by name or number, C(udp), C(esp) or C(50); empty for all.
      - Also as lists print it, with the type or the ports, C(icmp/echo-request) or C(tcp/443).
    type: str
    default: ""
  port:
    description:
      - Only rows that open this port or some of these ports, a number, a range C(50000-50010), or a name like
        C(https); 0 for all.
    type: raw
    default: 0
"""

EXAMPLES = r"""
- name: Who asked for tcp/443 to this address?
  ansible.builtin.assert:
    that: >-
      allowlist | egress.allowlist.explain_destination('192.0.2.7', port=443)
      == ['open: all: tcp/443 to 192.0.2.7',
          'tcp/443 to 192.0.2.0/25  example: web: row 3 of Firewall page, 2026-03 (required)']
  vars:
    rows:
      - {vendor: example, service: web, row: 3, destination: 192.0.2.0/25, ports: "443",
         source: Firewall page, date: "2026-03"}
    allowlist: "{{ rows | egress.allowlist.expand_rows | egress.allowlist.merge_vendors }}"
"""

RETURN = r"""
_value:
  description:
    - "First whether it is open: a line that begins with C(open: all), C(open: in part) or C(open: not)."
    - Then a line for each row, with what it opens, where that is printed, its reason where it is wide, and its label.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination


def explain(allowlist: Any, destination: Any, protocol: Any = "", port: Any = 0) -> list[str]:
    """Glue."""
    try:
        given = ["" if value is None else value for value in (protocol, plain(port))]
        return explain_destination(plain(allowlist), str(destination), str(given[0]), given[1])
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Any]:
        """Return it."""
        return {"explain_destination": explain}
