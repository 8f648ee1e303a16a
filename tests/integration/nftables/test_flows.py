# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are under way, and how long conntrack remembers them."""

from __future__ import annotations

import hashlib
import socket
import threading

import pytest

from tests.support.ends import Ends, connect
from tests.support.hosts.nftables import native
from tests.support.rules import row
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

TIMERS = [
    {"vendor": "eschat", "services": ["register"], "protocol": "tcp", "seconds": 720, "printed": "12 min"},
    {"vendor": "eschat", "services": ["register"], "protocol": "udp", "seconds": 60, "printed": "1 min"},
]
LONGER = {"vendor": "other", "services": ["long"], "protocol": "udp", "seconds": 300, "printed": "5 min"}


def eschat(*more: dict, **options: object) -> dict:
    """Return the native form of a vendor with timers."""
    rows = [
        row(prefix, "7400", "TCP/UDP", "register", vendor="eschat") for prefix in ("203.0.113.0/25", "2001:db8::/64")
    ]
    return native(*rows, *more, timers=[*TIMERS, LONGER], **options)


@pytest.mark.parametrize("policy", ["unmanaged", "audit", "deny"])
def test_the_first_packet_gets_the_vendors_time(ends: Ends, policy: str) -> None:
    ends.host.apply(eschat(row("203.0.113.200", "7400", "TCP/UDP"), policy=policy))
    for address in ("203.0.113.9", "2001:db8::9", "203.0.113.200"):
        assert ends.datagram(address, 7400)
    addresses = ("203.0.113.9", "2001:db8::9", "203.0.113.200")
    services = [ends.listen(address, 7400) for address in addresses]
    held = [connect(ends.host.space, address, 7400) for address in addresses]
    udp, tcp = ends.host.timeouts("udp"), ends.host.timeouts("tcp")
    for address in addresses[:2]:
        assert 30 < udp[address, 7400] <= 60
        assert 720 - PATIENCE < tcp[address, 7400] <= 720
    assert udp[addresses[2], 7400] <= 30  # the kernel's own
    assert tcp[addresses[2], 7400] > 100_000
    for opened in (*services, *held):
        opened.close()


def test_an_answered_datagram_keeps_the_vendors_time(ends: Ends) -> None:
    ends.host.apply(eschat(policy="deny"))

    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("203.0.113.9", 7400))
        return made

    with ends.peer.call(bound) as there, ends.host.space.call(lambda: socket.socket(type=socket.SOCK_DGRAM)) as here:
        for _round in range(3):
            here.sendto(b"register", ("203.0.113.9", 7400))
            _data, client = there.recvfrom(100)
            there.sendto(b"registered", client)
            assert here.recv(100) == b"registered"
    assert 30 < ends.host.timeouts("udp")["203.0.113.9", 7400] <= 60


def test_the_longest_time_wins(ends: Ends) -> None:
    both = row("203.0.113.0/28", "7000-7500", "UDP", "long", vendor="other")
    ends.host.apply(eschat(both, policy="deny"))
    for address, port, seconds in (("203.0.113.9", 7400, 300), ("203.0.113.99", 7400, 60), ("203.0.113.9", 7000, 300)):
        assert ends.datagram(address, port)
        assert seconds / 2 < ends.host.timeouts("udp")[address, port] <= seconds


def test_no_time_is_set_for_what_another_opens_without(ends: Ends) -> None:
    """The kernel's own 30 s for UDP without an answer, and not the 60 s that ESChat asks for."""
    done = ends.host.apply(eschat(row("203.0.113.8/30", "7400", "UDP", "media", vendor="third"), policy="deny"))
    assert "the udp timer of eschat is not set for what another vendor, which asks for none, opens too" in done["notes"]
    for address, seconds in (("203.0.113.9", 30), ("203.0.113.12", 60)):
        assert ends.datagram(address, 7400)
        assert seconds / 2 < ends.host.timeouts("udp")[address, 7400] <= seconds


def test_the_times_of_flows_stay_when_the_list_changes(ends: Ends) -> None:
    ends.host.apply(eschat(policy="deny"))
    service = ends.listen("203.0.113.9", 7400)
    held = connect(ends.host.space, "203.0.113.9", 7400)
    assert ends.datagram("203.0.113.10", 7400)
    ends.host.apply(eschat(row("192.0.2.0/24"), policy="deny"))
    held.sendall(b"still there")
    assert 30 < ends.host.timeouts("udp")["203.0.113.10", 7400] <= 60
    assert 720 - PATIENCE < ends.host.timeouts("tcp")["203.0.113.9", 7400] <= 720
    held.close()
    service.close()


def test_a_call_goes_on_while_rules_come_and_go(ends: Ends) -> None:
    """No byte is lost or waits long: neither when the list changes, nor when its own destination is shut."""
    block, blocks = bytes(range(256)) * 128, 600
    sent, received = hashlib.sha256(), hashlib.sha256()
    go_on = threading.Event()
    ends.host.apply(eschat(policy="deny"))
    service = ends.listen("203.0.113.9", 7400)
    client = connect(ends.host.space, "203.0.113.9", 7400)
    server, _client = service.accept()

    def send() -> None:
        for number in range(blocks):
            data = number.to_bytes(4, "big") + block
            sent.update(data)
            client.sendall(data)
            go_on.wait(0.005)
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    receiver = threading.Thread(
        target=lambda: [received.update(data) for data in iter(lambda: server.recv(65536), b"")]
    )
    sender.start()
    receiver.start()
    applied = 0
    for ruleset in (
        eschat(row("192.0.2.0/24"), policy="deny"),
        eschat(policy="audit", scope="both"),
        native(row("192.0.2.0/24"), policy="deny", stopped="drop"),  # its destination is on no list any more
        eschat(policy="deny", stopped="drop"),
    ):
        assert ends.host.apply(ruleset)["changed"]
        applied += sender.is_alive()
    assert applied >= 2, "the call ended before the rules changed"
    go_on.set()
    sender.join(PATIENCE)
    receiver.join(PATIENCE)
    assert not receiver.is_alive()
    assert received.hexdigest() == sent.hexdigest()
    for opened in (client, server, service):
        opened.close()
