# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the keeper of names looks names up, and what it plans; beside real sets it is tested elsewhere."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._names import keeper
from hypothesis import given
from hypothesis import strategies as st

LEASE, MOST = 1000, 4
CONFIG = {
    "mode": "dnsmasq",
    "lease": LEASE,
    "refresh": 10,
    "most": MOST,
    "table": "inet t",
    "special": ["10.0.0.0/8", "fc00::/7"],
    "domains": {"a.test": {"patterns": ["a.test"], "asked": {"4": "asked"}, "leased": {"4": "leased"}}},
}
ADDRESSES = st.sampled_from([f"198.18.0.{number}" for number in range(8)] + ["10.0.0.1"])
HELD = st.dictionaries(ADDRESSES.filter(lambda address: address != "10.0.0.1"), st.integers(1, LEASE), max_size=MOST)


class Sets:
    """Sets in memory, as the kernel has them."""

    def __init__(self, **sets: dict[str, int]) -> None:
        self.sets, self.handle = sets, 1

    def tables(self) -> dict[str, int]:
        return {"inet t": self.handle}

    def read(self, _table: str, name: str) -> dict[str, int] | None:
        found = self.sets.get(name)
        return None if found is None else dict(found)

    def write(self, changes: list[tuple]) -> None:
        for _table, name, address, left in changes:
            self.sets[name].pop(address, None)
            if left is not None:
                self.sets[name][address] = left
            assert name != "leased" or len(self.sets[name]) <= MOST, "the kernel would refuse"


def run(sets: Sets, former: dict | None = None, answers: dict | None = None, **config: Any) -> keeper.Keeper:
    """Run a keeper over sets in memory."""
    made = keeper.Keeper({**CONFIG, **config}, dict(keeper.EMPTY, **(former or {})))
    made.sets = sets
    assert made.run(answers or {}) == 0
    return made


@given(asked=st.dictionaries(ADDRESSES, st.integers(1, LEASE), max_size=2 * MOST), leased=HELD)
def test_what_is_asked_for_is_leased_within_the_bound(asked: dict, leased: dict) -> None:
    sets = Sets(asked=dict(asked), leased=dict(leased))
    run(sets)
    wanted, now = set(asked) - {"10.0.0.1"}, sets.sets["leased"]
    assert not sets.sets["asked"], "the next answer is seen again"
    assert set(now) <= set(leased) | wanted
    assert len(now) == min(MOST, len(set(leased) | wanted))
    assert len(set(now) & wanted) == min(MOST, len(wanted)), "what is asked for comes first"
    assert all(now[address] == LEASE for address in wanted & set(now))
    assert all(now[address] == leased[address] for address in set(now) - wanted)
    gone = set(leased) - set(now) - wanted
    assert all(leased[a] <= leased[b] for a in gone for b in set(now) - wanted), "those that would lapse first"


@given(leased=HELD, answer=st.lists(ADDRESSES, unique=True, max_size=6))
def test_what_a_name_has_now_comes_first(leased: dict, answer: list[str]) -> None:
    sets = Sets(leased=dict(leased))
    domains = {"a.test": {"patterns": ["a.test"], "leased": {"4": "leased"}}}
    run(sets, answers={("a.test", "4"): (sorted(answer), "")}, mode="resolve", domains=domains)
    wanted, now = set(answer) - {"10.0.0.1"}, sets.sets["leased"]
    assert len(set(now) & wanted) == min(MOST, len(wanted))
    gone = set(leased) - set(now)
    assert not gone or len(now) == MOST, "only to make room"
    kept = set(leased) - gone - wanted
    assert all(leased[a] <= leased[b] for a in gone - wanted for b in kept), "those that would lapse first"


@pytest.mark.parametrize(
    ("same_boot", "up", "at", "left"),
    [
        (True, 100, 100, 400),
        (True, 100, -5000, 400),  # the clock on the wall was set back
        (False, -1e6, 100, 400),  # a boot: the wall's clock counts
        (False, -1e6, -5000, 500),  # which was set back: never more than there was
        (False, -1e6, 5000, None),
    ],
)
def test_leases_after_new_sets(same_boot: bool, up: float, at: float, left: int | None) -> None:
    former = {
        "epoch": keeper._boot() + ":0" if same_boot else "another:0",
        "up": time.clock_gettime(time.CLOCK_BOOTTIME) - up,
        "at": time.time() - at,
        "leases": {"a.test": {"4": {"198.18.0.1": 500}}},
    }
    sets = Sets(asked={}, leased={})
    run(sets, former)
    found = sets.sets["leased"].get("198.18.0.1")
    assert found is None if left is None else found in (left, left - 1)


