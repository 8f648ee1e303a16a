# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of exact names, looked up on the controller: what is asked, what is kept, and who has no answer."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._names import resolve

from tests.support.waiting import PATIENCE

V4, V6 = socket.AF_INET, socket.AF_INET6
NONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "_PAUSE", 0)


def allowlist(*destinations: str, **more: str) -> dict[str, Any]:
    rule = {"vendor": "acme", "service": "web", "protocol": "tcp", "ports": "443", **more}
    return merge_vendors([{**rule, "destination": destination} for destination in destinations])


class World:
    """Answers by name and family; an error is raised, and what is missing does not exist."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[tuple[str, int], Any] = {}
        self.asked: list[tuple[str, int]] = []

    def put(self, name: str, family: int, *answers: Any) -> World:
        """Give a name answers, one after the other; the last one stays."""
        self.answers[name, family] = list(answers)
        return self

    def __call__(self, name: str, family: int) -> list[str]:
        self.asked.append((name, family))
        left = self.answers.get((name, family), [[]])
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


def test_both_families_of_exact_names_are_asked_for_and_nothing_else() -> None:
    world = World().put("a.example.com", V4, ["52.84.0.10", "52.84.0.9"]).put("a.example.com", V6, ["2600:9000::1"])
    found = resolve.resolve(allowlist("a.example.com", "*.example.com", "b.example.com", "192.0.2.0/28"), ask=world)
    assert found == {"a.example.com": ["52.84.0.9", "52.84.0.10", "2600:9000::1"], "b.example.com": []}
    assert sorted(world.asked) == sorted([(n, f) for n in ("a.example.com", "b.example.com") for f in (V4, V6)])


def test_names_that_only_let_in_are_not_asked_for() -> None:
    world = World()
    assert resolve.resolve(allowlist("a.example.com", direction="inbound"), ask=world) == {}
    assert world.asked == []


@pytest.mark.parametrize(
    ("family", "address"),
    [(V4, "10.0.0.1"), (V4, "127.0.0.1"), (V4, "192.0.2.1"), (V4, "169.254.169.254"), (V4, "0.0.0.0"), (V6, "::1"),
     (V6, "fe80::1%eth0"), (V6, "fd00::1"), (V6, "::ffff:52.84.0.1"), (V6, "64:ff9b::a00:1")],
)  # fmt: skip
def test_special_addresses_are_never_opened(family: int, address: str) -> None:
    good = {V4: "52.84.0.1", V6: "2600:9000::1"}[family]
    world = World().put("a.example.com", family, [address, good])
    assert resolve.resolve(allowlist("a.example.com"), ask=world) == {"a.example.com": [good]}


def test_every_name_without_an_answer_is_named_with_who_asks() -> None:
    rules = [
        {"vendor": vendor, "service": "web", "protocol": "tcp", "ports": "443", "destination": name}
        for vendor, name in (("acme", "a.example.com"), ("zeta", "a.example.com"), ("acme", "b.example.com"))
    ]
    world = World().put("a.example.com", V6, AGAIN).put("b.example.com", V4, OSError("out of files"))
    expected = (
        "2 names have no answer, so nothing is known of their addresses: "
        "a.example.com (acme: web, zeta: web): Temporary failure in name resolution; "
        "b.example.com (acme: web): out of files"
    )
    with pytest.raises(resolve.NoAnswer, match=re.escape(expected)):
        resolve.resolve(merge_vendors(rules), ask=world)


def test_it_asks_again_as_often_as_it_is_told() -> None:
    world = World().put("a.example.com", V4, AGAIN, AGAIN, ["52.84.0.1"])
    assert resolve.resolve(allowlist("a.example.com"), ask=world) == {"a.example.com": ["52.84.0.1"]}
    assert world.asked.count(("a.example.com", V4)) == 3
    world = World().put("a.example.com", V4, AGAIN, AGAIN, ["52.84.0.1"])
    with pytest.raises(resolve.NoAnswer):
        resolve.resolve(allowlist("a.example.com"), ask=world, tries=2)


def test_a_resolver_that_never_answers_holds_nobody_up() -> None:
    never = threading.Event()

    def ask(name: str, family: int) -> list[str]:
        if name.startswith("slow"):
            never.wait(PATIENCE)
        return ["52.84.0.1"] if family == V4 else []

    start = time.monotonic()
    with pytest.raises(resolve.NoAnswer, match=r"^1 name .* slow\.example\.com \(acme: web\): no answer in"):
        resolve.resolve(allowlist("slow.example.com", "a.example.com"), ask=ask, seconds=5)
    assert time.monotonic() - start < PATIENCE
    never.set()


def test_many_names_are_asked_for_at_once() -> None:
    together = threading.Barrier(8, timeout=PATIENCE)

    def ask(_name: str, _family: int) -> list[str]:
        together.wait()  # for seven others
        return ["52.84.0.1"]

    names = [f"host{number}.example.com" for number in range(40)]
    assert len(resolve.resolve(allowlist(*names), ask=ask, seconds=PATIENCE)) == 40


@pytest.mark.parametrize(
    ("raised", "expected"), [(NONE, []), (socket.gaierror(socket.EAI_NODATA, "No address"), []), (AGAIN, AGAIN)]
)
def test_the_systems_resolver_tells_no_such_name_from_no_answer(
    raised: Exception, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> None:
        raise raised

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    if expected == []:
        assert resolve.system_resolver("a.example.com", V4) == []
    else:
        with pytest.raises(socket.gaierror):
            resolve.system_resolver("a.example.com", V4)


def test_the_systems_resolver_is_asked_without_search_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(*arguments: Any) -> list[Any]:
        asked.append(arguments)
        return [(V4, socket.SOCK_STREAM, 6, "", ("52.84.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert resolve.system_resolver("a.example.com", V4) == ["52.84.0.1"]
    assert asked == [("a.example.com.", None, V4, socket.SOCK_STREAM)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"tries": 0}, "tries '0' is not a whole number"), ({"seconds": 0}, "seconds '0' is not a number above 0")],
)
def test_numbers_that_cannot_be(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        resolve.resolve(allowlist("a.example.com"), ask=World(), **options)
