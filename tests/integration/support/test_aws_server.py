# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strict AWS of the other tests refuses what AWS refuses, and takes what AWS takes."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.aws.account import Space, opened, opened_in
from tests.support.aws.server import Limits, StrictAws


@pytest.fixture
def aws(strict_aws: StrictAws) -> StrictAws:
    strict_aws.reset()
    return strict_aws


def v4(count: int, start: int = 0) -> list[dict[str, str]]:
    """Return so many single addresses."""
    return [{"CidrIp": f"198.51.{number // 256}.{number % 256}/32"} for number in range(start, start + count)]


def v6(count: int) -> list[dict[str, str]]:
    return [{"CidrIpv6": f"2001:db8:0:{number:x}::/64"} for number in range(1, count + 1)]


def tcp(port: int = 443, **targets: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **targets}


def code(call: Callable[..., Any], **given: Any) -> str:
    """Return AWS's word for why a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    return refused.value.response["Error"]["Code"]


class World:
    """A group without rules in the default network."""

    def __init__(self, aws: StrictAws) -> None:
        self.ec2 = aws.client()
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group = self.new_group("acme")
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.revoke_security_group_egress(GroupId=self.group, IpPermissions=everything)

    def new_group(self, name: str) -> str:
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]

    def allow(self, *permissions: dict[str, Any], group: str = "") -> list[dict[str, Any]]:
        said = self.ec2.authorize_security_group_egress(GroupId=group or self.group, IpPermissions=list(permissions))
        return said["SecurityGroupRules"]

    def rules(self) -> list[dict[str, Any]]:
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.group]}])
        return found["SecurityGroupRules"]

    def new_list(self, entries: int, size: int, family: str = "IPv4", settled: bool = True) -> str:
        cidrs = [{"Cidr": next(iter(cell.values()))} for cell in (v4(entries) if family == "IPv4" else v6(entries))]
        made = self.ec2.create_managed_prefix_list(
            PrefixListName="acme", Entries=cidrs, MaxEntries=size, AddressFamily=family
        )["PrefixList"]["PrefixListId"]
        if settled:
            self.settle(made)
        return made

    def settle(self, listed: str) -> dict[str, Any]:
        """Look until a list's change is complete."""
        for dummy in range(5):
            found = self.ec2.describe_managed_prefix_lists(PrefixListIds=[listed])["PrefixLists"][0]
            if found["State"].endswith("-complete"):
                return found
        raise AssertionError(found)

    def interface(self, *groups: str) -> str:
        given = {"SubnetId": self.subnet, "Groups": list(groups)}
        return self.ec2.create_network_interface(**given)["NetworkInterface"]["NetworkInterfaceId"]


@pytest.fixture
def world(aws: StrictAws) -> World:
    return World(aws)


def test_each_family_has_its_own_quota(world: World) -> None:
    world.allow(tcp(IpRanges=v4(60)), tcp(Ipv6Ranges=v6(60)))
    assert len(world.rules()) == 120
    for one_more in (tcp(444, IpRanges=v4(1)), tcp(444, Ipv6Ranges=v6(1))):
        given = {"GroupId": world.group, "IpPermissions": [one_more]}
        assert code(world.ec2.authorize_security_group_egress, **given) == "RulesPerSecurityGroupLimitExceeded"
    world.ec2.authorize_security_group_ingress(GroupId=world.group, IpPermissions=[tcp(IpRanges=v4(60))])


