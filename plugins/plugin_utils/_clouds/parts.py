# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An allowlist cut into parts, as clouds count them: one list of services, one IP version, many prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.least import least
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import Asked, pieces, requested
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    collapse,
    is_address,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    Service,
    joined,
    service_of,
    version_of,
)


@dataclass(frozen=True)
class Part:
    """What one list of services may reach, in one IP version.

    services: C{(protocol, first_port, last_port)}, sorted, both ports inside.
    prefixes: minimal, ascending, disjoint, each with the sorted labels C{"kudo: media"} of those who ask for any of it
    and for whom no other part opens it.
    """

    services: tuple[Service, ...]
    version: int
    prefixes: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Services that somebody asks for, and for each of them who does."""

    services: tuple[Service, ...]
    labels: dict[Service, tuple[str, ...]]
    everybody: tuple[str, ...]


def parts(
    allowlist: Mapping[str, Any],
    *,
    addresses: Mapping[str, Sequence[str]] | None = None,
    allow: Iterable[Mapping[str, Any]] = (),
    single: bool = False,
) -> list[Part]:
    """Return the parts of an allowlist by version and services; what vendors send inbound is left out.

    single: a part for each service (a protocol with a port range), else one for each list of services. Parts of
    disjoint addresses are taken, unless those of the least list are fewer, or single ones have fewer prefixes.
    addresses: what names resolve to, C{{name: [addresses]}}; they count as destinations of who asked for the name.
    allow: the user's own rules, as C{allow_rules} returns them.
    """
    asked = [
        {**entry, "destinations": destinations} for entry, destinations in _entries(allowlist, addresses or {}, allow)
    ]
    found: list[Part] = []
    for version, disjoint in _disjoint(asked, single).items():
        overlapping = _overlapping(asked, version, single)
        found += overlapping if _size(overlapping, single) < _size(disjoint, single) else disjoint
    return found


def _label(entry: Mapping[str, Any]) -> str:
    return f"{entry['vendor']}: {entry['service']}"


def _size(found: list[Part], single: bool) -> tuple[int, int]:
    """Return what quotas count: parts, then prefixes; of single parts the prefixes alone."""
    return 0 if single else len(found), sum(len(part.prefixes) for part in found)


def _disjoint(entries: list[dict[str, Any]], single: bool) -> dict[int, list[Part]]:
    """Return the parts by IP version of the cut of the address axis: an address has one list of services."""
    requests, cut = pieces(
        ((*service_of(entry["protocol"], entry["ports"]), _label(entry)), entry["destinations"]) for entry in entries
    )
    found: dict[int, list[Part]] = {}
    for version, spans in cut.items():
        known: dict[Asked, _Asked] = {}
        placed: dict[tuple[Service, ...], list[tuple[int, int, tuple[str, ...]]]] = {}
        for first, last, asked in spans:
            if asked not in known:
                known[asked] = _asked(requested(requests, asked))
            one = known[asked]
            if single:
                for service in one.services:
                    placed.setdefault((service,), []).append((first, last, one.labels[service]))
            else:
                placed.setdefault(one.services, []).append((first, last, one.everybody))
        found[version] = [Part(services, version, labelled(version, placed[services])) for services in sorted(placed)]
    return found


def _overlapping(entries: list[dict[str, Any]], version: int, single: bool) -> list[Part]:
    """Return the parts of the least list of one IP version: a prefix has one list of services, another may hold it."""
    services: dict[str, list[Service]] = {}
    labels: dict[tuple[str, Service], tuple[str, ...]] = {}
    for line in least(entries, version, _label, mixed=True):
        services.setdefault(line.prefix, []).append(line[1:4])
        labels[line.prefix, line[1:4]] = line.labels
    placed: dict[tuple[Service, ...], dict[str, tuple[str, ...]]] = {}
    for prefix, found in services.items():
        for listed in [(service,) for service in found] if single else [tuple(sorted(found))]:
            asking = {label for service in listed for label in labels[prefix, service]}
            placed.setdefault(listed, {})[prefix] = tuple(sorted(asking))
    return [Part(listed, version, placed[listed]) for listed in sorted(placed)]


def _entries(
    allowlist: Mapping[str, Any], resolved: Mapping[str, Sequence[str]], allow: Iterable[Mapping[str, Any]]
) -> Iterable[tuple[Mapping[str, Any], list[str]]]:
    """Yield who asks for what, with the prefixes that this is."""
    for entry in allowlist["provenance"]:
        if entry.get("direction") == "inbound":
            continue
        listed: list[str] = []
        for destination in entry["destinations"]:
            listed += [destination] if is_address(destination) else _looked_up(entry, resolved.get(destination, ()))
        yield entry, listed
    for rule in allow:
        yield rule, [rule["destination"]]


def _looked_up(entry: Mapping[str, Any], addresses: Iterable[str]) -> list[str]:
    """Return the addresses of a name that an entry's protocol is for: ICMP is of one IP version."""
    version = version_of(entry["protocol"])
    return [address for address in addresses if not version or (":" in address) == (version == 6)]


def _asked(keys: list[tuple[str, int, int, str]]) -> _Asked:
    """Return the services of C{(protocol, first, last, label)}, those joined that overlap or touch."""
    services = joined(key[:3] for key in keys)
    labels = {
        service: tuple(sorted({key[3] for key in keys if key[0] == service[0] and service[1] <= key[1] <= service[2]}))
        for service in services
    }
    return _Asked(services, labels, tuple(sorted({key[3] for key in keys})))


def labelled(version: int, pieces: list[tuple[int, int, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return the minimal prefixes of ascending disjoint pieces, each with the labels of all pieces in it."""
    found: dict[str, tuple[str, ...]] = {}
    at = 0
    for first, last in collapse(piece[:2] for piece in pieces):
        for prefix in prefixes(version, first, last):
            end = parse_prefix(prefix)[2]
            labels: set[str] | tuple[str, ...] = pieces[at][2]
            # A piece may end behind this prefix: the next one then begins inside it.
            while pieces[at][1] < end:
                at += 1
                labels = {*labels, *pieces[at][2]}
            found[prefix] = labels if isinstance(labels, tuple) else tuple(sorted(labels))
            if pieces[at][1] == end and at + 1 < len(pieces):
                at += 1
    return found
