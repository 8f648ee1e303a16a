# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters and the task have in common that expand rows."""

from __future__ import annotations


class ModuleDocFragment:
    """The options for what is wide, any address or special."""

    DOCUMENTATION = r"""
options:
  widest_prefix:
    description:
      - The shortest prefix lengths, C(ipv4) and C(ipv6), that need no reason. A wider prefix, also one that a
        range comes to, is refused unless the row says in C(wide_because) why it must be so.
    type: dict
    default: {ipv4: 16, ipv6: 32}
    suboptions:
      ipv4:
        description: The shortest IPv4 prefix length.
        type: int
        default: 16
      ipv6:
        description: The shortest IPv6 prefix length.
        type: int
        default: 32
  any_address:
    description:
      - Whether you agree that vendors open any address, V(0.0.0.0/0) or V(::/0), where they ask for that. Rows that
        come to more than 2^28 ordinary addresses of IPv4 (a /4) or 2^112 of IPv6 (a /16) count as any address.
      - IPv4 addresses that lie in IPv6 (NAT64, 6to4) count as IPv4 too. It is no consent to rows that hold special
        addresses.
      - Inbound rows of any address are refused in any case.
      - Messages call it C(catalog_any_address), the name that it has as a variable of the role.
    type: bool
    default: false
  special_addresses:
    description:
      - Prefixes of special addresses (loopback, link-local, multicast, private, reserved) that vendors may open, each
        where its row says in C(special_because) why. A prefix covers those inside it.
      - Messages call it C(catalog_special_addresses), the name that it has as a variable of the role.
    type: list
    elements: str
    default: []
"""
