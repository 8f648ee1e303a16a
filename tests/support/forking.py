# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of a module in a namespace, each in a process that is forked from one that has imported the module.

What an import costs is most of what a run costs. A run has a session, an environment and standard files of its own, and
ends as any process does; nothing of it stays for the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from tests.support.namespaces import Namespace, WorldError
from tests.support.waiting import PATIENCE

_SERVE = """
import array, atexit, json, os, signal, socket, sys, traceback
from importlib import import_module
from ansible.module_utils import basic

control = socket.socket(fileno=int(sys.argv[1]))
module = import_module("ansible_collections.egress.allowlist.plugins.modules." + sys.argv[2])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a run ended


def run():
    try:
        basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
        module.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


while True:
    text, ancillary, _flags, _address = control.recvmsg(1 << 17, socket.CMSG_SPACE(16))
    if not text:
        break
    files = array.array("i")
    files.frombytes(ancillary[0][2])
    if os.fork():
        for file in files:
            os.close(file)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    control.send(b"begun")
    control.close()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(json.loads(text))
    os.umask(int(os.environ.get("TEST_UMASK", "022"), 8))
    status = run()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
"""


class Run:
    """A module at work: C{pid} is its number here, and that of its process group."""

    def __init__(self, pid: int, out: int, err: int, life: int) -> None:
        self.pid = pid
        self._files = {out: bytearray(), err: bytearray()}
        self._out, self._err, self._life = out, err, life

    def poll(self) -> int | None:
        """Return None while it runs."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._life, selectors.EVENT_READ)
            return 0 if waiting.select(0) else None

    def communicate(self, timeout: float = 5 * PATIENCE) -> tuple[str, str]:
        """Return what it printed, when it and all that it started have closed the two files."""
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as waiting:
            for file in self._files:
                waiting.register(file, selectors.EVENT_READ)
            while waiting.get_map():
                ready = waiting.select(max(0, end - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired("module", timeout)
                for key, _events in ready:
                    found = os.read(key.fd, 1 << 16)
                    self._files[key.fd] += found
                    if not found:
                        waiting.unregister(key.fd)
        out, err = (bytes(self._files[file]).decode() for file in (self._out, self._err))
        for file in (self._out, self._err, self._life):
            os.close(file)
        return out, err

    def kill(self) -> None:
        """End it and its process group by SIGKILL, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.communicate()


class Forks:
    """The process that runs of one module are forked from; it ends with its namespace."""

    def __init__(self, space: Namespace, python: Sequence[str], module: str, environment: dict[str, str]) -> None:
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with there:
            self._process = subprocess.Popen(
                [*space.enter(), *python, "-c", _SERVE, str(there.fileno()), module],
                pass_fds=[there.fileno()],
                env=environment,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        space.at_end.append(self.close)

    def run(self, arguments: str, environment: dict[str, str]) -> Run:
        """Start the module with what it reads from its standard input."""
        (theirs_in, ours_in), (out, theirs_out), (err, theirs_err), (life, theirs_life) = (
            os.pipe() for dummy in range(4)
        )
        theirs = [theirs_in, theirs_out, theirs_err, theirs_life]
        socket.send_fds(self._control, [json.dumps(environment).encode()], theirs)
        for file in theirs:
            os.close(file)
        # The kernel says who sent it, by the number that the process has here.
        text, ancillary, _flags, _address = self._control.recvmsg(9, socket.CMSG_SPACE(12))
        if not text:
            raise WorldError("a module cannot be started: what it is forked from has ended")
        pid = int.from_bytes(ancillary[0][2][:4], "little")
        if pid < 2:  # a signal to its group would reach us, or everything
            raise WorldError(f"a module has started whose number is not to be seen here ({pid})")
        with open(ours_in, "w", encoding="utf-8") as stdin:
            stdin.write(arguments)
        return Run(pid, out, err, life)

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait()
