# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render an allowlist as an nftables ruleset.

One text is rendered, on the controller. It declares everything and touches nothing that is not ours,
so that the host can check it, load it in one transaction, keep it for the next boot and say what
differs. Each service (protocol and ports) has a rule and a map per IP version, from prefixes to the
counters of the vendor services that asked for them: a packet costs about the same however long the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules, expanded
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.options import (
    STOPPED,
    check_scope,
    unfiltered,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import check_names, one_of, vendors_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import service_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import domains
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import host_side
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import (
    ENFORCED,
    check_dns,
    check_learning,
    names_notes,
)

from .blocks import IP, address_sets, allowed_blocks, block, check, match, members, named_blocks, timer_blocks
from .names import entries, names_blocks, redirect_chain, refuse_rules, renewals

POLICIES = ("unmanaged", "audit", "deny")
VERSIONS = {"inet": (4, 6), "ip": (4,), "ip6": (6,)}
OWN_PLACE = {"family": "inet", "table": "egress_allowlist", "chain": "", "jump": False, "owned": ""}
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour|day)")
_KNOWN = "ct state established,related accept"

# What IP itself needs of a host, on its own packets only: a gateway forwards nothing of it that belongs to no known
# connection. A DHCP client asks by broadcast, and the server of its lease directly.
_BASELINE_HOST = """\
icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept
udp sport 68 udp dport 67 ip daddr 255.255.255.255 accept
udp sport 68 udp dport 67 ip daddr @dhcp4 accept
udp sport 546 udp dport 547 ip6 daddr { ff02::1:2, fe80::/10 } accept"""
# Servers that hosts and clients of a gateway may ask.
_BASELINE = """\
meta l4proto { tcp, udp } th dport 53 ip daddr @dns4 accept
meta l4proto { tcp, udp } th dport 53 ip6 daddr @dns6 accept
udp dport 123 ip daddr @ntp4 accept
udp dport 123 ip6 daddr @ntp6 accept"""
# Replies of the service that manages the host, also of a connection that is older than conntrack's knowledge.
_MANAGED = "tcp sport @management tcp flags & (syn | ack) != syn accept"


def render(
    allowlist: dict,
    *,
    policy: str = "audit",
    scope: str = "host",
    names: str = "",
    sources: Sequence[str] | str = (),
    stopped: str = "reject",
    log_rate: str = "10/minute",
    dns_servers: Sequence[str] | str = (),
    ntp_servers: Sequence[str] | str = (),
    allow: list | None = None,
    into: dict | None = None,
    names_lease: int = 86400,
    names_refresh: int = 60,
    names_max_addresses: int = 4096,
    names_dns: str = "leave",
    names_resolv_conf: bool = False,
) -> dict:
    """Return the native form for one host: place, settings and ruleset.

    C{family, table, chain, jump}: where it goes; C{owned}: the prefix of the names that are ours there ('' in an own
    table); C{discover}: the servers (C{dns}, C{ntp}, C{dhcp}) that only the host knows; C{notes}: what a person should
    know; C{settings}: the choices in words; C{ruleset}: the text; C{names}: what the host needs to follow names, if it
    does. Raises ValueError that says what is accepted.
    """
    _check(policy, scope, stopped, log_rate, sources)
    servers, additions = {"dns": dns_servers, "ntp": ntp_servers}, _allow_rules(allow or [])
    place = _place(into, policy, names)
    check(allowlist)
    check_names(allowlist, policy, names, "nftables_egress", instead="audit")
    check_learning("nftables_egress", names_lease, names_refresh, names_max_addresses)
    check_dns("nftables_egress", names, scope, names_dns, names_resolv_conf, sources)
    found = domains(allowlist, names)
    versions, owned, learning = VERSIONS[place["family"]], place["owned"], bool(found) and names == "dnsmasq"
    source_sets = address_sets(f"{owned}sources", sources, "nftables_egress_sources")
    guests = bool(allowlist["inbound"]) and (bool(into) or scope != "host")
    blocks, opened, invited, timers = _addresses(allowlist, versions, owned, learning, guests)
    blocks += [text for version, text in sorted(source_sets.items()) if version in versions]
    if found:
        added, end = named_blocks(allowlist, [(s[0], s[3]) for domain in found for s in domain.services])
        blocks += added + names_blocks(found, names, names_lease, names_max_addresses, end)
        opened += entries()
    filtered = sorted(source_sets) if sources else [4, 6]
    dns = names_dns if learning else "leave"
    if into:
        blocks.append(block("chain egress_allowlist", invited + _only_from(sources, source_sets, versions) + opened))
    else:
        if policy != "unmanaged":
            blocks += _baseline(servers, additions, scope != "gateway")
        blocks += _egress_chain(policy, stopped, log_rate, opened)
        blocks += _base_chains(policy, scope, invited, filtered, bool(sources), bool(found), dns)
    discover = [] if policy == "unmanaged" else [name for name, addresses in servers.items() if not addresses]
    discover += ["dhcp"] if policy != "unmanaged" and scope != "gateway" else []
    settings = {
        "policy": policy,
        "scope": scope,
        "stopped": stopped if policy == "deny" else "",
        "log rate": log_rate if policy != "unmanaged" else "",
        "sources": ", ".join(expanded(sources, "nftables_egress_sources")),
        "allow": "; ".join(additions) if policy != "unmanaged" else "",
        "names dns": dns if dns != "leave" else "",
    }
    return {
        **place,
        "discover": discover,
        "vendors": vendors_of(allowlist),
        "notes": [
            *_notes(policy, scope, bool(into), filtered, bool(allowlist["inbound"])),
            *timers,
            *names_notes("nftables_egress", names, scope, bool(found), names_dns),
        ],
        "settings": {name: value for name, value in settings.items() if value},
        # Once each: what is asked for in both directions has one counter.
        "ruleset": f"table {place['family']} {place['table']} {{\n" + "\n".join(dict.fromkeys(blocks)) + "}\n",
        "names": host_side(
            names,
            found,
            lease=names_lease,
            refresh=names_refresh,
            most=names_max_addresses,
            table=f"{place['family']} {place['table']}",
            gateway=scope != "host",
            resolv_conf=names_resolv_conf,
        ),
    }


