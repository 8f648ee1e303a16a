# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of all that we make on a host: the same whatever umask the module runs with, and set back where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.hosts import firewalld, nftables, ufw
from tests.support.hosts.module import ModuleHost
from tests.support.names.world import NftHost
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import longer, system

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("203.0.113.0/25"), row("api.example.com", "443", "TCP", "names")]
KEEPER, STATE = "/usr/local/sbin/egress-allowlist-names", "/var/lib/egress-allowlist"
OPTIONS = {"policy": "deny", "names": "resolve"}
NAMES = {
    "/etc/egress-allowlist": "d 755",
    KEEPER: "f 755",
    STATE: "d 700",
    f"{STATE}/names-BACKEND.json": "f 600",
    "/etc/egress-allowlist/names-BACKEND.json": "f 644",
}
# What there is of ours while a change waits for its confirmation; what is there only then ends with a star.
MADE = {
    "nftables": {
        "/etc/egress-allowlist/.nftables.nft.unconfirmed*": "f 600",
        "/etc/egress-allowlist/nftables.nft": "f 600",
        "/etc/egress-allowlist/load-nftables": "f 644",
    },
    "ufw": {
        "/etc/ufw/.egress_allowlist.unconfirmed*": "f 600",
        "/etc/ufw/egress_allowlist.init": "f 640",
        "/etc/ufw/egress_allowlist.sets": "f 640",
        "/etc/ufw/egress_allowlist.rules": "f 640",
        "/etc/ufw/egress_allowlist6.rules": "f 640",
        "/etc/systemd/system/ufw.service.d*": "d 755",
        "/etc/systemd/system/ufw.service.d/egress-allowlist.conf*": "f 644",
        "/run/ufw.lock": "f 600",
    },
    "firewalld": {
        "/etc/firewalld/.egress_allowlist.unconfirmed*": "f 600",
        "/etc/systemd/system/firewalld.service.d*": "d 755",
        "/etc/systemd/system/firewalld.service.d/egress-allowlist.conf*": "f 644",
    },
}
RUN = {"": "d 700", "/BACKEND.lock": "f 600", "/BACKEND.names*": "f 600", "/BACKEND.rollback*": "f 600"}
RUN |= {"/BACKEND.revert-TOKEN*": "f 600", "/BACKEND.revert-TOKEN.pid*": "f 600"}


@contextmanager
def host_of(backend: str) -> Iterator[ModuleHost]:
    """Yield a host of this backend, without a network."""
    if backend == "ufw":
        with ufw.alone("bookworm", users="") as made:
            made.shell("rm -f /run/ufw.lock; mkdir -p /etc/systemd/system")
            yield made
    elif backend == "firewalld":
        with firewalld.alone() as other:
            other.shell("sed -i s/NftablesTableOwner=yes/NftablesTableOwner=no/ /etc/firewalld/firewalld.conf")
            yield other
    else:
        space = Namespace(system("bookworm"))
        try:
            yield NftHost(space)
        finally:
            space.close()


def native(backend: str) -> dict:
    """Return a native form with all that makes files."""
    made = {"nftables": nftables.native, "ufw": ufw.native, "firewalld": firewalld.native}[backend]
    return made(*ROWS, **OPTIONS, **({"sets": True} if backend == "ufw" else {}))


def modes(host: ModuleHost, token: str = "") -> dict[str, str]:
    """Return C{{path: "f 644"}} of all files, folders and links there are where we make some."""
    where = "/etc /run /var/lib /usr/local /tmp /var/tmp"
    listed = host.shell(f"find {where} -xdev -printf '%y %m %p\\n' 2>/dev/null || :")
    found = {}
    for line in listed.splitlines():
        kind, mode, path = line.split(" ", 2)
        if not path.startswith(("/run/system/", "/tmp/ansible", "/run/dbus")):
            found[path.replace(token, "TOKEN") if token else path] = f"{kind} {mode}"
    return found


def expected(backend: str, waits: bool) -> dict[str, str]:
    """Return what is new while a change waits, or when it is confirmed."""
    found = {**MADE[backend], **NAMES, **{f"/run/egress-allowlist{name}": mode for name, mode in RUN.items()}}
    if not waits:
        found["/run/egress-allowlist/BACKEND.confirmed"] = "f 600"
    late = set()
    if waits:  # what names need, and what a boot loads, comes with the confirmation
        late = {*NAMES, *MADE["nftables"]} - {"/etc/egress-allowlist", *[path for path in found if path.endswith("*")]}
        late |= {"/etc/egress-allowlist"} if backend != "nftables" else set()
    if backend == "nftables":
        found.pop("/run/egress-allowlist/BACKEND.confirmed", None)
    return {
        path.rstrip("*").replace("BACKEND", backend): mode
        for path, mode in found.items()
        if path not in late and (waits or not path.endswith("*"))
    }


def ours(after: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    """Return what is new, without the objects of firewalld, which are checked by themselves."""
    new = {path: mode for path, mode in after.items() if path not in before}
    xml = {path for path in new if path.startswith("/etc/firewalld/") and path.endswith(".xml")}
    assert {new.pop(path) for path in xml} <= {"f 640"}
    folders = {"/etc/firewalld/ipsets", "/etc/firewalld/services", "/etc/firewalld/policies"}
    assert {new.pop(path) for path in folders & set(new)} <= {"d 755"}
    return new


@pytest.mark.parametrize("umask", longer(["000"], ["077", "022"]))
@pytest.mark.parametrize("backend", MADE)
def test_modes_of_all_that_we_make(backend: str, umask: str) -> None:
    with host_of(backend) as host:
        host.umask = umask
        before = modes(host)
        applied = host.apply(native(backend), after=600)
        host.waiting()
        assert ours(modes(host, applied["token"]), before) == expected(backend, waits=True)
        confirmed = host.confirm(applied)
        assert not confirmed.get("failed"), confirmed
        after = modes(host)
        assert ours(after, before) == expected(backend, waits=False)
        assert {path: mode for path, mode in after.items() if path in before and mode != before[path]} == changed(
            backend
        )
        assert host.apply(native(backend))["changed"] is False
        host.remove()
        left = ours(modes(host), before)
        assert set(left) <= {"/run/ufw.lock"}


def changed(backend: str) -> dict[str, str]:
    """Return what was there and has another mode: after.init must be executable for ufw to run it."""
    return {"/etc/ufw/after.init": "f 740"} if backend == "ufw" else {}


@pytest.mark.long
@pytest.mark.parametrize("mode", ["777", "700"])
@pytest.mark.parametrize("backend", MADE)
def test_modes_that_somebody_changed_are_set_back(backend: str, mode: str) -> None:
    with host_of(backend) as host:
        host.apply(native(backend))
        before = modes(host)
        paths = ["/etc/egress-allowlist", STATE, KEEPER, f"/etc/egress-allowlist/names-{backend}.json"]
        paths += ["/etc/egress-allowlist/nftables.nft", "/etc/egress-allowlist/load-nftables"]
        paths = [path for path in paths if path in before and not before[path].endswith(mode)]
        host.shell(f"chmod {mode} /run/egress-allowlist /run/egress-allowlist/*.lock {' '.join(paths)}")
        lines = [f"~ {path}: mode 0{mode} -> 0{before[path].split()[1]}" for path in paths]
        for check in (True, False):
            done = host.module(**{host.native: native(backend)}, revert_after=0, check=check)
            assert set(lines) == set(done["differences"]), done
        assert modes(host) == before
        assert host.apply(native(backend))["changed"] is False
