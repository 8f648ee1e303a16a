# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices that the planners of all clouds check."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.options import common

from tests.support.tiny_networks import rule

NAMED = [
    rule(("acme", "web"), "tcp", "443", "api.example.com"),
    rule(("acme", "web"), "tcp", "443", "*.example.com"),
    rule(("acme", "calls"), "tcp", "5060", "192.0.2.0/24", direction="inbound"),
]
CHOICES: dict[str, Any] = {"policy": "unmanaged", "names": "", "addresses": {}, "variable": "aws_egress"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"policy": "audit"}, r"policy 'audit' is not accepted: a security group cannot count what it would stop"),
        ({"policy": "allow"}, r"policy 'allow' is not accepted: choose one of unmanaged, deny"),
        ({"policy": "deny"}, r"would stop 2 names .*: \*\.example\.com, api\.example\.com\. Set aws_egress"),
        ({"names": "dnsmasq"}, r"names 'dnsmasq' is not accepted: choose one of report, resolve"),
        ({"names": "report", "addresses": {"api.example.com": []}}, r"used with aws_egress_names resolve only"),
        ({"names": "resolve"}, r"aws_egress_names resolve: api\.example\.com were not looked up"),
        ({"names": "resolve", "addresses": {"api.example.com": "192.0.2.1"}}, r"'192\.0\.2\.1' is not a list"),
        ({"names": "resolve", "addresses": {"api.example.com": ["192.0.2"]}}, r"'api\.example\.com': '192\.0\.2' is"),
        ({"names": "resolve", "addresses": {"api.example.com": [1]}}, r"addresses of 'api\.example\.com'"),
    ],
)  # fmt: skip
def test_refused_choices(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        common(merge_vendors(NAMED), **{**CHOICES, **choices})


def test_labels_that_no_description_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vendor 'acme \$\(id\)' cannot be part of a rule's description"):
        common(merge_vendors([rule(("acme $(id)", "web"), "tcp", "443", "192.0.2.0/24")]), **CHOICES)


def test_notes() -> None:
    inbound = "inbound connections of the allowlist are not let in: only egress is managed"
    wild = "names with a wildcard cannot be looked up, and stay shut: *.example.com"
    allowlist = merge_vendors(NAMED)
    assert common(allowlist, **CHOICES) == [inbound]
    resolved = {**CHOICES, "names": "resolve", "policy": "deny"}
    assert common(allowlist, **{**resolved, "addresses": {"api.example.com": ["192.0.2.1"]}}) == [inbound, wild]
    assert common(allowlist, **{**resolved, "addresses": {"api.example.com": []}}) == [
        inbound, "names that have no address, and stay shut: api.example.com", wild
    ]  # fmt: skip
    assert common(merge_vendors([]), **CHOICES) == []


def test_a_pattern_is_never_asked_for() -> None:
    listed = merge_vendors([*NAMED, rule(("acme", "web"), "tcp", "443", "rtc*.example.com")])
    found = common(listed, **{**CHOICES, "names": "resolve", "addresses": {"api.example.com": ["192.0.2.1"]}})
    assert found[-1] == "names with a wildcard cannot be looked up, and stay shut: *.example.com, rtc*.example.com"
