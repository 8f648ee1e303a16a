# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller and hosts that it reaches by SSH, each in a namespace of its own, without a way out.

with ExitStack() as ends:
    fleet = Fleet(ends, ["one", "two"], tmp_path)
    fleet.play("site.yml", ["--check"])
    fleet.hosts["one"].target(["nft", "list", "ruleset"])
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tests.support.namespaces import BITS, Namespace, add_addresses, link, namespaces
from tests.support.repository import REPOSITORY
from tests.support.ssh import new_key
from tests.support.systems import system
from tests.support.waiting import until

# root's password is "root": for become by su. The user may become root by sudo.
_SERVER = """
mkdir -p /run/sshd -m 755 && ssh-keygen -A >/dev/null
useradd --create-home --shell /bin/bash engineer
printf 'root:root\nengineer:engineer\n' | chpasswd
echo 'engineer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/engineer
for home in /root /home/engineer; do
    mkdir -p -m 700 $home/.ssh && cat /run/key.pub >$home/.ssh/authorized_keys
    chown -R --reference=$home $home/.ssh
done
/usr/sbin/sshd -o UsePAM=no -o LogLevel=ERROR
"""


class Fleet:
    """The controller, and C{hosts} by name."""

    def __init__(self, ends: ExitStack, names: Sequence[str], folder: Path, suite: str = "bookworm") -> None:
        """Start all of them; they end with C{ends}."""
        self._key = new_key(folder)
        # Short: the path of a socket has 108 bytes at most.
        self._sockets = tempfile.mkdtemp(prefix="cp-")
        ends.callback(shutil.rmtree, self._sockets, ignore_errors=True)
        self._folder = folder
        self.controller = namespaces(ends, 1)[0]
        self.hosts: dict[str, Namespace] = {}
        self.inventory: dict[str, dict[str, Any]] = {}
        for number, name in enumerate(names, 1):
            self._add(ends, name, number, suite)

    def _add(self, ends: ExitStack, name: str, number: int, suite: str) -> None:
        host = namespaces(ends, 1, system(suite))[0]
        link(self.controller, f"to{number}", host, "eth0")
        add_addresses(self.controller, f"to{number}", {4: f"10.99.{number}.1"}, BITS)
        add_addresses(host, "eth0", {4: f"10.99.{number}.2"}, BITS)
        host.target(["sh", "-c", "cat >/run/key.pub"], input=self._key.with_suffix(".pub").read_text(), check=True)
        host.target(["sh", "-ec", _SERVER], check=True)
        self.hosts[name] = host
        self.inventory[name] = {"ansible_host": f"10.99.{number}.2"}
        reach = ["bash", "-c", f"exec 3<>/dev/tcp/10.99.{number}.2/22"]
        assert until(lambda: self.controller.run(reach).returncode == 0), f"{name} cannot be reached"

    def play(
        self, plays: list[dict[str, Any]], arguments: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run plays from the controller, on hosts C{all} or by their names."""
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._key),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        inventory, playbook = self._folder / "inventory.yml", self._folder / "play.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": self.inventory, "vars": variables}}), "utf-8")
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False), "utf-8")
        (self._folder / "ansible.cfg").touch()
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self._sockets,
            "ANSIBLE_TIMEOUT": "3",
            **environment,
        }
        tool = Path(sys.executable).with_name("ansible-playbook")
        command = [tool, f"--inventory={inventory}", *arguments, playbook]
        return self.controller.run(command, env={**os.environ, **settings}, stdin=subprocess.DEVNULL)

    def confirmed(self) -> dict[str, bool]:
        """Return of each host whether it has a confirmed list of nftables, and nothing that waits."""
        script = "nft list table inet egress_allowlist >/dev/null && cd /etc/egress-allowlist && echo $(ls -A)"
        return {
            name: host.target(["sh", "-c", script]).stdout == "load-nftables nftables.nft\n"
            for name, host in self.hosts.items()
        }
