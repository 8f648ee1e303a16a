# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a namespace on which the module nftables runs."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render

from tests.support.hosts.module import ModuleHost
from tests.support.namespaces import Namespace
from tests.support.packets import World
from tests.support.rules import merged

MAIN = "/etc/nftables.conf"  # the user's
BOOT, LOADER = "/etc/egress-allowlist/nftables.nft", "/etc/egress-allowlist/load-nftables"
CANDIDATE, RUN = "/etc/egress-allowlist/.nftables.nft.unconfirmed", "/run/egress-allowlist"
HOST = {4: "198.18.1.2", 6: "2001:2::1:2"}  # with a neighbour
PEER = {4: "198.18.1.1", 6: "2001:2::1:1"}  # the neighbour, and the name server
_COUNTS = re.compile(r"packets (\d+) bytes (\d+)")


def native(*rows: dict, timers: Sequence[dict] = (), **options: Any) -> dict:
    """Return what the filter nftables_ruleset makes of rows."""
    return render(merged(*rows, timers=timers), **options)


@dataclass
class Host(ModuleHost):
    """A host whose rules are looked at and changed."""

    name, native = "nftables", "ruleset"
    space: Namespace
    path: str = os.environ["PATH"]

    def __post_init__(self) -> None:
        self.write(MAIN, "#!/usr/sbin/nft -f\n\nflush ruleset\n")
        self.write("/etc/resolv.conf", f"nameserver {PEER[4]}\nnameserver {PEER[6]}\n")
        self.shell("rm -rf /etc/chrony* /etc/ntp* /etc/openntpd /etc/systemd/timesyncd* /etc/egress-allowlist")

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

    def boot(self) -> None:
        """Load what a boot loads, in its order: the user's file, then ours as its unit does."""
        self.shell(f"nft flush ruleset; nft -f {MAIN}; [ ! -e {LOADER} ] || sh {LOADER}")

    def counters(self) -> dict[str, int]:
        """Return the packets of each named counter."""
        listed = json.loads(self.shell("nft -j list counters"))["nftables"]
        return {entry["counter"]["name"]: entry["counter"]["packets"] for entry in listed if "counter" in entry}

    def files(self) -> list[str]:
        """Return mode, owner and digest of what is ours below /etc and /run, and of the files of nftables.service."""
        where = (
            "$(ls -d /etc/nftables* /etc/egress* /etc/systemd/system/*egress* /etc/systemd/system/nftables* "
            "/run/egress* /run/systemd* 2>/dev/null)"
        )
        listed = self.shell(
            # What goes back by itself may remove a folder meanwhile.
            f"set -- {where}; test $# = 0 && exit; "
            "find $* -type d -printf 'folder %p\\n' -o -printf '%m %u:%g %p\\n' || :; "
            "find $* -type f -exec sha256sum {} + || :"
        )
        return sorted(listed.splitlines())

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
