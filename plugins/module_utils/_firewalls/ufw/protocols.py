# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which protocols ufw has rules for, and how iptables matches all others."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import TYPES, number, type_number

from .rules import split, version_of

# Protocols that every ufw since 0.36 has rules for, and those of IPv4 alone; it loses a rule with any other.
_UFWS, _UFWS_V4 = {"any", "tcp", "udp", "esp", "ah", "gre"}, {"igmp", "ipv6"}
_IPTABLES = {"tcp", "udp", "udplite", "sctp", "esp", "ah"}  # iptables' own names; others are in /etc/protocols


def ufw_has(rule: str) -> bool:
    """Tell whether ufw itself can have a rule; all others stand in chains of ours."""
    spec = split(rule)[0]
    protocol = spec.split()[1]
    return protocol in _UFWS or (protocol in _UFWS_V4 and version_of(spec) == 4)


def matches(protocol: str, ports: str) -> list[str]:
    """Return the options of iptables for a protocol and its ports, its type, or C{any}."""
    if protocol in TYPES:
        name, match, option = ("icmp", "icmp", "icmp") if protocol == "icmp" else ("ipv6-icmp", "icmp6", "icmpv6")
        kind = [] if ports == "any" else [f"-m {match} --{option}-type {type_number(protocol, ports)}"]
        return [f"-p {name}", *kind]
    words = [f"-p {protocol if protocol in _IPTABLES else number(protocol)}"]
    if ports == "any":
        return words
    several = protocol not in ("tcp", "udp") or re.search("[,:]", ports)
    return [*words, f"-m multiport --dports {ports}" if several else f"--dport {ports}"]
