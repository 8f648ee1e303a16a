# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Azure refuses what Azure refuses: else nothing that passes it would mean anything."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.mgmt.network import models

from tests.support.azure.cloud import API, GROUP_ID, SUBSCRIPTION, foreign
from tests.support.azure.contract import Refusal, check_group, conforms, opened
from tests.support.azure.host import azure

PREFIXES = {"destinationAddressPrefix": None}


def group(*rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"location": "westeurope", "properties": {"securityRules": list(rules), **properties}}


def check(payload: dict[str, Any]) -> None:
    conforms(models.NetworkSecurityGroup, payload)
    check_group(payload)


def test_what_is_right_is_taken() -> None:
    check(group())
    check(group(foreign("a", 100), foreign("b", 4096), foreign("c", 100, direction="Inbound")))
    check(group(foreign("_x.y-z_", 100, **PREFIXES, destinationAddressPrefixes=["192.0.2.1", "192.0.2.4/30"])))
    check(group(foreign("a", 100, description="x" * 140)))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (group(foreign("a", 100, protocol="tcp")), "InvalidRequestFormat"),
        (group(foreign("a", "100")), "InvalidRequestFormat"),
        (group(foreign("a", True)), "InvalidRequestFormat"),
        (group(foreign("a", 100, destinationPortRanges="443")), "InvalidRequestFormat"),
        (group(foreign("a", 100, access=None)), "InvalidRequestContent"),
        (group(foreign("a", 100, ports=["443"])), "InvalidRequestContent"),
        (group(foreign("a", 100, provisioningState="Succeeded")), "InvalidRequestContent"),
        (group(subnets=[]), "InvalidRequestContent"),
        ({**group(), "etag": "x"}, "InvalidRequestContent"),
        (group(foreign("a", 99)), "SecurityRuleInvalidPriority"),
        (group(foreign("a", 4097)), "SecurityRuleInvalidPriority"),
        (group(foreign("a", 100), foreign("b", 100)), "SecurityRuleConflict"),
        (group(foreign("a", 100), foreign("A", 101)), "DuplicateResourceName"),
        (group(foreign("a b", 100)), "InvalidResourceName"),
        (group(foreign("a-", 100)), "InvalidResourceName"),
        (group(foreign("a" * 81, 100)), "InvalidResourceName"),
        (group(foreign("a", 100, description="x" * 141)), "SecurityRuleInvalidDescription"),
        (group(foreign("a", 100, destinationAddressPrefix=None)), "SecurityRuleParameterMissing"),
        (group(foreign("a", 100, destinationPortRange=None)), "SecurityRuleParameterMissing"),
        (group(foreign("a", 100, destinationPortRanges=["80"])), "SecurityRuleParameterConflict"),
        (group(foreign("a", 100, destinationAddressPrefixes=["192.0.2.1"])), "SecurityRuleParameterConflict"),
        (group(foreign("a", 100, destinationAddressPrefix="192.0.2.1/24")), "SecurityRuleInvalidAddressPrefix"),
        (group(foreign("a", 100, destinationPortRange="443-80")), "SecurityRuleInvalidPortRange"),
        (group(foreign("a", 100, destinationPortRange="65536")), "SecurityRuleInvalidPortRange"),
        (
            group(foreign("a", 100, **PREFIXES, destinationAddressPrefixes=["*"])),
            "SecurityRuleParameterContainsUnsupportedValue",
        ),
        (
            group(foreign("a", 100, **PREFIXES, destinationAddressPrefixes=["192.0.2.0/24", "192.0.2.7"])),
            "SecurityRuleParameterContainsOverlap",
        ),
        (
            group(foreign("a", 100, destinationPortRange=None, destinationPortRanges=["80-90", "85"])),
            "SecurityRuleParameterContainsOverlap",
        ),
        (
            group(
                foreign(
                    "a",
                    100,
                    **PREFIXES,
                    sourceAddressPrefix="*",
                    destinationAddressPrefixes=["192.0.2.7", "2001:db8::/32"],
                )
            ),
            "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
        ),
        (group(*[foreign(f"r{number}", 100 + number) for number in range(1001)]), "SecurityRuleCountLimitReached"),
        (
            group(
                *[
                    foreign(
                        f"r{number}",
                        100 + number,
                        **PREFIXES,
                        destinationAddressPrefixes=[f"10.{number}.{low // 128}.{low * 2 % 256}" for low in range(2001)],
                    )
                    for number in range(2)
                ]
            ),
            "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached",
        ),
    ],
)
def test_what_is_wrong_is_refused(payload: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check(payload)
    assert refused.value.code == code


def test_the_first_rule_that_matches_decides() -> None:
    rules = [
        foreign("late", 300, access="Deny", protocol="*", destinationAddressPrefix="*", destinationPortRange="*"),
        foreign("early", 200, destinationAddressPrefix="192.0.2.0/24"),
        foreign("inbound", 100, direction="Inbound", access="Deny", destinationAddressPrefix="*"),
    ]
    assert opened(rules, "tcp", "192.0.2.1", 443)
    assert not opened(rules, "tcp", "192.0.2.1", 444)
    assert not opened(rules, "udp", "192.0.2.1", 443)
    assert not opened(rules, "tcp", "2001:db8::1", 443)
    assert opened(rules[1:], "udp", "198.51.100.1", 9)


def test_nobody_is_answered_without_a_token_or_a_version() -> None:
    with azure(), requests.Session() as session:
        url = f"https://{API}{GROUP_ID}"
        assert session.get(url, params={"api-version": "2026-03-01"}, timeout=5).status_code == 401
        session.headers["Authorization"] = "Bearer a token that opens nothing"
        assert session.get(url, timeout=5).json()["error"]["code"] == "MissingApiVersionParameter"
        known = {"api-version": "2026-03-01"}
        assert session.get(url, params=known, timeout=5).json()["error"]["code"] == "ResourceNotFound"
        other = url.replace(SUBSCRIPTION, "other")
        assert session.get(other, params=known, timeout=5).status_code == 404
        put = session.put(url, params=known, json=group(), headers={"If-Match": "x"}, timeout=5)
        assert put.status_code == 412
