# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an account was, a run leaves it as a first run would, and closes nothing that stays wanted on the way.

Groups of four rules make the interesting cases likely: full groups, rules that move, groups that come and go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import Phase, event, example, given, settings
from hypothesis import strategies as st

from tests.support.aws.account import Space, entries_of, opened, opened_in, rules_of
from tests.support.aws.module import Run, packets, planned
from tests.support.aws.server import Call, Limits, StrictAws, units
from tests.support.systems import LONG

SIZE, GROUPS = 4, 5
MARK = " (egress.allowlist)"
Rules = list[tuple[str, str, str]]

NETWORKS = [
    *(str(found) for length in (28, 30, 31, 32, 32) for found in ip_network("192.0.2.0/28").subnets(new_prefix=length)),
    *(str(found) for length in (125, 126, 128) for found in ip_network("2001:db8::/125").subnets(new_prefix=length)),
]
RULE = st.tuples(st.sampled_from(["TCP", "UDP"]), st.sampled_from(["443", "443", "80-443"]), st.sampled_from(NETWORKS))
SELECTIONS = st.integers(1, 24).flatmap(lambda size: st.lists(RULE, min_size=size, max_size=size))
CALLS = st.integers(1, 9)
FAULTS = st.one_of(
    st.just(None), st.tuples(st.sampled_from(["fail", "throttle", "stale"]), CALLS), st.tuples(st.just("rival"), CALLS)
)
APPLY = st.tuples(st.just("apply"), SELECTIONS, st.sampled_from(["deny", "deny", "unmanaged"]), FAULTS)
# Somebody else: makes a rule, takes one of ours, or changes one of ours in place.
OTHERS = st.tuples(
    st.sampled_from(["make", "take", "change"]),
    st.integers(0, GROUPS - 1),
    st.integers(0, 20),
    st.sampled_from(NETWORKS),
)
SEQUENCES = st.lists(st.one_of(APPLY, APPLY, OTHERS), min_size=2, max_size=5)


