# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sequence of random steps on a machine and its twin, with a look at both after each.

The seed decides lists, steps and moments. What is not ours is done to the twin as well, so that after each step the two
must be alike but for what is ours; what is ours must be a list that is possible then, whole; SSH must work.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.hosts.boot_machine import CONTAINERS
from tests.support.hosts.boot_trial import TRACES
from tests.support.monkey import lists, ours
from tests.support.monkey.machine import Session, WiredMachine
from tests.support.monkey.model import Model
from tests.support.monkey.others import PREPARED, Others

LONG_WAY = 3000  # seconds that an armed way back waits: no test waits for them
OLD_RULES = "the rules are the old ones"
Result = dict[str, Any]


@dataclass
class Sequence:
    """One machine, its twin, and what was done so far."""

    backend: str
    situation: str
    random: Random
    machine: WiredMachine
    twin: WiredMachine
    directory: Path
    letters: str = "ABC"  # a list for each
    again: str = ""  # the command that repeats it
    log: list[str] = field(default_factory=list)
    token: tuple[str, str] = ("", "")  # of a change that may still wait for its confirmation, and its list
    armed: bool = False  # a way back may wait
    waited: bool = False  # at the last look, a change that was not confirmed
    events: dict[str, int] = field(default_factory=dict)  # of the last whole run that changed something, by state
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.others = Others(self.backend, self.situation)
        self.use({letter: lists.draw(self.random, self.backend, letter) for letter in self.letters})
        self.log.append(f"beside {self.situation}")

    def use(self, choices: dict[str, lists.Choice]) -> None:
        """Take other lists than those that were drawn."""
        self.choices = choices
        self.probes = lists.probes(self.random, list(choices.values()))
        self.model = Model(choices, known=self.model.known if hasattr(self, "model") else {})
        self.log += map(str, choices.values())

    # The two machines.

    def both(self, action: Callable[[WiredMachine], Any]) -> list[Any]:
        """Do the same to both at once."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(action, (self.machine, self.twin)))

    def begin(self) -> None:
        """Prepare both, boot them, and learn what each list looks like when nobody disturbs."""
        self.both(lambda machine: machine.run(PREPARED[self.situation]))
        self.both(lambda machine: machine.reboot())
        self.session = Session(self.machine)
        self.look("begin", learns="")

    def end(self) -> None:
        """Stop what is still open; the machines are their maker's."""
        if hasattr(self, "session"):
            self.session.close()

    def script(self, script: str) -> None:
        """Run one of others' scripts on both."""
        self.both(lambda machine: machine.steps(f"{script}; settle"))

    def reboot(self, *, killed: bool) -> None:
        """Boot both again."""
        self.session.close()
        self.both(lambda machine: machine.reboot(killed=killed))
        self.session = Session(self.machine)
        self.armed = False
        self.model.booted()

    # The module.

    def run(self, *runs: Result) -> list[Result]:
        """Run the module, all at once; each result has C{answer}, what it said, {} where it was killed before."""
        done = self.machine.modules(self.backend, *runs)
        for each, one in zip(runs, done, strict=True):
            text = one["out"].strip()
            one["answer"] = json.loads(text) if text.startswith("{") and text.endswith("}") else {}
            one["answer"].pop("invocation", None)
            if one["answer"].get("changed"):
                self.events[each["params"]["state"]] = one["events"]
            if one["status"] >= 0 and not one["answer"]:
                self.fail(f"the module breaks off: {one['out'][-2000:]}{one['err'][-4000:]}")
        return done

    def module(self, *, kill: Result | None = None, size: int | None = None, **params: Any) -> Result:
        """Run the module once."""
        (done,) = self.run({"params": params, "kill": kill, "size": size})
        return done

    def present(self, name: str, after: int) -> Result:
        """Return the parameters that apply a list."""
        beside = {} if self.backend == "nftables" else {"beside_others": True}
        return {"state": "present", "revert_after": after, **beside, **self.choices[name].native(self.backend)}

    def apply(self, name: str) -> Result:
        """Apply a list as the role does, or remove it: armed, and confirmed over a connection of its own."""
        if not name:
            done = self.expect(self.module(state="absent"))
            self.settled(name)
            return done
        done = self.expect(self.module(**self.present(name, LONG_WAY)))
        if done["answer"]["armed"]:
            self.expect(self.module(state="confirmed", token=done["answer"]["token"]))
        self.settled(name)
        return done

    def settled(self, name: str) -> None:
        """A list was applied and confirmed, or removed."""
        self.model.certain(name)
        self.armed, self.token = False, ("", "")

    def expect(self, done: Result) -> Result:
        """Fail where a run failed."""
        if done["status"] or done["answer"].get("failed"):
            self.fail(f"the module fails: {done['status']} {done['answer'].get('msg')}{done['err'][-2000:]}")
        return done

    # The look.

    def look(self, step: str, learns: str | None = None) -> None:
        """Compare the machine with its twin, and ours with what is possible; SSH must answer.

        C{learns}: the list that runs, of which it is remembered what is there then.
        """
        self.log.append(f"{step}  [{time.monotonic() - self.began:.1f} s]")
        machine, twin = self.both(lambda each: each.steps("settle")[0])
        with ThreadPoolExecutor(2) as pool:
            fresh = pool.submit(self._fresh)
            arrived = self.machine.guest(task="probe", probes=self.probes)
            new = fresh.result()
        seen = ours.ours_of(self.backend, machine, twin)
        self.waited = seen.waits
        if learns is not None:
            self.model.known[learns] = seen
        wrong = self.model.judge(self.probes, arrived, seen)
        stale = bool(self.model.files)  # a killed module may not have told systemd
        if foreign := ours.foreign_differences(machine, twin, ours=not self.model.nothing or self.armed, stale=stale):
            wrong.append(f"what is not ours differs from the twin:\n{foreign}")
        if not self.session.alive():
            wrong.append("the SSH connection of the beginning does not answer any more")
        if new:
            wrong.append(f"a new SSH connection fails: {new}")
        if wrong:
            self.fail("\n\n".join(wrong))

    def _fresh(self) -> str:
        done = subprocess.run(
            self.machine.ssh_command("true"),
            env={**os.environ, **CONTAINERS},
            capture_output=True,
            text=True,
            check=False,
        )
        return f"{done.returncode} {done.stderr}" if done.returncode else ""

    def learn(self, name: str) -> None:
        """Apply a list undisturbed, and remember what is there then."""
        self.apply(name)
        self.look(f"apply {name}", learns=name)

    def finish(self) -> None:
        """Remove all that is ours: nothing may be left, now and after a boot."""
        self.apply("")
        self.look("absent")
        if traces := self.machine.run(TRACES):
            self.fail(f"left behind:\n{traces}")
        self.reboot(killed=False)
        self.look("boot after absent")

    def fail(self, text: str) -> None:
        """Fail with all that was done."""
        steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(self.log))
        pytest.fail(f"{text}\n\nwhat was done on {self.machine.name}:\n{steps}\nagain: {self.again}", pytrace=False)
