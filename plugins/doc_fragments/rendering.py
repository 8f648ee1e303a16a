# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters that render for a host have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of a rendering."""

    DOCUMENTATION = r"""
options:
  scope:
    description: Packets of the host itself, packets that it forwards, or both.
    type: str
    choices: [host, gateway, both]
    default: host
  names:
    description: C(report) accepts that C(deny) stops what is only known by name.
    type: str
    choices: ["", report]
    default: ""
  sources:
    description: Prefixes of clients whose forwarded packets are filtered; empty means all forwarded packets.
    type: list
    elements: str
    default: []
  dns_servers:
    description: The only name servers that may be asked; empty means those that the host has configured.
    type: list
    elements: str
    default: []
  ntp_servers:
    description: The only time servers that may be asked; empty means those that the host has configured.
    type: list
    elements: str
    default: []
  allow:
    description: Additions to the baseline, rows with C(destination), C(ports) and C(protocol).
    type: list
    elements: dict
    default: []
"""
