# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(summarise_allowlist)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: summarise_allowlist
short_description: Say in plain words what an allowlist opens
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Returns the lines of a summary, at most 100 characters wide. Per vendor and service what is open, to how many
    addresses, from which document of which date; the choices that were made; why what is wide or special is open.
  - With O(backend) also, per vendor, what is enforced by address, by learned name and by resolved name, what the
    backend admits beyond that, and what is not enforced, and why; of a cloud, what of its quotas is used, and each
    opening that nobody asked for.
options:
  _input:
    description: The allowlist, as P(egress.allowlist.merge_vendors#filter) returns it.
    type: dict
    required: true
  selection:
    description: What P(egress.allowlist.select_rows#filter) returned. Without it the choices are left out.
    type: dict
  backend:
    description:
      - What enforces the allowlist. C(name); C(policy), V(deny), V(audit) or V(unmanaged); C(scope) of a host,
        V(host), V(gateway) or V(both), and its C(sources); C(names), V(report), V(resolve), V(dnsmasq) or V(fqdn);
        C(timers), whether it enforces timers; C(counts), whether it counts packets, and C(inbound), whether inbound
        rules open something (both V(true) unless said); C(ip_versions), those of which the host's firewall has
        rules (both unless said); C(allow), what the user's own variable opens besides, with its name, such as
        C(nftables_egress_allow), as the key and its rows as the value; C(notes), a list of remarks.
      - A cloud also has C(units), the use of its quotas as its module or its plan returns it, and C(widened) of the
        plan.
      - Without it, enforcement is left out.
    type: dict
"""

EXAMPLES = r"""
- name: Three rules, and a name that is only reported, or learned
  ansible.builtin.assert:
    that:
      - summary[0] is search('256 addresses in 1 prefix, 1 name')
      - summary | select('search', '^  media +tcp/443 udp/3478 +256 addresses in 1 prefix') | length == 1
      - summary[-1] is search('[*][.]example[.]com [(]web tcp/443[)]')
      - learned | select('search', '^  enforced by learned name  [*][.]example[.]com$') | length == 1
      - learned | select('search', '^  widened +[*][.]example[.]com. example[.]com itself$') | length == 1
      - learned | select('search', '^  not enforced +nothing$') | length == 1
  vars:
    rules:
      - {vendor: example, service: media, protocol: tcp, ports: "443", destination: 192.0.2.0/24}
      - {vendor: example, service: media, protocol: udp, ports: "3478", destination: 192.0.2.0/24}
      - {vendor: example, service: web, protocol: tcp, ports: "443", destination: "*.example.com"}
    nftables: {name: nftables, policy: deny, names: report, timers: true}
    summary: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.summarise_allowlist(backend=nftables) }}"
    dnsmasq: "{{ nftables | combine({'names': 'dnsmasq'}) }}"
    learned: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.summarise_allowlist(backend=dnsmasq) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist


def summarise(allowlist: Any, selection: Any = None, backend: Any = None) -> list[str]:
    """Return summarise_allowlist of plain copies; what is wrong becomes an error of the filter."""
    try:
        return summarise_allowlist(plain(allowlist), plain(selection), plain(backend))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"summarise_allowlist": summarise}
