# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's instructions for following names: each domain's sets, dnsmasq's lines, leases, and special addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import SUFFIX, kind_of

from .domains import Domain
from .special import SPECIAL

_LONGEST_LINE = 1000  # dnsmasq breaks lines of its configuration at 1,024 bytes


def asked_set(domain: Domain, version: int) -> str:
    """Return the name of the set that dnsmasq fills."""
    return f"asked{version}_{domain.key()}"


def leased_set(domain: Domain, version: int) -> str:
    """Return the name of the set that packets renew."""
    return f"leased{version}_{domain.key()}"


def host_side(
    mode: str,
    found: list[Domain],
    *,
    lease: int,
    refresh: int,
    most: int,
    table: str,
    gateway: bool = False,
    resolv_conf: bool = False,
    leased: Callable[[Domain, int], str] = leased_set,
    copies: Callable[[Domain, int], str] | None = None,
    ruleset: str = "",
) -> dict[str, Any]:
    """Return what the host needs to learn the addresses of domains; {} where none is learned.

    lease, refresh: seconds; table: where the sets are, as C{inet egress_allowlist}, '' where they are no sets of
    nftables; gateway: whether others' questions matter; leased, copies: the names of a domain's sets per IP version;
    copies are sets of C{inet firewalld}; ruleset: a table that the host loads where it is missing.
    """
    if not found:
        return {}
    listed: dict[str, dict[str, Any]] = {}
    for domain in found:
        listed[domain.name] = {"patterns": list(domain.patterns)}
        kinds: dict[str, Callable[[Domain, int], str] | None] = {"leased": leased, "copies": copies}
        if mode == "dnsmasq":
            kinds["asked"] = asked_set
        for kind, name in kinds.items():
            if name:
                listed[domain.name][kind] = {str(version): name(domain, version) for version in (4, 6)}
    lines = []
    if mode == "dnsmasq":
        places: list[tuple[str, Callable[[Domain, int], str]]] = [(table.replace(" ", "#"), asked_set)]
        if copies:
            places.append(("inet#firewalld", copies))
        cache = lease - 2 * refresh - 10
        lines = dnsmasq_lines(found, lambda domain: [f"{v}#{at}#{of(domain, v)}" for at, of in places for v in (4, 6)])
        lines += [f"max-cache-ttl={cache}", f"max-ttl={cache}"]
    return {
        "mode": mode,
        "lease": lease,
        "refresh": refresh,
        "most": most,
        "table": table,
        "domains": listed,
        "special": [*SPECIAL[4], *SPECIAL[6]],
        "dnsmasq": lines,
        "resolv_conf": resolv_conf,
        "gateway": gateway,
        "ruleset": ruleset,
    }


def dnsmasq_lines(found: list[Domain], sets: Callable[[Domain], list[str]]) -> list[str]:
    """Return dnsmasq's C{nftset} lines: C{sets} gives those of a domain, as C{4#inet#table#set}.

    dnsmasq heeds only the line of the longest name that fits: it lists the sets of C{*.} names above it too.
    """
    wildcards = {domain.name: domain for domain in found if any(kind_of(p) == SUFFIX for p in domain.patterns)}
    lines = []
    for domain in found:
        labels = domain.name.split(".")
        above = [".".join(labels[number:]) for number in range(1, len(labels))]
        listed = [*sets(domain), *(text for name in above if name in wildcards for text in sets(wildcards[name]))]
        line = f"nftset=/{domain.name}/{','.join(listed)}"
        if len(line) > _LONGEST_LINE:
            raise ValueError(f"'{domain.name}' is too long for dnsmasq: its line would have {len(line)} characters")
        lines.append(line)
    return lines
