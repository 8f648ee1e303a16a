# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld has for destinations that are only known by name: sets that the host fills, services and rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.names import ROOM
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports, range_text, version_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.special import SPECIAL

from .objects import (
    LONGEST_SET,
    NAMED,
    OWN,
    Block,
    files_of,
    free_name,
    ipset,
    learned_set,
    shortened,
    sources_of,
    told_of,
    words_of,
)

# After all other accepts of ours, so that the guard stops nothing that these let through.
_GUARD, _ACCEPT = 1, 2

# Makes a rule for one IP version of its parts and a priority; none for a version that is not filtered.
Ruler = Callable[..., list[str]]


@dataclass(frozen=True)
class Names:
    """The domains with the services of firewalld that each is open for.

    C{bases}: how the names of a domain's two sets begin, by its name; C{services}: by its name.
    """

    domains: list[Domain]
    bases: dict[str, str]
    services: dict[str, list[Block]]

    def set_name(self, domain: Domain, version: int) -> str:
        """Return the name of a domain's set of one IP version."""
        return f"{self.bases[domain.name]}-{version}"

    def blocks(self) -> list[Block]:
        """Return all services, each once, by name."""
        found = {block.name: block for blocks in self.services.values() for block in blocks}
        return [found[name] for name in sorted(found)]

    def files(self, lease: int, most: int, guarded: bool) -> dict[str, str]:
        """Return the sets and services as files; C{guarded}: also the sets of addresses that no name may open."""
        files: dict[str, str] = {}
        for version in (4, 6) if guarded and self.domains else ():
            what = "What no answer of a name server may open."
            files[f"ipsets/{OWN}special-{version}.xml"] = ipset("special addresses", what, version, SPECIAL[version])
        for domain in self.domains:
            for version in (4, 6):
                told = f"IPv{version} addresses that the host learned of {domain.name}."
                text = learned_set(", ".join(domain.patterns), told, version, lease, max(most, ROOM))
                files[f"ipsets/{self.set_name(domain, version)}.xml"] = text
        for block in self.blocks():
            files.update(files_of(block))
        return files

    def rules(self, rule: Ruler, stop: dict[int, list[str]] | None) -> Iterator[str]:
        """Yield the rules; C{stop}: how a packet to an address that no name may open ends, by IP version."""
        for version, parts in (stop or {}).items():
            way = f'<destination ipset="{OWN}special-{version}"/>'
            for block in self.blocks():
                if block.version in (0, version):
                    yield from rule(version, way, f'<service name="{block.name}"/>', *parts, priority=_GUARD)
        for domain in self.domains:
            for version in (4, 6):
                way = f'<destination ipset="{self.set_name(domain, version)}"/>'
                for block in self.services[domain.name]:
                    if block.version in (0, version):
                        yield from rule(version, way, f'<service name="{block.name}"/>', "<accept/>", priority=_ACCEPT)


def named(found: list[Domain], provenance: list[dict]) -> Names:
    """Return the names of domains' sets and services; C{provenance} tells of their sources."""
    told = sources_of(provenance)
    wanted: dict[tuple, list[str]] = {}
    for domain in found:
        ports: dict[tuple, list[tuple[str, str]]] = {}
        for protocol, first, last, labels in domain.services:
            text = range_text(protocol, first, last)
            if text and not has_ports(protocol):
                asking = ", ".join(": ".join(label) for label in labels)
                raise ValueError(
                    f"{asking}: {protocol}/{text} to {domain.name}: firewalld has no types of ICMP in its services, "
                    f"which names need: open all of {protocol}, give its addresses, or use nftables"
                )
            ports.setdefault((labels, version_of(protocol)), []).append((protocol, text))
        for (labels, version), listed in ports.items():
            wanted.setdefault((labels, tuple(listed), version), []).append(domain.name)
    services: dict[str, list[Block]] = {domain.name: [] for domain in found}
    taken: set[str] = set()
    for (labels, listed, version), names in sorted(wanted.items()):
        name = free_name(NAMED + "-".join("-".join(label) for label in labels), taken)
        for one in names:
            services[one].append(Block(name, words_of(labels), listed, {}, told_of(labels, told), version))
    return Names(found, _bases(found), services)


def _bases(found: list[Domain]) -> dict[str, str]:
    """Return how the names of each domain's sets begin: C{egress-n-kudoway-com}, no two alike."""
    bases: dict[str, str] = {}
    for domain in found:
        base, digest = shortened(NAMED + domain.name.replace(".", "-"), LONGEST_SET - 2), domain.name
        while base in bases.values():  # a-b.com and a.b.com
            digest = hashlib.sha256(digest.encode()).hexdigest()
            base = f"{base[: LONGEST_SET - 9]}-{digest[:6]}"
        bases[domain.name] = base
    return bases
