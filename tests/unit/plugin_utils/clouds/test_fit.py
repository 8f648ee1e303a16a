# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting parts into quotas, against plain sets of addresses and ports in tiny networks."""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.fit import DoesNotFit, Fitted, fit
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import Part, parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.widening import Room
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.documents import DOCUMENTS, ZOOM, zooms_list
from tests.support.tiny_networks import LABELS, NETWORKS, Cell, members, numbers, opened, rule, wanted

COVERS = {
    version: [
        frozenset(part) for length in range(net.prefixlen, net.max_prefixlen + 1) for part in _subnets(net, length)
    ]
    for version, net in NETWORKS.items()
    for _subnets in [lambda net, length: net.subnets(new_prefix=length)]
}


def extra_pairs(found: Iterable[Part], asked: set[Cell]) -> set[tuple[str, Any]]:
    """Return the addresses that a single service opens though not all its ports were asked for there."""
    return {
        (f"{protocol}/{first}-{last}", at)
        for part in found
        for protocol, first, last in part.services
        for prefix in part.prefixes
        for at in members(prefix)
        if any((protocol, port, at) not in asked for port in range(first, last + 1))
    }


# Fitting


def cheapest(found: list[Part], limit: int, asked: set[Cell]) -> int | None:
    """Return the fewest extra addresses with which single services fit, by trying all covers of each."""
    tables = []
    for part in found:
        ((protocol, first, last),) = part.services
        every = {at for prefix in part.prefixes for at in members(prefix)}
        free = {
            at
            for at in members(str(NETWORKS[part.version]))
            if all((protocol, port, at) in asked for port in range(first, last + 1))
        }
        useful = [cover for cover in COVERS[part.version] if cover & every]
        costs: dict[int, int] = {}
        for count in range(1, len(part.prefixes) + 1):
            for chosen in itertools.combinations(useful, count):
                union = frozenset().union(*chosen)
                if every <= union:
                    costs[count] = min(costs.get(count, 99), len(union - free))
        tables.append(costs)
    fitting = [
        sum(cost for _count, cost in shares)
        for shares in itertools.product(*(table.items() for table in tables))
        if sum(count for count, _cost in shares) <= limit
    ]
    return min(fitting, default=None)