def test_a_request_is_done_whole_or_not_at_all(world: World) -> None:
    given = {"GroupId": world.group, "IpPermissions": [tcp(IpRanges=v4(5)), tcp(444, IpRanges=v4(56))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "RulesPerSecurityGroupLimitExceeded"
    assert world.rules() == []
    twice = [tcp(IpRanges=v4(2)), tcp(IpRanges=v4(1))]
    given = {"GroupId": world.group, "IpPermissions": twice}
    assert code(world.ec2.authorize_security_group_egress, **given) == "InvalidPermission.Duplicate"
    assert world.rules() == []
    made = world.allow(tcp(IpRanges=v4(2)), tcp(444, Ipv6Ranges=v6(1)))
    assert {rule["SecurityGroupRuleId"] for rule in made} == {rule["SecurityGroupRuleId"] for rule in world.rules()}
    given = {"GroupId": world.group, "IpPermissions": [tcp(IpRanges=v4(3))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "InvalidPermission.Duplicate"


def test_unknown_rules_cannot_be_revoked(world: World) -> None:
    first, second = world.allow(tcp(IpRanges=v4(2)))
    revoke = world.ec2.revoke_security_group_egress
    numbers = [first["SecurityGroupRuleId"], "sgr-0123456789abcdef0"]
    given = {"GroupId": world.group, "SecurityGroupRuleIds": numbers}
    assert code(revoke, **given) == "InvalidSecurityGroupRuleId.NotFound"
    assert len(world.rules()) == 2
    revoke(GroupId=world.group, SecurityGroupRuleIds=[second["SecurityGroupRuleId"]])
    assert [rule["CidrIpv4"] for rule in world.rules()] == ["198.51.0.0/32"]


def test_unknown_properties_are_an_error_but_in_a_default_network(world: World) -> None:
    """In a default VPC the rest is revoked, and the answer tells what was unknown."""
    revoke, wrong = world.ec2.revoke_security_group_egress, [tcp(IpRanges=v4(1)), tcp(IpRanges=v4(1, start=7))]
    world.allow(tcp(IpRanges=v4(1)), tcp(Ipv6Ranges=v6(1)))
    (unknown,) = revoke(GroupId=world.group, IpPermissions=wrong)["UnknownIpPermissions"]
    assert unknown["IpRanges"] == v4(1, start=7)
    assert [rule["CidrIpv6"] for rule in world.rules()] == ["2001:db8:0:1::/64"]
    assert "UnknownIpPermissions" not in revoke(GroupId=world.group, IpPermissions=[tcp(Ipv6Ranges=v6(1))])
    assert world.rules() == []
    world.vpc = world.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    world.group = world.new_group("other")
    world.allow(tcp(IpRanges=v4(1)))
    assert code(revoke, GroupId=world.group, IpPermissions=wrong) == "InvalidPermission.NotFound"
    assert len(world.rules()) == 2
    revoke(GroupId=world.group, IpPermissions=wrong[:1])
    (rule,) = world.rules()
    revoke(GroupId=world.group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert (rule["IpProtocol"], world.rules()) == ("-1", [])


def networks(rules: list[dict[str, Any]]) -> set[str]:
    return {rule.get("CidrIpv4") or rule["CidrIpv6"] for rule in rules}


def test_default_rules_come_late(aws: StrictAws, world: World) -> None:
    world.vpc = world.ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    aws.late = {4: 1, 6: 3}
    world.group = world.new_group("late")
    assert [networks(world.rules()) for dummy in range(3)] == [{"0.0.0.0/0"}, {"0.0.0.0/0"}, {"0.0.0.0/0", "::/0"}]
    aws.late = {6: 1}
    world.group = world.new_group("later")
    six = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    with aws.aside():
        assert code(world.ec2.revoke_security_group_egress, GroupId=world.group, IpPermissions=six)
    world.ec2.revoke_security_group_egress(GroupId=world.group, IpPermissions=six)
    assert networks(world.rules()) == {"0.0.0.0/0"}


def test_a_default_rule_that_reads_do_not_show(aws: StrictAws, world: World) -> None:
    """It is open, its id is unknown, and it can be revoked by what it is."""
    world.vpc = world.ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    aws.unseen = {6: 2}
    world.group, revoke = world.new_group("one"), world.ec2.revoke_security_group_egress
    six, some = Space.of([("-1", None, None, "::/0")]), [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    with aws.aside():
        number = next(rule["SecurityGroupRuleId"] for rule in world.rules() if "CidrIpv6" in rule)
    given = {"GroupId": world.group, "SecurityGroupRuleIds": [number]}
    assert networks(world.rules()) == {"0.0.0.0/0"}
    assert code(revoke, **given) == "InvalidSecurityGroupRuleId.NotFound"
    assert opened_in(aws.memory, world.group) & six
    assert [networks(world.rules()) for dummy in range(2)] == [{"0.0.0.0/0"}, {"0.0.0.0/0", "::/0"}]
    revoke(**given)
    world.group = world.new_group("two")
    revoke(GroupId=world.group, IpPermissions=some)
    assert not opened_in(aws.memory, world.group) & six


def test_old_reads(aws: StrictAws, world: World) -> None:
    aws.stale = 2
    world.allow(tcp(IpRanges=v4(1)))
    with aws.aside():
        assert len(world.rules()) == 1
    assert [len(world.rules()) for dummy in range(3)] == [0, 0, 1]
    world.ec2.revoke_security_group_egress(GroupId=world.group, IpPermissions=[tcp(IpRanges=v4(1))])
    assert [len(world.rules()) for dummy in range(3)] == [1, 1, 0]
    assert opened_in(aws.memory, world.group) == Space({})
    world.group = world.new_group("new")
    assert [len(world.rules()) for dummy in range(3)] == [0, 0, 1]


def modify(world: World, rule: dict[str, Any], **new: Any) -> dict[str, Any]:
    body = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **new}
    change = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": body}
    return {"GroupId": world.group, "SecurityGroupRules": [change]}


def test_rules_are_replaced_in_place(world: World) -> None:
    four, six = world.allow(tcp(IpRanges=v4(1)), tcp(Ipv6Ranges=v6(1)))
    world.allow(tcp(444, IpRanges=v4(59)), tcp(444, Ipv6Ranges=v6(59)))  # full, and yet
    call = world.ec2.modify_security_group_rules
    call(**modify(world, four, CidrIpv4="203.0.113.0/24", Description="media"))
    call(**modify(world, six, CidrIpv6="2001:db8:ff::/48", Description="media"))
    found = {rule["SecurityGroupRuleId"]: rule for rule in world.rules()}
    assert found[four["SecurityGroupRuleId"]]["CidrIpv4"] == "203.0.113.0/24"
    assert found[six["SecurityGroupRuleId"]]["CidrIpv6"] == "2001:db8:ff::/48"
    assert found[six["SecurityGroupRuleId"]]["Description"] == "media"
    assert code(call, **modify(world, four, CidrIpv6="2001:db8::/48")) == "InvalidParameterValue"
    taken = modify(world, four, CidrIpv4="198.51.0.1/32", FromPort=444, ToPort=444)
    assert code(call, **taken) == "InvalidPermission.Duplicate"
    unknown = modify(world, {"SecurityGroupRuleId": "sgr-0123456789abcdef0"}, CidrIpv4="203.0.113.0/25")
    assert code(call, **unknown) == "InvalidSecurityGroupRuleId.NotFound"


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (tcp(IpRanges=[{"CidrIp": "198.51.100.1/24"}]), "InvalidParameterValue"),
        (tcp(Ipv6Ranges=[{"CidrIpv6": "2001:db8::1/64"}]), "InvalidParameterValue"),
        (tcp(IpRanges=[{"CidrIp": "198.51.100.0/24", "Description": "a" * 256}]), "InvalidParameterValue"),
        (tcp(IpRanges=[{"CidrIp": "198.51.100.0/24", "Description": "größer"}]), "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "IpRanges": v4(1)}, "InvalidParameterValue"),
        ({"IpProtocol": "TCP (TLS)", "FromPort": 1, "ToPort": 1, "IpRanges": v4(1)}, "InvalidParameterValue"),
        (tcp(PrefixListIds=[{"PrefixListId": "pl-0123456789abcdef0"}]), "InvalidPrefixListID.NotFound"),
        (tcp(), "MissingParameter"),
    ],
)
def test_malformed_rules_are_refused(world: World, permission: dict[str, Any], expected: str) -> None:
    given = {"GroupId": world.group, "IpPermissions": [permission]}
    assert code(world.ec2.authorize_security_group_egress, **given) == expected


def test_no_more_than_a_thousand_rules_in_one_request(aws: StrictAws, world: World) -> None:
    aws.limits = Limits(rules=1000, groups=1)
    given = {"GroupId": world.group, "IpPermissions": [tcp(IpRanges=v4(1000)), tcp(Ipv6Ranges=v6(1))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "InvalidParameterValue"
    with pytest.raises(ValueError, match="1,000"):
        Limits(rules=201, groups=5)


def test_a_list_weighs_what_it_may_hold(world: World) -> None:
    four, six = world.new_list(1, 50), world.new_list(1, 60, "IPv6")
    world.allow(tcp(PrefixListIds=[{"PrefixListId": four, "Description": "media"}, {"PrefixListId": six}]))
    assert {rule.get("Description") for rule in world.rules()} == {"media", None}
    world.allow(tcp(IpRanges=v4(10)))
    given = {"GroupId": world.group, "IpPermissions": [tcp(444, IpRanges=v4(1))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "RulesPerSecurityGroupLimitExceeded"
    resize = world.ec2.modify_managed_prefix_list
    assert code(resize, PrefixListId=four, MaxEntries=51) == "RulesPerSecurityGroupLimitExceeded"
    resize(PrefixListId=four, MaxEntries=49)
    assert world.settle(four)["MaxEntries"] == 49
    world.allow(tcp(444, IpRanges=v4(1)))


def test_a_list_changes_by_version(world: World) -> None:
    listed = world.new_list(100, 150)
    modify_list = world.ec2.modify_managed_prefix_list
    add = [{"Cidr": cell["CidrIp"]} for cell in v4(101, start=100)]

    def refused(**given: Any) -> str:
        return code(modify_list, PrefixListId=listed, **given)

    assert refused(AddEntries=add[:1]) == "MissingParameter"
    assert refused(AddEntries=add[:1], CurrentVersion=2) == "PrefixListVersionMismatch"
    assert refused(AddEntries=add[:1], CurrentVersion=1, MaxEntries=151) == "InvalidParameterCombination"
    assert refused(AddEntries=add[:51], CurrentVersion=1) == "PrefixListMaxEntriesExceeded"
    assert refused(RemoveEntries=add[:1], CurrentVersion=1) == "InvalidParameterValue"
    assert refused(MaxEntries=99) == "PrefixListMaxEntriesExceeded"
    modify_list(PrefixListId=listed, AddEntries=add[:50], CurrentVersion=1)
    assert refused(RemoveEntries=add[:1], CurrentVersion=2) == "IncorrectState"
    assert world.settle(listed)["Version"] == 2
    modify_list(PrefixListId=listed, RemoveEntries=add[:2], CurrentVersion=2)
    pages = world.ec2.get_paginator("get_managed_prefix_list_entries").paginate(PrefixListId=listed)
    sizes = [len(page["Entries"]) for page in pages]
    assert sizes == [100, 48]
    assert world.settle(listed)["PrefixListName"] == "acme"
    modify_list(PrefixListId=listed, MaxEntries=300)
    world.settle(listed)
    assert refused(AddEntries=add, CurrentVersion=3) == "InvalidParameterValue"


def test_what_is_used_cannot_be_deleted(world: World) -> None:
    listed, other = world.new_list(1, 1), world.new_group("other")
    (rule,) = world.allow(tcp(PrefixListIds=[{"PrefixListId": listed}]))
    world.allow(tcp(UserIdGroupPairs=[{"GroupId": other}]))
    interface = world.interface(world.group)
    assert code(world.ec2.delete_security_group, GroupId=world.group) == "DependencyViolation"
    assert code(world.ec2.delete_security_group, GroupId=other) == "DependencyViolation"
    assert code(world.ec2.delete_managed_prefix_list, PrefixListId=listed) == "DependencyViolation"
    world.ec2.revoke_security_group_egress(GroupId=world.group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    world.ec2.delete_managed_prefix_list(PrefixListId=listed)
    world.ec2.describe_managed_prefix_lists()
    assert listed not in str(world.ec2.describe_managed_prefix_lists()["PrefixLists"])
    world.ec2.delete_network_interface(NetworkInterfaceId=interface)
    world.ec2.delete_security_group(GroupId=world.group)
    world.ec2.delete_security_group(GroupId=other)


def test_groups_of_an_interface(world: World) -> None:
    groups = [world.group, *(world.new_group(f"acme-{number}") for number in range(5))]
    interface = world.interface(world.group)
    change = world.ec2.modify_network_interface_attribute
    assert code(change, NetworkInterfaceId=interface, Groups=groups) == "SecurityGroupsPerInterfaceLimitExceeded"
    change(NetworkInterfaceId=interface, Groups=groups[1:])
    (found,) = world.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert {group["GroupId"] for group in found["Groups"]} == set(groups[1:])
    assert code(change, NetworkInterfaceId=interface, Groups=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"


def test_an_instance_has_the_groups_of_its_interface(world: World) -> None:
    (instance,) = world.ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=world.subnet, SecurityGroupIds=[world.group]
    )["Instances"]
    other = world.new_group("other")
    (interface,) = instance["NetworkInterfaces"]
    number = interface["NetworkInterfaceId"]
    world.ec2.modify_network_interface_attribute(NetworkInterfaceId=number, Groups=[other])
    (seen,) = world.ec2.describe_network_interfaces(NetworkInterfaceIds=[number])["NetworkInterfaces"]
    assert [group["GroupId"] for group in seen["Groups"]] == [other]
    world.ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[world.group])
    (seen,) = world.ec2.describe_network_interfaces(NetworkInterfaceIds=[number])["NetworkInterfaces"]
    assert [group["GroupId"] for group in seen["Groups"]] == [world.group]


def test_pages(aws: StrictAws, world: World) -> None:
    world.allow(tcp(IpRanges=v4(12)))
    describe = world.ec2.describe_security_group_rules
    filters = [{"Name": "group-id", "Values": [world.group]}]
    assert len(describe(Filters=filters)["SecurityGroupRules"]) == 12
    page = describe(Filters=filters, MaxResults=5)
    assert len(page["SecurityGroupRules"]) == 5
    assert code(describe, Filters=filters, MaxResults=1001) == "InvalidParameterValue"
    aws.page = 5
    assert len(describe(Filters=filters)["SecurityGroupRules"]) == 5
    every = [
        rule["SecurityGroupRuleId"]
        for page in world.ec2.get_paginator("describe_security_group_rules").paginate(Filters=filters)
        for rule in page["SecurityGroupRules"]
    ]
    assert len(every) == len(set(every)) == 12


def test_faults_on_order(aws: StrictAws, world: World) -> None:
    aws.forget()
    aws.throttle = 3
    world.rules()
    world.rules()
    assert code(world.ec2.describe_vpcs) == "RequestLimitExceeded"
    world.rules()
    aws.throttle, aws.fail_write = 0, 2
    world.allow(tcp(IpRanges=v4(1)))
    given = {"GroupId": world.group, "IpPermissions": [tcp(444, IpRanges=v4(1))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "UnauthorizedOperation"
    world.allow(tcp(444, IpRanges=v4(1)))
    assert [call.error for call in aws.writes()] == ["", "UnauthorizedOperation", ""]
    assert aws.writes()[0].parameters["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "198.51.0.0/32"}]
    aws.before = lambda _call: world.allow(tcp(445, IpRanges=v4(1)))
    assert len(world.rules()) == 3
    assert aws.calls[-1].action == "DescribeSecurityGroupRules"


def test_a_group_is_known_after_a_while(aws: StrictAws, world: World) -> None:
    aws.lag = 2
    late = world.new_group("late")
    seen = world.ec2.describe_security_groups()["SecurityGroups"]
    assert late not in str(seen)
    given = {"GroupId": late, "IpPermissions": [tcp(IpRanges=v4(1))]}
    assert code(world.ec2.authorize_security_group_egress, **given) == "InvalidGroup.NotFound"
    world.ec2.authorize_security_group_egress(**given)
    assert late in str(world.ec2.describe_security_groups()["SecurityGroups"])


PACKETS = st.lists(
    st.tuples(
        st.sampled_from(["tcp", "udp", "-1"]),
        st.sampled_from([0, 1, 2, 65534]),
        st.sampled_from([2, 3, 65535]),
        st.sampled_from(["192.0.2.0/29", "192.0.2.0/31", "192.0.2.2/31", "192.0.2.4/30", "192.0.2.7/32", "::/0"]),
    ).filter(lambda found: found[1] <= found[2]),
    max_size=4,
)


def held(rules: list[tuple[str, int, int, str]], protocol: str, port: int, address: str) -> bool:
    return any(
        (name == "-1" or (name == protocol and first <= port <= last))
        and ip_network(address).subnet_of(ip_network(network))
        for name, first, last, network in rules
        if ":" not in network
    )


@settings(max_examples=40)
@given(one=PACKETS, two=PACKETS)
def test_sets_of_packets(one: list, two: list) -> None:
    """Compared with asking for one packet after the other."""
    left, right = Space.of(one), Space.of(two)
    both, apart, either = left & right, left - right, left | right
    assert (left == right) == (not (apart or right - left))
    for protocol in ("tcp", "udp"):
        for port in (0, 1, 2, 3, 65533, 65535):
            for address in (f"192.0.2.{number}" for number in range(9)):
                packet = Space.of([(protocol, port, port, f"{address}/32")])
                in_one, in_two = held(one, protocol, port, address), held(two, protocol, port, address)
                assert (not packet - both) == (in_one and in_two)
                assert (not packet - apart) == (in_one and not in_two)
                assert (not packet - either) == (in_one or in_two)


def test_what_is_open_is_read_from_rules_and_lists(aws: StrictAws, world: World) -> None:
    listed = world.new_list(100, 120)
    more = [{"Cidr": cell["CidrIp"]} for cell in v4(20, start=100)]
    world.ec2.modify_managed_prefix_list(PrefixListId=listed, AddEntries=more, CurrentVersion=1)
    aws.limits = Limits(rules=200)
    world.allow(tcp(PrefixListIds=[{"PrefixListId": listed}]), tcp(80, Ipv6Ranges=v6(2)))
    expected = [("tcp", 443, 443, cell["CidrIp"]) for cell in v4(120)]
    expected += [("tcp", 80, 80, cell["CidrIpv6"]) for cell in v6(2)]
    found = opened(world.ec2, world.group)
    assert found == Space.of(expected) == opened_in(aws.memory, world.group)
    assert (found & Space.of([("tcp", 1, 443, "0.0.0.0/0")])).addresses() == 120
    (other,) = world.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    assert opened(world.ec2, other["GroupId"]) == Space.of([("-1", None, None, "0.0.0.0/0")])
