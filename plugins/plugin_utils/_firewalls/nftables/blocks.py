# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks that an nftables table is made of: sets, maps, counters and conntrack timeouts, as text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import (
    Element,
    elements,
    layer_order,
    layered_elements,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import by_version
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import check_labels
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    format_ports,
    has_ports,
    number_of,
    range_text,
    service_text,
)

IP = {4: "ip", 6: "ip6"}
# nft's own names of protocols; others it looks up in /etc/protocols.
_SYMBOLS = frozenset({"tcp", "udp", "udplite", "esp", "ah", "icmp", "icmpv6", "dccp", "sctp"})
_LONGEST_NAME = 120  # of a counter; the kernel admits 255 bytes, but nft repeats the name with every element
_LONGEST_CUT = 220  # of the vendors alone, where there are so many
_LONGEST_COMMENT = 120  # nft admits 128 bytes
_LONGEST_TIMER = 2_147_483  # seconds; the kernel counts 32 bits of ticks, up to 1,000 a second, with a sign


def check(allowlist: dict) -> None:
    """Raise ValueError for what cannot be written into a ruleset."""
    check_labels(allowlist, "a counter's name")
    for timer in allowlist["timers"]:
        if timer["seconds"].__class__ is not int or not 1 <= timer["seconds"] <= _LONGEST_TIMER:
            raise ValueError(
                f"{timer['vendor']}: timer: seconds {timer['seconds']!r} is not a number from 1 to {_LONGEST_TIMER}"
            )


def block(head: str, lines: Iterable[str]) -> str:
    """Return C{head { lines }}, indented as nft prints it inside a table."""
    return f"\t{head} {{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}\n"


def members(keyword: str, name: str, kind: str, keys: list[str], interval: bool = True) -> str:
    """Declare a set or a map (C{keyword}) of type C{kind} with its elements."""
    lines = [f"type {kind}"] + (["flags interval"] if interval else [])
    if keys:
        lines.append("elements = {\n\t\t\t" + ",\n\t\t\t".join(keys) + " }")
    return block(f"{keyword} {name}", lines)


def address_sets(name: str, addresses: Sequence[str] | str, variable: str) -> dict[int, str]:
    """Return the set C{name4} or C{name6} of each IP version that the user named addresses of.

    Raises ValueError that names the user's variable.
    """
    return {
        version: members("set", f"{name}{version}", f"ipv{version}_addr", found)
        for version, found in by_version(addresses, variable).items()
    }


@lru_cache(maxsize=10_000)
def counter_name(labels: tuple[str, ...]) -> str:
    """Return the counter of C{('kudo/media', 'zoom/meetings')}: joined by a dot.

    A long name keeps every vendor, without a service where there is no room for one, and ends with how many of the
    labels it leaves out and a digest of all: C{kudo/media.zoom..12.1a2b3c4d}. No label is empty, so C{..} is in no
    other name.
    """
    name = ".".join(labels)
    if len(name) <= _LONGEST_NAME:
        return name
    room = _LONGEST_NAME - len(f"..{len(labels)}.") - 8
    kept: dict[str, list[str]] = {}
    for vendor in sorted({label.partition("/")[0] for label in labels}):
        if len(".".join([*kept, vendor])) <= _LONGEST_CUT:
            kept[vendor] = []
    kept = kept or {labels[0][:room]: []}  # a name of no sensible length
    width = len(".".join(kept))
    for others in (False, True):  # the first label of each vendor comes before the second of one
        for label in labels:
            vendor = label.partition("/")[0]
            mine = kept.get(vendor, [label])
            more = len(label) + 1 if mine else len(label) - len(vendor)
            if bool(mine) == others and label not in mine and width + more <= room:
                mine.append(label)
                width += more
    text = ".".join(part for vendor, mine in kept.items() for part in mine or [vendor])
    end = f"..{len(labels) - sum(map(len, kept.values()))}."
    digest = hashlib.sha256(name.encode()).hexdigest()  # at least eight digits, and as many as there is room for
    return text + end + digest[: max(8, _LONGEST_NAME - len(text + end))]


