# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP servers of a host's leases, read where each client keeps them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host.leases import dhcp_servers
from scapy.layers.dhcp import BOOTP, DHCP

from tests.support.files import write


def silent(_command: Sequence[str]) -> tuple[int, str, str]:
    raise AssertionError("nothing is to be asked")


def dhclient(server: str, expire: str = "never", interface: str = "eth0") -> str:
    """Return a lease as dhclient writes it."""
    return (
        f'lease {{\n  interface "{interface}";\n  fixed-address 192.0.2.7;\n  option subnet-mask 255.255.255.0;\n'
        f"  option dhcp-server-identifier {server};\n  renew 1 2026/11/30 07:00:00;\n  expire {expire};\n}}\n"
    )


FUTURE, PAST = "2 2099/12/01 07:40:00", "2 2020/01/01 00:00:00"
V6 = 'default-duid "x";\nlease6 {\n  interface "eth0";\n  option dhcp6.server-id 0:1;\n}\n'


@pytest.mark.parametrize(
    ("path", "text", "servers"),
    [
        ("/run/systemd/netif/leases/2", "ROUTER=192.0.2.9\nSERVER_ADDRESS=192.0.2.1\n", ["192.0.2.1"]),
        ("/run/systemd/netif/leases/3", "ADDRESS=192.0.2.7\n", []),
        ("/var/lib/NetworkManager/internal-8d-eth0.lease", "SERVER_ADDRESS=192.0.2.1\n", ["192.0.2.1"]),
        ("/var/lib/NetworkManager/internal-8d-eth0.lease", "# written by nettools\nADDRESS=192.0.2.7\n", []),
        ("/var/lib/dhcp/dhclient.eth0.leases", dhclient("192.0.2.1", FUTURE), ["192.0.2.1"]),
        ("/var/lib/dhclient/dhclient--eth0.lease", dhclient("192.0.2.1", "never"), ["192.0.2.1"]),
        ("/var/lib/NetworkManager/dhclient-8d-eth0.lease", dhclient("192.0.2.1", "epoch 4100000000"), ["192.0.2.1"]),
        # The last lease of each interface, and none that has ended.
        ("/var/lib/dhcp/dhclient.leases", dhclient("192.0.2.1", FUTURE) + dhclient("192.0.2.2", FUTURE), ["192.0.2.2"]),
        ("/var/lib/dhcp/dhclient.leases", dhclient("192.0.2.1", FUTURE) + dhclient("192.0.2.2", PAST), []),
        ("/var/lib/dhcp/dhclient.leases", dhclient("192.0.2.1", "epoch 1500000000; # 2017"), []),
        ("/var/lib/dhcp/dhclient.leases", dhclient("192.0.2.1", FUTURE) + dhclient("192.0.2.2", FUTURE, "eth1"),
         ["192.0.2.1", "192.0.2.2"]),
        ("/var/lib/dhcp/dhclient6.eth0.leases", V6, []),
        ("/var/lib/dhcp/dhclient.leases", dhclient("192.0.2.300"), []),
        ("/var/lib/dhcp/dhclient.leases", "lease {\n  interface", []),
    ],
)  # fmt: skip
def test_leases_that_are_text(tmp_path: Path, path: str, text: str, servers: list[str]) -> None:
    write(tmp_path, path, text)
    assert dhcp_servers(silent, str(tmp_path)) == (servers, [])


def message(*options: object) -> bytes:
    """Return a server's message with these options."""
    return bytes(BOOTP(op=2, yiaddr="192.0.2.7") / DHCP(options=[("message-type", "ack"), *options, "end"]))


