# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role aws as the page of AWS shows it, run by ansible-playbook against a strict AWS on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.aws.account import Space, opened
from tests.support.aws.module import environment
from tests.support.aws.server import StrictAws
from tests.support.documents import DOCUMENTS, oracle
from tests.support.peers import peers
from tests.support.playbooks import PLAYBOOK, blocks
from tests.support.repository import REPOSITORY

KUDO = [{"name": "kudo", "regions": ["usa", "europe"]}]


def example(vpc: str) -> dict[str, Any]:
    """Return the play of the page, in the network of this account."""
    (found,) = (block for block in blocks(REPOSITORY / "docs/aws.md") if "roles:" in block)
    (play,) = yaml.safe_load(found)
    (role,) = play["roles"]
    assert role["vars"]["catalog_vendors"] == KUDO
    role["vars"] |= {"aws_egress_vpc_id": vpc, "aws_egress_region": "us-east-1"}
    return play


def run(strict_aws: StrictAws, folder: Path, play: dict[str, Any], *arguments: str) -> str:
    """Run a play; returns what it prints."""
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([play]), "utf-8")
    collections = os.pathsep.join([str(REPOSITORY / ".collections"), str(peers())])
    settings = {
        **os.environ,
        **environment(strict_aws),
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "AWS_URL": strict_aws.url,
    }
    command = [PLAYBOOK, "--inventory=localhost,", *arguments, path]
    command += ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, env=settings, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_the_example_of_the_page(strict_aws: StrictAws, tmp_path: Path) -> None:
    strict_aws.reset()
    ec2 = strict_aws.client()
    subnet = ec2.describe_subnets()["Subnets"][0]
    closed = ec2.create_security_group(GroupName="closed", Description="closed", VpcId=subnet["VpcId"])["GroupId"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=closed, IpPermissions=everything)
    given = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet["SubnetId"]}
    booth = ec2.run_instances(**given, SecurityGroupIds=[closed])["Instances"][0]
    ec2.create_tags(Resources=[booth["InstanceId"]], Tags=[{"Key": "role", "Value": "booth"}])
    interface = booth["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def attached() -> list[str]:
        (found,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        return [group["GroupId"] for group in found["Groups"]]

    play = example(subnet["VpcId"])
    strict_aws.forget()
    would = run(strict_aws, tmp_path, play, "--check", "--diff")
    assert strict_aws.writes() == []
    assert "changed=1 " in would
    done = run(strict_aws, tmp_path, play, "--diff")
    assert "changed=1 " in done
    lines = [re.findall(r"^[+-] .*", text, re.MULTILINE) for text in (would, done)]
    assert lines[0] == lines[1]
    assert "+ udp/3478 to 3.25.48.192/28  kudo: media" in lines[1] or len(lines[1]) > 10
    assert "AWS security groups" in done
    assert "*.kudoway.com" in done
    strict_aws.forget()
    assert "changed=0 " in run(strict_aws, tmp_path, play, "--diff")
    assert strict_aws.writes() == []
    assert attached()[0] == closed
    if DOCUMENTS:
        facts = [fact for fact in oracle().select(KUDO) if fact.direction == "outbound"]
        asked = [(fact.protocol, fact.first, fact.last, fact.destination) for fact in facts]
        wanted = Space.of((*found[:3], str(found[3])) for found in asked if not isinstance(found[3], str))
        assert opened(ec2, *attached()) == wanted

    play["roles"][0]["vars"]["aws_egress_state"] = "absent"
    assert "changed=1 " in run(strict_aws, tmp_path, play)
    assert attached() == [closed]
    groups = {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    assert groups == {"closed", "default"}


def test_a_list_that_does_not_fit_stops_the_play(strict_aws: StrictAws, tmp_path: Path) -> None:
    """SecureVideo's list of Zoom: 1,248 rules are more than AWS can hold on one interface at any quota."""
    strict_aws.reset()
    variables = {
        "catalog_vendors": [{"name": "securevideo", "engines": ["zoom"]}],
        "aws_egress_names": "report",
    }
    play = example(strict_aws.client().describe_vpcs()["Vpcs"][0]["VpcId"])
    play["roles"][0]["vars"] |= {**variables, "aws_egress_attach": {}, "aws_egress_groups": 5}
    strict_aws.forget()
    with pytest.raises(AssertionError) as stopped:
        run(strict_aws, tmp_path, play)
    said = " ".join(str(stopped.value).split())
    for word in ("1,248", "300", "no quota takes it as it is", "fewer engines", "aws_egress_widen_at_most"):
        assert word in said
    assert strict_aws.calls == []
