# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domains: the destinations of an allowlist that are known only by name, and the services that each may be used for.

A pattern is a name as the vendor prints it, C{api.example.com} or C{*.example.com}. A domain is what is learned
under one name: dnsmasq cannot tell the name from those below it, so patterns that differ in C{*.} only share a domain.
No tool matches any other C{*}: of such a pattern, C{rtc*.connect.example.com}, nothing is ever learned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import (
    INNER,
    SUFFIX,
    is_name,
    kind_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import cut, service_of

from .options import ENFORCED

_LABELS = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_LONGEST_KEY = 200  # the kernel admits 255 bytes with what stands before


@dataclass(frozen=True)
class Domain:
    """What is learned under one name.

    services: disjoint C{(protocol, first_port, last_port, labels)}, labels C{(("kudo", "names"), ...)} of who asks.
    mixed: its patterns ask for different services, and each gets those of the other.
    """

    name: str
    patterns: tuple[str, ...]
    services: tuple[tuple, ...]
    mixed: bool = False

    def key(self) -> str:
        """Return the name, a long one cut with a digest, for names of sets."""
        if len(self.name) <= _LONGEST_KEY:
            return self.name
        return f"{self.name[: _LONGEST_KEY - 17]}-{sha256(self.name.encode()).hexdigest()[:16]}"


def domains(allowlist: Mapping[str, Any], mode: str) -> list[Domain]:
    """Return what is learned of the names that packets leave to, by name; nothing unless C{mode} enforces names.

    resolve: exact names only; dnsmasq: C{*.} names too. Raises ValueError that names vendor and service for what is no
    host name and no pattern.
    """
    asked: dict[str, dict[str, set[tuple]]] = {}
    for entry in allowlist["provenance"] if mode in ENFORCED else ():
        if entry.get("direction") == "inbound":
            continue
        service = (*service_of(entry["protocol"], entry["ports"]), (entry["vendor"], entry["service"]))
        for pattern in entry["destinations"]:
            if is_address(pattern):
                continue
            kind = kind_of(pattern)
            if (kind == INNER and is_name(pattern)) or (kind == SUFFIX and mode == "resolve"):
                continue
            name = pattern.removeprefix("*.")
            if not _LABELS.fullmatch(name):
                raise ValueError(
                    f"{entry['vendor']}: {entry['service']}: {pattern!r} is not a host name: its labels are letters in "
                    "lower case, digits, '_' and '-', or it is a pattern of these and '*'"
                )
            asked.setdefault(name, {}).setdefault(pattern, set()).add(service)
    found = []
    for name, patterns in sorted(asked.items()):
        services = tuple(cut(sorted(set().union(*patterns.values()))))
        opened = {tuple(_ports(wanted)) for wanted in patterns.values()}
        found.append(Domain(name, tuple(sorted(patterns)), services, len(opened) > 1))
    return found


def _ports(services: set[tuple]) -> list[tuple]:
    """Return what services open, whoever asks for it."""
    return cut([(protocol, first, last, "") for protocol, first, last, _label in services])


def widened(domain: Domain) -> str:
    """Return in words what dnsmasq admits beyond the patterns of a domain; '' if nothing."""
    if len(domain.patterns) == 1:
        return f"{domain.name} itself" if kind_of(domain.patterns[0]) == SUFFIX else "names below it"
    return f"{domain.name} itself and names below it share their ports" if domain.mixed else ""