def scattered_rules(ports: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return rules for single addresses of a tiny network, a few services and many addresses."""
    services = st.tuples(st.sampled_from(["tcp", "tcp", "udp"]), st.sampled_from(ports))
    places = st.frozensets(st.integers(0, 7), min_size=1)
    return st.dictionaries(services, places, min_size=1, max_size=3).map(
        lambda asked: [
            rule(LABELS[place % 3], protocol, numbers, str(NETWORKS[4][place]) + "/32")
            for (protocol, numbers), chosen in asked.items()
            for place in sorted(chosen)
        ]
    )


# Addresses that have some of three services.
SHARED_PLACES = st.dictionaries(
    st.sampled_from(range(8)), st.frozensets(st.sampled_from(["1", "3", "7"]), min_size=2) | st.just(frozenset("1"))
).map(
    lambda asked: [
        rule(LABELS[place % 3], "tcp", ports, str(NETWORKS[4][place]) + "/32")
        for place, services in asked.items()
        for ports in sorted(services)
    ]
)
FEW = settings(max_examples=80)


@FEW
@given(scattered_rules(["1", "4-5", "1-3"]), st.integers(-1, 4))
def test_least_extra_and_nothing_closed(listed: list[dict[str, Any]], over: int) -> None:
    found = parts(merge_vendors(listed), single=True)
    asked = wanted(listed)
    need = sum(len(part.prefixes) for part in found)
    limit = max(0, need - over)
    room = Room("rules", limit)
    best = cheapest(found, limit, asked)
    if best is None:
        with pytest.raises(
            DoesNotFit, match=rf"rules: {need} needed, {limit} free, {need - limit} too many\. .*even the"
        ):
            fit(found, [room], widen_at_most=1 << 40)
        return
    fitted = fit(found, [room], widen_at_most=best)
    assert fitted.extra == best == len(extra_pairs(fitted.parts, asked))
    assert asked <= opened(fitted.parts)
    units = sum(len(part.prefixes) for part in fitted.parts)
    assert units <= limit
    assert fitted.units == [{"quota": "rules", "exact": need, "need": units, "limit": limit}]
    assert fit(fitted.parts, [room]) == Fitted(fitted.parts, [], 0, [{**fitted.units[0], "exact": units}])
    if need <= limit:
        assert fitted.parts == found
    assert listed_pairs(fitted.widened) == extra_pairs(fitted.parts, asked)
    for prefix, labels in ((prefix, labels) for part in fitted.parts for prefix, labels in part.prefixes.items()):
        assert labels, f"somebody asks for a part of {prefix}"
    if best:
        with pytest.raises(DoesNotFit, match=rf"aws_egress_widen_at_most: {best} "):
            fit(found, [room], widen_at_most=best - 1)


LINE = re.compile(
    r"(?P<services>\S+) to (?P<prefix>\S+): (?P<number>\d+) address(es)? that nobody asked for \((?P<who>.+)\)"
)


def listed_pairs(lines: list[str]) -> set[tuple[str, Any]]:
    """Return what the lines say that nobody asked for; each says how much that is, and none says it again."""
    pairs: list[tuple[str, Any]] = []
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        assert len(members(found["prefix"])) == int(found["number"])
        protocol, _slash, ports = found["services"].partition("/")
        of = numbers(ports)
        pairs += [(f"{protocol}/{of[0]}-{of[-1]}", at) for at in members(found["prefix"])]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


@FEW
@given(SHARED_PLACES, st.integers(-1, 5), st.randoms())
def test_joined_services(listed: list[dict[str, Any]], over: int, shuffler: random.Random) -> None:
    found = parts(merge_vendors(listed), single=True)
    asked = wanted(listed)
    limit = max(0, sum(len(part.prefixes) for part in found) - over)
    room = Room("rules", limit)
    outcomes = []
    for join_services in (False, True):
        try:
            outcomes.append(fit(found, [room], widen_at_most=1 << 40, join_services=join_services))
        except DoesNotFit:
            outcomes.append(None)
    alone, joined = outcomes
    if joined is None:
        assert alone is None
        return
    assert asked <= opened(joined.parts)
    assert sum(len(part.prefixes) for part in joined.parts) <= limit
    # A range within a joined one costs nothing there.
    pairs = extra_pairs(joined.parts, asked)
    needless = {
        (text, at)
        for text, at in pairs
        if any(at == place and text != wider and covers(wider, text) for wider, place in pairs)
    }
    assert joined.extra >= len(pairs - needless)
    if all("joined" in line for line in joined.widened):
        assert joined.extra == len(pairs - needless)
    assert (joined.extra == 0) == (opened(joined.parts) == asked)
    if alone:
        assert joined.extra <= alone.extra
        if joined.extra == alone.extra:
            assert joined == alone, "ports are joined only where that opens less"
    shuffler.shuffle(listed)
    assert fit(parts(merge_vendors(listed), single=True), [room], widen_at_most=1 << 40, join_services=True) == joined
    if joined.extra:
        with pytest.raises(DoesNotFit, match=rf"aws_egress_widen_at_most: {joined.extra} "):
            fit(found, [room], widen_at_most=joined.extra - 1, join_services=True)


def covers(wider: str, text: str) -> bool:
    (protocol, _slash, ports), (name, _slash, within) = wider.partition("/"), text.partition("/")
    return protocol == name and {*numbers(within)} <= {*numbers(ports)}


def two_services(*destinations: str) -> list[dict[str, Any]]:
    return [rule(("acme", "web"), "tcp", ports, to) for to in destinations for ports in ("443", "5349")]


def test_joining_by_hand() -> None:
    found = parts(merge_vendors(two_services("192.0.2.0/32", "198.51.100.0/24", "203.0.113.9/32")), single=True)
    room = Room("rules", 4)
    fitted = fit(found, [room], widen_at_most=2, join_services=True)
    assert fitted.widened == [
        "tcp/443-5349 to 192.0.2.0/32: 1 address with 4,905 ports that nobody asked for, tcp/443 and tcp/5349 joined "
        "(acme: web)",
        "tcp/443-5349 to 203.0.113.9/32: 1 address with 4,905 ports that nobody asked for, tcp/443 and tcp/5349 joined "
        "(acme: web)",
    ]
    assert (fitted.extra, fitted.units[0]["need"]) == (2, 4)
    assert fitted.parts == [
        Part((("tcp", 443, 443),), 4, {"198.51.100.0/24": ("acme: web",)}),
        Part((("tcp", 443, 5349),), 4, {"192.0.2.0/32": ("acme: web",), "203.0.113.9/32": ("acme: web",)}),
        Part((("tcp", 5349, 5349),), 4, {"198.51.100.0/24": ("acme: web",)}),
    ]
    # No further than it must.
    assert fit(found, [Room("rules", 5)], widen_at_most=2, join_services=True).extra == 1
    assert fit(found, [Room("rules", 6)], join_services=True).widened == []
    with pytest.raises(DoesNotFit, match=r"aws_egress_join_services: true with aws_egress_widen_at_most: 2 "):
        fit(found, [room], widen_at_most=2)


def of_ports(destination: str, *ports: str, label: tuple[str, str] = ("acme", "web")) -> list[dict[str, Any]]:
    return [rule(label, "tcp", one, destination) for one in ports]


def single(*rules: list[dict[str, Any]]) -> list[Part]:
    return parts(merge_vendors(rules), single=True)


def test_three_services_become_one_and_the_rest_is_widened() -> None:
    found = single(of_ports("192.0.2.0/32", "1", "3", "7"), of_ports("192.0.2.2/32", "1", "3", "7"))
    fitted = fit(found, [Room("rules", 1)], widen_at_most=4, join_services=True)
    joined = "1 address with 4 ports that nobody asked for, tcp/1 and tcp/3 and tcp/7 joined (acme: web)"
    assert fitted.widened == [
        f"tcp/1-7 to 192.0.2.0/32: {joined}",
        f"tcp/1-7 to 192.0.2.2/32: {joined}",
        "tcp/1-7 to 192.0.2.1/32: 1 address that nobody asked for (acme: web)",
        "tcp/1-7 to 192.0.2.3/32: 1 address that nobody asked for (acme: web)",
    ]
    assert fitted.parts == [Part((("tcp", 1, 7),), 4, {"192.0.2.0/30": ("acme: web",)})]
    assert fitted.extra == 4


def test_no_more_services_are_joined_than_must_be() -> None:
    fitted = fit(
        single(of_ports("192.0.2.0/32", "1", "3", "7")), [Room("rules", 2)], widen_at_most=1, join_services=True
    )
    assert [part.services for part in fitted.parts] == [(("tcp", 1, 3),), (("tcp", 7, 7),)]
    assert fitted.extra == 1


def test_who_asks_for_joined_services_is_said() -> None:
    found = single(of_ports("192.0.2.0/32", "1"), of_ports("192.0.2.0/32", "3", label=("example", "api")))
    fitted = fit(found, [Room("rules", 1)], widen_at_most=1, join_services=True)
    assert fitted.widened[0].endswith("(acme: web, example: api)")
    assert fitted.parts[0].prefixes == {"192.0.2.0/32": ("acme: web", "example: api")}


def test_where_joining_opens_as_much_prefixes_are_widened() -> None:
    found = single(of_ports("192.0.2.0/32", "1"), of_ports("192.0.2.2/31", "1"), of_ports("198.51.100.0/32", "1", "3"))
    fitted = fit(found, [Room("rules", 3)], widen_at_most=1, join_services=True)
    assert fitted.widened == ["tcp/1 to 192.0.2.1/32: 1 address that nobody asked for (acme: web)"]


def test_each_room_has_what_costs_less_there() -> None:
    found = single(
        of_ports("192.0.2.0/32", "1", "3"),
        of_ports("2001:db8::/48", "1", "3"),
        of_ports("2001:db8:2::/64", "1"),
        of_ports("2001:db8:2:3::/64", "1"),
    )
    rooms = [Room("IPv4", 1, lambda part: part.version == 4), Room("IPv6", 3, lambda part: part.version == 6)]
    fitted = fit(found, rooms, widen_at_most=3, join_services=True)
    assert [line.partition(" that ")[0] for line in fitted.widened] == [
        "tcp/1-3 to 192.0.2.0/32: 1 address with 1 port",
        "tcp/1 to 2001:db8:2:1::/64: 1 network of /64",
        "tcp/1 to 2001:db8:2:2::/64: 1 network of /64",
    ]
    assert fitted.extra == 3


def test_lines_name_who_asks_nearby() -> None:
    found = single(
        of_ports("192.0.2.0/32", "1"),
        of_ports("192.0.2.3/32", "1"),
        of_ports("198.51.100.0/32", "1", label=("example", "api")),
        of_ports("198.51.100.2/31", "1", label=("acme", "media")),
        of_ports("203.0.113.0/32", "1", label=("example", "none")),
    )
    assert fit(found, [Room("rules", 3)], widen_at_most=3).widened == [
        "tcp/1 to 192.0.2.1/32: 1 address that nobody asked for (acme: web)",
        "tcp/1 to 192.0.2.2/32: 1 address that nobody asked for (acme: web)",
        "tcp/1 to 198.51.100.1/32: 1 address that nobody asked for (acme: media, example: api)",
    ]


def test_joining_where_a_part_has_all_its_services() -> None:
    found = parts(merge_vendors([*two_services("192.0.2.0/31"), rule(("acme", "media"), "udp", "9", "192.0.2.0/31")]))
    rooms = [Room("rules", 2, units=lambda part: len(part.services))]
    with pytest.raises(
        DoesNotFit, match=r"rules: 3 needed, 2 free, 1 too many\. .*join_services: true with .*: 2 .* even"
    ):
        fit(found, rooms, widen_at_most=9)
    fitted = fit(found, rooms, widen_at_most=2, join_services=True)
    assert [part.services for part in fitted.parts] == [(("tcp", 443, 5349), ("udp", 9, 9))]
    assert fitted.widened == [
        "tcp/443-5349 to all IPv4 destinations of tcp/443, tcp/5349, udp/9: 2 addresses with 4,905 ports that nobody "
        "asked for, tcp/443 and tcp/5349 joined (acme: media, acme: web)"
    ]
    assert fitted.extra == 2


# Rooms


@pytest.fixture(scope="module")
def zoom() -> dict[str, Any]:
    if DOCUMENTS is None:
        pytest.skip("the vendors' documents are not on this machine")
    prefixes = zooms_list()
    services = [("tcp", "443"), ("tcp", "8801-8802"), ("udp", "3478"), ("udp", "8801-8810")]
    return merge_vendors(
        rule(("securevideo", "zoom"), protocol, ports, prefix) for prefix in prefixes for protocol, ports in services
    )


@pytest.mark.parametrize(("most", "extra"), ZOOM.items())
def test_zooms_list(zoom: dict[str, Any], most: int, extra: int) -> None:
    # One list for all four services: each prefix costs four units.
    four = Room("rules", 4 * most + 3, units=lambda part: len(part.services) * len(part.prefixes))
    together = fit(parts(zoom), [four], widen_at_most=extra)
    assert together.extra == extra
    assert together.units[0]["need"] <= 4 * most
    # Or a quota for each of them.
    rooms = [Room(f"rules {n}", most, holds=functools.partial(is_one, n)) for n in range(4)]
    apart = fit(parts(zoom, single=True), rooms, widen_at_most=4 * extra)
    assert apart.extra == 4 * extra
    assert all(unit["need"] <= most for unit in apart.units)
    # Or all rules in one: never more than that, and less where the services need not be widened alike.
    one = fit(parts(zoom, single=True), [Room("rules", 4 * most)], widen_at_most=4 * extra)
    assert one.extra <= 4 * extra


def is_one(number: int, part: Part) -> bool:
    return (
        part.services[0] == [("tcp", 443, 443), ("tcp", 8801, 8802), ("udp", 3478, 3478), ("udp", 8801, 8810)][number]
    )


def scattered(version: int, count: int, service: str = "web") -> list[dict[str, Any]]:
    base = {4: "192.0.2.%d/32", 6: "2001:db8:%x::/64"}[version]
    return [rule(("acme", service), "tcp", "443", base % (2 * number)) for number in range(count)]


@pytest.mark.parametrize(("limit", "need", "extra"), [(5, 4, 0), (4, 4, 0), (3, 3, 1)])
def test_one_below_at_and_above(limit: int, need: int, extra: int) -> None:
    found = parts(merge_vendors(scattered(4, 4)), single=True)
    room = Room("rules for IPv4", limit, ways=("raise the quota 'rules' to {need}",))
    if extra:
        with pytest.raises(DoesNotFit) as refused:
            fit(found, [room], variable="azure_egress")
        assert str(refused.value) == (
            "this does not fit: rules for IPv4: 4 needed, 3 free, 1 too many. Ways out: raise the quota 'rules' to 4; "
            "fewer engines or regions (acme: web alone asks for 4 prefixes); a newer edition of the vendor's list; "
            "azure_egress_widen_at_most: 2 (addresses that nobody asked for)"
        )
        extra = 2
    fitted = fit(found, [room], widen_at_most=extra)
    assert (fitted.extra, fitted.units) == (
        extra, [{"quota": "rules for IPv4", "exact": 4, "need": need, "limit": limit}]
    )  # fmt: skip


def test_rooms_of_versions_are_apart_and_share_the_bound() -> None:
    found = parts(merge_vendors([*scattered(4, 4), *scattered(6, 4)]), single=True)
    rooms = [
        Room("rules for IPv4", 3, holds=lambda part: part.version == 4),
        Room("rules for IPv6", 3, holds=lambda part: part.version == 6),
    ]
    # 192.0.2.1 and .3; in IPv6 two networks of /64 in a /46.
    with pytest.raises(DoesNotFit, match=rf"IPv4: 4 .*; rules for IPv6: 4 .*widen_at_most: {2**18} "):
        fit(found, rooms, widen_at_most=2**18 - 1)
    fitted = fit(found, rooms, widen_at_most=2**18)
    assert [unit["need"] for unit in fitted.units] == [3, 3]
    assert fitted.widened[-1].endswith(" networks of /64 that nobody asked for (acme: web)")


def test_in_a_shared_room_ipv4_and_ipv6_weigh_alike() -> None:
    listed = [
        rule(("acme", "web"), "tcp", "443", to)
        for to in ("192.0.2.0/32", "192.0.2.7/32", "2001:db8::/64", "2001:db8:0:3::/64")
    ]
    fitted = fit(parts(merge_vendors(listed)), [Room("rules", 3)], widen_at_most=2)
    assert fitted.widened == [
        "tcp/443 to 2001:db8:0:1::/64: 1 network of /64 that nobody asked for (acme: web)",
        "tcp/443 to 2001:db8:0:2::/64: 1 network of /64 that nobody asked for (acme: web)",
    ]


def test_units_that_do_not_follow_the_prefixes() -> None:
    found = parts(merge_vendors(scattered(4, 7)))
    # Three prefixes a rule: seven take three rules, for two the seventh goes, and no more than that.
    rules = Room("rules", 2, units=lambda part: -(-len(part.prefixes) // 3))
    fitted = fit(found, [rules], widen_at_most=2)
    assert [(unit["exact"], unit["need"]) for unit in fitted.units] == [(3, 2)]
    assert len(fitted.parts[0].prefixes) == 6
    # What does not shrink with the prefixes cannot be widened into its room.
    with pytest.raises(DoesNotFit, match=r"lists: 1 needed, 0 free, 1 too many\. .*even the widest are too many; "):
        fit(found, [Room("lists", 0, units=lambda part: 1)], widen_at_most=1 << 40)
    with pytest.raises(DoesNotFit, match=r"rules: 7 needed, 0 free, 7 too many"):
        fit(found, [Room("rules", -2)], widen_at_most=1 << 40)


def test_rooms_within_rooms() -> None:
    listed = [
        *scattered(4, 6),
        rule(("acme", "media"), "udp", "9", "198.51.100.0/32"),
        rule(("acme", "media"), "udp", "9", "198.51.100.2/31"),
    ]
    found = parts(merge_vendors(listed))
    rooms = [Room("all", 6), Room("of one rule", 5, holds=lambda part: part.services[0][0] == "tcp")]
    fitted = fit(found, rooms, widen_at_most=100)
    assert all(unit["need"] <= unit["limit"] for unit in fitted.units)
    # One prefix of the inner room must go, for two addresses; the other pair costs one only.
    assert (fitted.extra, [unit["need"] for unit in fitted.units]) == (3, [6, 5])
    assert fit(found, rooms[::-1], widen_at_most=100).parts == fitted.parts
    # What the inner room must give up is enough for both: the cheaper prefix outside stays exact.
    both = [Room("all", 7), rooms[1]]
    for order in (both, both[::-1]):
        assert fit(found, order, widen_at_most=100).extra == 2


def test_what_others_open_anyway_is_no_widening() -> None:
    listed = [rule(("acme", "web"), "tcp", "443", to) for to in ("192.0.2.0/32", "192.0.2.2/31")]
    listed.append(rule(("example", "api"), "tcp", "440-450", "192.0.2.1/32"))
    fitted = fit(parts(merge_vendors(listed), single=True), [Room("rules", 2)])
    assert (fitted.extra, fitted.widened) == (0, [])
    assert [part.prefixes for part in fitted.parts] == [
        {"192.0.2.1/32": ("example: api",)},
        {"192.0.2.0/30": ("acme: web",)},
    ]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"widen_at_most": -1}, r"aws_egress_widen_at_most '-1' is not a whole number from 0"),
        ({"widen_at_most": "5"}, r"aws_egress_widen_at_most '5' is not a whole number"),
        ({"widen_at_most": True}, r"aws_egress_widen_at_most 'True' is not a whole number"),
        ({"join_services": "yes"}, r"aws_egress_join_services 'yes' is not accepted: write true or false"),
    ],
)
def test_choices_that_cannot_be(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit([], [], **choices)
