# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers and time servers of a host, read from its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import servers

from tests.support.files import write


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files that are looked at into a folder."""
    for name in ("_RESOLVERS", "_CLOCKS", "_FORWARDERS"):
        monkeypatch.setattr(servers, name, tuple(f"{tmp_path}{path}" for path in getattr(servers, name)))
    monkeypatch.setattr(servers, "FORMER", f"{tmp_path}{servers.FORMER}")
    return tmp_path


def test_name_servers_behind_a_stub(etc: Path) -> None:
    assert servers.name_servers() == []
    write(etc, "/etc/resolv.conf", "# nameserver 9.9.9.9\nnameserver 127.0.0.53\noptions edns0\n")
    assert servers.name_servers() == []
    write(etc, "/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n nameserver\t2001:DB8::53\nnameserver ::1\n")
    write(etc, "/run/NetworkManager/no-stub-resolv.conf", "nameserver fe80::1%eth0\nnameserver 192.0.2.53\n")
    assert servers.name_servers() == ["192.0.2.53", "2001:db8::53", "fe80::1"]


def test_name_servers_that_are_no_addresses_are_left_out(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 192.0.2.256\nnameserver 010.0.0.1\nnameserver x;\nnameserver ::2\n")
    assert servers.name_servers() == ["::2"]


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
    assert servers.name_servers() == ["192.0.2.2", "192.0.2.3", "2001:db8::4"]
    write(etc, "/etc/resolv.conf", "# made by egress.allowlist: more\nnameserver 127.0.0.1\n")
    assert servers.name_servers() == ["192.0.2.2", "192.0.2.3", "192.0.2.8", "2001:db8::4"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/chrony.conf", "server 192.0.2.1 iburst\n!server 192.0.2.9\n#pool 192.0.2.9\npeer 2001:db8::1\n"),
        ("/etc/chrony/conf.d/mine.conf", "server 192.0.2.1\nserver 2001:db8::1 key 1\nallow 10.0.0.0/8\n"),
        ("/etc/chrony/sources.d/dhcp.sources", "server 192.0.2.1\npool 2001:db8::1\n"),
        ("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=192.0.2.9\nNTP=192.0.2.1\nFallbackNTP = 2001:db8::1\n"),
        ("/etc/systemd/timesyncd.conf.d/a.conf", "[Time]\nNTP=192.0.2.1 2001:db8::1\n"),
        ("/etc/ntp.conf", "server 192.0.2.1\nserver 2001:db8::1 prefer\nserver 127.127.1.0\n"),
        ("/etc/openntpd/ntpd.conf", "servers 192.0.2.1\nserver 2001:db8::1 weight 5\n"),
    ],
)
def test_time_servers(etc: Path, path: str, text: str) -> None:
    write(etc, path, text)
    assert servers.time_servers({}) == (["192.0.2.1", "2001:db8::1"], {}, [])


def test_names_of_time_servers_are_looked_up_once(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return {"a.pool.example": ["192.0.2.5"]}.get(name, [])

    monkeypatch.setattr(servers, "_resolve", resolve)
    write(etc, "/etc/chrony/chrony.conf", "pool a.pool.example iburst\nserver gone.example\nserver known.example\n")
    addresses, names, unresolved = servers.time_servers({"known.example": ["192.0.2.6"]})
    assert (addresses, unresolved) == ([], ["gone.example"])
    assert names == {"a.pool.example": ["192.0.2.5"], "known.example": ["192.0.2.6"]}
    assert asked == ["a.pool.example", "gone.example"]