def _addresses(
    allowlist: dict, versions: tuple[int, ...], owned: str, learning: bool, guests: bool
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return the blocks of what is known by address, the rules that open it, those that let C{guests} in, and notes."""
    blocks, opened, notes = timer_blocks(allowlist, versions, owned)
    inbound = [entry for entry in allowlist["provenance"] if entry.get("direction") == "inbound"]
    outbound = [entry for entry in allowlist["provenance"] if entry.get("direction") != "inbound"]
    added, rules = allowed_blocks(outbound, versions, "to", owned, learning)
    more, invited = allowed_blocks(inbound, versions, "from", owned, learning) if guests else ([], [])
    return [*blocks, *added, *more], opened + rules, invited, notes


def _check(policy: str, scope: str, stopped: str, log_rate: str, sources: Sequence[str] | str) -> None:
    one_of("policy", policy, POLICIES)
    check_scope(scope, sources)
    one_of("stopped", stopped, STOPPED)
    if not _RATE.fullmatch(str(log_rate)):
        raise ValueError(f"log rate '{log_rate}' is not a number per second, minute, hour or day: write 10/minute")


def _notes(policy: str, scope: str, into: bool, filtered: list[int], inbound: bool) -> list[str]:
    """Return what a reader of the settings could take for more than it is."""
    notes = []
    if policy == "unmanaged" and not into:
        notes.append(
            "unmanaged in a table of its own only counts: what another table stops stays stopped (nftables_egress_into)"
        )
    if scope != "host":
        notes += unfiltered(filtered)
    if inbound and scope == "host" and not into:
        notes.append("inbound rules open nothing on a host: nothing that comes in is stopped here")
    return notes


def _place(into: dict | None, policy: str, names: str) -> dict:
    """Return where the rules go: our own table, or the user's table and chain."""
    if not into:
        return OWN_PLACE
    place = {**OWN_PLACE, "table": "", "owned": "egress_allowlist_", **into}
    unknown = sorted(set(into) - {"family", "table", "chain", "jump"})
    if unknown:
        raise ValueError(f"nftables_egress_into has no '{unknown[0]}': it takes family, table, chain and jump")
    if policy != "unmanaged":
        raise ValueError(f"policy '{policy}' needs a table of its own; in yours your chains decide: use unmanaged")
    if names in ENFORCED:
        raise ValueError(f"names '{names}' needs a table of its own: leave nftables_egress_into empty, or use report")
    if not isinstance(place["jump"], bool):
        raise ValueError(f"nftables_egress_into: jump '{place['jump']}' is not accepted: write true or false")
    one_of("nftables_egress_into: family", place["family"], tuple(VERSIONS))
    for key in ("table", "chain") if place["jump"] or place["chain"] else ("table",):
        if not isinstance(place[key], str) or not _IDENTIFIER.fullmatch(place[key]):
            raise ValueError(
                f"nftables_egress_into: {key} '{place[key]}' is not a name: write letters, digits, '_', '.' or '-', "
                "a letter first"
            )
    return place


def _only_from(sources: Sequence[str] | str, source_sets: dict[int, str], versions: tuple[int, ...]) -> list[str]:
    """Return the rules that leave our chain in the user's table for packets that others sent."""
    rules = []
    for version in versions if sources else ():
        if version in source_sets:
            others = f"{IP[version]} saddr != @egress_allowlist_sources{version} "
        else:
            # nft takes nfproto in inet tables only; elsewhere there are no packets of another version.
            others = f"meta nfproto ipv{version} " if len(versions) > 1 else ""
        rules.append(f"{others}return")
    return rules


def _baseline(servers: dict[str, Sequence[str] | str], additions: list[str], host: bool) -> list[str]:
    """Return the sets of servers (empty ones for the host to fill) and the chains of what is always allowed.

    additions: rules of the user's own; host: whether packets of the host's own are filtered, which has a chain for
    these alone.
    """
    blocks = []
    for name, addresses in servers.items():
        found = address_sets(name, addresses, f"nftables_egress_{name}_servers")
        for version in (4, 6):
            empty = members("set", f"{name}{version}", f"ipv{version}_addr", [], interval=False)
            blocks.append(found.get(version, empty))
    blocks.append(members("set", "management", "inet_service", [], interval=False))
    if host:
        blocks.append(members("set", "dhcp4", "ipv4_addr", [], interval=False))
        blocks.append(block("chain baseline_host", _BASELINE_HOST.splitlines()))
    return [*blocks, block("chain baseline", _BASELINE.splitlines() + additions)]


def _egress_chain(policy: str, stopped: str, log_rate: str, opened: list[str]) -> list[str]:
    """Return the chain that decides on a packet that leaves, and its counter of what is not allowed."""
    if policy == "unmanaged":
        return [block("chain egress", opened)]
    what = "stopped" if policy == "deny" else "would stop"
    counter = what.replace(" ", "_")
    end = [f'limit rate {log_rate} log prefix "egress.allowlist {what}: "', f'counter name "{counter}"']
    if policy == "deny":
        answers = ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]
        end += answers if stopped == "reject" else ["drop"]
    return [block(f"counter {counter}", []), block("chain egress", [*opened, "jump baseline", *end])]


