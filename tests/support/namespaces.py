# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: sandboxes that are held open, and the veth pairs between them."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SANDBOX = Path(__file__).with_name("sandbox")
MOUNTED = "/run/system"  # where the sandbox has its second system
ENVIRONMENT = {  # of commands there
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")  # of the near and the far end of each veth pair
BITS = {4: 24, 6: 112}  # prefix lengths of the namespaces' networks
_SETTINGS = "\n".join(
    f"echo {value} > /proc/sys/net/{name}"
    for name, value in {
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/conf/default/rp_filter": 0,
        "ipv6/conf/all/disable_ipv6": 0,
        "ipv6/conf/default/accept_dad": 0,
        "ipv6/conf/default/accept_ra": 0,
        "ipv6/conf/default/router_solicitations": 0,
    }.items()
)


class WorldError(Exception):
    """The namespaces cannot be made, or do not carry packets as they must."""


class Namespace:
    """A sandbox held open by a process that ends with this one, with a second system in it if a directory is given."""

    def __init__(self, system: str | Path = "") -> None:
        self.system = str(system)
        self.at_end: list[Callable[[], None]] = []  # called when all in the namespace has ended
        self._holder = subprocess.Popen(
            [SANDBOX, *(["--system", self.system] if self.system else []), "--", "sh", "-c", "echo up; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout
        assert self._holder.stderr
        if self._holder.stdout.readline() != "up\n":
            raise WorldError(self._holder.stderr.read().strip() or "the sandbox ended at once")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text("ascii")
        self.pid = int(children.split()[0])  # the first process inside

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside; options as for C{subprocess.run}, output captured as text unless they say else."""
        options = {"capture_output": True, "text": True, **options}
        return subprocess.run([*self.enter(), *map(str, command)], check=options.pop("check", False), **options)

    def enter(self) -> list[str]:
        """Return the command that runs another one inside."""
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", "--pid", f"--wd={os.getcwd()}", "--"]

    def target(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the second system; as C{run} where there is none.

        The command starts in the system's root directory and gets none of our environment; C{env} adds to what it gets.
        """
        if not self.system:
            return self.run(command, **options)
        return self.run(["chroot", MOUNTED, *command], **{**options, "env": {**ENVIRONMENT, **options.get("env", {})}})

    def script(self, text: str) -> None:
        """Run a shell script inside; raises WorldError with its complaint when a line of it fails."""
        done = self.run(["sh", "-ec", text])
        if done.returncode:
            raise WorldError(f"a namespace cannot be set up: {done.stderr.strip()}")

    def call(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Return what C{make} returns when called in this network namespace: a socket stays where it was made."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{self.pid}/ns/net", "rb") as there:
            if libc.setns(there.fileno(), 0x40000000):
                raise WorldError(f"the network namespace cannot be entered: {os.strerror(ctypes.get_errno())}")
            try:
                return make()
            finally:
                if libc.setns(home.fileno(), 0x40000000):
                    os.abort()  # never go on in a namespace that is not ours

    def close(self) -> None:
        """End the namespace and all that runs in it."""
        self._holder.kill()
        self._holder.communicate()
        for call in self.at_end:
            call()


def link(near: Namespace, name: str, far: Namespace, far_name: str) -> None:
    """Join two namespaces with a veth pair; both ends up, with addresses of the link layer that others can name."""
    add = ["ip", "link", "add", name, "address", MACS[0], "netns", str(near.pid), "type", "veth"]
    add += ["peer", "name", far_name, "address", MACS[1], "netns", str(far.pid)]
    done = subprocess.run(add, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorldError(f"no veth pair can be made: {done.stderr.strip()}")
    near.script(f"{_SETTINGS}\nip link set {name} up")
    far.script(f"{_SETTINGS}\nip link set {far_name} up")


def add_addresses(namespace: Namespace, device: str, addresses: dict[int, str], bits: dict[int, int]) -> None:
    """Give a device its address of each IP version, with the prefix length of that version."""
    for version, address in addresses.items():
        nodad = "nodad" if version == 6 else ""
        namespace.script(f"ip address add {address}/{bits[version]} dev {device} {nodad}")


def add_default_routes(namespace: Namespace, device: str, hops: dict[int, str], mac: str) -> None:
    """Send all that has no nearer way to these next hops (by IP version), which need not answer: C{mac} is theirs."""
    for version, hop in hops.items():
        namespace.script(
            f"ip -{version} neighbour replace {hop} lladdr {mac} dev {device} nud permanent\n"
            f"ip -{version} route add default via {hop} dev {device}"
        )


def namespaces(ends: ExitStack, count: int, system: str | Path = "") -> list[Namespace]:
    """Return new namespaces that end with C{ends}, the first with a second system if a directory is given."""
    made = []
    for number in range(count):
        namespace = Namespace("" if number else system)
        ends.callback(namespace.close)
        made.append(namespace)
    return made
