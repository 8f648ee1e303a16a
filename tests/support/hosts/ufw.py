# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with the real ufw, in a sandbox's second system, on which the module runs with that system's Python."""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render

from tests.support.hosts.module import ModuleHost
from tests.support.namespaces import ENVIRONMENT, Namespace
from tests.support.rules import merged, row
from tests.support.systems import enable_ufw, system

HOME, DEFAULTS, RUN = "/etc/ufw", "/etc/default/ufw", "/run/egress-allowlist"
USER4, USER6 = f"{HOME}/user.rules", f"{HOME}/user6.rules"
CANDIDATE = f"{HOME}/.egress_allowlist.unconfirmed"
INIT = "/lib/ufw/ufw-init"
# The user's own, of every kind that ufw writes in its own way.
USERS = """
ufw allow 22/tcp comment 'my ssh'
ufw allow out on eth0 to 10.1.1.1
ufw limit 2222/tcp
ufw allow log 8080/tcp
ufw route allow in on eth1 out on eth2 to 10.9.0.0/16 port 80 proto tcp
ufw app list >/dev/null
ufw allow out to 2001:db8:ffff::/48 port 53
ufw deny out to 10.66.0.0/16
"""


def native(*rows: dict, **options: Any) -> dict:
    """Return what the filter ufw_rules makes of rows."""
    return render(merged(*rows), **options)


OLD = [
    row("203.0.113.0/25"),
    row("2001:db8::/64", "10000-60000,3478", "UDP", "media"),
    row("192.0.2.7", "80,8443-8445", "TCP", "web"),
]


@dataclass
class Host(ModuleHost):
    """A host whose ufw is looked at and changed."""

    name, native = "ufw", "rules"
    space: Namespace
    suite: str = ""
    path: str = ENVIRONMENT["PATH"]

    def __post_init__(self) -> None:
        self.write("/etc/resolv.conf", "nameserver 198.18.1.1\nnameserver 2001:2::1:1\n")

    def write(self, path: str, text: str) -> None:
        """Write a file of the host's; a link is replaced."""
        self.space.target(["sh", "-ec", f"rm -f {path}; cat > {path}"], input=text, check=True)

    def read(self, path: str) -> str:
        """Return a file's text, '' where there is none."""
        return self.space.target(["cat", path]).stdout

    def texts(self) -> dict[str, str]:
        """Return the files that we write into."""
        return {path: self.read(path) for path in (USER4, USER6, DEFAULTS)}

    def kernel(self) -> list[str]:
        """Return all rules and policies in the kernel; chains in order of their names, rules in theirs."""
        return [
            f"{tool} {line}"
            for tool in ("iptables", "ip6tables")
            for line in sorted(self.shell(f"{tool} -S").splitlines(), key=_chain)
        ]

    def files(self) -> list[str]:
        """Return mode, owner and digest of all that ufw, systemd and we keep; not what only we need at run time."""
        return sorted(
            self.shell(
                # What goes back by itself may remove a file meanwhile.
                "find /etc/ufw /etc/default /etc/systemd -printf '%y %m %u:%g %p\\n' || :; "
                "find /etc/ufw /etc/default /etc/systemd -type f -exec sha256sum {} + || :"
            ).splitlines()
        )

    def status(self) -> str:
        """Return what C{ufw status numbered} lists."""
        return self.shell("ufw status numbered")

    def reboot(self) -> None:
        """Empty what a boot empties, and start ufw as its service does, with the drop-in that is there.

        The service starts also where that finds no script: who was killed had not written it yet, nor changed a file.
        """
        self.stop_kernel()
        self.shell(
            f"rm -rf {RUN}; hook=/etc/systemd/system/ufw.service.d/egress-allowlist.conf; "
            f"if [ -e $hook ]; then $(sed -n 's/^ExecStartPre=-//p' $hook) || :; fi; {INIT} start quiet"
        )

    def stop_kernel(self) -> None:
        """Leave the kernel without any rule, as a boot finds it."""
        for tool in ("iptables", "ip6tables"):
            self.shell(f"for c in INPUT OUTPUT FORWARD; do {tool} -P $c ACCEPT; done; {tool} -F; {tool} -X")
        self.shell("ipset destroy")

    def sets(self) -> list[str]:
        """Return the members of all sets in the kernel."""
        return sorted(self.shell("ipset save | sed -n 's/^add //p'").splitlines())


def _chain(line: str) -> tuple[str, str]:
    """Sort declarations before rules, and rules by chain only: their order within one matters and is kept."""
    option, chain = line.split(" ", 2)[:2]
    return ("0" if option != "-A" else "1", chain)


def comments(status: str) -> list[str]:
    """Return the comments in a listing."""
    return re.findall(r"# (.*)$", status, re.MULTILINE)


@cache
def shared(suite: str) -> Host:
    """Return a host as C{alone} makes it, for many tests: each puts back what it changed. It ends with this process."""
    ends = ExitStack()
    atexit.register(ends.close)
    host = ends.enter_context(alone(suite))
    host.shell("ufw reload; mkdir -p /etc/systemd/system")  # loads what enabling wrote
    return host


@contextmanager
def alone(suite: str, *, enabled: bool = True, users: Sequence[str] | str = USERS) -> Iterator[Host]:
    """Yield a host without any network, whose ufw is enabled and has rules of the user's."""
    space = Namespace(system(suite))
    try:
        host = Host(space, suite)
        if enabled:
            enable_ufw(space)
        if users:
            host.shell(users if isinstance(users, str) else "\n".join(users))
        yield host
    finally:
        space.close()
