# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine for the monkey: with a wire to a neighbour, a client behind it, and the modules' code.

    client ── lan ── machine ── wire ── peer        all in one container; client and peer are network namespaces of it

The peer swallows what comes; it is the name server, and where SSH comes from. The wires go with each boot.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import subprocess
import tarfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from tests.support.hosts.boot_machine import CONTAINERS, RELAY, Machine, MachineError
from tests.support.repository import REPOSITORY
from tests.support.waiting import PATIENCE

CODE = "/root/monkey"  # TRACES does not look there
GUEST = Path(__file__).with_name("guest.py")
ADDRESSES = ["20.255.0.1", "20.255.0.2"]  # of every name
MODULE = "{}_host"  # of a backend, that runs on the host


def _wires() -> str:
    """Return the script that lays the wires, with the addresses of the machine and of the other end."""
    parts = [_HEAD]
    for number, (device, namespace, mine, other) in enumerate(
        [
            ("wire", "peer", ("198.18.0.2/24", "2001:2::2/64"), ("198.18.0.1/24", "2001:2::1/64")),
            ("lan", "client", ("198.18.100.1/24", "2001:2:0:64::1/64"), ("198.18.100.2/24", "2001:2:0:64::2/64")),
        ]
    ):
        macs = [f"02:00:00:00:0{number}:0{end}" for end in (1, 2)]
        parts.append(
            f"ip netns add {namespace}\nip -n {namespace} link set lo up\n"
            f"ip link add {device} address {macs[0]} type veth peer name wire address {macs[1]} netns {namespace}\n"
        )
        parts += [f"ip address add {address} dev {device} {_NO_WAIT[':' in address]}\n" for address in mine]
        parts += [f"ip -n {namespace} address add {each} dev wire {_NO_WAIT[':' in each]}\n" for each in other]
        parts.append(f"ip link set {device} up\nip -n {namespace} link set wire up\n")
        for near, far in zip(mine, other, strict=True):
            near, far = near.partition("/")[0], far.partition("/")[0]
            parts.append(f"ip neighbour replace {far} lladdr {macs[1]} dev {device} nud permanent\n")
            parts.append(f"ip -n {namespace} neighbour replace {near} lladdr {macs[0]} dev wire nud permanent\n")
            if namespace == "client":
                parts.append(f"ip -n client route add default via {near}\n")
            else:
                parts.append(f"ip route add default via {far}\n")
    parts.append("ip -n peer address add 203.0.113.53/32 dev lo\n")
    return "".join(parts)


_NO_WAIT = {False: "", True: "nodad"}
_HEAD = """[ ! -e /sys/class/net/wire ] || exit 0
for scope in all default; do echo 0 >/proc/sys/net/ipv6/conf/$scope/accept_dad; done
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
"""


@cache
def _code() -> bytes:
    """Return an archive of what a module imports: Ansible's own and the collection's, and C{guest.py}."""
    found = find_spec("ansible")
    assert found
    assert found.origin
    ansible, content = Path(found.origin).parent, io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("__init__.py", "release.py", "_vendor", "module_utils"):
            archive.add(ansible / name, f"ansible/{name}", filter=_no_bytecode)
        for name in ("module_utils", "modules"):
            there = f"ansible_collections/egress/allowlist/plugins/{name}"
            archive.add(REPOSITORY / "plugins" / name, there, filter=_no_bytecode)
        archive.add(GUEST, "guest.py")
    return content.getvalue()


def _no_bytecode(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


class WiredMachine(Machine):
    """A machine with wires, on which modules run; C{ssh} tells whether it is still reached."""

    def __init__(self, suite: str, what: str, key: Path) -> None:
        """Start it, see C{Machine}."""
        self._guest: subprocess.Popen[bytes] | None = None
        self._asks = Lock()
        super().__init__(suite, what, key)
        try:
            environment = {**os.environ, **CONTAINERS}
            put = ["podman", "exec", "-i", self.name, "sh", "-c", f"mkdir -p {CODE} && tar -C {CODE} -x"]
            subprocess.run(put, env=environment, input=_code(), check=True, capture_output=True)
            self.wire()
        except BaseException:
            self.remove()
            raise

    def wire(self) -> None:
        """Lay the wires and start the name server, after a boot."""
        command = ["env", f"PYTHONPATH={CODE}", "PYTHONDONTWRITEBYTECODE=1", "python3", f"{CODE}/guest.py"]
        self._guest = subprocess.Popen(
            ["podman", "exec", "-i", self.name, *command],
            env={**os.environ, **CONTAINERS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.run(_wires())
        self.guest(task="names", addresses=ADDRESSES)

    def reboot(self, *, killed: bool = False) -> None:
        """Boot it again, and lay the wires."""
        self._leave()
        super().reboot(killed=killed)
        self.wire()

    def dial(self) -> str:
        """Return how SSH comes in: over the wire, so that the rules decide."""
        return f"podman exec -i {self.name} ip netns exec peer bash -c '{RELAY.format('198.18.0.2')}'"

    def remove(self) -> None:
        """Remove the container, running or not."""
        self._leave()
        super().remove()

    def _leave(self) -> None:
        if self._guest:
            self._guest.kill()
            self._guest.communicate()
            self._guest = None

    def execute(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command there with a text as its input."""
        if not self._guest:
            return super().execute(*command, given=given)
        return subprocess.CompletedProcess(command, *self.guest(task="sh", command=command, given=given))

    def guest(self, **task: Any) -> Any:
        """Let C{guest.py} do something there; returns its result."""
        assert self._guest
        assert self._guest.stdin
        assert self._guest.stdout
        with self._asks:
            self._guest.stdin.write(json.dumps(task).encode() + b"\n")
            self._guest.stdin.flush()
            line = self._guest.stdout.readline()
        answer = json.loads(line or '{"error": "it has ended"}')
        if "error" in answer:
            raise MachineError(f"{self.name}: {task['task']}: {answer['error']}")
        return answer["result"]

    def modules(self, backend: str, *runs: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a backend's module, all C{runs} at once; see C{run} in C{guest.py}."""
        found: list[dict[str, Any]] = self.guest(task="run", module=MODULE.format(backend), runs=list(runs))
        return found

    def ssh_command(self, *command: str) -> list[str]:
        """Return the command that runs another one there by SSH."""
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes")
        words = [word for option in (*options, f"ProxyCommand={self.dial()}") for word in ("-o", option)]
        return ["ssh", "-i", str(self.key), *words, "root@machine", *command]


class Session:
    """One SSH connection that stays: whether it still answers is asked by C{alive}."""

    def __init__(self, machine: WiredMachine) -> None:
        self._count = 0
        self._process = subprocess.Popen(
            machine.ssh_command("cat"),
            env={**os.environ, **CONTAINERS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def alive(self, seconds: float = PATIENCE) -> bool:
        """Send a line and wait for it to come back."""
        assert self._process.stdin
        assert self._process.stdout
        self._count += 1
        line, seen, end = b"%d\n" % self._count, b"", time.monotonic() + seconds
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()
        while not seen.endswith(line):
            if not select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return False
            found = os.read(self._process.stdout.fileno(), 100)
            if not found:
                return False
            seen += found
        return True

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
