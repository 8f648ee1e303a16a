# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that the monkey applies, and what each of them lets out, as the oracle of the tests has it.

A list is made of facts: protocol, ports, destination. The collection gets them as a vendor's rows, the oracle as they
are; nothing of what a renderer does is in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset

from tests.support.vendor_oracle import Compiled
from tests.support.vendor_oracle.pages import Fact

Probe = tuple[str, str, str, int]  # path (host or gateway), protocol, address, port
RENDERERS = {"nftables": ruleset.render, "ufw": ufw.render, "firewalld": configuration.render}
NATIVE = {"nftables": "ruleset", "ufw": "rules", "firewalld": "objects"}  # the module's option
POLICIES = {
    "nftables": ("deny", "deny", "audit", "unmanaged"),
    "ufw": ("deny", "deny", "unmanaged"),
    "firewalld": ("deny", "deny", "audit", "unmanaged"),
}
PATHS = {"host": {"host"}, "gateway": {"gateway"}, "both": {"host", "gateway"}}
SOURCES = ["198.18.100.0/24", "2001:2:0:64::/64"]  # of the client
NAMES = ["sip.example.net", "media.example.net"]
AVOIDED = {9, 25, 53, 67, 68, 123, 546, 547}  # ports of the baseline, and of rules of the user's
MOST_PROBES = 600


@dataclass(frozen=True)
class Choice:
    """What somebody applies. C{facts}: protocol, first and last port, destination."""

    name: str
    facts: tuple[tuple[str, int, int, str], ...]
    policy: str
    scope: str
    names: str = "report"
    asked: tuple[str, ...] = ()  # names that rows have as destinations
    sets: bool = False  # of ufw

    def __str__(self) -> str:
        extra = f", {self.names} {len(self.asked)} names" if self.asked else ""
        return f"list {self.name} ({len(self.facts)} rows, {self.policy}, {self.scope}{extra}{', sets' * self.sets})"

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the vendor acme's table."""
        rows = [
            {"destination": destination, "ports": f"{first}-{last}" if last > first else str(first), "protocol": kind}
            for kind, first, last, destination in [*self.facts, *(("tcp", 443, 443, name) for name in self.asked)]
        ]
        about = {"vendor": "acme", "service": "calls", "source": "Acme's ports", "date": "2026-01"}
        return [{**about, "requirement": "required", **row} for row in rows]

    def options(self) -> dict[str, Any]:
        """Return the role's options but for the vendors, without the role's prefix."""
        sources = SOURCES if self.scope != "host" else []
        found = {"policy": self.policy, "scope": self.scope, "names": self.names, "sources": sources}
        return {**found, "names_refresh": 3600, **({"sets": True} if self.sets else {})}

    def native(self, backend: str) -> dict[str, Any]:
        """Return the option of the backend's module that holds it."""
        allowlist = merge_vendors(expand_rows(self.rows()))
        return {NATIVE[backend]: RENDERERS[backend](allowlist, **self.options())}  # type: ignore[operator]

    def vendor(self) -> dict[str, Any]:
        """Return C{catalog_custom_vendors} with the vendor acme."""
        keys = ("destination", "ports", "protocol")
        rows = [{key: row[key] for key in keys} for row in self.rows()]
        source = {"id": "page", "title": "Acme's ports", "date": "2026-01"}
        service = {"name": "calls", "title": "Calls", "source": "page", "rows": rows}
        return {"acme": {"title": "Acme", "sources": [source], "services": [service]}}

    @cached_property
    def compiled(self) -> Compiled:
        """What it allows."""
        return Compiled(
            Fact("acme", kind, first, last, ip_network(destination)) for kind, first, last, destination in self.facts
        )

    def lets_out(self, probe: Probe) -> bool:
        """Say whether a first packet gets out of the machine."""
        path, protocol, address, port = probe
        if self.policy != "deny" or path not in PATHS[self.scope]:
            return True
        parsed = ip_address(address)
        return self.compiled.allowed(protocol, parsed.version, int(parsed), port)


def draw(random: Random, backend: str, name: str) -> Choice:
    """Return a list, its policy, scope and mode of names; lists of one sequence often share parts."""
    facts = {_fact(random) for _number in range(random.choice((1, 4, 8, 16)))}
    asked = tuple(random.sample(NAMES, random.randint(1, 2))) if random.random() < 0.25 else ()
    return Choice(
        name,
        tuple(sorted(facts)),
        random.choice(POLICIES[backend]),
        random.choice(("host", "host", "both", "gateway")),
        "resolve" if asked and random.random() < 0.7 else "report",
        asked,
        backend == "ufw" and random.random() < 0.3,
    )


def _fact(random: Random) -> tuple[str, int, int, str]:
    while True:
        first = random.choice((80, 443, 3478, random.randint(1, 65535)))
        last = first if random.random() < 0.6 else min(65535, first + random.choice((1, 10, 1000, 50000)))
        if not AVOIDED & set(range(first - 1, last + 2)):
            break
    if random.random() < 0.7:
        length = random.choice((18, 22, 24, 28, 31, 32))
        # Few networks, so that rows of a list and of two lists meet.
        address = (20 << 24) + (random.randrange(4) << 16) + random.randrange(1 << 14)
        network: IPv4Network | IPv6Network = ip_network((address >> (32 - length) << (32 - length), length))
    else:
        length = random.choice((48, 56, 64, 128))
        address = (0x2A00_1234_0000 << 80) + (random.randrange(4) << 64) + random.randrange(4)
        network = ip_network((address >> (128 - length) << (128 - length), length))
    return random.choice(("tcp", "udp")), first, last, str(network)


def probes(random: Random, choices: Sequence[Choice]) -> list[Probe]:
    """Return probes that tell these lists apart: the edges of each row, and their neighbours; both paths."""
    found: dict[Probe, None] = {("host", "udp", "20.9.9.9", 99): None, ("gateway", "udp", "20.9.9.9", 99): None}
    edges = []
    for _kind, first, last, destination in sorted({fact for choice in choices for fact in choice.facts}):
        network = ip_network(destination)
        ends = int(network.network_address), int(network.broadcast_address)
        shown = [str(type(network.network_address)(end)) for end in (ends[0] - 1, *ends, ends[1] + 1)]
        ports = [port for port in (first - 1, first, last, last + 1) if 1 <= port <= 65535 and port not in AVOIDED]
        edges += [(address, port) for address in shown for port in ports]
    for address, port in random.sample(edges, min(len(edges), MOST_PROBES // 2)):
        found[random.choice(("host", "gateway")), random.choice(("tcp", "udp")), address, port] = None
        found[random.choice(("host", "gateway")), random.choice(("tcp", "udp")), address, port] = None
    # Each row's own packet on both paths, so that none of them is missed.
    for kind, first, _last, destination in sorted({fact for choice in choices for fact in choice.facts}):
        for path in ("host", "gateway"):
            found[path, kind, str(ip_network(destination).network_address), first] = None
    return list(found)
