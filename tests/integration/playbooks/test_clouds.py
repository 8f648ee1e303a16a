# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays for clouds, as far as they go without a cloud: names looked up on the controller, and what stops a play."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import systems
from tests.support.names.zone import SILENT, Zone
from tests.support.namespaces import Namespace
from tests.support.playbooks import PLAYBOOK, blocks
from tests.support.repository import REPOSITORY
from tests.support.rules import row

CLOUDS = ("aws", "azure", "gcp", "openstack")
# What says where a cloud's groups are, for a module and for its role; and what a module says that has no library.
PLACE: dict[str, dict[str, str]] = {
    "aws": {"region": "eu-central-1"},
    "azure": {"resource_group": "media", "security_group": "media"},
    "gcp": {"project": "media", "network": "media"},
    "openstack": {"cloud": "media"},
}
NEEDED = {cloud: " ".join(f"{cloud}_egress_{name}={value}" for name, value in PLACE[cloud].items()) for cloud in CLOUDS}
INSTALL = {
    "aws": "ansible-galaxy collection install amazon.aws",
    "azure": "-m pip install azure-mgmt-network azure-identity",
    "gcp": "-m pip install google-auth requests",
    "openstack": "-m pip install openstacksdk",
}
NAMES = ["api.kudo.com", "media.kudo.com", "none.kudo.com", "inside.kudo.com", "*.zoom.us"]

pytestmark = pytest.mark.usefixtures("namespaces")


class Controller:
    """A controller in a namespace whose only name server is a zone of the test's."""

    def __init__(self, space: Namespace, folder: Path) -> None:
        self.space, self._folder = space, folder
        # A search domain in which every name exists: it must not matter.
        resolv = "nameserver 127.0.0.1\nsearch corp.example\noptions timeout:1 attempts:1\n"
        space.script(f"printf '%s' '{resolv}' > /etc/resolv.conf\nprintf 'hosts: dns\\n' > /etc/nsswitch.conf")
        self.zone = Zone(space, ["127.0.0.1"])
        self.zone.put("api.kudo.com", "52.84.0.10", "52.84.0.9", "2600:9000::1")
        self.zone.alias("media.kudo.com", "edge.example.net")
        self.zone.put("edge.example.net", "52.84.0.11")
        self.zone.put("inside.kudo.com", "10.0.0.1", "fd00::1")
        self.zone.put("none.kudo.com.corp.example", "52.84.0.66")

    def resolve(self, *names: str) -> subprocess.CompletedProcess[str]:
        """Run a play that looks up the names of an allowlist and prints what it got."""
        found = "lookup('egress.allowlist.resolve', allowlist, tries=2, seconds=8)"
        task = {
            "ansible.builtin.debug": {"msg": "{{ 'FOUND=' ~ (" + found + " | to_json) ~ '=' }}"},
            "vars": {"allowlist": "{{ rows | egress.allowlist.expand_rows | egress.allowlist.merge_vendors }}"},
        }
        play = {"hosts": "localhost", "gather_facts": False, "vars": {"rows": [row(name) for name in names]}}
        playbook = self._folder / "resolve.yml"
        playbook.write_text(yaml.safe_dump([{**play, "tasks": [task]}]))
        return systems.play(self.space, playbook)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    space = Namespace()
    made = Controller(space, tmp_path)
    yield made
    made.zone.close()
    space.close()


def test_names_are_looked_up_on_the_controller(controller: Controller) -> None:
    done = controller.resolve(*NAMES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.split("FOUND=")[1].split("=")[0].replace('\\"', '"')) == {
        "api.kudo.com": ["52.84.0.9", "52.84.0.10", "2600:9000::1"],
        "media.kudo.com": ["52.84.0.11"],
        "none.kudo.com": [],
        "inside.kudo.com": [],
    }
    assert {kind for name, kind in controller.zone.asked if name == "api.kudo.com"} == {"A", "AAAA"}
    assert not [name for name, _kind in controller.zone.asked if name.endswith(("corp.example", "zoom.us"))]


@pytest.mark.parametrize("how", systems.longer(["SERVFAIL"], [SILENT]))
def test_a_name_without_an_answer_stops_the_play(controller: Controller, how: str) -> None:
    controller.zone.fail("media.kudo.com", how)
    done = controller.resolve(*NAMES)
    assert done.returncode == 2
    assert "1 name has no answer" in done.stdout
    assert "media.kudo.com (acme: calls): Temporary failure" in done.stdout
    assert "api.kudo.com (" not in done.stdout


def bare_python(folder: Path) -> Path:
    """Return a Python that has its standard library only."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("cloud", systems.longer(["openstack"], ["aws", "azure", "gcp"]))
@pytest.mark.parametrize("playbook", ["apply-kudo", "remove"])
def test_a_cloud_is_reached_from_the_controller_without_other_rights(
    controller: Controller, cloud: str, playbook: str, tmp_path: Path
) -> None:
    """The inventory's hosts are left alone, and nobody becomes another user: that would fail here."""
    inventory = tmp_path / "inventory"
    inventory.write_text("elsewhere.example.com\n")
    chosen = f"apply_backend={cloud} {cloud}_egress_names=resolve {NEEDED[cloud]}"
    done = controller.space.run(
        [
            PLAYBOOK,
            f"--inventory={inventory}",
            f"playbooks/{playbook}.yml",
            f"--extra-vars=kudo_regions=usa kudo_names=hosts {chosen}",
            f"--extra-vars=ansible_become_exe=/bin/false ansible_python_interpreter={bare_python(tmp_path)}",
        ],
        cwd=REPOSITORY,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "elsewhere" not in done.stdout
    assert INSTALL[cloud] in done.stdout
    assert "localhost                  : ok=" in done.stdout
    assert "changed=0 " in done.stdout
    asked = {name for name, _kind in controller.zone.asked}
    assert ("live.kudoway.com" in asked) is (playbook != "remove")


def test_a_missing_library_says_what_installs_it(tmp_path: Path) -> None:
    """All options come by module_defaults: without them a module would say first what it needs."""
    defaults: dict[str, dict[str, str]] = {"group/egress.allowlist.clouds": {"state": "absent"}}
    defaults |= {f"group/egress.allowlist.{cloud}": PLACE[cloud] for cloud in CLOUDS}
    tasks = [{f"egress.allowlist.{cloud}_security_group": {}, "ignore_errors": True} for cloud in CLOUDS]
    play = {"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}
    playbook = tmp_path / "missing.yml"
    playbook.write_text(yaml.safe_dump([play]))
    space = Namespace()
    try:
        done = space.run(
            [
                PLAYBOOK,
                "--inventory=localhost,",
                "--connection=local",
                f"--extra-vars=ansible_python_interpreter={bare_python(tmp_path)}",
                playbook,
            ],
            cwd=REPOSITORY,
        )
    finally:
        space.close()
    failed = [line for line in done.stdout.splitlines() if line.startswith("fatal: ")]
    assert len(failed) == len(CLOUDS), done.stdout + done.stderr
    for cloud, line in zip(CLOUDS, failed, strict=True):
        assert INSTALL[cloud] in line


def test_the_play_of_the_page_plans_without_a_cloud(tmp_path: Path) -> None:
    (play,) = (text for text in blocks(REPOSITORY / "docs" / "clouds.md") if "_plan(" in text)
    playbook = tmp_path / "plan.yml"
    playbook.write_text(play)
    space = Namespace()
    try:
        done = systems.play(space, playbook)
    finally:
        space.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"need": 196' in done.stdout  # 49 prefixes, 4 services
    assert '"limit": 300' in done.stdout