def test_a_missing_set_keeps_what_was_known() -> None:
    sets = Sets(asked={"198.18.0.1": 500}, leased={})
    state = run(sets).state
    del sets.sets["leased"]
    state = run(sets, state).state
    sets.sets["leased"] = {}
    sets.handle = 2
    run(sets, state)
    assert set(sets.sets["leased"]) == {"198.18.0.1"}


def test_names_are_looked_up_at_once_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    together, stuck = threading.Barrier(4, timeout=120), threading.Event()

    def answer(name: str, _port: None, family: int, _kind: int) -> list[tuple]:
        if name == "stuck.test.":
            stuck.wait(60)
        if name == "gone.test.":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name == "down.test.":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if name.startswith("ok"):
            together.wait()
        return [(family, 0, 0, "", ("198.18.0.1" if family == socket.AF_INET else "2001:db8::1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    try:
        found, begin = keeper.look_up(["ok1.test", "ok2.test", "gone.test", "down.test", "stuck.test"], seconds=4)
    finally:
        stuck.set()
    assert begin == "", "each was asked from the beginning"
    assert found["ok1.test", "4"] == found["ok2.test", "4"] == (["198.18.0.1"], "")
    assert found["ok1.test", "6"] == (["2001:db8::1"], "")
    assert found["gone.test", "4"] == ([], ""), "an answer: there is none"
    assert found["down.test", "6"] == ([], "Temporary failure in name resolution")
    assert found["stuck.test", "4"] == ([], "no answer in 4 s")


class Clock:
    """Time that goes on only while names are looked up, one second for as many as are looked up at once."""

    def __init__(self, seconds: float) -> None:
        self.left, self.lock = seconds * keeper.LOOKUPS, threading.Lock()

    def answer(self, name: str, _port: None, family: int, _kind: int) -> list[tuple]:
        """Answer after five seconds, as with a first name server that is dead, or never."""
        with self.lock:
            self.left -= 5
            over = self.left < 0
        if over or name.startswith("stuck"):
            threading.Event().wait(0.2)
        return [(family, 0, 0, "", ("198.18.0.1" if family == socket.AF_INET else "2001:db8::1", 0))]


@pytest.mark.parametrize("count", [1, 8, 60, 125])
@pytest.mark.parametrize("stuck", [0, 3, 10])
def test_each_name_has_its_turn(monkeypatch: pytest.MonkeyPatch, count: int, stuck: int) -> None:
    """A round begins with those that the last one had no time for, whatever their number."""
    monkeypatch.setattr(keeper, "LOOKUPS", 8)
    names = [f"n{number:03}.test" for number in range(count)] + [f"stuck{number:02}.test" for number in range(stuck)]
    answered, begin = set(), ""
    rounds = -(-2 * count // (3 * keeper.LOOKUPS)) + -(-2 * stuck // keeper.LOOKUPS) + 1
    for _number in range(rounds):
        clock = Clock(20)
        monkeypatch.setattr(socket, "getaddrinfo", clock.answer)
        found, begin = keeper.look_up(names, begin, seconds=0.1)
        assert set(found) == {(name, version) for name in names for version in "46"}
        answered |= {key for key, (addresses, failure) in found.items() if addresses and not failure}
        if not any(failure for addresses, failure in found.values()):
            assert begin == ""
    assert {(name, version) for name in names if name.startswith("n") for version in "46"} <= answered


def test_a_name_without_a_turn_keeps_what_it_has() -> None:
    domains = {"a.test": {"patterns": ["a.test"], "leased": {"4": "leased"}}}
    options: dict[str, Any] = {"mode": "resolve", "domains": domains}
    sets = Sets(leased={})
    made = run(sets, answers={("a.test", "4"): (["198.18.0.1"], "")}, **options)
    sets.sets["leased"]["198.18.0.1"] = 7
    late = run(sets, made.state, answers={("a.test", "4"): ([], keeper.LATE)}, **options)
    assert sets.sets["leased"]["198.18.0.1"] == LEASE
    assert late.state["said"] == ["not all names could be looked up within 20 s: the next round begins with the others"]
    failed = run(sets, late.state, answers={("a.test", "4"): ([], "no")}, **options)
    assert failed.state["said"] == ["a.test: DNS fails (no) for IPv4: 1 addresses kept"]
    again = run(sets, failed.state, answers={("a.test", "4"): ([], keeper.LATE)}, **options)
    assert failed.state["said"][0] in again.state["said"], "it does not answer again"
