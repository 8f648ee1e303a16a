# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of all pages, and the question whether a selection of vendors allows a packet."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.support.repository import REPOSITORY

from . import pages
from .pages import Fact

Selection = Sequence[Mapping[str, Any]]  # the form of catalog_vendors
Service = tuple[str, int, int]  # protocol, first and last port

DEFAULT_REQUIREMENTS = ("required", "recommended")
DEFAULTS: dict[str, Any] = {
    "teams": False,
    "names": "wildcard",
    "ocsp": False,
    "inbound": False,
    "ios": False,
    "one_click_regions": ["us1", "us2"],
}
EVERYTHING: list[dict[str, Any]] = [  # a selection: all vendors with all that they have, but for inbound rules
    {"name": "kore_ai", "regions": "all"},
    {"name": "kudo", "regions": "all", "teams": True},
    {"name": "securevideo", "engines": "all", "ocsp": True, "one_click_regions": "all"},
    {"name": "eschat", "signaling_port": 7400, "ios": True},
    {"name": "zoom"},
    {"name": "twilio", "regions": "all"},
    {"name": "vsee"},
]


def documents_directory() -> Path | None:
    """Return where the vendors' documents are, or None when this machine has none."""
    directory = Path(os.environ.get("VENDOR_DOCUMENTS") or REPOSITORY.parent / "shared" / "vendor-documents")
    return directory if (directory / "kudo.txt").is_file() else None


@dataclass(frozen=True)
class Oracle:
    """All that the documents say."""

    facts: tuple[Fact, ...]

    @classmethod
    def read(cls, directory: Path) -> Oracle:
        """Read all documents of a directory."""

        def page(name: str) -> str:
            return (directory / name).read_text("utf-8")

        regions = pages.twilio_ranges(page("twilio_regions.txt"))
        video = pages.securevideo(page("securevideo.txt"))
        vsee = list(pages.vsee(page("vsee.txt")))
        found = [
            *pages.kore_ai(page("kore_ai_us.txt"), "us"),
            *pages.kore_ai(page("kore_ai_jp.txt"), "jp"),
            *pages.kudo(page("kudo.txt")),
            *pages.eschat(page("eschat_canada.txt")),
            *vsee,
            *pages.securevideo_facts(video, regions, vsee),
            *pages.zoom_facts(page("zoom_2026-06.txt"), video),
            *pages.twilio_facts(video, regions),
        ]
        return cls(tuple(dict.fromkeys(found)))

    def choices(self, vendor: str, option: str) -> list[str]:
        """Return the values of an option that make a difference for a vendor, as the documents name them."""
        found = [
            value
            for fact in self.facts
            if fact.vendor == vendor
            for name, values in fact.when
            if name == option
            for value in values
        ]
        return [str(value) for value in dict.fromkeys(found)]

    def select(self, selection: Selection, requirements: Iterable[str] = DEFAULT_REQUIREMENTS) -> list[Fact]:
        """Return the facts of these vendors with these options, the customer's own ports put in."""
        wanted = frozenset(requirements)
        return [
            fact
            for chosen in selection
            for fact in self.facts
            if fact.vendor == chosen["name"] and fact.requirement in wanted and _holds(fact, chosen)
            for fact in _with_ports(fact, chosen)
        ]

    def compile(
        self,
        selection: Selection,
        requirements: Iterable[str] = DEFAULT_REQUIREMENTS,
        direction: str = "outbound",
    ) -> Compiled:
        """Return the facts of one direction as a table in which a packet is looked up quickly."""
        return Compiled(fact for fact in self.select(selection, requirements) if fact.direction == direction)

    def allowed(self, selection: Selection, protocol: str, address: str, port: int) -> bool:
        """Say whether a first packet out to this address and port is allowed; for many, compile once and ask that."""
        parsed = ip_address(address)
        return self.compile(selection).allowed(protocol, parsed.version, int(parsed), port)

    def names(self, selection: Selection) -> dict[str, set[Service]]:
        """Return the names that no packet filter can look up, with the services that each of them needs."""
        return self.compile(selection).names


def _holds(fact: Fact, chosen: Mapping[str, Any]) -> bool:
    for option, values in fact.when:
        value = chosen.get(option, DEFAULTS.get(option))
        if value != "all" and not values & frozenset(value if isinstance(value, list) else [value]):
            return False
    return True


def _with_ports(fact: Fact, chosen: Mapping[str, Any]) -> list[Fact]:
    if fact.ports_option == "signaling_port" or fact.ports_option in chosen:
        first, _dash, last = str(chosen[fact.ports_option]).partition("-")
        return [replace(fact, first=int(first), last=int(last or first))]
    return [fact]


class Compiled:
    """Facts as two address axes cut into pieces within which the services do not change.

    C{ranges}: IP version -> the networks of the documents, not merged, as (first, last) -> their services.
    C{names}: name -> services.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.ranges: dict[int, dict[tuple[int, int], set[Service]]] = {4: {}, 6: {}}
        self.names: dict[str, set[Service]] = defaultdict(set)
        changes: dict[int, dict[int, list[tuple[Service, int]]]] = {4: defaultdict(list), 6: defaultdict(list)}
        for fact in facts:
            service = (fact.protocol, fact.first, fact.last)
            if isinstance(fact.destination, str):
                self.names[fact.destination].add(service)
                continue
            version: int = fact.destination.version
            first, last = int(fact.destination.network_address), int(fact.destination.broadcast_address)
            self.ranges[version].setdefault((first, last), set()).add(service)
            changes[version][first].append((service, 1))
            changes[version][last + 1].append((service, -1))
        self._starts: dict[int, list[int]] = {}
        self._pieces: dict[int, list[dict[str, list[tuple[int, int]]]]] = {}
        for version, axis in changes.items():
            self._cut(version, axis)

    def _cut(self, version: int, axis: Mapping[int, list[tuple[Service, int]]]) -> None:
        self._starts[version], self._pieces[version] = [-1], [{}]
        open_services: Counter[Service] = Counter()
        for start in sorted(axis):
            for service, change in axis[start]:
                open_services[service] += change
            piece: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for (protocol, first, last), count in open_services.items():
                if count:
                    piece[protocol].append((first, last))
            self._starts[version].append(start)
            self._pieces[version].append(dict(piece))

    def allowed(self, protocol: str, version: int, address: int, port: int) -> bool:
        """Say whether a first packet to this address (of inbound facts: from it) is allowed.

        C{protocol} is tcp or udp, C{version} 4 or 6, C{address} an integer.
        """
        piece = self._pieces[version][bisect_right(self._starts[version], address) - 1]
        return any(first <= port <= last for first, last in piece.get(protocol, ()))
