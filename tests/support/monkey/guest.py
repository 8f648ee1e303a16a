# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the monkey does inside of a machine, with that machine's Python: tasks and results are lines of JSON.

    {"task": "run", "module": "nftables", "runs": [{"params": {...}, "kill": {"event": 40, "delay": 0.01}}]}
    {"task": "probe", "probes": [["host", "udp", "3.25.48.193", 3478], ...]}      -> [true, ...]
    {"task": "lock", "path": "/run/ufw.lock", "how": "posix", "seconds": 2}       returns when it is held
    {"task": "names", "addresses": ["20.99.0.1", ...]}                            answers each question with these
    {"task": "sh", "command": ["sh", "-c", "cat"], "given": "text"}               -> [status, output, errors]

Written for what the oldest target has: Python 3.8 and nothing else. One file, since it travels alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

PACKAGE = "ansible_collections.egress.allowlist.plugins.modules."
# What the module does to the machine. Each is an event; the monkey kills at the event of a number.
EVENTS = ("os.", "subprocess.Popen", "fcntl.", "shutil.")
CLONE_NEWNET, IPV6_HDRINCL, ETH_P_ALL, PACKET_OUTGOING, SO_RCVBUFFORCE = 0x40000000, 36, 3, 4, 33
SOURCES = {  # path -> namespace that sends ("" for the machine itself), addresses there
    "host": ("", {4: "198.18.0.2", 6: "2001:2::2"}),
    "gateway": ("client", {4: "198.18.100.2", 6: "2001:2:0:64::2"}),
}
NUMBERS = {"tcp": 6, "udp": 17}


def run(task):
    """Run modules, all at once, each in a session of its own; C{[{"status", "events", "out", "err"}]}.

    C{kill}: by SIGKILL, with all of its process group, C{delay} seconds after its event of this number. C{size}: no
    file may become larger, in bytes: a disk that is full.
    """
    module = importlib.import_module(PACKAGE + task["module"])
    started = [_Run(module, each) for each in task["runs"]]
    for each in started:
        each.read()  # by threads, after the last fork
    return [each.ended() for each in started]


class _Run:
    def __init__(self, module, given):
        arguments = os.memfd_create("arguments")
        os.write(arguments, json.dumps({"ANSIBLE_MODULE_ARGS": given["params"]}).encode())
        os.lseek(arguments, 0, os.SEEK_SET)
        pipes = [os.pipe() for dummy in range(3)]  # what it prints, its errors, its number of events
        self.pid = os.fork()
        if not self.pid:
            _become(module, given, [arguments, *(there for dummy, there in pipes)])
        for dummy, there in pipes:
            os.close(there)
        self.files, self.readers = [here for here, dummy in pipes], []

    def read(self):
        """Begin to read what it prints."""
        self.readers = [_Reader(file) for file in self.files]

    def ended(self):
        """Wait for it, and for what it started and that prints where it does."""
        status = os.waitpid(self.pid, 0)[1]
        out, err, events = (reader.text() for reader in self.readers)
        return {"status": -(status & 0x7F) or status >> 8, "out": out, "err": err, "events": int(events or 0)}


class _Reader(threading.Thread):
    """Reads a file to its end."""

    def __init__(self, file):
        super().__init__(daemon=True)
        self.file, self.found = file, b""
        self.start()

    def run(self):
        found = b"-"
        while found:
            found = os.read(self.file, 1 << 16)
            self.found += found

    def text(self):
        self.join()
        return self.found.decode(errors="replace")


def _become(module, given, files):
    """Be the module; does not return."""
    status = 1
    try:
        os.setsid()
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        os.chdir("/")
        os.environ.pop("PYTHONPATH")
        if given.get("size") is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (given["size"], given["size"]))
        status = _module(module, given.get("kill"), files[3])
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _module(module, kill, counter):
    from ansible.module_utils import basic

    count = [0]

    def hook(event, _arguments):
        if not event.startswith(EVENTS) and event != "open":
            return
        count[0] += 1
        if kill and count[0] == kill["event"]:
            if kill["delay"]:
                threading.Timer(kill["delay"], os.killpg, (0, signal.SIGKILL)).start()
            else:
                os.killpg(0, signal.SIGKILL)

    basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
    sys.addaudithook(hook)
    try:
        module.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        kill = None
        os.write(counter, str(count[0]).encode())
    return 0


def lock(task):
    """Hold a lock for some seconds, in the background; returns when it is held."""
    ready, there = os.pipe()
    if os.fork():
        os.close(there)
        return os.read(ready, 4).decode()
    os.setsid()
    os.makedirs(os.path.dirname(task["path"]), exist_ok=True)
    file = os.open(task["path"], os.O_CREAT | os.O_RDWR, 0o600)
    {"posix": fcntl.lockf, "flock": fcntl.flock}[task["how"]](file, fcntl.LOCK_EX)
    os.write(there, b"held")
    _leave_standard_files()
    time.sleep(task["seconds"])
    os._exit(0)


