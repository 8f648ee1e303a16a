# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of what a vendor asks for: enforced by address, by name, more than was asked for, or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain, widened
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import ENFORCED
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import covers, instead, is_inner

from .layout import Reach, count, format_services, verdict
from .remarks import own_ends

_BY_NAME = {
    "dnsmasq": "enforced by learned name",
    "resolve": "enforced by resolved name",
    "fqdn": "enforced by name",
}
_LOOKED_UP = {"resolve": " (looked up once, when this was applied)", "fqdn": " (looked up by the firewall itself)"}
_NOT = "not enforced"
_UNOPENED = {
    "deny": "these stay blocked, except where an allowed address covers them",
    "audit": "counted and logged like all that is not allowed, and not stopped",
    "unmanaged": "nothing is opened for these",
}
_WHY = {"resolve": "a wildcard cannot be looked up", "fqdn": "a wildcard cannot be looked up"}
_UNINVITED = {False: "nothing that comes in is stopped here", True: "these are egress rules"}
_VERSIONS = (4, 6)  # of IP
_REPORTED = "names are reported only"
_LEARNING = " where dnsmasq learns names (nftables, firewalld)"
_UNMATCHED = "no tool matches a '*' within a name, only '*.' in front of it"

Entries = Sequence[Mapping[str, Any]]


def followed(backend: Mapping[str, Any]) -> str:
    """Return what the backend makes of names, in the words of C{_names.domains}."""
    mode = str(backend.get("names", ""))
    return "resolve" if mode == "fqdn" else mode  # exact names only, both


def _asking(text: str) -> set[str]:
    """Return the vendors that a text of C{backend["widened"]} ends in: C{... (zoom: media, kudo: media)}."""
    _text, _open, labels = text.rpartition(" (")
    return {label.partition(":")[0].strip() for label in labels.rstrip(")").split(",")}