@pytest.mark.parametrize(
    ("kept", "age", "servers"),
    [
        (message(("server_id", "192.0.2.1"), ("lease_time", 3600)), 0, ["192.0.2.1"]),
        (message("pad", "pad", ("lease_time", 3600), ("server_id", "192.0.2.1")), 3000, ["192.0.2.1"]),
        (message(("server_id", "192.0.2.1"), ("lease_time", 3600)), 4000, []),
        (message(("server_id", "192.0.2.1"), ("lease_time", 0xFFFFFFFF)), 10**8, ["192.0.2.1"]),
        (message(("server_id", "192.0.2.1")), 10**8, ["192.0.2.1"]),
        (message(), 0, []),
        (message(("server_id", "192.0.2.1"))[:-3], 0, []),
        (b"", 0, []),
        (b"\xff" * 300, 0, []),
        (message(("server_id", "192.0.2.1"))[:240] + b"\x36", 0, []),
    ],
)
@pytest.mark.parametrize(
    "path", ["/var/lib/dhcpcd/eth0.lease", "/var/lib/dhcpcd5/dhcpcd-eth0.lease", "/var/lib/dhcpcd-eth0.lease"]
)
def test_leases_of_dhcpcd(tmp_path: Path, path: str, kept: bytes, age: int, servers: list[str]) -> None:
    write(tmp_path, path, "")
    (tmp_path / path[1:]).write_bytes(kept)
    written = time.time() - age
    os.utime(tmp_path / path[1:], (written, written))
    assert dhcp_servers(silent, str(tmp_path)) == (servers, [])


TOLD = """DHCP4.OPTION[1]:dhcp_lease_time = 3600
DHCP4.OPTION[2]:dhcp_server_identifier = 192.0.2.1
DHCP4.OPTION[3]:requested_dhcp_server_identifier = 1

DHCP4.OPTION[1]:dhcp_server_identifier = 198.51.100.1
"""


def test_what_network_manager_tells(tmp_path: Path) -> None:
    answers = {0: TOLD, 8: ""}
    asked = []

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        asked.append(command[1:])
        return status, answers.get(status, ""), "Error: Could not create NMClient object"

    assert dhcp_servers(silent, str(tmp_path)) == ([], [])
    write(tmp_path, "/usr/bin/nmcli", "")
    status = 0
    assert dhcp_servers(run, str(tmp_path)) == (["192.0.2.1", "198.51.100.1"], [])
    status = 8
    assert dhcp_servers(run, str(tmp_path)) == ([], [])
    status = 1
    with pytest.raises(OSError, match=r"^NetworkManager does not tell its DHCP leases: Error: Could not create"):
        dhcp_servers(run, str(tmp_path))
    assert asked == [["--terse", "--fields", "DHCP4", "device", "show"]] * 3


def test_all_clients_together(tmp_path: Path) -> None:
    write(tmp_path, "/run/systemd/netif/leases/2", "SERVER_ADDRESS=192.0.2.9\n")
    write(tmp_path, "/var/lib/dhcp/dhclient.eth1.leases", dhclient("192.0.2.1"))
    write(tmp_path, "/var/lib/dhcp/dhclient.eth2.leases", dhclient("192.0.2.9"))
    assert dhcp_servers(silent, str(tmp_path)) == (["192.0.2.1", "192.0.2.9"], [])


@pytest.mark.parametrize(
    "expire", ["4 2026/13/45 99:00:00", "4 2026/02/30 07:00:00", "epoch soon", "soon", "4 2026/11/30"]
)
def test_a_lease_whose_end_cannot_be_read(tmp_path: Path, expire: str) -> None:
    write(tmp_path, "/var/lib/dhcp/x.leases", dhclient("192.0.2.1", expire) + dhclient("192.0.2.2", FUTURE, "eth1"))
    servers, notes = dhcp_servers(silent, str(tmp_path))
    assert servers == ["192.0.2.2"]
    assert notes == [
        f"the lease of the DHCP server 192.0.2.1 in {tmp_path}/var/lib/dhcp/x.leases ends at '{expire}', which is no "
        "date: it may be asked by broadcast only"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "var/lib/dhcp/x.leases",
        "var/lib/dhcpcd/x.lease",
        "run/systemd/netif/leases/2",
        "var/lib/NetworkManager/internal-8d-eth0.lease",
    ],
)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_read(tmp_path: Path, path: str, make: Callable[[Path], None]) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    make(tmp_path / path)
    assert dhcp_servers(silent, str(tmp_path)) == ([], [])


@pytest.mark.parametrize("server", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"])
def test_addresses_that_no_server_has(tmp_path: Path, server: str) -> None:
    write(tmp_path, "/run/systemd/netif/leases/2", f"SERVER_ADDRESS={server}\n")
    write(tmp_path, "/var/lib/dhcp/x.leases", dhclient(server))
    assert dhcp_servers(silent, str(tmp_path)) == ([], [])
