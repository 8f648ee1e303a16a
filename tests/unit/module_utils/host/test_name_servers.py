# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name servers of a host, read from its files; and the program that follows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import name_servers

from tests.support.files import write


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files that are looked at into a folder."""
    for name in ("RESOLVERS", "FORWARDERS"):
        monkeypatch.setattr(name_servers, name, tuple(f"{tmp_path}{path}" for path in getattr(name_servers, name)))
    monkeypatch.setattr(name_servers, "FORMER", f"{tmp_path}{name_servers.FORMER}")
    return tmp_path


def test_name_servers_behind_a_stub(etc: Path) -> None:
    assert name_servers.name_servers() == []
    write(etc, "/etc/resolv.conf", "# nameserver 9.9.9.9\nnameserver 127.0.0.53\noptions edns0\n")
    assert name_servers.name_servers() == []
    write(etc, "/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n nameserver\t2001:DB8::53\nnameserver ::1\n")
    write(etc, "/run/NetworkManager/no-stub-resolv.conf", "nameserver fe80::1%eth0\nnameserver 192.0.2.53\n")
    assert name_servers.name_servers() == ["192.0.2.53", "2001:db8::53", "fe80::1"]


def test_name_servers_that_are_no_addresses_are_left_out(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 192.0.2.256\nnameserver 010.0.0.1\nnameserver x;\nnameserver ::2\n")
    assert name_servers.name_servers() == ["::2"]


def test_name_servers_of_a_dnsmasq(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 127.0.0.1\n")
    write(etc, "/etc/dnsmasq.conf", "#server=192.0.2.1\nserver=192.0.2.2#53\nserver=/corp.example/192.0.2.3\nport=53\n")
    lines = (
        "server = 2001:db8::4@eth0",
        "server=/local.example/",
        "server=/a/b/#",
        "server=127.0.0.1#5353",
        "no-resolv",
    )
    write(etc, "/etc/dnsmasq.d/mine.conf", "".join(line + "\n" for line in lines))
    write(etc, "/etc/dnsmasq.d/egress-allowlist.conf", "# made by egress.allowlist: more\nserver=192.0.2.9\n")
    write(etc, "/var/lib/egress-allowlist/resolv.conf", "nameserver 192.0.2.8\n")
    assert name_servers.name_servers() == ["192.0.2.2", "192.0.2.3", "2001:db8::4"]
    write(etc, "/etc/resolv.conf", "# made by egress.allowlist: more\nnameserver 127.0.0.1\n")
    assert name_servers.name_servers() == ["192.0.2.2", "192.0.2.3", "192.0.2.8", "2001:db8::4"]
