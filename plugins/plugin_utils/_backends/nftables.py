# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render an allowlist as an nftables ruleset.

One text is rendered, on the controller. It declares everything and touches nothing that is not ours,
so that the host can check it, load it in one transaction, keep it for the next boot and say what
differs. A packet costs one lookup in one map, however long the list: the map's key is
address . protocol . port, its value the counter of the vendor service that asked for it.
"""

from __future__ import annotations

import hashlib
import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._elements import Element, elements
from ansible_collections.egress.allowlist.plugins.plugin_utils._ranges import expand_ranges
from ansible_collections.egress.allowlist.plugins.plugin_utils._rules import expand_rows

POLICIES = ("unmanaged", "audit", "deny")
SCOPES = ("host", "gateway", "both")
VERSIONS = {"inet": (4, 6), "ip": (4,), "ip6": (6,)}
_IP = {4: "ip", 6: "ip6"}
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour|day)")
_LONGEST_NAME = 120  # of a counter; the kernel admits 255 bytes, but nft repeats the name with every element

# What IP itself needs. Answers and errors of known connections are accepted as related before.
_BASELINE = """\
icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept
udp sport { 67, 68 } udp dport { 67, 68 } accept
udp sport { 546, 547 } udp dport { 546, 547 } accept
meta l4proto { tcp, udp } th dport 53 ip daddr @dns4 accept
meta l4proto { tcp, udp } th dport 53 ip6 daddr @dns6 accept
udp dport 123 ip daddr @ntp4 accept
udp dport 123 ip6 daddr @ntp6 accept"""


def render(
    allowlist: dict,
    *,
    policy: str = "audit",
    scope: str = "host",
    names: str = "",
    sources: list | str = (),
    stopped: str = "reject",
    log_rate: str = "10/minute",
    dns_servers: list | str = (),
    ntp_servers: list | str = (),
    allow: list | None = None,
    into: dict | None = None,
) -> dict:
    """Return the native form for one host: C{{family, table, chain, jump, owned, discover, settings, ruleset}}.

    C{owned} is the prefix of the names that are ours in the table ('' for an own table), C{discover} names the
    servers (C{dns}, C{ntp}) that only the host knows, C{settings} are the choices in words, C{ruleset} the text.
    Raises ValueError that says what is accepted.
    """
    _one_of("policy", policy, POLICIES)
    _one_of("scope", scope, SCOPES)
    _one_of("stopped", stopped, ("reject", "drop"))
    if not _RATE.fullmatch(log_rate):
        raise ValueError(f"log rate '{log_rate}' is not accepted: write a number per second, minute, hour or day: 10/minute")
    if sources and scope == "host":
        raise ValueError("sources choose among forwarded packets: use them with the scope gateway or both")
    place = _place(into, policy)
    _check_names(allowlist, policy, names)
    versions, owned = VERSIONS[place["family"]], place["owned"]
    source_sets = _address_sets(f"{owned}sources", sources)
    blocks = _timer_blocks(allowlist, versions, owned)
    steps = [_timer_rule(block) for block in blocks if block.startswith("set ")]
    for direction in ("egress", "inbound") if scope != "host" or into else ("egress",):
        entries = [entry for entry in allowlist["provenance"] if entry.get("direction", "egress") == direction]
        if entries or direction == "egress":
            blocks += _allowed_blocks(entries, versions, owned, direction)
    opened = [_lookup(version, owned, "egress") for version in versions]
    invited = [_lookup(version, owned, "inbound") for version in versions if f"map {owned}inbound{version} " in "\n".join(blocks)]
    blocks += [block for version, block in source_sets.items() if block and version in versions]
    discover = []
    if into:
        guard = []
        for version in versions if sources else ():
            negated = f"{_IP[version]} saddr != @{owned}sources{version} " if source_sets[version] else ""
            guard.append(f"meta nfproto ipv{version} {negated}return")
        blocks.append(_block("chain egress_allowlist", invited + guard + steps + opened))
    else:
        if policy != "unmanaged":
            discover = [name for name, servers in (("dns", dns_servers), ("ntp", ntp_servers)) if not servers]
            for name, servers in (("dns", dns_servers), ("ntp", ntp_servers)):
                blocks += [block or _set(f"{name}{version}", version, []) for version, block in _address_sets(name, servers).items()]
            blocks.append(_set("management", "inet_service", []))
        blocks += _own_chains(policy, scope, stopped, log_rate, steps + opened, invited, source_sets if sources else None, allow or [])
    settings = {
        "policy": policy,
        "scope": scope,
        "stopped": stopped if policy == "deny" else "",
        "log_rate": log_rate if policy != "unmanaged" else "",
        "sources": ", ".join(expand_ranges(sources, collapse=True)) if sources else "",
        "allow": "; ".join(_allow_rules(allow or [])),
    }
    settings = {name: value for name, value in settings.items() if value}
    return {**place, "discover": discover, "settings": settings, "ruleset": _text(place, blocks)}


def counter_name(labels: tuple[str, ...]) -> str:
    """Return the counter of the vendor services C{('kudo/media', 'zoom/meetings')}: joined by a dot, shortened by a digest."""
    name = ".".join(labels)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _place(into: dict | None, policy: str) -> dict:
    """Return where the rules go: our own table, or the user's table and chain."""
    if not into:
        return {"family": "inet", "table": "egress_allowlist", "chain": "", "jump": False, "owned": ""}
    place = {"family": "inet", "chain": "", "jump": False, "owned": "egress_allowlist_", **into}
    unknown = sorted(set(into) - {"family", "table", "chain", "jump"})
    if unknown:
        raise ValueError(f"into has no '{unknown[0]}': it takes family, table, chain and jump")
    if policy != "unmanaged":
        raise ValueError(f"policy '{policy}' cannot go into a table of yours, its own chains decide there: use unmanaged")
    _one_of("into.family", place["family"], tuple(VERSIONS))
    for key in ("table", "chain") if place["jump"] else ("table",):
        if not _IDENTIFIER.fullmatch(str(place.get(key, ""))):
            raise ValueError(f"into.{key} '{place.get(key, '')}' is not a name of nftables: letters, digits, '_', '.' and '-', a letter first")
    return place


