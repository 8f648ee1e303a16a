# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permissions that docs/aws.md prints are enough, and each of them is needed.

moto looks at actions and at signatures; which resources and conditions a policy names is not tested here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import pytest
from moto import settings

from tests.support.aws.module import Run, allowlist_of, planned
from tests.support.aws.server import StrictAws
from tests.support.playbooks import blocks
from tests.support.repository import REPOSITORY

PRINTED = json.loads(next(found for found in blocks(REPOSITORY / "docs/aws.md", "json") if '"Statement"' in found))
ACTIONS = sorted(action for statement in PRINTED["Statement"] for action in statement["Action"])
RULES = [("TCP", "443", f"198.51.100.{2 * number}/32") for number in range(5)]
SIZE = {"policy": "deny", "rules_per_group": 4, "groups": 3, "groups_per_interface": 5}


@contextmanager
def watched() -> Iterator[None]:
    """Let moto ask IAM."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    try:
        yield
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = inf


class Person:
    """Somebody whose permissions are one policy."""

    def __init__(self, aws: StrictAws, run: Run) -> None:
        self.aws, self.run, self.iam = aws, run, aws.client("iam")
        self.iam.create_user(UserName="deployer")
        key = self.iam.create_access_key(UserName="deployer")["AccessKey"]
        self.keys = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}

    def may(self, *without: str) -> None:
        """Begin with a new account with a booth, and with the printed policy without these actions."""
        self.aws.reset()
        ec2 = self.aws.client()
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        given = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
        booth = ec2.run_instances(**given)["Instances"][0]["InstanceId"]
        ec2.create_tags(Resources=[booth], Tags=[{"Key": "role", "Value": "booth"}])
        statements = [
            {**statement, "Action": [action for action in statement["Action"] if action not in without]}
            for statement in PRINTED["Statement"]
        ]
        policy = {**PRINTED, "Statement": [statement for statement in statements if statement["Action"]]}
        self.iam.put_user_policy(UserName="deployer", PolicyName="p", PolicyDocument=json.dumps(policy))

    def life(self, *, lists: bool) -> dict[str, Any] | None:
        """Create, attach, change, relabel, shrink, detach, remove; return what failed, if anything did."""
        attach = {"attach": {"tags": {"role": "booth"}}}
        runs: list[dict[str, Any]] = [
            {"plan": planned(RULES, prefix_lists=lists, **SIZE), **attach},
            {"plan": planned([*RULES[1:], ("TCP", "443", "203.0.113.0/24")], prefix_lists=lists, **SIZE), **attach},
            {"plan": planned(allowlist_of(RULES[:2], service="media"), prefix_lists=lists, **SIZE), **attach},
            {"plan": planned(RULES[:2], prefix_lists=lists, **SIZE)},
            {"state": "absent"},
        ]
        with watched():
            for params in runs:
                said = self.run(**self.keys, **params)
                if said.get("failed"):
                    return said
        return None


@pytest.fixture(scope="module")
def person(strict_aws: StrictAws, aws_run: Run) -> Person:
    return Person(strict_aws, aws_run)


@pytest.mark.parametrize("lists", [False, True], ids=["rules", "lists"])
def test_the_printed_permissions_are_enough(person: Person, lists: bool) -> None:
    person.may()
    assert person.life(lists=lists) is None


def test_without_any_nothing_is_allowed(person: Person) -> None:
    person.may(*ACTIONS[1:])
    assert "not authorized to perform: ec2:" in str(person.life(lists=False))


@pytest.mark.parametrize("action", ACTIONS)
def test_each_permission_is_needed(person: Person, action: str) -> None:
    person.may(action)
    failed = person.life(lists="PrefixList" in action)
    assert failed, f"nothing that is done needs {action}"
    assert f"not authorized to perform: {action}" in failed["msg"]


def test_optional_statements_are_optional(person: Person) -> None:
    """Whoever attaches nothing and uses no lists needs the first two statements alone."""
    optional = {"Attach", "PrefixLists"}
    person.may(*(action for found in PRINTED["Statement"] if found["Sid"] in optional for action in found["Action"]))
    with watched():
        for params in ({"plan": planned(RULES, **SIZE)}, {"plan": planned(RULES[:1], **SIZE)}, {"state": "absent"}):
            said = person.run(**person.keys, **params)
            assert not said.get("failed"), said["msg"]