class Account:
    """A network, a closed interface in it, and our groups."""

    def __init__(self, aws: StrictAws, run: Run, *, attached: bool, lists: bool = False) -> None:
        aws.reset()
        aws.limits = Limits(rules=SIZE, groups=GROUPS + 1)
        self.aws, self.run, self.ec2 = aws, run, aws.client()
        self.limits = {"rules_per_group": SIZE, "groups": GROUPS, "groups_per_interface": GROUPS + 1}
        self.limits["prefix_lists"] = lists
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.interface = ""
        if attached:
            subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
            base = self.ec2.create_security_group(GroupName="base", Description="base", VpcId=self.vpc)["GroupId"]
            everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            self.ec2.revoke_security_group_egress(GroupId=base, IpPermissions=everything)
            made = self.ec2.create_network_interface(SubnetId=subnet, Groups=[base])
            self.interface = made["NetworkInterface"]["NetworkInterfaceId"]

    def groups(self) -> list[str]:
        """Return our groups, by the mark that they bear."""
        filters = [
            {"Name": "vpc-id", "Values": [self.vpc]},
            {"Name": "tag:egress.allowlist", "Values": ["egress-allowlist"]},
        ]
        found = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return [group["GroupId"] for group in sorted(found, key=lambda group: group["GroupName"])]

    def rules(self) -> list[dict[str, Any]]:
        return rules_of(self.ec2, *self.groups())

    def foreign(self) -> dict[str, dict[str, Any]]:
        """Return the rules in our groups that are somebody else's, by id; the default rule is nobody's."""
        return {
            rule["SecurityGroupRuleId"]: rule
            for rule in self.rules()
            if not rule.get("Description", "").endswith(MARK) and rule["IpProtocol"] != "-1"
        }

    def open_now(self, *, but: Container[str] = ()) -> Space:
        """Return what is open, between two calls: on the interface, or by all our groups together.

        C{but}: groups that are not looked at; on an interface all count.
        """
        memory = self.aws.memory
        if self.interface:
            return opened_in(memory, *(group.id for group in memory.enis[self.interface].group_set))
        ours = [group.id for group in memory.groups[self.vpc].values() if group.name.startswith("egress-allowlist-")]
        return opened_in(memory, *(group for group in ours if group not in but))

    def apply(self, rules: Rules, policy: str, **more: Any) -> dict[str, Any]:
        plan = planned(rules, policy=policy, **self.limits)
        attach = {"attach": {"interfaces": [self.interface]}} if self.interface else {}
        return self.run(plan=plan, vpc_id=self.vpc, **{**attach, **more})

    @contextmanager
    def watched(self, wanted: Space, rival: tuple | None = None) -> Iterator[None]:
        """Look at the account after each call; C{rival}: somebody else acts before the so many-th call."""
        seen: dict[str, Any] = {"open": self.open_now(), "calls": 0}
        known = set(self.aws.memory.groups[self.vpc])

        def before(_call: Call) -> None:
            seen["calls"] += 1
            if rival and seen["calls"] == rival[0]:
                self.other(*rival[1])
                seen["open"] = self.open_now(but=self.aws.memory.groups[self.vpc].keys() - known)

        def after(call: Call) -> None:
            closed = (seen["open"] & wanted) - self.open_now()
            assert not closed, (call, closed)
            # A new group is nobody's yet; on an interface it counts as soon as it is attached.
            new = self.aws.memory.groups[self.vpc].keys() - known
            seen["open"] = seen["open"] & wanted | self.open_now(but=new)

        broken: list[AssertionError] = []

        def guarded(call: Call) -> None:
            try:
                after(call)
            except AssertionError as error:  # told to the test, not to the module
                broken.append(error)

        self.aws.before, self.aws.after = before, guarded
        try:
            yield
        finally:
            self.aws.before = self.aws.after = None
        assert not broken, broken[0]

    def other(self, what: str, group: int, number: int, network: str) -> None:
        """Do what somebody else may do; what AWS refuses, or there is nothing for, is not done."""
        groups = self.groups()
        if group >= len(groups):
            return
        ours = [rule for rule in rules_of(self.ec2, groups[group]) if rule.get("Description", "").endswith(MARK)]
        ours.sort(key=str)
        try:
            if what == "make":
                side, cell = ("Ipv6Ranges", "CidrIpv6") if ":" in network else ("IpRanges", "CidrIp")
                permission = {"IpProtocol": "udp", "FromPort": 443, "ToPort": 443, side: [{cell: network}]}
                self.ec2.authorize_security_group_egress(GroupId=groups[group], IpPermissions=[permission])
            elif not ours:
                return
            elif what == "take":
                gone = [ours[number % len(ours)]["SecurityGroupRuleId"]]
                self.ec2.revoke_security_group_egress(GroupId=groups[group], SecurityGroupRuleIds=gone)
            else:
                rule = ours[number % len(ours)]
                body = {key: rule[key] for key in ("IpProtocol", "Description", "CidrIpv4", "CidrIpv6") if key in rule}
                change = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"]}
                change["SecurityGroupRule"] = {**body, "FromPort": 22, "ToPort": 22}
                self.ec2.modify_security_group_rules(GroupId=groups[group], SecurityGroupRules=[change])
        except ClientError:
            event("somebody else was refused")

    def state(self) -> Any:
        return sorted(str(rule) for rule in self.rules()), self.groups()


def apply_once(account: Account, rules: Rules, policy: str, fault: tuple | None, rival: tuple) -> None:
    """Apply under a fault, again without it where it failed, and look at what is there then."""
    try:
        plan = planned(rules, policy=policy, **account.limits)
    except ValueError:
        event("does not fit")
        return
    aws, wanted = account.aws, Space.of(packets([(protocol.lower(), *rest) for protocol, *rest in rules]))
    kind, number = fault or ("", 0)
    aws.forget()
    before, foreign = account.state(), account.foreign()
    aws.forget()
    if kind == "fail":
        aws.fail_write = number
    elif kind == "throttle":
        aws.throttle = number + 1
    elif kind == "stale":
        aws.stale = number // 2
    with account.watched(wanted, (number, rival) if kind == "rival" else None):
        said = account.apply(rules, policy)
    aws.fail_write = aws.throttle = 0
    aws.settle()
    if kind == "rival":  # what is taken away after it was read is for the next run to see
        foreign = account.foreign()
        if not said.get("failed"):
            with account.watched(wanted):
                said = account.apply(rules, policy)
    code = said.get("error", {}).get("code")
    if code:
        # Somebody else may have filled a group up after it was read.
        event(f"failed half way: {code}")
        assert code == {"fail": "UnauthorizedOperation", "rival": "RulesPerSecurityGroupLimitExceeded"}[kind], said
        with account.watched(wanted):
            said = account.apply(rules, policy)
    if said.get("failed"):
        event("refused: " + said["msg"][:40])
        assert any(why in said["msg"] for why in (" free, ", "no order", "is restricted by its groups")), said
        assert kind in ("fail", "rival") or (not aws.writes() and account.state() == before), said
        return
    event(f"applied, {len(account.groups())} groups")
    check_end(account, plan, wanted, policy, foreign)
    aws.forget()
    again = account.apply(rules, policy)
    assert not again["changed"], again
    assert not again["differences"], again
    assert not aws.writes()