def names(task):
    """Answer every question for IPv4 addresses with the given ones, for ever, in the background."""
    with _inside("peer"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("203.0.113.53", 53))
    if os.fork():
        return "serves"
    os.setsid()
    _leave_standard_files()
    found = [socket.inet_aton(address) for address in task["addresses"]]
    while True:
        question, client = server.recvfrom(4096)
        end = question.index(b"\0", 12) + 5
        answers = found if question[end - 4 : end - 2] == b"\0\1" else []
        head = question[:2] + b"\x85\x80" + struct.pack("!4H", 1, len(answers), 0, 0)
        records = b"".join(b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 86400, 4) + each for each in answers)
        server.sendto(head + question[12:end] + records, client)


def _leave_standard_files():
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)


@contextlib.contextmanager
def _inside(namespace):
    """Make sockets in another network namespace of this machine, "" for its own."""
    if not namespace:
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open("/run/netns/" + namespace) as there:
        if library.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            if library.setns(home.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")


def probe(task):
    """Send a first packet for each probe; return of each whether it came out of the machine."""
    with _inside("peer"):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        capture.bind(("wire", ETH_P_ALL))
    senders = {}
    for path, (namespace, dummy) in SOURCES.items():
        with _inside(namespace):
            senders[path] = {4: _raw(socket.AF_INET), 6: _raw(socket.AF_INET6)}
    probes, base = task["probes"], int.from_bytes(os.urandom(3), "big") << 8
    pending = set(range(len(probes)))
    # The second round is for what a queue lost: a packet that is stopped is stopped twice.
    for wait in (0.02, 0.1):
        sent = {}
        for number in sorted(pending):
            path, protocol, address, port = probes[number]
            version = 6 if ":" in address else 4
            base += 1
            sent[base] = number
            with contextlib.suppress(PermissionError):  # the rules for what the machine itself sends stopped it
                senders[path][version].sendto(packet(path, protocol, address, port, base), (address, 0))
            if len(sent) % 200 == 0:
                pending -= {sent.get(each) for each in _captured(capture, 0.002)}
        pending -= {sent.get(each) for each in _captured(capture, wait)}
        if not pending:
            break
    return [number not in pending for number in range(len(probes))]


def _raw(family):
    made = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family == socket.AF_INET:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
    return made


def packet(path, protocol, address, port, number):
    """Return the first packet of a flow; its number is TCP's sequence number, or all that a datagram holds."""
    version = 6 if ":" in address else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    ends = b"".join(socket.inet_pton(family, each) for each in (SOURCES[path][1][version], address))
    source, kind = 1024 + number % 60000, NUMBERS[protocol]
    if protocol == "tcp":
        upper, at = struct.pack("!HHIIBBHHH", source, port, number, 0, 0x50, 2, 64240, 0, 0), 16
    else:
        upper, at = struct.pack("!HHHHI", source, port, 12, 0, number), 6
    checksum = _checksum(ends + struct.pack("!II", len(upper), kind) + upper) or 0xFFFF
    upper = upper[:at] + struct.pack("!H", checksum) + upper[at + 2 :]
    if version == 6:
        return struct.pack("!IHBB", 6 << 28, len(upper), kind, 64) + ends + upper
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(upper), number & 0xFFFF, 0, 64, kind, 0)
    return head[:10] + struct.pack("!H", _checksum(head + ends)) + ends + upper


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _captured(capture, seconds):
    """Yield the numbers of the packets that came, until none comes for these seconds."""
    while select.select([capture], [], [], seconds)[0]:
        with contextlib.suppress(BlockingIOError):
            while True:
                found, origin = capture.recvfrom(2048, socket.MSG_DONTWAIT)
                start = 20 if found[0] >> 4 == 4 else 40
                kind = found[9 if start == 20 else 6]
                if origin[2] != PACKET_OUTGOING and kind in (6, 17) and len(found) >= start + 12:
                    at = start + (4 if kind == 6 else 8)
                    yield int.from_bytes(found[at : at + 4], "big")


def sh(task):
    """Run a command."""
    done = subprocess.run(task["command"], input=task["given"].encode(), capture_output=True, check=False)
    return [done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")]


TASKS = {"run": run, "probe": probe, "lock": lock, "names": names, "sh": sh}


def main():
    """Do one task after another, each in a process of its own; what a module imports is imported once."""
    for line in sys.stdin:
        task = json.loads(line)
        if task["task"] == "run":
            importlib.import_module(PACKAGE + task["module"])
        if not os.fork():
            try:
                answer = json.dumps({"result": TASKS[task["task"]](task)})
            except BaseException:
                answer = json.dumps({"error": traceback.format_exc()})
            os.write(1, (answer + "\n").encode())
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    main()
