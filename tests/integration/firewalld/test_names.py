# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names beside a real firewalld: through its reloads, changes and ways back, after others meddled, and away again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support.hosts.firewalld import HOME, SUITES, alone, native
from tests.support.names.world import KEEPER, NamesWorld, names_world
from tests.support.rules import row
from tests.support.systems import longer
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("*.zoom.us", "443", "TCP"), row("*.zoom.us", "8801-8810", "UDP"), row("api.kudo.com", "80", "TCP")]
PLACES = (
    "/etc/firewalld /etc/dnsmasq.d /etc/egress-allowlist /var/lib/egress-allowlist /usr/local/sbin /etc/resolv.conf"
)
_fresh = itertools.count(1)


@pytest.fixture(scope="module", params=longer(SUITES[:1], SUITES[1:]))
def names(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    """A host with firewalld, whose dnsmasq learns names."""
    with names_world("host", "firewalld", request.param) as made:
        yield made


@pytest.fixture
def learned(names: NamesWorld) -> list[str]:
    """The rules are those of C{ROWS}, and an address of each IP version is learned, taken over by the keeper."""
    names.learn(*ROWS)
    addresses = [str(ip_address(0x68000000 + next(_fresh))), str(ip_address((0x2610 << 112) + next(_fresh)))]
    names.zone.put(f"n{next(_fresh)}.zoom.us", *addresses)
    assert names.ask_both(f"n{next(_fresh) - 1}.zoom.us") == addresses
    assert names.opens(443, *addresses) == [True, True]
    names.keep()
    return addresses


def files(names: NamesWorld) -> list[str]:
    """Return the digests of all files that names may touch."""
    listed = names.host.shell(f"find {PLACES} -type f -exec sha256sum {{}} + 2>/dev/null || true")
    return sorted(listed.splitlines())


@pytest.mark.long
def test_firewalld_keeps_its_table_for_itself() -> None:
    """From 2.1 on, unless told otherwise."""
    with alone("trixie") as host:
        before = host.files()
        for text in ("yes", ""):
            host.shell(f"sed -i 's/^NftablesTableOwner=.*/NftablesTableOwner={text}/' {HOME}/firewalld.conf")
            before = host.files()
            done = host.module(objects=native(row("api.kudo.com"), names="resolve"))
            assert done.get("failed"), done
            assert "firewalld.conf does not say NftablesTableOwner=no" in done["msg"]
            assert host.files() == before
        host.apply(native(row("api.kudo.com"), names="report"))


@pytest.mark.long
def test_what_is_said_and_that_nothing_is_left(names: NamesWorld) -> None:
    before, users = files(names), names.host.shell("nft list tables; ipset list -n")
    wanted = native(*ROWS, policy="deny", names="dnsmasq", names_resolv_conf=True)
    predicted = names.host.apply(wanted, check=True)
    assert files(names) == before
    applied = names.learn(*ROWS)
    assert applied["differences"] == predicted["differences"]
    for line in (
        "+ tcp/443 to *.zoom.us  acme: calls",
        "+ udp/8801-8810 to *.zoom.us  acme: calls",
        "+ tcp/80 to api.kudo.com  acme: calls",
        "+ name *.zoom.us  learned by dnsmasq",
    ):
        assert line in applied["differences"]
    assert not any("set back" in line or "rule" in line for line in applied["differences"])
    changed = names.learn(*ROWS, names_lease=3600, names_max_addresses=9)["differences"]
    assert sorted(changed) == ["~ names lease: 86400 -> 3600", "~ names max addresses: 4096 -> 9"]
    assert names.learn(*ROWS[1:], names_lease=3600, names_max_addresses=9)["differences"] == [
        "- tcp/443 to *.zoom.us  acme: calls"
    ]
    names.host.remove()
    assert files(names) == before
    assert names.host.shell("nft list tables; ipset list -n") == users
    assert names.host.module(state="absent")["changed"] is False


def test_a_second_run_while_addresses_come_and_go(names: NamesWorld, learned: list[str]) -> None:
    assert names.learn(*ROWS)["changed"] is False
    names.zone.put("more.zoom.us", "104.9.9.9")
    assert names.ask("more.zoom.us").addresses == ("104.9.9.9",)
    assert names.learn(*ROWS)["changed"] is False
    assert names.opens(443, *learned, "104.9.9.9") == [True] * 3


def test_somebody_reloads_firewalld(names: NamesWorld, learned: list[str]) -> None:
    names.host.shell("firewall-cmd --reload")
    assert names.opens(443, *learned) == [False, False], "firewalld empties its sets"
    names.keep()
    assert names.opens(443, *learned) == [True, True]
    assert names.opens(444, *learned) == [False, False]


@pytest.mark.long
def test_filling_again_asks_no_name_server(names: NamesWorld) -> None:
    """So that a way back need not wait for one, and what it would say is not taken for an answer."""
    names.zone.put("api.kudo.com", "104.4.4.4", ttl=0)
    names.learn(ROWS[2], names="resolve")
    assert names.opens(80, "104.4.4.4") == [True]
    names.zone.drop("api.kudo.com")
    names.host.shell("firewall-cmd --reload")
    assert names.opens(80, "104.4.4.4") == [False]
    assert names.host.shell(f"{KEEPER} refill firewalld 2>&1") == ""
    assert names.opens(80, "104.4.4.4") == [True]
    assert "api.kudo.com: - 104.4.4.4 lapses" in names.keep()


@pytest.mark.long
def test_a_change_keeps_what_was_learned_and_drops_what_is_not_wanted(names: NamesWorld, learned: list[str]) -> None:
    names.zone.put("api.kudo.com", "104.8.8.8")
    assert names.ask("api.kudo.com").addresses == ("104.8.8.8",)
    assert names.opens(80, "104.8.8.8") == [True]
    names.learn(*ROWS[:2], row("104.7.7.7"))
    assert names.opens(443, *learned, "104.7.7.7") == [True] * 3
    assert names.opens(80, "104.8.8.8") == [False]


@pytest.mark.long
def test_a_call_lives_through_changes(names: NamesWorld) -> None:
    names.learn(*ROWS)
    names.zone.put("call.zoom.us", "52.84.0.9")
    assert names.ask("call.zoom.us").addresses == ("52.84.0.9",)
    with closing(names.flow("52.84.0.9", 8801)) as call:
        assert call.turn()
        for more in (row("104.7.7.7"), row("*.pubnub.com"), row("104.7.7.8")):
            names.learn(*ROWS, more)
            assert call.turn()
        call.renew()
        assert call.turn(), "a new call to the same address"


def test_the_way_back_opens_names_again(names: NamesWorld, learned: list[str]) -> None:
    other = native(row("104.7.7.7"), policy="deny")
    assert names.host.apply(other, after=600)["armed"]
    assert names.opens(443, *learned, "104.7.7.7") == [False, False, True]
    names.host.elapse()
    assert until(lambda: names.opens(443, "104.7.7.7") == [False]), "it goes back by itself"
    assert until(lambda: names.opens(443, *learned) == [True, True])
    assert names.learn(*ROWS)["changed"] is False


@pytest.mark.long
def test_somebody_changes_a_set_of_names(names: NamesWorld, learned: list[str]) -> None:
    names.host.shell("nft add element inet firewalld egress-n-zoom-us-4 '{ 104.6.6.6 }'")
    assert names.opens(443, "104.6.6.6") == [True]
    assert names.learn(*ROWS)["changed"] is False
    names.keep()
    assert names.opens(443, *learned, "104.6.6.6") == [True, True, False], "nobody learned it"
    names.host.shell(f"sed -i s/86400/99/ {HOME}/ipsets/egress-n-zoom-us-4.xml")
    assert names.learn(*ROWS)["differences"] == ["~ names lease: 99 -> 86400"]
    assert names.opens(443, *learned) == [True, True]
    names.host.shell("firewall-cmd --permanent --delete-policy=egress-allow-host; firewall-cmd --reload")
    assert "+ tcp/443 to *.zoom.us  acme: calls" in names.learn(*ROWS)["differences"]
    assert names.opens(443, *learned) == [True, True]


def test_no_name_opens_a_special_address(names: NamesWorld) -> None:
    """Also where dnsmasq itself has put it into firewalld's set."""
    names.learn(*ROWS)
    for kind, address in (("A", "10.1.2.3"), ("A", "100.64.0.7"), ("AAAA", "fd00::7"), ("AAAA", "2001:db8::7")):
        names.zone.put("rebind.zoom.us", address, ttl=0)
        assert names.ask("rebind.zoom.us", kind).addresses == (address,)
        assert address in names.copied("egress-n-zoom-us"), "it is there until the keeper runs"
        assert names.opens(443, address) == [False]
        assert names.opens(443, address) == [False]
        names.keep()
        assert address not in names.copied("egress-n-zoom-us")
    # What the user or a vendor opens by address stays open.
    names.learn(*ROWS, row("10.1.2.0/24"))
    names.zone.put("rebind.zoom.us", "10.1.2.3", ttl=0)
    assert names.ask("rebind.zoom.us").addresses == ("10.1.2.3",)
    assert names.opens(443, "10.1.2.3", "10.1.2.4", "10.1.3.4") == [True, True, False]


def test_the_keeper_bounds_what_firewalld_does_not(names: NamesWorld) -> None:
    names.learn(*ROWS, names_max_addresses=10)
    addresses = [str(ip_address(0x68100000 + number)) for number in range(40)]
    names.zone.put("greedy.zoom.us", *addresses, ttl=0)
    assert len(names.ask("greedy.zoom.us").addresses) == 40
    names.keep()
    opened = names.copied("egress-n-zoom-us")
    assert len([address for address in opened if ":" not in address]) == 10
    assert names.opens(443, *addresses) == [address in opened for address in addresses]


def shown(options: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items())


@pytest.mark.long
@pytest.mark.parametrize("options", [{"policy": "audit"}, {"policy": "unmanaged"}], ids=shown)
def test_other_policies_stop_nothing(names: NamesWorld, options: dict[str, Any]) -> None:
    names.learn(*ROWS, **options)
    assert names.opens(443, "104.5.5.5", "2610::5") == [True, True]
    names.learn(*ROWS)
    assert names.opens(443, "104.5.5.5", "2610::5") == [False, False]
