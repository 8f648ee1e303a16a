# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a host with ufw looks up: what their sets open, and what becomes of the sets' members."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support.ends import connect, listen
from tests.support.hosts.ufw import INIT, Host, native, shared
from tests.support.names.zone import Zone
from tests.support.namespaces import BITS, MACS, add_addresses
from tests.support.packets import GATEWAY, SOURCE, SOURCES, TCP, UDP, Probe, World, gateway_world, host_world
from tests.support.rules import row
from tests.support.systems import SUITES, enable_ufw, system
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

API = [row("api.example.com", "443,8443"), row("api.example.com", "3478-3481", "UDP", "media")]
WEB = [row("www.example.net", "443"), row("*.example.net", "9999")]
PREFIXES = [row("192.0.2.128/25", "443")]
CHOICES: dict[str, Any] = {"names": "resolve", "policy": "deny", "names_lease": 600, "names_refresh": 60}
KEEPER = "/usr/local/sbin/egress-allowlist-names"
# No question leaves the host, and none waits for an answer.
LOOKUPS = "passwd: files\ngroup: files\nhosts: files\n"


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    made = shared(getattr(request, "param", "bookworm"))
    made.write("/etc/nsswitch.conf", LOOKUPS)
    yield made
    made.remove()
    assert made.shell("ipset list -n") == ""


def wanted(*rows: dict, **options: Any) -> dict:
    return native(*rows, **{**CHOICES, **options})


def sets_of(rules: dict, name: str) -> dict[str, str]:
    """Return the sets of a name by IP version."""
    leased: dict[str, str] = rules["names"]["domains"][name]["leased"]
    return leased


def put(host: Host, rules: dict, name: str, *addresses: str, seconds: int = 300) -> None:
    """Add addresses as whoever looks a name up does."""
    found = sets_of(rules, name)
    for address in addresses:
        host.shell(f"ipset -exist add {found['6' if ':' in address else '4']} {address} timeout {seconds}")


def members(host: Host) -> dict[str, int]:
    """Return the seconds that each address of a name has left."""
    listed = re.findall(r"^add egress_names_\S+ (\S+) timeout (\d+)", host.shell("ipset save"), re.MULTILINE)
    return {address: int(seconds) for address, seconds in listed}


OPEN = {
    (TCP, "192.0.2.1"): {443, 8443},
    (UDP, "192.0.2.1"): {3478, 3479, 3480, 3481},
    (TCP, "2001:db8::1"): {443, 8443},
    (UDP, "2001:db8::1"): {3478, 3479, 3480, 3481},
    (TCP, "192.0.2.2"): {443},
    (TCP, "192.0.2.129"): {443},
}
ASKED = list(
    itertools.product(
        (TCP, UDP),
        ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.129", "2001:db8::1", "2001:db8::2"),
        (80, 442, 443, 444, 3477, 3478, 3481, 3482, 8443, 9999),
    )
)


@pytest.mark.long
@pytest.mark.parametrize("sets", [False, True])
@pytest.mark.parametrize("scope", ["host", "gateway"])
def test_an_address_opens_the_services_of_its_name(scope: str, sets: bool) -> None:
    worlds = {"host": host_world, "gateway": gateway_world}
    with worlds[scope](system("bookworm")) as world:
        host = Host(world.host, "bookworm")
        host.write("/etc/nsswitch.conf", LOOKUPS)
        enable_ufw(host.space)
        host.shell("ufw default allow routed")
        sources = SOURCES if scope == "gateway" else []
        rules = wanted(*API, *WEB, *PREFIXES, scope=scope, sources=sources, sets=sets, stopped="reject")
        host.apply(rules)
        probes: list[Probe] = [
            (protocol, ip_address(to).version, int(ip_address(to)), port) for protocol, to, port in ASKED
        ]
        fixed = [(protocol, to, port) == (TCP, "192.0.2.129", 443) for protocol, to, port in ASKED]
        assert world.probe(probes) == fixed
        put(host, rules, "api.example.com", "192.0.2.1", "2001:db8::1")
        put(host, rules, "www.example.net", "192.0.2.2")
        assert world.probe(probes) == [port in OPEN.get((protocol, to), ()) for protocol, to, port in ASKED]
        put(host, rules, "api.example.com", "192.0.2.1", "2001:db8::1", seconds=1)
        put(host, rules, "www.example.net", "192.0.2.2", seconds=1)
        assert until(lambda: not members(host))
        assert world.probe(probes) == fixed


