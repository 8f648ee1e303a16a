# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destination cells against a second reader, which is written from their page and shares no code with the first.

Cells are drawn in every notation of the page, then misprinted by one sign; other strings are tokens of such cells in
any order. The default run compares some 2,000 strings, C{HYPOTHESIS_PROFILE=long} 120,000, all of them different.
"""

from __future__ import annotations

import os
import random
import re

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

# Cells that one of the readers once read otherwise: what they hold, None where they are refused.
SETTLED: list[tuple[str, list[str] | None]] = [
    ("turn-*.CUSTOMER", None),
    ("*-wss.example.orgN", None),
    ("xn--stra-eoqa.example.net", None),
    ("a.example.2é4", None),
    ("a.example.co.uk.а", None),
    ("<code>a.example.com</code><code>b.example.com</code>", None),
    ("`**a.example.com*`*", None),
    ("- a.example.com\n- ||", None),
    ("https://a.example.com/ (1)", ["a.example.com"]),
    ("2001:db8::1 ‐ 2001:db8::2, 2001:db8:1:: /48", ["2001:db8::1/128", "2001:db8::2/128", "2001:db8:1::/48"]),
    ("192.0.2.0 /24 (sip.example.com)", ["192.0.2.0/24"]),
    ("192.0.2.0† (sip.example.com)", ["192.0.2.0/32"]),
    ("192.0.2.0 /24*", ["192.0.2.0/24"]),
    ("192.0.2.1†*", ["192.0.2.1/32"]),
    ("192.0.2.1*†", ["192.0.2.1/32"]),
    ("*192.0.2.0 - 192.0.2.3*", ["192.0.2.0/30"]),
    ("192.0.2.0 –192.0.2.3*", ["192.0.2.0/30"]),
    ("**<b>a.example.com</b>**", ["a.example.com"]),
    ("a.example.com,\n and b.example.com", ["a.example.com", "b.example.com"]),
    ("192.0.2.0 to \n192.0.2.3", ["192.0.2.0/30"]),
    ("any† IPv4", None),
    ("a.*.a.u-west-1.example.co.uk", ["a.*.a.u-west-1.example.co.uk"]),
    ("a.*.cc", ["a.*.cc"]),
    ("192.0.2.x-sip.example.com", None),
    ("all (1) hosts", None),
    ("<b>a.example</b>*cdn.example.net", None),
    ("`a.example`*cdn.example.net", None),
    ("**192.0.2.0/24***", None),
    ("`  ` 192.0.2.9", None),
    ("192.0.2.1 (^1)", None),
    ("a.example.com<sup>^2</sup>", None),
    ("a.example.com-192.0.2.1a.example.com", None),
    ("a.example.com--b.example.com", None),
    ("203.0.113.254.TO", None),
    ("x.a.cc", None),
    ("10.0.0.0 [^8]", ["10.0.0.0/32"]),
    ("192.0.2.1 (S'. Louis)", None),
    ("a.example.éa-b", None),
    ("xn--e1afmkfd.xn--p1acf", ["xn--e1afmkfd.xn--p1acf"]),
    ("a.exämp le.com", None),
    ("пример.рф b.example.com", ["xn--e1afmkfd.xn--p1ai", "b.example.com"]),
    ("https://a.example/ b.example.com", ["a.example", "b.example.com"]),
    ("https://192.0.2.1/ 192.0.2.0/24", ["192.0.2.1/32", "192.0.2.0/24"]),
    ("https://10.0.0.0/ (8)", None),
    ("192.0.2.1 10.0.0.0 (8)", None),
    ("192.0.2.1, 192.0.2.0/ 24", None),
    ("192.0.2.0 /24, 192.0.2.1, 192.0.2.0/24", ["192.0.2.0/24", "192.0.2.1/32"]),
    ("192.0.2.0 255.255.255.0 192.0.2.9", ["192.0.2.0/24", "192.0.2.9/32"]),
    ("192.0.2.0 (255.255.255.0) (sip.example.com)", ["192.0.2.0/24"]),
    ("192.0.2.0 to 192.0.2.3 (sip.example.com)*", ["192.0.2.0/30"]),
    ("- a.example.com,\n- b.example.com;", ["a.example.com", "b.example.com"]),
    ("- a.example.com\n- b.example.com,,", None),
    ("a.example.com,\n\nand b.example.com", ["a.example.com", "b.example.com"]),
    ("192.0.2.1 (Néw Yörk)", ["192.0.2.1/32"]),
    ("192.0.2.1 (am0)", ["192.0.2.1/32"]),
]


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


def _check_read(printed: Printed) -> None:
    """Check that both readers read the printed form back, and that the first one keeps its label."""
    assert _second(printed.text) == printed.results
    assert _first(printed.text) == printed.results
    assert _label(printed.text) == printed.label


def _check_same(cell: str) -> bool:
    """Tell whether both readers read the cell; they read the same or refuse it."""
    first = _first(cell)
    assert first == _second(cell), cell
    return first is not None


@pytest.mark.parametrize(("cell", "results"), SETTLED)
def test_what_was_read_otherwise_is_settled(cell: str, results: list[str] | None) -> None:
    assert _first(cell) == results
    assert _second(cell) == results


@given(st.one_of(prefixes(), ranges(), names(), anywhere()).flatmap(decorated))
@settings(max_examples=2_000 if LONG else 200)
def test_a_destination_in_any_notation_is_read_back(item: Printed) -> None:
    _check_read(item)


@given(cells())
@settings(max_examples=2_000 if LONG else 100)
def test_a_list_in_any_notation_is_read_back(cell: Printed) -> None:
    _check_read(cell)


@pytest.mark.hypothesis
def test_both_readers_read_the_same_or_refuse() -> None:
    seen: dict[str, bool] = {}

    @given(cells(), st.integers(0, 2**32 - 1))
    @settings(max_examples=13_500 if LONG else 170)
    def compare(cell: Printed, seed: int) -> None:
        chance = random.Random(f"{seed} {cell.text}")
        for text in [cell.text, *(slip(cell.text, chance) for dummy in range(SLIPS))]:
            seen[text] = seen[text] if text in seen else _check_same(text)

    compare()
    assert len(seen) >= (100_000 if LONG else 1_200)  # different ones
    assert sum(seen.values()) >= 0.3 * len(seen)


@given(sequences())
@settings(max_examples=20_000 if LONG else 500)
def test_both_readers_read_the_same_of_what_nobody_prints(cell: str) -> None:
    _check_same(cell)


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
