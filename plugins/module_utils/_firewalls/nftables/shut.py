# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table that keeps flows ended: packets that would bring them back are stopped.

Where the other side sends first, conntrack would take the flow for one that comes in, and let the answers out again. A
flow is shut, by its addresses and ports, until nobody has sent anything for it for some minutes.

A flow without ports (ESP, GRE) is known by its addresses alone, which the next one has too: so only what its other side
begins is stopped, when conntrack has seen it, and what is sent from here is left to the list. A question by ICMP needs
nothing: no answer makes conntrack know it again.
"""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import canonical, number

CUT = "inet egress_allowlist_cut"
_CHAINS = {
    "output": ("output", "raw - 10"),
    "prerouting": ("prerouting", "raw - 10"),
    "begun": ("prerouting", "mangle"),
}
_NUMBERS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
_ENDS = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
_SET = "\tset {name}{version} {{\n\t\ttype {kind}\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 10m\n\t}}\n"
_FLOW, _PAIR = "{0} . inet_proto . inet_service . {0} . inet_service", "{0} . inet_proto . {0}"  # with ports, without
_CHAIN = "\tchain {name} {{\n\t\ttype filter hook {hook} priority {priority}; policy accept;\n\t}}\n"
_RULE = "add rule {table} {chain} {first}{key} @{name}{version} update @{name}{version} {{ {key} }} {verdict}\n"


def shutting(flows):
    """Return the transaction that shuts flows, besides those that are shut already."""
    text = f"table {CUT} {{\n"
    for version, (dummy, kind) in _ENDS.items():
        for name, members in (("flows", _FLOW), ("pairs", _PAIR)):
            text += _SET.format(name=name, version=version, kind=members.format(kind))
    for name, (hook, priority) in _CHAINS.items():
        text += _CHAIN.format(name=name, hook=hook, priority=priority)
    text += "}\n" + "".join(f"flush chain {CUT} {name}\n" for name in _CHAINS)
    for version, (ip, dummy) in _ENDS.items():
        there = f"{ip} saddr . meta l4proto . th sport . {ip} daddr . th dport"
        back = f"{ip} daddr . meta l4proto . th dport . {ip} saddr . th sport"
        rules = [("output", "meta l4proto tcp ", there, "reject with tcp reset"), ("output", "", there, "drop")]
        rules += [("prerouting", "", key, "drop") for key in (there, back)]
        for chain, first, key, verdict in rules:
            text += _RULE.format(
                table=CUT, name="flows", version=version, chain=chain, first=first, key=key, verdict=verdict
            )
        begun = f"{ip} daddr . meta l4proto . {ip} saddr"
        text += _RULE.format(
            table=CUT, name="pairs", version=version, chain="begun", first="ct state new ", key=begun, verdict="drop"
        )
        mine = [flow for flow in flows if flow.version == version and not flow.question]
        text += _adding(f"flows{version}", (member for flow in mine if flow.ports for member in _members(flow)))
        text += _adding(f"pairs{version}", (pair for flow in mine if not flow.ports for pair in _pairs(flow)))
    return text


def _adding(name, members):
    found = sorted(set(members))
    return f"add element {CUT} {name} {{ {', '.join(found)} }}\n" if found else ""


def _members(flow):
    """Return a flow as it leaves, and as it is after a translation of its addresses."""
    protocol = _NUMBERS.get(flow.protocol)
    if protocol is None:
        return []
    ends = [(flow.source, flow.ports[0], flow.destination, flow.ports[1])]
    ends.append((flow.answered, flow.answer_ports[1], flow.answerer, flow.answer_ports[0]))
    return [f"{source} . {protocol} . {sport} . {to} . {dport}" for source, sport, to, dport in ends]


def _pairs(flow):
    """Return a flow without ports in the two ways of C{_members}."""
    kind = number(canonical(flow.protocol))
    return [
        f"{source} . {kind} . {to}" for source, to in ((flow.source, flow.destination), (flow.answered, flow.answerer))
    ]
