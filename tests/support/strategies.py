# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hypothesis draws rules from: prefixes that nest and touch, ports that overlap."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import strategies as st

# At both ends of the address space and across a carry, of 4 to 8 addresses each.
CORNERS = {
    4: ["0.0.0.0/30", "10.0.0.248/29", "10.0.1.0/29", "255.255.255.252/30"],
    6: ["::/126", "2001:db8::fff8/125", "2001:db8::1:0/125", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126"],
}
TYPES = {"echo-reply": 0, "echo-request": 8}  # of ICMP
PORTS = [1, 2, 3, 79, 80, 81, 82, 442, 443, 444, 65534, 65535]


@st.composite
def prefixes(draw: st.DrawFn) -> str:
    """Return a prefix in one of the corners, often at its edges, rarely one around it."""
    network = ipaddress.ip_network(draw(st.sampled_from(CORNERS[4] + CORNERS[6])))
    if draw(st.integers(0, 9)) == 0:
        return str(network.supernet(new_prefix=draw(st.integers(0, network.prefixlen))))
    size = draw(st.integers(network.prefixlen, network.max_prefixlen))
    final = 2 ** (size - network.prefixlen) - 1
    place = draw(st.sampled_from([0, final]) | st.integers(0, final)) << (network.max_prefixlen - size)
    return f"{network.network_address + place}/{size}"


@st.composite
def port_ranges(draw: st.DrawFn) -> str:
    """Return ports as a rule says them."""
    first, last = sorted([draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))])
    return str(first) if first == last else f"{first}-{last}"


def services() -> st.SearchStrategy[dict[str, str]]:
    """Return protocol and ports as a rule says them, of protocols with ports, with types, and with neither."""
    ported = st.fixed_dictionaries({"protocol": st.sampled_from(["tcp", "udp", "sctp"]), "ports": port_ranges()})
    others = [("esp", ""), ("gre", ""), ("253", ""), ("icmp", ""), *(("icmp", name) for name in (*TYPES, "7", "41"))]
    return ported | st.sampled_from([{"protocol": protocol, "ports": ports} for protocol, ports in others])


def fits(rule: dict[str, Any]) -> bool:
    """Tell whether a rule's destination is of an IP version that its protocol is in."""
    return rule["protocol"] != "icmp" or ":" not in rule["destination"]


def span(ports: str) -> tuple[int, int]:
    """Return the first and last port of '443' or '80-90'; a type's number, and all numbers for ''."""
    if not ports:
        return 0, 65536
    if ports in TYPES:
        return TYPES[ports], TYPES[ports]
    low, dummy, high = ports.partition("-")
    return int(low), int(high or low)
