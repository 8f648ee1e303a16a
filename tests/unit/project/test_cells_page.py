# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of cells: each example of its tables is read, or refused, as the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.services import read_services

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "cells.md").read_text()
# The columns of tables with examples; in any other table the first one names what it lists.
KINDS = [
    ["form", "reading", "ports cell", "result"],
    ["what stands there", "reading", "ports cell", "result"],
    ["form", "reading", "protocol cell", "result"],
    ["form", "protocol cell", "ports cell", "result"],
]
LISTS = [["word", "transport"]]
_SPAN = re.compile(r"``((?:[^`]|`(?!`))+)``|`([^`]+)`")


class Example(NamedTuple):
    protocol: str
    ports: str | None  # None: the row is about a protocol cell alone
    result: str


def tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield the header and the rows of each table of a page."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        assert set("".join(lines[1])) <= set("-:"), block
        yield lines[0], lines[2:]


def spans(cell: str) -> list[str]:
    """Return the cells that stand in backticks, with their line breaks and tabs; nothing but commas is between them."""
    assert not _SPAN.sub("", cell).strip(" ,"), cell
    found = [(double.strip(" ") or single) for double, single in _SPAN.findall(cell)]
    return [text.replace("⏎", "\n").replace("⇥", "\t").replace("\\|", "|") for text in found]


def examples(text: str) -> Iterator[Example]:
    for header, rows in tables(text):
        assert header in [*KINDS, *LISTS], header
        for row in rows if header in KINDS else []:
            assert len(row) == len(header), row
            cells = dict(zip(header, row, strict=True))
            protocols, ports = spans(cells.get("protocol cell", "")), spans(cells.get("ports cell", ""))
            assert protocols or ports or "ports cell" not in cells, row
            if "ports cell" in cells:
                assert ports, row
                assert len(protocols) < 2, row
                yield from (Example("".join(protocols), cell, cells["result"]) for cell in ports)
            else:
                yield from (Example(cell, None, cells["result"]) for cell in protocols or [""])


EXAMPLES = list(examples(PAGE))


def outcome(example: Example, *, services: bool) -> str:
    """Return what is read of an example as the page writes it, or the error's text."""
    try:
        if example.ports is None:
            return ", ".join(expand_protocols(example.protocol))
        found = read_services(example.protocol, example.ports)[0]
        if services:
            return ", ".join("/".join(service) for service in found)
        return ", ".join(expand_ports(example.ports))
    except ValueError as exc:
        return f"refused: {exc}"


def check(example: Example) -> None:
    """Raise AssertionError where an example is not read as the page says, or the page says nothing that can be read."""
    wanted = example.result
    found = outcome(example, services="/" in wanted or example.ports is None)
    if wanted.startswith("refused:"):
        said = re.findall(r"`([^`]+)`", wanted) or [wanted.partition("refused:")[2].strip()]
        assert found.startswith("refused: "), (example, found)
        assert all(text in found for text in said), (example, found)
    else:
        assert re.fullmatch(r"`[^`]+`", wanted), example
        assert found == wanted.strip("`"), example


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page_is_read_as_it_says(example: Example) -> None:
    check(example)


def test_the_page_has_all_its_examples() -> None:
    assert len(EXAMPLES) > 500
    assert {header[2] for header, _rows in tables(PAGE) if header in KINDS} == {"ports cell", "protocol cell"}


@pytest.mark.parametrize(
    "row",
    [
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `80` or so | `80` |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b |  | `80` |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `80` | |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `80` | 80 |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `80` |\n",
        "| form | cell | result |\n|---|---|---|\n| a | `80` | `80` |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `81` | `80` |\n",
        "| form | reading | ports cell | result |\n|---|---|---|---|\n| a | b | `80` | refused: no |\n",
    ],
)
def test_a_row_that_says_nothing_is_found(row: str) -> None:
    with pytest.raises(AssertionError):
        check(next(examples(row)))


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "refused:" in example.result])
def test_what_a_refusal_advises_is_read(example: Example) -> None:
    found = outcome(example, services=True)
    for way in re.findall(r"(?:write|or) '([^']+)'", found if found.startswith("refused: ") else ""):
        if way.startswith("requirement:") or way in ("TCP", "UDP") or not way.strip(", "):
            continue  # another column, or no cell
        if example.ports is None:
            assert expand_protocols(way)
        else:
            assert read_services(example.protocol, way)[0], (example, way)
