# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package that is installed and whose command is not there: the play fails, and does not claim to have applied."""

from __future__ import annotations

import json

import pytest

from tests.support.namespaces import Namespace
from tests.support.systems import longer, play, system

KUDO = json.dumps({"catalog_vendors": [{"name": "kudo", "regions": "usa"}]})
COMMANDS = {"nftables": "nft", "ufw": "ufw", "firewalld": "firewall-cmd"}

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.mark.parametrize("backend", longer(["ufw"], ["firewalld", "nftables"]))
def test_a_command_that_is_missing_after_the_installation_is_an_error(backend: str) -> None:
    command = COMMANDS[backend]
    space = Namespace(system("bookworm"))
    try:
        space.target(["sh", "-ec", f"rm $(command -v {command})"], check=True)
        chosen = ["-e", KUDO, "-e", f"apply_backend={backend}", "-e", f"{backend}_egress_names=report"]
        # Check mode installs nothing, and does not mind.
        tried = play(space, "playbooks/apply.yml", *chosen, "--check").returncode if backend == "nftables" else 0
        done = play(space, "playbooks/apply.yml", *chosen)
    finally:
        space.close()
    assert tried == 0
    assert done.returncode, done.stdout
    assert "failed=1" in done.stdout
    assert f"{command} (package {backend}) is not installed, although its package was installed just now" in done.stdout
