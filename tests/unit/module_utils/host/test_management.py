# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of the connection that manages a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
