# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with systemd, as containers without a network: they boot, and a play reaches them by SSH.

with Machine("bookworm", "ufw") as machine:
    before, after = machine.steps("true", "systemctl restart nftables.service")
    machine.reboot()
    assert machine.steps("true")[0].chapters["ruleset"] == after.chapters["ruleset"]
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support.repository import REPOSITORY

MOLECULE = REPOSITORY / "extensions/molecule"
CONTAINERS = {"CONTAINERS_CONF": str(MOLECULE / "containers.conf"), "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
LABEL = "egress-allowlist.checkout"
CHECKOUT = sha256(str(REPOSITORY).encode()).hexdigest()[:8]
SNAPSHOT = Path(__file__).with_name("boot_snapshot.sh")
BOOT_SECONDS = 120  # a boot takes less than one on an idle machine
_MARK = "\x1e"
RELAY = "exec 3<>/dev/tcp/{}/22; cat <&3 & exec cat >&3"


class MachineError(Exception):
    """A container that does not do what a test needs of it."""


@dataclass(frozen=True)
class Snapshot:
    """What a machine is like after a step: its status and output, and the chapters of C{boot_snapshot.sh}."""

    status: int
    output: str
    chapters: dict[str, str]

    @property
    def seconds(self) -> float:
        """How long the step took, without the snapshot."""
        return float(self.chapters["seconds"])


def podman(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run podman with the project's settings, which give a container no network."""
    environment = {**os.environ, **CONTAINERS}
    command = ["podman", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)


def _birth(pid: int | str) -> str:
    """Return when a process was started, in the kernel's ticks, or "" if it is not there: PIDs are used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


@cache
def remove_remains() -> None:
    """Remove this checkout's containers of runs that were killed."""
    listed = podman("ps", "--all", "--filter", f"label={LABEL}={CHECKOUT}", "--format", "json")
    for container in json.loads(listed.stdout or "[]"):
        pid, dummy, birth = container["Labels"]["egress-allowlist.run"].partition("-")
        if _birth(pid) != birth:
            podman("rm", "--force", "--ignore", "--time", "0", container["Id"])


@cache
def image(suite: str) -> str:
    """Return the tag of a Debian with systemd, ufw and firewalld; the first call ever takes half a minute."""
    script = [str(MOLECULE / "containers.sh"), "image", suite]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"no image of {suite}: {done.stderr.strip()}", pytrace=False)
    return done.stdout.strip()


class Machine:
    """One machine, from its first boot to the end of the C{with}."""

    def __init__(self, suite: str, what: str, key: Path) -> None:
        """Start it. what: a word for its name. key: of SSH, beside its public part."""
        remove_remains()
        self.name = f"egress-allowlist-{CHECKOUT}-boot-{suite}-{what}-{uuid.uuid4().hex[:8]}"
        self.key = key
        run = f"{os.getpid()}-{_birth(os.getpid())}"
        labels = [f"--label={LABEL}={CHECKOUT}", f"--label=egress-allowlist.run={run}"]
        # One host name for all: what differs between two machines is what was done to them.
        # Without podman's mounts /etc/resolv.conf and /etc/hosts are files like others, as on a machine.
        options = ["--hostname=machine", "--privileged", "--systemd=always", "--dns=none", "--no-hosts"]
        started = podman("run", "--detach", "--name", self.name, *labels, *options, image(suite), "/sbin/init")
        if started.returncode:
            podman("rm", "--force", "--ignore", "--time", "0", self.name)
            raise MachineError(started.stderr)
        try:
            self._wait_for_boot()
            self.run(
                "mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys", key.with_suffix(".pub").read_text()
            )
            self.run("cat >/root/snapshot", SNAPSHOT.read_text("utf-8"))
            self.run("echo nameserver 203.0.113.53 >/etc/resolv.conf")
        except BaseException:
            self.remove()
            raise

    def __enter__(self) -> Self:
        """Return this machine."""
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the container."""
        self.remove()

    def remove(self) -> None:
        """Remove the container, running or not."""
        podman("rm", "--force", "--ignore", "--time", "0", self.name)

    def execute(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command there with a text as its input."""
        return podman("exec", "-i", self.name, *command, input=given)

    def run(self, script: str, given: str = "") -> str:
        """Return what a shell script prints. Raises MachineError with all of it when it fails."""
        done = self.execute("sh", "-ec", script, given=given)
        if done.returncode:
            raise MachineError(f"{self.name}: {script}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def steps(self, *scripts: str) -> list[Snapshot]:
        """Run shell scripts one after another, each followed by a snapshot; a script that fails stops nothing."""
        done = self.execute("sh", "/root/snapshot", *scripts)
        snapshots = []
        for text in done.stdout.split(_MARK * 2)[1:]:
            chapters = dict(chapter.split("\n", 1) for chapter in text.split(_MARK)[1:])
            snapshots.append(Snapshot(int(chapters.pop("status")), chapters.pop("output"), chapters))
        if len(snapshots) != len(scripts) or done.returncode or done.stderr:
            raise MachineError(f"{self.name}: no snapshot: {done.returncode} {done.stdout[-2000:]} {done.stderr}")
        return snapshots

    def reboot(self, *, killed: bool = False) -> None:
        """Stop it as its systemd does it, or at once, and boot it again."""
        done = podman("restart", "--time", "0" if killed else str(BOOT_SECONDS), self.name)
        if done.returncode:
            raise MachineError(f"{self.name} does not start again: {done.stderr}")
        self._wait_for_boot()

    def _wait_for_boot(self) -> None:
        """Wait until systemd has nothing left to do."""
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            state = podman("exec", self.name, "systemctl", "is-system-running", "--wait").stdout.strip()
            # Some units of the distribution cannot start in a container.
            if state in ("running", "degraded"):
                return
            time.sleep(0.1)
        jobs = podman("exec", self.name, "systemctl", "list-jobs").stdout
        raise MachineError(f"{self.name} does not come up: {state}\n{jobs}")

    def dial(self) -> str:
        """Return a command that connects its standard input and output with the machine's SSH port."""
        return f"podman exec -i {self.name} bash -c '{RELAY.format('127.0.0.1')}'"

    def play(
        self, content: str, directory: Path, *, python: str = "/usr/bin/python3"
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook's text on the host C{machine}, each connection through the machine's own SSH port.

        python: Ansible's interpreter on the machine.
        """
        playbook = directory / f"{self.name}.yml"
        playbook.write_text(content, "utf-8")
        arguments = f'-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ProxyCommand="{self.dial()}"'
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": arguments,
            "ansible_python_interpreter": python,
        }
        environment = {
            **os.environ,
            **CONTAINERS,
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_TIMEOUT": "60",
        }
        tool = REPOSITORY / ".venv/bin/ansible-playbook"
        command = [str(tool), f"--inventory={self.name},", "--extra-vars", json.dumps(variables), str(playbook)]
        return subprocess.run(
            command,
            env=environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
