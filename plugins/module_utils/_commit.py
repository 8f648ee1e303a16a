# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a crash, and a way back that does not depend on anybody coming back.

The way back is a shell script that the host runs by itself after some seconds, from systemd where it
runs, else from a process of its own session. What decides is one file, the unconfirmed candidate: who
renames it to its final name has confirmed, and the script finds nothing left to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import tempfile
import time

_SCRIPT = """#!/bin/sh
# egress.allowlist: back to the rules before the last change, unless that was confirmed
exec 9>{lock}
flock 9
test -e {candidate} || exit 0
{command} && rm -f {candidate} {rollback}
"""


def write(path, text, mode=0o600):
    """Write a file so that after a crash either the old or the new one is there whole."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder):
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path):
    """Return a file's text, '' where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def locked(path, seconds=30):
    """Hold the lock of C{path}; raises TimeoutError when another run does not let go of it in time."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"another run holds {path} since more than {seconds} seconds") from None
                time.sleep(0.1)
        yield


class Revert:
    """The armed way back of one backend; C{folder} is on a file system that a boot empties."""

    def __init__(self, backend, folder, candidate):
        self.unit = f"egress-allowlist-{backend}-revert"
        self.candidate = candidate
        self.rollback = os.path.join(folder, backend + ".rollback")
        self.script = os.path.join(folder, backend + ".revert")
        self.pid = os.path.join(folder, backend + ".revert.pid")
        self.lock = os.path.join(folder, backend + ".lock")

    def pending(self):
        """True while a change waits for its confirmation."""
        return os.path.exists(self.candidate) and os.path.exists(self.rollback)

    def arm(self, command, seconds):
        """Run C{command} (a list) in C{seconds} from now unless the candidate is confirmed by then."""
        names = {name: shlex.quote(getattr(self, name)) for name in ("lock", "candidate", "rollback")}
        self.disarm()
        write(self.script, _SCRIPT.format(command=" ".join(map(shlex.quote, command)), **names), 0o700)
        if systemd_runs() and self._arm_systemd(seconds):
            return
        # Its own session, no open files of ours: it outlives the module, the connection and the controller.
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'sleep "$1"; exec "$2"', self.unit, str(seconds), self.script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        write(self.pid, f"{process.pid}\n")

    def disarm(self):
        """Call off the way back; harmless where none is armed."""
        if systemd_runs():
            subprocess.run(["systemctl", "stop", self.unit + ".timer"], check=False, capture_output=True)
        process = read(self.pid).strip()
        if process.isdigit() and self.unit in read_command(process):
            with contextlib.suppress(OSError):
                os.killpg(int(process), signal.SIGTERM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.pid)

    def forget(self):
        """Remove the files of a change that was confirmed or taken back."""
        for path in (self.rollback, self.script, self.candidate):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _arm_systemd(self, seconds):
        timer = [
            "systemd-run",
            "--quiet",
            "--collect",
            "--unit",
            self.unit,
            f"--on-active={seconds}s",
            "--timer-property=AccuracySec=100ms",
        ]
        return subprocess.run([*timer, self.script], check=False, capture_output=True).returncode == 0


def systemd_runs():
    """True where systemd is process 1, the way sd_booted(3) tells."""
    return os.path.isdir("/run/systemd/system")


def read_command(process):
    """Return the command line of a process, '' where it is gone."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as handle:
            return handle.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
