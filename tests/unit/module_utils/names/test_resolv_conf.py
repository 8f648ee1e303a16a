# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a host asks for names: /etc/resolv.conf, and who listens on the port of DNS."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._names import resolv_conf

from tests.support.files import write


def test_resolv_conf_comes_and_goes(etc: Path) -> None:
    before = "domain corp.example\nnameserver 198.51.100.1\nnameserver 2001:db8::1\n# x\noptions edns0\n"
    write(etc, "/etc/resolv.conf", before)
    text, former, servers = resolv_conf.wanted(True)
    assert former == before
    assert servers == ["198.51.100.1", "2001:db8::1"]
    assert text.splitlines()[1:] == ["nameserver 127.0.0.1", "domain corp.example", "options edns0"]
    assert resolv_conf.wanted(False) == (before, None, [])
    write(etc, "/etc/resolv.conf", text)
    write(etc, resolv_conf.FORMER.removeprefix(str(etc)), before)
    assert resolv_conf.wanted(True) == (text, before, servers), "the same again"
    assert resolv_conf.wanted(False) == (before, None, [])
    other = "nameserver 198.51.100.2\n"
    write(etc, "/etc/resolv.conf", other)
    assert resolv_conf.wanted(True)[1:] == (other, ["198.51.100.2"]), "who wrote it since is asked"
    assert resolv_conf.wanted(False) == (other, None, []), "and is not undone"


def test_a_resolv_conf_that_names_this_host_already_is_left_alone(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver ::1\nnameserver 127.0.0.1\n")
    assert resolv_conf.wanted(True) == ("nameserver ::1\nnameserver 127.0.0.1\n", None, [])
    resolv_conf.check(False)


@pytest.mark.parametrize(("resolved", "passes"), [("DNS=127.0.0.1 ::1", True), ("DNS=127.0.0.1 198.51.100.1", False)])
def test_the_stub_of_systemd_resolved(etc: Path, resolved: str, passes: bool) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 127.0.0.53\n")
    write(etc, "/etc/systemd/resolved.conf", f"[Resolve]\n{resolved}\nDomains=~.\n")
    if passes:
        resolv_conf.check(False)
    else:
        with pytest.raises(ToolError, match=r"this host asks 127\.0\.0\.53"):
            resolv_conf.check(False)


@pytest.mark.parametrize(
    ("family", "address", "kind"),
    [
        (socket.AF_INET, "127.0.0.7", socket.SOCK_STREAM),
        (socket.AF_INET, "0.0.0.0", socket.SOCK_DGRAM),
        (socket.AF_INET6, "::1", socket.SOCK_DGRAM),
        (socket.AF_INET6, "::", socket.SOCK_STREAM),
    ],
)
def test_who_listens(family: int, address: str, kind: int) -> None:
    with socket.socket(family, kind) as listening:
        listening.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            listening.listen()
        port = listening.getsockname()[1]
        comm = Path("/proc/self/comm").read_text().strip()
        assert resolv_conf.listeners(port) == [(address, os.getpid(), comm)]
    assert resolv_conf.listeners(port) == []
