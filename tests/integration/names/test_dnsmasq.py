# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real dnsmasq learns from a DNS of the tests' own, and which packets it opens."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from ipaddress import ip_address
from random import Random

import pytest

from tests.support.ends import connects, datagram, listen
from tests.support.names.dns_client import NO_ANSWER, TURNED_AWAY, ask
from tests.support.names.world import NamesWorld, names_world
from tests.support.packets import SOURCE, SOURCES, TCP, UDP
from tests.support.probes import mismatches, probes
from tests.support.rules import row
from tests.support.systems import longer
from tests.support.vendor_oracle import Fact, learned
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

FACTS = [
    Fact("acme", "tcp", 443, 443, "*.zoom.us"),
    Fact("acme", "udp", 8801, 8810, "*.zoom.us"),
    Fact("acme", "tcp", 443, 443, "api.kudo.com"),
    Fact("acme", "tcp", 80, 80, "*.twilio.com"),
    Fact("acme", "tcp", 443, 443, "us1.vss.twilio.com"),
    Fact("acme", "tcp", 443, 443, "pubnub.com"),
    Fact("acme", "udp", 3478, 3478, "*.pubnub.com"),
]
ROWS = [
    row(
        str(fact.destination),
        str(fact.first) if fact.first == fact.last else f"{fact.first}-{fact.last}",
        fact.protocol,
    )
    for fact in FACTS
]
# That a packet may leave for, but no name may open.
SPECIAL = [
    *("10.1.2.3", "100.64.0.7", "172.16.9.9", "192.168.7.7", "192.0.2.7", "203.0.113.7", "198.51.100.7", "192.88.99.1"),
    *("168.63.129.16", "100.100.100.200", "2001:db8::7", "fd00::7", "fd00:ec2::254", "2002:a01:203::7", "2001::7"),
    *("3fff::7", "64:ff9b::a01:203", "64:ff9b::a83f:8110", "2002:a83f:8110::7"),
]
WORLDS = longer([("nftables", "gateway"), ("firewalld", "host")], [("nftables", "host"), ("firewalld", "gateway")])
_fresh = itertools.count(1)


@pytest.fixture(scope="module", params=WORLDS, ids=" ".join)
def names(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    """A host or gateway with the rules of all the names above."""
    backend, scope = request.param
    with names_world(scope, backend) as made:
        if backend == "nftables":
            assert all(made.opens(443, *SPECIAL)), "without rules packets get there"
        made.learn(*ROWS)
        yield made


def fresh(count: int = 1, version: int = 4) -> list[str]:
    """Return addresses that no test has used before."""
    base = {4: 0x68000000, 6: 0x2610 << 112}[version]
    return [str(ip_address(base + 256 * next(_fresh) + 7)) for _number in range(count)]


def answered(names: NamesWorld, name: str) -> list[str]:
    """Let a name have an address of each IP version, ask for it; return the two."""
    addresses = fresh() + fresh(version=6)
    names.zone.put(name, *addresses)
    assert names.ask_both(name) == addresses
    return addresses


def test_an_answer_opens_what_its_name_needs(names: NamesWorld) -> None:
    addresses = fresh() + fresh(version=6)
    names.zone.put("us1.zoom.us", *addresses)
    assert names.opens(443, *addresses) == [False, False]
    assert names.ask("us1.zoom.us", "A", version=6).addresses == (addresses[0],)
    assert names.opens(443, *addresses) == [True, False]
    assert names.ask("us1.zoom.us", "AAAA").addresses == (addresses[1],)
    assert names.opens(443, *addresses) == [True, True]
    for port, open_ in ((8800, False), (8801, True), (8810, True), (8811, False), (443, False)):
        assert names.opens(port, *addresses, protocol=UDP) == [open_] * 2, port
    for port in (80, 442, 444, 8801):
        assert names.opens(port, *addresses) == [False] * 2, port


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("zoom.us", "tcp/443 udp/8801"),  # dnsmasq takes the apex too
        ("us2.zoom.us", "tcp/443 udp/8801"),
        ("US3.Zoom.US", "tcp/443 udp/8801"),
        ("a.b.c.d.zoom.us", "tcp/443 udp/8801"),
        ("evilzoom.us", ""),
        ("zoom.us.evil.com", ""),
        ("zoom.us-evil.com", ""),
        ("us", ""),
        ("api.kudo.com", "tcp/443"),
        ("below.api.kudo.com", "tcp/443"),  # and names below an exact one
        ("kudo.com", ""),
        ("www.kudo.com", ""),
        ("xapi.kudo.com", ""),
        ("us1.vss.twilio.com", "tcp/443 tcp/80"),  # both its own and those of *.twilio.com
        ("x.us1.vss.twilio.com", "tcp/443 tcp/80"),
        ("vss.twilio.com", "tcp/80"),
        ("pubnub.com", "tcp/443 udp/3478"),
        ("ps.pubnub.com", "tcp/443 udp/3478"),
    ],
)
def test_which_names_a_pattern_takes(names: NamesWorld, name: str, opened: str) -> None:
    addresses = answered(names, name)
    found = [
        f"{word}/{port}"
        for word, protocol, port in (("tcp", TCP, 443), ("tcp", TCP, 80), ("udp", UDP, 8801), ("udp", UDP, 3478))
        if any(both := names.opens(port, *addresses, protocol=protocol)) and all(both)
    ]
    assert " ".join(found) == opened


