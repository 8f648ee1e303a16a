# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(select_rows)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: select_rows
short_description: Select rows of vendors from the catalog
version_added: "0.1.0"
author: Contributors to egress.allowlist (@egress-allowlist)
description: Takes the rows of the chosen vendors and options, cells as printed. Errors name the choices.
extends_documentation_fragment: [egress.allowlist.selection]
options:
  _input:
    description: The catalog, as P(egress.allowlist.catalog#lookup) returns it.
    type: dict
    required: true
  own_vendors:
    description:
      - Names of vendors that you wrote yourself. Private addresses (RFC 1918, 100.64.0.0/10, fc00::/7) in their rows
        need no further consent.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: One region of a vendor of your own
  ansible.builtin.assert:
    that:
      - selection.rows | map(attribute='destination') == ['192.0.2.0 – 192.0.2.127']
      - selection.sources[0].stale
  vars:
    vendors:
      example:
        title: Example
        sources: [{id: page, title: Firewall page, date: "2020-03"}]
        options: {regions: {type: list, choices: [east, west], required: true}}
        services: [{name: media, title: Media, source: page, rows: "{{ rows }}"}]
    rows:
      - {destination: "192.0.2.0 – 192.0.2.127", ports: "443", when: {regions: [east]}}
      - {destination: "198.51.100.0/24", ports: "443", when: {regions: [west]}}
    chosen: [{name: example, regions: [east]}]
    selection: "{{ vendors | egress.allowlist.select_rows(chosen, today='2026-01-01') }}"
"""

RETURN = r"""
_value:
  description: C(rows), C(timers), C(sources) with ages, C(not_rules), and C(vendors), the choices that were made.
  type: dict
"""

import datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import selection
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import Catalog, add_vendors


def select_rows(
    catalog: Any, vendors: Any, max_age: str = "2y", today: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return select_rows of plain copies; what is wrong becomes an error of the filter."""
    try:
        vendors, checked = plain(vendors), add_vendors(Catalog({}, {}), plain(catalog))
        checked.chosen(selection.names_of(vendors))
        more["today"] = datetime.date.fromisoformat(str(today)) if today else datetime.date.today()
        more["all_by_default"] = boolean(more.get("all_by_default", False))
        return selection.select_rows(checked.vendors, vendors, max_age_days=selection.parse_age(max_age), **more)
    except (TypeError, ValueError) as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"select_rows": select_rows}
