# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table of nftables needs for names: sets of what was learned, and chains that renew it with each packet.

Per domain and IP version C{asked} is what dnsmasq puts answers into, and C{leased} what packets renew. C{known} holds
the addresses of all domains that have traffic, so that a packet to any other address costs one lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import version_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.following import asked_set, leased_set
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.special import SPECIAL

from .blocks import IP, address_sets, block, match, members

AUXILIARY = "inet egress_allowlist_names"  # beside another tool's rules
# Of addresses in a set that dnsmasq fills. It must not find it full: where the kernel has to take a change back, the
# answer, and everybody's behind it, takes not a quarter of a millisecond longer but 10.
ROOM = 65_536
_LONGEST_COMMENT = 120  # nft admits 128 bytes
_NEW = "ct state new,untracked,invalid"
_DNS = "meta l4proto { tcp, udp } th dport 53"

# What becomes of the first packet to a service, C{(protocol, labels)}: the end of a rule, '' for nothing.
Verdict = Callable[[str, tuple], str]


def names_blocks(found: list[Domain], mode: str, lease: int, most: int, verdict: Verdict) -> list[str]:
    """Return the sets of domains and the chains C{names4} and C{names6}, to which C{renewals} and C{entries} lead.

    lease: seconds; most: addresses that are renewed, per domain and IP version. The chains return, but for what
    C{verdict} says.
    """
    blocks = []
    for version in (4, 6):
        blocks.append(members("set", f"special{version}", f"ipv{version}_addr", SPECIAL[version]))
        for domain in found:
            if mode == "dnsmasq":
                blocks.append(_learned(asked_set(domain, version), version, "timeout", lease, max(most, ROOM), domain))
            blocks.append(_learned(leased_set(domain, version), version, "dynamic,timeout", lease, most, domain))
        blocks.append(_learned(f"known{version}", version, "dynamic,timeout", lease, most * len(found)))
    for version in (4, 6):
        jumps = [f"{IP[version]} daddr @special{version} return"]
        for domain in found:
            chain = f"name{version}_{domain.key()}"
            blocks.append(block(f"chain {chain}", _domain_rules(domain, version, verdict)))
            sets = [asked_set(domain, version)] if mode == "dnsmasq" else []
            jumps += [f"{IP[version]} daddr @{name} jump {chain}" for name in [*sets, leased_set(domain, version)]]
        blocks.append(block(f"chain names{version}", jumps))
    return blocks


def _learned(name: str, version: int, flags: str, lease: int, most: int, domain: Domain | None = None) -> str:
    """Declare a set that the host fills."""
    lines = [f"type ipv{version}_addr", f"size {most}", f"flags {flags}", f"timeout {lease}s"]
    if domain:
        lines.append(f'comment "{", ".join(domain.patterns)[:_LONGEST_COMMENT]}"')
    return block(f"set {name}", lines)


def _domain_rules(domain: Domain, version: int, verdict: Verdict) -> list[str]:
    """Return the rules for packets to an address of a domain."""
    rules = []
    for protocol, first, last, labels in domain.services:
        if version_of(protocol) not in (0, version):
            continue
        service = match(protocol, first, last)
        # A rule ends where a set is full: the verdict has one of its own.
        for name in (leased_set(domain, version), f"known{version}"):
            rules.append(f"{service} update @{name} {{ {IP[version]} daddr }}")
        if end := verdict(protocol, labels):
            rules.append(f"{service} {_NEW} {end}")
    return rules


def renewals(versions: Iterable[int] = (4, 6), sources: bool = False) -> list[str]:
    """Return the rules by which each packet to an address with traffic renews its lease; they end no chain.

    C{sources}: only packets of the sets C{sources4} and C{sources6}, of these IP versions.
    """
    return [
        f"{_source(version, sources)}{IP[version]} daddr @known{version} jump names{version}" for version in versions
    ]


def entries(versions: Iterable[int] = (4, 6)) -> list[str]:
    """Return the rules that lead every packet to the chains of names."""
    return [f"meta nfproto ipv{version} jump names{version}" for version in versions]


def redirect_chain(versions: Iterable[int]) -> str:
    """Return the chain that turns what the sources ask of any name server to this host's own."""
    rules = [f"{_source(version, True)}{_DNS} fib daddr type != local redirect" for version in versions]
    return block("chain redirect_dns", ["type nat hook prerouting priority dstnat; policy accept;", *rules])


def refuse_rules(versions: Iterable[int]) -> list[str]:
    """Return the rules that answer what the sources ask of any other name server with an error."""
    answers = ("tcp dport 53 reject with tcp reset", "udp dport 53 reject with icmpx admin-prohibited")
    return [_source(version, True) + answer for version in versions for answer in answers]


def _source(version: int, sources: bool) -> str:
    return f"{IP[version]} saddr @sources{version} " if sources else ""


def auxiliary(
    found: list[Domain],
    mode: str,
    *,
    lease: int,
    most: int,
    scope: str,
    dns: str,
    sources: Sequence[str] | str = (),
    variable: str = "",
) -> str:
    """Return a whole table that renews leases beside the rules of another tool, and decides on DNS alone.

    variable: the user's name of C{sources}, for errors.
    """
    source_sets = address_sets("sources", sources, variable)
    versions = sorted(source_sets) if sources else [4, 6]
    blocks = [text for _version, text in sorted(source_sets.items())]
    blocks += names_blocks(found, mode, lease, most, lambda _protocol, _labels: "")
    first = [f"{_NEW} {rule}" for rule in entries()]
    if scope in ("host", "both"):
        hook = "type filter hook output priority filter - 10; policy accept;"
        blocks.append(block("chain output", [hook, 'oif "lo" accept', *renewals(), *first]))
    if scope in ("gateway", "both"):
        hook = "type filter hook forward priority filter - 10; policy accept;"
        refused = refuse_rules(versions) if dns == "refuse" else []
        if sources:
            first = [f"{_source(version, True)}{_NEW} jump names{version}" for version in versions]
        blocks.append(block("chain forward", [hook, *refused, *renewals(versions, bool(sources)), *first]))
        if dns == "redirect":
            blocks.append(redirect_chain(versions))
    return f"table {AUXILIARY} {{\n" + "\n".join(blocks) + "}\n"
