# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned of names, and by which services."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import Domain, domains, widened

from tests.support.rules import web

ACME = ("acme", "calls")


def found(*rules: dict[str, Any], mode: str = "dnsmasq") -> list[Domain]:
    return domains(merge_vendors(rules), mode)


def test_addresses_and_inbound_rules_are_no_names() -> None:
    assert found(web("192.0.2.0/28"), web("2001:db8::/64"), web("a.example.com", direction="inbound")) == []


@pytest.mark.parametrize("mode", ["", "report"])
def test_nothing_is_learned_unless_somebody_asked(mode: str) -> None:
    assert found(web("a.example.com"), mode=mode) == []


def test_names_are_domains_by_name() -> None:
    assert found(web("b.example.com"), web("*.a.example.com", "80-90")) == [
        Domain("a.example.com", ("*.a.example.com",), (("tcp", 80, 90, (ACME,)),)),
        Domain("b.example.com", ("b.example.com",), (("tcp", 443, 443, (ACME,)),)),
    ]


def test_only_exact_names_are_looked_up() -> None:
    assert found(web("*.example.com"), web("example.com", "80"), mode="resolve") == [
        Domain("example.com", ("example.com",), (("tcp", 80, 80, (ACME,)),))
    ]


def test_patterns_of_one_name_share_their_services() -> None:
    (domain,) = found(
        web("*.example.com", "1-9"), web("example.com", "5", vendor="zoom"), web("example.com", "7", "udp")
    )
    assert domain.patterns == ("*.example.com", "example.com")
    assert domain.services == (
        ("tcp", 1, 4, (ACME,)),
        ("tcp", 5, 5, (ACME, ("zoom", "calls"))),
        ("tcp", 6, 9, (ACME,)),
        ("udp", 7, 7, (ACME,)),
    )


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([web("example.com")], "names below it"),
        ([web("*.example.com")], "example.com itself"),
        ([web("*.example.com"), web("example.com")], ""),
        ([web("*.example.com"), web("example.com", vendor="zoom")], ""),
        ([web("*.example.com", "1-9"), web("example.com", "1-4"), web("example.com", "5-9", vendor="b")], ""),
        ([web("*.example.com"), web("example.com", "80")], "example.com itself and names below it share their ports"),
        ([web("*.example.com"), web("example.com", "443", "udp")],
         "example.com itself and names below it share their ports"),
    ],
)  # fmt: skip
def test_what_dnsmasq_admits_beyond_the_patterns(rules: list[dict[str, Any]], words: str) -> None:
    assert [widened(domain) for domain in found(*rules)] == [words]


@pytest.mark.parametrize("name", ["a/b.example.com", "a.example.com#", "a b.example.com", 'a".example.com', "a{.com",
                                  "A.example.com", "é.example.com", "a..example.com", "**.example.com", "a*b c.com",
                                  "a.example.com\n", "a" * 64 + ".com", ".example.com", "a,b.com"])  # fmt: skip
def test_what_is_no_host_name_is_refused(name: str) -> None:
    allowlist = merge_vendors([web("a.example.com")])
    allowlist["provenance"][0]["destinations"] = [name]
    for mode in ("resolve", "dnsmasq"):
        if not (mode == "resolve" and name.startswith("*.")):
            with pytest.raises(ValueError, match=f"^{re.escape(f'acme: calls: {name!r} is not a host name: ')}"):
                domains(allowlist, mode)


def test_keys_of_long_names_fit_and_differ() -> None:
    names = [".".join([letter + "a" * 59] * 4) for letter in "bc"]
    names.append(names[0][:-1] + "b")
    keys = {domain.key() for domain in found(*map(web, names))}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {200}
    assert found(web("a.example.com"))[0].key() == "a.example.com"
