# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as integers, with the standard library's ipaddress as oracle."""

from __future__ import annotations

import ipaddress
import itertools
import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    collapse,
    format_address,
    format_prefix,
    parse_address,
    parse_prefix,
    prefixes,
)
from hypothesis import given
from hypothesis import strategies as st

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", (4, 0xC0000201)),
        ("0.0.0.0", (4, 0)),
        ("255.255.255.255", (4, 2**32 - 1)),
        ("::", (6, 0)),
        ("2001:DB8::1", (6, 0x20010DB8 << 96 | 1)),
        ("64:ff9b::192.0.2.1", (6, 0x64FF9B << 96 | 0xC0000201)),
    ],
)
def test_parse_address(text: str, expected: tuple[int, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("256.0.0.1", "octet 256 is larger than 255"),
        ("010.0.0.1", "octet 010 has a leading zero, which some tools read as octal: write 10"),
        ("1.2.3", "'1.2.3' is not an IPv4 address"),
        ("1.2.3.4.5", "is not an IPv4 address"),
        ("1.2.3.x", "is not an IPv4 address"),
        ("1.2.3.٤", "is not an IPv4 address"),
        (" 1.2.3.4", "is not an IPv4 address"),
        ("1.2.3.4\n", "is not an IPv4 address"),
        ("1.2.3.4\x00", "is not an IPv4 address"),
        ("", "'' is not an IPv4 address"),
        ("::g", "'::g' is not an IPv6 address"),
        ("1::2::3", "is not an IPv6 address"),
        ("fe80::1%lo", "is not an IPv6 address"),
        ("::256.0.0.1", "is not an IPv6 address"),
    ],
)
def test_parse_address_gives_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.0/33", "prefix length '33' is not a number from 0 to 32"),
        ("::/129", "prefix length '129' is not a number from 0 to 128"),
        ("192.0.2.0/", "prefix length '' is not"),
        ("192.0.2.0/08", "prefix length '08' is not"),
        ("192.0.2.0/ 8", "prefix length ' 8' is not"),
        ("192.0.2.0/24/24", "prefix length '24/24' is not"),
        ("192.0.2.1/24", "host bits are set: the network is 192.0.2.0/24"),
        ("2001:db8::1/64", "host bits are set: the network is 2001:db8::/64"),
    ],
)
def test_parse_prefix_gives_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_prefix(text)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_addresses_survive_a_round_trip(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert parse_address(str(address)) == (address.version, int(address))
    assert ipaddress.ip_address(format_address(address.version, int(address))) == address


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(0, 128))
def test_prefixes_survive_a_round_trip(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    assert parse_prefix(str(network)) == (network.version, first, last)
    assert ipaddress.ip_network(format_prefix(network.version, first, network.prefixlen)) == network


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_prefixes_of_an_ipv4_range(one: int, other: int) -> None:
    low, high = sorted((one, other))
    expected = ipaddress.summarize_address_range(ipaddress.IPv4Address(low), ipaddress.IPv4Address(high))
    assert prefixes(4, low, high) == [str(network) for network in expected]


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_prefixes_of_an_ipv6_range(one: int, other: int) -> None:
    low, high = sorted((one, other))
    expected = list(ipaddress.summarize_address_range(ipaddress.IPv6Address(low), ipaddress.IPv6Address(high)))
    assert [ipaddress.ip_network(text) for text in prefixes(6, low, high)] == expected


@pytest.mark.parametrize(("version", "bits"), [(4, 32), (6, 128)])
def test_prefixes_of_everything_and_of_its_ends(version: int, bits: int) -> None:
    whole = "0.0.0.0" if version == 4 else "::"
    assert prefixes(version, 0, 2**bits - 1) == [f"{whole}/0"]
    assert prefixes(version, 0, 0) == [f"{whole}/{bits}"]
    assert len(prefixes(version, 1, 2**bits - 2)) == 2 * bits - 2


@given(RANGES)
def test_collapse_keeps_the_integers_and_nothing_touches(ranges: list[tuple[int, int]]) -> None:
    joined = collapse(ranges)
    members = {number for first, last in ranges for number in range(first, last + 1)}
    assert [number for first, last in joined for number in range(first, last + 1)] == sorted(members)
    assert all(last + 1 < first for (dummy, last), (first, dummy) in itertools.pairwise(joined))
