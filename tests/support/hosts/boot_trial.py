# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine and its twin: the same is done to both, and after each step they must be alike but for what is ours.

What a step leaves is a snapshot (see C{boot_snapshot.sh}). Ours are the table C{inet egress_allowlist}, the objects in
tables of the user's whose names begin so, our unit, our drop-in and our folder below /etc.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts.boot_machine import Machine, Snapshot

TABLE = "table inet egress_allowlist"
UNIT = "egress-allowlist-nftables.service"
DROP_IN = "/etc/systemd/system/nftables.service.d/egress-allowlist.conf"
OURS = (
    r"/etc/egress-allowlist(/.*)?",
    rf"/etc/systemd/system/(multi-user\.target\.wants/)?{re.escape(UNIT)}",
    r"/etc/systemd/system/nftables\.service\.d(/egress-allowlist\.conf)?",
    r"/etc/systemd/system/((multi-user|timers)\.target\.wants/)?egress-allowlist-servers-nftables\.(path|service|timer)",
    r"/usr/local/sbin/egress-allowlist-servers",
)
OPEN = ["3.25.48.193 3478 sent"]
SHUT = ["3.25.48.193 3479 stopped", "11.0.0.1 3478 stopped"]
LOADS = f"{UNIT} loads the rules at boot"

PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.nftables
  vars:
    catalog_vendors:
      - {{name: kudo, regions: [usa]}}
    nftables_egress_policy: {policy}
    nftables_egress_names: report
    nftables_egress_state: {state}
    nftables_egress_into: {into}
