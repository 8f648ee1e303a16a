# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a namespace on which the module runs, and a neighbour that answers for the rest of the world.

The module runs as Ansible runs it on a target, in a process of its own, but without the play around it.
"""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._backends.nftables import render
from ansible_collections.egress.allowlist.plugins.plugin_utils._rules import expand_rows

from tests.support.namespaces import Namespace, add_addresses, add_default_routes, link
from tests.support.packets import World

REPOSITORY = Path(__file__).resolve().parents[2]
MAIN, BOOT = "/etc/nftables.conf", "/etc/nftables.d/egress_allowlist.nft"
CANDIDATE, RUN = "/etc/nftables.d/.egress_allowlist.nft.unconfirmed", "/run/egress-allowlist"
HOST = {4: "198.18.1.2", 6: "2001:2::1:2"}
PEER = {4: "198.18.1.1", 6: "2001:2::1:1"}
# What the neighbour answers for, besides its own addresses.
WORLD = {4: "203.0.113.0/24", 6: "2001:db8::/32"}
_BITS = {4: 24, 6: 112}
_RUN = """
import sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
from ansible_collections.egress.allowlist.plugins.modules import nftables
nftables.main()
"""
_COUNTS = re.compile(r"packets (\d+) bytes (\d+)")


def row(destination: str, ports: str = "443", protocol: str = "TCP", service: str = "calls", **more: Any) -> dict:
    """Return a row of a vendor's."""
    found = {"vendor": "acme", "service": service, "destination": destination, "ports": ports, "protocol": protocol}
    return found | {"source": "Acme's ports", "date": "2026-01", "requirement": "required"} | more


def native(*rows: dict, timers: Sequence[dict] = (), **options: Any) -> dict:
    """Return what the filter nftables_ruleset makes of rows."""
    return render(merge_vendors(expand_rows(list(rows)), timers=timers), **options)


@dataclass
class Host:
    """A host whose rules are looked at and changed."""

    space: Namespace

    def __post_init__(self) -> None:
        self.write(MAIN, "#!/usr/sbin/nft -f\n\nflush ruleset\n")
        self.write("/etc/resolv.conf", f"nameserver {PEER[4]}\nnameserver {PEER[6]}\n")
        self.shell(
            "rm -rf /etc/chrony* /etc/ntp* /etc/openntpd /etc/systemd/timesyncd* /etc/sysconfig /etc/nftables.d; "
            "rm -f /etc/os-release; echo ID=debian > /etc/os-release"
        )

    def start(self, *, check: bool = False, **params: Any) -> subprocess.Popen[str]:
        """Start the module in a process group of its own; C{finish} waits for it."""
        arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **params}}
        process = subprocess.Popen(
            [*enter(self.space), sys.executable, "-c", _RUN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / ".collections")},
        )
        assert process.stdin
        process.stdin.write(json.dumps(arguments))
        process.stdin.close()
        process.stdin = None
        return process

    def module(self, **params: Any) -> dict[str, Any]:
        """Run the module; returns what it says, failed or not."""
        return finish(self.start(**params))

    def apply(self, ruleset: dict, *, after: int = 0, **params: Any) -> dict[str, Any]:
        """Apply and, unless C{after} arms the way back, confirm at once; fails where the module fails."""
        done = self.module(ruleset=ruleset, revert_after=after, **params)
        assert not done.get("failed"), done
        return done

    def confirm(self, applied: dict[str, Any]) -> dict[str, Any]:
        """Confirm what an armed run applied."""
        return self.module(state="confirmed", token=applied["token"])

    def shell(self, script: str) -> str:
        """Run a script on the host; returns what it prints."""
        done = self.space.run(["sh", "-ec", script])
        assert done.returncode == 0, (script, done.stderr)
        return done.stdout

    def load(self, text: str) -> None:
        """Load rules by hand."""
        done = self.space.run(["nft", "-f", "-"], input=text)
        assert done.returncode == 0, (text, done.stderr)

    def write(self, path: str, text: str) -> None:
        """Write a file of the host's; a link is replaced."""
        self.space.run(["sh", "-ec", f"rm -f {path}; mkdir -p $(dirname {path}); cat > {path}"], input=text, check=True)

    def read(self, path: str) -> str:
        """Return a file's text, '' where there is none."""
        return self.space.run(["cat", path]).stdout

    def rules(self, *, counts: bool = False) -> str:
        """Return the whole ruleset as the kernel has it, in an order that does not depend on its history."""
        done = self.space.run(["nft", *([] if counts else ["-s"]), "list", "ruleset"])
        assert done.returncode == 0, done.stderr
        return normalised(done.stdout)

    def counters(self) -> dict[str, int]:
        """Return the packets of each named counter."""
        listed = json.loads(self.shell("nft -j list counters"))["nftables"]
        return {entry["counter"]["name"]: entry["counter"]["packets"] for entry in listed if "counter" in entry}

    def files(self) -> dict[str, str]:
        """Return the digest, mode and owner of each file below /etc and /run."""
        lines = self.shell(
            "find /etc /run -xdev -type f -not -path '*/.wh*' -exec stat -c '%a %U %n' {} + | sort -k3; "
            "find /etc /run -xdev -type f -exec sha256sum {} + | sort -k2; find /run /etc/nftables* -type d | sort"
        )
        return {line.split(maxsplit=1)[1]: line.split(maxsplit=1)[0] for line in lines.splitlines() if " " in line} | {
            line: "folder" for line in lines.splitlines() if " " not in line
        }

    def timeouts(self, protocol: str) -> dict[tuple[str, int], int]:
        """Return the seconds that conntrack leaves each flow, by destination and port."""
        found = {}
        for line in self.shell(
            f"conntrack -L -p {protocol} 2>/dev/null; conntrack -f ipv6 -L -p {protocol} 2>/dev/null; true"
        ).splitlines():
            fields = re.findall(r"(\w+)=(\S+)", line)
            destination = next(value for name, value in fields if name == "dst")
            port = next(value for name, value in fields if name == "dport")
            found[destination, int(port)] = int(line.split()[2])
        return found


