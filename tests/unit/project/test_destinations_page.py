# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/cells-destinations.md: every example of its tables is read, or refused, as it says; its lists are the code's."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import read_destinations
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.remark_words import (
    BEHIND_NEW,
    DANGEROUS,
    DANGEROUS_BEGINNINGS,
    HARMLESS,
    HOSTS,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "cells-destinations.md").read_text(encoding="utf-8")
_SPAN = re.compile(r"`` (.+?) ``|`([^`]+)`")
_HEAD = ["form", "reading", "cell", "result"]


class Example(NamedTuple):
    """A row of a table: the cell, and its result as printed."""

    cell: str
    result: str


def spans(text: str) -> list[str]:
    """Return the code of a text; what is between the pieces of code is only commas."""
    assert re.fullmatch(r"[\s,]*", _SPAN.sub("", text)), text
    return [double or single for double, single in _SPAN.findall(text)]


def examples(page: str) -> list[Example]:
    """Return the rows of all tables; each has four cells, the third of them one piece of code."""
    found = []
    for line in page.splitlines():
        if not line.startswith("|") or set(line) <= set("|-"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == 4, line
        if cells != _HEAD:
            [cell] = spans(cells[2])
            found.append(Example(cell.replace(r"\|", "|").replace("⏎", "\n"), cells[3]))
    return found


EXAMPLES = examples(PAGE)


def row(cell: str, **columns: Any) -> dict[str, Any]:
    return {"vendor": "acme", "service": "media", "destination": cell, "ports": "443", **columns}


def test_the_page_has_tables() -> None:
    assert len(EXAMPLES) > 130
    assert len({example.cell for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if not one.result.startswith("refused")], ids=str)
def test_what_is_read(example: Example) -> None:
    result, _semicolon, label = example.result.removeprefix("wide ").partition("; label ")
    assert read_destinations(example.cell) == (spans(result), spans(label))


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.result.startswith("refused")], ids=str)
def test_what_is_refused_with_its_readings(example: Example) -> None:
    with pytest.raises(ValueError, match=r"^destination ") as caught:
        read_destinations(example.cell)
    for way in spans(example.result.removeprefix("refused")):
        assert f"'{way}'" in str(caught.value)
        assert read_destinations(way)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if not one.result.startswith("refused")], ids=str)
def test_what_is_wide(example: Example) -> None:
    """Only what the page calls wide needs a reason, and any address."""
    openings = Openings(consent_of(True, []))
    wide = example.result.startswith("wide") or "/0`" in example.result
    if wide:
        with pytest.raises(ValueError, match="say why in the row's wide_because"):
            expand_rows([row(example.cell)], openings=openings)
    because = {"wide_because": "printed so", "vendor_wide_because": "printed so"} if wide else {}
    assert expand_rows([row(example.cell, **because)], widest_prefix={"ipv4": 14}, openings=openings)
    assert bool(openings.reasons()) == wide


def listed(page: str) -> list[list[str]]:
    """Return the words of each list of the page, which stand four spaces from its edge."""
    return [block.split() for block in re.findall(r"\n\n((?:    [^\n]+\n)+)", page)]


def test_its_lists_are_those_of_the_code() -> None:
    harmless, dangerous, beginnings, hosts = listed(PAGE)
    assert harmless == sorted(HARMLESS)
    assert dangerous == sorted(DANGEROUS)
    assert beginnings == sorted(DANGEROUS_BEGINNINGS)
    assert hosts == sorted(HOSTS)
    assert HOSTS < DANGEROUS
    [new] = re.findall(r"^`New` is a part of a name before (.*)\.$", PAGE, re.MULTILINE)
    assert {word.lower() for word in spans(new)} == BEHIND_NEW


@pytest.mark.parametrize("line", ["| a | b | c |", "| a | b | no code | `x` |", "| a | b | `c` | d | e |"])
def test_a_row_that_is_no_example_is_seen(line: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        examples(line)
