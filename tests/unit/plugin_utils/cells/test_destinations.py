# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of destination columns, with the standard library's ipaddress as oracle."""

from __future__ import annotations

import ipaddress
import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from hypothesis import given
from hypothesis import strategies as st

ACCEPTED = [
    ("3.123.12.128/28", ["3.123.12.128/28"]),
    ("54.161.251.110", ["54.161.251.110/32"]),
    ("0.0.0.0/0", ["0.0.0.0/0"]),
    ("34.203.254.0 – 34.203.254.255", ["34.203.254.0/24"]),
    ("54.172.60.0 - 54.172.61.255", ["54.172.60.0/23"]),
    ("34.216.110.128-34.216.110.159", ["34.216.110.128/27"]),
    ("192.0.2.4 -192.0.2.9", ["192.0.2.4/30", "192.0.2.8/31"]),
    ("192.0.2.4- 192.0.2.9", ["192.0.2.4/30", "192.0.2.8/31"]),
    ("192.0.2.4\u00a0–\u00a0192.0.2.9", ["192.0.2.4/30", "192.0.2.8/31"]),
    ("192.0.2.4-192.0.2.4", ["192.0.2.4/32"]),
    ("0.0.0.0-255.255.255.255", ["0.0.0.0/0"]),
    (":: - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
    ("2001:db8::1-2001:db8::4", ["2001:db8::1/128", "2001:db8::2/127", "2001:db8::4/128"]),
    ("2001:DB8::A – 2001:DB8::B", ["2001:db8::a/127"]),
    ("2407:30C0::/32, 2620:123:2000::/40", ["2407:30c0::/32", "2620:123:2000::/40"]),
    ("2001:0db8:0000::0001", ["2001:db8::1/128"]),
    ("64:ff9b::192.0.2.33", ["64:ff9b::c000:221/128"]),
    ("54.215.171.160 54.219.138.108", ["54.215.171.160/32", "54.219.138.108/32"]),
    ("52.60.139.97\n3.98.4.177", ["52.60.139.97/32", "3.98.4.177/32"]),
    ("52.60.139.97\r\n3.98.4.177\t3.98.4.178", ["52.60.139.97/32", "3.98.4.177/32", "3.98.4.178/32"]),
    ("16.63.30.0/24 18.157.88.0/24, 18.205.93.128/25", ["16.63.30.0/24", "18.157.88.0/24", "18.205.93.128/25"]),
    ("193.122.216.32/27,193.122.222.0/27", ["193.122.216.32/27", "193.122.222.0/27"]),
    ("192.0.2.1; 192.0.2.2", ["192.0.2.1/32", "192.0.2.2/32"]),
    (
        "13.210.2.128 - 13.210.2.159, 54.252.254.64 - 54.252.254.127, 3.25.42.128 - 3.25.42.255",
        ["13.210.2.128/27", "54.252.254.64/26", "3.25.42.128/25"],
    ),
    ("192.0.2.2, 192.0.2.1, 192.0.2.2/32", ["192.0.2.2/32", "192.0.2.1/32"]),
    ("audiocodes-jp-sbc-prod.kore.ai", ["audiocodes-jp-sbc-prod.kore.ai"]),
    ("*.kore.ai", ["*.kore.ai"]),
    ("zoom.us, *.zoom.us", ["zoom.us", "*.zoom.us"]),
    ("Live.KUDOway.com.", ["live.kudoway.com"]),
    ("https://live.kudoway.com", ["live.kudoway.com"]),
    ("https://session-console.kudoway.eu", ["session-console.kudoway.eu"]),
    ("https://maps.googleapis.com/", ["maps.googleapis.com"]),
    ("HTTPS://Teams-Bot.kudoway.com", ["teams-bot.kudoway.com"]),
    ("wss://media.example.com", ["media.example.com"]),
    ("https://192.0.2.1/", ["192.0.2.1/32"]),
    ("https://*.kudoway.com", ["*.kudoway.com"]),
    ("maps.googleapis.com fonts.gstatic.com", ["maps.googleapis.com", "fonts.gstatic.com"]),
    ("xn--bcher-kva.example", ["xn--bcher-kva.example"]),
    ("fe-ed.de", ["fe-ed.de"]),
    ("1-2-3-4.example.com", ["1-2-3-4.example.com"]),
    ("1.2.3.4.example.com", ["1.2.3.4.example.com"]),
    (f"{'a' * 63}.example.com", [f"{'a' * 63}.example.com"]),
    (["192.0.2.1", "192.0.2.0/31, a.example.com"], ["192.0.2.1/32", "192.0.2.0/31", "a.example.com"]),
    ([], []),
]

REJECTED = [
    ("3.7.161.256/28", "'3.7.161.256/28' is not an address: octet 256 is larger than 255"),
    ("3.7.161.0/33", "'3.7.161.0/33' is not a prefix: prefix length '33' is not a number from 0 to 32"),
    ("2001:db8::/129", "prefix length '129' is not a number from 0 to 128"),
    ("192.0.2.0/", "prefix length '' is not a number"),
    ("192.0.2.0/024", "prefix length '024' is not a number"),
    ("192.0.2.0/-1", "is not a range"),
    ("3.7.161.1/28", "host bits are set: the network is 3.7.161.0/28"),
    ("2001:db8::1/64", "host bits are set: the network is 2001:db8::/64"),
    ("192.0.2.9-192.0.2.4", "192.0.2.9 is larger than 192.0.2.4; write the lower address first"),
    ("2001:db8::2 - 2001:db8::1", "2001:db8::2 is larger than 2001:db8::1"),
    ("192.0.2.4 - ::1", "one end is IPv4, the other IPv6"),
    ("::1 - 192.0.2.4", "one end is IPv4, the other IPv6"),
    ("192.0.2.4 - 192.0.2.0/24", "its ends are addresses, without prefix length"),
    ("192.0.2.0/25-192.0.2.128/25", "its ends are addresses, without prefix length"),
    ("192.0.2.4 -", "needs one address on either side"),
    ("192.0.2.4 - , 192.0.2.5", "needs one address on either side"),
    ("– 192.0.2.4", "needs one address on either side"),
    ("192.0.2.1-192.0.2.2-192.0.2.3", "needs one address on either side of one dash"),
    ("192.0.2.0-255", "'192.0.2.0-255' is not a range of whole addresses: '255' is not an IPv4 address"),
    ("192.0.2.0 - 256.0.0.1", "octet 256 is larger than 255"),
    ("a.example.com - b.example.com", "is not a range of whole addresses: 'a.example.com' is not an IPv4 address"),
    ("010.1.1.1", "octet 010 has a leading zero, which some tools read as octal: write 10"),
    ("192.0.2.08", "octet 08 has a leading zero"),
    ("192.0.2", "'192.0.2' is not an IPv4 address"),
    ("192.0.2.1.1", "is not an IPv4 address"),
    ("192.0.2.1.", "is not an IPv4 address"),
    ("3221225985", "is not an IPv4 address"),
    ("0xC0000201", "is not an IPv4 address"),
    ("0x7f.1", "is not an IPv4 address"),
    ("example.123", "is not an IPv4 address"),
    ("192.0.2.١", "'١' (U+0661) stands for another letter or digit"),
    ("2001:db8:::1", "is not an IPv6 address"),
    ("2001:db8::g", "is not an IPv6 address"),
    ("12345::", "is not an IPv6 address"),
    ("::ffff:192.0.2.1", "is IPv4 written as IPv6: write 192.0.2.1"),
    ("::FFFF:c000:201/128", "is IPv4 written as IPv6: write 192.0.2.1"),
    ("::ffff:0:0/96", "is IPv4 written as IPv6: write the IPv4 address or prefix"),
    ("::ffff:0:0-::ffff:0:5", "is IPv4 written as IPv6"),
    ("fe80::1%eth0", "has a zone"),
    ("", "is empty"),
    (" \n ", "is empty"),
    (["192.0.2.1", ""], "is empty"),
    ("192.0.2.1,,192.0.2.2", "lacks an item before or after a separator"),
    ("; 192.0.2.1", "lacks an item before or after a separator"),
    ("192.0.2.1\x00", "holds a control character (U+0000)"),
    ("192.0.2.1\x1b[0m", "holds a control character (U+001B)"),
    ("192.0.2.1\r192.0.2.2", "holds a control character (U+000D)"),
    ("192.0.2.1\x7f", "holds a control character (U+007F)"),
    ("a\u200b.example.com", "holds an invisible character (U+200B)"),
    ("\ufeff192.0.2.1", "holds an invisible character (U+FEFF)"),
    ("a\u00ad.example.com", "holds an invisible character (U+00AD)"),
    ("a.example.com\u2028b.example.com", "holds an invisible character (U+2028)"),
    ("{{ address }}", "'{{ address }}' holds a template that was not filled in"),
    ("{% if x %}192.0.2.1{% endif %}", "holds a template"),
    ("[2001:db8::1]", "stands in brackets or quotes"),
    (
        "(192.0.2.0/25, 192.0.2.128/25)",
        "stands in brackets or is a mark, and not behind an item",
    ),
    ('"192.0.2.0/25",\n"192.0.2.128/25"', "stands in brackets or quotes"),
    (
        "https://live.kudoway.com:8443",
        "a URL with a port, which a packet filter does not see: write 'live.kudoway.com'",
    ),
    ("https://live.kudoway.com/room", "a URL with a path"),
    ("https://192.0.2.0/24", "a URL with a path"),
    ("https://live.kudoway.com?a=1", "a URL with a query"),
    ("https://live.kudoway.com/#top", "a URL with a fragment"),
    ("https://user@live.kudoway.com", "a URL with a user"),
    ("https://user:pw@live.kudoway.com/x", "a user, which a packet filter does not see: write 'live.kudoway.com'"),
    ("https://[2001:db8::1]/", "brackets: write the IPv6 address alone"),
    ("https://", "is a URL without a host"),
    ("https:///", "is a URL without a host"),
    ("ftp://a.example.com", "has the scheme 'ftp'"),
    ("live.kudoway.com:443", "has a port: write 'live.kudoway.com' here and 443 in the ports cell"),
    ("192.0.2.1:443", "has a port: write '192.0.2.1' here and 443 in the ports cell"),
    ("Primary: 192.0.2.1", "what stands before a colon is a label"),
    ("a.example.com/", "a name has no path and no prefix length"),
    ("a.example.com/24", "a name has no path and no prefix length"),
    ("localhost", "needs at least two labels"),
    (".zoom.us", "write 'zoom.us', or '*.zoom.us' for all names below it"),
    ("a..example.com", "a label between the dots is empty"),
    ("a.example.com..", "a label between the dots is empty"),
    ("my_host.example.com", "no host has an underscore"),
    ("-a.example.com", "the label '-a' is not letters, digits and inner hyphens"),
    ("a-.example.com", "the label 'a-' is not letters, digits and inner hyphens"),
    ("a$b.example.com", "the label 'a$b' is not letters"),
    ("jp‑sbc.example.com", "is not a range"),
    (f"{'a' * 64}.example.com", "has 64 characters, more than 63"),
    (".".join(["a" * 63] * 4), "has 255 characters, more than 253"),
    (None, "is neither text nor a list of texts"),
    (42, "is neither text nor a list of texts"),
    (["192.0.2.1", 5], "5 is not text"),
]


@pytest.mark.parametrize(("cell", "expected"), ACCEPTED)
def test_accepted(cell: str | list[str], expected: list[str]) -> None:
    assert expand_ranges(cell) == expected


@pytest.mark.parametrize(("cell", "reason"), REJECTED)
@pytest.mark.parametrize("collapse", [False, True])
def test_rejected_with_reason(cell: object, reason: str, collapse: bool) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ranges(cell, collapse=collapse)  # type: ignore[arg-type]
    assert str(caught.value).startswith("destination ")
    assert str(caught.value).isprintable()


def test_collapse_sorts_ipv4_ipv6_names() -> None:
    cell = "b.example.com 2001:db8:8000::/33 10.0.0.0/24 2001:db8::/33 9.0.0.0/8 *.example.com, 10.0.1.0-10.0.1.255"
    assert expand_ranges(cell, collapse=True) == [
        "9.0.0.0/8",
        "10.0.0.0/23",
        "2001:db8::/32",
        "*.example.com",
        "b.example.com",
    ]


def test_collapse_keeps_the_families_apart() -> None:
    """The last IPv4 addresses and the first of IPv6 are neighbours as numbers, and one number is in both families."""
    cells = ["255.255.255.255", "::/0", "1.0.0.1", "0.0.0.0/3", "::/3", "1.0.0.0/32"]
    assert expand_ranges(cells, collapse=True, broadcast=True) == ["0.0.0.0/3", "255.255.255.255/32", "::/0"]
    assert expand_ranges(cells, broadcast=True) == [
        *("255.255.255.255/32", "::/0", "1.0.0.1/32", "0.0.0.0/3", "::/3", "1.0.0.0/32")
    ]


def test_a_bad_item_among_many_is_named() -> None:
    cell = ", ".join(f"10.0.{n}.0/24" for n in range(256)) + ", 10.1.0.0/40"
    with pytest.raises(ValueError, match=re.escape("destination '10.1.0.0/40' is not a prefix")):
        expand_ranges(cell)


# Few distinct high bits, so that prefixes meet, nest and overlap; all inside what can be a destination.
IPV4 = st.just(ipaddress.IPv4Network("0.0.0.0/0")) | st.integers(4, 32).flatmap(
    lambda length: st.integers(0, 2**32 - 1).map(
        lambda n: ipaddress.IPv4Network((n & 0xC00000FF | 1 << 28, length), strict=False)
    )
)
IPV6 = st.integers(0, 128).flatmap(
    lambda length: st.integers(2**16, 2**128 - 1).map(
        lambda n: ipaddress.IPv6Network((n & (0xC << 124 | 0xFF) | 1 << 125, length), strict=False)
    )
)


@given(st.lists(IPV4, max_size=20), st.lists(IPV6, max_size=20), st.randoms(use_true_random=False))
def test_collapse_equals_ipaddress(v4: list, v6: list, random: object) -> None:
    cells = [str(network) for network in v4 + v6]
    random.shuffle(cells)  # type: ignore[attr-defined]
    expected = [*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6)]
    assert [ipaddress.ip_network(text) for text in expand_ranges(cells, collapse=True)] == expected


