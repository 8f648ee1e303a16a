# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How reports are laid out: nothing is broken in its middle, nothing is wider than the page."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import verbatim
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.layout import (
    WIDTH,
    Reach,
    row_numbers,
    table,
    wrapped,
)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([3], "row 3"),
        ([2, 1], "rows 1, 2"),
        ([1, 2, 3], "rows 1-3"),
        ([7, 1, 2, 3, 4, 9, 10], "rows 1-4, 7, 9, 10"),
    ],
)
def test_rows_in_words(rows: list[int], text: str) -> None:
    assert row_numbers(rows) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (r"rtc\*.example.com", r"'rtc\*.example.com'"),
        ('the host\'s "name"', "'the host's \"name\"'"),
        ("a\nb\tc\u202e", r"'a\nb\tc\u202e'"),
        ("x" * 200, f"'{'x' * 200}'"),
    ],
)
def test_a_cell_is_quoted_as_it_is_printed(cell: str, text: str) -> None:
    assert verbatim(cell) == text


def test_no_name_is_broken_at_a_hyphen() -> None:
    names = [f"media-{number}.eu-west-{number}.example.com" for number in range(40)]
    lines = wrapped(", ".join(names), "  ")
    assert max(map(len, lines)) <= WIDTH
    assert [word.strip(",") for line in lines for word in line.split()] == names


def test_no_word_and_no_number_of_a_table_is_broken_where_another_column_can_give() -> None:
    service, total = "a_service_with_a_long_name", "4,294,967,296 addresses in 1 prefix"
    other = " ".join(f"word{number}" for number in range(40))
    lines = list(table([("service", "to", "other"), (service, total, other), ("next", total, other)]))
    assert max(map(len, lines)) <= WIDTH
    assert not any(line != line.rstrip() for line in lines)
    words = " ".join(lines).split()
    assert {service, "4,294,967,296", *other.split()} <= set(words)


def test_lists_of_ports_are_broken_after_commas() -> None:
    ports = "tcp/" + ",".join(map(str, range(100, 200)))
    lines = list(table([("web", ports)]))
    assert max(map(len, lines)) <= WIDTH
    assert "".join(line.removeprefix("  web").strip() for line in lines) == ports


def test_merged_prefixes_are_counted_as_asked_for_too() -> None:
    reach = Reach()
    for prefix in ("192.0.2.0/25", "192.0.2.128/26", "192.0.2.192/26", "198.51.100.1/32"):
        reach.add(prefix)
    assert reach.told(merged=True) == "257 addresses in 2 prefixes, merged from 4"
    assert str(reach) == "257 addresses in 2 prefixes"
    alone = Reach()
    alone.add("192.0.2.0/25")
    alone.add("198.51.100.0/25")
    assert alone.told(merged=True) == "256 addresses in 2 prefixes"
