# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The play with module_defaults of the clouds' page, and the playbook that removes, against an AWS on loopback."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.aws.module import environment
from tests.support.aws.server import KEY, StrictAws, serve
from tests.support.peers import peers
from tests.support.playbooks import PLAYBOOK, blocks
from tests.support.repository import REPOSITORY

PLAY = next(text for text in blocks(REPOSITORY / "docs" / "clouds.md") if "profile:" in text)
PLACE = "apply_backend=aws aws_egress_name=twilio aws_egress_profile=network"


def play(aws: StrictAws, folder: Path, *arguments: str) -> str:
    """Run a playbook whose credentials are in a profile only; returns what it prints."""
    profile = "".join(f"{key} = {value}\n" for key, value in KEY.items())
    (folder / "credentials").write_text(f"[network]\n{profile}")
    given = {name: value for name, value in environment(aws).items() if name not in map(str.upper, KEY)}
    given |= {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [PLAYBOOK, *arguments],
        cwd=REPOSITORY,
        env={**kept, **given, "ANSIBLE_COLLECTIONS_PATH": f"{REPOSITORY / '.collections'}:{peers()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_module_defaults_and_the_playbook_that_removes(tmp_path: Path) -> None:
    with serve() as aws:
        aws.reset()
        vpc = aws.client().describe_vpcs()["Vpcs"][0]["VpcId"]
        playbook = tmp_path / "site.yml"
        playbook.write_text(re.sub(r"vpc-\w+", vpc, PLAY).replace("eu-central-1", aws.region))
        assert yaml.safe_load(playbook.read_text())[0]["module_defaults"], "what this is about"
        told = play(aws, tmp_path, str(playbook), "--diff")
        assert "changed=1 " in told
        assert "+udp/" in told.replace("+ udp/", "+udp/")
        assert "Backend AWS security groups, policy unmanaged" in told
        assert re.search(r"rules for IPv4 in .* groups of 60 +0 -> 2[01]", told), told
        assert "this restricts nothing: the default rule" in told
        groups = aws.client().describe_security_groups()["SecurityGroups"]
        assert [group["GroupName"] for group in groups if group["GroupName"] != "default"] == ["twilio-1"]
        told = play(aws, tmp_path, "playbooks/remove.yml", f"--extra-vars={PLACE}", "--diff")
        assert "changed=1 " in told
        groups = aws.client().describe_security_groups()["SecurityGroups"]
        assert [group["GroupName"] for group in groups] == ["default"]