def counter_block(name: str, labels: tuple[str, ...]) -> str:
    """Declare the counter of C{('kudo/media', 'zoom/meetings')}."""
    return block(f"counter {name}", [f'comment "{", ".join(labels).replace("/", ": ")[:_LONGEST_COMMENT]}"'])


def allowed_blocks(
    entries: list[dict], versions: tuple[int, ...], direction: str, owned: str, learning: bool = False
) -> tuple[list[str], list[str]]:
    """Return what opens one direction (to, from): the counters and maps of the vendor services, and the rules.

    Each IP version and service has a rule and a map of its own, from prefixes to the counters of who asked for it: a
    prefix is split only where those change who ask for this service. Such a map is a tree in the kernel. A single map
    of address, protocol and port would be an array of bitmaps: with 100,000 prefixes each lookup takes 8 microseconds.
    learning: dnsmasq adds to sets of this table. With each address that it adds libnftables has the kernel list every
    such tree, with 8,000 prefixes for 13 ms, but no map of more than one field: so the protocol is a second one.
    """
    counters: dict[str, tuple[str, ...]] = {}
    maps: dict[tuple, list[str]] = {}
    for version in versions:
        for element in layered_elements(entries, version, lambda entry: f"{entry['vendor']}/{entry['service']}"):
            counter = owned + counter_name(element.labels)
            counters[counter] = element.labels
            field = f" . {symbol(element.protocol)}" if learning else ""
            key = (version, *element[1:4])
            maps.setdefault(key, []).append(f'{element.prefix}{field} : "{counter}"')
    blocks = [counter_block(counter, labels) for counter, labels in sorted(counters.items())]
    rules = []
    word, address = {"to": ("allowed", "daddr"), "from": ("inbound", "saddr")}[direction]
    kind, second = (" . inet_proto", " . meta l4proto") if learning else ("", "")
    for (version, protocol, first, last), keys in sorted(maps.items(), key=_order):
        name = f"{owned}{word}{version}_{service_text((protocol, first, last)).replace('/', '_')}"
        blocks.append(members("map", name, f"ipv{version}_addr{kind} : counter", keys))
        rules.append(f"{match(protocol, first, last)} counter name {IP[version]} {address}{second} map @{name} accept")
    return blocks, rules


def match(protocol: str, first: int, last: int) -> str:
    """Return what a packet of a service matches: C{tcp dport 443}, C{icmp type 8}, C{meta l4proto esp}."""
    if has_ports(protocol):
        return f"{protocol} dport {format_ports(first, last)}"
    if range_text(protocol, first, last):
        return f"{protocol} type {first}"
    return f"meta l4proto {symbol(protocol)}"


def symbol(protocol: str) -> str:
    """Return a protocol as every nft knows it, also where there is no /etc/protocols."""
    return protocol if protocol in _SYMBOLS else str(number_of(protocol))


def _order(item: tuple[tuple, list[str]]) -> tuple:
    """Return a key: ports or a type before the wider services that hold them, so that all who ask count its packets."""
    version, *service = item[0]
    return version, *layer_order(tuple(service))


def named_blocks(
    allowlist: dict, services: Iterable[tuple[str, tuple]]
) -> tuple[list[str], Callable[[str, tuple], str]]:
    """Return the counters and timers that services of names need, and what ends a rule for one of them.

    services: C{(protocol, labels)}, labels C{(("kudo", "names"), ...)}.
    """
    seconds = _timer_seconds(allowlist)

    def told(protocol: str, labels: tuple) -> tuple[tuple[str, ...], int]:
        words = tuple(sorted(f"{vendor}/{service}" for vendor, service in labels))
        return words, _longest((label[0], seconds.get((*label, protocol), 0)) for label in labels)

    def end(protocol: str, labels: tuple) -> str:
        words, timeout = told(protocol, labels)
        timer = f'ct timeout set "{protocol}_{timeout}" ' if timeout else ""
        return f'{timer}counter name "{counter_name(words)}" accept'

    counters, timers = set(), set()
    for protocol, labels in services:
        words, timeout = told(protocol, labels)
        counters.add(counter_block(counter_name(words), words))
        timers.update([_timer_block(f"{protocol}_{timeout}", protocol, timeout, (4, 6))] if timeout else [])
    return [*sorted(timers), *sorted(counters)], end


