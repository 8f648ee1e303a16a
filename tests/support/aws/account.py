# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an AWS account lets out, read back over its API and computed here alone; and sets of packets, exactly.

opened(aws.client(), groups) == Space.of([("tcp", 443, 443, "198.51.100.0/24")])
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

Packets = tuple[str, int | None, int | None, str]  # protocol or "-1", first and last port, network
Pairs = list[tuple[int, int]]  # inclusive ranges, ascending, apart from each other
PROTOCOLS = ("tcp", "udp", "others")


class Space:
    """A set of packets: protocol x ports x addresses, both IP versions."""

    def __init__(self, boxes: dict[tuple[str, int], list[tuple[int, int, int, int]]]) -> None:
        """Keep, per protocol and IP version, what is allowed: first and last port, first and last address."""
        self.boxes = {key: found for key, found in boxes.items() if found}

    @classmethod
    def of(cls, packets: Iterable[Packets]) -> Space:
        """Return what rules open together."""
        boxes: dict[tuple[str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
        for protocol, first, last, network in packets:
            parsed = ip_network(network)
            every = protocol not in ("tcp", "udp")
            low, high = (0, 65535) if every or first in (None, -1) else (int(first or 0), int(last or 0))
            ends = (int(parsed.network_address), int(parsed.broadcast_address))
            for name in PROTOCOLS if protocol == "-1" else ("others",) if every else (protocol,):
                boxes[name, parsed.version].append((low, high, *ends))
        return cls(boxes)

    def __and__(self, other: Space) -> Space:
        """Return what both open."""
        return self._with(other, lambda one, two: one and two)

    def __sub__(self, other: Space) -> Space:
        """Return what this opens and the other does not."""
        return self._with(other, lambda one, two: one and not two)

    def __or__(self, other: Space) -> Space:
        """Return what either opens."""
        return self._with(other, lambda one, two: one or two)

    def __eq__(self, other: object) -> bool:
        """Say whether both open the same, however it is written."""
        return isinstance(other, Space) and not (self - other) and not (other - self)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        """Say whether it opens anything."""
        return bool(self.boxes)

    def __repr__(self) -> str:
        """Show ranges of ports and of addresses."""
        return f"Space({self.boxes})"

    def addresses(self) -> int:
        """Return how many addresses are open, each counted for every port that it is open on."""
        return sum(
            (high - low + 1) * (last - first + 1)
            for boxes in self._with(Space({}), lambda one, _two: one).boxes.values()
            for low, high, first, last in boxes
        )

    def _with(self, other: Space, keep: Callable[[bool, bool], bool]) -> Space:
        found: dict[tuple[str, int], list[tuple[int, int, int, int]]] = {}
        for key in self.boxes.keys() | other.boxes.keys():
            one, two = self.boxes.get(key, []), other.boxes.get(key, [])
            cuts = sorted({box[0] for box in one + two} | {box[1] + 1 for box in one + two})
            found[key] = [
                (low, high - 1, first, last)
                for low, high in pairwise(cuts)
                for first, last in _sweep(_at(one, low), _at(two, low), keep)
            ]
        return Space(found)


def _at(boxes: list[tuple[int, int, int, int]], port: int) -> Pairs:
    return [(first, last) for low, high, first, last in boxes if low <= port <= high]


def _sweep(one: Pairs, two: Pairs, keep: Callable[[bool, bool], bool]) -> Pairs:
    """Go up the addresses once; return where C{keep} says yes."""
    steps: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for which, pairs in enumerate((one, two)):
        for first, last in pairs:
            steps[first][which] += 1
            steps[last + 1][which] -= 1
    depth, begun, found = [0, 0], None, []
    for place in sorted(steps):
        depth = [depth[0] + steps[place][0], depth[1] + steps[place][1]]
        inside = keep(depth[0] > 0, depth[1] > 0)
        if inside and begun is None:
            begun = place
        elif not inside and begun is not None:
            found.append((begun, place - 1))
            begun = None
    return found


def rules_of(ec2: Any, *groups: str) -> list[dict[str, Any]]:
    """Return the outbound rules of groups, as the API tells them."""
    pages = ec2.get_paginator("describe_security_group_rules")
    filters = [{"Name": "group-id", "Values": list(groups)}]
    found = [rule for page in pages.paginate(Filters=filters) for rule in page["SecurityGroupRules"]]
    return [rule for rule in found if rule["IsEgress"]] if groups else []


def entries_of(ec2: Any, listed: str) -> list[str]:
    """Return the networks of a prefix list."""
    pages = ec2.get_paginator("get_managed_prefix_list_entries")
    return [entry["Cidr"] for page in pages.paginate(PrefixListId=listed) for entry in page["Entries"]]


def packets_of(ec2: Any, *groups: str) -> list[Packets]:
    """Return what the outbound rules of groups let out, one network each; rules to other groups are left out."""
    found: list[Packets] = []
    for rule in rules_of(ec2, *groups):
        networks = [rule[key] for key in ("CidrIpv4", "CidrIpv6") if key in rule]
        if "PrefixListId" in rule:
            networks = entries_of(ec2, rule["PrefixListId"])
        found += [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"], network) for network in networks]
    return found


def opened(ec2: Any, *groups: str) -> Space:
    """Return what the groups open together."""
    return Space.of(packets_of(ec2, *groups))


def opened_in(memory: Any, *groups: str) -> Space:
    """Return the same out of moto's memory, without a call: for a look after each call."""
    found: list[Packets] = []
    for number in groups:
        group = memory.get_security_group_from_id(number)
        for rule in group.egress_rules if group else ():
            networks = [rule.ip_range[key] for key in ("CidrIp", "CidrIpv6") if key in rule.ip_range]
            if rule.prefix_list_id:
                listed = memory.managed_prefix_lists[rule.prefix_list_id]
                networks = [entry["Cidr"] for entry in listed.entries[listed.version]]
            found += [(rule.ip_protocol, rule.from_port, rule.to_port, network) for network in networks]
    return Space.of(found)
