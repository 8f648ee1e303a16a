# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The armed way back, which does not depend on anybody coming back, and the lock that it shares with applying runs.

The way back is a shell script that the host runs by itself after some seconds, from systemd where it
runs, else from a process of its own session. What decides is one file, the unconfirmed candidate: the
script goes back only while the candidate bears its token. Who renames the candidate to its final name has
confirmed, and who writes one with another token has taken over; nothing of that depends on a process
being ended in time.

Where going back fails, the script says why in the journal and tries again, until it is done or somebody decides
otherwise. It holds the lock during an attempt only: between two of them a run can confirm, take over or heal.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import shlex
import signal
import time

from . import locks, systemd
from .files import TEMPORARY, make_folder, read, remove, temporary_of, write
from .revert_script import SCRIPT

FOLDER = "/run/egress-allowlist"  # a boot empties it
TAKEN_OVER = 60  # seconds for a run that takes over from an armed change, and is to have no way back of its own
# What is said to who confirms too late; the last is followed by what hinders.
_LATE = "the change was not confirmed in time, and the host "
GONE_BACK = _LATE + "went back to the rules before it"
GOES_BACK = _LATE + "goes back to the rules before it, hindered by: "
NOT_CONFIRMED = "not confirmed: {}; the host goes back to the old rules by itself"


class Revert:
    """The armed way back of one backend; C{folder} is on a file system that a boot empties.

    C{run} takes a command and returns C{(status, output, errors)}.
    """

    def __init__(self, backend, folder, candidate, run):
        self._run, self._backend = run, backend
        self.unit = f"egress-allowlist-{backend}-revert"
        self.candidate = candidate
        self.folder = folder
        self.rollback = os.path.join(folder, backend + ".rollback")
        self.lock = os.path.join(folder, backend + ".lock")
        self._scripts = os.path.join(folder, backend + ".revert-")

    def pending(self):
        """True while a change waits for its confirmation."""
        return os.path.exists(self.candidate) and os.path.exists(self.rollback)

    def hindrance(self):
        """Return in words what the way back failed for when it was last tried, '' where it did not fail."""
        return _hindrance(os.path.join(self.folder, self._backend))

    def start(self, command, seconds, token):
        """Run a shell command in C{seconds} from now if the candidate then bears C{token} still, until it succeeds."""
        script = self._scripts + token
        names = {"lock": self.lock, "candidate": self.candidate, "rollback": self.rollback, "script": script}
        names.update(folder=self.folder, command=command)
        names["home"] = os.path.dirname(self.candidate)  # removed when it is empty then: nobody else uses it
        quoted = {name: shlex.quote(path) for name, path in names.items()}
        write(script, SCRIPT.format(backend=self._backend, **quoted))
        if systemd.runs() and self._start_systemd(script, seconds, token):
            return
        # A session of its own, no open files of ours: it outlives the module, the connection and the controller.
        # Who is stopped before it has said its number finds its script gone, and leaves no number behind.
        waiting = 'cd /; umask 077; exec </dev/null >/dev/null 2>&1; echo $$ >"$2.pid"; '
        waiting += '[ -e "$2" ] || exec rm -f "$2.pid"; '
        waiting += 'sleep "$1"; exec /bin/sh "$2" "$3"'
        command = ["setsid", "--fork", "/bin/sh", "-c", waiting, self.unit, str(seconds), script, token]
        status, dummy, errors = self._run(command)
        if status:
            raise OSError(status, errors.strip(), "setsid")

    def hurry(self, command, token, error, hindrance):
        """Start at once, whatever time there was to confirm; returns what to say.

        For a change that failed with C{error} and cannot be taken back because of C{hindrance}.
        """
        told = f"{error}; the rules before it cannot be set back at once: {hindrance}"
        try:
            self.stop()
            self.start(command, 1, token)
        except OSError as reason:
            return f"{told}; nor does the host try it by itself ({reason}): run this again"
        return f"{told}; the host goes on trying by itself"

    def stop(self, but=""):
        """End what waits to go back, or tries to, except for the token C{but}; tidying only, the candidate decides.

        Only under the lock: none of them is in the middle of an attempt then.
        """
        found = {path[len(self._scripts) :].partition(".")[0] for path in glob.glob(self._scripts + "*")}
        for token in sorted(found - {but}):
            script = self._scripts + token
            if systemd.runs():
                self._run(["systemctl", "stop", *(f"{self.unit}-{token}.{kind}" for kind in ("timer", "service"))])
            process = read(script + ".pid").strip()
            command = read_command(process) if process.isdigit() else ""
            if self.unit in command or script in command:  # it waits for its time, or tries again
                with contextlib.suppress(OSError):
                    os.killpg(int(process), signal.SIGTERM)
            remove(script, script + ".pid", script + ".hindered")

    def sweep(self, *paths):
        """Remove what a killed run was writing when it was killed: these files and ours; only under the lock."""
        remove(*map(temporary_of, (self.candidate, *paths)), *glob.glob(os.path.join(self.folder, ".*" + TEMPORARY)))

    def forget(self):
        """Remove the files of a change that was confirmed or taken back; the candidate first, it decides."""
        remove(self.candidate, self.rollback)
        self.stop()

    def _start_systemd(self, script, seconds, token):
        timer = [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={self.unit}-{token}",
            f"--on-active={seconds}s",
            "--timer-property=AccuracySec=100ms",
            "--property=Restart=on-abnormal",  # where it is killed: by itself it ends only when it is done
            "--property=RestartSec=5s",
            "--timer-property=IgnoreOnIsolate=yes",  # a change of the target, systemctl isolate or init, ends neither
            "--property=IgnoreOnIsolate=yes",
        ]
        return self._run([*timer, "/bin/sh", script, token])[0] == 0


@contextlib.contextmanager
def locked(path, seconds=30):
    """Hold the lock of C{path}; raises TimeoutError when another run does not let go of it in time."""
    deadline = time.monotonic() + seconds
    while True:
        make_folder(os.path.dirname(path))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            while not _lock(handle):
                if time.monotonic() > deadline:
                    told = f"another run holds {path} since more than {seconds} seconds"
                    raise TimeoutError(f"{told}{_by(path)}{_hindered(path)}")
                time.sleep(0.1)
            # Whoever held it may have removed the file: then this lock is nobody's, and another one is taken.
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                os.fchmod(handle, 0o600)
                yield
                return
        finally:
            os.close(handle)


def _by(path):
    holder = locks.by(path)[len(" by ") :]
    return f", it is {holder}" if holder else ""


def _lock(handle):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _hindered(lock):
    """Return what to say of an armed way back that may be the one that holds a lock: '' where none is hindered."""
    found = _hindrance(lock[: -len(".lock")] if lock.endswith(".lock") else lock)
    return f"; the way back of a change that nobody confirmed is tried meanwhile, hindered by: {found}" if found else ""


def _hindrance(prefix):
    """Return what the scripts of a way back say that hinders them, '' where nothing does."""
    found = (read(path).strip() for path in sorted(glob.glob(glob.escape(prefix) + ".revert-*.hindered")))
    return "; ".join(filter(None, found))


def token_of(text):
    """Return the token that a candidate bears, '' where it bears none."""
    found = re.search(r"^# token: (\w+)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def read_command(process):
    """Return the command line of a process, '' where it is gone."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as handle:
            return handle.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
