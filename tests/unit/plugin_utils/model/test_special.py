# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Special addresses and their kinds, held against Python's own lists."""

from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    collapse,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import (
    METADATA,
    RANGES,
    embedded,
    is_any,
    is_any_by_itself,
    special_parts,
)
from hypothesis import given
from hypothesis import strategies as st

KINDS = [
    ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"), ("127.0.0.0/8", "loopback"), ("::1", "loopback"),
    ("169.254.169.253", "link-local"), ("169.254.0.0/17", "link-local"), ("fe80::1", "link-local"),
    ("febf::", "link-local"),
    ("224.0.0.251", "multicast"), ("239.255.255.255", "multicast"), ("ff02::1", "multicast"), ("ff00::/8", "multicast"),
    ("10.0.0.0/16", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.0.0/16", "private"),
    ("100.64.0.0/11", "private"), ("100.127.255.255", "private"), ("fc00::/8", "private"), ("fd00::1", "private"),
    ("fec0::1", "private"), ("0.0.0.0", "reserved"), ("0.1.2.3", "reserved"), ("240.0.0.0/4", "reserved"),
    ("255.255.255.255", "reserved"), ("192.0.0.8", "reserved"), ("::", "reserved"), ("100::1", "reserved"),
    ("4000::/3", "reserved"), ("fe00::", "reserved"), ("2001::1", "reserved"),
    # IPv4 in IPv6: mapped, compatible, translated (all reserved here), NAT64 and 6to4 as the IPv4 address is.
    ("::ffff:169.254.169.254", "reserved"), ("::127.0.0.1", "reserved"), ("::ffff:0:10.0.0.1", "reserved"),
    ("64:ff9b::127.0.0.1", "loopback"), ("64:ff9b::169.254.169.253", "link-local"),
    ("64:ff9b::10.0.0.0/104", "private"),
    ("64:ff9b::224.0.0.1", "multicast"), ("64:ff9b:1::1", "reserved"),
    ("2002:7f00:1::", "loopback"), ("2002:a9fe:a9ff::/48", "link-local"), ("2002:a00::/24", "private"),
    ("2002:e000:fb::1", "multicast"), ("2002:c0a8:101::5", "private"),
    # Where a cloud hands out credentials.
    ("100.100.100.200", "a metadata service of a cloud"), ("168.63.129.16", "a metadata service of a cloud"),
    ("fd00:ec2::254", "a metadata service of a cloud"), ("fd20:ce::254", "a metadata service of a cloud"),
    ("169.254.169.254", "a metadata service of a cloud"), ("64:ff9b::169.254.169.254", "a metadata service of a cloud"),
    ("64:ff9b::168.63.129.16", "a metadata service of a cloud"),
    ("2002:a83f:8110::/48", "a metadata service of a cloud"),
    ("2002:a83f:8110::1", "a metadata service of a cloud"), ("2002:6464:64c8:5::/64", "a metadata service of a cloud"),
]  # fmt: skip
ORDINARY = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0/8", "100.63.255.255", "100.128.0.0/9", "126.0.0.0/8", "128.0.0.0/3",
    "169.253.0.0/16", "172.15.0.0/16", "172.32.0.0/11", "192.167.0.0/16", "223.0.0.0/8", "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "198.18.0.0/15", "168.63.0.0/17", "168.63.129.0/28",
    "168.63.129.17", "2001:db8::/32", "3fff::/20", "2606:4700::/32", "2001:200::/23",
    "2002:808:808::/48",
    "64:ff9b::8.8.8.8", "64:ff9b::192.0.2.1",
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "kind"), KINDS)
def test_a_special_address_has_its_kind(prefix: str, kind: str) -> None:
    version, first, last = parse_prefix(prefix)
    [part] = special_parts(version, first, last)
    assert part == (first, last, kind)


@pytest.mark.parametrize("prefix", ORDINARY)
def test_an_ordinary_address_has_none(prefix: str) -> None:
    assert special_parts(*parse_prefix(prefix)) == []


@pytest.mark.parametrize(
    ("prefix", "kinds"),
    [
        ("10.0.0.0/7", ["private"]),
        ("126.0.0.0/7", ["loopback"]),
        ("160.0.0.0/4", [METADATA, "link-local", METADATA, "link-local", "private"]),
        ("224.0.0.0/3", ["multicast", "reserved"]),
        ("0.0.0.0/1", ["reserved", "private", "private", METADATA, "private", "loopback"]),
        (
            "fc00::/6",
            ["private", METADATA, "private", METADATA, "private", "reserved", "link-local", "private", "multicast"],
        ),
        ("100.64.0.0/10", ["private", METADATA, "private"]),
        ("168.63.0.0/16", [METADATA]),
        ("169.254.169.254/31", [METADATA, "link-local"]),
        ("64:ff9b::a83f:8110/127", [METADATA]),
    ],
)
def test_what_a_wide_prefix_holds(prefix: str, kinds: list[str]) -> None:
    parts = special_parts(*parse_prefix(prefix))
    assert [part.kind for part in parts] == kinds
    assert all(one.last < other.first for one, other in pairwise(parts))


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell what Python's own lists say of an address, but for ranges of examples and benchmarks."""
    examples = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32", "3fff::/20")
    if any(address in ipaddress.ip_network(text) for text in examples):
        return False
    ours = address.version == 4 and address in ipaddress.ip_network("100.64.0.0/10")
    return ours or any((address.is_private, address.is_multicast, address.is_reserved, address.is_link_local))


