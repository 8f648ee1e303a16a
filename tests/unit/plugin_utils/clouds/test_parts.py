# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that all clouds plan with, against plain sets of addresses and ports in tiny networks."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import Part, parts
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tiny_networks import opened, rule, rules, wanted


@given(st.sampled_from([4, 6]).flatmap(rules), st.booleans(), st.randoms())
def test_parts_mean_what_the_rules_mean(listed: list[dict[str, Any]], single: bool, shuffler: random.Random) -> None:
    found = parts(merge_vendors(listed), single=single)
    assert opened(found) == wanted(listed)
    assert [(part.version, part.services) for part in found] == sorted(
        {(part.version, part.services) for part in found}
    )
    for part in found:
        assert part.services == tuple(sorted(part.services))
        assert len(part.services) == 1 or not single
        networks = [ipaddress.ip_network(prefix) for prefix in part.prefixes]
        assert networks == [*ipaddress.collapse_addresses(networks)]  # type: ignore[type-var]
        for prefix, labels in part.prefixes.items():
            asking = {
                f"{one['vendor']}: {one['service']}"
                for one in listed
                if wanted([one]) & opened([Part(part.services, part.version, {prefix: ()})])
            }
            assert labels == tuple(sorted({*labels} & asking))
    for one in listed:
        label = f"{one['vendor']}: {one['service']}"
        named = [Part(part.services, part.version, {prefix: ()}) for part in found for prefix in asked_by(part, label)]
        assert wanted([one]) <= opened(named), "somebody who asks is named by what opens it"
    if not single:
        everywhere = [prefix for part in found for prefix in part.prefixes]
        assert len(everywhere) == len(set(everywhere)), "a prefix has one list of services"
    shuffler.shuffle(listed)
    assert parts(merge_vendors(listed), single=single) == found


def test_single_and_lists() -> None:
    listed = [
        rule(("acme", "web"), "tcp", "443", "192.0.2.0/24"),
        rule(("acme", "media"), "udp", "3478", "192.0.2.0/25"),
        rule(("example", "web"), "tcp", "443", "192.0.3.0/24"),
        rule(("example", "web"), "tcp", "443", "2001:db8::/32"),
        rule(("example", "calls"), "tcp", "443", "198.51.100.0/24", direction="inbound"),
    ]
    web, media = ("tcp", 443, 443), ("udp", 3478, 3478)
    allowlist = merge_vendors(listed)
    assert parts(allowlist, single=True) == [
        Part((web,), 4, {"192.0.2.0/23": ("acme: web", "example: web")}),
        Part((media,), 4, {"192.0.2.0/25": ("acme: media",)}),
        Part((web,), 6, {"2001:db8::/32": ("example: web",)}),
    ]
    assert parts(allowlist) == [
        Part((web,), 4, {"192.0.2.0/23": ("acme: web", "example: web")}),
        Part((media,), 4, {"192.0.2.0/25": ("acme: media",)}),
        Part((web,), 6, {"2001:db8::/32": ("example: web",)}),
    ]


def test_a_host_of_another_service_splits_no_prefix() -> None:
    listed = [
        rule(("acme", "media"), "udp", "3478", "192.0.2.0/24"),
        rule(("acme", "media"), "tcp", "443", "192.0.2.0/24"),
        rule(("acme", "web"), "tcp", "443-445", "192.0.2.77/32"),
    ]
    tcp, wide, udp = ("tcp", 443, 443), ("tcp", 443, 445), ("udp", 3478, 3478)
    media = {"192.0.2.0/24": ("acme: media",)}
    assert parts(merge_vendors(listed)) == [
        Part((tcp, udp), 4, media),
        Part((wide,), 4, {"192.0.2.77/32": ("acme: web",)}),
    ]
    assert parts(merge_vendors(listed), single=True) == [
        Part((tcp,), 4, media),
        Part((wide,), 4, {"192.0.2.77/32": ("acme: web",)}),
        Part((udp,), 4, media),
    ]


def asked_by(part: Part, label: str) -> list[str]:
    """Return the prefixes of a part that somebody is named for."""
    return [prefix for prefix, labels in part.prefixes.items() if label in labels]


def test_addresses_of_names_and_own_additions_count() -> None:
    listed = [
        rule(("acme", "web"), "tcp", "443", "api.example.com"),
        rule(("acme", "web"), "tcp", "443", "*.example.com"),
    ]
    addresses = {"api.example.com": ["192.0.2.2", "192.0.2.3", "2001:db8::1"], "other.example.com": ["192.0.2.9"]}
    extra = allow_rules([{"destination": "192.0.2.0/31", "ports": 443}], "aws_egress_allow")
    service = (("tcp", 443, 443),)
    assert parts(merge_vendors(listed), addresses=addresses, allow=extra, single=True) == [
        Part(service, 4, {"192.0.2.0/30": ("acme: web", "aws_egress_allow: baseline")}),
        Part(service, 6, {"2001:db8::1/128": ("acme: web",)}),
    ]
    assert parts(merge_vendors(listed)) == []