def _check_names(allowlist: dict, policy: str, names: str) -> None:
    """Stop a policy that would shut out names which nobody enforces, unless that was accepted."""
    _one_of("names", names, ("", "report"))
    wanted = sorted(name for group in allowlist["groups"] for name in group["names"])
    if wanted and policy == "deny" and not names:
        shown = ", ".join(wanted[:10]) + (f" and {len(wanted) - 10} more" if len(wanted) > 10 else "")
        raise ValueError(
            f"policy deny would stop {len(wanted)} names that a packet filter cannot enforce: {shown}. "
            "Set nftables_names: report to accept that (they are listed in the summary), or use the policy audit"
        )


def _timer_blocks(allowlist: dict, versions: tuple, owned: str) -> list[str]:
    """Return the C{ct timeout} objects that vendors ask for, and the sets of whom they apply to; the longest wins."""
    seconds: dict[tuple, int] = {}
    for timer in allowlist["timers"]:
        for service in timer["services"]:
            key = (timer["vendor"], service, timer["protocol"])
            seconds[key] = max(seconds.get(key, 0), timer["seconds"])
    members: dict[tuple, dict[int, list[str]]] = {}
    for version in versions:
        label = lambda entry: seconds.get((entry["vendor"], entry["service"], entry["protocol"]))  # noqa: E731
        for element in elements(allowlist["provenance"], version, label):
            members.setdefault((element.protocol, max(element.labels)), {}).setdefault(version, []).append(_key(element))
    blocks = []
    for (protocol, timeout), keys in sorted(members.items()):
        name = f"{owned}{protocol}_{timeout}"
        states = {"tcp": f"established : {timeout}", "udp": f"unreplied : {timeout}, replied : {timeout}"}[protocol]
        blocks.append(_block(f"ct timeout {name}", [f"protocol {protocol}", f"l3proto {_l3(versions)}", f"policy = {{ {states} }}"]))
        for version, keys_of_version in sorted(keys.items()):
            blocks.append(_set(f"{name}_v{version}", f"ipv{version}_addr . inet_proto . inet_service", keys_of_version, "flags interval"))
    return blocks


def _timer_rule(block: str) -> str:
    """Return the rule that gives the first packet of a member of the timer's set its timeout."""
    name = block.split()[1]
    version = int(name[-1])
    return f'{_IP[version]} daddr . meta l4proto . th dport @{name} ct timeout set "{name[:-3]}"'


def _allowed_blocks(entries: list[dict], versions: tuple, owned: str, direction: str) -> list[str]:
    """Return the counters of the vendor services and the map from what they asked for to these."""
    name = f"{owned}{'allowed' if direction == 'egress' else 'inbound'}"
    counters, maps = {}, []
    for version in versions:
        lines = []
        for element in elements(entries, version, lambda entry: f"{entry['vendor']}/{entry['service']}"):
            counter = owned + counter_name(element.labels)
            counters[counter] = ", ".join(element.labels).replace("/", ": ")
            lines.append(f'{_key(element)} : "{counter}"')
        maps.append(_set(f"{name}{version}", f"ipv{version}_addr . inet_proto . inet_service : counter", lines, "flags interval", "map"))
    return [_block(f"counter {counter}", [f'comment "{words[:120]}"']) for counter, words in sorted(counters.items())] + maps


