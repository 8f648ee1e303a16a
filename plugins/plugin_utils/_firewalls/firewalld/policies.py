# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a policy of firewalld: what is open to vendors, the baseline, and what becomes of the rest."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix

from .names import Names
from .objects import OWN, Block, element, rule

FAMILIES = {4: "ipv4", 6: "ipv6"}
_REJECT = {4: '<reject type="icmp-admin-prohibited"/>', 6: '<reject type="icmp6-adm-prohibited"/>'}
_ERRORS = ("destination-unreachable", "time-exceeded", "parameter-problem")
_ICMP = {
    4: _ERRORS,
    6: (
        *_ERRORS,
        "packet-too-big",
        "router-solicitation",
        "router-advertisement",
        "neighbour-solicitation",
        "neighbour-advertisement",
    ),
}
# DHCP of the host's own: its ports at the client's and the server's end, and whom a client asks without knowing its
# server; the servers of its leases have a set. A rich rule cannot name the ports of both ends, so that UDP from other
# ports is stopped first.
_DHCP = {4: (68, 67, ("255.255.255.255",)), 6: (546, 547, ("ff02::1:2", "fe80::/10"))}
FIRST, LAST = -32768, 32767  # priorities


@dataclass(frozen=True)
class Choices:
    """What the rules of one policy depend on; C{sources}: the ipset of sources per IP version, None for everybody."""

    policy: str
    stopped: str
    rate: str
    allow: list[dict]
    learned: Names
    guarded: bool  # whether the host may be told addresses of names that must stay shut
    host: bool = True  # whether the packets are the host's own, and not forwarded ones
    sources: dict[int, str] | None = None

    def rule(self, version: int, *parts: str, priority: int = 0) -> list[str]:
        """Return the rule for one IP version, for the sources only where there are any."""
        if self.sources is None:
            return [rule(FAMILIES[version], *parts, priority=priority)]
        if version not in self.sources:
            return []
        return [rule(FAMILIES[version], f'<source ipset="{self.sources[version]}"/>', *parts, priority=priority)]


def rules_of(choices: Choices, opened: list[Block]) -> list[str]:
    """Return the rules of a policy on what leaves."""
    rules = []
    for block in opened:
        for version in sorted(block.prefixes):
            way = f'<destination ipset="{block.set_name(version)}"/>'
            for what in block.elements():
                rules += choices.rule(version, way, what, "<accept/>")
    stop = {version: [_log(choices), answer] for version, answer in _answers(choices).items()}
    rules += choices.learned.rules(choices.rule, stop if choices.guarded else {})
    if choices.policy != "unmanaged":
        rules += _baseline(choices) + _rest(choices)
    return rules


def invitations(invited: list[Block]) -> list[str]:
    return [
        rule(
            FAMILIES[version],
            f'<source ipset="{block.set_name(version)}"/>',
            what,
            "<accept/>",
        )
        for block in invited
        for version in sorted(block.prefixes)
        for what in block.elements()
    ]


def _baseline(choices: Choices) -> list[str]:
    """Return what is always allowed; firewalld itself lets the loopback and known connections through.

    What IP itself needs of a host is open to its own packets only: nothing of it is forwarded that belongs to no known
    connection.
    """
    rules = []
    for version in (4, 6):
        for kind in _ICMP[version] if choices.host else ():
            rules += choices.rule(version, f'<icmp-type name="{kind}"/>', "<accept/>")
        for name, services in {"dns": (("tcp", 53), ("udp", 53)), "ntp": (("udp", 123),)}.items():
            for protocol, port in services:
                way = f'<destination ipset="{OWN}{name}-{version}"/>'
                rules += choices.rule(version, way, f'<port port="{port}" protocol="{protocol}"/>', "<accept/>")
    # Who listens to which multicast group: not each firewalld knows these types of ICMPv6 by name.
    listeners = '<destination address="ff02::/16"/>'
    if choices.host:
        rules += choices.rule(6, listeners, '<protocol value="ipv6-icmp"/>', "<accept/>")
    for row in choices.allow:
        destination = row["destination"]
        narrowed = [] if destination.endswith("/0") else [f'<destination address="{destination}"/>']
        opened = element(row["protocol"], row["ports"])
        rules += choices.rule(parse_prefix(destination)[0], *narrowed, opened, "<accept/>")
    return rules


def _rest(choices: Choices) -> list[str]:
    """Return what becomes of the rest: the host's own DHCP passes, all else is logged and, by policy deny, stopped.

    Without sources the policy's own target stops what comes to the end.
    """
    log, answers, rules = _log(choices), _answers(choices), []
    for version in (4, 6):
        stop = [answers[version]] if choices.policy == "deny" else []
        rules += _dhcp(choices, version, [log, *stop] if stop else []) if choices.host else []
        if stop and choices.stopped == "reject":
            reset = '<reject type="tcp-reset"/>'  # no ICMP error, of which the kernel sends a few a second only
            rules += choices.rule(version, '<protocol value="tcp"/>', log, reset, priority=LAST - 1)
        rules += choices.rule(version, log, *(stop if choices.sources is not None else []), priority=LAST)
    return rules


def _dhcp(choices: Choices, version: int, stop: list[str]) -> list[str]:
    """Return the rules that let the host ask for a lease; C{stop}: what becomes of UDP from other ports, if it must."""
    client, server, everybody = _DHCP[version]
    rules = []
    for others in (f"0-{client - 1}", f"{client + 1}-65535") if stop else ():
        source = f'<source-port port="{others}" protocol="udp"/>'
        rules += choices.rule(version, source, *stop, priority=LAST - 2)
    ends = [f'address="{address}"' for address in everybody]
    ends += [f'ipset="{OWN}dhcp-4"'] if version == 4 else []
    for end in ends:
        opened = f'<port port="{server}" protocol="udp"/>'
        rules += choices.rule(version, f"<destination {end}/>", opened, "<accept/>", priority=LAST - 1)
    return rules


def _log(choices: Choices) -> str:
    what = "stopped" if choices.policy == "deny" else "would stop"
    return f'<log prefix="egress.allowlist {what}: " level="info">\n      <limit value="{choices.rate}"/>\n    </log>'


def _answers(choices: Choices) -> dict[int, str]:
    """Return what becomes of a packet that is stopped, by IP version."""
    return {4: "<drop/>", 6: "<drop/>"} if choices.stopped == "drop" else _REJECT
