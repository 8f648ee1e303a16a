# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations that are only known by name: what each of them may be used for, and what the host needs to follow it.

A pattern is a name as the vendor prints it, C{api.example.com} or C{*.example.com}. A domain is what is learned
under one name: dnsmasq cannot tell the name from those below it, so patterns that differ in C{*.} only share a domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import cut
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.provenance import parse_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    format_prefix,
    is_address,
    parse_prefix,
)

ENFORCED = ("resolve", "dnsmasq")
# What no answer of a name server may open: addresses that lead nowhere, or into one's own network.
_SPECIAL_V4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3",
)  # fmt: skip
# The first holds ::, ::1 and IPv4 in IPv6 clothes (::ffff:0:0/96); the last all that is not global unicast.
_SPECIAL_V6 = (
    "::/16", "64:ff9b:1::/48", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "2001::/23", "2001:db8::/32",
    "2002::/16", "3fff::/20", "4000::/2", "8000::/1",
)  # fmt: skip
_NAT64 = 0x64FF9B << 96
_LABELS = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_LONGEST_KEY = 200  # the kernel admits 255 bytes with what stands before
_LONGEST_LINE = 1000  # dnsmasq breaks lines of its configuration at 1,024 bytes
_LONGEST_LEASE = 2_147_483  # seconds; see the timers of conntrack


def _nat64(prefix: str) -> str:
    """Return where an IPv4 prefix lies in 64:ff9b::/96."""
    return format_prefix(6, _NAT64 + parse_prefix(prefix)[1], 96 + int(prefix.partition("/")[2]))


# Prefixes by IP version; disjoint.
SPECIAL: dict[int, list[str]] = {4: [*_SPECIAL_V4], 6: [*_SPECIAL_V6, *map(_nat64, _SPECIAL_V4)]}


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

    resolve: exact names only. Raises ValueError that names vendor and service for what is no host name.
    """
    asked: dict[str, dict[str, set[tuple]]] = {}
    for entry in allowlist["provenance"] if mode in ENFORCED else ():
        if entry.get("direction") == "inbound":
            continue
        service = (entry["protocol"], *parse_ports(entry["ports"]), (entry["vendor"], entry["service"]))
        for pattern in entry["destinations"]:
            if is_address(pattern) or (mode == "resolve" and pattern.startswith("*.")):
                continue
            name = pattern.removeprefix("*.")
            if not _LABELS.fullmatch(name):
                raise ValueError(
                    f"{entry['vendor']}: {entry['service']}: {pattern!r} is not a host name: its labels are letters in "
                    "lower case, digits, '_' and '-', with '*.' only in front"
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
        return f"{domain.name} itself" if domain.patterns[0].startswith("*.") else "names below it"
    return f"{domain.name} itself and names below it share their ports" if domain.mixed else ""


def dnsmasq_lines(found: list[Domain], sets: Callable[[Domain], list[str]]) -> list[str]:
    """Return dnsmasq's C{nftset} lines: C{sets} gives those of a domain, as C{4#inet#table#set}.

    dnsmasq heeds only the line of the longest name that fits: it lists the sets of C{*.} names above it too.
    """
    wildcards = {domain.name: domain for domain in found if any(p.startswith("*.") for p in domain.patterns)}
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


def check_learning(prefix: str, lease: object, refresh: object, most: object) -> None:
    """Raise ValueError that names the user's variable for a lease, a refresh (seconds) or a bound that cannot be.

    C{prefix}: how the user\'s variables begin, C{nftables_egress}.
    """
    least = 4 * _whole(f"{prefix}_names_refresh", refresh, 1, 3600) + 11
    if _whole(f"{prefix}_names_lease", lease, 1, _LONGEST_LEASE) < least:
        raise ValueError(
            f"{prefix}_names_lease '{lease}' is too short: with {prefix}_names_refresh {refresh} it is at least "
            f"{least} seconds"
        )
    _whole(f"{prefix}_names_max_addresses", most, 1, 65536)


def check_dns(prefix: str, mode: str, scope: str, dns: object, resolv_conf: object) -> None:
    """Raise ValueError that names the user's variable for a choice about DNS that does not fit the others."""
    choices = ("leave", "redirect", "refuse")
    if dns not in choices:
        raise ValueError(f"{prefix}_names_dns '{dns}' is not accepted: choose one of {', '.join(choices)}")
    if dns != "leave" and mode != "dnsmasq":
        raise ValueError(f"{prefix}_names_dns '{dns}' needs {prefix}_names dnsmasq")
    if dns != "leave" and scope == "host":
        raise ValueError(f"{prefix}_names_dns '{dns}' is for forwarded packets: use the scope gateway or both")
    if not isinstance(resolv_conf, bool):
        raise ValueError(f"{prefix}_names_resolv_conf '{resolv_conf}' is not accepted: write true or false")
    if resolv_conf and mode != "dnsmasq":
        raise ValueError(f"{prefix}_names_resolv_conf needs {prefix}_names dnsmasq")


def names_notes(prefix: str, mode: str, scope: str, found: bool, dns: str) -> list[str]:
    """Return what a reader of the choices about names could take for more than it is."""
    if mode in ENFORCED and not found:
        return [f"{prefix}_names {mode} has nothing to do: no selected destination is known by a name that it follows"]
    if found and mode == "dnsmasq" and scope != "host" and dns == "leave":
        return [f"only clients that ask this host for names open them: to hold them to that, set {prefix}_names_dns"]
    if found and mode == "resolve" and scope != "host":
        return ["clients may be given other addresses of a name than this host: what it did not see itself stays shut"]
    return []


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} '{value}' is not a whole number from {least} to {most}")
    return value


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
