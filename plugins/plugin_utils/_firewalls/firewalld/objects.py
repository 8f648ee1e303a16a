# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld's configuration is made of, as XML the way firewalld writes it: ipsets, services and policies.

Services that the same vendor services ask for, to the same destinations, become one firewalld service, named so that
a person knows it, and one ipset per IP version with the prefixes that may be reached by it. Sets of different services
may overlap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.bundles import bundles
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    has_ports,
    number_of,
    range_text,
)

PREFIX = "egress-"
OWN = "egress-allow-"  # what is not a vendor's: servers, sources, policies
NAMED = "egress-n-"  # what is learned of names: its sets and services
MARK = "Made by egress.allowlist."  # a description that starts with it makes an object ours
LONGEST_SET = 31  # bytes that the kernel gives an ipset's name
_LONGEST_NAME = 60
# Protocols that firewalld's own services name; all others go by their number.
_NAMED = {"esp": "esp", "ah": "ah", "gre": "gre", "igmp": "igmp", "vrrp": "vrrp", "icmp": "icmp", "icmpv6": "ipv6-icmp"}
# Types of ICMP that every firewalld knows.
_TYPES = {
    "icmp": (
        "destination-unreachable",
        "echo-reply",
        "echo-request",
        "parameter-problem",
        "redirect",
        "router-advertisement",
        "router-solicitation",
        "source-quench",
        "time-exceeded",
        "timestamp-reply",
        "timestamp-request",
    ),
    "icmpv6": (
        "destination-unreachable",
        "echo-reply",
        "echo-request",
        "neighbor-advertisement",
        "neighbor-solicitation",
        "packet-too-big",
        "parameter-problem",
        "redirect",
        "router-advertisement",
        "router-solicitation",
        "time-exceeded",
    ),
}
_WAYS = "take the row out, or use nftables"
_LONGEST_WORDS = 400


@dataclass(frozen=True)
class Block:
    """One service of ours.

    C{words}: C{kudo media}; C{ports}: C{(protocol, ports)}, of ICMP with a type; C{prefixes}: by IP version; C{told}:
    its sources; C{version}: the only one that it is for, 0 for both.
    """

    name: str
    words: str
    ports: tuple[tuple[str, str], ...]
    prefixes: dict[int, list[str]]
    told: str
    version: int = 0

    def elements(self) -> list[str]:
        """Return what a rich rule names to open it: the service, and types of ICMP, which no service can hold."""
        service = [f'<service name="{self.name}"/>'] if len(self.types()) < len(self.ports) else []
        return [*service, *(element(*typed) for typed in self.types())]

    def types(self) -> list[tuple[str, str]]:
        """Return its types of ICMP."""
        return [(protocol, ports) for protocol, ports in self.ports if ports and not has_ports(protocol)]

    def set_name(self, version: int) -> str:
        """Return the name of the ipset of one IP version."""
        return shortened(self.name, LONGEST_SET - 2) + f"-{version}"


def blocks(entries: Sequence[dict], suffix: str = "") -> list[Block]:
    """Return the blocks of provenance entries; C{suffix} ends each name."""
    found: dict[tuple, dict[int, list[str]]] = {}
    for version in (4, 6):
        for bundle in bundles(entries, version, lambda entry: (entry["vendor"], entry["service"]), _rules):
            ports = tuple((service[0], range_text(*service)) for service in bundle.services)
            found.setdefault((bundle.labels, ports), {})[version] = [*bundle.prefixes]
    told = sources_of(entries)
    made: list[Block] = []
    taken: set[str] = set()
    for (labels, ports), prefixes in sorted(found.items(), key=lambda item: item[0]):
        base = PREFIX + "-".join("-".join(label) for label in labels)
        if base.startswith((OWN, NAMED)):
            base = PREFIX + "vendor-" + base[len(PREFIX) :]
        name = free_name(base, taken, suffix)
        made.append(Block(name, words_of(labels), ports, prefixes, told_of(labels, told)))
    return made


def _rules(services: Iterable[Service]) -> int:
    """Return how many rules open services to one set: one for all but the types of ICMP, and one for each of these."""
    typed = [range_text(*service) != "" and not has_ports(service[0]) for service in services]
    return sum(typed) + (not all(typed))


def free_name(base: str, taken: set[str], suffix: str = "") -> str:
    """Return a service's name that nobody has yet, and take it; C{taken}: in lower case."""
    name, number = shortened(base, _LONGEST_NAME) + suffix, 1
    while name.lower() in taken:
        number += 1
        name = f"{shortened(base, _LONGEST_NAME - 5)}-{number}{suffix}"
    taken.add(name.lower())
    return name


def words_of(labels: Iterable[tuple[str, str]]) -> str:
    """Return who asks for something, in words: C{kudo media, zoom meetings}; where they are many, every vendor."""
    return joined((": ".join(label) for label in labels), _LONGEST_WORDS).replace(": ", " ")