def test_an_alias_opens_for_the_name_that_was_asked_for(names: NamesWorld) -> None:
    """The chain may leave the vendor's zone; who points to the vendor's zone from outside opens nothing."""
    addresses = fresh() + fresh(version=6)
    names.zone.alias("web.zoom.us", "zoom.cdn.example", ttl=1)
    names.zone.alias("zoom.cdn.example", "edge.network.example", ttl=86400)
    names.zone.put("edge.network.example", *addresses, ttl=0)
    assert names.ask_both("zoom.cdn.example") == addresses
    assert names.opens(443, *addresses) == [False, False]
    assert names.ask_both("web.zoom.us") == addresses
    assert names.opens(443, *addresses) == [True, True]
    others = fresh() + fresh(version=6)
    names.zone.alias("www.evil.example", "lure.zoom.us")
    names.zone.put("lure.zoom.us", *others)
    assert names.ask_both("www.evil.example") == others
    assert names.opens(443, *others) == [False, False]


@pytest.mark.parametrize("ttl", [0, 1, 86400])
def test_any_ttl(names: NamesWorld, ttl: int) -> None:
    addresses = fresh() + fresh(version=6)
    names.zone.put(f"ttl{ttl}.zoom.us", *addresses, ttl=ttl)
    for _again in range(2):
        found = names.ask(f"ttl{ttl}.zoom.us")
        assert found.addresses == (addresses[0],)
        assert found.ttl is not None
        assert found.ttl <= min(ttl, 86400 - 2 * 60 - 10), "never longer than the lease"
    assert names.opens(443, *addresses) == [True, False]


def test_a_hundred_addresses(names: NamesWorld) -> None:
    """Such an answer does not fit a datagram: it is asked for by TCP, and learned all the same."""
    for version, kind in ((4, "A"), (6, "AAAA")):
        addresses = fresh(100, version)
        names.zone.put(f"many{version}.zoom.us", *addresses)
        found = names.ask(f"many{version}.zoom.us", kind)
        assert found.tcp
        assert sorted(found.addresses) == sorted(addresses)
        assert all(names.opens(443, *addresses))


def test_special_addresses_never_open(names: NamesWorld) -> None:
    good = fresh() + fresh(version=6)
    names.zone.put("rebind.zoom.us", *SPECIAL, *good)
    names.ask_both("rebind.zoom.us")
    assert names.opens(443, *good) == [True, True]
    assert not any(names.opens(443, *SPECIAL))
    names.keep()
    assert names.opens(443, *good) == [True, True]
    assert not any(names.opens(443, *SPECIAL))
    kept = {**names.left("zoom.us", "leased", 4), **names.left("zoom.us", "leased", 6)}
    assert set(good) <= set(kept)
    assert not set(SPECIAL) & set(kept)


def test_random_packets_agree_with_the_zone(names: NamesWorld) -> None:
    """Names around the patterns, with addresses that lie close together, some of them shared."""
    random = Random(20261121)
    domains = [str(fact.destination).removeprefix("*.") for fact in FACTS]
    bases = {4: 0x69000000, 6: 0x2611 << 112}
    asked: dict[str, list[str]] = {}
    for number in range(150):
        domain = random.choice([*domains, "kudo.com", "com", "vss.twilio.com"])
        name = random.choice([domain, f"n{number}.{domain}", f"n{number}.deep.{domain}", f"n{number}{domain}"])
        version = random.choice((4, 6))
        found = [str(ip_address(bases[version] + random.randrange(600))) for _number in range(random.randint(1, 4))]
        asked[name] = sorted({*asked.get(name, []), *found})
        names.zone.put(name, *asked[name], ttl=0)
        names.ask_both(name)
    for step in ("asked", "kept"):
        allowed = learned(FACTS, asked)
        sent = probes(allowed, seed=7, count=5000)
        arrived = names.world.probe(sent)
        assert any(arrived)
        assert not all(arrived)
        assert not mismatches(allowed, sent, arrived)[:5], step
        names.keep()


def test_failures_learn_nothing_and_do_no_harm(names: NamesWorld) -> None:
    (known,) = fresh()
    names.zone.put("known.zoom.us", known)
    names.ask("known.zoom.us")
    for how, rcode in (("SERVFAIL", "SERVFAIL"), ("REFUSED", "REFUSED"), ("SILENT", NO_ANSWER)):
        names.zone.fail("ill.zoom.us", how)
        assert names.ask("ill.zoom.us", seconds=1 if how == "SILENT" else PATIENCE).rcode == rcode
    assert names.ask("nobody.zoom.us").rcode == "NXDOMAIN"
    names.zone.put("v4only.zoom.us", *fresh())
    assert names.ask("v4only.zoom.us", "AAAA").addresses == ()
    names.keep()
    assert names.opens(443, known) == [True]
    (later,) = fresh()
    names.zone.put("ill.zoom.us", later)
    assert until(lambda: names.ask("ill.zoom.us", seconds=1).addresses == (later,))
    assert names.opens(443, known, later) == [True, True]


