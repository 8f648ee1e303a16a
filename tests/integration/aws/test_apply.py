# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module aws_security_group against a strict AWS on loopback: what it makes, changes, leaves alone and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.aws.account import Space, opened, rules_of
from tests.support.aws.module import Run, allowlist_of, packets, planned
from tests.support.aws.server import Call, Limits, StrictAws, units
from tests.support.documents import needs_documents, oracle
from tests.support.repository import REPOSITORY

MARK = " (egress.allowlist)"
DEFAULT = "everything to everywhere  (default rule)"
EVERYTHING = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
Rules = list[tuple[str, str, str]]


class Account:
    """The default network of a new account, and the module."""

    def __init__(self, aws: StrictAws, module: Run) -> None:
        aws.reset()
        self.aws, self.module, self.ec2 = aws, module, aws.client()
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        aws.forget()

    def apply(self, rules: Rules | dict, *, check: bool = False, params: dict | None = None, **plan: Any) -> dict:
        """Apply a plan, deny if nothing else is said; fails where the module fails."""
        said = self.try_to(rules, check=check, params=params, **plan)
        assert not said.get("failed"), said["msg"]
        return said

    def try_to(self, rules: Rules | dict, *, check: bool = False, params: dict | None = None, **plan: Any) -> dict:
        self.aws.forget()
        return self.module(plan=planned(rules, **{"policy": "deny", **plan}), check=check, **(params or {}))

    def refused(self, rules: Rules | dict, **more: Any) -> str:
        """Return why the module refuses; nothing was written, and all is as it was."""
        before = self.state()
        said = self.try_to(rules, **more)
        assert said.get("failed"), said
        assert self.aws.writes() == []
        assert self.state() == before
        return str(said["msg"])

    def group_names(self, name: str = "egress-allowlist") -> dict[str, str]:
        filters = [{"Name": "tag:egress.allowlist", "Values": [name]}]
        found = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return {group["GroupName"]: group["GroupId"] for group in sorted(found, key=lambda one: one["GroupName"])}

    def groups(self) -> list[str]:
        return list(self.group_names().values())

    def rules(self) -> list[dict[str, Any]]:
        return rules_of(self.ec2, *self.groups())

    def state(self) -> Any:
        return json.dumps([self.ec2.describe_security_groups()["SecurityGroups"], self.rules()], sort_keys=True)

    def open(self) -> Space:
        return opened(self.ec2, *self.groups())

    def new_group(self, name: str, *, closed: bool = True) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        if closed:
            self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=EVERYTHING)
        return made

    def interface(self, *groups: str) -> str:
        made = self.ec2.create_network_interface(SubnetId=self.subnet, Groups=list(groups))
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def attached(self, interface: str) -> list[str]:
        (found,) = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        return [group["GroupId"] for group in found["Groups"]]

    def allow(self, group: str, cidr: str, port: int = 22, **more: Any) -> str:
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr, **more}]}
        said = self.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])
        return said["SecurityGroupRules"][0]["SecurityGroupRuleId"]


@pytest.fixture
def account(strict_aws: StrictAws, aws_run: Run) -> Account:
    return Account(strict_aws, aws_run)


def v4(count: int, start: int = 0, ports: str = "443") -> Rules:
    """Return so many rules that cannot be joined."""
    return [
        ("TCP", ports, f"198.18.{2 * number // 256}.{2 * number % 256}/32") for number in range(start, start + count)
    ]


def v6(count: int) -> Rules:
    return [("TCP", "443", f"2001:db8:0:{2 * number + 1:x}::/64") for number in range(count)]


def space(rules: Rules) -> Space:
    return Space.of(packets([(protocol.lower(), ports, cidr) for protocol, ports, cidr in rules]))


SOME: Rules = [
    ("TCP", "443", "198.51.100.0/24"),
    ("UDP", "3478-3481", "2001:db8::/64"),
    ("UDP", "5000", "192.0.2.7/32"),
]