"""
# Files, running programs and units with a name of ours.
TRACES = """
find / -xdev \\( -path /proc -o -path /root -o -path /sys \\) -prune -o -name '*[e]gress*' -print
find /run -name '*[e]gress*'
systemctl list-units --all --plain --no-legend '[e]gress*'
systemctl list-unit-files --no-legend '[e]gress*' || true
grep -la '[e]gress' /proc/[0-9]*/cmdline 2>/dev/null || true
"""


def blocks(text: str, indent: str = "") -> Iterator[str]:
    """Yield what nft lists at this depth: tables, or the sets, chains and so on of a table."""
    block: list[str] = []
    for line in text.splitlines():
        if line.strip():
            block.append(line)
        if line == indent + "}":
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def sorted_table(table: str) -> str:
    """Return a table with its objects by name: a boot leaves them in another order than a change. Rules keep theirs."""
    head, *lines = table.splitlines()
    return "\n".join([head, *sorted(blocks("\n".join(lines[:-1]), "\t")), "}"])


def ours_of(snapshot: Snapshot) -> str:
    """Return our own table, and what is named after us in others."""
    tables = list(blocks(snapshot.chapters["ruleset"]))
    own = [sorted_table(table) for table in tables if table.startswith(TABLE + " ")]
    others = [table for table in tables if not table.startswith(TABLE + " ")]
    return "\n".join([*own, *(part for table in others for part in split_table(table)[1])])


def split_table(table: str) -> tuple[str, list[str]]:
    """Return a table without what we put into it, and that."""
    head, *lines = table.splitlines()
    kept, ours = [], []
    for block in blocks("\n".join(lines[:-1]), "\t"):
        if re.match(r"\t\w+ egress_allowlist\S* \{", block):
            ours.append(block)
        else:
            jumps = [line for line in block.splitlines() if line.strip().startswith("jump egress_allowlist")]
            ours += jumps
            kept.append("\n".join(line for line in block.splitlines() if line not in jumps))
    return "\n".join([head, *kept, "}"]), sorted(ours)


def rest_of(snapshot: Snapshot) -> str:
    """Return what a twin must equal: all chapters without what is ours."""
    tables = [table for table in blocks(snapshot.chapters["ruleset"]) if not table.startswith(TABLE + " ")]
    files = [
        line for line in snapshot.chapters["files"].splitlines() if not re.fullmatch("|".join(OURS), line.split()[0])
    ]
    failed = [line for line in snapshot.chapters["failed"].splitlines() if not line.startswith(UNIT)]
    text = [f"status {snapshot.status}"]
    for name in ("iptables", "ip6tables"):
        text += [f"== {name}-save", snapshot.chapters[name]]
    text += ["== ruleset", *sorted(split_table(table)[0] for table in tables)]
    text += ["== units", snapshot.chapters["units"], "== failed", *failed, "== files", *files]
    return "\n".join(text)


def diff(former: str, latter: str, of: str = "") -> str:
    """Return the first lines of what differs."""
    lines = list(
        difflib.unified_diff(former.splitlines(), latter.splitlines(), f"{of}expected", "found", "", "", 1, "")
    )
    return "\n".join([*lines[:40], *([f"... {len(lines)} lines"] if len(lines) > 40 else [])])


@dataclass
class Trial:
    """A machine and its twin. Every step ends with a comparison; failures are gathered and told by C{end}."""

    suite: str
    name: str
    directory: Path
    machine: Machine
    twin: Machine
    policy: str = "deny"
    ours: str = ""  # as it was right after it was applied, "" while it should not be there
    failures: list[str] = field(default_factory=list)

    def both(self, action: Callable[[Machine], Any]) -> list[Any]:
        """Do the same to both at once; return what came of the machine, and of the twin."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(action, (self.machine, self.twin)))

    def fail(self, step: str, text: str) -> None:
        """Note a failure; the trial goes on, for each step restores what it needs."""
        self.failures.append(f"{self.suite}, {self.name}, {step}: {text}")

    def steps(self, **scripts: str) -> list[tuple[Snapshot, Snapshot]]:
        """Do all the steps on both, compare after each; words of their names are joined by _."""
        done = list(zip(*self.both(lambda machine: machine.steps(*scripts.values())), strict=True))
        for step, (machine, twin) in zip(scripts, done, strict=True):
            self.compare(step.replace("_", " "), machine, twin)
        return done

    def compare(self, step: str, machine: Snapshot, twin: Snapshot) -> None:
        """Compare a machine with its twin, and ours with what it should be."""
        if rest_of(machine) != rest_of(twin):
            said = (
                f"\nthe machine said: {machine.output}\nits twin said: {twin.output}"
                if machine.output != twin.output
                else ""
            )
            self.fail(step, f"what is not ours differs from the twin's\n{diff(rest_of(twin), rest_of(machine))}{said}")
        if ours_of(machine) != self.ours:
            how = (
                ("should not be there" if not self.ours else "is gone")
                if not ours_of(machine) or not self.ours
                else "differs"
            )
            self.fail(step, f"ours {how}\n{diff(self.ours, ours_of(machine))}\nunit: {machine.chapters['unit']}")
        packets = machine.chapters["packets"].splitlines()
        expected = (
            OPEN + SHUT
            if self.ours and self.policy == "deny"
            else [line.replace("stopped", "sent") for line in OPEN + SHUT]
        )
        if packets != expected:
            self.fail(step, f"packets: {packets}")
        if (state := twin.chapters["packets"].splitlines()) != [
            line.replace("stopped", "sent") for line in OPEN + SHUT
        ]:
            self.fail(step, f"the twin stops packets: {state}")
        if "NeedDaemonReload=yes" in machine.chapters["unit"] + machine.chapters["units"]:
            self.fail(step, "systemd has not read what is on the disk")

    def reboot(self, step: str, *, killed: bool = False) -> tuple[Snapshot, Snapshot]:
        """Boot both again, and compare."""
        self.both(lambda machine: machine.reboot(killed=killed))
        return self.steps(**{step: "true"})[0]

    def play(self, step: str, content: str, *, fails: bool = False) -> str:
        """Run a play on the machine; return its output with white space as single spaces."""
        done = self.machine.play(content, self.directory)
        if (done.returncode != 0) is not fails:
            self.fail(step, f"the play ended with {done.returncode}\n{done.stdout[-5000:]}{done.stderr[-1000:]}")
            self.end()
        return re.sub(r"\s+", " ", done.stdout)

    def role(
        self, step: str, *, changes: bool, state: str = "present", into: str = "{}", says: tuple[str, ...] = ()
    ) -> None:
        """Run the role on the machine, compare. After it ours is there, or gone for good."""
        text = self.play(step, PLAY.format(policy=self.policy, state=state, into=into))
        if (" changed=0 " not in text) is not changes:
            self.fail(step, f"the play says {re.findall('changed=[0-9]+', text)}")
        self.fail_unless(step, text, *says)
        snapshots = self.both(lambda machine: machine.steps("true")[0])
        if state == "present":
            if not self.ours or changes:
                self.ours = ours_of(snapshots[0])
            if "egress_allowlist" not in self.ours:
                self.fail(step, "nothing was applied")
                self.end()
            self.expect_loaded(step, snapshots[0])
        else:
            self.ours = ""
            if traces := self.machine.run(TRACES):
                self.fail(step, f"left behind:\n{traces}")
        self.compare(step, *snapshots)

    def expect_loaded(self, step: str, snapshot: Snapshot) -> None:
        """Fail unless our unit will load the rules at the next boot, as far as its state tells."""
        if not {"LoadState=loaded", "UnitFileState=enabled"} <= set(snapshot.chapters["unit"].split()):
            self.fail(step, f"our unit: {snapshot.chapters['unit']}")

    def expect_armed(self, step: str) -> None:
        """Fail unless a list runs that is not the confirmed one, nor nothing: what follows could show nothing."""
        if (running := ours_of(self.machine.steps("true")[0])) in ("", self.ours):
            self.fail(step, f"nothing else runs than before: {running}")

    def fail_unless(self, step: str, text: str, *parts: str) -> None:
        """Fail for each part that is not in a text."""
        for part in parts:
            if part not in text:
                self.fail(step, f"{part!r} is not said:\n{text[-4000:]}")

    def end(self) -> None:
        if self.failures:
            more = f"\n\n... and {len(self.failures) - 12} failures more" if len(self.failures) > 12 else ""
            pytest.fail("\n\n".join(self.failures[:12]) + more, pytrace=False)