def _own_chains(
    policy: str, scope: str, stopped: str, log_rate: str, opened: list, invited: list, sources: dict | None, allow: list
) -> list[str]:
    """Return the chains of our own table, the base chains last."""
    known = "ct state established,related accept"
    egress, blocks = list(opened), []
    if policy != "unmanaged":
        what, counter = ("stopped", "stopped") if policy == "deny" else ("would stop", "would_stop")
        blocks += [_block(f"counter {counter}", []), _block("chain baseline", _BASELINE.splitlines() + _allow_rules(allow))]
        egress += ["jump baseline", f'limit rate {log_rate} log prefix "egress.allowlist {what}: "', f'counter name "{counter}"']
        if policy == "deny" and stopped == "reject":
            egress += ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]
        elif policy == "deny":
            egress.append("drop")
    blocks.append(_block("chain egress", egress))
    if scope in ("host", "both"):
        # Replies of the service that manages the host: also when it was connected before conntrack looked.
        managed = [] if policy == "unmanaged" else ["tcp sport @management tcp flags & (syn | ack) != syn accept"]
        rules = ["type filter hook output priority filter; policy accept;", 'oif "lo" accept', known, *managed, "jump egress"]
        blocks.append(_block("chain output", rules))
    if scope in ("gateway", "both"):
        jumps = ["jump egress"]
        if sources is not None:
            jumps = [f"{_IP[version]} saddr @sources{version} jump egress" for version, block in sources.items() if block]
        blocks.append(_block("chain forward", ["type filter hook forward priority filter; policy accept;", known, *invited, *jumps]))
    return blocks


def _allow_rules(allow: list) -> list[str]:
    """Return the user's own additions to the baseline as rules."""
    rules = []
    for rule in expand_rows([{"vendor": "nftables_allow", "service": "baseline", **row} for row in allow], widest_prefix={"ipv4": 0, "ipv6": 0}):
        if "/" not in rule["destination"]:
            raise ValueError(f"nftables_allow: row {rule['row']}: '{rule['destination']}' is a name: write its addresses")
        ip = _IP[parse_prefix(rule["destination"])[0]]
        rules.append(f"{ip} daddr {rule['destination']} {rule['protocol']} dport {rule['ports']} accept")
    return rules


def _lookup(version: int, owned: str, direction: str) -> str:
    """Return the one rule that accepts everything on the list and counts it for whoever asked."""
    address, name = ("daddr", "allowed") if direction == "egress" else ("saddr", "inbound")
    return f"counter name {_IP[version]} {address} . meta l4proto . th dport map @{owned}{name}{version} accept"


def _address_sets(name: str, addresses: list | str) -> dict[int, str]:
    """Return the set of each IP version, '' where the user named no address of it."""
    listed: dict[int, list[str]] = {4: [], 6: []}
    for prefix in expand_ranges(addresses, collapse=True) if addresses else []:
        if "/" not in prefix:
            raise ValueError(f"{name.removeprefix('egress_allowlist_')}: '{prefix}' is a name: write addresses or prefixes")
        listed[parse_prefix(prefix)[0]].append(prefix)
    return {version: _set(f"{name}{version}", version, found, "flags interval") if found else "" for version, found in listed.items()}


def _set(name: str, kind: int | str, lines: list[str], flags: str = "", keyword: str = "set") -> str:
    """Declare a set or map; C{kind} is an IP version or a type in nft's words."""
    body = [f"type ipv{kind}_addr" if isinstance(kind, int) else f"type {kind}"]
    body += [flags] if flags else []
    if lines:
        body.append("elements = {\n\t\t\t" + ",\n\t\t\t".join(lines) + " }")
    return _block(f"{keyword} {name}", body)


def _block(head: str, lines: list[str]) -> str:
    """Return C{head { lines }}, indented as nft prints it inside a table."""
    return f"{head} {{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}"


def _text(place: dict, blocks: list[str]) -> str:
    """Return the whole declaration."""
    head = "# egress.allowlist: written by Ansible, changes are overwritten\n"
    return head + f"table {place['family']} {place['table']} {{\n" + "\n\n".join(f"\t{block}" for block in blocks) + "\n}\n"


def _key(element: Element) -> str:
    return f"{element.prefix} . {element.protocol} . {element.ports}"


def _l3(versions: tuple) -> str:
    return "inet" if len(versions) == 2 else _IP[versions[0]]


def _one_of(name: str, value: object, accepted: tuple) -> None:
    if value not in accepted:
        raise ValueError(f"{name} '{value}' is not accepted: choose one of {', '.join(filter(None, accepted))}")
