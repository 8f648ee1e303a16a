# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters have in common that render for a host whose dnsmasq learns names."""

from __future__ import annotations


class ModuleDocFragment:
    """Options about name servers."""

    DOCUMENTATION = r"""
options:
  names_dns:
    description:
      - What becomes of the questions that clients of a gateway ask of other name servers, with O(names=dnsmasq).
      - They pass like all else (C(leave)), are answered by the gateway (C(redirect)), or are rejected (C(refuse)).
      - C(redirect) and C(refuse) are about the clients that O(sources) names, and need it.
    type: str
    choices: [leave, redirect, refuse]
    default: leave
  names_resolv_conf:
    description: Whether the host itself is made to ask its own dnsmasq, in F(/etc/resolv.conf), with O(names=dnsmasq).
    type: bool
    default: false
"""
