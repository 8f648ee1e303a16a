# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw: clocks that are found by name are open for the user of their daemon, in chains that ufw does not write anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.ufw import INIT, OLD, Host, native
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")

TIMESYNCD = "/etc/systemd/timesyncd.conf"
HOOK = "/etc/ufw/after.init"
WANTED = native(*OLD, policy="deny", stopped="reject")
PEOPLE = ("systemd-timesync:x:995:995::/:/bin/false", "other:x:994:994::/:/bin/false")


@pytest.fixture
def clock(each: Host) -> Iterator[Host]:
    """A host with timesyncd as a distribution ships it, and one way out, on which nobody answers."""
    former = each.read("/etc/passwd")
    each.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")  # which says at once that it is not there
    each.write(TIMESYNCD, "[Time]\n#NTP=\n#FallbackNTP=0.pool.invalid 1.pool.invalid\n")
    each.write("/etc/passwd", former + "".join(f"{line}\n" for line in PEOPLE))
    each.shell(
        "ip link add up0 type veth peer name far0; ip link set far0 up; ip link set up0 up\n"
        "ip address add 198.18.1.2/24 dev up0; ip -6 address add 2001:2::1:2/112 dev up0 nodad\n"
        "for hop in 198.18.1.1 2001:2::1:1; do ip neighbour replace $hop lladdr 02:00:00:00:00:02 dev up0; done\n"
        "ip route add default via 198.18.1.1; ip -6 route add default via 2001:2::1:1"
    )
    yield each
    each.remove()
    each.__post_init__()
    each.shell(f"ip link delete up0; rm {TIMESYNCD}")
    each.write("/etc/passwd", former)