@given(
    st.integers(0, (1 << 32) - 1) | st.sampled_from([parse_prefix(text)[1] for text, _k in KINDS if ":" not in text])
)
def test_pythons_list_of_version_4_agrees(address: int) -> None:
    # Python knows a few single addresses of 192.0.0.0/24, and a different number of them with each release.
    if address >> 8 != 0xC00000 and address != int(ipaddress.ip_address("168.63.129.16")):
        assert bool(special_parts(4, address, address)) == _is_special(ipaddress.IPv4Address(address))


@given(st.integers(0, (1 << 128) - 1))
def test_pythons_list_of_version_6_is_part_of_ours(address: int) -> None:
    if _is_special(ipaddress.IPv6Address(address)):
        assert special_parts(6, address, address)


@pytest.mark.parametrize(
    ("prefixes", "every"),
    [
        (["0.0.0.0/0"], True), (["0.0.0.0/1", "128.0.0.0/1"], True), (["0.0.0.0/1"], True), (["128.0.0.0/1"], True),
        (["32.0.0.0/3"], True), (["16.0.0.0/4"], False), (["16.0.0.0/4", "32.0.0.0/32"], True), (["17.0.0.0/8"], False),
        ([f"{n}.0.0.0/8" for n in range(1, 224)], True), ([f"{n}.0.0.0/8" for n in range(20, 36)], False),
        ([f"{n}.0.0.0/8" for n in range(20, 37)], True), (["224.0.0.0/3"], False), (["0.0.0.0/4"], False),
        (["::/0"], True), (["::/1"], True), (["::/1", "8000::/1"], True), (["2000::/3"], True),
        (["2000::/4"], True), (["8000::/1"], False), (["2001:db8::/32"], False), (["2600::/16"], False),
        (["2600::/16", "2a00::/128"], True), (["2600::/15"], True), (["fc00::/6"], False), (["2002::/16"], False),
    ],
)  # fmt: skip
def test_what_is_as_good_as_any_address(prefixes: list[str], every: bool) -> None:
    found = [parse_prefix(text) for text in prefixes]
    assert is_any(found[0][0], collapse(span[1:] for span in found)) == every


@pytest.mark.parametrize(
    ("prefix", "every"),
    [
        ("0.0.0.0/0", True), ("32.0.0.0/3", True), ("16.0.0.0/4", False), ("224.0.0.0/3", False), ("::/0", True),
        ("64:ff9b::/96", True), ("64:ff9b::2000:0/99", True), ("64:ff9b::1000:0/100", False),
        ("64:ff9b::e000:0/99", False), ("2002::/16", True), ("2002:2000::/19", True), ("2002:1000::/20", False),
        # It holds more than IPv4 in a form of IPv6.
        ("::/3", False), ("64:ff9b:1::/48", False), ("2000::/16", False), ("2000::/15", True),
    ],
)  # fmt: skip
def test_a_prefix_that_is_as_good_as_any_address(prefix: str, every: bool) -> None:
    assert is_any_by_itself(*parse_prefix(prefix)) == every


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [
        ("64:ff9b::1.2.3.4", ["1.2.3.4/32"]), ("64:ff9b::1.2.3.0/120", ["1.2.3.0/24"]), ("64:ff9b::/96", ["0.0.0.0/0"]),
        ("2002:102:304::/48", ["1.2.3.4/32"]), ("2002:102:304:5::6", ["1.2.3.4/32"]), ("2002:100::/24", ["1.0.0.0/8"]),
        ("2002::/16", ["0.0.0.0/0"]), ("64:ff9b:1::1.2.3.4", ["1.2.3.4/32"]), ("64:ff9b:1::1:0/112", ["0.1.0.0/16"]),
        ("64:ff9b:1::/96", ["0.0.0.0/0"]), ("64:ff9b:1::/48", ["0.0.0.0/0"]), ("64:ff9b:1:2::/64", ["0.0.0.0/0"]),
        ("::/0", ["0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"]), ("2000::/3", ["0.0.0.0/0"]), ("2001:db8::/32", []),
        ("fc00::/7", []), ("64:ff9a::/32", []), ("2003::/16", []),
    ],
)  # fmt: skip
def test_ipv4_addresses_in_a_prefix_of_ipv6(prefix: str, inside: list[str]) -> None:
    found = embedded(*parse_prefix(prefix)[1:])
    assert [text for span in found for text in prefixes(4, *span)] == inside


@given(
    st.sampled_from([4, 6]).flatmap(lambda version: st.tuples(st.just(version), st.integers(0, 2 ** BITS[version] - 1)))
)
def test_the_joined_ranges_are_those_of_the_table(address: tuple[int, int]) -> None:
    version, number = address
    inside = any(first <= number <= last for first, last in RANGES[version])
    assert inside == bool(special_parts(version, number, number))
    assert RANGES[version] == collapse(RANGES[version])
