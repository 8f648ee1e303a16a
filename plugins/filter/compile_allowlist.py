# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(compile_allowlist)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: compile_allowlist
short_description: Select, expand and merge in one step
version_added: "0.1.0"
author: Contributors to egress.allowlist (@egress-allowlist)
description:
  - Does what P(egress.allowlist.select_rows#filter), P(egress.allowlist.expand_rows#filter) and
    P(egress.allowlist.merge_vendors#filter) do one after the other, so that Ansible need not carry thousands of rows
    and rules from task to task.
extends_documentation_fragment: [egress.allowlist.selection, egress.allowlist.expansion]
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
- name: One vendor of your own
  ansible.builtin.assert:
    that:
      - compiled.allowlist.groups[0].ipv4 == ['192.0.2.0/25']
      - compiled.selection.vendors[0].name == 'example'
  vars:
    rows: [{destination: 192.0.2.0 – 192.0.2.127, protocol: UDP, ports: "3478"}]
    catalog:
      example:
        title: Example
        sources: [{id: page, title: Firewall page, date: "2026-03"}]
        services: [{name: media, title: Media, source: page, rows: "{{ rows }}"}]
    compiled: "{{ catalog | egress.allowlist.compile_allowlist([{'name': 'example'}]) }}"
"""

RETURN = r"""
_value:
  description:
    - C(selection), the choices that were made, with sources and their ages.
    - C(allowlist), what backends get. Its C(reasons) say why what is wide or special is open, its C(notes) what vendor
      files remark on services.
  type: dict
"""

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.egress.allowlist.plugins.filter.select_rows import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import WIDEST_PREFIX, expand_rows


def compile_allowlist(
    catalog: Any,
    vendors: Any,
    widest_prefix: Any = WIDEST_PREFIX,
    any_address: bool = False,
    special_addresses: Sequence[str] | str = (),
    **options: Any,
) -> dict[str, Any]:
    """Return C{{"selection": {...}, "allowlist": {...}}}."""
    selection = select_rows(catalog, vendors, **options)
    try:
        openings = Openings(consent_of(boolean(any_address), plain(special_addresses)))
        rules = expand_rows(selection.pop("rows"), widest_prefix=plain(widest_prefix), openings=openings)
        about = {key: selection[key] for key in ("timers", "sources", "not_rules")}
        about["notes"] = [
            {"vendor": vendor["name"], **note} for vendor in selection["vendors"] for note in vendor["notes"]
        ]
        return {"selection": selection, "allowlist": merge_vendors(rules, **about, reasons=openings.reasons())}
    except (TypeError, ValueError) as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Any]:
        """Return it."""
        return {"compile_allowlist": compile_allowlist}
