# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policies stop, let through and count, seen by clients on the host."""

from __future__ import annotations

import socket

import pytest

from tests.support.ends import Ends, connects, listen
from tests.support.hosts.nftables import HOST, native
from tests.support.rules import row
from tests.support.waiting import GLANCE, PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")


def test_counters_that_stay_keep_their_counts(ends: Ends) -> None:
    host = ends.host
    with ends.listen("203.0.113.9", 443), ends.listen("203.0.113.9", 80):
        host.apply(native(row("203.0.113.9"), row("203.0.113.9", "80", service="web"), policy="audit"))
        for _round in range(3):
            assert ends.connects("203.0.113.9", 443) == "open"
        assert ends.connects("203.0.113.9", 80) == "open"
        assert ends.connects("203.0.113.9", 81) == "refused"
        before = host.counters()
        assert before == {"acme/calls": 3, "acme/web": 1, "would_stop": 1}
        host.apply(native(row("203.0.113.0/28"), row("203.0.113.99", "9", "UDP", "new"), policy="audit"))
        assert host.counters() == {"acme/calls": 3, "acme/new": 0, "would_stop": 1}
        assert ends.connects("203.0.113.9", 443) == "open"
        assert host.counters()["acme/calls"] == 4


def test_audit_stops_nothing_and_counts(ends: Ends) -> None:
    ends.host.apply(native(row("203.0.113.9"), policy="audit"))
    with ends.listen("203.0.113.77", 8080):
        assert ends.connects("203.0.113.77", 8080) == "open"
    assert ends.datagram("203.0.113.77", 9999)
    assert ends.datagram("2001:db8::77", 9999)
    assert ends.host.counters()["would_stop"] == 3


@pytest.mark.parametrize("address", ["203.0.113.77", "2001:db8::77"])
def test_reject_answers_and_drop_is_silent(ends: Ends, address: str) -> None:
    with ends.listen(address, 8080):
        ends.host.apply(native(row("203.0.113.9"), policy="deny", stopped="reject"))
        assert ends.connects(address, 8080) == "refused"
        assert not ends.datagram(address, 9999, seconds=GLANCE)
        ends.host.apply(native(row("203.0.113.9"), policy="deny", stopped="drop"))
        assert ends.connects(address, 8080, GLANCE) in ("silent", "unreachable")
        assert not ends.datagram(address, 9999, seconds=GLANCE)
        assert ends.host.counters()["stopped"] >= 4
        ends.host.apply(native(row(address, "8080"), policy="deny"))
        assert ends.connects(address, 8080) == "open"


def test_the_baseline_lets_through_what_a_host_needs_and_no_more(ends: Ends) -> None:
    ends.host.write("/etc/chrony/chrony.conf", "server 203.0.113.123 iburst\nserver 2001:db8::123\n")
    ends.host.write("/etc/resolv.conf", "nameserver 203.0.113.53\nnameserver 2001:db8::53\n")
    allow = [{"destination": "203.0.113.200", "ports": "5671", "protocol": "UDP"}]
    ends.host.apply(native(row("203.0.113.9"), policy="deny", allow=allow))
    for name, other in (("203.0.113.53", "203.0.113.54"), ("2001:db8::53", "2001:db8::54")):
        with ends.listen(name, 53), ends.listen(other, 53):
            assert ends.connects(name, 53) == "open"
            assert ends.connects(other, 53) == "refused"
        assert ends.datagram(name, 53)
        assert not ends.datagram(other, 53, seconds=GLANCE)
        assert not ends.datagram(name, 54, seconds=GLANCE)
    for clock, other in (("203.0.113.123", "203.0.113.124"), ("2001:db8::123", "2001:db8::124")):
        assert ends.datagram(clock, 123)
        assert not ends.datagram(other, 123, seconds=GLANCE)
        with ends.listen(clock, 123):
            assert ends.connects(clock, 123) == "refused"
    assert ends.datagram("203.0.113.200", 5671)
    assert not ends.datagram("203.0.113.200", 5672, seconds=GLANCE)
    with listen(ends.host.space, "127.0.0.1", 8080):
        assert ends.connects("127.0.0.1", 8080) == "open"
    # The host answers those who look for its address, and those who knock at a closed port: with an ICMP error for udp.
    for address in HOST.values():
        ends.peer.run(["ip", "neighbour", "delete", address, "dev", "down0"], check=True)
        assert connects(ends.peer, address, 9) == "refused"
        assert knock(ends, address) == "refused"


def knock(ends: Ends, address: str) -> str:
    """Say what the neighbour gets for a datagram to a closed port of the host's."""
    made = ends.peer.call(
        lambda: socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    )
    with made:
        made.settimeout(PATIENCE)
        made.connect((address, 9))
        made.send(b"x")
        try:
            made.recv(1)
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "silent"
    return "answered"


