# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(expand_protocols)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expand_protocols
short_description: Turn a protocol cell into the transports that a packet filter sees
version_added: "0.1.0"
description:
  - Turns what a vendor prints in a protocol column into C(tcp), C(udp) or both.
  - TLS, SSL, HTTP, HTTPS, WS and WSS are tcp on the wire. An empty cell is tcp.
  - A version of TLS and a remark in parentheses on what the traffic is for, C((TURN TLS)), change nothing. A
    remark with other words, C((not UDP)), is an error, and so is a protocol that is neither of these.
  - C(UDP/TLS), with a slash, a dash or a space, is an error, because it may be a list or TLS on UDP. C(UDP, TLS) is a
    list.
options:
  _input:
    description: A cell, possibly empty.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Transports of printed protocols
  ansible.builtin.assert:
    that:
      - "'TCP/UDP' | egress.allowlist.expand_protocols == ['tcp', 'udp']"
      - "'TCP, UDP (TURN)' | egress.allowlist.expand_protocols == ['tcp', 'udp']"
      - "'TCP (TURN TLS)' | egress.allowlist.expand_protocols == ['tcp']"
      - "'WSS' | egress.allowlist.expand_protocols == ['tcp']"
      - "'HTTPS – TLS 1.2' | egress.allowlist.expand_protocols == ['tcp']"
      - "'' | egress.allowlist.expand_protocols == ['tcp']"
"""

RETURN = r"""
_value:
  description: C(tcp), C(udp) or both, in this order.
  type: list
  elements: str
  sample: [tcp, udp]
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols


def expand_protocols_filter(cell: Any) -> list[str]:
    """Return expand_protocols of plain copies; what is wrong becomes an error of the filter."""
    try:
        return expand_protocols(plain(cell))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"expand_protocols": expand_protocols_filter}
