# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of ports and protocols, read by expand_rows and by a second reader that was made from docs/cells.md alone.

C{HYPOTHESIS_PROFILE=long} compares 100,000 rows.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drawn_cells import draw_protocols, draw_row, mutated
from tests.support.printed_cells import BOTH, LISTS, NOTATIONS, TCP, UDP, Row, Service
from tests.support.second_port_reader import read

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MUTATIONS = 4  # of each drawn row
ROWS = 100_000 if LONG else 2_000  # all of them

PORTS = st.sampled_from([1, 9, 22, 80, 443, 1000, 1023, 1024, 5060, 10_000, 49_152, 65_535]) | st.integers(1, 65_535)
Rules = frozenset[tuple[str, int, int]]


@st.composite
def services(draw: st.DrawFn, protocols: list[frozenset[str]]) -> Service:
    """Return a service with a port, a range, or ports that are open at an end."""
    first, last = sorted([draw(PORTS), draw(PORTS)])
    first, last = draw(st.sampled_from([(first, first), (first, last), (first, 65_535), (1, last), (1, 65_535)]))
    return Service(draw(st.sampled_from(protocols)), first, last)


def opened(row: Row) -> Rules:
    """Return what the rules of a row open; raise ValueError where it is refused."""
    cells = {"vendor": "own", "service": "media", "destination": "192.0.2.1", "protocol": row[0], "ports": row[1]}
    rules = expand_rows([cells])
    found = [(rule["protocol"], *_span(rule)) for rule in rules]
    assert len(found) == len(set(found)), "a rule stands there twice"
    return frozenset(found)


def _span(rule: dict[str, Any]) -> tuple[int, int]:
    first, dummy, last = rule["ports"].partition("-")
    return int(first), int(last or first)


def answers(row: Row) -> tuple[Rules | None, Rules | None]:
    """Return what expand_rows and the second reader open, None where one of them refuses."""
    results: list[Rules | None] = []
    for reader in (opened, lambda row: read(*row)):
        try:
            results.append(reader(row))
        except ValueError:
            results.append(None)
    return results[0], results[1]


@given(services([TCP, UDP, BOTH]))
def test_a_service_is_read_back_from_each_of_its_notations(service: Service) -> None:
    for name, notation in NOTATIONS.items():
        if row := notation(service):
            assert opened(row) == service.rules, (name, row)


@pytest.mark.parametrize("name", NOTATIONS)
def test_there_is_a_service_for_each_notation(name: str) -> None:
    spans = [(443, 443), (10_000, 10_000), (6000, 6010), (49_152, 65_535), (1, 1024), (1, 65_535)]
    rows = [NOTATIONS[name](Service(UDP, *span)) for span in spans]
    assert any(rows)


@given(services([TCP]), services([UDP]), st.booleans())
def test_two_services_are_read_back_from_one_cell(one: Service, other: Service, turned: bool) -> None:
    pair = (other, one) if turned else (one, other)
    for form, notation in LISTS.items():
        cell = notation(*pair)
        if "\n" in form and form.startswith("{p}") and max(one.first, other.first) < 100:
            continue  # such lines may be numbered
        assert opened(("", cell)) == one.rules | other.rules, cell


@pytest.mark.hypothesis
def test_drawn_cells_and_their_mutations_are_read_alike() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=ROWS // (1 + MUTATIONS))
    @given(st.randoms(use_true_random=True), st.integers(0, 5))
    def compare(random: Random, kind: int) -> None:
        protocol, ports = draw_row(random) if kind else draw_protocols(random)
        rows = [(protocol, ports)]
        for _ in range(MUTATIONS):
            rows.append((protocol, mutated(random, ports)) if kind else (mutated(random, protocol), ports))
        for row in rows:
            ours, theirs = answers(row)
            counts.update(drawn=1, read=ours is not None)
            assert ours == theirs, row

    compare()
    assert counts["read"] >= 0.3 * counts["drawn"], counts
    assert counts["drawn"] >= 0.9 * ROWS, counts
