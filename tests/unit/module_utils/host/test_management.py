# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports by which a host is managed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import management
from ansible_collections.egress.allowlist.plugins.module_utils._host.management import management_ports

from tests.support.repository import REPOSITORY


def test_the_management_port_is_found_in_the_ancestors() -> None:
    """The way it is on a host: a shell of sshd's, sudo that clears the environment, the module."""
    script = (
        "import json; from ansible_collections.egress.allowlist.plugins.module_utils._host import management; "
        "print(json.dumps(management.management_ports()))"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    cleared = ["env", "-i", f"PYTHONPATH={REPOSITORY}/.collections", sys.executable, "-c", script]
    for address in ("192.0.2.1 50000 192.0.2.2 2222", "2001:db8::1 50000 2001:db8::2 2222"):
        done = subprocess.run(
            ["sh", "-c", '"$@"; true', "sh", *cleared],
            env={**plain, "SSH_CONNECTION": address},
            capture_output=True,
            text=True,
            check=True,
        )
        assert {22, 2222} <= set(json.loads(done.stdout))
    assert 22 in management_ports()


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("Port 2222\n", "", {2222}),
        ("  port=2222\nPort 2223", "", {2222, 2223}),
        ("ListenAddress 192.0.2.1:2222\nListenAddress [2001:db8::1]:2223\n", "", {2222, 2223}),
        ("listenaddress host.example.org:2224\n", "", {2224}),
        ("ListenAddress 2001:db8::1\nListenAddress 192.0.2.1\nListenAddress [2001:db8::2]\n", "", set()),
        ("Include sshd_config.d/*.conf\n", "Port 2222\n", {2222}),
        ("#Port 2222\n", "Port 2223\n", set()),
        ('Port "2222"\nport="2223"\n', "", {2222, 2223}),
        ('ListenAddress "192.0.2.1:2222"\nListenAddress "[2001:db8::1]:2223"\n', "", {2222, 2223}),
        ('Include "sshd_config.d/*.conf"\n', 'Port "2222" # mine\n', {2222}),
        ("Port 0\nPort 65536\nPort 70000\nListenAddress 192.0.2.1:99999\nPort 65535\n", "", {65535}),
        ("Port 22x\nPort -1\n", "", set()),
        ("", "", set()),
    ],
)  # fmt: skip
def test_ports_in_the_servers_configuration(
    text: str, more: str, expected: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("sshd_config").write_text(text)
    tmp_path.joinpath("sshd_config.d").mkdir()
    tmp_path.joinpath("sshd_config.d", "more.conf").write_text(more)
    monkeypatch.setattr(management, "_CONFIGURATION", str(tmp_path / "sshd_config"))
    assert management._configured() == expected
