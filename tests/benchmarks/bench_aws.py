# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""300 and 1,000 egress rules in security groups on a strict moto: our module against amazon.aws.ec2_security_group.

C{python tests/benchmarks/bench_aws.py [--rounds 3] [--rules 300 1000]} prints API calls, seconds and ratios; it asserts
that both open the same, and nothing about time. Each figure is one ad-hoc run of a module as Ansible makes it, against
the same server on loopback; an empty run (ping) is subtracted nowhere, and printed beside. ec2_security_group knows
one group, so it is run once for each group of 60 (200 for 1,000 rules), with the rules already spread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / ".collections"), str(REPOSITORY)]

from tests.support.aws.account import Space, opened
from tests.support.aws.module import credentials, environment, packets, planned
from tests.support.aws.server import Limits, StrictAws, serve
from tests.support.peers import collection_version, peers

RUNS = ("first run", "second run", "one prefix changed")


def rules(count: int, changed: bool = False) -> list[tuple[str, str, str]]:
    """Return so many rules that cannot be joined; C{changed}: one of them is another one."""
    found = [("TCP", "443", f"198.18.{2 * number // 256}.{2 * number % 256}/32") for number in range(count)]
    return [("TCP", "443", "203.0.113.0/24"), *found[1:]] if changed else found


def ansible(aws: StrictAws, module: str, arguments: dict[str, Any]) -> None:
    """Run a module once as Ansible does."""
    collections = os.pathsep.join([str(REPOSITORY / ".collections"), str(peers())])
    settings = {"ANSIBLE_COLLECTIONS_PATH": collections, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    settings |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline", "ANSIBLE_DEPRECATION_WARNINGS": "0"}
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "--inventory=localhost,"]
    command += ["--connection=local", "--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    command += ["--module-name", module, *(["--args", json.dumps(arguments)] if arguments else [])]
    done = subprocess.run(
        command, env={**os.environ, **environment(aws), **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def ours(aws: StrictAws, vpc: str, count: int, changed: bool) -> None:
    """Apply our plan."""
    limits = {"rules_per_group": aws.limits.rules, "groups": 5, "groups_per_interface": 5}
    plan = planned(rules(count, changed), policy="deny", **limits)
    ansible(aws, "egress.allowlist.aws_security_group", {**credentials(aws), "vpc_id": vpc, "plan": plan})


def theirs(aws: StrictAws, vpc: str, count: int, changed: bool) -> None:
    """Apply the same rules with amazon.aws, one run for each group."""
    wanted, size = rules(count, changed), aws.limits.rules
    for number, start in enumerate(range(0, count, size)):
        cidrs = [network for _protocol, _ports, network in wanted[start : start + size]]
        egress = [{"proto": "tcp", "from_port": 443, "to_port": 443, "cidr_ip": cidrs, "rule_desc": "acme: calls"}]
        arguments = {"name": f"acme-{number}", "description": "acme", "vpc_id": vpc, "rules_egress": egress}
        ansible(aws, "amazon.aws.ec2_security_group", {**credentials(aws), **arguments})


def measured(aws: StrictAws, way: Callable[..., None], count: int) -> list[tuple[float, int]]:
    """Return seconds and API calls of a first run, a second one, and one with a changed prefix."""
    aws.reset()
    aws.limits = Limits(rules=max(60, count // 5))
    ec2 = aws.client()
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    found = []
    for changed in (False, False, True):
        aws.forget()
        begun = time.monotonic()
        way(aws, vpc, count, changed)
        found.append((time.monotonic() - begun, len(aws.calls)))
        with aws.aside():
            groups = [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]]
            made = [group for group in groups if group != default(ec2)]
            wanted = [(protocol.lower(), ports, network) for protocol, ports, network in rules(count, changed)]
            assert opened(ec2, *made) == Space.of(packets(wanted)), (way.__name__, count, changed)
    return found


def default(ec2: Any) -> str:
    """Return the default group, which everybody has."""
    return str(ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"])


def main() -> None:
    """Measure, in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", type=int, nargs="+", default=[300, 1000])
    asked = parser.parse_args()
    print(f"amazon.aws {collection_version(peers(), 'amazon/aws')}, median of {asked.rounds} rounds in turns")
    with serve() as aws:
        begun = time.monotonic()
        ansible(aws, "ansible.builtin.ping", {})
        print(f"an empty run (ping): {time.monotonic() - begun:.1f} s\n")
        print(f"{'':30}{'ours':>18}{'amazon.aws':>18}{'ratio':>18}")
        for count in asked.rules:
            rounds = [[measured(aws, way, count) for way in (ours, theirs)] for dummy in range(asked.rounds)]
            for place, name in enumerate(RUNS):
                seconds = [median(found[side][place][0] for found in rounds) for side in (0, 1)]
                calls = [int(median(found[side][place][1] for found in rounds)) for side in (0, 1)]
                title = f"{count} rules, {name}"
                cells = [f"{calls[side]} calls {seconds[side]:6.1f} s" for side in (0, 1)]
                ratio = f"{calls[1] / calls[0]:.1f}x, {seconds[1] / seconds[0]:.1f}x"
                print(f"{title:30}{cells[0]:>18}{cells[1]:>18}{ratio:>18}")


if __name__ == "__main__":
    main()
