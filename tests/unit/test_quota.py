# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting prefixes into a quota: exact where it fits, else the least extra address space."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._quota import Fitted, check_widening, fit_quota
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vendor_oracle import documents_directory
from tests.support.vendor_oracle.pages import securevideo

DOCUMENTS = documents_directory()
# For Zoom's list of 312 prefixes (SecureVideo's page of 2022): extra addresses by quota.
ZOOM = {312: 0, 300: 96, 250: 1_440, 200: 5_504, 150: 19_104, 100: 177_536, 75: 2_923_728, 60: 35_755_471}
SMALL = ipaddress.ip_network("192.0.2.0/28")


def addresses(prefixes: list[str]) -> set[str]:
    return {str(address) for prefix in prefixes for address in ipaddress.ip_network(prefix)}


def cheapest(wanted: set[str], most: int) -> int:
    """Return the fewest extra addresses, by trying all sets of prefixes in a small network."""
    candidates = [network for length in range(28, 33) for network in SMALL.subnets(new_prefix=length)]
    covers = [frozenset(map(str, network)) for network in candidates]
    useful = [cover for cover in covers if cover & wanted]
    found = [
        len(union - wanted)
        for count in range(1, most + 1)
        for chosen in itertools.combinations(useful, count)
        if wanted <= (union := set().union(*chosen))
    ]
    return min(found)


@given(st.sets(st.integers(0, 15), min_size=1, max_size=7), st.integers(1, 3))
def test_no_cover_is_cheaper(places: set[int], most: int) -> None:
    wanted = {str(SMALL[place]) for place in places}
    fitted = fit_quota(sorted(wanted), most)
    assert len(fitted.prefixes) <= most
    assert wanted <= addresses(fitted.prefixes)
    assert addresses(fitted.extra) == addresses(fitted.prefixes) - wanted
    assert sum(fitted.addresses.values()) == cheapest(wanted, most)


@pytest.mark.skipif(DOCUMENTS is None, reason="the vendors' documents are not on this machine")
@pytest.mark.parametrize(("most", "extra"), ZOOM.items())
def test_zooms_list(most: int, extra: int) -> None:
    assert DOCUMENTS
    wanted = securevideo((DOCUMENTS / "securevideo.txt").read_text("utf-8")).zoom_ipv4
    fitted = fit_quota(wanted, most)
    assert len(fitted.prefixes) <= most
    assert fitted.addresses == {4: extra}
    networks = list(map(ipaddress.ip_network, fitted.prefixes))
    for prefix in wanted:
        network = ipaddress.ip_network(prefix)
        assert isinstance(network, ipaddress.IPv4Network)
        assert any(network.subnet_of(wider) for wider in networks if isinstance(wider, ipaddress.IPv4Network))


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(1, 12), st.randoms())
def test_the_order_and_the_writing_do_not_matter(octets: list[int], most: int, random) -> None:  # type: ignore[no-untyped-def]
    wanted = [f"198.51.100.{octet}/32" for octet in octets]
    halves = [half for prefix in wanted for half in (prefix, prefix.removesuffix("/32"))]
    random.shuffle(halves)
    assert fit_quota(halves, most) == fit_quota(wanted, most)


def test_both_families_share_the_quota() -> None:
    wanted = ["192.0.2.0/32", "192.0.2.2/32", "2001:db8::/64", "2001:db8:0:2::/64"]
    assert fit_quota(wanted, 4).addresses == {4: 0, 6: 0}
    # Two addresses of IPv4 weigh as much as two networks of IPv6 (/64): one of the two pairs is joined.
    assert len(fit_quota(wanted, 3).prefixes) == 3
    assert fit_quota(wanted, 2) == Fitted(
        ["192.0.2.0/30", "2001:db8::/62"],
        ["192.0.2.1/32", "192.0.2.3/32", "2001:db8:0:1::/64", "2001:db8:0:3::/64"],
        {4: 2, 6: 2 * 2**64},
    )


def test_nothing_needs_nothing() -> None:
    assert fit_quota([], 1) == Fitted([], [], {})


@pytest.mark.parametrize(
    ("wanted", "most", "message"),
    [
        (["192.0.2.0/24"], 0, r"quota '0' is not a number of prefixes: write a whole number from 1"),
        (["192.0.2.0/24"], True, r"quota 'True' is not a number"),
        (["192.0.2.0/24"], "60", r"quota '60' is not a number"),
        ("192.0.2.0/24", 1, r"write a list"),
        (["192.0.2.1/24"], 1, r"host bits are set: the network is 192\.0\.2\.0/24"),
        (["live.example.com"], 1, r"'live\.example\.com' is not an IPv4 address"),
        (["192.0.2.0/24", "2001:db8::/32"], 1, r"a quota of 1 has no room for IPv4 and IPv6"),
    ],
)
def test_refused(wanted: list[str], most: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_quota(wanted, most)


def test_more_than_is_accepted_is_refused() -> None:
    fitted = fit_quota([f"192.0.2.{n * 8}/32" for n in range(8)], 1)
    with pytest.raises(ValueError, match=r"^56 addresses that nobody asked for would be opened, 55 are accepted: "
                       r"192\.0\.2\.1/32, 192\.0\.2\.2/31, 192\.0\.2\.4/30, .* and 19 more\. Raise"):  # fmt: skip
        check_widening(fitted, 55)
    check_widening(fitted, 56)
    for wrong in (-1, True, "5"):
        with pytest.raises(ValueError, match=rf"widen_at_most '{wrong}' is not a number of addresses"):
            check_widening(fitted, wrong)  # type: ignore[arg-type]
