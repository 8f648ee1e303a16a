# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the files of a firewall's own tool to what is wanted, and the kernel after them, with a way back.

The order: check, arm the way back, write down how the files were, write them, load. Until it is confirmed, a reboot,
the armed way back and a failure all put the files back as they were; removing that one journal confirms.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from . import revert, systemd, tokens
from .files import read, remove, write, write_all
from .journal import Journal

_TAKEN_OVER = "this run took over from a way back that nobody's confirmation had stopped and that was hindered by: "
_MOST = 5  # differences that an error names
_PATIENCE = 60  # seconds for which commands of the tool's may overtake us


class ToolError(Exception):
    """The tool refuses something, or is not in a state to work with; its message is for the user."""


class OvertakenError(ToolError):
    """A command of the tool's has read the files before we write them, and would write its old list over ours."""


class LateError(ToolError):
    """Something failed when rules had changed already; the message says whole which are in force."""


class Applier:
    """One run on one host.

    C{tool} is what knows the firewall. It has C{name}, C{home} (the folder of its files), C{unit} (the service that
    reads them at boot) and

      - C{files(native)}: all files that are wanted, C{{path: text, None for one that goes}}, made from those that are
        there; without a native form: what is left when all of ours is gone;
      - C{differences(files)}: what differs from what is there and from what runs, in words;
      - C{standing(native)}: the state of a native form or, without one, of what is there, see C{_model/standing.py};
      - C{opened()}: what is open by the list, what besides, and where all else is stopped, see C{cuts.py};
      - C{check(files)}: raises ToolError where the tool would refuse them;
      - C{running()}: whether rules are in force that follow the files; raises ToolError where that cannot be found out;
      - C{completed(native)}: the native form with what only this host knows, as C{files} took it;
      - C{seen()}: what the kernel has of ours, C{{name: lines}}, as far as C{differences} could not compare it;
      - C{load(files)}: makes the running rules follow the files, which are written by then;
      - C{prepare(folder)}: writes into a folder that a boot empties what the way back needs; returns the shell command
        that makes the running rules follow the files, once these are put back;
      - C{notes()}: what a person should know, once the files are wanted;
      - where the tool has a lock of its own, C{locked()}, a context that holds it, C{waited_for()}, true while a
        command of the tool's waits for it, and C{guarded(command)}, a shell command that runs another one under it.
    """

    def __init__(self, tool, run, check_mode):
        self.tool, self._run, self.check_mode = tool, run, check_mode
        candidate = os.path.join(tool.home, ".egress_allowlist.unconfirmed")
        self.revert = revert.Revert(tool.name, revert.FOLDER, candidate, run)
        self.journal = Journal(candidate, self.revert.rollback, tool.unit, run)
        self._confirmed = os.path.join(revert.FOLDER, tool.name + ".confirmed")
        self._again, self._deadline = False, None  # whether another turn is needed, and until when one is taken

    def present(self, native, revert_after):
        """Apply the native form; returns what the module returns."""
        hindrance, results = "", []
        while not self._done(results):
            with self._locked(), self._turn(results):
                hindrance = hindrance or self.revert.hindrance()
                results.append(self._apply(native, revert_after if self.tool.running() else 0, again=bool(results)))
        taken_over = [_TAKEN_OVER + hindrance] if hindrance and not self.check_mode else []
        return _joined(results, [*taken_over, *self.journal.notes])

    def standing(self, native=None):
        """Return what the tool says of it."""
        return self.tool.standing(native)

    def opened(self):
        """Return what the tool says of what is open, see C{cuts.py}."""
        return self.tool.opened()

    def beyond(self):
        """Return what goes out before any rule of the list is asked, of a tool that has such, see C{cuts.py}."""
        return getattr(self.tool, "beyond", list)()

    def absent(self):
        """Remove all that is ours; nothing has to be confirmed."""
        results = []
        while not self._done(results):
            with self._locked(), self._turn(results):
                results.append(self._apply(None, 0, again=bool(results)))
                if not self.check_mode:
                    remove(self._confirmed, self.revert.lock, self.revert.folder)
        return _joined(results, self.journal.notes)

    def confirmed(self, token):
        """Keep what was applied."""
        untouched = not os.path.exists(self.revert.lock)
        with self._locked(heal=False):
            boot = self._boot()
            waiting = revert.token_of(read(self.revert.candidate)) if self.revert.pending() else ""
            ours = self._token_in_force(token, waiting, untouched)
            if ours == waiting:
                self._compare()
                if not self.check_mode:
                    self._confirm(ours)
            notes = [*self.tool.notes(), *boot, *self.journal.notes]
            return {"notes": notes} if ours == token else {"notes": [tokens.SAME, *notes], "token": ours}

    def _token_in_force(self, token, waiting, untouched):
        """Return the token of the change that waits or is confirmed, C{token} or of one with the same rules.

        Raises LateError where there is none; C{untouched}: as in C{tokens.fate}, of the folder below /run.
        """
        confirmed = read(self._confirmed)
        found = tokens.matching(token, waiting, confirmed)
        if found:
            return found
        if untouched and not self.check_mode:
            remove(self.revert.lock, self.revert.folder)
        # A boot empties the folder too, and puts the files back: then there is something of ours, if there was before.
        fate = tokens.fate(token, waiting, confirmed, untouched)
        raise LateError(revert.GONE_BACK if fate == tokens.REMOVED and self.tool.standing() else fate)

    def _boot(self):
        """Say what a reboot brings, as the tool's service is; raises OSError where systemd does not answer."""
        if not systemd.runs():
            return []
        unit, state = self.tool.unit, systemd.unit_state(self._run, self.tool.unit, "UnitFileState")
        if state == "enabled":
            return [systemd.LOADS.format(unit, self.tool.home)] if self.tool.running() else []
        return [systemd.LOADS_NOTHING.format(f"{unit} is {state or 'not there'}")]

    def _compare(self):
        """Raise ToolError where what is there and what runs is not what was applied."""
        hindrance = self.revert.hindrance()
        if hindrance:
            raise LateError(revert.GOES_BACK + hindrance)
        if not self.tool.running():
            raise ToolError(f"{self.tool.name} does not run any more")
        applied = json.loads(read(self.revert.rollback))
        files = self.tool.files(applied["native"])
        lines, seen = self.tool.differences(files), self.tool.seen()
        lines += [f"~ {name}: changed" for name in sorted({*seen, *applied["seen"]}) if _differ(name, seen, applied)]
        lines = lines or [f"~ {path}: changed" for path, text in files.items() if text != _read(path)]
        if lines:
            more = f" and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
            raise ToolError(f"what runs is not what was applied: {'; '.join(lines[:_MOST])}{more}")

    @contextlib.contextmanager
    def _turn(self, results):
        """One attempt under the lock, which adds to C{results} what it did; C{_done} tells whether it was the last.

        Raises ToolError where commands of the tool's overtake us for longer than C{_PATIENCE}.
        """
        self._again = False
        try:
            yield
            self._again = self._waited_for()
        except OvertakenError:
            self._again = True
        self._deadline = self._deadline or time.monotonic() + _PATIENCE
        if self._again and time.monotonic() > self._deadline:
            told = f"commands of {self.tool.name} are at work all the time, one after another: run this again later"
            raise LateError(f"the new rules are written, but {told}") if results else ToolError(told)

    def _done(self, results):
        return bool(results) and not self._again

    def _waited_for(self):
        """True where a command of the tool's waits for its lock."""
        return not self.check_mode and getattr(self.tool, "waited_for", bool)()

    def _be_first(self):
        """Raise OvertakenError where a command of the tool's has read its files and waits to write them."""
        if self._waited_for():
            raise OvertakenError

    def _apply(self, native, revert_after, again=False):
        """Apply what differs; C{again}: a moment ago it was applied, and what waits to be confirmed is that."""
        boot = self._boot() if native else []
        files = self.tool.files(native)
        differences = self.tool.differences(files)
        before = {path: _read(path) for path in files}
        changed = {path: text for path, text in files.items() if text != before[path]}
        if not changed and not differences and (again or not self.revert.pending()):
            return {"notes": [*self.tool.notes(), *boot]}
        self.tool.check(files)
        result = {"changed": True, "differences": differences or ["~ the same rules, written anew"]}
        if not self.check_mode:
            token = self._change(native, changed, before, revert_after)
            result.update(armed=revert_after > 0, token=token)
        try:
            result["notes"] = [*self.tool.notes(), *boot]
        except (OSError, ToolError) as error:
            if self.check_mode:
                raise
            until = ", until the host goes back by itself" if revert_after else ""
            raise LateError(
                f"the new rules are in force{until}; what else there is to say is not known: {error}"
            ) from error
        return result

    def _change(self, native, changed, before, revert_after):
        """Write the files that change, with a way back; returns the token that confirms."""
        applied = {"native": self.tool.completed(native), "seen": {}}
        token, former = tokens.new(read(self._confirmed), applied), [read(path) for path in self._waiting()]
        wrote, back = False, ""
        try:
            back = f"{self.journal.undo()} && {self.tool.prepare(self.revert.folder)} && {self.journal.undone()}"
            back = getattr(self.tool, "guarded", str)(back)
            write(self.revert.rollback, json.dumps(applied))
            self._be_first()
            if revert_after or former[-1]:  # who takes over from an armed change and is killed leaves a way back too
                self.revert.start(back, revert_after or revert.TAKEN_OVER, token)
            self.journal.open(changed, token)
            self._be_first()
            wrote = True
            self._write(changed)
            self.tool.load(changed)
            if revert_after:
                write(self.revert.rollback, json.dumps({**applied, "seen": self.tool.seen()}))
            else:
                self._confirm(token)
        except (OSError, ToolError) as error:
            try:
                self._undo({path: before[path] for path in changed} if wrote else {}, former)
            except (OSError, ToolError) as hindrance:
                raise LateError(self.revert.hurry(back, token, error, hindrance)) from error
            raise
        self.revert.stop(but=token)
        return token

    def _write(self, files):
        """Write the tool's files; the mode of one that depends on its text changes with it, as a kill may come next."""
        write_all(files, mode=0o640, modes=self.tool.modes(files) if hasattr(self.tool, "modes") else None)

    def _waiting(self):
        """Return the files of a change that waits, the one that decides last."""
        return self.revert.rollback, self.revert.candidate

    def _undo(self, before, former):
        """Leave things as they were before a change that failed; C{former}: the files of an older one that waits."""
        if before:
            self._write(before)
            self.tool.load(before)
        if former[-1]:
            for path, text in zip(self._waiting(), former):  # noqa: B905 # Python 3.8 knows no strict
                write(path, text)
            self.revert.stop(but=revert.token_of(former[-1]))
        else:
            self.journal.close()
            self.revert.forget()

    def _confirm(self, token):
        """One removal decides: from here on the files are the confirmed ones, now and at the next boot."""
        write(self._confirmed, token)
        self.journal.close()
        self.revert.forget()

    @contextlib.contextmanager
    def _locked(self, heal=True):
        if self.check_mode:
            yield
            return
        with revert.locked(self.revert.lock), getattr(self.tool, "locked", contextlib.nullcontext)():
            if heal:
                self._heal()
            yield

    def _heal(self):
        """Tidy after a run that was killed, and put back what a reboot should have put back."""
        self.revert.sweep(self._confirmed, *self.journal.former())
        if os.path.exists(self.revert.candidate) and not self.revert.pending():
            status, dummy, errors = self._run(["/bin/sh", "-c", self.journal.undo()])
            if status:
                raise LateError("a change that was not confirmed cannot be taken back: " + errors.strip())
            if self.tool.running():
                self.tool.load({})
            remove(self.revert.candidate)
        if not os.path.exists(self.revert.candidate):
            self.journal.tidy()
            self.revert.forget()


def _joined(results, notes):
    """Return one result of several turns: the first one's differences, the last one's token and notes, C{notes}."""
    result = results[0]
    if len(results) > 1:
        told = next((each["differences"] for each in results if each.get("differences")), [])
        result = {name: value for each in results for name, value in {**each, "differences": told}.items()}
    return {**result, "notes": [*result["notes"], *notes]}


def _read(path):
    return read(path, missing=None)


def _differ(name, seen, applied):
    return seen.get(name) != applied["seen"].get(name)