def test_what_an_alias_left_in_the_cache(names: NamesWorld) -> None:
    """The one answer that is not learned: from the cache, where another name's alias left it. Its TTL ends that."""
    (address,) = fresh()
    names.zone.put("shared.zoom.us", address, ttl=1)
    names.zone.alias("customer.example", "shared.zoom.us", ttl=1)
    assert names.ask("customer.example").addresses == (address,)
    assert until(lambda: names.ask("shared.zoom.us").addresses == (address,) and names.opens(443, address) == [True])


def test_what_was_learned_survives_a_restart_of_dnsmasq(names: NamesWorld) -> None:
    addresses = answered(names, "stays.zoom.us")
    names.restart_dnsmasq()
    assert names.opens(443, *addresses) == [True, True]
    names.zone.put("stays.zoom.us", *addresses, *(more := fresh()))
    assert until(lambda: len(names.ask("stays.zoom.us", seconds=1).addresses) == 2)
    assert names.opens(443, *addresses, *more) == [True] * 3


def test_a_second_run_changes_nothing(names: NamesWorld) -> None:
    addresses = answered(names, "again.zoom.us")
    running = names.host.shell("cat /run/dnsmasq/dnsmasq.pid")
    done = names.learn(*ROWS)
    assert not done["changed"], done["differences"]
    assert names.host.shell("cat /run/dnsmasq/dnsmasq.pid") == running
    assert names.opens(443, *addresses) == [True, True]


CHOICES = ("leave", "redirect", "refuse")


@pytest.mark.long
@pytest.mark.parametrize(("backend", "choice"), itertools.product(["nftables", "firewalld"], CHOICES))
def test_clients_that_ask_somebody_else(backend: str, choice: str) -> None:
    """A program with a name server of its own, which the list even lets out, teaches the gateway nothing."""
    with names_world("gateway", backend) as names:
        rows = [row(f"{names.upstream[4]}", "53", "TCP/UDP", "dns"), row(names.upstream[6], "53", "TCP/UDP", "dns")]
        names.learn(*rows, *ROWS, names_dns=choice, sources=SOURCES)
        for version, tcp in itertools.product((4, 6), (False, True)):
            addresses = fresh()
            name = f"dns{version}{tcp}.zoom.us"
            names.zone.put(name, *addresses)
            found = ask(names.client, names.upstream[version], name, tcp=tcp)
            assert names.opens(443, *addresses) == [choice == "redirect"]
            if choice == "refuse":
                assert found.rcode == TURNED_AWAY
            else:
                assert found.addresses == tuple(addresses)
            assert names.ask(name, version=version, tcp=tcp).addresses == tuple(addresses)
            assert names.opens(443, *addresses) == [True]


@pytest.mark.long
@pytest.mark.parametrize(
    ("backend", "choice"),
    [("nftables", "redirect"), ("firewalld", "refuse"), ("nftables", "refuse"), ("firewalld", "redirect")],
)
def test_a_name_server_of_the_user_s_behind_the_gateway(backend: str, choice: str) -> None:
    """What outsiders ask of it is neither turned to the gateway nor refused."""
    with names_world("gateway", backend) as names:
        names.learn(*ROWS, names_dns=choice, sources=SOURCES)
        for address in SOURCE.values():
            assert datagram(names.world.wire, names.client, address, 53)
            with listen(names.client, address, 53):
                assert connects(names.world.wire, address, 53) == "open"


# firewalld before 2.0 gives its sets no bound: there only the keeper does.
@pytest.mark.parametrize(
    ("backend", "suite"), longer([("nftables", "bookworm")], [("firewalld", "trixie")], unpack=True)
)
def test_a_name_has_no_more_addresses_than_the_user_says(backend: str, suite: str) -> None:
    with names_world("gateway", backend, suite) as names:
        names.learn(*ROWS, names_max_addresses=10)
        addresses = fresh(100)
        names.zone.put("greedy.zoom.us", *addresses, ttl=0)
        assert len(names.ask("greedy.zoom.us").addresses) == 100, "the client has its answer whatever the set takes"
        if backend == "nftables":
            assert all(names.opens(443, *addresses)), "what was just asked for is open, whatever was learned before"
        for _again in range(2):
            names.keep()
            assert sum(names.opens(443, *addresses)) == 10
            assert len(names.left("zoom.us")) == 10
            names.ask("greedy.zoom.us")
        (other,) = answered(names, "api.kudo.com")[:1]
        assert names.opens(443, other) == [True], "other names are not in the way"
