# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DHCPv4 client on a host, and dnsmasq as the server on its neighbour.

The client sends as those do that ask the kernel to: by a UDP socket, so that its packets pass the host's own rules. It
listens beneath them, as all do that have no address yet.
"""

from __future__ import annotations

import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP

from tests.support.namespaces import MACS, MOUNTED, Namespace
from tests.support.packets import capture
from tests.support.waiting import GLANCE, until

EVERYBODY = "255.255.255.255"
_HARDWARE = bytes.fromhex(MACS[0].replace(":", ""))
_OFFER, _ACK = 2, 5


@dataclass(frozen=True)
class Lease:
    """What a host was given, and by whom."""

    address: str
    server: str


@contextmanager
def server(space: Namespace, device: str, first: str, last: str) -> Iterator[None]:
    """Have dnsmasq give addresses to those who ask on a device; C{space} has a second system with dnsmasq in it."""
    command = ["dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--pid-file", "--no-ping"]
    command += [f"--interface={device}", f"--dhcp-range={first},{last},1h", "--dhcp-authoritative"]
    command += ["--dhcp-leasefile=/tmp/dnsmasq.leases", "--user=root"]
    running = subprocess.Popen([*space.enter(), "chroot", MOUNTED, *command], stderr=subprocess.PIPE)
    try:
        assert until(lambda: ":0043 " in space.run(["cat", "/proc/net/udp"]).stdout), "dnsmasq does not serve DHCP"
        yield
    finally:
        running.kill()
        running.communicate()


def lease(host: Namespace, device: str) -> Lease | None:
    """Return the lease that a host gets by asking everybody, None where its packets or the answers do not arrive."""
    with host.call(capture) as answers:
        offered = _ask(host, device, answers, EVERYBODY, [("message-type", "discover")])
        if not offered or offered["message-type"] != _OFFER:
            return None
        wanted = Lease(offered["address"], offered["server_id"])
        options = [("message-type", "request"), ("requested_addr", wanted.address), ("server_id", wanted.server)]
        given = _ask(host, device, answers, EVERYBODY, options)
    return wanted if given and given["message-type"] == _ACK else None


def renews(host: Namespace, device: str, held: Lease, whom: str = "") -> bool:
    """Say whether a host can renew the lease of an address that it has, asking its server, or C{whom}, directly."""
    with host.call(capture) as answers:
        given = _ask(host, device, answers, whom or held.server, [("message-type", "request")], held.address)
    return bool(given and given["message-type"] == _ACK)


def _ask(
    host: Namespace, device: str, answers: socket.socket, to: str, options: list[Any], address: str = ""
) -> dict[str, Any] | None:
    """Send a question from port 68 to port 67 and return the options of the answer, None where none comes."""
    question = BOOTP(op=1, chaddr=_HARDWARE, xid=7, ciaddr=address or "0.0.0.0", flags="" if address else "B")
    packet = bytes(question / DHCP(options=[*options, "end"]))
    with host.call(lambda: _client(device, address)) as sending:
        try:
            sending.sendto(packet, (to, 67))
        except OSError:
            return None
        return _answer(answers)


def _client(device: str, address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    made.bind((address, 68))
    return made


def _answer(answers: socket.socket) -> dict[str, Any] | None:
    while select.select([answers], [], [], 3 * GLANCE)[0]:
        packet = answers.recv(2048)
        if packet[0] == 0x45 and packet[9] == 17 and packet[20:24] == b"\x00\x43\x00\x44":
            message = BOOTP(packet[28:])
            if message.op == 2 and DHCP in message:
                found = dict(option[:2] for option in message[DHCP].options if isinstance(option, tuple))
                return {**found, "address": message.yiaddr}
    return None