def enforcement(
    entries: Entries, learned: Iterable[Domain], timers: Entries, backend: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield C{(what becomes of it, of what)} for one vendor's provenance and timers, as rows of a table.

    C{learned}: the domains that the backend learns, of all vendors.
    """
    outbound = [entry for entry in entries if entry.get("direction") != "inbound"]
    inbound = [entry for entry in entries if entry.get("direction") == "inbound"]
    lets_in = backend.get("inbound", True)
    versions = backend.get("ip_versions") or _VERSIONS
    invited = f"inbound from {reach}" if (reach := _addresses(inbound, versions if lets_in else _VERSIONS)) else ""
    if reached := "; ".join(filter(None, (_addresses(outbound, versions), invited if lets_in else ""))):
        yield "enforced by address", reached

    # A domain is shared by all who ask for a name of it; a vendor's table speaks of its own names.
    names = _names(outbound)
    own = [domain for domain in learned if names & {*domain.patterns}]
    enforced = names & {pattern for domain in own for pattern in domain.patterns}
    if enforced:
        how = _LOOKED_UP.get(backend["names"], "") if "units" in backend else ""
        yield _BY_NAME[backend["names"]], ", ".join(sorted(enforced)) + how
    if backend.get("names") == "dnsmasq":
        more = (f"{', '.join(domain.patterns)}: {text}" for domain in own if (text := widened(domain)))
        if text := "; ".join(more):
            yield "widened", text
    who = {entry["vendor"] for entry in outbound}
    if number := sum(not who.isdisjoint(_asking(text)) for text in backend.get("widened", [])):
        yield "widened", f"{count(number, 'opening', 'openings')} that nobody asked for, listed below"

    unopened = [
        *_without_rules([*outbound, *(inbound if lets_in else [])], versions, backend),
        *_idle(outbound, names - enforced, backend),
        *_unmatched(outbound, names, learned, backend),
        *_uninvited(inbound, "" if lets_in else invited, _UNINVITED["units" in backend]),
        *_untimed(timers, backend),
        *_kept([*outbound, *(inbound if lets_in else [])], backend),
    ]
    yield from ((_NOT, text) for text in unopened or ["nothing"])


def _addresses(entries: Entries, versions: Sequence[int]) -> str:
    """Return the counts of all addresses of some IP versions that entries lead to, empty if there are none."""
    reach = Reach()
    for destination in {destination for entry in entries for destination in entry["destinations"]}:
        if is_address(destination) and parse_prefix(destination)[0] in versions:
            reach.add(destination)
    return str(reach)


def _without_rules(entries: Entries, versions: Sequence[int], backend: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of IP versions of which the host's firewall has no rules."""
    for version in _VERSIONS:
        if version not in versions and (addresses := _addresses(entries, [version])):
            yield f"{addresses}: {backend['name']} has no rules of IPv{version} on this host, so nothing is opened"


def _names(entries: Entries) -> set[str]:
    return {name for entry in entries for name in entry["destinations"] if not is_address(name)}


def _idle(entries: Entries, names: set[str], backend: Mapping[str, Any]) -> Iterator[str]:
    """Yield why names are not enforced, and then these, with what they are needed for.

    Where names are only reported nobody asks what could be enforced: patterns are among them.
    """
    if followed(backend) in ENFORCED:
        names = {name for name in names if not is_inner(name)}
    if names:
        why = _WHY.get(backend.get("names", ""), _REPORTED)
        yield f"{why}: {verdict(_UNOPENED, backend)}"
        yield from _listed(entries, names)


def _unmatched(
    entries: Entries, names: set[str], learned: Iterable[Domain], backend: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the patterns that no tool can match, and for each what may be allowed instead and what else that opens.

    C{learned}: what the backend learns: a name of it may take all that a pattern does.
    """
    patterns = sorted(filter(is_inner, names)) if followed(backend) in ENFORCED else []
    if not patterns:
        return
    yield f"{_UNMATCHED}: {verdict(_UNOPENED, backend)}"
    yield from _listed(entries, set(patterns))
    known = [name for domain in learned for name in domain.patterns]
    advice: dict[str, list[str]] = defaultdict(list)
    for pattern in patterns:
        if wider := [name for name in known if covers(name, pattern)]:
            text = f"{', '.join(wider)} of this list takes these names too, for its own ports"
        else:
            text = instead(pattern, "" if backend["names"] == "dnsmasq" else _LEARNING)
        advice[text].append(pattern)
    yield from (f"{', '.join(listed)}: {text}" for text, listed in advice.items())


def _uninvited(entries: Entries, addresses: str, why: str) -> Iterator[str]:
    """Yield what may not come in, and why."""
    if addresses:
        yield f"{addresses}: {why}, so nothing is opened"
    if names := _names(entries):
        yield "inbound: names never let anything in"
        yield from _listed(entries, names)


def _untimed(timers: Entries, backend: Mapping[str, Any]) -> Iterator[str]:
    if timers and backend.get("timers") is False:
        yield f"{count(len(timers), 'timer', 'timers')}, listed below: {backend['name']} cannot"


def _kept(entries: Entries, backend: Mapping[str, Any]) -> Iterator[str]:
    """Yield the user's ends of rows: no backend tells the rows of a list apart by them."""
    for text in own_ends(entries):
        yield f"{text}: kept, not enforced: {backend['name']} does not tell rows apart by this end"


def _listed(entries: Entries, names: set[str]) -> Iterator[str]:
    """Yield names with services and ports, those of equal needs together: C{a.com, b.com (web tcp/443; dir tcp/80)}."""
    needs: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        for name in names.intersection(entry["destinations"]):
            needs[name][entry["service"]].add((entry["protocol"], entry["ports"]))
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(needs):
        texts = (f"{service} {format_services(ports)}" for service, ports in needs[name].items())
        alike["; ".join(sorted(texts))].append(name)
    for text, listed in alike.items():
        yield f"{', '.join(listed)} ({text})"