def test_what_is_made(account: Account) -> None:
    would = account.apply(SOME, check=True)
    assert account.aws.writes() == []
    assert account.groups() == []
    done = account.apply(SOME)
    assert (
        done["differences"]
        == would["differences"]
        == [
            "+ security group egress-allowlist-1",
            "+ tcp/443 to 198.51.100.0/24  acme: calls",
            "+ udp/3478-3481 to 2001:db8::/64  acme: calls",
            "+ udp/5000 to 192.0.2.7/32  acme: calls",
        ]
    )
    assert done["diff"]["prepared"] == would["diff"]["prepared"] == "\n".join(done["differences"]) + "\n"
    assert done["units"] == would["units"]
    assert would["changed"]
    assert done["changed"]
    assert done["calls"] == len(account.aws.calls)
    assert account.open() == space(SOME)
    assert {rule["Description"] for rule in account.rules()} == {"acme: calls" + MARK}
    assert done["groups"] == [{"name": name, "id": number} for name, number in account.group_names().items()]

    again = account.apply(SOME)
    assert not again["changed"]
    assert again["differences"] == []
    assert "diff" not in again
    assert account.aws.writes() == []


def test_a_changed_prefix_touches_one_rule(account: Account) -> None:
    many = v4(130)
    account.apply(many)
    assert [units(account.aws.memory, group)[4] for group in account.groups()] == [60, 60, 10]
    before = {rule["SecurityGroupRuleId"]: rule["CidrIpv4"] for rule in account.rules()}
    changed = [*many[1:], ("TCP", "443", "203.0.113.0/24")]
    would = account.apply(changed, check=True)
    done = account.apply(changed)
    lines = ["- tcp/443 to 198.18.0.0/32  acme: calls", "+ tcp/443 to 203.0.113.0/24  acme: calls"]
    assert done["differences"] == would["differences"] == lines
    after = {rule["SecurityGroupRuleId"]: rule["CidrIpv4"] for rule in account.rules()}
    assert len(before.items() - after.items()) == len(after.items() - before.items()) == 1
    assert len(account.aws.writes()) <= 2
    assert account.open() == space(changed)


def test_drift_is_shown_and_mended(account: Account) -> None:
    account.apply(SOME)
    (group,) = account.groups()
    gone, turned, *_rest = sorted(account.rules(), key=lambda rule: rule.get("CidrIpv4", "~"))
    account.ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[gone["SecurityGroupRuleId"]])
    body = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    wide = {"SecurityGroupRuleId": turned["SecurityGroupRuleId"]}
    wide["SecurityGroupRule"] = {**body, "Description": turned["Description"]}
    account.ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[wide])
    done = account.apply(SOME)
    assert done["differences"] == [
        "- tcp/1-65535 to 0.0.0.0/0  acme: calls",
        "+ tcp/443 to 198.51.100.0/24  acme: calls",
        "+ udp/5000 to 192.0.2.7/32  acme: calls",
    ]
    assert account.open() == space(SOME)


def test_another_label_is_shown_and_written(account: Account) -> None:
    account.apply(SOME)
    renamed = allowlist_of(SOME, service="media")
    done = account.apply(renamed)
    assert "- tcp/443 to 198.51.100.0/24  acme: calls" in done["differences"]
    assert "+ tcp/443 to 198.51.100.0/24  acme: media" in done["differences"]
    assert {rule["Description"] for rule in account.rules()} == {"acme: media" + MARK}
    assert {call.action for call in account.aws.writes()} == {"ModifySecurityGroupRules"}


def test_rules_of_others_stay(account: Account) -> None:
    account.apply(SOME)
    (group,) = account.groups()
    foreign = account.allow(group, "203.0.113.0/24", Description="by hand")
    account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=EVERYTHING)
    again = account.apply(SOME)
    assert not again["changed"]
    assert any("not ours" in note for note in again["notes"])
    account.apply(SOME[:1])
    assert [rule for rule in account.rules() if rule["SecurityGroupRuleId"] == foreign]
    gone = account.module(state="absent")
    assert gone["changed"]
    left = rules_of(account.ec2, group)
    assert [rule["SecurityGroupRuleId"] for rule in left] == [foreign]
    assert account.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]


def test_absent_removes_what_is_ours(account: Account) -> None:
    other = account.new_group("other")
    account.apply(v4(61))
    account.apply(SOME, params={"name": "second"})
    would = account.module(state="absent", check=True)
    assert len(account.groups()) == 2
    done = account.module(state="absent")
    assert done["differences"] == would["differences"]
    assert sum(line.startswith("- security group") for line in done["differences"]) == 2
    assert account.groups() == []
    assert list(account.group_names("second")) == ["second-1"]
    assert account.ec2.describe_security_groups(GroupIds=[other])["SecurityGroups"]
    account.aws.forget()
    assert not account.module(state="absent")["changed"]
    assert account.aws.writes() == []


