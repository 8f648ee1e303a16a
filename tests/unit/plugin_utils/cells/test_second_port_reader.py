# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of ports and protocols, read by expand_rows and by a second reader that was made from docs/cells.md alone.

C{HYPOTHESIS_PROFILE=long} compares 100,000 rows, ever the same; with C{SOAK_SEED} they are drawn anew.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from random import Random
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drawn_cells import draw_protocols, draw_row, mutated
from tests.support.printed_cells import BOTH, LISTS, NOTATIONS, ROW_WORDS, TCP, UDP, WORDS, Row, Service
from tests.support.repository import REPOSITORY
from tests.support.second_port_reader import read

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MUTATIONS = 3  # of each drawn row
ROWS = 100_000 if LONG else 2_000  # all of them
PAGE = (REPOSITORY / "docs" / "cells.md").read_text("utf-8")

PORTS = st.sampled_from([1, 9, 22, 80, 443, 1000, 1023, 1024, 5060, 10_000, 49_152, 65_535]) | st.integers(1, 65_535)
Rules = frozenset[tuple[str, int, int]]
Example = tuple[Row, Rules | None]


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


def examples(page: str) -> list[Example]:
    """Return the rows of the page's tables that are about ports, and what they open, None for a refusal."""
    found: list[Example] = []
    header: list[str] = []
    for line in page.splitlines():
        columns = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not columns or columns[0].startswith("---"):
            header = header if columns else []
        elif not header:
            header = columns
        elif "result" in header:
            cells = dict(zip(header, columns, strict=True))
            ports = _printed(cells["ports cell"]) if "ports cell" in header else ["7000"]
            protocols = _printed(cells.get("protocol cell", "")) or [""]
            opens = None if cells["result"].startswith("refused") else _result(cells["result"])
            if opens != {("esp", 7000, 7000)}:  # has no ports
                found += [((protocol, cell), opens) for protocol in protocols for cell in ports]
    return found


def _printed(text: str) -> list[str]:
    """Return the cells that stand in backticks."""
    spans = re.findall(r"``((?:[^`]|`(?!`))+)``|`([^`]*)`", text)
    cells = [double.strip() or single for double, single in spans]
    return [cell.replace("⏎", "\n").replace("⇥", "\t").replace("\\|", "|") for cell in cells]


def _result(text: str) -> Rules:
    """Return 'tcp/80, udp/90-95', '443' of a row without a protocol, or 'tcp, udp' with port 7000, as rules."""
    rules = set()
    for service in text.strip("`").split(", "):
        protocol, dummy, ports = service.partition("/") if service[0].isalpha() else ("tcp", "", service)
        first, dummy, last = (ports or "7000").partition("-")
        rules.add((protocol, int(first), int(last or first)))
    return frozenset(rules)


@given(services([TCP, UDP, BOTH]))
def test_a_service_is_read_back_from_each_of_its_notations(service: Service) -> None:
    for name, notation in NOTATIONS.items():
        if row := notation(service):
            assert opened(row) == service.rules, (name, row)


@pytest.mark.parametrize(("protocols", "word"), [(found, word) for found in ROW_WORDS for word in ROW_WORDS[found]])
def test_protocols_are_read_back_from_each_word_of_their_cell(protocols: frozenset[str], word: str) -> None:
    assert opened((word, "7000-7010")) == Service(protocols, 7000, 7010).rules


@pytest.mark.parametrize("form", ["{word} 7000", "7000 {word}", "{word}: 7000", "7000 ({word})", "{word}:\n7000"])
@pytest.mark.parametrize(("protocols", "word"), [(found, word) for found in WORDS for word in WORDS[found]])
def test_protocols_are_read_back_from_each_word_in_the_cell_of_ports(
    protocols: frozenset[str], word: str, form: str
) -> None:
    if "(" not in form or {"TCP", "UDP", "QUIC"} & set(re.findall("[A-Z]+", word.upper())):  # purposes, in brackets
        assert opened(("", form.format(word=word))) == Service(protocols, 7000, 7000).rules


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
        if "\n" in form and (min(*one[1:], *other[1:]) < 100 or abs(one.first - other.first) == 1):
            continue  # the line break may be inside a number, and short numbers may count the lines
        assert opened(("", cell)) == one.rules | other.rules, cell


@pytest.mark.parametrize("example", examples(PAGE), ids=lambda example: repr(example[0]))
def test_the_second_reader_reads_what_the_page_shows(example: Example) -> None:
    row, opens = example
    assert answers(row)[1] == opens


def test_the_page_has_many_examples() -> None:
    assert len(examples(PAGE)) > 450


@pytest.mark.hypothesis
def test_drawn_cells_and_their_mutations_are_read_alike() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=ROWS // (1 + MUTATIONS))
    @given(st.randoms(use_true_random=True), st.integers(0, 5))
    def compare(random: Random, kind: int) -> None:
        protocol, ports = draw_row(random) if kind else draw_protocols(random)
        rows = [(protocol, ports)]
        for _time in range(MUTATIONS):
            rows.append((protocol, mutated(random, ports)) if kind else (mutated(random, protocol), ports))
        for row in rows:
            ours, theirs = answers(row)
            counts.update(drawn=1, read=ours is not None)
            assert ours == theirs, row

    compare()
    assert counts["drawn"] >= 0.9 * ROWS, counts
    assert counts["read"] >= 0.3 * counts["drawn"], counts