def passes(host: Host, user: int, address: str, to: int, port: int = 0) -> bool:
    """Say whether the firewall lets a datagram of a user's out; C{port}: the one that it comes from."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    program = (
        f"import os, socket\nbound = {port} and socket.socket(socket.{family}, socket.SOCK_DGRAM)\n"
        f"bound and bound.bind(('', {port}))\nos.setuid({user})\n"
        f"(bound or socket.socket(socket.{family}, socket.SOCK_DGRAM)).sendto(b'x', ('{address}', {to}))"
    )
    done = host.space.target(["sh", "-c", 'exec /usr/bin/python3 -c "$1"', "sh", program])
    assert done.returncode == 0 or "Operation not permitted" in done.stderr, done.stderr
    return done.returncode == 0


def test_the_daemons_user_asks_any_server(clock: Host) -> None:
    before = clock.kernel(), clock.texts(), clock.files()
    foreseen = clock.apply(WANTED, check=True)["differences"]
    assert (clock.kernel(), clock.texts(), clock.files()) == before
    done = clock.apply(WANTED)
    assert done["differences"] == foreseen
    assert "+ udp/123 to any  baseline: NTP by systemd-timesync" in foreseen
    assert any("udp/123 is open to any address for its user alone (systemd-timesync)" in note for note in done["notes"])
    assert clock.apply(WANTED)["changed"] is False
    for address in ("192.0.2.123", "2001:db8:1::123"):
        assert passes(clock, 995, address, 123)
        assert not passes(clock, 994, address, 123)
        assert not passes(clock, 0, address, 123)
        assert not passes(clock, 995, address, 124)
    # ufw's own commands write its rules anew, from what it can read.
    clock.shell("ufw allow out 1/tcp; ufw delete allow out 1/tcp; ufw reload")
    assert not passes(clock, 994, "192.0.2.123", 123)
    assert passes(clock, 995, "192.0.2.123", 123)
    clock.reboot()
    assert passes(clock, 995, "192.0.2.123", 123)
    assert clock.apply(WANTED)["changed"] is False
    clock.shell("iptables -F egress-allowlist-output")
    assert clock.apply(WANTED)["changed"]
    assert passes(clock, 995, "192.0.2.123", 123)
    clock.remove()
    assert (clock.kernel(), clock.texts(), clock.files()) == before


def test_it_is_armed_and_confirmed(clock: Host) -> None:
    applied = clock.apply(WANTED, after=60)
    assert not clock.confirm(applied).get("failed")
    assert passes(clock, 995, "192.0.2.123", 123)
    assert clock.apply(WANTED)["changed"] is False


def test_beside_sets_and_a_gateways_stops(clock: Host) -> None:
    wanted = native(*OLD, row("192.0.2.9"), policy="deny", scope="both", sources=["10.1.0.0/16"], sets=True)
    clock.apply(wanted)
    assert passes(clock, 995, "192.0.2.123", 123)
    assert not passes(clock, 994, "192.0.2.123", 123)
    assert clock.apply(wanted)["changed"] is False


def test_ntpd_sends_as_root_from_one_port(clock: Host) -> None:
    clock.shell("mkdir -p /etc/ntpsec; echo pool 0.pool.invalid >/etc/ntpsec/ntp.conf")
    try:
        clock.apply(WANTED)
        assert passes(clock, 0, "192.0.2.123", 123, port=123)
        assert not passes(clock, 0, "192.0.2.123", 123)
        assert not passes(clock, 995, "192.0.2.123", 123)
    finally:
        clock.shell("rm -r /etc/ntpsec")


def test_what_servers_are_asked_at_other_ports(clock: Host) -> None:
    clock.shell(f"rm {TIMESYNCD}; mkdir -p /etc/chrony")
    clock.write("/etc/dnsmasq.conf", "server=203.0.113.53#5353\n")
    clock.write("/etc/chrony/chrony.conf", "server 2001:db8:1::123 port 1123\n")
    try:
        done = clock.apply(WANTED)
        assert "+ udp/1123 to 2001:db8:1::123  baseline: other ports" in done["differences"]
        assert clock.apply(WANTED)["changed"] is False
        for address, port in (("2001:db8:1::123", 1123), ("203.0.113.53", 5353)):
            assert passes(clock, 0, address, port)
        for address, port in (("2001:db8:1::123", 123), ("203.0.113.53", 53), ("192.0.2.123", 1123)):
            assert not passes(clock, 0, address, port)
    finally:
        clock.shell(f"rm -r /etc/chrony /etc/dnsmasq.conf; touch {TIMESYNCD}")


def test_keys_of_a_server_by_name_are_open_for_its_daemon(clock: Host) -> None:
    clock.shell(f"rm {TIMESYNCD}; mkdir -p /etc/chrony; echo server 0.pool.invalid nts port 1123 >/etc/chrony.conf")
    clock.write("/etc/passwd", clock.read("/etc/passwd") + "_chrony:x:995:995::/:/bin/false\n")
    try:
        done = clock.apply(WANTED)
        assert any(
            "tcp/4460 and udp/1123 are open to any address for its user alone (_" in note for note in done["notes"]
        )
        assert passes(clock, 995, "192.0.2.123", 1123)
        assert not passes(clock, 994, "192.0.2.123", 1123)
        assert not passes(clock, 995, "192.0.2.123", 123)
        assert clock.apply(WANTED)["changed"] is False
    finally:
        clock.shell(f"rm -r /etc/chrony.conf; touch {TIMESYNCD}")


def test_where_after_init_is_not_ours_to_write_the_clock_may_stop(clock: Host) -> None:
    mode, text = clock.shell(f"stat -c %a {HOOK}").strip(), clock.read(HOOK)
    clock.write(HOOK, "#!/usr/bin/perl\n")
    try:
        done = clock.apply(WANTED)
        assert any(note.startswith("the clock may stop: ") for note in done["notes"])
        assert not passes(clock, 995, "192.0.2.123", 123)
        clock.remove()
    finally:
        clock.write(HOOK, text)
        clock.shell(f"chmod {mode} {HOOK}; {INIT} force-reload")


def test_only_forwarded_packets_have_no_user(clock: Host) -> None:
    done = clock.apply(native(*OLD, policy="deny", scope="gateway"))
    assert any(note.startswith("the clock may stop: ") for note in done["notes"])
    assert not any("owner" in line for line in clock.kernel())
