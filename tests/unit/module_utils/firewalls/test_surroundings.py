# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does that a scope does not reach, or a baseline does not let out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.surroundings import (
    forwarded,
    served,
    untracked,
)
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from tests.support.files import write

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ZERO = "0" * 32
FOR_ALL = {4: "/proc/sys/net/ipv4/conf/{}/forwarding", 6: "/proc/sys/net/ipv6/conf/{}/forwarding"}


def host(root: Path, routes4: Sequence[str] = (), routes6: Sequence[str] = (), *forwarding: tuple[int, str]) -> None:
    """Make what the kernel tells of routes, as C{interface destination}, and of the interfaces that forward."""
    write(root, "/proc/net/route", HEAD + "".join(f"{name}\t0000090A\t00000000\t0001\t0\t0\t0\n" for name in routes4))
    lines = [
        f"{destination:0<32} 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 {flags} {name:>8}\n"
        for name, destination, flags in (route.split() for route in routes6)
    ]
    write(root, "/proc/net/ipv6_route", "".join(lines))
    for version, path in FOR_ALL.items():
        for name in ("all", "default", "lo", *routes4, *(route.split()[0] for route in routes6)):
            write(root, path.format(name), f"{int((version, name) in forwarding)}\n")


TWO4, TWO6 = ["eth0", "docker0"], ["eth0 20010db8 00000001", "docker0 fd00 00000001"]


@pytest.mark.parametrize(
    ("routes4", "routes6", "forwarding", "shown"),
    [
        (TWO4, [], [(4, "docker0")], "docker0, eth0"),
        (TWO4, [], [(4, "eth0"), (4, "docker0"), (4, "all")], "docker0, eth0"),
        (TWO4, [], [], ""),
        (TWO4, [], [(6, "docker0")], ""),
        (TWO4, [], [(4, "default"), (4, "lo")], ""),
        (["eth0", "eth0"], [], [(4, "eth0")], ""),
        ([], TWO6, [(6, "eth0")], "docker0, eth0"),
        ([], ["eth0 20010db8 00000001", "docker0 fe80 00000001", "br0 ff00 00000001", "br1 fd00 80200001"],
         [(6, "eth0")], ""),
        (["eth0", "virbr0"], TWO6, [(4, "eth0"), (6, "eth0")], "docker0, eth0, virbr0"),
        ([f"cali{number}" for number in range(9)], [], [(4, "cali0")],
         "cali0, cali1, cali2, cali3, cali4, cali5, cali6, cali7, ..."),
    ],
)  # fmt: skip
def test_what_is_forwarded(
    tmp_path: Path, routes4: list[str], routes6: list[str], forwarding: list[tuple[int, str]], shown: str
) -> None:
    host(tmp_path, routes4, routes6, *forwarding)
    found = forwarded("deny", "host", "ufw_egress", str(tmp_path))
    assert [note.partition(")")[0].partition("(")[2] for note in found] == [shown] * bool(shown)


@pytest.mark.parametrize(
    ("policy", "scope", "said"),
    [
        ("deny", "host", "they are not stopped by the scope host; set nftables_egress_scope to both, and "
         "nftables_egress_sources to the addresses behind this host: without sources, new connections from outside to "
         "what is behind it are "
         "stopped too"),
        ("audit", "host", "they are not counted by the scope host; set nftables_egress_scope to both, and "
         "nftables_egress_sources to the addresses behind this host: without sources, new connections from outside to "
         "what is behind it are "
         "counted too"),
        ("unmanaged", "host", ""),
        (None, None, ""),
        ("deny", "both", ""),
        ("deny", "gateway", ""),
    ],
)  # fmt: skip
def test_it_is_said_where_it_is_not_stopped(tmp_path: Path, policy: str, scope: str, said: str) -> None:
    host(tmp_path, TWO4, [], (4, "eth0"))
    found = forwarded(policy, scope, "nftables_egress", str(tmp_path))
    assert [note.endswith(said) for note in found] == [True] * bool(said)


