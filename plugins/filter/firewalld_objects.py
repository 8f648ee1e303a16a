# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C{firewalld_objects}."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewalld_objects
short_description: Render an allowlist as ipsets, services and policies of firewalld
version_added: "0.1.0"
author:
  - Contributors to egress.allowlist (@egress-allowlist)
description:
  - Renders what P(egress.allowlist.merge_vendors#filter) returns for M(egress.allowlist.firewalld).
  - Each list of services becomes one service of firewalld and one ipset per IP version, named after the vendor service.
  - Each name that is followed has one ipset per IP version, which the host fills, and the services of who asks for it.
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
    description: C(unmanaged) only allows, C(audit) logs what C(deny) would stop, C(deny) stops it.
    type: str
    choices: [unmanaged, audit, deny]
    default: audit
  ingress_zones:
    description: The zones that forwarded packets come from; C(ANY) alone for all.
    type: list
    elements: str
    default: [ANY]
  egress_zones:
    description: The zones that forwarded packets go to; C(ANY) alone for all.
    type: list
    elements: str
    default: [ANY]
  priority:
    description:
      - The priority of our policies, below 0; policies with a lower number are asked first. What comes in has one less.
    type: int
    default: -2
  stopped:
    description: Whether stopped packets are answered (C(reject)) or not (C(drop)).
    type: str
    choices: [reject, drop]
    default: reject
  log_rate:
    description: How many stopped packets are logged at most.
    type: str
    default: 10/minute
"""

EXAMPLES = r"""
- name: One prefix, one service
  vars:
    rows:
      - {vendor: acme, service: media, destination: 192.0.2.0/28, protocol: UDP, ports: "3478"}
    rules: "{{ rows | egress.allowlist.expand_rows }}"
    native: "{{ rules | egress.allowlist.merge_vendors | egress.allowlist.firewalld_objects }}"
  ansible.builtin.assert:
    that:
      - "'<entry>192.0.2.0/28</entry>' in native.files['ipsets/egress-acme-media-4.xml']"
      - >-
        '<port port="3478" protocol="udp"/>' in native.files['services/egress-acme-media.xml']
"""

RETURN = r"""
_value:
  description:
    - The native form, with C(files), a dict from paths below C(/etc/firewalld) to their text, C(discover), C(names)
      and C(notes).
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld.configuration import render


def firewalld_objects(allowlist, **options):
    """Render; raises AnsibleFilterError with what is accepted."""
    try:
        return render(plain(allowlist), **plain(options))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        """Return the filter by its name."""
        return {"firewalld_objects": firewalld_objects}
