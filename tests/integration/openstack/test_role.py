# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's play by ansible-playbook, with Keystone in front: a password in clouds.yaml and the role member do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.openstack.neutron import KEYSTONE, NAME, Cloud, opening, serve
from tests.support.openstack.plans import documents_say, meaning
from tests.support.playbooks import blocks
from tests.support.repository import REPOSITORY
from tests.support.vendor_oracle import Oracle, documents_directory

pytestmark = pytest.mark.usefixtures("namespaces")
PLAY: dict[str, Any] = yaml.safe_load(blocks(REPOSITORY / "docs/openstack.md")[0])[0]
VARIABLES: dict[str, Any] = PLAY["roles"][0]["vars"]
DNS = [(protocol, 53, 53, "203.0.113.53/32") for protocol in ("tcp", "udp")]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with serve(keystone=True) as found:
        yield found


class Controller:
    """Runs the page's play with a clouds.yaml."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        auth = {"auth_url": f"http://127.0.0.1:{KEYSTONE}/v3", "username": "somebody", "password": "somebody-password"}
        auth |= {"project_name": "acme", "user_domain_id": "default", "project_domain_id": "default"}
        clouds = {"mycloud": {"auth": auth, "region_name": "RegionOne"}}
        clouds["wrong"] = {"auth": {**auth, "password": "forgotten"}, "region_name": "RegionOne"}
        (folder / "clouds.yaml").write_text(json.dumps({"clouds": clouds}), "utf-8")

    def play(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run it; variables overrule the page's."""
        (self.folder / "site.yml").write_text(json.dumps([PLAY]), "utf-8")
        given = ["--extra-vars", json.dumps(variables)]
        where = {"OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"), "ANSIBLE_NOCOLOR": "1"}
        return self.cloud.play(self.folder / "site.yml", "--diff", *given, *arguments, **where)

    def opened(self) -> Any:
        """Return what the group lets out, as Neutron tells its administrator."""
        with self.cloud.inside():
            return meaning(self.cloud.as_admin().opened(NAME))


@pytest.mark.long
def test_the_play_of_the_page(cloud: Cloud, tmp_path: Path) -> None:
    controller = Controller(cloud, tmp_path)
    seen = controller.play("--check")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    with cloud.inside():
        assert cloud.writes() == []
    first = controller.play()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "changed=1 " in seen.stdout
    assert "changed=1 " in first.stdout
    assert "+ udp/3478 to 3.25.48.192/28  kudo: media" in first.stdout
    assert "names are reported only" in first.stdout
    assert "rules of the project's security groups" in first.stdout
    directory = documents_directory()
    if directory is not None:
        baseline = meaning([*DNS, opening("tcp", 80, 80, "169.254.169.254/32")])
        assert controller.opened() == documents_say(Oracle.read(directory), VARIABLES["catalog_vendors"]) | baseline
    with cloud.inside():
        cloud.forget()
    second = controller.play()
    assert "changed=0 " in second.stdout, second.stdout
    with cloud.inside():
        assert cloud.writes() == []
    grouped = controller.play("--check", openstack_egress_address_groups="always")
    summary = re.sub(r'["\s,]+', " ", grouped.stdout)
    assert "+ kept as address groups" in grouped.stdout, grouped.stdout
    assert "hybrid Open vSwitch from 21.2.1 22.2.0 23.2.0 and 24.0.0 OVN from 24.2.0 25.2.0 and 26.0.0" in summary
    assert "older ones open such a rule to every destination" in summary
    assert "every destination" not in first.stdout
    gone = controller.play(openstack_egress_state="absent")
    assert "changed=1 " in gone.stdout, gone.stdout
    with cloud.inside():
        assert cloud.as_admin().groups() == cloud.as_admin().address_groups() == []


@pytest.mark.long
def test_wrong_password_and_wrong_cloud_are_said(cloud: Cloud, tmp_path: Path) -> None:
    controller = Controller(cloud, tmp_path)
    wrong = controller.play(openstack_egress_cloud="wrong")
    unknown = controller.play(openstack_egress_cloud="elsewhere")
    assert wrong.returncode == unknown.returncode == 2
    assert "nothing was written" in wrong.stdout
    assert "forgotten" not in wrong.stdout
    assert "elsewhere" in unknown.stdout
