# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least list against an oracle that asks every entry about every packet, and against collapse_addresses."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.least import least, least_and_apart
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import Element
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.entries import ALL_ENTRIES, asked_by, by_who, edges, entry


def listed(entries: list[dict], version: int, apart: bool) -> list[Element]:
    """Return the least list, or that whose neighbours of different labels stay apart."""
    found = least_and_apart(entries, version, by_who)
    assert found[0] == least(entries, version, by_who)
    return found[-1 if apart else 0]


def network(line: Element) -> Any:
    return ipaddress.ip_network(line.prefix)


def holding(lines: list[Element], address: Any, protocol: str, port: int) -> list[Element]:
    """Return the lines that a packet is in; a protocol without ports has no number."""
    return [
        line
        for line in lines
        if line.protocol == protocol
        and address in network(line)
        and (protocol not in ("tcp", "udp", "sctp", "icmp") or line.first_port <= port <= line.last_port)
    ]


@settings(max_examples=150)
@given(ALL_ENTRIES, st.sampled_from([4, 6]), st.booleans())
@example([entry("kudo", "icmp", "", "10.0.0.0/24"), entry("zoom", "icmp", "echo-request", "10.0.0.0/25")], 4, False)
@example([entry("kudo", "tcp", "80-82", "10.0.0.0/25"), entry("zoom", "tcp", "81-443", "10.0.0.0/24")], 4, False)
@example([entry("kudo", "tcp", "80", "10.0.0.0/25"), entry("zoom", "tcp", "80", "10.0.0.128/25")], 4, True)
def test_a_packet_is_in_a_line_exactly_where_somebody_asks_for_it(
    entries: list[dict], version: int, apart: bool
) -> None:
    """Who asks for it is among the labels, and no line names somebody who asks for nothing in it."""
    lines = listed(entries, version, apart)
    addresses, numbers = edges(entries, version)
    asking: dict[Element, set] = {line: set() for line in lines}
    for address in addresses:
        for protocol in ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp"):
            for port in {0, *numbers} if protocol != "icmp" else {0, 7, 8, 41, 255}:
                wanted = set(asked_by(entries, address, protocol, port))
                met = holding(lines, address, protocol, port)
                assert bool(met) == bool(wanted), (address, protocol, port)
                assert wanted <= {label for line in met for label in line.labels}, (address, protocol, port)
                for line in met:
                    asking[line] |= wanted
    for line, who in asking.items():
        assert set(line.labels) <= who, line


@settings(max_examples=150)
@given(ALL_ENTRIES, st.sampled_from([4, 6]), st.booleans(), st.randoms())
def test_no_line_is_inside_another_and_the_order_does_not_matter(
    entries: list[dict], version: int, apart: bool, shuffler: Any
) -> None:
    lines = listed(entries, version, apart)
    for one, other in combinations(lines, 2):
        inside = network(one).subnet_of(network(other)) or network(other).subnet_of(network(one))
        if inside and one.protocol == other.protocol:
            wide, narrow = (one, other) if network(other).subnet_of(network(one)) else (other, one)
            assert not wide.first_port <= narrow.first_port <= narrow.last_port <= wide.last_port
            if one.prefix == other.prefix and one.labels == other.labels and one.protocol in ("tcp", "udp", "sctp"):
                assert one.last_port + 1 < other.first_port
    shuffler.shuffle(entries)
    assert listed(entries, version, apart) == lines


# Ports that neither overlap nor touch, so that each service is by itself.
DISJOINT = st.lists(
    st.tuples(
        st.sampled_from([("tcp", "80"), ("tcp", "443-445"), ("udp", "443"), ("esp", "")]),
        st.integers(0, 255),
        st.integers(24, 32),
        st.sampled_from(["kudo", "zoom"]),
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(DISJOINT)
def test_each_service_has_the_fewest_prefixes(asked: list[tuple[tuple[str, str], int, int, str]]) -> None:
    entries, wanted = [], {}
    for service, last, length, who in asked:
        prefix = ipaddress.ip_network(f"192.0.2.{last}/{length}", strict=False)
        entries.append(entry(who, *service, str(prefix)))
        wanted.setdefault(service, []).append(prefix)
    found: dict[tuple[str, str], list] = {}
    for line in least(entries, 4, by_who):
        found.setdefault((line.protocol, line.ports), []).append(network(line))
    assert found == {service: [*ipaddress.collapse_addresses(prefixes)] for service, prefixes in wanted.items()}


ADJACENT = [entry("kudo", "tcp", "443", "192.0.2.0/25"), entry("zoom", "tcp", "443", "192.0.2.128/25")]


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        (  # a host of another service splits nothing
            [entry("kudo", "udp", "3478", "192.0.2.0/24"), entry("kudo", "tcp", "443", "192.0.2.77/32")],
            ["192.0.2.0/24 udp 3478 kudo", "192.0.2.77/32 tcp 443 kudo"],
        ),
        (  # one of the same service is inside, and so is one of fewer ports
            [entry("kudo", "tcp", "400-500", "192.0.2.0/24"), entry("zoom", "tcp", "443", "192.0.2.77/32")],
            ["192.0.2.0/24 tcp 400-500 kudo, zoom"],
        ),
        (  # one of more ports is not
            [entry("kudo", "tcp", "443", "192.0.2.0/24"), entry("zoom", "tcp", "400-500", "192.0.2.77/32")],
            ["192.0.2.0/24 tcp 443 kudo", "192.0.2.77/32 tcp 400-500 zoom"],
        ),
        (
            [entry("kudo", "tcp", "80", "192.0.2.0/24"), entry("kudo", "tcp", "81-90", "192.0.2.0/24")],
            ["192.0.2.0/24 tcp 80-90 kudo"],
        ),
        (
            [entry("kudo", "tcp", "80", "192.0.2.0/24"), entry("zoom", "tcp", "81-90", "192.0.2.0/24")],
            ["192.0.2.0/24 tcp 80 kudo", "192.0.2.0/24 tcp 81-90 zoom"],
        ),
        (
            [entry("kudo", "icmp", "echo-request", "192.0.2.0/24"), entry("kudo", "icmp", "7", "192.0.2.0/24")],
            ["192.0.2.0/24 icmp 7 kudo", "192.0.2.0/24 icmp echo-request kudo"],
        ),
        (ADJACENT, ["192.0.2.0/24 tcp 443 kudo, zoom"]),
        ([entry("kudo", "tcp", "443", "*.example.com"), entry(None, "tcp", "443", "192.0.2.0/24")], []),
    ],
)
def test_lines(entries: list[dict], lines: list[str]) -> None:
    found = least(entries, 4, by_who)
    assert [f"{one.prefix} {one.protocol} {one.ports} {', '.join(one.labels)}" for one in found] == lines


def test_neighbours_of_different_labels_stay_apart_where_that_is_asked_for() -> None:
    assert [(one.prefix, one.labels) for one in listed(ADJACENT, 4, apart=True)] == [
        ("192.0.2.0/25", ("kudo",)),
        ("192.0.2.128/25", ("zoom",)),
    ]
