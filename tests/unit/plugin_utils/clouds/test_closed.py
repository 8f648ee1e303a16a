# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Widening never adds special addresses, and never comes to any address."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import aws, azure, gcp, openstack
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.fit import DoesNotFit, fit
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import Part, parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import fit_quota, fit_quotas, gaps
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.widening import Room
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import collapse, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import is_any, special_parts
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.tiny_networks import rule

ANY = 1 << 80
NEVER = "widening never adds special addresses (private, loopback and the like), and never comes to any address"
# Ordinary addresses on both sides of special ones.
BESIDE = {
    "link-local": ["169.253.255.255", "169.255.0.0"],
    "the metadata service of Azure": ["168.63.129.15", "168.63.129.17"],
    "private 10": ["9.255.255.255", "11.0.0.0"],
    "private 172": ["172.15.255.255", "172.32.0.0"],
    "private 192": ["192.167.255.255", "192.169.0.0"],
    "shared": ["100.63.255.255", "100.128.0.0"],
    "loopback": ["126.255.255.255", "128.0.0.0"],
    "6to4": ["2001:ffff::", "2003::"],
    "the loopback of 6to4": ["2002:7eff::", "2002:8000::"],
    "NAT64": ["64:ff9b::9.255.255.255", "64:ff9b::11.0.0.0"],
    "the metadata service in NAT64": ["64:ff9b::168.63.129.15", "64:ff9b::168.63.129.17"],
    "Teredo": ["2000:ffff::", "2001:200::"],
}


def rules(destinations: Iterable[str], ports: str = "443", protocol: str = "tcp") -> list[dict[str, Any]]:
    """Return a rule for each destination."""
    return [
        rule(("acme", "web"), protocol, ports, text if "/" in text else f"{text}/{128 if ':' in text else 32}")
        for text in destinations
    ]


def special_extra(wanted: Iterable[str], opened: Iterable[str]) -> list[Any]:
    """Return what is special of what is open and not wanted."""
    found = []
    for version in (4, 6):
        covered, asked = (
            collapse(span[1:] for span in map(parse_prefix, listed) if span[0] == version)
            for listed in (opened, wanted)
        )
        found += [part for gap in gaps(covered, asked) for part in special_parts(version, *gap)]
    return found


def prefixes_of(found: Iterable[Part]) -> list[str]:
    return [prefix for part in found for prefix in part.prefixes]


@pytest.mark.parametrize("name", BESIDE)
def test_no_prefix_is_widened_over_special_addresses(name: str) -> None:
    found = parts(merge_vendors(rules(BESIDE[name])), single=True)
    with pytest.raises(DoesNotFit, match=re.escape(f"even the widest are too many; {NEVER}")) as caught:
        fit(found, [Room("rules", 1)], widen_at_most=ANY)
    assert "widen_at_most" not in str(caught.value)
    with pytest.raises(
        ValueError, match=re.escape(f"a quota of 1 has no room: 2 prefixes or more are needed, since {NEVER}")
    ):
        fit_quota(BESIDE[name], 1)


def test_a_plan_widens_beside_special_addresses() -> None:
    wanted = [*BESIDE["link-local"], *BESIDE["the metadata service of Azure"], "169.253.255.250", "168.63.129.9"]
    allowlist = merge_vendors(rules(wanted))
    with pytest.raises(DoesNotFit) as caught:
        aws.plan(allowlist, rules_per_group=6, groups=1)
    [offered] = map(int, re.findall(r"widen_at_most: (\d+)", str(caught.value)))
    with pytest.raises(DoesNotFit):
        aws.plan(allowlist, rules_per_group=6, groups=1, widen_at_most=offered - 1)
    for accepted in (offered, 1 << 33):
        opened = [
            one["cidr"] for one in aws.plan(allowlist, rules_per_group=6, groups=1, widen_at_most=accepted)["rules"]
        ]
        assert len(opened) == 5
        assert special_extra([f"{text}/32" for text in wanted], opened) == []
    with pytest.raises(DoesNotFit, match="even the widest are too many") as caught:
        aws.plan(allowlist, rules_per_group=2, groups=1, widen_at_most=1 << 33)
    assert "widen_at_most" not in str(caught.value)


PLANS = {
    "aws": lambda allowlist: aws.plan(allowlist, rules_per_group=4, groups=1, widen_at_most=1 << 33),
    "azure": lambda allowlist: azure.plan(allowlist, max_addresses=3, widen_at_most=1 << 33),
    "gcp": lambda allowlist: gcp.plan(allowlist, rules=3, ranges_per_rule=1, widen_at_most=1 << 33),
    "openstack": lambda allowlist: openstack.plan(
        allowlist, policy="deny", metadata=False, rules=3, widen_at_most=1 << 33
    ),
}


@pytest.mark.parametrize("cloud", PLANS)
def test_every_cloud_keeps_special_addresses_closed(cloud: str) -> None:
    wanted = [*BESIDE["link-local"], *BESIDE["the metadata service of Azure"]]
    with pytest.raises(DoesNotFit) as caught:
        PLANS[cloud](merge_vendors(rules(wanted)))
    assert "any address" in str(caught.value)
    assert "widen_at_most" not in str(caught.value)


