# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays in the documentation of names, run as they are printed there on a Debian with its own dnsmasq."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import systems
from tests.support.namespaces import Namespace
from tests.support.playbooks import blocks
from tests.support.repository import REPOSITORY
from tests.support.systems import longer

PAGE = REPOSITORY / "docs" / "names.md"
PLAYS: dict[str, dict[str, Any]] = {found["hosts"]: found for text in blocks(PAGE) for found in yaml.safe_load(text)}
RESOLVER = "nameserver 192.0.2.53\n"

pytestmark = pytest.mark.usefixtures("namespaces")


def test_there_is_a_host_and_a_gateway() -> None:
    assert set(PLAYS) == {"booths", "gateway"}


@pytest.mark.parametrize(
    ("hosts", "names", "asks_itself"),
    longer(
        [("booths", ["*.kudoway.com", "*.kudoway.eu", "*.opentok.com", "*.tokbox.com"], True)],
        [
            (
                "gateway",
                ["*.kudoway.ca", "*.kudoway.com", "*.kudoway.eu", "*.opentok.com", "*.tokbox.com", "*.zoom.us"],
                False,
            )
        ],
        unpack=True,
    ),
)
def test_a_play_of_the_documentation(hosts: str, names: list[str], asks_itself: bool, tmp_path: Path) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(
        yaml.safe_dump([{**PLAYS[hosts], "hosts": "localhost", "become": False, "gather_facts": False}])
    )
    space = Namespace(system=systems.system("bookworm"))
    try:
        space.target(["tee", "/etc/resolv.conf"], input=RESOLVER, check=True)
        done = systems.play(space, playbook, "--diff")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "changed=1 " in done.stdout
        assert sorted(re.findall(r"^\+ name (\*\.\S+)", done.stdout, re.MULTILINE)) == names
        assert "names are reported only" not in done.stdout
        assert re.search(r'"  not enforced +nothing"', done.stdout)
        listed = space.target(["nft", "list", "sets", "inet"], check=True).stdout
        for name in names:
            assert f"set asked4_{name[2:]} " in listed
            assert f"set leased6_{name[2:]} " in listed
        again = systems.play(space, playbook, "--diff")
        assert "changed=0 " in again.stdout, again.stdout + again.stderr
        resolver = space.target(["cat", "/etc/resolv.conf"]).stdout
        assert ("nameserver 127.0.0.1\n" in resolver) is asks_itself
        assert (resolver == RESOLVER) is not asks_itself
    finally:
        space.close()