def told_of(labels: Iterable[tuple[str, str]], told: dict[tuple[str, str], str]) -> str:
    """Return the sources that tell of vendor services, each once."""
    return "; ".join(dict.fromkeys(told[label] for label in labels))


def shortened(name: str, length: int) -> str:
    """Return a name of at most C{length} characters; a long one is cut and gets a digest of all of it."""
    if len(name) <= length:
        return name
    return f"{name[: length - 7].rstrip('-_')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def sources_of(entries: Sequence[dict]) -> dict[tuple[str, str], str]:
    """Return the newest source that tells of each vendor service: C{Kudo's ports (2026-01)}."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in entries:
        label = (entry["vendor"], entry["service"])
        source = (str(entry.get("date") or ""), str(entry.get("source") or ""))
        found[label] = max(found.get(label, ("", "")), source)
    return {label: f"{source} ({date})" if date else source for label, (date, source) in found.items()}


def files_of(block: Block) -> dict[str, str]:
    """Return C{{path below /etc/firewalld: XML}} of the ipsets and the service of a block."""
    files = {}
    for version, prefixes in sorted(block.prefixes.items()):
        name = block.set_name(version)
        files[f"ipsets/{name}.xml"] = ipset(
            block.words, f"IPv{version} of {block.name}. {block.told}", version, prefixes
        )
    listed = [element(*service) for service in block.ports if service not in block.types()]
    if listed:
        files[f"services/{block.name}.xml"] = _xml("service", block.words, block.told, listed)
    return files


def element(protocol: str, ports: str) -> str:
    """Return the element of a service or a rich rule that opens ports, a type of ICMP, or a protocol."""
    if has_ports(protocol):
        return f'<port port="{ports}" protocol="{protocol}"/>'
    if ports:
        return f'<icmp-type name="{ports.replace("neighbor", "neighbour")}"/>'
    return f'<protocol value="{_NAMED.get(protocol) or number_of(protocol)}"/>'


def refused(protocol: str, ports: str) -> str:
    """Return why firewalld cannot open a service, '' where it can."""
    if protocol == "udplite":
        return f"firewalld has no ports of {protocol}: {_WAYS}"
    if ports and protocol in _TYPES and ports not in _TYPES[protocol]:
        return f"firewalld has no such type of {protocol}: it knows {', '.join(_TYPES[protocol])}: {_WAYS}"
    return ""


def learned_set(words: str, told: str, version: int, lease: int, most: int) -> str:
    """Return an ipset without entries that the host fills: C{most} addresses at most, for C{lease} seconds each."""
    options = {"timeout": lease, "maxelem": most} | ({"family": "inet6"} if version == 6 else {})
    lines = [f'<option name="{name}" value="{value}"/>' for name, value in options.items()]
    return _xml('ipset type="hash:ip"', words, told, lines)


def ipset(words: str, told: str, version: int, prefixes: Iterable[str]) -> str:
    """Return an ipset of prefixes, which must be disjoint: firewalld cannot start with others."""
    lines = ['<option name="family" value="inet6"/>'] if version == 6 else []
    lines += [f"<entry>{entry}</entry>" for prefix in prefixes for entry in _entries(prefix)]
    return _xml('ipset type="hash:net"', words, told, lines)


def _entries(prefix: str) -> list[str]:
    """Return a prefix as firewalld takes it: it refuses what ends with /0."""
    if prefix.endswith("/0"):
        return ["::/1", "8000::/1"] if ":" in prefix else ["0.0.0.0/1", "128.0.0.0/1"]
    return [prefix.removesuffix("/128" if ":" in prefix else "/32")]


def policy_file(
    words: str, told: str, target: str, ends: tuple[Iterable[str], Iterable[str]], rules: Iterable[str], priority: int
) -> str:
    """Return a policy; C{ends}: its ingress and its egress zones."""
    ingress, egress = ends
    zones = [f'<ingress-zone name="{zone}"/>' for zone in ingress] + [
        f'<egress-zone name="{zone}"/>' for zone in egress
    ]
    return _xml(f'policy priority="{priority}" target="{target}"', words, told, [*zones, *dict.fromkeys(rules)])


def rule(family: str, *parts: str, priority: int = 0) -> str:
    """Return one rich rule."""
    first = f' priority="{priority}"' if priority else ""
    return f'<rule{first} family="{family}">\n    ' + "\n    ".join(parts) + "\n  </rule>"


def _xml(head: str, words: str, told: str, lines: Iterable[str]) -> str:
    described = [f"<short>{_text(words)}</short>", f"<description>{_text(f'{MARK} {told}')}</description>"]
    body = "".join(f"  {line}\n" for line in [*described, *lines])
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{head}>\n{body}</{head.split()[0]}>\n'


def _text(text: str) -> str:
    """Return any text for an element: on one line, without what XML cannot carry, and not endless."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return escape(plain if len(plain) <= _LONGEST_WORDS else plain[: _LONGEST_WORDS - 4] + " ...")
