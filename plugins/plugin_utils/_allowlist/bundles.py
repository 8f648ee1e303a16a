# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least list in bundles, for what opens several services, or several prefixes, with one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import Service

from .collector import no_collector
from .least import least_and_apart
from .partition import Element


class Bundle(NamedTuple):
    """Services, sorted, that are all open to all of some prefixes, which are disjoint and ascending."""

    labels: tuple
    services: tuple[Service, ...]
    prefixes: tuple[str, ...]


@no_collector()
def bundles(
    provenance: Iterable[Mapping[str, Any]],
    version: int,
    label: Callable[[Mapping[str, Any]], object],
    rules: Callable[[tuple[Service, ...]], int],
    single: bool = False,
) -> list[Bundle]:
    """Return the least list of one IP version in bundles, for the fewest rules.

    C{label}: as for C{least}. C{rules} returns how many rules a bundle of these services takes. C{single}: each bundle
    has one prefix, ascending; else they are sorted by labels. Where it takes fewer rules, neighbouring prefixes of
    different labels stay apart.
    """
    lists = least_and_apart(provenance, version, label)
    tried = [_single(lines) if single else _several(lines, rules) for lines in lists]
    return min(tried, key=lambda found: _size(found, rules)) if len(tried) > 1 else tried[0]


def _size(found: list[Bundle], rules: Callable[[tuple[Service, ...]], int]) -> tuple[int, int]:
    """Return how many rules bundles take, then how many prefixes."""
    return sum(rules(bundle.services) for bundle in found), sum(len(bundle.prefixes) for bundle in found)


def _single(lines: Iterable[Element]) -> list[Bundle]:
    """Return a bundle for each prefix and labels."""
    services: dict[tuple[str, tuple], list[Service]] = {}
    for line in lines:
        services.setdefault((line.prefix, line.labels), []).append(line[1:4])
    return [Bundle(labels, tuple(found), (prefix,)) for (prefix, labels), found in services.items()]


def _several(lines: Iterable[Element], rules: Callable[[tuple[Service, ...]], int]) -> list[Bundle]:
    """Return for each labels a bundle for each list of destinations, or for each list of services, as is less."""
    by_labels: dict[tuple, list[Element]] = {}
    for line in lines:
        by_labels.setdefault(line.labels, []).append(line)
    return [
        bundle
        for labels in sorted(by_labels)
        for bundle in min(
            (_alike_in_destinations(labels, by_labels[labels]), _alike_in_services(labels, by_labels[labels])),
            key=lambda found: _size(found, rules),
        )
    ]


def _alike_in_destinations(labels: tuple, lines: list[Element]) -> list[Bundle]:
    """Return a bundle for each list of destinations, with all services that have just these."""
    prefixes: dict[Service, list[str]] = {}
    for line in lines:
        prefixes.setdefault(line[1:4], []).append(line.prefix)
    services: dict[tuple[str, ...], list[Service]] = {}
    for service in sorted(prefixes):
        services.setdefault(tuple(prefixes[service]), []).append(service)
    return [Bundle(labels, tuple(found), destinations) for destinations, found in services.items()]


def _alike_in_services(labels: tuple, lines: list[Element]) -> list[Bundle]:
    """Return a bundle for each list of services, with all destinations that have just these."""
    services: dict[str, list[Service]] = {}
    for line in lines:
        services.setdefault(line.prefix, []).append(line[1:4])
    prefixes: dict[tuple[Service, ...], list[str]] = {}
    for prefix, found in services.items():
        prefixes.setdefault(tuple(sorted(found)), []).append(prefix)
    return [Bundle(labels, found, tuple(prefixes[found])) for found in sorted(prefixes)]