def check_end(account: Account, plan: dict, wanted: Space, policy: str, foreign: dict[str, Any]) -> None:
    """Look whether the account is as a first run leaves it, with what is somebody else's as it was."""
    assert account.foreign() == foreign
    groups, rules = account.groups(), account.rules()
    ours = [rule for rule in rules if rule.get("Description", "").endswith(MARK)]
    theirs = Space.of([shape(rule) for rule in foreign.values()])
    default = Space.of([("-1", None, None, "0.0.0.0/0")] if policy == "unmanaged" else [])
    on_interface = account.open_now()
    assert on_interface == wanted | theirs | default
    assert opened(account.ec2, *groups) == on_interface

    if account.limits["prefix_lists"]:
        check_lists(account, ours)
    else:
        check_rules(plan, ours, foreign)
    if not foreign:  # what a first run makes
        fresh = {6: 0, 4: 0}
        for rule in plan["rules"]:
            fresh[6 if ":" in rule["cidr"] else 4] += 1
        usable = SIZE - (policy == "unmanaged")
        assert len(groups) == max(1, -(-fresh[4] // usable), -(-fresh[6] // usable))
        total = [units(account.aws.memory, group) for group in groups]
        assert sum(found[4] for found in total) == fresh[4] + (policy == "unmanaged") * len(groups)
        assert sum(found[6] for found in total) == fresh[6]


def check_rules(plan: dict, ours: list[dict[str, Any]], foreign: dict[str, Any]) -> None:
    """Look whether each rule stands once, with who asks for it; somebody else's equal one stands for it."""
    labels = {(rule["protocol"], rule["first"], rule["last"], rule["cidr"]): rule["label"] for rule in plan["rules"]}
    assert all(rule["Description"] == labels[shape(rule)] + MARK for rule in ours)
    assert len({shape(rule) for rule in ours}) == len(ours)
    made = Counter(shape(rule) for rule in foreign.values())
    assert {shape(rule) for rule in ours} | (made.keys() & labels.keys()) == labels.keys()


def check_lists(account: Account, ours: list[dict[str, Any]]) -> None:
    """Look whether each of our lists is as large as its entries are many, and referred to once."""
    filters = [{"Name": "tag:egress.allowlist", "Values": ["egress-allowlist"]}]
    found = account.ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"]
    found = [one for one in found if not one["State"].startswith("delete")]
    assert sorted(one["PrefixListId"] for one in found) == sorted(rule["PrefixListId"] for rule in ours)
    for one in found:
        assert one["MaxEntries"] == len(entries_of(account.ec2, one["PrefixListId"])) > 0


def shape(rule: dict[str, Any]) -> tuple[str, int, int, str]:
    return rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule.get("CidrIpv4") or rule["CidrIpv6"]


def tcp(ports: str, *ends: str) -> Rules:
    return [("TCP", ports, f"192.0.2.{end}") for end in ends]


def udp(ports: str, *ends: str) -> Rules:
    return [("UDP", ports, f"192.0.2.{end}") for end in ends]


# Three full groups are given the default rule back, which belongs to each of them.
BACK = [
    [*tcp("80-443", "12/30", "7/32", "0/30"), *tcp("443", "13/32", "10/31", "5/32", "8/30", "4/32")],
    [*tcp("443", "11/32", "4/31", "15/32", "0/28"), *udp("443", "14/32", "12/31"), *udp("80-443", "0/32")],
]
BACK[0] += [*udp("443", "9/32", "14/31", "11/32"), *udp("80-443", "15/32", "3/32")]


@pytest.mark.sized
@example(
    sequence=[("apply", BACK[0], "deny", None), ("apply", BACK[1], "unmanaged", None)],
    attached=False,
    lists=True,
    rival=("take", 0, 0, "192.0.2.0/32"),
)
@settings(max_examples=80 if LONG else 8, phases=set(Phase) - {Phase.explain})
@given(sequence=SEQUENCES, attached=st.booleans(), lists=st.booleans(), rival=OTHERS)
def test_any_sequence_ends_as_a_first_run(
    strict_aws: StrictAws, aws_run: Run, sequence: list, attached: bool, lists: bool, rival: tuple
) -> None:
    account = Account(strict_aws, aws_run, attached=attached, lists=lists)
    for what, *given_ in sequence:
        if what == "apply":
            rules, policy, fault = given_
            # To attach a group that lets everything out is refused where an interface was closed.
            apply_once(account, rules, policy if account.groups() or not attached else "deny", fault, rival)
        else:
            account.other(what, *given_)
