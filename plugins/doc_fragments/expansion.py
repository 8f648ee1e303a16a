# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters and the task have in common that expand rows."""

from __future__ import annotations


class ModuleDocFragment:
    """The option for wide prefixes."""

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
"""