def test_the_default_rule(account: Account) -> None:
    first = account.apply(SOME, policy="unmanaged")
    assert any(note.startswith("this restricts nothing") and "egress-allowlist-1" in note for note in first["notes"])
    assert account.open() == Space.of([("-1", None, None, "0.0.0.0/0")]) | space(SOME)
    assert not account.apply(SOME, policy="unmanaged")["changed"]
    for check in (True, False):
        closing = account.apply(SOME, check=check)
        assert closing["differences"] == [f"- {DEFAULT}"]
    assert account.open() == space(SOME)
    assert not any("restricts nothing" in note for note in closing["notes"])
    for check in (True, False):
        opening = account.apply(SOME, policy="unmanaged", check=check)
        assert opening["differences"] == [f"+ {DEFAULT}"]
    assert account.open() == Space.of([("-1", None, None, "0.0.0.0/0")]) | space(SOME)


def test_the_default_rule_of_both_families(account: Account) -> None:
    vpc = account.ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    params = {"vpc_id": vpc}
    account.apply(SOME, policy="unmanaged", params=params)
    both = Space.of([("-1", None, None, "0.0.0.0/0"), ("-1", None, None, "::/0")])
    assert account.open() == both
    account.apply(SOME, params=params)
    assert account.open() == space(SOME)
    account.apply(SOME, policy="unmanaged", params=params)
    assert account.open() == both
    assert not account.apply(SOME, policy="unmanaged", params=params)["changed"]


def test_attached_beside_others_and_detached(account: Account) -> None:
    closed = account.new_group("closed")
    one, two = account.interface(closed), account.interface(closed)
    (instance,) = account.ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=account.subnet, SecurityGroupIds=[closed]
    )["Instances"]
    booth = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    account.ec2.create_tags(Resources=[instance["InstanceId"]], Tags=[{"Key": "role", "Value": "booth"}])
    attach = {"attach": {"interfaces": [one], "tags": {"role": "booth"}}}
    would = account.apply(v4(61), params=attach, check=True)
    done = account.apply(v4(61), params=attach)
    assert done["differences"] == would["differences"]
    assert f"+ egress-allowlist-2 attached to {one}" in done["differences"]
    ours = account.groups()
    assert account.attached(one) == account.attached(booth) == [closed, *ours]
    assert account.attached(two) == [closed]
    assert not account.apply(v4(61), params=attach)["changed"]
    assert account.aws.writes() == []
    # Fewer groups, and another target.
    moved = {"attach": {"interfaces": [two], "instances": [instance["InstanceId"]]}}
    done = account.apply(v4(3), params=moved)
    assert f"- egress-allowlist-1 attached to {one}" in done["differences"]
    assert account.attached(one) == [closed]
    assert account.attached(two) == account.attached(booth) == [closed, ours[0]]
    assert account.groups() == ours[:1]
    assert account.module(state="absent")["changed"]
    assert account.attached(two) == account.attached(booth) == [closed]
    assert account.groups() == []


def test_what_others_attached_stays_attached(account: Account) -> None:
    account.apply(v4(61))
    first, second = account.groups()
    theirs = account.interface(first, second)
    done = account.apply(v4(1))
    assert account.groups() == [first, second]
    assert any("egress-allowlist-2" in note and theirs in note for note in done["notes"])
    assert account.open() == space(v4(1))
    said = account.module(state="absent")
    assert theirs in said["msg"]
    assert account.attached(theirs) == [first, second]


def test_an_interface_with_some_of_the_groups_is_named(account: Account) -> None:
    account.apply(v4(61))
    theirs = account.interface(account.groups()[0])
    assert any(theirs in note and "egress-allowlist-2" in note for note in account.apply(v4(61))["notes"])


def test_attaching_does_not_open_what_was_closed(account: Account) -> None:
    closed, loose = account.new_group("closed"), account.new_group("loose", closed=False)
    params = {"attach": {"interfaces": [account.interface(closed)]}}
    assert "would let everything out" in account.refused(SOME, policy="unmanaged", params=params)
    params = {"attach": {"interfaces": [account.interface(closed, loose)]}}
    account.apply(SOME, policy="unmanaged", params=params)