def timer_blocks(allowlist: dict, versions: tuple[int, ...], owned: str) -> tuple[list[str], list[str], list[str]]:
    """Return the C{ct timeout} objects that vendors ask for with the sets of whom they apply to, the rules, and notes.

    Where two vendors open the same destination and service, the longer time holds, and none where one asks for none: no
    vendor shortens the flows of another.
    """
    seconds = _timer_seconds(allowlist)
    timed = {protocol for _vendor, _service, protocol in seconds}

    def wanted(entry: dict) -> tuple[str, int] | None:
        mine = seconds.get((entry["vendor"], entry["service"], entry["protocol"]), 0)
        shares = entry["protocol"] in timed and entry.get("direction") != "inbound"
        return (entry["vendor"], mine) if mine or shares else None

    found: dict[tuple[str, int], dict[int, list[str]]] = {}
    shared: set[tuple[str, str]] = set()
    for version in versions:
        # The few who have a wish are few prefixes: one set of address, protocol and port serves them all.
        for element in elements(allowlist["provenance"], version, wanted):
            if timeout := _longest(element.labels):
                found.setdefault((element.protocol, timeout), {}).setdefault(version, []).append(_key(element))
            else:
                shared.update((vendor, element.protocol) for vendor, mine in element.labels if mine)
    notes = [
        f"the {protocol} timer of {vendor} is not set for what another vendor, which asks for none, opens too"
        for vendor, protocol in sorted(shared)
    ]
    blocks, rules = [], []
    for (protocol, timeout), keys in sorted(found.items()):
        name = f"{owned}{protocol}_{timeout}"
        blocks.append(_timer_block(name, protocol, timeout, versions))
        for version, keys_of_version in sorted(keys.items()):
            blocks.append(members("set", f"{name}_v{version}", _key_type(version), keys_of_version))
            rules.append(f'{IP[version]} daddr . meta l4proto . th dport @{name}_v{version} ct timeout set "{name}"')
    return blocks, rules, notes


def _longest(asked: Iterable[tuple[str, int]]) -> int:
    """Return the longest time of C{(vendor, seconds)}, 0 where one of the vendors asks for none (0) at all."""
    longest: dict[str, int] = {}
    for vendor, seconds in asked:
        longest[vendor] = max(longest.get(vendor, 0), seconds)
    return max(longest.values(), default=0) if all(longest.values()) else 0


def _timer_seconds(allowlist: dict) -> dict[tuple[str, str, str], int]:
    """Return the seconds that are asked for by vendor, service and protocol."""
    seconds: dict[tuple[str, str, str], int] = {}
    for timer in allowlist["timers"]:
        for service in timer["services"]:
            key = (timer["vendor"], service, timer["protocol"])
            seconds[key] = max(seconds.get(key, 0), timer["seconds"])
    return seconds


def _timer_block(name: str, protocol: str, timeout: int, versions: tuple[int, ...]) -> str:
    states = {"tcp": "established : {0}", "udp": "unreplied : {0}, replied : {0}"}[protocol].format(timeout)
    family = "inet" if len(versions) == 2 else IP[versions[0]]
    return block(f"ct timeout {name}", [f"protocol {protocol}", f"l3proto {family}", f"policy = {{ {states} }}"])


def _key(element: Element) -> str:
    return f"{element.prefix} . {element.protocol} . {element.ports}"


def _key_type(version: int) -> str:
    return f"ipv{version}_addr . inet_proto . inet_service"
