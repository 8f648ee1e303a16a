# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian in a sandbox whose firewalld the module works on, under the Debian's own Python."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld.configuration import render

from tests.support.hosts.module import ModuleHost
from tests.support.namespaces import ENVIRONMENT, Namespace
from tests.support.rules import merged
from tests.support.systems import Firewalld, start_firewalld, system

SUITES = ["bookworm", "trixie"]  # what has a firewalld that is new enough
HOME, RUN = "/etc/firewalld", "/run/egress-allowlist"
CANDIDATE = f"{HOME}/.egress_allowlist.unconfirmed"
_LISTING = """
from firewall.client import FirewallClient
client = FirewallClient()
print("default zone", client.getDefaultZone())
for kind, names, settings in (
    ("zone", client.getZones(), lambda name: client.getZoneSettings(name).getSettingsDict()),
    ("policy", client.getPolicies(), lambda name: client.getPolicySettings(name).getSettingsDict()),
    ("ipset", client.getIPSets(), lambda name: client.getIPSetSettings(name).settings),
    ("service", client.listServices(), lambda name: client.getServiceSettings(name).getSettingsDict()),
):
    for name in names:
        print(kind, name, settings(name))
print("direct", client.getAllChains(), client.getAllRules(), client.getAllPassthroughs())
"""


def native(*rows: dict, **options: Any) -> dict:
    """Return what the filter firewalld_objects makes of rows."""
    return render(merged(*rows), **options)


@dataclass
class Host(ModuleHost):
    """A host with firewalld; C{daemon} is None while none runs."""

    name, native, path = "firewalld", "objects", ENVIRONMENT["PATH"]
    space: Namespace
    daemon: Firewalld | None = field(default=None)

    def __post_init__(self) -> None:
        self.shell("printf 'nameserver 198.18.1.1\\nnameserver 2001:2::1:1\\n' > /etc/resolv.conf")

    def read(self, path: str) -> str:
        """Return a file's text, '' where there is none."""
        return self.space.target(["cat", path]).stdout

    def start(self) -> None:
        """Start firewalld; what one that was killed left in the kernel goes before, as it goes with a reboot."""
        self.shell("! nft list table inet firewalld >/dev/null 2>&1 || nft delete table inet firewalld")
        if self.daemon:
            self.daemon.start()
        else:
            self.daemon = start_firewalld(self.space)

    def files(self) -> list[str]:
        """Return digest, mode and owner of all below /etc/firewalld and of the services' drop-ins."""
        where = f"{HOME} /etc/systemd/system"
        listed = self.shell(
            f"find {where} -type f -exec sha256sum {{}} + -o -type d -printf 'folder %p\\n' || true; "
            f"find {where} -type f -printf '%m %u:%g %p\\n' || true"
        )
        return sorted(listed.splitlines())

    def rules(self) -> str:
        """Return all rules that firewalld has in the kernel, in one order."""
        listed = self.shell("nft -s list table inet firewalld 2>/dev/null || true")
        return "\n".join(sorted(block(part) for part in listed.split("\n\n")))

    def users(self) -> str:
        """Return all that firewalld runs, in its own words."""
        return self.shell(f"python3 -c {shlex.quote(_LISTING)}")

    def loaded(self) -> str:
        """Return what firewalld makes anew with each load: the handle of a rule."""
        return self.shell("nft -a list chain inet firewalld filter_INPUT | sed -n 's/.*\"lo\" accept # handle //p'")

    def boots(self) -> str:
        """Return the digests of the objects that firewalld would find at the next boot, after what comes before it."""
        script = (
            f"cp -a {HOME} /tmp/boot && mount --bind /tmp/boot {HOME} && "
            f"{{ [ ! -d {RUN} ] || mount -t tmpfs none {RUN}; }} && "
            f"{{ [ ! -e {CANDIDATE} ] || sh {CANDIDATE} boot; }} && cd {HOME} && "
            "find ipsets services policies -name '*.xml' -exec sha256sum {} + | sort -k2; rm -r /tmp/boot/*"
        )
        return self.shell(f"unshare --mount --propagation private sh -ec {shlex.quote(script)}; rm -rf /tmp/boot")


def block(text: str) -> str:
    """Return a block of a listing with the elements of a set in order."""
    head, found, rest = text.partition("elements = {")
    if not found:
        return text
    members, end, rest = rest.partition("}")
    return head + found + ", ".join(sorted(" ".join(member.split()) for member in members.split(","))) + end + rest


@contextmanager
def alone(suite: str = "bookworm", *, start: bool = True) -> Iterator[Host]:
    """Yield a host without any network, firewalld running unless told not to."""
    space = Namespace(system(suite))
    try:
        host = Host(space)
        if start:
            host.start()
        yield host
    finally:
        space.close()