@contextmanager
def looking_up() -> Iterator[tuple[World, Host, Zone]]:
    """Yield a host with ufw whose name server is the zone on the wire, which it asks over IPv4."""
    with host_world(system("bookworm")) as world:
        add_addresses(world.wire, "wire0", GATEWAY, BITS)
        world.wire.script(f"ip neighbour replace {SOURCE[4]} lladdr {MACS[0]} dev wire0 nud permanent")
        zone = Zone(world.wire, [GATEWAY[4]])
        host = Host(world.host, "bookworm")
        host.write("/etc/nsswitch.conf", LOOKUPS.replace("hosts: files", "hosts: dns"))
        host.write("/etc/resolv.conf", f"nameserver {GATEWAY[4]}\noptions timeout:1 attempts:1\n")
        enable_ufw(host.space)
        try:
            yield world, host, zone
        finally:
            zone.close()


def opens(world: World, port: int, *addresses: str, protocol: int = TCP) -> list[bool]:
    """Say of each address whether the first packet to its port gets out."""
    parsed = [ip_address(address) for address in addresses]
    return world.probe([(protocol, address.version, int(address), port) for address in parsed])


def keep(host: Host) -> str:
    """Look up once, as the timer does."""
    return host.shell(f"{KEEPER} run ufw 2>&1")


ONE, TWO, SIX = "52.84.1.1", "52.84.1.2", "2600:9000::1"


def test_what_the_name_server_says_is_open() -> None:
    with looking_up() as (world, host, zone):
        zone.put("api.example.com", ONE, SIX, "10.1.2.3", "fd00::1")
        zone.put("www.example.net", TWO)
        zone.put("other.example.com", "52.84.1.3")
        rules = wanted(*API, row("www.example.net", "80"), row("gone.example.com", "443"), stopped="reject")
        host.apply(rules)
        assert opens(world, 443, ONE, TWO, SIX, "10.1.2.3", "fd00::1", "52.84.1.3") == [True, False, True] + [False] * 3
        assert opens(world, 80, ONE, TWO, SIX) == [False, True, False]
        assert opens(world, 3478, ONE, TWO, SIX, protocol=UDP) == [True, False, True]
        assert set(members(host)) == {ONE, TWO, SIX}
        assert host.apply(rules)["changed"] is False
        assert {name for name, _kind in zone.asked} == {"api.example.com", "www.example.net", "gone.example.com"}


def test_nobody_is_asked_before_the_rules_are_confirmed() -> None:
    with looking_up() as (world, host, zone):
        zone.put("api.example.com", ONE)
        applied = host.apply(wanted(*API, stopped="reject"), after=600)
        assert "+ tcp/443,8443 to api.example.com  acme: calls" in applied["differences"]
        assert (zone.asked, host.read(KEEPER), opens(world, 443, ONE)) == ([], "", [False])
        assert not host.confirm(applied).get("failed")
        assert opens(world, 443, ONE, TWO) == [True, False]
        host.remove()
        assert host.shell(f"ls -d {KEEPER} /etc/egress-allowlist /var/lib/egress-allowlist 2>/dev/null || true") == ""
        assert host.shell("ipset list -n") == ""


def test_answers_change_and_fail() -> None:
    """A new address is open at once, an old one for the rest of its lease, the last good ones while DNS fails."""
    with looking_up() as (world, host, zone):
        zone.put("api.example.com", ONE)
        rules = wanted(*API, stopped="reject", names_refresh=1)
        host.apply(rules)
        assert opens(world, 443, ONE, TWO) == [True, False]
        zone.put("api.example.com", TWO)
        assert f"api.example.com: + {TWO}" in keep(host)
        assert opens(world, 443, ONE, TWO) == [True, True]
        zone.fail("api.example.com", "SERVFAIL")
        assert "DNS fails" in keep(host)
        put(host, rules, "api.example.com", ONE, seconds=1)
        assert until(lambda: not keep(host) and ONE not in members(host))
        assert TWO in members(host)
        assert opens(world, 443, ONE, TWO) == [False, True]


