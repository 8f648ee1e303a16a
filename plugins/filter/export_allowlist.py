# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(export_allowlist)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: export_allowlist
short_description: Write rules and their allowlist as JSON, CSV, Markdown or text
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Returns the text of an export, for other tools, for a spreadsheet or for a person. No firewall is needed.
  - Cells that a spreadsheet would take for a formula, or Markdown for markup, are escaped.
options:
  _input:
    description: The allowlist, as P(egress.allowlist.merge_vendors#filter) returns it.
    type: dict
    required: true
  format:
    description:
      - V(json), an object with C(rules), before merging, and C(allowlist), after it.
      - V(csv), the rules. V(markdown), the rules as tables by vendor and service.
      - V(text), the least list, a line for each service and destination, each service with the fewest prefixes.
    type: str
    choices: [json, csv, markdown, text]
    default: json
"""

EXAMPLES = r"""
- name: A line for each service and destination
  ansible.builtin.assert:
    that: rules | egress.allowlist.merge_vendors | egress.allowlist.export_allowlist('text') == 'tcp/443 192.0.2.0/24\n'
  vars:
    rules:
      - {vendor: example, service: web, protocol: tcp, ports: "443", destination: 192.0.2.0/25}
      - {vendor: example, service: web, protocol: tcp, ports: "443", destination: 192.0.2.128/25}
"""

RETURN = r"""
_value:
  description: The text, ending in a newline.
  type: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist


def export(allowlist: Any, format: str = "json") -> str:
    """Return export_allowlist of plain copies; what is wrong becomes an error of the filter."""
    try:
        return export_allowlist(plain(allowlist), plain(format))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"export_allowlist": export}
