# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role azure as people run it: the play of docs/azure.md, and the collection's own playbooks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.azure.cloud import GROUP, RESOURCE_GROUP, SUBSCRIPTION
from tests.support.azure.contract import opened
from tests.support.azure.host import AzureHost
from tests.support.playbooks import PLAYBOOK, blocks, text_of
from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "azure.md"
PLACE = {"azure_egress_resource_group": RESOURCE_GROUP, "azure_egress_security_group": GROUP}


def run(host: AzureHost, *arguments: str | Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in the environment in which only this Azure can be reached."""
    command = [PLAYBOOK, *arguments, "-e", json.dumps(variables)]
    return subprocess.run(
        list(map(str, command)),
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.long
def test_the_play_of_the_page(host: AzureHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Applied, applied again and removed; the subscription comes from module_defaults."""
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    play = tmp_path / "play.yml"
    play.write_text(blocks(PAGE)[0])
    start = host.cloud.snapshot()
    done = run(host, play, "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1 " in done.stdout
    for line in ("+ udp/3478 to 3.25.48.192/28  kudo: media", "+ stopped, all to everywhere"):
        assert line in done.stdout
    assert "rules in the network security group" in done.stdout
    rules = host.cloud.rules()
    assert opened(rules, "udp", "3.25.48.193", 3478)
    assert opened(rules, "udp", "192.0.2.123", 123)
    assert not opened(rules, "udp", "3.25.48.193", 53)
    assert not opened(rules, "tcp", "198.51.100.1", 443)
    assert host.cloud.attached() == ["interpreters"]
    host.writes()
    again = run(host, play)
    assert "changed=0 " in again.stdout, again.stdout
    assert host.writes() == []
    gone = run(host, play, "--diff", azure_egress_state="absent")
    assert "- network security group interpreters" in gone.stdout, gone.stdout
    assert host.cloud.snapshot() == start
    assert not host.proxy.refused
    [role] = blocks(PAGE, "json")
    assert host.cloud.actions <= set(json.loads(role)["Actions"])


@pytest.mark.long
def test_the_playbooks_of_the_collection(host: AzureHost) -> None:
    host.cloud.add()
    common = {"apply_backend": "azure", **PLACE}
    start = host.cloud.snapshot()
    checked = run(host, "playbooks/apply-kudo.yml", "--check", "--diff", kudo_regions="usa", **common)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "+ udp/3478 to 3.25.48.192/28  kudo: media" in checked.stdout
    assert host.cloud.snapshot() == start
    done = run(host, "playbooks/apply-kudo.yml", kudo_regions="usa", **common)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this restricts nothing: Azure's default rule AllowInternetOutBound (65001)" in done.stdout
    assert "names are reported only" in done.stdout
    assert opened(host.cloud.rules(), "tcp", "192.0.2.1", 443)
    refused = run(host, "playbooks/apply-kudo.yml", kudo_regions="usa", azure_egress_policy="deny", **common)
    assert refused.returncode == 2
    assert "Set azure_egress_names to report" in refused.stdout
    removed = run(host, "playbooks/remove.yml", **common)
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert host.cloud.rules() == []
    assert host.cloud.group() is not None


def test_the_tasks_of_the_page_are_examples_of_the_module() -> None:
    """The page's permissions name this subscription, and its task takes what the module takes."""
    [role] = blocks(PAGE, "json")
    assert json.loads(role)["AssignableScopes"] == [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"]
    module = REPOSITORY / "plugins/modules/azure_security_group.py"
    options = {*yaml.safe_load(text_of(module, "DOCUMENTATION"))["options"], "state", "name", "plan"}
    for task in [*yaml.safe_load(blocks(PAGE)[1]), *yaml.safe_load(text_of(module, "EXAMPLES"))]:
        assert task["egress.allowlist.azure_security_group"].keys() <= options
