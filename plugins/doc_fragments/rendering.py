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
    description:
      - C(report) accepts that C(deny) stops what is only known by name.
      - With C(resolve) the host looks exact names up, again and again; names with a wildcard stay shut.
      - With C(dnsmasq) each answer that the host's dnsmasq gives opens the addresses in it.
      - Names with a C(*) anywhere but in C(*.) in front stay shut with all of them, and are listed.
    type: str
    choices: ["", report, resolve, dnsmasq]
    default: ""
  names_lease:
    description: Seconds for which an address of a name stays open after the last answer that had it, or packet to it.
    type: int
    default: 86400
  names_refresh:
    description: Seconds between two rounds of what keeps names fresh; a lease is at least four times that and 11 more.
    type: int
    default: 60
  names_max_addresses:
    description: The most addresses of a name, for each IP version.
    type: int
    default: 4096
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
"""
