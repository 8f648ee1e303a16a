# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the vendors' pages as rows of cells."""

from __future__ import annotations

from html.parser import HTMLParser


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._row: list[str] = []
        self._spans: dict[int, int] = {}  # column -> rows below that a cell from above still covers
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        spans = {name: int(value or 1) for name, value in attrs if name in ("rowspan", "colspan")}
        if tag == "table":
            self._spans = {}
        elif tag == "tr":
            self._row = []
        elif tag == "td":
            self._skip_covered()
            for dummy in range(spans.get("colspan", 1)):
                self._spans[len(self._row)] = spans.get("rowspan", 1) - 1
                self._row.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._inside = False
        elif tag == "tr":
            self._skip_covered()
            self.rows.append([cell.strip() for cell in self._row])

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._row[-1] += data

    def _skip_covered(self) -> None:
        while self._spans.get(len(self._row), 0):
            self._spans[len(self._row)] -= 1
            self._row.append("")


def html_rows(page: str) -> list[list[str]]:
    """Return the rows of all HTML tables of a page; a cell over several rows or columns fills the others with ''."""
    tables = _Tables()
    tables.feed(page)
    tables.close()
    return tables.rows


def piped_rows(page: str) -> list[list[str]]:
    """Return the rows of all Markdown tables of a page, headings and rulers too."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]