@given(
    st.integers(1 << 24, (240 << 24) - 1),
    st.integers(1 << 24, (240 << 24) - 1),
    st.sampled_from("-‐‑‒–—―−"),
    st.sampled_from(["", " ", "\u00a0", "  "]),
)
def test_ipv4_range_equals_ipaddress(one: int, other: int, dash: str, space: str) -> None:
    low, high = ipaddress.IPv4Address(min(one, other)), ipaddress.IPv4Address(max(one, other))
    expected = [str(network) for network in ipaddress.summarize_address_range(low, high)]
    assert expand_ranges(f"{low}{space}{dash}{space}{high}") == expected
    assert expand_ranges(f"{low}{space}{dash}{space}{high}", collapse=True) == expected


@given(st.integers(0x20 << 120, (0xFFFF << 112) - 1), st.integers(0, 2**70), st.booleans())
def test_ipv6_range_equals_ipaddress(first: int, length: int, upper: bool) -> None:
    low, high = ipaddress.IPv6Address(first), ipaddress.IPv6Address(min(first + length, 2**128 - 1))
    cell = f"{low}-{high}"
    expected = [str(network) for network in ipaddress.summarize_address_range(low, high)]
    assert expand_ranges(cell.upper() if upper else cell) == expected


@given(st.text(alphabet="0123456789abcdefx.:/-– ,*_%", max_size=24))
def test_whatever_is_accepted_can_be_read_again(cell: str) -> None:
    """A cell is an error, or gives prefixes that ipaddress reads without host bits, and names that stay as they are."""
    try:
        found = expand_ranges(cell)
    except ValueError as exc:
        assert str(exc).startswith("destination ")  # noqa: PT017
        return
    assert found
    assert expand_ranges(found) == found
    for text in found:
        if "/" in text:
            ipaddress.ip_network(text, strict=True)
        else:
            assert re.fullmatch(r"([a-z0-9*-]+\.)+[a-z0-9-]*[a-z-][a-z0-9-]*", text), text
