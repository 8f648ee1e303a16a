# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols other than TCP and UDP in security groups of AWS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws.account import rules_of
from tests.support.aws.module import Run, planned
from tests.support.aws.server import StrictAws
from tests.support.rules import merged, row

WANTED = [
    row("192.0.2.0/28, 2001:db8::/64", "-", "ESP, 253"),
    row("192.0.2.0/28", "", "ICMP type 8"),
    row("198.51.100.0/28", "", "ICMP"),
    row("2001:db8::/64", "echo-request", "ICMPv6"),
    row("192.0.2.0/28", "any", "SCTP"),
]


def rules(ec2: Any) -> list[tuple[str, int, int, str]]:
    """Return protocol, ports and network of the rules of our groups."""
    filters = [{"Name": "tag:egress.allowlist", "Values": ["egress-allowlist"]}]
    groups = [group["GroupId"] for group in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]
    return sorted(
        (one["IpProtocol"], one.get("FromPort", -1), one.get("ToPort", -1), one.get("CidrIpv4") or one["CidrIpv6"])
        for one in rules_of(ec2, *groups)
    )


@pytest.mark.parametrize("lists", [False, True])
def test_rules_and_their_words(strict_aws: StrictAws, aws_run: Run, lists: bool) -> None:
    aws, module = strict_aws, aws_run
    aws.reset()
    first = module(plan=planned(merged(*WANTED), policy="deny", prefix_lists=lists))
    assert not first.get("failed"), first["msg"]
    for line in (
        *("253 to 192.0.2.0/28", "esp to 192.0.2.0/28", "esp to 2001:db8::/64", "icmp to 198.51.100.0/28"),
        *("icmp/echo-request to 192.0.2.0/28", "icmpv6/echo-request to 2001:db8::/64", "sctp to 192.0.2.0/28"),
    ):
        assert f"+ {line}  acme: calls" in first["differences"], first["differences"]
    if not lists:
        assert rules(aws.client()) == [
            ("132", -1, -1, "192.0.2.0/28"),
            *(("253", -1, -1, network) for network in ("192.0.2.0/28", "2001:db8::/64")),
            *(("50", -1, -1, network) for network in ("192.0.2.0/28", "2001:db8::/64")),
            ("icmp", -1, -1, "198.51.100.0/28"),
            ("icmp", 8, -1, "192.0.2.0/28"),
            ("icmpv6", 128, -1, "2001:db8::/64"),
        ]
    assert not module(plan=planned(merged(*WANTED), policy="deny", prefix_lists=lists))["changed"]
    other = [row("192.0.2.0/27", "-", "ESP"), row("198.51.100.0/28", "type 8", "ICMP")]
    then = module(plan=planned(merged(*other), policy="deny", prefix_lists=lists))
    assert "- icmp to 198.51.100.0/28  acme: calls" in then["differences"]
    assert "+ icmp/echo-request to 198.51.100.0/28  acme: calls" in then["differences"]
    assert not module(plan=planned(merged(*other), policy="deny", prefix_lists=lists))["changed"]
