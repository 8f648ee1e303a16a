# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols other than TCP and UDP in a real Neutron."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.openstack.neutron import Cloud, empty
from tests.support.openstack.plans import plan
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")

WANTED = [
    row("192.0.2.0/28", "-", "ESP, GRE, VRRP, IGMP, EIGRP, 253"),
    row("192.0.2.0/28", "", "ICMP type 8"),
    row("198.51.100.0/28", "", "ICMP"),
    row("192.0.2.0/28", "5060, 7000-7010", "SCTP"),
    row("192.0.2.0/28", "5060", "UDP-Lite"),
    row("2001:db8::/64", "echo-request", "ICMPv6"),
    row("2001:db8:1::/64", "", "ICMPv6, ESP, IPv6"),
]
RULES = {
    *((protocol, None, None, "192.0.2.0/28") for protocol in ("esp", "gre", "vrrp", "igmp", "88", "253")),
    ("icmp", 8, None, "192.0.2.0/28"),
    ("icmp", None, None, "198.51.100.0/28"),
    ("sctp", 5060, 5060, "192.0.2.0/28"),
    ("sctp", 7000, 7010, "192.0.2.0/28"),
    ("udplite", 5060, 5060, "192.0.2.0/28"),
    ("ipv6-icmp", 128, None, "2001:db8::/64"),
    ("ipv6-icmp", None, None, "2001:db8:1::/64"),
    ("esp", None, None, "2001:db8:1::/64"),
    ("41", None, None, "2001:db8:1::/64"),
}
LINES = [
    *("+ esp to 192.0.2.0/28", "+ eigrp to 192.0.2.0/28", "+ 253 to 192.0.2.0/28", "+ ipv6 to 2001:db8:1::/64"),
    *("+ icmp/echo-request to 192.0.2.0/28", "+ icmp to 198.51.100.0/28", "+ sctp/7000-7010 to 192.0.2.0/28"),
    *("+ icmpv6/echo-request to 2001:db8::/64", "+ icmpv6 to 2001:db8:1::/64", "+ esp to 2001:db8:1::/64"),
]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with empty() as found:
        yield found


@pytest.mark.parametrize("form", ["never", "always"])
def test_rules_and_their_words(cloud: Cloud, form: str) -> None:
    options = {"policy": "deny", "metadata": False, "address_groups": form}
    first = cloud.apply(plan(WANTED, **options))
    assert {f"{line}  acme: calls" for line in LINES} <= {*first["differences"]}
    if form == "never":
        keys = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
        assert {tuple(rule[key] for key in keys) for rule in cloud.rules()} == RULES
    assert not cloud.apply(plan(WANTED, **options))["changed"]
    then = cloud.apply(plan([row("198.51.100.0/28", "type 8", "ICMP")], **options))
    assert "- icmp to 198.51.100.0/28  acme: calls" in then["differences"]
    assert "+ icmp/echo-request to 198.51.100.0/28  acme: calls" in then["differences"]
    assert "- esp to 2001:db8:1::/64  acme: calls" in then["differences"]