@pytest.mark.parametrize(
    ("routes4", "forwarding", "up", "shown"),
    [
        (["eth0"], [(4, "eth0")], ["eth0"], "eth0"),
        (["eth0"], [(6, "eth0")], ["eth0"], "eth0"),
        (["eth0"], [(4, "eth0"), (4, "wg0"), (6, "wg0"), (4, "off0")], ["eth0", "wg0", "lo"], "eth0, wg0"),
        (["eth0"], [(4, "eth0")], [], ""),
        (["eth0"], [(4, "all"), (4, "default"), (4, "lo")], ["eth0", "lo"], ""),
    ],
)
def test_what_may_be_forwarded_by_one_network(
    tmp_path: Path, routes4: list[str], forwarding: list[tuple[int, str]], up: list[str], shown: str
) -> None:
    host(tmp_path, routes4, [], *forwarding)
    for version, name in forwarding:
        write(tmp_path, FOR_ALL[version].format(name), "1\n")
        write(tmp_path, f"/sys/class/net/{name}/flags", "0x1003\n" if name in up else "0x1002\n")
    found = forwarded("deny", "host", "ufw_egress", str(tmp_path))
    assert [note.partition("come in by ")[2].partition(", such")[0] for note in found] == [shown] * bool(shown)
    assert all(note.endswith("are stopped too, unless a route rule of yours allows them") for note in found)


NFT = "table ip raw {\n\tchain OUTPUT {\n\t\ttcp sport 5432 counter notrack\n\t}\n}\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((0, NFT, ""), "table ip raw, chain OUTPUT"),
        ((0, NFT.replace("notrack", 'accept comment "notrack"'), ""), ""),
        ((0, "", ""), ""),
        ((1, "", "netlink: Error: cache initialization failed: Protocol not supported\n"), ""),
        (None, ""),
    ],
)
def test_packets_that_are_not_tracked(answer: tuple[int, str, str] | None, said: str) -> None:
    found = untracked("deny", "ufw_egress", lambda *_name, **_how: "nft" if answer else None, lambda _command: answer)
    assert [note.partition("notrack in ")[2].partition(")")[0] for note in found] == [said] * bool(said)
    assert untracked("unmanaged", "ufw_egress", lambda *_name, **_how: "nft", lambda _command: answer) == []


def test_a_listing_that_fails_is_an_error() -> None:
    with pytest.raises(ToolError, match="nft failed: Resource temporarily unavailable"):
        untracked(
            "deny", "x", lambda *_name, **_how: "nft", lambda _command: (1, "", "Resource temporarily unavailable")
        )


def test_a_kernel_without_networks(tmp_path: Path) -> None:
    assert forwarded("deny", "host", "ufw_egress", str(tmp_path)) == []


UDP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
LIBVIRT = " 23: 017AA8C0:0035 00000000:0000 07 0:0 0:0\n 24: 00000000:0043 00000000:0000 07 0:0 0:0\n"
CLIENT = " 24: 00000000:0044 00000000:0000 07 0:0 0:0\n 25: 00000000:4300 00000000:0043 07 0:0 0:0\n"
SERVER6 = f" 24: {ZERO}:0223 {ZERO}:0000 07 0:0 0:0\n"


@pytest.mark.parametrize(
    ("udp", "udp6", "allow", "told"),
    [
        (LIBVIRT, "", "", "UDP port 67 of IPv4"),
        (LIBVIRT, SERVER6, "", "UDP port 67 of IPv4 and UDP port 547 of IPv6"),
        ("", SERVER6, "udp/5671 to 10.67.68.0/24", "UDP port 547 of IPv6"),
        (LIBVIRT, "", "ip daddr 10.67.0.68 tcp dport 6768 accept; udp/1067 to 192.0.2.67", "UDP port 67 of IPv4"),
        (LIBVIRT, "", "ip daddr 255.255.255.255/32 udp dport 68 accept", ""),
        (LIBVIRT, SERVER6, "udp/68 to 10.0.0.0/8", "UDP port 547 of IPv6"),
        (LIBVIRT, SERVER6, "udp/68 to 10.0.0.0/8, udp/546 to fe80::/10", ""),
        (CLIENT, "", "", ""),
        ("", "", "", ""),
    ],
)
def test_a_host_that_serves_dhcp(tmp_path: Path, udp: str, udp6: str, allow: str, told: str) -> None:
    write(tmp_path, "/proc/net/udp", UDP + udp)
    write(tmp_path, "/proc/net/udp6", UDP + udp6)
    for policy, scope, done in (("deny", "host", "are stopped"), ("audit", "both", "would be stopped")):
        note = f"this host serves DHCP ({told}): its answers to clients {done}; name these with port 68 (IPv6: 546) in "
        assert served(policy, scope, allow, "x", str(tmp_path)) == [f"{note}x_allow"] * bool(told)
    for policy, scope in (("deny", "gateway"), ("unmanaged", "host")):
        assert served(policy, scope, allow, "x", str(tmp_path)) == []