def test_names_come_back_with_the_way_back() -> None:
    with looking_up() as (world, host, zone):
        zone.put("api.example.com", ONE)
        host.apply(wanted(*API, stopped="reject"))
        kernel = host.kernel()
        host.apply(native(*PREFIXES, policy="deny", names="report", stopped="reject"), after=600)
        assert (opens(world, 443, ONE), members(host)) == ([False], {})
        host.elapse()
        assert until(lambda: host.kernel() == kernel)
        assert until(lambda: opens(world, 443, ONE) == [True])


def test_a_call_outlives_its_name() -> None:
    """What is established stays, also when the address is no longer one of the name's."""
    with looking_up() as (world, host, zone):
        zone.put("api.example.com", ONE)
        world.wire.script(f"ip route add local {ONE} dev lo")
        service = listen(world.wire, ONE, 443)
        rules = wanted(*API, stopped="reject")
        host.apply(rules)
        with connect(host.space, ONE, 443) as call:
            answered, _address = service.accept()
            host.shell(f"ipset flush {sets_of(rules, 'api.example.com')['4']}")
            with pytest.raises(OSError, match=r"refused"):
                connect(host.space, ONE, 443)
            for sender, receiver in ((call, answered), (answered, call)):
                receiver.settimeout(PATIENCE)
                sender.sendall(b"voice")
                assert receiver.recv(100) == b"voice"


@pytest.mark.long
@pytest.mark.parametrize("host", SUITES, indirect=True)
def test_members_are_no_difference_and_stay(host: Host) -> None:
    before = host.kernel(), host.files()
    rules = wanted(*API)
    foreseen = host.apply(rules, check=True)
    assert (host.kernel(), host.files(), host.shell("ipset list -n")) == (*before, "")
    applied = host.apply(rules)
    assert applied["differences"] == foreseen["differences"]
    assert "+ tcp/443,8443 to api.example.com  acme: calls" in applied["differences"]
    assert "+ udp/3478-3481 to api.example.com  acme: media" in applied["differences"]
    assert not any("look into sets" in line for line in applied["differences"])
    put(host, rules, "api.example.com", "192.0.2.1", "2001:db8::1")
    assert host.apply(rules)["changed"] is False
    more = wanted(*API, *WEB, *PREFIXES)
    lines = host.apply(more)["differences"]
    assert "+ tcp/443 to www.example.net  acme: calls" in lines
    assert not any("api.example.com" in line for line in lines)
    put(host, more, "www.example.net", "192.0.2.2")
    learned = {"192.0.2.1", "192.0.2.2", "2001:db8::1"}
    for command in ("ufw reload", "ufw disable; ufw --force enable", f"{INIT} stop; {INIT} start"):
        host.shell(command)
        left = members(host)
        assert set(left) == learned, command
        assert all(seconds <= 300 for seconds in left.values()), command
        assert host.apply(more)["changed"] is False, command
    assert "- tcp/443 to www.example.net  acme: calls" in host.apply(rules)["differences"]
    assert set(members(host)) == {"192.0.2.1", "2001:db8::1"}
    assert len(host.shell("ipset list -n").split()) == 2
    host.remove()
    assert (host.kernel(), host.files(), host.shell("ipset list -n")) == (*before, "")


def test_other_leases_and_sizes(host: Host) -> None:
    rules = wanted(*API)
    host.apply(rules)
    for number in range(1, 6):
        put(host, rules, "api.example.com", f"192.0.2.{number}", seconds=500 + number)
    shorter = wanted(*API, names_lease=400, names_max_addresses=3)
    assert host.apply(shorter)["changed"]
    left = members(host)
    assert len(left) == 3
    assert all(PATIENCE < seconds <= 400 for seconds in left.values())
    with pytest.raises(AssertionError, match="Hash is full"):
        put(host, shorter, "api.example.com", "192.0.2.9")
    assert host.apply(wanted(*API, names_lease=700))["changed"]
    assert set(members(host)) == set(left)
    assert all(0 < seconds <= 400 for seconds in members(host).values())
    assert host.apply(wanted(*API, names_lease=700))["changed"] is False


