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

from tests.support.tiny_networks import members, opened, rule, rules, wanted


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
            assert labels == tuple(sorted(asking))
    if not single:
        everywhere = [at for part in found for prefix in part.prefixes for at in members(prefix)]
        assert len(everywhere) == len(set(everywhere)), "an address has one list of services"
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
        Part((web,), 4, {"192.0.2.128/25": ("acme: web",), "192.0.3.0/24": ("example: web",)}),
        Part((web, media), 4, {"192.0.2.0/25": ("acme: media", "acme: web")}),
        Part((web,), 6, {"2001:db8::/32": ("example: web",)}),
    ]


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
