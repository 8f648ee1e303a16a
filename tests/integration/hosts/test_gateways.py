# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway under deny forwards what is listed and what belongs to a known connection, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.crossing import CLIENT, crossing, datagram, icmp, icmp6, outside, unlisted
from tests.support.hosts import firewalld, nftables, ufw
from tests.support.packets import SOURCES, UDP, World, gateway_world
from tests.support.rules import row
from tests.support.systems import enable_ufw, longer, system

pytestmark = pytest.mark.usefixtures("namespaces")

LISTED = {4: "203.0.113.9", 6: "2001:db8::9"}
ROWS = [row("203.0.113.0/28", "443", "UDP"), row("2001:db8::/64", "443", "UDP")]
# What ufw's own before.rules forward before any rule of ours is asked; the summary says so.
BEFORE = {f"ICMP {kind}, code {code}" for kind, code in ((3, 1), (3, 3), (3, 4), (11, 0), (12, 0), (8, 0))}
BEFORE |= {f"ICMPv6 {kind}" for kind in (1, 2, 3, 4, 128, 129)}
Apply = Callable[..., Any]


@contextmanager
def made(backend: str) -> Iterator[tuple[World, Apply]]:
    """Yield a gateway that forwards everything, and what applies rows to it with policy deny."""
    with gateway_world(*([] if backend == "nftables" else [system("bookworm")])) as world:
        module: Any = {"nftables": nftables, "ufw": ufw, "firewalld": firewalld}[backend]
        host = module.Host(world.host)
        if backend == "ufw":
            enable_ufw(world.host)
            world.target(["ufw", "default", "allow", "routed"], check=True)
        elif backend == "firewalld":
            world.target(["firewall-offline-cmd", "--zone=public", "--set-target=ACCEPT"], check=True)
            host.start()
        yield world, lambda **options: host.apply(module.native(*ROWS, **{"policy": "deny", **options}))


@pytest.fixture(scope="module", params=["nftables", "ufw", "firewalld"])
def gateway(request: pytest.FixtureRequest) -> Iterator[tuple[str, World, Apply]]:
    with made(request.param) as (world, apply):
        for start, end, packets in (
            (world.sender, world.wire, unlisted(CLIENT, outside())),
            (world.wire, world.sender, unlisted(outside(), CLIENT)),
        ):
            passing = free(request.param, packets)
            assert crossing(start, end, packets) == passing, "without any rule of ours packets do not arrive"
        yield request.param, world, apply


def free(backend: str, packets: Iterable[str]) -> set[str]:
    """Return which packets pass where no rule of ours is; firewalld itself forwards no errors without a connection."""
    unknown = [f"ICMP {kind}," for kind in (0, 3, 5, 11, 12)] + [f"ICMPv6 {kind}," for kind in (1, 2, 3, 4, 129, 137)]
    return {name for name in packets if backend != "firewalld" or not f"{name},".startswith(tuple(unknown))}


@pytest.mark.parametrize("stopped", longer(["drop"], ["reject"]))
@pytest.mark.parametrize(
    ("scope", "sources"),
    longer([("gateway", []), ("both", SOURCES)], [("gateway", SOURCES), ("both", [])], unpack=True),
    ids=["gateway", "both-sources", "gateway-sources", "both"],
)
def test_what_is_not_listed_is_not_forwarded(
    gateway: tuple[str, World, Apply], scope: str, sources: list[str], stopped: str
) -> None:
    backend, world, apply = gateway
    apply(scope=scope, sources=sources, stopped=stopped)
    passing = BEFORE if backend == "ufw" else set()
    assert crossing(world.sender, world.wire, unlisted(CLIENT, outside())) == passing
    assert crossing(world.sender, world.wire, unlisted(CLIENT, LISTED)) == passing
    inward = unlisted(outside(), CLIENT)
    assert crossing(world.wire, world.sender, inward) == (free(backend, inward) if sources else passing)


def test_errors_of_known_connections_are_forwarded(gateway: tuple[str, World, Apply]) -> None:
    _backend, world, apply = gateway
    apply(scope="gateway")
    calls = {v: datagram(v, CLIENT[v], LISTED[v], 41000, 443) for v in (4, 6)}
    answers = {v: datagram(v, LISTED[v], CLIENT[v], 443, 41000) for v in (4, 6)}
    assert crossing(world.sender, world.wire, {f"call {v}": call for v, call in calls.items()}) == {"call 4", "call 6"}
    assert crossing(world.wire, world.sender, {f"answer {v}": answer for v, answer in answers.items()}) == {
        "answer 4", "answer 6",
    }  # fmt: skip
    for start, end, source, quoted in (
        (world.wire, world.sender, outside(), calls),  # a router on the way, or who is asked
        (world.sender, world.wire, CLIENT, answers),
    ):
        to = {v: quoted[v].src for v in (4, 6)}
        errors = {f"ICMP {kind}, code {code}": icmp(kind, code, source[4], to[4], quoted[4])
                  for kind, code in ((3, 1), (3, 3), (3, 4), (11, 0), (12, 0))}  # fmt: skip
        errors |= {f"ICMPv6 {kind}": icmp6(kind, source[6], to[6], quoted[6]) for kind in (1, 2, 3, 4)}
        assert crossing(start, end, errors) == {*errors}


def test_servers_and_what_the_user_adds_are_forwarded(gateway: tuple[str, World, Apply]) -> None:
    """A client that needs more than the list is given it by name: its name and time servers, or a DHCP server."""
    _backend, world, apply = gateway
    allow = [{"destination": "198.51.100.0/24", "protocol": "UDP", "ports": "67"}]
    apply(scope="gateway", dns_servers=["198.51.100.53"], ntp_servers=["2001:db8:1::123"], allow=allow)
    packets = {
        "DNS": datagram(4, CLIENT[4], "198.51.100.53", 40000, 53),
        "other DNS": datagram(4, CLIENT[4], "198.51.100.54", 40000, 53),
        "NTP": datagram(6, CLIENT[6], "2001:db8:1::123", 40000, 123),
        "other NTP": datagram(6, CLIENT[6], "2001:db8:1::124", 40000, 123),
        "DHCP": datagram(4, CLIENT[4], "198.51.100.67", 68, 67),
        "DHCP answer": datagram(4, CLIENT[4], "198.51.100.67", 67, 68),
    }
    assert crossing(world.sender, world.wire, packets) == {"DNS", "NTP", "DHCP"}
    assert world.probe([(UDP, 4, 0xCB007109, 443)]) == [True]