def test_the_longest_remaining_are_kept(host: Host) -> None:
    rules = wanted(*API)
    host.apply(rules)
    for number in range(1, 6):
        put(host, rules, "api.example.com", f"192.0.2.{number}", seconds=600 - 50 * number)
    host.apply(wanted(*API, names_max_addresses=2))
    assert set(members(host)) == {"192.0.2.1", "192.0.2.2"}


@pytest.mark.long
def test_never_confirmed(host: Host) -> None:
    """The sets that are wanted before and after keep their members throughout, and no set is left behind."""
    rules = wanted(*API, stopped="reject")
    host.apply(rules)
    put(host, rules, "api.example.com", "192.0.2.1")
    kernel, files = host.kernel(), host.files()
    for other in (wanted(*API, *WEB), native(*PREFIXES), wanted(*API, names_lease=900)):
        kept = sets_of(rules, "api.example.com")["4"] in str(other)
        assert host.apply(other, after=1)["armed"]
        assert until(lambda: host.kernel() == kernel)
        assert until(lambda: host.files() == files)
        assert len(host.shell("ipset list -n").split()) == 2
        assert not kept or set(members(host)) == {"192.0.2.1"}
        assert host.apply(rules)["changed"] is False


def test_what_somebody_changed_is_mended(host: Host) -> None:
    rules = wanted(*API)
    host.apply(rules)
    kernel, names = host.kernel(), host.shell("ipset list -n | sort")
    first = sets_of(rules, "api.example.com")["4"]
    host.shell(f"iptables -F egress-allowlist-output; ipset destroy {first}")
    foreseen = host.apply(rules, check=True)["differences"]
    assert "~ set of api.example.com: changed on the host since, set back" in foreseen
    assert host.apply(rules)["differences"] == foreseen
    assert (host.kernel(), host.shell("ipset list -n | sort")) == (kernel, names)
    host.shell(f"ipset flush {first}")
    assert host.apply(rules)["changed"] is False


def test_removed_while_ufw_is_off(host: Host) -> None:
    files = host.files()
    rules = wanted(*API)
    host.apply(rules)
    put(host, rules, "api.example.com", "192.0.2.1")
    host.shell("ufw disable")
    assert len(host.shell("ipset list -n").split()) == 2
    host.remove()
    assert host.shell("ipset list -n") == ""
    host.shell("ufw --force enable")
    assert host.files() == files


def test_a_boot_declares_them_empty(host: Host) -> None:
    rules = wanted(*API, sets=True)
    host.apply(rules)
    put(host, rules, "api.example.com", "192.0.2.1")
    kernel = host.kernel()
    host.reboot()
    assert (host.kernel(), members(host)) == (kernel, {})
    assert host.apply(rules)["changed"] is False


def test_a_rule_of_the_users_that_stops_names_is_told(host: Host) -> None:
    host.shell("ufw deny out 8443/tcp; ufw deny out to 198.51.100.0/24")
    notes = host.apply(wanted(*API))["notes"]
    host.shell("ufw delete deny out 8443/tcp; ufw delete deny out to 198.51.100.0/24")
    told = [note for note in notes if note.startswith("your rule")]
    assert [note.partition(", such as")[0] for note in told] == [
        "your rule 'deny out to any port 8443 proto tcp' stands before ours and stops some of what they allow"
    ] * len(told)
    assert any("tcp/443,8443 to api.example.com  acme: calls: delete it" in note for note in told)
    assert not any("198.51.100" in note for note in told)


def test_without_any_exact_name_nothing_is_looked_up(host: Host) -> None:
    rules = wanted(row("*.example.net", "9999"), *PREFIXES)
    assert (rules["names"], rules["chained"]) == ({}, [])
    host.apply(rules)
    assert host.shell("ipset list -n") == ""
    assert "egress_allowlist" not in host.shell("ls /etc/ufw")
