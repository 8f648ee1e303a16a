# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact names that the host looks up itself, while its DNS answers, changes its mind, and fails."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.names.world import NamesWorld, names_world
from tests.support.packets import UDP
from tests.support.rules import row
from tests.support.systems import longer
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

LEASE, PAUSE = 3600, 2400  # seconds; two pauses end a lease that nobody renews
ROWS = [row("api.kudo.com"), row("media.kudo.com", "3478", "UDP"), row("*.zoom.us")]
FOUND = ["52.84.0.1", "2600:9000::1"]


@pytest.fixture(params=longer(["nftables"], ["firewalld"]))
def names(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    """A host that looks up names."""
    with names_world("host", request.param) as made:
        made.host.shell("echo options timeout:5 attempts:1 >> /etc/resolv.conf")
        made.zone.put("api.kudo.com", *FOUND, ttl=0)
        made.zone.put("media.kudo.com", "52.84.0.9", ttl=0)
        made.zone.put("us1.zoom.us", "52.84.0.8")
        made.zone.put("kudo.com", "52.84.0.7")
        made.learn(*ROWS, names="resolve", names_lease=LEASE, names_refresh=1)
        yield made


def test_exact_names_open_when_the_play_ends(names: NamesWorld) -> None:
    assert names.opens(443, *FOUND) == [True, True]
    assert names.opens(3478, "52.84.0.9", protocol=UDP) == [True]
    assert not any(names.opens(443, "52.84.0.9", "52.84.0.8", "52.84.0.7"))
    assert not any(names.opens(3478, *FOUND, protocol=UDP))
    assert names.zone.times("us1.zoom.us") == 0
    assert names.keep() == "", "nothing is new"


@pytest.mark.long
@pytest.mark.parametrize("how", ["SERVFAIL", "SILENT"])
def test_while_dns_fails_the_last_good_addresses_stay(names: NamesWorld, how: str) -> None:
    names.zone.fail("api.kudo.com", how)
    first = names.keep()
    assert "api.kudo.com" in first
    assert "fails" in first
    for _pause in range(2):
        names.pause(PAUSE)
        assert names.keep() == "", "the same failure is told once"
    # Not before: a packet would have renewed the leases.
    assert names.opens(443, *FOUND) == [True, True]
    assert names.opens(3478, "52.84.0.9", protocol=UDP) == [True], "other names are looked up"
    names.zone.put("api.kudo.com", "52.84.0.2", ttl=0)
    assert "api.kudo.com: + 52.84.0.2" in names.keep()
    assert names.opens(443, "52.84.0.2") == [True]


def test_an_address_that_a_name_lost_stays_for_its_lease(names: NamesWorld) -> None:
    names.zone.put("api.kudo.com", "52.84.0.2", "52.84.0.3", FOUND[1], ttl=0)
    said = names.keep()
    for news in ("api.kudo.com: + 52.84.0.2", "api.kudo.com: + 52.84.0.3", "api.kudo.com: - 52.84.0.1 lapses"):
        assert news in said
    assert names.opens(443, "52.84.0.1", "52.84.0.2", "52.84.0.3", FOUND[1]) == [True] * 4

    # Each of these packets has renewed its lease: the kernel is asked when the old one's is over.
    for _pause in range(2):
        names.pause(PAUSE)
        names.keep()
    assert "52.84.0.1" not in names.left("api.kudo.com")
    names.keep()  # firewalld's own set may follow a run later
    assert names.opens(443, "52.84.0.1") == [False]
    assert names.opens(443, "52.84.0.2", "52.84.0.3", FOUND[1]) == [True] * 3


def test_a_name_that_is_gone_lapses(names: NamesWorld) -> None:
    names.zone.drop("api.kudo.com")
    assert "api.kudo.com: - 52.84.0.1 lapses" in names.keep()
    names.zone.drop("media.kudo.com")
    for _pause in range(2):
        names.pause(PAUSE)
        names.keep()
    assert not any(names.left("api.kudo.com", version=version) for version in (4, 6))
    names.keep()
    assert names.opens(443, *FOUND) == [False, False]


def test_special_addresses_are_not_opened(names: NamesWorld) -> None:
    names.zone.put("api.kudo.com", "10.0.0.1", "2001:db8::1", "52.84.0.4", ttl=0)
    assert "special" in names.keep()
    assert names.opens(443, "10.0.0.1", "2001:db8::1", "52.84.0.4") == [False, False, True]


@pytest.mark.long
@pytest.mark.parametrize(("count", "rounds"), [(60, 1), (150, 2)])
def test_a_first_name_server_that_is_dead_keeps_no_name_shut(count: int, rounds: int) -> None:
    """Each question costs its five seconds there; where a round does not suffice, the next begins with the others."""
    found = {f"host{number:03}.kudo.com": f"52.84.1.{number}" for number in range(count)}
    with names_world("host") as names:
        dead = "52.84.0.200"
        names.host.shell(f"printf 'nameserver {dead}\\nnameserver {names.upstream[4]}\\n' > /etc/resolv.conf")
        names.world.wire.script(
            "nft add table inet dead; nft add chain inet dead input '{ type filter hook input priority 0; }'\n"
            f"nft add rule inet dead input ip daddr {dead} udp dport 53 drop"
        )
        for name, address in found.items():
            names.zone.put(name, address, ttl=0)
        began = time.monotonic()
        done = names.learn(*map(row, found), names="resolve", names_lease=LEASE, names_refresh=1)
        assert time.monotonic() - began < 20 + PATIENCE
        shut = [name for name in found if not names.left(name)]
        said = "not all names could be looked up within 20 s: the next round begins with the others"
        assert (said in done["notes"]) is bool(shut) is (rounds > 1)
        for _round in range(1, rounds):
            names.keep()
        assert [name for name in found if not names.left(name)] == []
        assert all(names.opens(443, *found.values()))
