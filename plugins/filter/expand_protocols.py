# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(expand_protocols)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expand_protocols
short_description: Turn a protocol cell into the protocols that a packet filter sees
version_added: "0.1.0"
description:
  - Turns what a vendor prints in a protocol column into C(tcp), C(udp), or other IP protocols, by name or number.
  - TLS, SSL, HTTP, HTTPS, WS and WSS are tcp on the wire; DTLS, QUIC and HTTP/3 are udp. An empty cell is tcp.
  - What travels over them is left out, C(SIP/TLS), C(SRTP over UDP), C(RTP (UDP)). By itself, C(SIP) or C(RTP), it is
    an error that says what to write.
  - A version of TLS and a remark in parentheses on what the traffic is for, C((TURN TLS)), change nothing. A
    remark with other words, C((not UDP)), is an error, and so is a protocol that is neither of these.
  - C(UDP/TLS), with a slash, a dash or a space, is an error, because it may be a list or TLS on UDP. C(UDP, TLS) is a
    list.
  - C(ESP), C(50) and C(IP protocol 50) are C(esp). A protocol without a name here is its number. Names that mean
    something else in most documents, such as C(RDP) or C(L2TP), are errors.
  - ICMP and ICMPv6 may have types, by name or number; C(ICMP type 8) is C(icmp/echo-request).
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
      - "'SRTP over UDP' | egress.allowlist.expand_protocols == ['udp']"
      - "'SIP over TCP/TLS' | egress.allowlist.expand_protocols == ['tcp']"
      - "'TCP or UDP' | egress.allowlist.expand_protocols == ['tcp', 'udp']"
      - "'HTTPS – TLS 1.2' | egress.allowlist.expand_protocols == ['tcp']"
      - "'' | egress.allowlist.expand_protocols == ['tcp']"
      - "'ESP, IP protocol 47' | egress.allowlist.expand_protocols == ['esp', 'gre']"
      - "'ICMP type 8' | egress.allowlist.expand_protocols == ['icmp/echo-request']"
"""

RETURN = r"""
_value:
  description: C(tcp), C(udp) and then other protocols by their names, or numbers; of ICMP with a type after a slash.
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