def _base_chains(
    policy: str, scope: str, invited: list[str], filtered: list[int], sources: bool, named: bool, dns: str
) -> list[str]:
    """Return the chains at the kernel's hooks; C{filtered}: the IP versions whose forwarded packets are filtered.

    named: whether packets renew leases of names; it stands first, so that those of known connections do.
    """
    blocks = []
    if scope in ("host", "both"):
        managed = [] if policy == "unmanaged" else [_MANAGED, "jump baseline_host"]
        hook = "type filter hook output priority filter; policy accept;"
        renewed = renewals() if named else []
        blocks.append(block("chain output", [hook, 'oif "lo" accept', *renewed, _KNOWN, *managed, "jump egress"]))
    if scope in ("gateway", "both"):
        hook = "type filter hook forward priority filter; policy accept;"
        refused = refuse_rules(filtered) if dns == "refuse" else []
        renewed = renewals(filtered, sources) if named else []
        jumps = [f"{IP[version]} saddr @sources{version} jump egress" for version in filtered]
        jumps = jumps if sources else ["jump egress"]
        blocks.append(block("chain forward", [hook, *refused, *renewed, _KNOWN, *invited, *jumps]))
        if dns == "redirect":
            blocks.append(redirect_chain(filtered))
    return blocks


def _allow_rules(allow: list[dict]) -> list[str]:
    """Return the user's own additions to the baseline as rules."""
    rules = []
    for rule in allow_rules(allow, "nftables_egress_allow"):
        ip = IP[parse_prefix(rule["destination"])[0]]
        service = service_of(rule["protocol"], rule["ports"])
        rules.append(f"{ip} daddr {rule['destination']} {match(*service)} accept")
    return rules
