# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements against an oracle that asks every entry of the provenance about every packet.

The oracle knows entries, packets and the standard library, and shares no code with what it judges.
"""

from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import (
    elements,
    layer_order,
    layered_elements,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.entries import ALL_ENTRIES, ENTRIES, asked_by, by_who, edges, entry


@settings(max_examples=150)
@given(ENTRIES, st.sampled_from([4, 6]))
@example([entry("kudo", "udp", "1-65535", "0.0.0.0/0"), entry("zoom", "udp", "80", "10.0.0.0/24")], 4)
@example([entry("kudo", "tcp", "80", "::/0"), entry("zoom", "tcp", "81", "::/0"), entry(None, "tcp", "80", "::/0")], 6)
def test_every_packet_is_in_the_one_element_of_those_who_ask_for_it(entries: list[dict], version: int) -> None:
    found = elements(entries, version, by_who)
    ranges = [(ipaddress.ip_network(one.prefix), one) for one in found]
    assert all(network.version == version for network, _one in ranges)
    addresses, numbers = edges(entries, version)
    for address in addresses:
        near = [one for network, one in ranges if address in network]
        for protocol in ("tcp", "udp"):
            for port in numbers:
                holding = [o for o in near if o.protocol == protocol and o.first_port <= port <= o.last_port]
                wanted = asked_by(entries, address, protocol, port)
                assert [one.labels for one in holding] == ([wanted] if wanted else []), (address, protocol, port)


@settings(max_examples=150)
@given(ALL_ENTRIES, st.sampled_from([4, 6]))
@example([entry("kudo", "icmp", "", "10.0.0.0/24"), entry("zoom", "icmp", "echo-request", "10.0.0.0/25")], 4)
@example([entry("kudo", "esp", "", "10.0.0.0/24"), entry("zoom", "esp", "", "10.0.0.0/25")], 4)
def test_the_first_element_that_a_packet_meets_is_of_those_who_ask_for_it(entries: list[dict], version: int) -> None:
    """Of ICMP an element of one type stands before that of all types."""
    found = [(ipaddress.ip_network(one.prefix), one) for one in elements(entries, version, by_who)]
    addresses, numbers = edges(entries, version)
    for address in addresses:
        near = [one for network, one in found if address in network]
        for protocol in ("tcp", "sctp", "esp", "gre", "253", "icmp"):
            for port in {0, *numbers} if protocol != "icmp" else {0, 7, 8, 41, 255}:
                whole = protocol not in ("tcp", "sctp", "icmp")
                met = [o for o in near if o.protocol == protocol and (whole or o.first_port <= port <= o.last_port)]
                wanted = asked_by(entries, address, protocol, port)
                assert [one.labels for one in met[:1]] == ([wanted] if wanted else []), (address, protocol, port)
                assert len(met) <= 1 or protocol == "icmp"


@settings(max_examples=150)
@given(ENTRIES, st.sampled_from([4, 6]))
def test_elements_are_disjoint_ascending_and_few(entries: list[dict], version: int) -> None:
    """By comparing each element with each other, not by packets: no overlap is too small to be seen."""
    found = elements(entries, version, by_who)
    ranges = [(ipaddress.ip_network(one.prefix), one) for one in found]
    for number, (network, one) in enumerate(ranges):
        for other_network, other in ranges[:number]:
            apart = one.protocol != other.protocol or not network.overlaps(other_network)
            assert apart or one.last_port < other.first_port or other.last_port < one.first_port
            # Neighbouring ports of one prefix have different labels: else they would be one element.
            if (network, one.protocol, one.labels) == (other_network, other.protocol, other.labels):
                assert other.last_port + 1 < one.first_port
    assert all(
        (int(a.network_address), x.protocol, x.first_port) < (int(b.network_address), y.protocol, y.first_port)
        for (a, x), (b, y) in pairwise(ranges)
    )
    assert elements(list(reversed(entries)), version, by_who) == found


def test_who_asks_for_the_same_shares_an_element() -> None:
    found = elements(
        [
            entry("kudo", "udp", "3478", "192.0.2.0/25", "192.0.2.128/25", "live.example.com"),
            entry("zoom", "udp", "3478-3479", "192.0.2.0/26"),
            entry("zoom", "udp", "3479", "2001:db8::/32"),
            entry(None, "tcp", "1-65535", "0.0.0.0/0"),
        ],
        4,
        by_who,
    )
    assert [(one.prefix, one.protocol, one.ports, one.labels) for one in found] == [
        ("192.0.2.0/26", "udp", "3478", ("kudo", "zoom")),
        ("192.0.2.0/26", "udp", "3479", ("zoom",)),
        ("192.0.2.64/26", "udp", "3478", ("kudo",)),
        ("192.0.2.128/25", "udp", "3478", ("kudo",)),
    ]


def test_nothing_gives_nothing() -> None:
    assert elements([], 4, by_who) == []
    assert elements([entry("kudo", "tcp", "443", "*.example.com")], 4, by_who) == []


@pytest.mark.parametrize(
    ("protocol", "text"), [("esp", ""), ("icmp", ""), ("icmp", "echo-request"), ("icmp", "41"), ("sctp", "5060-5061")]
)
def test_types_are_written_as_in_rules(protocol: str, text: str) -> None:
    assert [one.ports for one in elements([entry("kudo", protocol, text, "192.0.2.1/32")], 4, by_who)] == [text]


@pytest.mark.parametrize(("port", "text"), [("443", "443"), ("6000-60000", "6000-60000"), ("1-65535", "1-65535")])
def test_ports_are_written_as_in_rules(port: str, text: str) -> None:
    assert [one.ports for one in elements([entry("kudo", "tcp", port, "192.0.2.1/32")], 4, by_who)] == [text]


def placed(entries: list[dict], version: int) -> list[tuple]:
    """Return the layered elements with their networks, in the order in which a table asks their services."""
    found = sorted(layered_elements(entries, version, by_who), key=lambda one: layer_order(one[1:4]))
    return [(ipaddress.ip_network(one.prefix), one) for one in found]


@settings(max_examples=200)
@given(ALL_ENTRIES, st.sampled_from([4, 6]))
@example([entry("kudo", "tcp", "80-82", "10.0.0.0/25"), entry("zoom", "tcp", "81-443", "10.0.0.0/24")], 4)
@example([entry("kudo", "tcp", "80-82", "10.0.0.0/25"), entry("zoom", "tcp", "81", "10.0.0.0/24")], 4)
@example([entry("kudo", "tcp", "1-3", "10.0.0.0/25"), entry("zoom", "tcp", "2-3", "10.0.0.0/24")], 4)
@example([entry("kudo", "icmp", "", "10.0.0.0/24"), entry("zoom", "icmp", "echo-request", "10.0.0.0/25")], 4)
@example(
    [
        entry("kudo", "tcp", "80", "10.0.0.0/25"),
        entry("kudo", "tcp", "81", "10.0.0.0/25"),
        entry("zoom", "tcp", "81-443", "10.0.0.0/24"),
    ],
    4,
)
def test_the_first_layer_that_a_packet_meets_is_of_all_who_ask_for_it(entries: list[dict], version: int) -> None:
    found = placed(entries, version)
    addresses, numbers = edges(entries, version)
    for address in addresses:
        near = [one for network, one in found if address in network]
        for protocol in ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp"):
            for port in {0, *numbers} if protocol != "icmp" else {0, 7, 8, 41, 255}:
                whole = protocol not in ("tcp", "udp", "sctp", "icmp")
                met = [o for o in near if o.protocol == protocol and (whole or o.first_port <= port <= o.last_port)]
                wanted = asked_by(entries, address, protocol, port)
                assert [one.labels for one in met[:1]] == ([wanted] if wanted else []), (address, protocol, port)


@settings(max_examples=150)
@given(ALL_ENTRIES, st.sampled_from([4, 6]))
def test_the_layers_of_a_service_are_disjoint_and_only_those_split_them_who_ask_for_it(
    entries: list[dict], version: int
) -> None:
    found = placed(entries, version)
    for number, (network, one) in enumerate(found):
        same = [other for other, layer in found[:number] if layer[1:4] == one[1:4]]
        assert not any(network.overlaps(other) for other in same)
    tcp = [one for one in entries if one["protocol"] == "tcp"]
    assert placed(tcp, version) == [(network, one) for network, one in found if one.protocol == "tcp"]


def test_a_host_of_another_service_splits_no_prefix() -> None:
    entries = [entry("kudo", "udp", "3478", "192.0.2.0/24"), entry("zoom", "tcp", "443", "192.0.2.77/32")]
    wanted = [("192.0.2.0/24", "udp", "3478", ("kudo",)), ("192.0.2.77/32", "tcp", "443", ("zoom",))]
    for made in (elements, layered_elements):
        assert [(one.prefix, one.protocol, one.ports, one.labels) for one in made(entries, 4, by_who)] == wanted


def test_a_wider_range_of_ports_is_not_split_by_one_within_it() -> None:
    entries = [
        entry("kudo", "tcp", "400-500", "192.0.2.0/24"),
        entry("zoom", "tcp", "443", "192.0.2.0/25"),
        entry("kudo", "tcp", "444", "192.0.2.0/25"),
        entry("zoom", "udp", "1", "192.0.2.0/24"),
        entry("zoom", "udp", "2-3", "192.0.2.0/24"),
    ]
    assert [(one.prefix, one.protocol, one.ports, one.labels) for one in layered_elements(entries, 4, by_who)] == [
        ("192.0.2.0/24", "tcp", "400-500", ("kudo",)),
        ("192.0.2.0/25", "tcp", "443", ("kudo", "zoom")),
        ("192.0.2.0/24", "udp", "1-3", ("zoom",)),
    ]