@pytest.mark.parametrize(
    ("attach", "word"),
    [
        ({"interfaces": ["eni-0123456789abcdef0"]}, "eni-0123456789abcdef0"),
        ({"instances": ["i-0123456789abcdef0"]}, "i-0123456789abcdef0"),
    ],
)
def test_what_cannot_be_attached_to_is_named(account: Account, attach: dict, word: str) -> None:
    assert word in account.refused(SOME, params={"attach": attach})


def test_groups_for_each_interface(account: Account) -> None:
    """Five groups: four of somebody else and one of ours fit, two of ours do not."""
    others = [account.new_group(f"other-{number}") for number in range(4)]
    interface = account.interface(*others)
    params = {"attach": {"interfaces": [interface]}}
    message = account.refused(v4(61), params=params)
    for word in (interface, "6 needed", "5 free", "1 too many", "L-2AFB9258"):
        assert word in message
    account.apply(v4(60), params=params)
    assert len(account.attached(interface)) == 5


@pytest.mark.parametrize("family", [v4, v6])
def test_rules_of_one_group(account: Account, family: Callable[[int], Rules]) -> None:
    for number in (59, 60):
        account.apply(family(number), groups=1)
        assert account.open() == space(family(number))
        assert len(account.groups()) == 1
    version = 4 if family is v4 else 6
    with pytest.raises(ValueError, match=f"IPv{version}") as refused:
        planned(family(61), policy="deny", groups=1)
    for word in ("61", "60", "L-0EA8095F", "aws_egress_widen_at_most"):
        assert word in str(refused.value)


def test_rules_of_all_groups(account: Account) -> None:
    account.apply([*v4(300), *v6(300)])
    assert [units(account.aws.memory, group) for group in account.groups()] == [{4: 60, 6: 60}] * 5
    with pytest.raises(ValueError, match="301"):
        planned(v4(301), policy="deny")
    account.aws.limits = Limits(rules=100, groups=10)
    account.apply(v4(301), rules_per_group=100, groups_per_interface=10, groups=10)
    assert len(account.groups()) == 4
    assert account.open() == space(v4(301))


def test_the_product_of_rules_and_groups() -> None:
    planned(v4(1), policy="deny", rules_per_group=200, groups=5)
    planned(v4(1), policy="deny", rules_per_group=62, groups=16, groups_per_interface=16)
    with pytest.raises(ValueError, match="1,000"):
        planned(v4(1), policy="deny", rules_per_group=201, groups=5)
    with pytest.raises(ValueError, match="1,000"):
        planned(v4(1), policy="deny", rules_per_group=63, groups=16, groups_per_interface=16)


def test_rules_of_others_count(account: Account) -> None:
    account.apply(v4(50), groups=1)
    (group,) = account.groups()
    for number in range(10):
        account.allow(group, f"203.0.113.{number}/32")
    assert not account.apply(v4(50), groups=1)["changed"]
    message = account.refused(v4(51), groups=1)
    for word in ("IPv4", "51 needed", "50 free", "L-0EA8095F", "not ours"):
        assert word in message
    account.apply(v4(51), groups=2)
    assert account.open() == space(v4(51)) | Space.of([("tcp", 22, 22, f"203.0.113.{n}/32") for n in range(10)])


def test_lists_and_groups_that_others_refer_to_count(account: Account) -> None:
    account.apply(v4(1), groups=1)
    (group,) = account.groups()
    made = account.ec2.create_managed_prefix_list(PrefixListName="x", MaxEntries=40, AddressFamily="IPv4")
    permissions = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}]
    permissions[0]["PrefixListIds"] = [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]
    permissions[0]["UserIdGroupPairs"] = [{"GroupId": account.new_group("other")}]
    account.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=permissions)
    assert "20 needed, 19 free" in account.refused(v4(20), groups=1)
    account.apply([*v4(19), *v6(59)], groups=1)
    assert "60 needed, 59 free" in account.refused(v6(60), groups=1)


def test_a_quota_that_is_smaller_than_was_said(account: Account) -> None:
    account.aws.limits = Limits(rules=30)
    said = account.try_to(v4(31))
    assert said.get("failed"), said
    for word in ("rules_per_group", "L-0EA8095F"):
        assert word in said["msg"]
    assert account.open() == Space({})
    account.apply(v4(31), rules_per_group=30)
    assert account.open() == space(v4(31))