def test_what_the_list_opens_itself_is_not_closed() -> None:
    wanted = [*BESIDE["the metadata service of Azure"], "168.63.129.16"]
    assert fit_quota(wanted, 1).prefixes == ["168.63.129.0/27"]
    found = parts(merge_vendors(rules(wanted)), single=True)
    assert prefixes_of(fit(found, [Room("rules", 1)], widen_at_most=29).parts) == ["168.63.129.0/27"]
    # Opened for others: with the same ports it is open anyway, with other ports it is closed.
    for ports, opens in (("443", True), ("400-500", True), ("80", False)):
        listed = [*rules(wanted[:2]), *rules(["168.63.129.16"], ports)]
        found = parts(merge_vendors(listed), single=True)
        room = Room("rules", 1, holds=lambda part: part.services == (("tcp", 443, 443),))
        if opens:
            assert "168.63.129.0/27" in prefixes_of(fit(found, [room], widen_at_most=ANY).parts)
        else:
            with pytest.raises(DoesNotFit, match="widening never adds special addresses"):
                fit(found, [room], widen_at_most=ANY)


@pytest.mark.parametrize(
    ("wanted", "most", "fits"),
    [
        (["16.0.0.0", "31.255.255.255"], 1, True), (["32.0.0.0", "63.255.255.255"], 1, False),
        (["64.0.0.0", "95.255.255.255"], 1, False), (["32.0.0.0", "63.255.255.255"], 2, True),
        (["2600::", "2600:ffff::"], 1, True), (["2600::", "2601:ffff::"], 1, False),
        (["8000::", "9000::"], 1, False),
        # Together: a /4 and another.
        (["16.0.0.0", "31.255.255.255", "48.0.0.0", "63.255.255.255"], 2, False),
        (["16.0.0.0", "31.255.255.255", "48.0.0.0", "48.0.0.1", "48.0.0.3"], 2, False),
        (["16.0.0.0", "23.255.255.255", "48.0.0.0", "63.255.255.255"], 3, True),
        (["0.0.0.0/0"], 1, True), (["32.0.0.0/4", "48.0.0.0/5", "58.0.0.0"], 2, True),
    ],
)  # fmt: skip
def test_nothing_is_widened_to_any_address(wanted: list[str], most: int, fits: bool) -> None:
    """Where the list is any address itself, it may be widened on."""
    found = parts(merge_vendors(rules(wanted)), single=True)
    if fits:
        assert len(prefixes_of(fit(found, [Room("rules", most)], widen_at_most=ANY).parts)) <= most
        assert len(fit_quota(wanted, most).prefixes) <= most
        return
    with pytest.raises(DoesNotFit, match="never comes to any address") as caught:
        fit(found, [Room("rules", most)], widen_at_most=ANY)
    assert "widen_at_most" not in str(caught.value)
    with pytest.raises(ValueError, match="never comes to any address"):
        fit_quota(wanted, most)


def test_services_do_not_come_to_any_address_together() -> None:
    listed = [*rules(["16.0.0.0", "23.255.255.255"]), *rules(["32.0.0.0", "47.255.255.255"], "80")]
    found = parts(merge_vendors(listed), single=True)
    with pytest.raises(DoesNotFit, match="never comes to any address"):
        fit(found, [Room("rules", 2)], widen_at_most=ANY)
    assert fit(found, [Room("rules", 3)], widen_at_most=ANY).extra == (1 << 27) - 2


# Against all covers that there are

NETWORK = ipaddress.ip_network("168.63.129.0/27")
CLOSED = NETWORK[16]
COVERS = [frozenset(net) for length in range(27, 33) for net in NETWORK.subnets(new_prefix=length)]


@settings(max_examples=60)
@given(st.frozensets(st.integers(0, 31), min_size=1, max_size=6), st.integers(1, 3))
def test_no_cover_without_special_addresses_is_cheaper(places: frozenset[int], most: int) -> None:
    wanted = frozenset(NETWORK[place] for place in places)
    useful = [cover for cover in COVERS if cover & wanted and (CLOSED in wanted or CLOSED not in cover)]
    costs = [
        len(union - wanted)
        for count in range(1, most + 1)
        for chosen in itertools.combinations(useful, count)
        if wanted <= (union := frozenset().union(*chosen))
    ]
    if not costs:
        with pytest.raises(ValueError, match="has no room"):
            fit_quota(map(str, wanted), most)
        return
    fitted = fit_quota(map(str, wanted), most)
    assert fitted.addresses == {4: min(costs)}
    assert fit_quotas({"a": map(str, wanted)}, most)["a"] == fitted
    assert special_extra([f"{address}/32" for address in wanted], fitted.prefixes) == []


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([text for listed in BESIDE.values() for text in listed if ":" not in text]), min_size=2),
    st.lists(st.integers(1 << 24, (224 << 24) - 1), min_size=1, max_size=8),
    st.integers(1, 12),
)
def test_what_fits_opens_nothing_special(beside: list[str], others: list[int], most: int) -> None:
    wanted = sorted({*beside, *(str(ipaddress.IPv4Address(number)) for number in others)})
    found = parts(merge_vendors(rules(wanted)), single=True)
    try:
        fitted = fit(found, [Room("rules", most)], widen_at_most=ANY)
    except DoesNotFit as error:
        assert "widen_at_most" not in str(error)  # noqa: PT017 - no plan is a right answer
        return
    opened = prefixes_of(fitted.parts)
    assert special_extra([f"{text}/32" for text in wanted], opened) == []
    assert not is_any(4, collapse(parse_prefix(text)[1:] for text in opened))
