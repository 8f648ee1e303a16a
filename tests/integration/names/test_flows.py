# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to addresses that were learned: how long these stay open, and what a change of the rules does to them.

A pause is made by hand: what is left of each lease becomes less by it, and conntrack forgets. What passes after a
pause, passes because of the lease, and a machine may be slow: two pauses end a lease, one leaves minutes of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext

import pytest

from tests.support.names.world import NamesWorld, names_world
from tests.support.packets import UDP
from tests.support.rules import row
from tests.support.systems import longer
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

LEASE, PAUSE = 3600, 2400  # seconds
LONG_LEASE = {"names_lease": LEASE, "names_refresh": 1}
SHORT_LEASE = {"names_lease": 15, "names_refresh": 1}  # the shortest there is
ZOOM, KUDO, PUBNUB = (row(f"*.{name}", "3478", "UDP", "media") for name in ("zoom.us", "kudoway.com", "pubnub.com"))
KINDS = ("asked", "leased")
WORLDS = [("nftables", "gateway"), ("nftables", "host"), ("firewalld", "gateway")]


@pytest.fixture(params=longer(WORLDS[:1], WORLDS[1:]), ids=" ".join)
def names(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    backend, scope = request.param
    with names_world(scope, backend) as made:
        yield made


@pytest.fixture(params=longer(["gateway"], ["host"]))
def kernel(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    """A world of nftables, whose kernel renews leases without anybody's help."""
    with names_world(request.param) as made:
        yield made


def test_a_call_outlives_ttl_and_lease(names: NamesWorld) -> None:
    """Both ways, IPv4 and IPv6, TTL of none and of a day; what nobody talks to is shut after its lease."""
    names.learn(ZOOM, **LONG_LEASE)
    answers = {
        "a.zoom.us": ("52.84.0.1", 0),
        "b.zoom.us": ("2600:9000::1", 0),
        "c.zoom.us": ("52.84.0.2", 86400),
        "d.zoom.us": ("2600:9000::2", 86400),
        "silent.zoom.us": ("52.84.0.3", 86400),
    }
    for name, (address, ttl) in answers.items():
        names.zone.put(name, address, ttl=ttl)
        assert names.ask_both(name) == [address]
    silent = "52.84.0.3"
    # The kernel alone renews its own sets; firewalld's are renewed from them by the keeper.
    with ExitStack() as ends:
        if names.host.name == "firewalld":
            ends.enter_context(names.kept())
        flows = [
            ends.enter_context(closing(names.flow(address, 3478)))
            for address, _ttl in answers.values()
            if address != silent
        ]
        for number in range(4):
            assert [flow.turn() for flow in flows] == [True] * 4, f"after {number} pauses"
            if number < 3:
                names.pause(PAUSE)
        if names.host.name == "firewalld":  # its sets are those of the keeper's last round
            assert until(lambda: silent not in names.copied("egress-n-zoom-us"))
        assert names.opens(3478, silent, protocol=UDP) == [False]
        for version, address in ((4, "52.84.0.1"), (6, "2600:9000::1")):
            assert max(names.left("zoom.us", kind, version).get(address, 0) for kind in KINDS) > PAUSE, "not renewed"
        names.pause(PAUSE, forget=False)
        names.pause(PAUSE, forget=False)
        if names.host.name == "firewalld":  # a packet before its sets are empty would begin another connection
            assert until(lambda: not names.copied("egress-n-zoom-us"))
        names.pause(0)
        assert all(flow.stopped() for flow in flows), "after the lease"
        assert names.ask_both("a.zoom.us") == ["52.84.0.1"]
        assert flows[0].turn()


@pytest.mark.long
def test_a_cached_answer_is_good(names: NamesWorld) -> None:
    """The address of an answer from the cache is open: the cache forgets before the lease ends."""
    names.learn(ZOOM, **SHORT_LEASE)
    names.zone.put("a.zoom.us", "52.84.0.1", ttl=86400)
    end = time.monotonic() + PATIENCE
    with names.kept():
        cached = asked = 0
        while asked < 3 or cached < 3:
            assert time.monotonic() < end, (asked, cached)
            before, began = names.zone.times("a.zoom.us"), time.monotonic()
            answer = names.ask("a.zoom.us")
            assert answer.addresses == ("52.84.0.1",)
            assert answer.ttl is not None
            known = {**names.left("zoom.us", "asked"), **names.left("zoom.us", "leased")}
            shut = time.monotonic() + known.get("52.84.0.1", 0)  # at the latest
            assert shut > began + answer.ttl, "the client may not remember an answer longer than it is open"
            [opened] = names.opens(3478, "52.84.0.1", protocol=UDP)
            # A machine so slow that the answer is over by now has not shown anything.
            assert opened or time.monotonic() > began + answer.ttl
            asked += names.zone.times("a.zoom.us") - before
            cached += opened and names.zone.times("a.zoom.us") == before


def test_asked_again_just_before_the_end(names: NamesWorld) -> None:
    """dnsmasq renews nothing that is in its set: the keeper takes it out, so that the next answer counts anew."""
    names.learn(ZOOM, **LONG_LEASE)
    names.zone.put("a.zoom.us", "52.84.0.1", ttl=0)
    names.ask("a.zoom.us")
    names.keep()
    assert not names.left("zoom.us", "asked")
    names.pause(PAUSE)
    assert names.left("zoom.us")["52.84.0.1"] < LEASE - PAUSE
    names.ask("a.zoom.us")
    assert names.left("zoom.us", "asked")["52.84.0.1"] > PAUSE
    names.keep()
    assert names.left("zoom.us")["52.84.0.1"] > PAUSE
    names.pause(PAUSE)
    assert names.opens(3478, "52.84.0.1", protocol=UDP) == [True], "the first lease is over"


def test_answers_change_while_a_call_goes_on(names: NamesWorld) -> None:
    names.learn(ZOOM, **LONG_LEASE)
    addresses = [f"52.84.0.{number}" for number in range(1, 5)]
    with ExitStack() as ends:
        flows = []
        ends.enter_context(names.kept() if names.host.name == "firewalld" else nullcontext())
        for address in addresses:
            names.zone.put("a.zoom.us", address, ttl=0)
            assert names.ask("a.zoom.us").addresses == (address,)
            flows.append(ends.enter_context(closing(names.flow(address, 3478))))
            assert all(flow.turn() for flow in flows)
            names.pause(PAUSE)
        assert all(flow.turn() for flow in flows)


def test_no_packet_is_lost_while_rules_change(names: NamesWorld) -> None:
    """A call goes on; with nftables even calls that begin in the middle of a change."""
    names.learn(ZOOM, KUDO)
    for name, address in (("a.zoom.us", "52.84.0.1"), ("b.zoom.us", "2600:9000::1")):
        names.zone.put(name, address)
        assert names.ask_both(name) == [address]
    new = names.host.name == "nftables"
    done, turns = threading.Event(), 0
    lost: list[str] = []

    def talk() -> None:
        nonlocal turns
        while not done.is_set():
            for flow in flows:
                if new:
                    flow.renew()
                if not flow.turn():
                    lost.append(flow.address)
                turns += 1
            done.wait(0.002)

    with closing(names.flow("52.84.0.1", 3478)) as first, closing(names.flow("2600:9000::1", 3478)) as second:
        flows = [first, second]
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            for rows, options in (
                ((ZOOM,), {}),
                ((ZOOM, KUDO, PUBNUB), {"names_max_addresses": 100}),
                ((ZOOM, row("52.85.0.0/16")), {"names_lease": 3600, "policy": "audit"}),
                ((ZOOM,), {"names_refresh": 30}),
            ):
                assert names.learn(*rows, **options)["changed"]
        finally:
            done.set()
            thread.join()
    assert turns > 100
    assert not lost, f"{len(lost)} of {turns}"


def test_a_change_of_the_selection_keeps_what_is_wanted(names: NamesWorld) -> None:
    names.learn(ZOOM, KUDO)
    kept, dropped = ["52.84.0.1", "2600:9000::1"], ["52.84.0.2", "2600:9000::2"]
    names.zone.put("a.zoom.us", *kept)
    names.zone.put("a.kudoway.com", *dropped)
    assert [*names.ask_both("a.zoom.us"), *names.ask_both("a.kudoway.com")] == kept + dropped
    names.keep()
    names.zone.put("b.zoom.us", *(late := ["52.84.0.3", "2600:9000::3"]))
    assert names.ask_both("b.zoom.us") == late  # not seen by the keeper yet
    assert names.opens(3478, *kept, *dropped, *late, protocol=UDP) == [True] * 6
    assert names.learn(ZOOM, PUBNUB)["changed"]
    assert names.opens(3478, *kept, *dropped, *late, protocol=UDP) == [True, True, False, False, True, True]
    assert names.learn(ZOOM, PUBNUB, KUDO)["changed"]
    assert names.opens(3478, *kept, *dropped, *late, protocol=UDP) == [True, True, False, False, True, True]


@pytest.mark.long
def test_another_lease_or_bound_keeps_what_fits(kernel: NamesWorld) -> None:
    kernel.learn(ZOOM)
    addresses = [f"52.84.0.{number}" for number in range(1, 9)]
    kernel.zone.put("a.zoom.us", *addresses)
    kernel.ask("a.zoom.us")
    kernel.keep()
    assert min(kernel.left("zoom.us").values()) > 86000
    kernel.learn(ZOOM, names_lease=600, names_refresh=10)
    assert kernel.opens(3478, *addresses, protocol=UDP) == [True] * 8
    assert max(kernel.left("zoom.us").values()) <= 600
    kernel.learn(ZOOM, names_lease=600, names_refresh=10, names_max_addresses=5)
    assert sum(kernel.opens(3478, *addresses, protocol=UDP)) == 5


def test_a_call_in_which_only_the_other_side_talks(kernel: NamesWorld) -> None:
    """What comes back keeps conntrack's memory, not the lease; the call goes on, and a new one asks DNS first."""
    kernel.learn(ZOOM, **LONG_LEASE)
    kernel.zone.put("a.zoom.us", "52.84.0.1", ttl=0)
    kernel.ask("a.zoom.us")
    with closing(kernel.flow("52.84.0.1", 3478)) as flow:
        assert flow.turn()
        for _pause in range(2):
            kernel.pause(PAUSE, forget=False)
            assert flow.back()
        assert flow.turn()
        assert kernel.opens(3478, "52.84.0.1", protocol=UDP) == [False]
        kernel.ask("a.zoom.us")
        assert kernel.opens(3478, "52.84.0.1", protocol=UDP) == [True]