def test_small_batches(account: Account) -> None:
    account.aws.limits = Limits(rules=500, groups=2)
    limits = {"rules_per_group": 500, "groups": 2, "groups_per_interface": 2}
    account.apply(v4(450), **limits)
    sizes = [
        sum(len(permission["IpRanges"]) for permission in call.parameters["IpPermissions"])
        for call in account.aws.writes()
        if call.action == "AuthorizeSecurityGroupEgress"
    ]
    assert sum(sizes) == 450
    assert len(sizes) == 5
    account.apply(v4(1), **limits)
    gone = [call for call in account.aws.writes() if call.action == "RevokeSecurityGroupEgress"]
    sizes = [sum(len(permission["IpRanges"]) for permission in call.parameters["IpPermissions"]) for call in gone]
    assert sum(sizes) == 449
    assert max(sizes) <= 100


def test_more_pages_than_one(account: Account) -> None:
    account.aws.page = 5
    closed = account.new_group("closed")
    params = {"attach": {"interfaces": [account.interface(closed) for dummy in range(7)]}}
    for number in range(6):
        account.new_group(f"other-{number}")
    account.apply([*v4(61), *v6(3)], params=params)
    account.aws.page = 0
    assert account.open() == space([*v4(61), *v6(3)])
    account.aws.page = 5
    assert not account.apply([*v4(61), *v6(3)], params=params)["changed"]
    account.apply(v4(2), params=params)
    account.aws.page = 0
    assert account.open() == space(v4(2))


def test_refused_for_a_while(account: Account) -> None:
    account.aws.throttle = 3
    done = account.apply(v4(130))
    assert "RequestLimitExceeded" in {call.error for call in account.aws.calls}
    assert done["calls"] == len(account.aws.calls)
    account.aws.throttle = 0
    assert account.open() == space(v4(130))
    assert len(account.rules()) == 130


def test_a_run_that_breaks_off_is_completed_by_the_next(account: Account) -> None:
    closed = account.new_group("closed")
    params = {"attach": {"interfaces": [account.interface(closed)]}}
    start, end = [*v4(70), *v6(5)], [*v4(100, start=20), *v6(2)]
    account.apply(start, params=params)
    broken = 0
    for number in range(1, 30):
        account.apply(start, params=params)
        account.aws.fail_write = number
        said = account.try_to(end, params=params)
        account.aws.fail_write = 0
        if not said.get("failed"):
            break
        broken += 1
        assert "UnauthorizedOperation" in said["msg"]
        assert space(start) & space(end) - account.open() == Space({})
        if number > 1:
            assert said["changed"]
        account.apply(end, params=params)
        assert account.open() == space(end)
        assert not account.apply(end, params=params)["changed"]
    assert broken >= 3


@pytest.mark.long
def test_a_new_account_breaks_off_at_each_write(account: Account) -> None:
    for number in range(1, 30):
        account.module(state="absent")
        account.aws.fail_write = number
        said = account.try_to(v4(61))
        account.aws.fail_write = 0
        if not said.get("failed"):
            break
        account.apply(v4(61))
        assert account.open() == space(v4(61))
        assert len(account.groups()) == 2
    assert number > 4


def test_somebody_else_makes_the_same_rule(account: Account) -> None:
    account.apply(SOME)
    (group,) = account.groups()

    def rival(call: Call) -> None:
        if call.writes:
            account.aws.before = None
            account.allow(group, "203.0.113.0/24", port=443)

    account.aws.forget()
    account.aws.before = rival
    wanted = [*SOME, ("TCP", "443", "203.0.113.0/24")]
    said = account.module(plan=planned(wanted, policy="deny"))
    assert not said.get("failed"), said
    assert "InvalidPermission.Duplicate" in {call.error for call in account.aws.calls}
    assert account.open() == space(wanted)
    assert not account.apply(wanted)["changed"]


def test_somebody_else_takes_a_rule_that_goes(account: Account) -> None:
    account.apply(SOME)
    (group,) = account.groups()

    def rival(call: Call) -> None:
        if call.action == "RevokeSecurityGroupEgress":
            account.aws.before = None
            (gone,) = (rule for rule in account.rules() if rule.get("CidrIpv4") == "192.0.2.7/32")
            account.ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[gone["SecurityGroupRuleId"]])

    account.aws.before = rival
    said = account.module(plan=planned(SOME[:1], policy="deny"))
    assert not said.get("failed"), said
    assert account.open() == space(SOME[:1])


