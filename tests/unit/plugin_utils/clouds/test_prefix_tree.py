# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting prefixes into a quota: exact where it fits, else the least extra address space."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import prefix_tree
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import (
    Fitted,
    check_widening,
    cover,
    fit_quota,
    fit_quotas,
    gaps,
    grow,
    share,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import ZOOM, needs_documents, zooms_list

SMALL = ipaddress.ip_network("192.0.2.0/28")


TINY = ipaddress.ip_network("192.0.2.0/29")
TINY_COVERS = [frozenset(map(str, part)) for length in range(29, 33) for part in TINY.subnets(new_prefix=length)]


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


def cheapest_by_count(wanted: frozenset[str]) -> dict[int, int]:
    """Return the fewest extra addresses for each number of prefixes, by trying all sets of them in a tiny network."""
    useful = [cover for cover in TINY_COVERS if cover & wanted]
    found: dict[int, int] = {}
    for count in range(1, 5):
        for chosen in itertools.combinations(useful, count):
            union = frozenset().union(*chosen)
            if wanted <= union:
                found[count] = min(found.get(count, 99), len(union - wanted))
    return found


@given(st.lists(st.frozensets(st.integers(0, 7), min_size=1), min_size=2, max_size=3), st.integers(0, 6))
def test_no_split_of_a_shared_quota_is_cheaper(places: list[frozenset[int]], spare: int) -> None:
    wanted = {f"list {number}": frozenset(str(TINY[place]) for place in one) for number, one in enumerate(places)}
    most = len(wanted) + spare
    best = min(
        sum(costs)
        for shares in itertools.product(*(cheapest_by_count(one).items() for one in wanted.values()))
        if sum(count for count, _cost in shares) <= most
        for costs in [[cost for _count, cost in shares]]
    )
    fitted = fit_quotas({name: sorted(one) for name, one in wanted.items()}, most)
    assert list(fitted) == list(wanted)
    assert sum(len(one.prefixes) for one in fitted.values()) <= most
    for name, one in fitted.items():
        assert wanted[name] <= addresses(one.prefixes)
        assert addresses(one.extra) == addresses(one.prefixes) - wanted[name]
        assert sum(one.addresses.values()) == len(addresses(one.extra))
    assert sum(sum(one.addresses.values()) for one in fitted.values()) == best


DESCENDING = st.lists(st.integers(0, 40), min_size=1, max_size=60).map(
    lambda falls: [sum(falls[n:]) for n in range(len(falls))]
)


@given(DESCENDING, DESCENDING)
def test_the_search_between_hulls_misses_nothing(left: list[int], right: list[int]) -> None:
    tried = [
        min(left[place] + right[total - place] for place in range(len(left)) if 0 <= total - place < len(right))
        for total in range(len(left) + len(right) - 1)
    ]
    assert prefix_tree._bounded(left, right) == tried
    assert prefix_tree._combined(left, right) == tried


@given(st.lists(DESCENDING.map(lambda costs: costs[:5]), min_size=1, max_size=4), st.integers(0, 20))
def test_shares_cost_least_and_are_no_larger_than_they_must_be(tables: list[list[int]], spare: int) -> None:
    places = itertools.product(*(range(len(table)) for table in tables))
    tried = {
        (sum(table[place] for table, place in zip(tables, taken, strict=True)), sum(taken))
        for taken in places
        if sum(taken) <= spare
    }
    taken = share(tables, spare)
    assert (sum(table[place] for table, place in zip(tables, taken, strict=True)), sum(taken)) == min(tried)


BASE = 192 << 24 | 2 << 8  # 192.0.2.0
SPACE = st.frozensets(st.integers(0, 63), max_size=40)


def spans(numbers: frozenset[int]) -> list[tuple[int, int]]:
    """Return runs of numbers as ranges."""
    firsts = sorted(number for number in numbers if number - 1 not in numbers)
    return [(first, next(n for n in itertools.count(first) if n + 1 not in numbers)) for first in firsts]


@given(SPACE, SPACE)
def test_gaps(covered: frozenset[int], free: frozenset[int]) -> None:
    found = gaps(spans(covered), spans(free))
    assert found == sorted(found)
    numbers = [number for first, last in found for number in range(first, last + 1)]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == covered - free


@given(st.frozensets(st.integers(0, 31), min_size=1, max_size=12), SPACE)
def test_what_is_open_anyway_costs_nothing(wanted: frozenset[int], others: frozenset[int]) -> None:
    leaves = [(n, n) for n in sorted(wanted) if n ^ 1 not in wanted]
    if not leaves:
        return
    free = frozenset(first for first, _last in leaves) | others
    tree = grow(
        4, [(BASE + n, BASE + n) for n, _n in leaves], [(BASE + first, BASE + last) for first, last in spans(free)]
    )
    for count, cost in enumerate(tree.costs, 1):
        covered = [number - BASE for first, last in cover(tree, count) for number in range(first, last + 1)]
        assert cost == len(frozenset(covered) - free)


@needs_documents
@pytest.mark.parametrize(("most", "extra"), ZOOM.items())
def test_zooms_list(most: int, extra: int) -> None:
    wanted = zooms_list()
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
    assert fit_quotas({}, 1) == {}
    assert fit_quotas({"web": [], "media": ["192.0.2.0/32"]}, 1) == {
        "web": Fitted([], [], {}),
        "media": Fitted(["192.0.2.0/32"], [], {4: 0}),
    }


def test_one_quota_below_at_and_above() -> None:
    wanted = {"web": ["192.0.2.0", "192.0.2.2"], "media": ["198.51.100.0", "198.51.100.8"]}
    assert [fit_quotas(wanted, most)["media"].addresses for most in (5, 4)] == [{4: 0}, {4: 0}]
    fitted = fit_quotas(wanted, 3)
    assert (fitted["web"].prefixes, fitted["web"].addresses) == (["192.0.2.0/30"], {4: 2})
    assert fitted["media"].addresses == {4: 0}
    assert fit_quotas(wanted, 2)["media"].prefixes == ["198.51.100.0/28"]
    with pytest.raises(ValueError, match=r"a quota of 1 has no room for these 2 lists: they need 2 prefixes or more"):
        fit_quotas(wanted, 1)


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
        check_widening({"": fitted}, 55)
    check_widening({"": fitted}, 56)
    with pytest.raises(ValueError, match=r"are accepted: media: 192\.0\.2\.1/32, media: 192"):
        check_widening({"media": fitted}, 55)
    for wrong in (-1, True, "5"):
        with pytest.raises(ValueError, match=rf"widen_at_most '{wrong}' is not a number of addresses"):
            check_widening({"": fitted}, wrong)  # type: ignore[arg-type]


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    fitted = fit_quota(["192.0.2.0", "192.0.2.3", "2001:db8::/64", "2001:db8:0:2::/64"], 2)
    assert fitted.addresses == {4: 2, 6: 2 * 2**64}
    check_widening({"": fitted}, 4)
    with pytest.raises(ValueError, match=r"^4 addresses that nobody asked for would be opened, 3 are accepted"):
        check_widening({"": fitted}, 3)
    # Less than a network is not nothing.
    with pytest.raises(ValueError, match=r"^1 addresses"):
        check_widening({"": fit_quota(["2001:db8::", "2001:db8::3"], 1)}, 0)