def test_a_clock_that_is_found_by_name_is_open_for_its_daemon_alone(ends: Ends) -> None:
    """The user of systemd-timesyncd asks any server, whatever the pool's addresses are by then; nobody else does."""
    ends.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")  # which says at once that it is not there
    ends.host.write("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=\n#FallbackNTP=0.pool.invalid 1.pool.invalid\n")
    ends.host.shell(
        "sed -i '/^systemd-timesync:/d' /etc/passwd; echo systemd-timesync:x:995:995::/:/bin/false >>/etc/passwd"
    )
    for scope in ("host", "both"):
        done = ends.host.apply(native(row("203.0.113.9"), policy="deny", scope=scope))
        assert "~ time asked by: none -> systemd-timesync" in done["differences"] or scope == "both"
        assert any(
            "udp/123 is open to any address for its user alone (systemd-timesync)" in note for note in done["notes"]
        )
        for clock in ("203.0.113.123", "2001:db8::123"):
            assert sent_by(ends, 995, clock, 123)
            assert not sent_by(ends, 994, clock, 123)
            assert not sent_by(ends, 0, clock, 123)
            assert not sent_by(ends, 995, clock, 124)
            with ends.listen(clock, 123):
                assert ends.connects(clock, 123) == "refused"
        again = ends.host.module(ruleset=native(row("203.0.113.9"), policy="deny", scope=scope))
        assert not again["changed"], again
    ends.host.boot()
    assert sent_by(ends, 995, "203.0.113.123", 123)
    assert not sent_by(ends, 994, "203.0.113.123", 123)


def test_ntpd_sends_as_root_from_one_port(ends: Ends) -> None:
    ends.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    ends.host.write("/etc/ntpsec/ntp.conf", "pool 0.pool.invalid iburst\n")
    ends.host.apply(native(row("203.0.113.9"), policy="deny"))
    assert sent_by(ends, 0, "203.0.113.123", 123, port=123)
    assert not sent_by(ends, 0, "203.0.113.123", 123)
    assert not sent_by(ends, 995, "203.0.113.123", 123)


@pytest.mark.parametrize("scope", ["host", "both"])
def test_what_servers_are_asked_at_other_ports(ends: Ends, scope: str) -> None:
    """Keys of NTS, a clock at a port of its own, and dnsmasq's server: each at that server alone."""
    ends.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    ends.host.write("/etc/dnsmasq.conf", "server=203.0.113.53#5353\nserver=203.0.113.54\n")
    ends.host.write("/etc/chrony/chrony.conf", "server 203.0.113.123 nts\nserver 2001:db8::123 port 1123\n")
    wanted = native(row("203.0.113.9"), policy="deny", scope=scope)
    done = ends.host.apply(wanted)
    asked = "tcp/4460 to 203.0.113.123, tcp/5353 to 203.0.113.53, udp/1123 to 2001:db8::123, udp/5353 to 203.0.113.53"
    assert set(asked.split(", ")) == {
        each for line in done["differences"] if "asked besides" in line for each in line.partition("-> ")[2].split(", ")
    }
    for address, port in (("203.0.113.123", 4460), ("203.0.113.53", 5353), ("203.0.113.54", 53)):
        with ends.listen(address, port):
            assert ends.connects(address, port) == "open"
    for address, port in (("203.0.113.124", 4460), ("203.0.113.53", 53), ("203.0.113.54", 5353), ("203.0.113.123", 53)):
        with ends.listen(address, port):
            assert ends.connects(address, port) == "refused"
    for address, port in (("203.0.113.123", 123), ("2001:db8::123", 1123), ("203.0.113.53", 5353)):
        assert ends.datagram(address, port)
    assert not ends.datagram("2001:db8::123", 123, GLANCE)
    assert ends.host.apply(wanted)["changed"] is False
    ends.host.write("/etc/chrony/chrony.conf", "server 203.0.113.123\n")
    ends.host.apply(wanted)
    with ends.listen("203.0.113.123", 4460):
        assert ends.connects("203.0.113.123", 4460) == "refused"


def test_a_gateways_clients_get_no_clock_by_its_user(ends: Ends) -> None:
    ends.host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    ends.host.write("/etc/ntpsec/ntp.conf", "pool 0.pool.invalid iburst\n")
    done = ends.host.apply(native(row("203.0.113.9"), policy="deny", scope="gateway"))
    assert any(note.startswith("the clock may stop: ") for note in done["notes"])
    assert "skuid" not in ends.host.rules()


def sent_by(ends: Ends, user: int, address: str, to: int, port: int = 0) -> bool:
    """Say whether a datagram of a user's on the host leaves it; C{port}: the one that it comes from."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    program = (
        f"import os, socket; made = socket.socket(socket.{family}, socket.SOCK_DGRAM) if not {user} else None\n"
        f"made and {port} and made.bind(('', {port}))\n"
        f"{user} and os.setuid({user})\n"
        f"made = made or socket.socket(socket.{family}, socket.SOCK_DGRAM)\n"
        f"made.sendto(b'x', ('{address}', {to}))"
    )
    return ends.host.space.run(["sh", "-c", 'exec /usr/bin/python3 -c "$1"', "sh", program]).returncode == 0
