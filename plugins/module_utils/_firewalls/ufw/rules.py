# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as ufw keeps them: a tuple, which ufw reads, and below it the iptables lines that it stands for.

A rule travels as text, C{allow udp 3478,8801:8810 192.0.2.0/28 any 0.0.0.0/0 out # kudo media}: a tuple in ufw's own
order (action, protocol, ports, destination, source ports, source, direction) and who asked for it. What is ours
in ufw's files is told by its comment, and by nothing else.
"""

from __future__ import annotations

import binascii
import functools
import ipaddress
import re
import socket
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.module_utils._host.extras import Asked
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import service

ANY = {4: "0.0.0.0/0", 6: "::/0"}
OWNER = " (egress.allowlist)"
# Protocol, port, source port and label of what the baseline lets a host ask.
SERVICES = {
    "dns": ("any", "53", "any", "baseline DNS"),
    "ntp": ("udp", "123", "any", "baseline NTP"),
    "dhcp": ("udp", "67", "68", "baseline DHCP"),
    "dhcp6": ("udp", "547", "546", "baseline DHCP"),
}
_TARGETS = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
_HEAD = re.compile(r"\*filter\r?\n.*?^### RULES ###\r?\n", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"\r?\n### tuple ### ([^\r\n]*?)(?: comment=([0-9a-fA-F]*))?\r?\n"
    r"((?:-A ufw6?-user-(?:logging-)?(?:input|output|forward) [^\n]*\n)*)"
)
# What ufw takes for a tuple: six to nine words. It passes over others, and so do we. In our own chains, which ufw does
# not read, ICMP has a type, and whose a packet is stands in the place of the ports that it comes from.
_PORTS = r"(?:any|\d+(?::\d+)?(?:,\d+(?::\d+)?)*)"
_SERVICE = rf"(?:icmp(?:v6)? [a-z0-9-]+|\S+ {_PORTS})"
_FROM = rf"(?:{_PORTS}|uid=\d+(?:,port=\d+)?)"
_TUPLE = re.compile(rf"\S+ {_SERVICE} \S+ {_FROM} \S+(?: \S+){{0,3}}")


class Block(NamedTuple):
    """One rule of a file: its tuple, whom it is for ('' for what is not ours), and its text in the file."""

    spec: str
    label: str
    text: str


class Rules(NamedTuple):
    """A file: what stands before its rules, the rules, and what stands behind them."""

    head: str
    blocks: list[Block]
    tail: str


def specs(roads: list[list[str]], version: int, protocol: str, ports: str, to: str, sport: str = "any") -> list[str]:
    """Return the tuples that let packets through to C{to} ('' for anywhere) on each road.

    C{roads}: C{["out", ""]} for what the host sends, C{["route", "10.0.0.0/8"]} for what it forwards from a
    prefix, or from anywhere with C{["route", ""]}.
    """
    found = []
    for way, source in roads:
        if not source or version_of(source) == version:
            action, direction = ("allow", "out") if way == "out" else ("route:allow", "in")
            ends = f"{address(to) or ANY[version]} {sport} {address(source) or ANY[version]}"
            found.append(f"{action} {protocol} {ports} {ends} {direction}")
    return found


def asking(service: str, server: str, roads: list[list[str]], name: str = "") -> list[str]:
    """Return the rules that let a server (an address or a prefix) be asked on each road; DHCP by the host itself only.

    C{service}: a key of C{SERVICES}; C{name}: what the server is known by, for the comment.
    """
    protocol, ports, sport, label = SERVICES[service]
    if sport != "any":
        roads = [road for road in roads if road[0] == "out"]
    label = f"{label} {name}" if name else label
    return [f"{spec} # {label}" for spec in specs(roads, version_of(server), protocol, ports, server, sport)]


def asking_besides(asked: Asked, name: str = "") -> list[str]:
    """Return the rules that let the host itself ask a server at another port; C{name}: as for C{asking}."""
    label = f"{SERVICES['ntp'][3]} {name}" if name else "baseline other ports"
    found = specs([["out", ""]], version_of(asked.server), asked.protocol, str(asked.port), asked.server, "any")
    return [f"{spec} # {label}" for spec in found]


def address(prefix: str) -> str:
    """Return a prefix as ufw writes it: no length where it is one address, IPv6 as the C library has it."""
    host, slash, length = prefix.partition("/")
    if ":" in host:
        host = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))
    return host if length == ("128" if ":" in host else "32") else host + slash + length


def is_tuple(spec: str) -> bool:
    """True for a tuple that ufw reads."""
    return _TUPLE.fullmatch(spec) is not None


def version_of(spec: str) -> int:
    """Return the IP version of a tuple, or of a prefix; ports have colons too, sets have it in their names."""
    fields = spec.split()
    return 6 if any(":" in field for field in (fields[3:6:2] if len(fields) > 1 else fields)) else 4


def split(rule: str) -> tuple[str, str]:
    """Return C{(tuple, label)} of a rule that travels."""
    spec, dummy, label = rule.partition(" # ")
    return spec, label


def block(spec: str, label: str) -> Block:
    """Return a rule of ours as ufw would write it."""
    comment = binascii.hexlify((label + OWNER).encode()).decode()
    lines = "".join(line + "\n" for line in lines_of(spec))
    return Block(spec, label, f"\n### tuple ### {spec} comment={comment}\n{lines}")


def lines_of(spec: str) -> list[str]:
    """Return the iptables lines of a tuple of the kinds that we write."""
    action, protocol, ports, to, sport, source, direction = spec.split()
    version = "6" if version_of(spec) == 6 else ""
    chain = "forward" if action.startswith("route:") else "output" if direction == "out" else "input"
    target = _TARGETS[action.rpartition(":")[2]]
    if protocol == "any" and ports == "any":
        return ["-A ufw{}-user-{} {}".format(version, chain, " ".join([*_ends(to, "", source, ""), "-j", target]))]
    lines = []
    for name in ("tcp", "udp") if protocol == "any" else (protocol,):
        words, dport, from_port = ["-p", name], f"--dport {ports}" if ports != "any" else "", f"--sport {sport}"
        if re.search("[,:]", ports + sport):
            words += ["-m multiport", f"--dports {ports}"]
            words += ["-m multiport", f"--sports {sport}"] if sport != "any" else []
            dport = from_port = ""
        words += _ends(to, dport, source, "" if sport == "any" else from_port)
        lines.append("-A ufw{}-user-{} {} -j {}".format(version, chain, " ".join(words), target))
    return lines


def _ends(to: str, dport: str, source: str, sport: str) -> list[str]:
    """Return the options for destination and source in ufw's order; none for anywhere."""
    words = [f"-d {to}"] if to not in ANY.values() else []
    words += [dport] if dport else []
    words += [f"-s {source}"] if source not in ANY.values() else []
    return words + ([sport] if sport else [])


def parse(text: str) -> Rules:
    """Return the parts of user.rules or user6.rules; raises ValueError where it is not such a file."""
    start = _HEAD.match(text)
    if not start:
        raise ValueError("is not a file of ufw's rules")
    head, rest = start.group(0), text[start.end() :]
    blocks, end = [], 0
    for match in _BLOCK.finditer(rest):
        if match.start() != end:
            break
        blocks.append(Block(match.group(1), _label(match.group(2)), match.group(0)))
        end = match.end()
    return Rules(head, blocks, rest[end:])


def _label(comment: str | None) -> str:
    """Return whom a rule of ours is for, '' where the comment does not say that it is ours."""
    try:
        words = binascii.unhexlify(comment or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return words[: -len(OWNER)] if words.endswith(OWNER) else ""


def compose(rules: Rules, wanted: list[str], stops: list[str], first: bool) -> str:
    """Return the text of a file with what is wanted of us as one block, and the tuples that the user has already.

    The block stays where it is and a new one goes to the end; C{first}: before all. C{stops} are always last,
    so that they stop nothing that somebody allows.
    """
    users = [entry for entry in rules.blocks if not entry.label]
    theirs = {entry.spec for entry in users}
    before = 0
    for entry in rules.blocks:
        if first or (entry.label and not stops_packets(entry.spec)):
            break
        before += not entry.label
    ours = [block(*split(rule)) for rule in wanted]
    unique = {entry.spec: entry for entry in reversed(ours) if entry.spec not in theirs}
    ours = [entry for entry in ours if unique.get(entry.spec) is entry]
    last = [block(*split(rule)) for rule in stops]
    blocks = [*users[:before], *ours, *users[before:], *last]
    return rules.head + "".join(entry.text for entry in blocks) + rules.tail


def stops_packets(spec: str) -> bool:
    """True for a tuple that stops."""
    return not spec.partition(" ")[0].rpartition(":")[2].startswith(("allow", "limit"))


def words(spec: str, label: str) -> str:
    """Return C{udp/3478 to 192.0.2.0/28  kudo: media}; of what is no tuple what stands there."""
    if not is_tuple(spec):
        return f"'{spec}'  {label}"
    action, protocol, ports, to, dummy, source = spec.split()[:6]
    passed = " (forwarded)" if action.startswith("route:") else ""
    ends = ["to " + to] if to not in ANY.values() else []
    ends += ["from " + source] if source not in ANY.values() else []
    if stops_packets(spec):
        return "stop {}{}".format(" ".join(ends) or f"everything in IPv{version_of(spec)}", passed)
    opened = service("tcp+udp" if protocol == "any" else protocol, ports.replace(":", "-") if ports != "any" else "")
    ends = ends or ["to any" + (" IPv6" if version_of(spec) == 6 else "")]
    shown = ", ".join(": ".join(part.split(" ", 1)) for part in label.split(", "))
    return "{} {}{}  {}".format(opened, " ".join(ends), passed, shown)


def spoken(spec: str) -> str:
    """Return a tuple in about the words of ufw's command line: C{deny out to 10.0.0.0/8 port 80 proto tcp}."""
    action, protocol, ports, to, sport, source, *more = spec.split()
    parts = [action.replace(":", " "), more[-1].replace("_", " on ").replace("!", " ") if more else "in"]
    parts += ["from", source] if source not in ANY.values() else []
    parts += ["port", sport] if sport != "any" else []
    parts += ["to", to if to not in ANY.values() else "any"]
    parts += ["port", ports] if ports != "any" else []
    return " ".join(parts + (["proto", protocol] if protocol != "any" else []))


def opened(rules: Rules) -> dict[str, str]:
    """Return C{{tuple: label}} of what is ours."""
    return {entry.spec: entry.label for entry in rules.blocks if entry.label}


def difference(was: dict[str, str], will: dict[str, str]) -> list[str]:
    """Return lines in words that lead from the old rules of ours to the new ones, C{{tuple: label}}."""
    lines = []
    for sign, these, those in (("-", was, will), ("+", will, was)):
        lines += [(spec, sign, label) for spec, label in these.items() if those.get(spec) != label]
    lines.sort(key=lambda line: (version_of(line[0]), stops_packets(line[0]), line[2], line[0], line[1] == "+"))
    return [f"{sign} {words(spec, label)}" for spec, sign, label in lines]


def stoppers(blocks: list[Block], more: dict[str, str]) -> list[str]:
    """Return notes that name the user's rules before ours that stop some of what ours allow.

    C{more}: rules of ours that come behind all of the user's, C{{tuple: label}}.
    """
    notes = []
    for place, entry in enumerate(blocks):
        if entry.label or not stops_packets(entry.spec) or not is_tuple(entry.spec):
            continue
        behind = [(ours.spec, ours.label) for ours in blocks[place:] if ours.label] + list(more.items())
        stopped = next((ours for ours in behind if _meet(entry.spec, ours[0])), None)
        if stopped:
            remedy = "delete it" if more else "delete it, or set ufw_egress_place to first"
            notes.append(
                f"your rule '{spoken(entry.spec)}' stands before ours and stops some of what they allow, "
                f"such as {words(*stopped)}: {remedy}"
            )
    return notes


def openers(blocks: list[Block], ways: set[str]) -> list[str]:
    """Return the user's rules that let packets out on C{ways} (C{out}, C{route}), in words: policy deny leaves them."""
    return [
        spoken(entry.spec)
        for entry in blocks
        if not entry.label and is_tuple(entry.spec) and not stops_packets(entry.spec) and _way(entry.spec) in ways
    ]


def _way(spec: str) -> str:
    """Return C{in}, C{out} or C{route}."""
    fields = spec.split()
    return "route" if fields[0].startswith("route:") else fields[-1].partition("_")[0]


def _meet(users: str, ours: str) -> bool:
    """True where two tuples are about the same packets, as far as chain, protocol, ports and addresses tell."""
    one, other = users.split(), ours.split()
    everywhere = other[3] in ANY.values() and other[5] in ANY.values()
    if _way(users) != _way(ours) or everywhere or stops_packets(ours) or len({one[1], other[1]} - {"any"}) > 1:
        return False
    if other[1] not in ("any", "tcp", "udp"):
        if one[2] != "any" or one[4] != "any":  # ports, that is of TCP or UDP
            return False
    elif not any(low <= high2 and low2 <= high for low, high in _ports(one[2]) for low2, high2 in _ports(other[2])):
        return False
    if not _span(other[3]):  # a name, of unknown addresses: only a rule about everywhere surely meets it
        if one[3] not in ANY.values():
            return False
        other[3] = one[3]
    pairs = [(_span(one[n]), _span(other[n])) for n in (3, 5)]
    return all(left[0] == right[0] and left[1] <= right[2] and right[1] <= left[2] for left, right in pairs)


@functools.lru_cache(maxsize=4096)
def _ports(ports: str) -> list[tuple[int, int]]:
    """Return the ranges of a list of ports, all ports for C{any}."""
    if ports == "any":
        return [(0, 65535)]
    ranges = [part.partition(":") for part in ports.split(",")]
    return [(int(low), int(high or low)) for low, dummy, high in ranges]


@functools.lru_cache(maxsize=4096)
def _span(prefix: str) -> tuple[int, ...]:
    """Return C{(version, first, last)} of a prefix, C{()} of a name."""
    try:
        network = ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return ()
    return network.version, int(network[0]), int(network[-1])