@dataclass
class Ends:
    """A host and its neighbour."""

    host: Host
    peer: Namespace

    def listen(self, address: str, port: int) -> socket.socket:
        """Return a TCP service of the neighbour's."""
        return listen(self.peer, address, port)

    def connects(self, address: str, port: int, seconds: float = 0.4) -> str:
        """Say how a TCP connection from the host goes: open, refused, unreachable or silent."""
        return connects(self.host.space, address, port, seconds)

    def datagram(self, address: str, port: int, payload: bytes = b"x") -> bool:
        """Say whether a datagram from the host reaches the neighbour."""
        return datagram(self.host.space, self.peer, address, port, payload)


def enter(space: Namespace) -> list[str]:
    """Return the command that runs another one inside."""
    return ["nsenter", "--target", str(space.pid), "--net", "--mount", "--pid", f"--wd={REPOSITORY}", "--"]


def finish(process: subprocess.Popen[str], seconds: float = 60) -> dict[str, Any]:
    """Return what a started module says."""
    out, err = process.communicate(timeout=seconds)
    assert out.lstrip().startswith("{"), out + err
    return json.loads(out)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a module and all of its process group at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def normalised(listing: str) -> str:
    """Return a listing with its tables, blocks and elements in order."""
    tables = []
    for table in re.findall(r"^table .*?^\}", listing, re.MULTILINE | re.DOTALL):
        head, *blocks = re.split(r"\n(?=\t\S)(?!\t\})", table.rsplit("\n}", 1)[0])
        tables.append("\n".join([head, *sorted(_block(block) for block in blocks), "}"]))
    return "\n".join(sorted(tables))


def _block(block: str) -> str:
    found = re.search(r"elements = \{(.*?)\}", block, re.DOTALL)
    if not found:
        return block.strip("\n")
    members = sorted(" ".join(member.split()) for member in found.group(1).split(","))
    return block.replace(found.group(1), " " + ", ".join(members) + " ").strip("\n")


def uncounted(listing: str) -> str:
    """Return a listing without its counts."""
    return _COUNTS.sub("", listing)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(space: Namespace, address: str, port: int) -> socket.socket:
    """Return a TCP service in a namespace."""
    return space.call(partial(socket.create_server, (address, port), family=_family(address)))


def connect(space: Namespace, address: str, port: int, seconds: float = 2) -> socket.socket:
    """Return a connection out of a namespace; raises OSError."""
    return space.call(partial(socket.create_connection, (address, port), timeout=seconds))


def connects(space: Namespace, address: str, port: int, seconds: float = 0.4) -> str:
    """Say how a TCP connection goes: open, refused, unreachable or silent."""
    try:
        connect(space, address, port, seconds).close()
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"
    return "open"


def datagram(sender: Namespace, receiver: Namespace, address: str, port: int, payload: bytes = b"x") -> bool:
    """Say whether a datagram from one namespace reaches a socket in another."""

    def make(bound: str = "") -> socket.socket:
        made = socket.socket(_family(address), socket.SOCK_DGRAM)
        if bound:
            made.bind((bound, port))
        return made

    with receiver.call(partial(make, address)) as there, sender.call(make) as here:
        try:
            here.sendto(payload, (address, port))
        except OSError:
            return False
        return bool(select.select([there], [], [], 0.3)[0]) and there.recv(2048) == payload


def _answer_for_the_world(peer: Namespace) -> None:
    peer.script("".join(f"ip -{version} route add local {prefix} dev lo\n" for version, prefix in WORLD.items()))


@contextmanager
def linked() -> Iterator[Ends]:
    """Yield a host with one way out, to a neighbour that answers for all of C{WORLD}."""
    with ExitStack() as ends:
        host, peer = Namespace(), Namespace()
        ends.callback(host.close)
        ends.callback(peer.close)
        link(host, "up0", peer, "down0")
        add_addresses(host, "up0", HOST, _BITS)
        add_addresses(peer, "down0", PEER, _BITS)
        add_default_routes(host, "up0", PEER, "02:00:00:00:00:02")
        _answer_for_the_world(peer)
        yield Ends(Host(host), peer)


@contextmanager
def alone() -> Iterator[Host]:
    """Yield a host without any network."""
    space = Namespace()
    try:
        yield Host(space)
    finally:
        space.close()


def gateway(world: World) -> Host:
    """Return the gateway of a world of packets as a host on which the module runs."""
    return Host(world.host)


def quoted(text: str) -> str:
    """Return a text for a script."""
    return shlex.quote(text)
