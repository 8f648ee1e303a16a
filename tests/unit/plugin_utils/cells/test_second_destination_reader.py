# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination cells against a second reader, which is written from their page and shares no code with the first.

Cells are drawn in every notation of the page, then misprinted by one sign; other strings are tokens of such cells in
any order. The default run compares some 2,000 strings, C{HYPOTHESIS_PROFILE=long} 120,000.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import second_destination_reader
from tests.support.destination_notations import Printed, anywhere, names, prefixes, ranges
from tests.support.printed_destinations import cells, decorated, sequences, slip
from tests.support.second_destination_reader import Refused
from tests.support.second_destination_reader.remarks import PAGE

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
SLIPS = 9  # of each cell
ROW = {"vendor": "acme", "service": "media", "row": 1, "ports": "443", "wide_because": "as printed"}


def _first(cell: str) -> list[str] | None:
    """Return the destinations that the collection reads, None where it refuses the cell."""
    try:
        return [rule["destination"] for rule in expand_rows([{**ROW, "destination": cell}])]
    except ValueError:
        return None


def _label(cell: str) -> str:
    """Return the label that all rules of the cell have."""
    (label,) = {rule.get("label", "") for rule in expand_rows([{**ROW, "destination": cell}])}
    return label


def _second(cell: str, requirement: str = "required") -> list[str] | None:
    """Return the destinations that the second reader reads, None where it refuses the cell."""
    try:
        return second_destination_reader.read(cell, requirement)
    except Refused:
        return None


@given(st.one_of(prefixes(), ranges(), names(), anywhere()).flatmap(decorated))
@settings(max_examples=2_000 if LONG else 200)
def test_a_destination_in_any_notation_is_read_back(item: Printed) -> None:
    assert _first(item.text) == item.results
    assert _second(item.text) == item.results
    assert _label(item.text) == item.label


@given(cells())
@settings(max_examples=2_000 if LONG else 100)
def test_a_list_in_any_notation_is_read_back(cell: Printed) -> None:
    assert _first(cell.text) == cell.results
    assert _second(cell.text) == cell.results
    assert _label(cell.text) == cell.label


@pytest.mark.hypothesis
def test_both_readers_read_the_same_or_refuse() -> None:
    seen: Counter[bool] = Counter()

    @given(cells(), st.integers(0, 2**32 - 1))
    @settings(max_examples=10_000 if LONG else 150)
    def compare(cell: Printed, seed: int) -> None:
        chance = random.Random(seed)
        for text in [cell.text, *(slip(cell.text, chance) for dummy in range(SLIPS))]:
            results = _first(text)
            assert results == _second(text), text
            seen[results is not None] += 1

    compare()
    assert seen.total() >= (100_000 if LONG else 1_500)
    assert seen[True] >= 0.3 * seen.total()


@given(sequences())
@settings(max_examples=20_000 if LONG else 500)
def test_both_readers_read_the_same_of_what_nobody_prints(cell: str) -> None:
    assert _first(cell) == _second(cell)


def _examples() -> list[tuple[str, str]]:
    """Return cells and results of the page's tables."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        columns = [column.strip() for column in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(columns) == 4 and columns[0] != "form" and set(columns[0]) != {"-"}:
            cell = re.fullmatch(r"(`+) ?(.+?) ?\1", columns[2])
            assert cell, line
            found.append((cell[2].replace("⏎", "\n").replace("\\|", "|"), columns[3]))
    return found


@pytest.mark.parametrize(("cell", "result"), _examples())
def test_the_second_reader_reads_the_page(cell: str, result: str) -> None:
    read = _second(cell)
    if result.startswith("refused"):
        assert read is None
    else:
        assert read == re.findall(r"`([^`]+)`", result.partition("; label")[0])


def test_the_page_has_examples_of_both_kinds() -> None:
    refused = [result.startswith("refused") for dummy, result in _examples()]
    assert refused.count(True) > 40
    assert refused.count(False) > 60


@pytest.mark.parametrize(
    ("cell", "requirement", "results"),
    [
        ("192.0.2.1 (optional)", "optional", ["192.0.2.1/32"]),
        ("192.0.2.1 (Mandatory)", "required", ["192.0.2.1/32"]),
        ("all hosts (optional)", "optional", ["0.0.0.0/0", "::/0"]),
        ("all hosts (optional)", "recommended", None),
        ("192.0.2.1 (recommended)", "required", None),
        ("192.0.2.1 (required)", None, ["192.0.2.1/32"]),
        ("192.0.2.1 (optional)", None, None),
    ],
)
def test_a_remark_on_the_requirement_agrees_with_the_row(
    cell: str, requirement: str | None, results: list[str] | None
) -> None:
    row = {**ROW, "destination": cell, **({"requirement": requirement} if requirement else {})}
    if results is None:
        with pytest.raises(ValueError, match="requirement"):
            expand_rows([row])
    else:
        assert [rule["destination"] for rule in expand_rows([row])] == results
    assert _second(cell, requirement or "required") == results
