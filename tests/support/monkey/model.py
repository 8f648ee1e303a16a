# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be there after what was done, and the judgement of what is there. Knows no machine.

A list is named by a letter, "" is none. After most steps one list is possible; a module that was killed leaves two.
What is seen then narrows what is possible, for the steps that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.hosts.boot_trial import diff
from tests.support.monkey.lists import Choice, Probe
from tests.support.monkey.ours import Ours


@dataclass
class Model:
    """What may run, and what a boot may bring. C{choices}: lists by their letter."""

    choices: Mapping[str, Choice]
    live: set[str] = field(default_factory=lambda: {""})
    boot: set[str] = field(default_factory=lambda: {""})
    before: set[str] = field(
        default_factory=set
    )  # what may have run before a change that waits, where no boot brings it
    files: set[str] = field(default_factory=set)  # what else a killed module may have left in files, to be loaded later
    mixed: bool = False  # others had firewalld load the files that a killed module has left, some old and some new
    left: bool = False  # a killed module may have left files behind, for the next run to remove: a boot does not
    broken: bool = False  # somebody changed ours since
    by_family: bool = False  # a killed module may have loaded one IP version only, as ufw's are loaded one by one
    known: dict[str, Ours] = field(default_factory=dict)  # each list as it was when it was applied undisturbed

    @property
    def nothing(self) -> bool:
        """True while nothing of ours can be there."""
        return self.live == self.boot == {""} and not (self.files or self.left or self.broken)

    def certain(self, name: str) -> None:
        """A list was applied and confirmed, or removed."""
        self.live, self.boot, self.before, self.files = {name}, {name}, set(), set()
        self.left = self.broken = self.by_family = self.mixed = False

    def booted(self) -> None:
        """What a boot brings runs."""
        self.live, self.before, self.files = set(self.boot), set(), set()
        self.by_family = self.mixed = False

    def loaded(self, backend: str) -> None:
        """Others load what is in the files, those of a killed module too. firewalld's are many: some old, some new."""
        self.live |= self.files
        self.mixed = self.mixed or (backend == "firewalld" and bool(self.files))

    def armed(self) -> None:
        """What runs now may come back, if it is not confirmed; a boot leaves the file of the change behind."""
        self.before |= self.live
        self.left = True

    def went_back(self) -> None:
        """What ran before the change, or what the files hold, runs."""
        live = self.boot | self.before
        self.booted()
        self.live = live

    def judge(self, probes: Sequence[Probe], arrived: Sequence[bool], seen: Ours) -> list[str]:
        """Say what is wrong with what runs and with what a boot will bring; narrows both where nothing is."""
        if self.broken:
            return []
        wrong = []
        live = self._live(probes, arrived, seen)
        if live:
            self.live = live
        elif not self.mixed:
            wrong.append(self._not_whole(probes, arrived, seen))
        if not seen.waits and not self.files:
            boot = {name for name in self.boot if name not in self.known or self.known[name].boot == seen.boot}
            if boot:
                self.boot = boot
            else:
                expected = sorted(self.boot)
                shown = diff(self.known[expected[0]].boot, seen.boot)
                wrong.append(f"the files of the next boot hold none of {expected} whole:\n{shown}")
        return wrong

    def lets_out(self, name: str, probe: Probe) -> bool:
        """Say what the oracle says of a packet while a list runs."""
        return self.choices[name].lets_out(probe) if name else True

    def _live(self, probes: Sequence[Probe], arrived: Sequence[bool], seen: Ours) -> set[str]:
        """Return those of the possible lists that run whole, as packets and the listing say."""
        found = {
            name
            for name in self.live
            if [self.lets_out(name, probe) for probe in probes] == list(arrived)
            and (name not in self.known or self.known[name].live == seen.live)
        }
        if found or not self.by_family:
            return found
        for version in (4, 6):
            mine = [
                n for n, (_path, _protocol, address, _port) in enumerate(probes) if (":" in address) == (version == 6)
            ]
            if not any(all(self.lets_out(name, probes[n]) == arrived[n] for n in mine) for name in self.live):
                return set()
        return set(self.live)

    def _not_whole(self, probes: Sequence[Probe], arrived: Sequence[bool], seen: Ours) -> str:
        lines = [f"what runs is none of {sorted(self.live)} whole"]
        for name in sorted(self.live):
            expected = [self.lets_out(name, probe) for probe in probes]
            wrong = [(probe, said) for probe, want, said in zip(probes, expected, arrived, strict=True) if want != said]
            what = self.choices[name] if name else "no list"
            lines.append(f"{what}: {len(wrong)} of {len(probes)} packets differ")
            lines += [
                f"  {' '.join(map(str, probe))} {'gets out' if said else 'is stopped'}" for probe, said in wrong[:4]
            ]
            if name in self.known:
                lines.append(diff(self.known[name].live, seen.live))
        return "\n".join(lines)
