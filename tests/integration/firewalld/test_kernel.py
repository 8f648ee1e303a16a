# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed in firewalld's table past firewalld, which does not see it, is shown and mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.firewalld import SUITES, Host, alone, native
from tests.support.rules import row
from tests.support.systems import longer

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("203.0.113.0/25"), row("2001:db8::/64", "10000-60000,3478", "UDP", "media")]
OUT = "filter_OUT_policy_egress-allow-host"
DISPATCH = "$(nft list chains inet | sed -n 's/.*chain \\(filter_OUTPUT_POLICIES[^ ]*\\) .*/\\1/p')"
LINE = "~ firewalld: {}: changed in the kernel since, loaded again"
CHANGES = {
    f"for c in {DISPATCH}; do nft flush chain inet firewalld $c; done": [f"way from filter_OUTPUT to {OUT}"],
    "nft flush chain inet firewalld filter_OUTPUT": [f"way from filter_OUTPUT to {OUT}"],
    f"nft flush chain inet firewalld {OUT}": [f"chain {OUT}"],
    f"nft flush chain inet firewalld {OUT}_allow": [f"chain {OUT}_allow"],
    f"nft flush chain inet firewalld {OUT}_post": [f"chain {OUT}_post"],
    f"nft insert rule inet firewalld {OUT} ip daddr 198.51.100.0/24 accept": [f"chain {OUT}"],
    f"nft delete rule inet firewalld {OUT} handle $(nft -a list chain inet firewalld {OUT} | "
    "sed -n '/reject/s/.*handle //p')": [f"chain {OUT}"],
    "nft insert rule inet firewalld filter_OUTPUT accept": ["rule 'accept' in filter_OUTPUT"],
    "nft insert rule inet firewalld filter_OUTPUT ip daddr 198.51.100.0/24 counter accept": [
        "rule 'ip daddr 198.51.100.0/24 counter accept' in filter_OUTPUT"
    ],
    f"for c in {DISPATCH}; do nft insert rule inet firewalld $c tcp dport 25 accept; break; done": [
        "rule 'tcp dport 25 accept' in filter_OUTPUT_POLICIES"
    ],
    "nft 'add chain inet firewalld mine; insert rule inet firewalld filter_OUTPUT jump mine'": [
        "rule 'jump mine' in filter_OUTPUT"
    ],
    "nft flush set inet firewalld egress-acme-calls-4": ["members of egress-acme-calls-4"],
    "nft add element inet firewalld egress-acme-calls-4 '{ 198.51.100.0/24 }'": ["members of egress-acme-calls-4"],
    "nft delete element inet firewalld egress-acme-media-6 '{ 2001:db8::/64 }'": ["members of egress-acme-media-6"],
}


# A firewalld of 2.x owns its table: the kernel refuses what somebody else does to it.
@pytest.fixture(scope="module", params=SUITES[:1])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with alone(request.param) as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_past_firewalld(host: Host, change: str) -> None:
    deny = native(*ROWS, policy="deny")
    host.apply(deny)
    rules = host.rules()
    host.shell(change)
    told = [LINE.format(what).split(": changed")[0] for what in CHANGES[change]]
    shown = host.apply(deny, check=True)["differences"]
    assert [line.startswith(lead) for line, lead in zip(shown, told, strict=True)] == [True], shown
    assert host.rules() != rules
    assert host.apply(deny)["differences"] == shown
    assert host.rules() == rules
    assert not host.apply(deny)["changed"]


def test_it_is_not_confirmed(host: Host) -> None:
    host.apply(native(*ROWS[:1], policy="deny"))
    applied = host.apply(native(*ROWS, policy="deny"), after=600)
    host.shell("nft insert rule inet firewalld filter_OUTPUT accept")
    assert "rule 'accept' in filter_OUTPUT: changed in the kernel since" in host.confirm(applied)["msg"]


@pytest.mark.parametrize(
    "options",
    longer(
        [
            {"scope": "both"},
        ],
        [
            {"scope": "both", "policy": "audit"},
            {"scope": "gateway", "sources": ["10.0.0.0/8", "fd00::/8"]},
            {"scope": "gateway", "ingress_zones": ["internal"], "egress_zones": ["external"]},
            {"policy": "unmanaged", "scope": "both"},
            {"stopped": "drop"},
        ],
    ),
    ids=str,
)
@pytest.mark.parametrize("zones", longer([True], [False]))
def test_what_firewalld_makes_is_no_difference(host: Host, options: dict, zones: bool) -> None:
    for zone, end in (("internal", "lan0"), ("external", "wan0")):
        verb = "add" if zones else "remove"
        host.shell(f"firewall-cmd --permanent --zone={zone} --{verb}-interface={end} >/dev/null")
    host.shell("firewall-cmd --reload >/dev/null")
    wanted = native(*ROWS, **{"policy": "deny", **options})
    host.apply(wanted)
    assert host.apply(wanted)["differences"] == []
    if options.get("policy") != "unmanaged" and "gateway" not in str(options):
        host.shell("nft insert rule inet firewalld filter_OUTPUT accept")
        assert host.apply(wanted)["changed"]
    if zones and "host" not in options.get("scope", "host"):
        host.shell("nft insert rule inet firewalld filter_FORWARD accept")
        assert host.apply(wanted)["differences"] == [LINE.format("rule 'accept' in filter_FORWARD")]