def test_somebody_who_does_not_stop(account: Account) -> None:
    account.apply(SOME)
    (group,) = account.groups()
    made: list[str] = []

    def rival(call: Call) -> None:
        if call.action == "AuthorizeSecurityGroupEgress":
            made.append(account.allow(group, "203.0.113.0/24", port=443))
        elif made:
            account.ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[made.pop()])

    account.aws.before = rival
    account.aws.forget()
    said = account.module(plan=planned([*SOME, ("TCP", "443", "203.0.113.0/24")], policy="deny"))
    assert said.get("failed"), said
    assert "somebody else" in said["msg"]
    assert "5 tries" in said["msg"]
    assert [call.error for call in account.aws.writes()] == ["InvalidPermission.Duplicate"] * 5


def test_a_group_that_is_not_known_at_once(account: Account) -> None:
    account.aws.lag = 2
    account.apply(v4(61))
    account.aws.lag = 0
    assert account.open() == space(v4(61))
    assert len(account.groups()) == 2
    assert not account.apply(v4(61))["changed"]


def test_a_name_that_somebody_else_has(account: Account) -> None:
    account.new_group("egress-allowlist-1")
    message = account.refused(SOME)
    assert "egress-allowlist-1" in message
    assert "tag" in message


def test_two_selections_side_by_side(account: Account) -> None:
    account.apply(SOME[:1], params={"name": "one"})
    account.apply(SOME[1:], params={"name": "two"})
    account.apply(SOME[2:], params={"name": "two"})
    assert opened(account.ec2, *account.group_names("one").values()) == space(SOME[:1])
    assert opened(account.ec2, *account.group_names("two").values()) == space(SOME[2:])


def test_labels_longer_than_a_description(account: Account) -> None:
    allowlist = allowlist_of(SOME, service="x" * 250)
    account.apply(allowlist)
    assert account.open() == space(SOME)
    assert not account.apply(allowlist)["changed"]
    assert {len(rule["Description"]) for rule in account.rules()} == {255}


@needs_documents
@pytest.mark.parametrize(
    "selection",
    [
        [{"name": "kudo", "regions": "all"}],
        [{"name": "kore_ai", "regions": "all"}, {"name": "eschat", "signaling_port": 7400}],
        [{"name": "twilio", "regions": ["us1", "ie1"]}, {"name": "securevideo", "engines": ["vsee"], "ocsp": True}],
    ],
    ids=["kudo", "kore_ai and eschat", "twilio and securevideo"],
)
def test_what_the_documents_ask_for(account: Account, selection: list[dict[str, Any]]) -> None:
    from tests.support.catalog import select
    from tests.support.rules import merged

    facts = [fact for fact in oracle().select(selection) if fact.direction == "outbound"]
    asked = [
        (fact.protocol, fact.first, fact.last, str(fact.destination))
        for fact in facts
        if not isinstance(fact.destination, str)
    ]
    account.apply(merged(*select(*selection)["rows"]), names="report")
    assert account.open() == Space.of(asked)


NO_AMAZON = """
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] or name.startswith(sys.argv[1] + "."):
            raise ModuleNotFoundError(f"No module named '{name}'")
sys.meta_path.insert(0, Missing())
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = b'{"ANSIBLE_MODULE_ARGS": {"state": "absent"}}', "legacy"
from ansible_collections.egress.allowlist.plugins.modules.aws_security_group import main
main()
"""


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("ansible_collections.amazon", ["ansible-galaxy collection install amazon.aws", "pip install boto3"]),
        ("botocore", ["boto3", "pip install boto3"]),
    ],
)
def test_a_missing_library_says_how_to_get_it(account: Account, missing: str, words: list[str]) -> None:
    from tests.support.peers import peers

    path = os.pathsep.join([str(REPOSITORY / ".collections"), str(peers())])
    environment = {**os.environ, "PYTHONPATH": path, "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-c", NO_AMAZON, missing], env=environment, capture_output=True, text=True, check=False
    )
    said = json.loads(done.stdout)
    assert said["failed"], done
    for word in words:
        assert word in said["msg"]
