# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a namespace on which a module runs as Ansible runs it on a target, but without the play around it."""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from weakref import WeakKeyDictionary

from tests.support.forking import Forks, Run
from tests.support.namespaces import ENVIRONMENT, MOUNTED, Namespace
from tests.support.systems import module_environment
from tests.support.waiting import until

_FORKS: WeakKeyDictionary[Namespace, dict[str, Forks]] = WeakKeyDictionary()  # by backend
# Ends the wait of each way back, which is a child of the process whose number is kept beside its script.
_ELAPSE = """
for file in /run/egress-allowlist/{backend}.revert-*.pid; do
    read -r waiting 2>/dev/null <"$file" || continue
    for child in $(cat "/proc/$waiting/task/$waiting/children" 2>/dev/null); do
        [ "$(cat "/proc/$child/comm")" = sleep ] || continue
        tr '\\0' ' ' <"/proc/$child/cmdline" | cut -d ' ' -f 2
        kill "$child"
    done
done
"""


class ModuleHost:
    """What the hosts of all backends have in common; C{space} is set by whoever derives from it."""

    name: str  # of the backend
    native: str  # its option with the native form
    space: Namespace
    path: str  # where commands are looked for
    umask = "022"  # of the module

    def begin(self, *, check: bool = False, **params: Any) -> Run:
        """Start the module in a process group of its own; C{finish} waits for it."""
        arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **params}}
        environment = {**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"} if self.space.system else dict(os.environ)
        environment |= {**module_environment(self.space), "PATH": self.path, "TEST_UMASK": self.umask}
        forks = _FORKS.setdefault(self.space, {})
        if self.name not in forks:
            python = ["chroot", MOUNTED, "/usr/bin/python3"] if self.space.system else [sys.executable]
            forks[self.name] = Forks(self.space, python, f"{self.name}_host", environment)
        return forks[self.name].run(json.dumps(arguments), environment)

    def module(self, **params: Any) -> dict[str, Any]:
        """Run the module; returns what it says, failed or not."""
        return finish(self.begin(**params))

    def apply(self, native: dict, *, after: int = 0, **params: Any) -> dict[str, Any]:
        """Apply and, unless C{after} arms the way back, confirm at once; fails where the module fails."""
        done = self.module(**{self.native: native}, revert_after=after, **params)
        assert not done.get("failed"), done
        return done

    def remove(self) -> None:
        """Remove what is applied; fails where the module fails."""
        gone = self.module(state="absent")
        assert not gone.get("failed"), gone

    def confirm(self, applied: dict[str, Any]) -> dict[str, Any]:
        """Confirm what an armed run applied."""
        return self.module(state="confirmed", token=applied["token"])

    def waiting(self) -> list[str]:
        """Return the numbers of the processes that wait to go back; at least one must be armed."""
        found: list[str] = []

        def began() -> bool:
            found.extend(self.shell(f"cat /run/egress-allowlist/{self.name}.revert-*.pid 2>/dev/null || :").split())
            return bool(found)

        assert until(began), "no way back is armed"
        return found

    def running(self, *processes: str) -> list[str]:
        """Return those of these processes that have not ended."""
        return self.shell(f"for one in {' '.join(processes)}; do ! kill -0 $one 2>/dev/null || echo $one; done").split()

    def elapse(self) -> list[str]:
        """Let the time of the armed ways back be over at once; returns the seconds that each was to wait."""
        waited: list[str] = []

        def ended() -> bool:
            waited.extend(self.shell(_ELAPSE.format(backend=self.name)).split())
            return bool(waited)

        assert until(ended), "no way back is armed"
        return waited

    def go_back(self, applied: dict[str, Any]) -> None:
        """Do now what the host does by itself when the time of an armed run is over."""
        script = f"/run/egress-allowlist/{self.name}.revert-{applied['token']}"
        self.shell(f"setsid sh {script} {applied['token']} >/dev/null 2>&1 </dev/null &")

    def hindrance(self) -> str:
        """Return what the way back says that hinders it, '' where nothing does."""
        return self.shell("cat /run/egress-allowlist/*.hindered 2>/dev/null || true")

    def shell(self, script: str) -> str:
        """Run a script on the host; returns what it prints."""
        done = self.space.target(["sh", "-ec", script])
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout


def finish(process: Run) -> dict[str, Any]:
    """Return what a started module says."""
    out, err = process.communicate()
    assert out.lstrip().startswith("{"), out + err
    return json.loads(out)


def kill(process: Run) -> None:
    """Kill a module and all of its process group at once."""
    process.kill()
