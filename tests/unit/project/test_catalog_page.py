# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/catalog.md: its examples of what pages print are vendor files, and open what stands below them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import keys, limits
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "catalog.md").read_text()
EXAMPLES = re.findall(r"^### ([^\n]+)\n(?:(?!^### ).)*?^```yaml\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.M | re.S)
HEAD = {"title": "Acme", "sources": [{"id": "page", "title": "Firewall page", "date": "2026-03"}]}


def compiled(text: str) -> dict[str, Any]:
    chosen = yaml.safe_load(text.partition("\n")[0].removeprefix("# chosen: "))
    definition = {**HEAD, **yaml.safe_load(text)}
    check_definition("acme", definition)
    made = compile_allowlist({"acme": definition}, [{"name": "acme", **chosen}], today="2026-11-30")
    return dict(made["allowlist"])


@pytest.mark.parametrize(("title", "text", "opened"), EXAMPLES, ids=[title for title, *dummy in EXAMPLES])
def test_an_example_opens_what_stands_below_it(title: str, text: str, opened: str) -> None:
    assert sorted(export_allowlist(compiled(text), "text").splitlines()) == sorted(opened.splitlines()), title


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml\n# chosen: ") == PAGE.count("```text\n") >= 5


def test_every_key_of_services_and_rows_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", PAGE, re.M))))
    # In the example of a whole file.
    shown = {"name", "title", "source", "rows", "protocol", "destination", "ports"}
    for known in (keys.SERVICE, keys.TRAFFIC, keys.ROW):
        assert set(known) - shown <= explained
    for kind in ("list", "str", "bool", "ports", "addresses"):
        assert f"| `{kind}` | " in PAGE


def test_the_limits_are_those_of_the_page() -> None:
    assert f"| {limits.ENTRIES['rows']:,} cells, {limits.FILLED >> 20} MiB |" in PAGE
    assert (
        f"| {limits.ENTRIES['options']}; 1,000; 1,000; 10,000; 100; {limits.ENTRIES['destination_options']} |" in PAGE
    )
