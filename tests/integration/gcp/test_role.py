# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role for Google Cloud as people run it: the plays of its page, the module's examples, and the way out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.gcp.cloud import LOGIN, PROJECT, TOKEN
from tests.support.gcp.module import World
from tests.support.playbooks import PLAYBOOK, blocks, text_of
from tests.support.repository import REPOSITORY


def play(world: World, *arguments: str | Path, **environment: str) -> str:
    """Run ansible-playbook, which can reach the fake and nothing else; returns what it prints. Fails where it fails."""
    done = subprocess.run(
        [PLAYBOOK, "-e", f"ansible_python_interpreter={sys.executable}", *arguments],
        cwd=REPOSITORY,
        env=world.environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.cloud.broken == []
    assert world.proxy.refused == []
    assert world.proxy.errors == []
    return done.stdout


def page() -> list[list[dict[str, Any]]]:
    """The plays of docs/gcp.md."""
    found = [yaml.safe_load(block) for block in blocks(REPOSITORY / "docs" / "gcp.md")]
    return [block for block in found if isinstance(block, list)]


def examples() -> list[dict[str, Any]]:
    """The examples of the module, as tasks."""
    module = REPOSITORY / "plugins" / "modules" / "gcp_security_group.py"
    found: list[dict[str, Any]] = yaml.safe_load(text_of(module, "EXAMPLES"))
    return found


@pytest.mark.long
def test_the_first_play_of_the_page(world: World, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.cloud.public_key = key.public_key()
    pem = serialization.Encoding.PEM
    account = {
        "type": "service_account",
        "client_email": "ansible@acme-video.iam.gserviceaccount.com",
        "private_key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
        "token_uri": f"https://{LOGIN}/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account), "utf-8")
    (tmp_path / "site.yml").write_text(yaml.safe_dump(page()[0]), "utf-8")
    environment = {"GCP_SERVICE_ACCOUNT_FILE": str(tmp_path / "account.json")}

    told = play(world, tmp_path / "site.yml", "--diff", **environment)
    assert "changed=1 " in told
    assert "+ udp/3478 to 3.25.48.192/28  kudo: media\n" in told
    assert "- everything to everywhere  (default rule)\n" in told
    for text in (
        "Google Cloud firewall rules",
        "VPC firewall rules per project",
        "names are reported only",
        "169.254.169.254",
        "*.kudoway.com",
    ):
        assert text in told, text
    rules = world.ours().values()
    assert {tuple(rule["targetTags"]) for rule in rules} == {("interpreters",)}
    assert world.cloud.allows("udp", "3.25.48.193", 3478, tags=["interpreters"])
    assert world.cloud.allows("tcp", "10.1.2.3", 5432, tags=["interpreters"])
    assert not world.cloud.allows("tcp", "10.1.2.3", 5433, tags=["interpreters"])
    assert world.cloud.allows("tcp", "10.1.2.3", 5433, tags=["db"])

    world.asked()
    assert "changed=0 " in play(world, tmp_path / "site.yml", **environment)
    assert world.asked() == []

    given = {"GCP_PROJECT": PROJECT, "GCP_AUTH_KIND": "serviceaccount", **environment}
    arguments = ["-e", "apply_backend=gcp", "-e", "gcp_egress_network=production"]
    assert "changed=1 " in play(world, "playbooks/remove.yml", *arguments, **given)
    assert world.ours() == {}


@pytest.mark.long
def test_a_policy_and_the_examples_of_the_module(world: World, tmp_path: Path) -> None:
    world.cloud.add_policy("egress")
    catalog = {"role": "egress.allowlist.catalog", "catalog_vendors": [{"name": "kudo", "regions": "usa"}]}
    others = {"hosts": "localhost", "gather_facts": False, "roles": [catalog], "tasks": examples()}
    (tmp_path / "site.yml").write_text(yaml.safe_dump([*page()[1], others]), "utf-8")
    told = play(world, tmp_path / "site.yml", GCP_AUTH_KIND="accesstoken", GCP_ACCESS_TOKEN=TOKEN)
    assert "changed=3 " in told  # the policy, and the examples: made and removed
    assert "enforced by name" in told
    assert TOKEN not in told
    assert world.ours() == {}
    rules = [rule for rule in world.cloud.policies["", "egress"]["rules"] if "destFqdns" in rule["match"]]
    assert rules
    assert all(rule["targetServiceAccounts"] == ["media@acme-video.iam.gserviceaccount.com"] for rule in rules)
