# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters have in common that take additions of the user's."""

from __future__ import annotations


class ModuleDocFragment:
    """The option for additions."""

    DOCUMENTATION = r"""
options:
  allow:
    description: Additions of your own, to the baseline of a host or to the rules in a cloud.
    type: list
    elements: dict
    default: []
    suboptions:
      destination:
        description: Prefixes or addresses.
        type: str
        required: true
      ports:
        description: Ports or port ranges. TCP, UDP, SCTP, DCCP and UDP-Lite need them; other protocols have none.
        type: str
      protocol:
        description:
          - TCP, UDP, or other IP protocols by name or number, such as C(ESP), C(GRE) or C(50).
          - ICMP and ICMPv6 may have a type, by name or number, such as C(ICMP echo-request) or C(ICMPv6 type 128).
        type: str
        default: TCP
"""
