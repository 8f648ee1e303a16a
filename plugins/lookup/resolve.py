# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup C(resolve)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: resolve
short_description: Look up the addresses of an allowlist's exact names
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Returns one dictionary, the addresses of each exact name to which the allowlist lets packets out, for the filters
    that plan for clouds. Names with a wildcard cannot be looked up and are left out.
  - Asks the system's resolver of the controller for IPv4 and IPv6, never with the controller's search domains.
  - A name that does not exist has no addresses. A name without an answer is an error that names it, for nobody knows
    then what to keep open.
  - Private and other special addresses are left out, whoever answers them.
options:
  _terms:
    description: The allowlist, as P(egress.allowlist.merge_vendors#filter) returns it.
    type: list
    elements: dict
    required: true
  seconds:
    description: For how many seconds answers are waited for, all names together.
    type: int
    default: 20
  tries:
    description: How often a name is asked for before it counts as unanswered.
    type: int
    default: 3
notes:
  - What a name answers differs by place and time. Run the play where clients get the same answers, and often enough.
"""

EXAMPLES = r"""
- name: Nothing is asked for addresses and names with a wildcard
  ansible.builtin.assert:
    that:
      - lookup('egress.allowlist.resolve', allowlist) == {}
  vars:
    rules:
      - {vendor: acme, service: web, protocol: tcp, ports: "443", destination: "*.example.com"}
      - {vendor: acme, service: media, protocol: udp, ports: "3478", destination: 192.0.2.0/28}
    allowlist: "{{ rules | egress.allowlist.merge_vendors }}"
"""

RETURN = r"""
_raw:
  description: One dictionary, the sorted addresses by name.
  type: list
  elements: dict
  sample:
    - live.kudoway.com: ["52.84.0.1", "2600:9000::1"]
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.resolve import resolve


class LookupModule(LookupBase):
    """Glue: the allowlist to resolve."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            allowlist, *more = plain(terms)
            if more or not isinstance(allowlist, dict):
                raise ValueError("give one allowlist, as merge_vendors or compile_allowlist returns it")
            return [resolve(allowlist, seconds=self.get_option("seconds"), tries=self.get_option("tries"))]
        except ValueError as exc:
            raise AnsibleLookupError(str(exc)) from exc
