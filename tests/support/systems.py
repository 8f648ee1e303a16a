# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other systems as targets in sandboxes: Debians with ufw and firewalld, and how these two are started there.

with host_world(system("bookworm")) as world:
    firewalld = start_firewalld(world.host)
    world.target(["firewall-cmd", "--list-all"])
    play(world.host, "site.yml")               # the modules run on the target's Python
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.namespaces import MOUNTED, Namespace, WorldError
from tests.support.repository import REPOSITORY

LONG = bool(os.environ.get("LONG_RUNS"))  # only what the short run leaves out
SOAK = os.environ.get("SOAK_SEED", "")  # what makes random choices others than always; see scripts/soak.py
SUITES = ("bullseye", "bookworm", "trixie")  # Debian 11, 12 and 13
PYTHON = Path(__file__).with_name("system-python")
SHARED = "/run/ansible"  # seen by the controller and the target alike
_LOG = "/run/firewalld.log"
_LIBRARY = "/opt/ansible"
_WAIT = """
for try in $(seq 200); do
    ! firewall-cmd --state >/dev/null 2>&1 || exit 0
    kill -0 "$1" || exit 1
    sleep 0.05
done
exit 1
"""


def longer(few: Iterable[Any], more: Iterable[Any], *, unpack: bool = False) -> list[Any]:
    """Return parameters of a test or fixture: C{few} for the short run, C{more} for the long one.

    unpack: each is a tuple of several parameters. A test whose size LONG changes is marked C{sized} and is in both.
    """
    return [*few, *(pytest.param(*(value if unpack else (value,)), marks=pytest.mark.long) for value in more)]


@cache
def system(suite: str) -> Path:
    """Return the directory of a system's files, read-only by agreement; the first call ever takes 20 seconds."""
    script = [str(REPOSITORY / "scripts/system.sh"), suite]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorldError(done.stderr.strip())
    return Path(done.stdout.strip())


def play(space: Namespace, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook on the controller's side, its modules on the target; local connection, host C{localhost}."""
    return _ansible(space, "ansible-playbook", "--inventory=localhost,", *arguments, **options)


def adhoc(space: Namespace, module: str, args: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run one module on the target as C{ansible -m} does."""
    given = ["--args", args] if args else []
    return _ansible(space, "ansible", "localhost", "--inventory=localhost,", "--module-name", module, *given, **options)


def _ansible(space: Namespace, tool: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    # As variables: they come before those of an implicit localhost, whose Python is the controller's.
    extra = ["--connection=local"]
    if space.system:
        extra += ["--extra-vars", f"ansible_python_interpreter={PYTHON} ansible_remote_tmp={SHARED}/tmp"]
        extra += ["--extra-vars", f"ansible_async_dir={SHARED}/async"]
    else:
        extra += ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    options = {"cwd": REPOSITORY, **options}
    return space.run([Path(sys.executable).with_name(tool), *extra, *arguments], **options)


def module_environment(space: Namespace) -> dict[str, str]:
    """Return what the target's Python needs in its environment to import Ansible's module_utils and this collection.

    For tests that call a module's C{main} without a play around it. Nothing else of the controller's Python is seen.
    """
    collections = str(REPOSITORY / ".collections")
    if not space.system:
        return {"PYTHONPATH": collections}
    library = f"{MOUNTED}{_LIBRARY}/ansible"
    found = find_spec("ansible")
    assert found
    assert found.origin
    source = Path(found.origin).parent
    space.script(
        f"! mountpoint -q {library} || exit 0\n"
        f"mkdir -p {library}\nmount --bind '{source}' {library}\nmount -o remount,bind,ro {library}"
    )
    return {"PYTHONPATH": f"{_LIBRARY}:{collections}"}


@dataclass
class Firewalld:
    """A firewalld that runs in a namespace's second system, without systemd."""

    space: Namespace
    pid: int = 0  # in the namespace, 0 when it does not run

    def start(self) -> None:
        """Start it; returns when it answers. Raises WorldError with its log when it does not come up."""
        done = self.space.target(["sh", "-c", f"setsid firewalld --nofork --nopid >{_LOG} 2>&1 </dev/null & echo $!"])
        self.pid = int(done.stdout)
        if self.space.target(["sh", "-c", _WAIT, "sh", str(self.pid)]).returncode:
            raise WorldError(f"firewalld does not come up: {self.log()}")

    def stop(self) -> None:
        """End it as a service manager does: its rules go with it."""
        self._end("TERM")

    def kill(self) -> None:
        """End it by SIGKILL: its rules stay in the kernel, except from 2.0 on, whose tables end with their owner."""
        self._end("KILL")

    def restart(self) -> None:
        """End it and start it again."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Return what it printed since it was last started."""
        return self.space.target(["cat", _LOG]).stdout

    def _end(self, signal: str) -> None:
        wait = (
            f"kill -s {signal} $1; for try in $(seq 200); do kill -0 $1 2>/dev/null || exit 0; sleep 0.05; done; exit 1"
        )
        done = self.space.target(["sh", "-c", wait, "sh", str(self.pid)])
        if done.returncode:
            raise WorldError(f"firewalld does not end: {done.stderr.strip()}")
        self.pid = 0


def start_firewalld(space: Namespace) -> Firewalld:
    """Start firewalld, and D-Bus for it if that does not run yet, in a namespace's second system."""
    bus = "test -e /run/dbus/pid || { mkdir -p /run/dbus && dbus-daemon --system --fork; }"
    done = space.target(["sh", "-c", bus])
    if done.returncode:
        raise WorldError(f"D-Bus does not come up: {done.stderr.strip()}")
    firewalld = Firewalld(space)
    firewalld.start()
    return firewalld


def enable_ufw(space: Namespace) -> None:
    """Enable ufw, which loads its rules, in a namespace's second system."""
    done = space.target(["ufw", "--force", "enable"])
    if done.returncode:
        raise WorldError(f"ufw cannot be enabled: {done.stderr.strip()}")
