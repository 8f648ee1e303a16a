# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name servers of a host, read from its files; and the program that follows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import name_ports, name_servers
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover

from tests.support.files import write


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files that are looked at into a folder."""
    for name in ("RESOLVERS", "FORWARDERS"):
        monkeypatch.setattr(name_servers, name, tuple(f"{tmp_path}{path}" for path in getattr(name_servers, name)))
    monkeypatch.setattr(name_ports, "FORWARDERS", name_servers.FORWARDERS)
    for name in ("_ROOTS", "_LINKS"):
        monkeypatch.setattr(name_ports, name, tuple(f"{tmp_path}{path}" for path in getattr(name_ports, name)))
    monkeypatch.setattr(name_ports, "_ASKED", f"{tmp_path}{name_ports._ASKED}")
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver ::ffff:192.0.2.9\n", ["192.0.2.9"]),
        ("nameserver ::FFFF:c000:0209\n", ["192.0.2.9"]),
        ("nameserver ::ffff:127.0.0.1\nnameserver ::ffff:0.0.0.0\n", []),
        ("nameserver 0.0.0.0\nnameserver ::\nnameserver 0:0::0\n", []),
    ],
)
def test_addresses_in_another_coat_and_of_nobody(etc: Path, text: str, expected: list[str]) -> None:
    write(etc, "/etc/resolv.conf", text)
    assert name_servers.name_servers() == expected


def test_a_pipe_and_a_folder_are_not_read(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 192.0.2.1\n")
    (etc / "etc" / "dnsmasq.d" / "folder").mkdir(parents=True)
    os.mkfifo(etc / "etc" / "dnsmasq.d" / "pipe")
    assert (name_servers.name_servers(), name_ports.asked()) == (["192.0.2.1"], [])


def both(server: str, port: int) -> list[str]:
    return [f"{protocol}/{port} to {server}" for protocol in ("tcp", "udp")]


RUNNING = ("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n")
BY_TLS = ["tcp/853 to 192.0.2.1", "tcp/853 to 2001:db8::1"]


@pytest.mark.parametrize(
    ("files", "plain", "expected"),
    [
        ([("/etc/dnsmasq.conf", "server=192.0.2.1#5353\n")], [], both("192.0.2.1", 5353)),
        ([("/etc/dnsmasq.d/x", "server=/a/b/192.0.2.1#5353@eth0\n")], [], both("192.0.2.1", 5353)),
        ([("/etc/dnsmasq.conf", "local=/a/192.0.2.1#54\nserver=192.0.2.2#53\n")], ["192.0.2.2"],
         both("192.0.2.1", 54)),
        ([("/etc/dnsmasq.conf", "rev-server=192.0.2.0/24,192.0.2.1#54\nrev-server=10.0.0.0/8,192.0.2.3\n")],
         ["192.0.2.3"], both("192.0.2.1", 54)),
        ([("/etc/dnsmasq.conf", "server=127.0.0.1#5353\nserver=::1#5353\n")], [], []),
        ([RUNNING], ["192.0.2.1", "2001:db8::1"], []),
        ([RUNNING, ("/etc/systemd/resolved.conf", "[Resolve]\nDNSOverTLS=yes\n")],
         ["192.0.2.1", "2001:db8::1"], BY_TLS),
        ([RUNNING, ("/etc/systemd/resolved.conf.d/a.conf", "[Resolve]\nDNSOverTLS=opportunistic\n")],
         ["192.0.2.1", "2001:db8::1"], BY_TLS),
        ([RUNNING, ("/usr/lib/systemd/resolved.conf.d/a.conf", "[Resolve]\nDNSOverTLS=yes\n"),
          ("/etc/systemd/resolved.conf.d/b.conf", "[Resolve]\nDNSOverTLS=no\n")], ["192.0.2.1", "2001:db8::1"], []),
        ([RUNNING, ("/run/systemd/resolve/netif/2", "DNS_OVER_TLS=yes\nSERVERS=192.0.2.1\n")],
         ["192.0.2.1", "2001:db8::1"], BY_TLS),
        ([RUNNING, ("/run/systemd/netif/links/2", "DNS=192.0.2.1\nDNS_OVER_TLS=opportunistic\n")],
         ["192.0.2.1", "2001:db8::1"], BY_TLS),
        ([("/etc/systemd/resolved.conf", "[Resolve]\nDNS=192.0.2.1#dns.example.com [2001:db8::1]\nDNSOverTLS=yes\n")],
         [], BY_TLS),
        ([("/etc/systemd/resolved.conf", "[Resolve]\nDNS=192.0.2.1:5353#dns.example.com\nDNSOverTLS=yes\n")],
         [], both("192.0.2.1", 5353)),
        ([("/etc/systemd/resolved.conf", "[Resolve]\n#DNSOverTLS=yes\nDNS=192.0.2.1\n[Other]\nDNSOverTLS=yes\n")],
         [], []),
    ],
)  # fmt: skip
def test_name_servers_at_other_ports(
    etc: Path, files: list[tuple[str, str]], plain: list[str], expected: list[str]
) -> None:
    for path, text in files:
        write(etc, path, text)
    assert name_servers.name_servers() == plain
    assert [str(each) for each in name_ports.asked()] == expected
    told = discover(["dns"], {}, "x_egress", lambda command: (1, "", ""), extra=True, followed=True)
    assert [str(each) for each in told.asked] == expected
    now = f"name servers are those that the host has now ({', '.join(expected)}): when they change, apply again"
    assert [now in note for note in told.notes] == [True] * bool(expected) or not plain
    told = discover(["dns"], {}, "x_egress", lambda command: (1, "", ""), extra=False, followed=True)
    stops = (
        f"names may stop: a name server is asked at {', '.join(expected)}, which the baseline does not open: name it in"
    )
    assert any(stops in note for note in told.notes) is bool(expected)
    assert told.asked == []
