# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy deny that was claimed was seen: default rules that come late or come again, and reads that are old.

What stands is looked up in the server's memory, not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from tests.support.aws.account import Space, opened_in, packets_of
from tests.support.aws.module import Run, packets, planned
from tests.support.aws.server import AwsError, Call, StrictAws

DEFAULT = "everything to everywhere  (default rule)"
EVERYWHERE = {4: ("IpRanges", "CidrIp", "0.0.0.0/0"), 6: ("Ipv6Ranges", "CidrIpv6", "::/0")}
NEVER = 10**6
SOME = (("TCP", "443", "198.51.100.0/24"), ("UDP", "3478", "2001:db8::/64"))
WANTED = Space.of(packets(SOME))
Hook = Callable[[Call], None]


class Network:
    """A network with IPv6, whose new groups have two default rules, and the module."""

    def __init__(self, aws: StrictAws, module: Run, *, default: bool, ipv6: bool = True) -> None:
        aws.reset()
        self.aws, self.module, self.ec2 = aws, module, aws.client()
        if default:
            self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
            self.ec2.associate_vpc_cidr_block(VpcId=self.vpc, AmazonProvidedIpv6CidrBlock=True)
        else:
            given = {"CidrBlock": "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock": ipv6}
            self.vpc = self.ec2.create_vpc(**given)["Vpc"]["VpcId"]
        aws.forget()

    def apply(
        self, policy: str = "deny", rules: Sequence = SOME, *, check: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Apply, and return what the module says, failed or not."""
        self.aws.forget()
        params = {key: more.pop(key) for key in ("attach",) if key in more}
        return self.module(plan=planned(rules, policy=policy, **more), vpc_id=self.vpc, check=check, **params)

    def groups(self) -> list[str]:
        found = self.aws.memory.groups[self.vpc].values()
        return [group.id for group in found if group.name.startswith("egress-allowlist-")]

    def open(self) -> Space:
        return opened_in(self.aws.memory, *self.groups())

    def allow(self, family: int) -> None:
        """Add a default rule to the first group, as somebody else."""
        side, cell, network = EVERYWHERE[family]
        with self.aws.aside(), suppress(ClientError):
            given = [{"IpProtocol": "-1", side: [{cell: network}]}]
            self.ec2.authorize_security_group_egress(GroupId=self.groups()[0], IpPermissions=given)

    def revoke(self, network: str) -> None:
        """Take a rule away, as somebody else."""
        with self.aws.aside():
            rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": self.groups()}])
            (gone,) = (
                rule for rule in rules["SecurityGroupRules"] if network in (rule.get("CidrIpv4"), rule.get("CidrIpv6"))
            )
            numbers = [gone["SecurityGroupRuleId"]]
            self.ec2.revoke_security_group_egress(GroupId=gone["GroupId"], SecurityGroupRuleIds=numbers)

    def actions(self) -> list[str]:
        return [call.action for call in self.aws.calls]

    def settle(self) -> None:
        """Let everything come that is still to come."""
        self.aws.before, self.aws.stale = None, 0
        for dummy in range(40):
            self.ec2.describe_vpcs()


@pytest.fixture
def network(strict_aws: StrictAws, aws_run: Run) -> Network:
    return Network(strict_aws, aws_run, default=False)


@pytest.fixture(params=["default network", "network of its own"])
def either(strict_aws: StrictAws, aws_run: Run, request: pytest.FixtureRequest) -> Network:
    """In a default network, to remove what is not there is no error."""
    return Network(strict_aws, aws_run, default=request.param == "default network")


def done(said: dict[str, Any]) -> dict[str, Any]:
    assert not said.get("failed"), said["msg"]
    return said


def unshown(said: dict[str, Any]) -> list[str]:
    return [note for note in said["notes"] if "has not shown" in note]


def check_denied(network: Network, rules: Sequence = SOME) -> None:
    """Nothing but what is wanted stands, also later, and a second run says so too."""
    assert network.open() == Space.of(packets(rules))
    network.settle()
    assert network.open() == Space.of(packets(rules))
    again = done(network.apply(rules=rules))
    assert not again["changed"]
    assert again["differences"] == []
    assert network.aws.writes() == []


LATE = [{6: 1}, {6: 7}, {4: 7}, {4: 2, 6: 5}, {4: 6, 6: 1}, {4: 4, 6: 4}]


@pytest.mark.parametrize(
    ("kind", "late"), [("late", {6: 8}), ("late", {4: 8}), *product(("late", "unseen"), LATE)], ids=str
)
def test_a_default_rule_that_is_late(network: Network, kind: str, late: dict[int, int]) -> None:
    setattr(network.aws, kind, late)
    said = done(network.apply())
    assert DEFAULT not in "".join(said["differences"])
    assert unshown(said) == []
    check_denied(network)


@pytest.mark.parametrize("late", [{6: 3}, {4: 3}])
def test_of_several_groups_at_once(either: Network, late: dict[int, int]) -> None:
    either.aws.late = late
    rules = [("TCP", "443", f"198.18.0.{2 * number}/32") for number in range(100)]
    done(either.apply(rules=rules))
    assert len(either.groups()) == 2
    check_denied(either, rules)


@pytest.mark.parametrize("stale", [1, 2, 5])
@pytest.mark.parametrize("late", [{}, {6: 2}, {4: 2, 6: 4}], ids=str)
def test_old_reads(network: Network, late: dict[int, int], stale: int) -> None:
    network.aws.stale, network.aws.late = stale, late
    done(network.apply())
    check_denied(network)
    done(network.apply("unmanaged"))
    network.settle()
    network.aws.stale = stale
    said = done(network.apply())
    assert said["differences"] == [f"- {DEFAULT}"]
    network.settle()
    check_denied(network)


def test_an_old_read_is_no_reason_to_write_again(network: Network) -> None:
    network.aws.stale = 3
    done(network.apply())
    assert network.actions().count("AuthorizeSecurityGroupEgress") == 1


@pytest.mark.parametrize("never", [{6: NEVER}, {4: NEVER}, {4: NEVER, 6: NEVER}], ids=str)
def test_a_default_rule_that_never_comes(either: Network, never: dict[int, int]) -> None:
    """Somebody else may take it from each new group: that stops nothing, is waited for once, and is said."""
    either.aws.late = never
    with mock.patch.object(time, "sleep") as sleep:
        said = done(either.apply())
    pauses = [call.args[0] for call in sleep.call_args_list]
    assert 20 < sum(pauses) < 60
    (note,) = unshown(said)
    assert "new group egress-allowlist-1" in note
    assert [f"IPv{family}" in note for family in (4, 6)] == [family in never for family in (4, 6)]
    assert either.open() == WANTED
    with mock.patch.object(time, "sleep") as sleep:
        assert unshown(done(either.apply())) == []
    assert not sleep.called
    assert not either.aws.writes()


def test_pauses_grow(network: Network) -> None:
    network.aws.stale = 7
    with mock.patch.object(time, "sleep") as sleep:
        network.apply()
    pauses = [call.args[0] for call in sleep.call_args_list]
    assert pauses[:3] == sorted(set(pauses[:3]))
    assert max(pauses) > 4 * pauses[0]


def again_and_again(network: Network, family: int, times: int) -> Hook:
    """Return somebody who adds a default rule again after it was removed."""
    left = [times]

    def after(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress" and not call.error and left[0]:
            left[0] -= 1
            network.allow(family)

    return after


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("times", [1, 3])
def test_somebody_adds_it_again(network: Network, family: int, times: int) -> None:
    network.aws.after = again_and_again(network, family, times)
    said = done(network.apply())
    assert DEFAULT not in "".join(said["differences"])  # it came and went within this run
    check_denied(network)


@pytest.mark.parametrize("reads", [1, 2])
def test_somebody_adds_it_again_and_the_next_read_does_not_show_it(network: Network, reads: int) -> None:
    """Two reads in a row are needed; what both do not show is for the next run."""
    done(network.apply())
    network.allow(6)

    def after(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress":
            network.aws.after = None
            network.allow(6)
            rules = network.aws.memory.get_security_group_from_id(network.groups()[0]).egress_rules
            (again,) = (rule.id for rule in rules if rule.ip_range.get("CidrIpv6") == "::/0")
            network.aws.hide(again, reads)

    network.aws.after = after
    done(network.apply())
    assert (network.open() == WANTED) == (reads == 1)
    done(network.apply())
    check_denied(network)


@pytest.mark.parametrize("family", [4, 6])
def test_somebody_who_does_not_stop_to_add_it(either: Network, family: int) -> None:
    either.aws.after = again_and_again(either, family, NEVER)
    said = either.apply()
    assert said.get("failed"), said
    for word in ("policy deny is not in effect", "egress-allowlist-1", EVERYWHERE[family][2], "somebody else"):
        assert word in said["msg"]
    assert f"+ {DEFAULT}" in said["differences"]
    either.aws.after = None
    either.aws.forget()
    said = done(either.apply())
    assert said["changed"]
    assert said["differences"] == [f"- {DEFAULT}"]
    check_denied(either)


def test_somebody_who_does_not_stop_in_an_old_group(network: Network) -> None:
    """What stands at the end is not told as removed."""
    done(network.apply())
    network.allow(6)
    network.aws.after = again_and_again(network, 6, NEVER)
    said = network.apply()
    assert "::/0" in said["msg"]
    assert said["differences"] == []
    network.aws.after = None
    done(network.apply())
    check_denied(network)


def test_one_that_came_after_the_first_run(network: Network) -> None:
    done(network.apply())
    network.allow(6)
    would = network.apply(check=True)
    said = done(network.apply())
    assert said["differences"] == would["differences"] == [f"- {DEFAULT}"]
    assert said["changed"]
    check_denied(network)


def test_one_that_the_first_read_does_not_show(network: Network) -> None:
    """It is seen in the second one, removed by what it is, and told."""
    done(network.apply())
    network.aws.stale = 1
    network.allow(6)
    said = done(network.apply())
    assert "IpPermissions" in network.aws.writes()[0].parameters
    assert said["changed"]
    assert said["differences"] == [f"- {DEFAULT}"]
    check_denied(network)


def test_a_rule_that_only_an_old_read_shows_is_no_change(either: Network) -> None:
    done(either.apply())

    def before(call: Call) -> None:
        if call.action == "DescribeNetworkInterfaces":  # after the first read of rules
            either.aws.before = None
            either.allow(6)
            either.aws.stale = 1
            either.revoke("::/0")

    either.aws.before = before
    said = done(either.apply())
    assert [call.action for call in either.aws.writes()] == ["RevokeSecurityGroupEgress"], "what this is about"
    assert not said["changed"]
    assert said["differences"] == []
    either.settle()
    check_denied(either)


@pytest.mark.parametrize("broken", range(2, 6))
@pytest.mark.parametrize("kind", ["late", "unseen"])
def test_a_run_that_broke_off_before_it_came(network: Network, kind: str, broken: int) -> None:
    setattr(network.aws, kind, {6: 9})
    network.aws.fail_write = broken
    said = network.apply()
    network.aws.fail_write = 0
    if broken < 5:
        assert said.get("failed"), said
    done(network.apply())
    check_denied(network)


@pytest.mark.parametrize("late", [4, 13])
def test_a_run_that_broke_off_before_anything_came(network: Network, late: int) -> None:
    """Whoever finds the new group waits for its default rules."""

    def before(call: Call) -> None:
        if call.action == "DescribeSecurityGroupRules":
            raise AwsError("UnauthorizedOperation", "as the test wants it", 403)

    network.aws.before, network.aws.late = before, {4: late, 6: late}
    assert network.apply()["failed"]
    assert len(network.groups()) == 1
    network.aws.before = None
    assert unshown(done(network.apply())) == []
    check_denied(network)


def test_a_group_that_broke_off_full(network: Network) -> None:
    """Its default rules leave no room, and go before the first rule comes."""
    network.aws.fail_write = 2
    rules = [("TCP", "443", f"198.18.0.{2 * number}/32") for number in range(60)]
    assert network.apply(rules=rules)["failed"]
    network.aws.fail_write = 0
    would = network.apply(rules=rules, check=True)
    assert done(network.apply(rules=rules))["differences"] == would["differences"]
    check_denied(network, rules)


def closed_interface(network: Network) -> tuple[str, list[Call]]:
    """Return an interface with a closed group, and a list that fills with calls after which too much is open there."""
    ec2, memory = network.ec2, network.aws.memory
    subnet = ec2.create_subnet(VpcId=network.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    closed = ec2.create_security_group(GroupName="closed", Description="closed", VpcId=network.vpc)["GroupId"]
    for side, cell, everywhere in EVERYWHERE.values():
        given = [{"IpProtocol": "-1", side: [{cell: everywhere}]}]
        ec2.revoke_security_group_egress(GroupId=closed, IpPermissions=given)
    made = ec2.create_network_interface(SubnetId=subnet, Groups=[closed])
    number, seen = made["NetworkInterface"]["NetworkInterfaceId"], []

    def after(call: Call) -> None:
        if opened_in(memory, *(group.id for group in memory.enis[number].group_set)) - WANTED:
            seen.append(call)

    network.aws.after = after
    return number, seen


@pytest.mark.parametrize("late", [{6: 5}, {6: 40}], ids=str)
@pytest.mark.parametrize("broken", [0, 2, 3, 4, 5])
def test_a_closed_interface_stays_closed(network: Network, late: dict[int, int], broken: int) -> None:
    number, seen = closed_interface(network)
    network.aws.unseen, network.aws.fail_write = late, broken
    attach = {"attach": {"interfaces": [number]}}
    said = network.apply(**attach)
    network.aws.fail_write = 0
    if broken:
        assert said.get("failed"), said
        network.apply(**attach)
    assert seen == []
    network.aws.after = None
    done(network.apply(**attach))
    assert len(network.aws.memory.enis[number].group_set) == 2
    assert network.open() == WANTED


def test_a_closed_interface_and_somebody_who_adds_it_again(network: Network) -> None:
    number, seen = closed_interface(network)
    look, somebody = network.aws.after, again_and_again(network, 6, 1)
    assert look
    network.aws.after = lambda call: (somebody(call), look(call))
    done(network.apply(attach={"interfaces": [number]}))
    assert seen == []
    assert len(network.aws.memory.enis[number].group_set) == 2


def test_a_closed_interface_and_a_group_that_was_open(network: Network) -> None:
    done(network.apply("unmanaged"))
    number, seen = closed_interface(network)
    done(network.apply(attach={"interfaces": [number]}))
    assert seen == []
    assert len(network.aws.memory.enis[number].group_set) == 2
    assert network.open() == WANTED


def test_unmanaged_after_a_run_that_broke_off(network: Network) -> None:
    network.aws.fail_write = 3
    assert network.apply()["failed"]
    network.aws.fail_write = 0
    assert network.open() == Space({})
    done(network.apply("unmanaged"))
    both = Space.of([("-1", None, None, everywhere) for _side, _cell, everywhere in EVERYWHERE.values()])
    assert network.open() == both
    assert not done(network.apply("unmanaged"))["changed"]
    done(network.apply())
    check_denied(network)


def test_somebody_takes_a_rule_meanwhile(network: Network) -> None:
    def after(call: Call) -> None:
        if call.action == "AuthorizeSecurityGroupEgress":
            network.aws.after = None
            network.revoke("198.51.100.0/24")

    network.aws.after = after
    done(network.apply())
    check_denied(network)


def test_somebody_widens_a_rule_meanwhile(network: Network) -> None:
    """The rule bears our mark, and was not planned. It goes after the planned one stands again."""
    shut = []

    def look(call: Call) -> None:
        if WANTED - network.open():
            shut.append(call)

    def after(call: Call) -> None:
        if call.action == "AuthorizeSecurityGroupEgress":
            network.aws.after = look
            group = network.aws.memory.get_security_group_from_id(network.groups()[0])
            rule = next(rule for rule in group.egress_rules if "CidrIp" in rule.ip_range)
            rule.from_port, rule.to_port = 1, 65535

    network.aws.after = after
    done(network.apply())
    assert shut == []
    check_denied(network)


def test_a_rule_with_our_mark_comes_meanwhile(network: Network) -> None:
    done(network.apply())
    given = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}]
    given[0]["IpRanges"] = [{"CidrIp": "203.0.113.0/24", "Description": "x (egress.allowlist)"}]

    def before(call: Call) -> None:
        if call.action == "DescribeNetworkInterfaces":
            network.aws.before = None
            network.ec2.authorize_security_group_egress(GroupId=network.groups()[0], IpPermissions=given)

    network.aws.before = before
    said = done(network.apply())
    assert said["differences"] == ["- tcp/22 to 203.0.113.0/24  x"]
    check_denied(network)


@pytest.mark.parametrize("policy", ["deny", "unmanaged"])
def test_one_of_many_that_go_is_gone_already(either: Network, policy: str) -> None:
    """The others go all the same."""
    rules = [("TCP", "443", f"198.18.0.{2 * number}/32") for number in range(20)]
    done(either.apply(policy, rules))

    def before(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress":
            either.aws.before = None
            either.revoke("198.18.0.20/32")

    either.aws.before = before
    assert done(either.apply(policy, rules[:1]))["changed"]
    assert "RevokeSecurityGroupEgress" in either.actions()
    with either.aws.aside():
        standing = {packets[-1] for packets in packets_of(either.ec2, *either.groups())}
    assert standing == {"198.18.0.0/32"} | (set() if policy == "deny" else {"0.0.0.0/0", "::/0"})


@pytest.mark.parametrize("stale", [1, 3])
def test_with_prefix_lists(network: Network, stale: int) -> None:
    network.aws.late, network.aws.stale = {6: 4}, stale
    done(network.apply(prefix_lists=True))
    network.settle()
    assert network.open() == WANTED
    assert not done(network.apply(prefix_lists=True))["changed"]
    network.aws.stale = stale
    done(network.apply(rules=SOME[:1], prefix_lists=True))
    gone = next(call for call in network.aws.writes() if call.action == "RevokeSecurityGroupEgress")
    assert "IpPermissions" in gone.parameters
    network.settle()
    assert network.open() == Space.of(packets(SOME[:1]))
    assert not done(network.apply(rules=SOME[:1], prefix_lists=True))["changed"]


def test_where_there_is_no_ipv6(strict_aws: StrictAws, aws_run: Run) -> None:
    """No rule of IPv6 is waited for. One that somebody made goes by its id where AWS refuses it by what it is."""
    network = Network(strict_aws, aws_run, default=False, ipv6=False)
    with mock.patch.object(time, "sleep") as sleep:
        assert unshown(done(network.apply())) == []
    assert sum(call.args[0] for call in sleep.call_args_list) < 1
    network.allow(6)

    def before(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress" and "::/0" in str(call.parameters):
            raise AwsError("InvalidParameterValue", "Invalid value for remote-ipv6-range")

    network.aws.before = before
    said = done(network.apply())
    assert said["differences"] == [f"- {DEFAULT}"]
    check_denied(network)


def test_another_refusal_is_an_error(network: Network) -> None:
    def before(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress":
            raise AwsError("InvalidParameterValue", "something else")

    network.aws.before = before
    said = network.apply()
    assert "something else" in said["msg"]


def test_ipv6_that_is_being_associated(network: Network) -> None:
    (block,) = network.aws.memory.vpcs[network.vpc].get_cidr_block_association_set(ipv6=True)
    block["cidr_block_state"]["state"] = "associating"
    network.aws.unseen = {6: 3}
    done(network.apply())
    check_denied(network)


READ = [
    "DescribeSecurityGroups",
    "DescribeSecurityGroupRules",
    "DescribeManagedPrefixLists",
    "DescribeNetworkInterfaces",
]


def test_calls(network: Network) -> None:
    would = network.apply(check=True)
    assert "DescribeSecurityGroupRules" not in network.actions()
    assert len(network.aws.calls) == would["calls"]
    done(network.apply())
    actions = network.actions()
    made = actions.index("CreateSecurityGroup")
    assert actions[made:] == [
        "CreateSecurityGroup",
        "DescribeSecurityGroupRules",
        "RevokeSecurityGroupEgress",
        "CreateTags",
        "AuthorizeSecurityGroupEgress",
        *["DescribeSecurityGroupRules"] * 2,
    ]
    done(network.apply())
    assert network.actions() == [*READ, "DescribeSecurityGroupRules"]
    network.apply(check=True)
    assert network.actions() == READ
    done(network.apply("unmanaged"))
    done(network.apply("unmanaged"))
    assert network.actions() == READ
