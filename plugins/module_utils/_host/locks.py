# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of files as the kernel keeps them: who holds one, who waits for it, and how one is taken as lockf(3) does it.

Run as a program, C{locks.py LOCK COMMAND}, it runs a shell command while it holds a lock: the way back does so, with
the text of this file. It imports nothing of ours.

A tool that reads its files before it takes its lock (ufw does) would write over what was written while it waited. So
the lock is held only once nobody waits any more, and who holds it asks C{waiters} before it writes, and before it goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time

_LOCKS = "/proc/locks"  # 1: -> POSIX ADVISORY WRITE 4711 00:18:1056 0 EOF; the arrow stands before who waits
_SECONDS, _TIMES = 5, 3  # how long the way back waits for the lock, and how often it runs at most


@contextlib.contextmanager
def held(path, seconds, pause=0.1):
    """Hold a lock by lockf, and yield its handle; who waited for it goes first.

    Raises TimeoutError, which names the holder, where that takes longer than C{seconds}.
    """
    deadline = time.monotonic() + seconds
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                reason = f"is held{by(path)}"
            else:
                if not waiters(handle):
                    break
                fcntl.lockf(handle, fcntl.LOCK_UN)
                reason = "is always taken by others, one after another"
            if time.monotonic() > deadline:
                raise TimeoutError(f"the lock {path} {reason} since more than {seconds} seconds")
            time.sleep(pause)
        yield handle
    finally:
        behind = waiters(handle)
        os.close(handle)
        if behind:
            time.sleep(pause)  # they wake up, and have it before we ask for it again


def waiters(handle):
    """Return the processes of root that wait for the lock of an open file that this process holds."""
    place = ""
    for line in _lines(f"/proc/self/fdinfo/{handle}"):
        if line.startswith("lock:"):
            place = line.split()[6]  # as in _LOCKS, also where stat(2) tells of another device
    return sorted(int(fields[5]) for fields in _waiting() if place and fields[6] == place and _is_root(fields[5]))


def by(path):
    """Return C{ by process 12 (ufw allow 22)} for the holder of the lock of a file, '' where it is not known."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _lines(_LOCKS):
        fields = line.split()
        if len(fields) > 5 and fields[1] != "->" and fields[5] == place and int(fields[4]) > 0:
            command = _command(fields[4])
            if command:
                return f" by process {fields[4]} ({command})"
    return ""


def _waiting():
    """Yield the fields of all who wait for a lock."""
    for line in _lines(_LOCKS):
        fields = line.split()
        if len(fields) > 6 and fields[1] == "->":
            yield fields


def _is_root(process):
    try:
        return os.stat(f"/proc/{process}").st_uid == 0
    except OSError:
        return False


def _lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read().split("\n")
    except OSError:
        return []


def _command(process):
    """Return the command line of a process, '' where it has none or is gone."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as handle:
            words = handle.read().replace(b"\0", b" ").strip()
    except OSError:
        return ""
    return "".join(letter if letter.isprintable() else "?" for letter in words.decode("utf-8", "replace")[:200])


def main():
    """Run a command under a lock; who does not get the lock in time runs it without: it must not depend on that.

    It is run again where somebody came to wait meanwhile, who may have read the files before they were put back.
    """
    path, command = sys.argv[1:]
    for dummy in range(_TIMES):
        with contextlib.ExitStack() as ends:
            handle = None
            with contextlib.suppress(OSError):
                handle = ends.enter_context(held(path, _SECONDS))
            status = subprocess.call(["/bin/sh", "-c", command])  # pylint: disable=E5103 # no module runs here
            if status or handle is None or not waiters(handle):
                break
    raise SystemExit(status)


if __name__ == "__main__":
    main()
