# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that are made to fill the memory: what is merged has a limit, and what is below it takes no long time."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist import intervals
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.intervals import MOST_MEMBERS, sweep
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import elements, pieces
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import prefixes
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import cut

from tests.support.repository import VENDOR_FOLDER

_SECONDS = 20  # of the processor, for what takes two, and took minutes


def rule(destination: str, port: int, vendor: str = "evil", **more: Any) -> dict[str, Any]:
    """Return a rule of its own row."""
    found = {"vendor": vendor, "service": "calls", "protocol": "udp", "ports": str(port), "destination": destination}
    return {**found, "row": port, **more}


def nested(depth: int) -> Iterator[dict[str, Any]]:
    """Yield the rules of ranges that lie inside each other, each with a port of its own."""
    low, high = 193 << 24, (193 << 24) + 0xFFFF
    for number in range(depth):
        for prefix in prefixes(4, low + number, high - number):
            yield rule(prefix, 2 * number + 1)


def inside(ports: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the rules of a network with many ports, and of prefixes in it with one of these."""
    yield from (rule("20.0.0.0/8", port) for port in range(1, ports + 1))
    yield from (rule(f"20.{n // 256}.{n % 256}.0/24", 80) for n in range(count))


KINDS = {
    "ranges inside each other": lambda: [*nested(3000)],
    "a wide network with many ports around many with one each": lambda: [
        *(rule("20.0.0.0/8", port) for port in range(1, 3000)),
        *(rule(f"20.0.{n // 128}.{n % 128 * 2}/32", 50_000 + n) for n in range(2000)),
    ],
    "names of two vendors": lambda: [
        *({**each, "vendor": "zoom2"} for each in nested(1000)),
        *nested(3000),
    ],
    "of IPv6": lambda: [
        *(rule("2600::/32", port) for port in range(1, 3000)),
        *(rule(f"2600::{n:x}:0/112", 50_000 + n) for n in range(1, 2000)),
    ],
    "inbound": lambda: [{**each, "direction": "inbound"} for each in nested(3000)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_fill_the_memory_is_refused_soon(kind: str) -> None:
    rules = KINDS[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=r"^evil \([0-9],?[0-9]{3} services\).* more than 2,000,000 pieces"
        ) as caught:
            merge_vendors(rules)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()
    assert ("zoom2 (1,000 services)" in str(caught.value)) == ("two vendors" in kind)


def test_the_limit_is_far_above_what_the_catalog_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = load_vendor_dirs([VENDOR_FOLDER]).vendors
    said = {"list": "all", "bool": True, "ports": 7400}
    chosen = [
        {"name": name, **{option: said.get(spec["type"], "") for option, spec in vendor.get("options", {}).items()}}
        for name, vendor in catalog.items()
    ]
    members = []

    def counted(items: Any) -> Any:
        found = sweep(items)
        members.append(sum(len(marks) for _first, _last, marks in found))
        return found

    monkeypatch.setattr("ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge.sweep", counted)
    merge_vendors(expand_rows(select_rows(catalog, chosen, today=date(2026, 11, 20))["rows"]))
    assert MOST_MEMBERS > 500 * sum(members) > 0


def test_pieces_of_many_requests_are_refused_too() -> None:
    wanted = [*((n, ["20.0.0.0/8"]) for n in range(3000)), *((9000, [f"20.0.{n}.0/24"]) for n in range(1, 255, 2))]
    assert len(pieces(wanted)[1][4]) == 255
    wanted += [(9000, [f"20.{m}.{n}.0/24"]) for m in range(1, 4) for n in range(1, 255, 2)]
    with pytest.raises(ValueError, match=r"^3,001 services of vendors overlap .* more than 2,000,000"):
        pieces(wanted)


def test_the_limit_is_exact_but_for_the_last_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [(n, n, frozenset("ab")) for n in range(0, 40, 2)]
    monkeypatch.setattr(intervals, "MOST_MEMBERS", 40)
    assert len(sweep(items)) == 20
    monkeypatch.setattr(intervals, "MOST_MEMBERS", 30)
    with pytest.raises(intervals.TooManyError):
        sweep(items)


def test_one_destination_with_many_ports_takes_memory_by_their_number() -> None:
    rules = [rule("20.0.0.0/24", port) for port in range(1, 3001)]
    tracemalloc.start()
    try:
        found = merge_vendors(rules)
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()
    assert found["groups"][0]["services"] == ["udp/1-3000"]


def test_more_services_than_are_shared_stay_those_of_their_destination() -> None:
    rules = [rule(f"20.0.{n}.0/24", 2 * port + 1) for port in range(12) for n in range(3) if port != n]
    ports = {
        group["ipv4"][0]: [service.removeprefix("udp/") for service in group["services"]]
        for group in merge_vendors(rules)["groups"]
    }
    for n in range(3):
        assert sorted(ports[f"20.0.{n}.0/24"], key=int) == [str(2 * port + 1) for port in range(12) if port != n]


def test_prefixes_that_add_nothing_to_those_around_them_take_no_time() -> None:
    start = time.process_time()
    found = merge_vendors(inside(30_000, 60_000))
    listed = elements(found["provenance"], 4, lambda entry: entry["vendor"])
    assert time.process_time() - start < _SECONDS
    assert [(one.prefix, one.ports) for one in listed] == [("20.0.0.0/8", "1-30000")]


def test_many_ports_are_cut_in_one_pass() -> None:
    start = time.process_time()
    assert len(cut([("udp", port, port, port % 7) for port in range(1, 40_001)])) == 40_000
    assert time.process_time() - start < _SECONDS
