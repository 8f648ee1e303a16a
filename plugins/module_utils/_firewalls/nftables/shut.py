# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table that keeps flows ended: their packets are stopped before conntrack sees them, from either side.

Where the other side sends first, conntrack would take the flow for one that comes in, and let the answers out again. A
flow is shut, by its addresses and ports, until nobody has sent anything for it for some minutes.
"""

from __future__ import annotations

CUT = "inet egress_allowlist_cut"
_HOOKS = ("output", "prerouting")
_NUMBERS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
_ENDS = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
_SET = (
    "\tset flows{version} {{\n"
    "\t\ttype {kind} . inet_proto . inet_service . {kind} . inet_service\n"
    "\t\tsize 65535\n"
    "\t\tflags dynamic,timeout\n"
    "\t\ttimeout 10m\n"
    "\t}}\n"
)
_CHAIN = "\tchain {hook} {{\n\t\ttype filter hook {hook} priority raw - 10; policy accept;\n\t}}\n"
_RULE = "add rule {table} {hook} {first}{key} @flows{version} update @flows{version} {{ {key} }} {verdict}\n"


def shutting(flows):
    """Return the transaction that shuts flows, besides those that are shut already."""
    text = f"table {CUT} {{\n"
    text += "".join(_SET.format(version=version, kind=kind) for version, (dummy, kind) in _ENDS.items())
    text += "".join(_CHAIN.format(hook=hook) for hook in _HOOKS) + "}\n"
    text += "".join(f"flush chain {CUT} {hook}\n" for hook in _HOOKS)
    for version, (ip, dummy) in _ENDS.items():
        there = f"{ip} saddr . meta l4proto . th sport . {ip} daddr . th dport"
        back = f"{ip} daddr . meta l4proto . th dport . {ip} saddr . th sport"
        rules = [("output", "meta l4proto tcp ", there, "reject with tcp reset"), ("output", "", there, "drop")]
        rules += [("prerouting", "", key, "drop") for key in (there, back)]
        for hook, first, key, verdict in rules:
            text += _RULE.format(table=CUT, version=version, hook=hook, first=first, key=key, verdict=verdict)
        members = {member for flow in flows if flow.version == version and flow.ports for member in _members(flow)}
        if members:
            text += f"add element {CUT} flows{version} {{ {', '.join(sorted(members))} }}\n"
    return text


def _members(flow):
    """Return a flow as it leaves, and as it is after a translation of its addresses."""
    number = _NUMBERS.get(flow.protocol)
    if number is None:
        return []
    ends = [(flow.source, flow.ports[0], flow.destination, flow.ports[1])]
    ends.append((flow.answered, flow.answer_ports[1], flow.answerer, flow.answer_ports[0]))
    return [f"{source} . {number} . {sport} . {to} . {dport}" for source, sport, to, dport in ends]
