# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian 12's own drivers of Neutron make of our rules: why address groups are not the default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest

from tests.support.openstack.neutron import Opened, empty, everywhere, opening
from tests.support.openstack.plans import METADATA, OLD, meaning, plan, wanted

pytestmark = pytest.mark.usefixtures("namespaces")
IPTABLES = re.compile(
    r"(?:-d (?P<to>\S+) )?-p (?P<protocol>tcp|udp) -m (?:tcp|udp)(?: -m multiport)?"
    r" --dports? (?P<first>\d+)(?::(?P<last>\d+))? -j RETURN"
)
OVN = re.compile(
    r"inport == @pg && ip[46](?: && ip[46]\.dst == (?P<to>\S+))? && (?P<protocol>tcp|udp)"
    r" && (?:tcp|udp)\.dst [=>]= (?P<first>\d+)(?: && (?:tcp|udp)\.dst <= (?P<last>\d+))?"
)
# What the iptables driver adds to every port: answers, packets that belong to nothing, the end of the chain.
COMMENT = re.compile(r"-m comment --comment \"[^\"]*\" ")
FIXED = {"-m state --state RELATED,ESTABLISHED -j RETURN", "-m state --state INVALID -j DROP", "-j $sg-fallback"}


def opened(pattern: re.Pattern[str], lines: Iterable[Sequence[str]]) -> Opened:
    """Return what a driver's rules let out; each has to be understood."""
    found: Opened = set()
    for version, text in lines:
        line = COMMENT.sub("", text)
        if line in FIXED:
            continue
        told = pattern.fullmatch(line)
        assert told, line
        first, last = int(told["first"]), int(told["last"] or told["first"])
        found.add(opening(told["protocol"], first, last, told["to"] or everywhere(version)))
    return found


DRIVERS = {"iptables": IPTABLES, "ovn": OVN}


def programmed(**options: str) -> dict[str, Opened]:
    """Return what the drivers let out of a port in our group, a row of the plan's options applied."""
    with empty() as cloud:
        cloud.apply(plan(OLD, policy="deny", **options))
        assert meaning(cloud.opened()) == meaning(wanted(OLD) | METADATA)
        found = cloud.programmed(cloud.new_port(cloud.group()["id"]))
        return {driver: opened(pattern, found[driver]) for driver, pattern in DRIVERS.items()}


def test_a_rule_for_each_prefix_has_its_destination() -> None:
    for driver, found in programmed().items():
        assert meaning(found) == meaning(wanted(OLD) | METADATA), driver


def test_a_rule_to_an_address_group_lets_out_to_everywhere() -> None:
    """Neutron 21.0.0 ignores remote_address_group_id; a newer Debian that obeys it fails here, and the page changes."""
    asked = wanted(OLD) | METADATA
    anywhere = {opening(*service, everywhere("IPv6" if ":" in to else "IPv4")) for *service, to in asked}
    for driver, found in programmed(address_groups="always").items():
        assert found == anywhere, driver
