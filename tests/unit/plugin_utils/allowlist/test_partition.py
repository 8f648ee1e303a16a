# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements against an oracle that asks every entry of the provenance about every packet.

The oracle knows entries, packets and the standard library, and shares no code with what it judges.
"""

from __future__ import annotations

import ipaddress
import operator
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import elements
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.strategies import fits, port_ranges, prefixes, services, span

NAMES = ["example.com", "*.example.com"]


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "protocol": st.sampled_from(["tcp", "udp"]),
            "ports": port_ranges(),
            "destinations": st.lists(prefixes() | st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
            "who": st.sampled_from(["kudo", "zoom", "twilio", None]),
        }
    ),
    max_size=8,
)


# Of all kinds of protocols, with and without ports.
ALL_ENTRIES = st.lists(
    st.builds(
        operator.or_,
        services(),
        st.fixed_dictionaries(
            {
                "destinations": st.lists(prefixes() | st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
                "who": st.sampled_from(["kudo", "zoom", "twilio", None]),
            }
        ),
    ).filter(lambda found: all(fits({**found, "destination": one}) for one in found["destinations"])),
    max_size=8,
)


def by_who(entry: dict) -> Any:
    return entry["who"]


def entry(who: str | None, protocol: str, ports: str, *destinations: str) -> dict:
    return {"who": who, "protocol": protocol, "ports": ports, "destinations": list(destinations)}


def asked_by(entries: list[dict], address: Any, protocol: str, port: int) -> tuple:
    """Return who asks for a packet, by asking every entry."""
    return tuple(
        sorted(
            {
                found["who"]
                for found in entries
                if found["who"] is not None
                and found["protocol"] == protocol
                and span(found["ports"])[0] <= port <= span(found["ports"])[1]
                and any("/" in text and address in ipaddress.ip_network(text) for text in found["destinations"])
            }
        )
    )


def edges(entries: list[dict], version: int) -> tuple[set, set[int]]:
    """Return the addresses and ports at all edges, and one beyond each."""
    numbers, found = set(), set()
    for one in entries:
        numbers |= {edge + step for edge in span(one["ports"]) for step in (-1, 0, 1)}
        for text in one["destinations"]:
            if "/" in text and (network := ipaddress.ip_network(text)).version == version:
                for edge in (network.network_address, network.broadcast_address):
                    found |= {edge + n for n in (-1, 0, 1) if 0 <= int(edge) + n < 2**network.max_prefixlen}
    return found, numbers & set(range(1, 65536))


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
