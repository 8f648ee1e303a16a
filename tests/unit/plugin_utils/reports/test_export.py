"""Exports: what other tools, spreadsheets, people and shells get."""

from __future__ import annotations

import csv
import datetime
import io
import json
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist

from tests.support.catalog import select

RULES: list[dict[str, Any]] = [
    {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443", "destination": "192.0.2.0/25"},
    {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443", "destination": "192.0.2.128/25"},
    {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443", "destination": "*.example.com"},
    {"vendor": "example", "service": "in", "protocol": "udp", "ports": "1-2", "destination": "2001:db8::/48"},
]
RULES[3]["direction"] = "inbound"
HOSTILE = {
    "vendor": "=HYPERLINK(1)",
    "service": "a|b<script>",
    "protocol": "tcp",
    "ports": "443",
    "destination": "192.0.2.1/32",
    "row": 1,
    "requirement": "recommended",
    "source": ' +cmd, "x"\n[y](z)',
    "date": "2026-03",
}


def compile_(day: datetime.date) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    selection = select({"name": "kudo", "regions": "usa"}, today=day)
    rules = expand_rows(selection["rows"])
    return rules, merge_vendors(rules, sources=selection["sources"], not_rules=selection["not_rules"])


def unmerged(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return what an allowlist says of rules that merging would refuse."""
    return {"provenance": [{**rule, "destinations": [rule["destination"]]} for rule in rules]}


def canonical(rules: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(rule, sort_keys=True) for rule in rules)


def test_json_has_the_rules_before_merging_and_the_allowlist_after_it() -> None:
    rules, allowlist = compile_(datetime.date(2026, 11, 20))
    exported = json.loads(export_allowlist(allowlist, "json"))
    assert list(exported) == ["rules", "allowlist"]
    assert canonical(exported["rules"]) == canonical(rules)
    assert {"protocol", "ports", "destination", "vendor", "service", "source", "date"} <= set(exported["rules"][0])
    same = [key for key in allowlist if key != "sources"]
    assert {key: exported["allowlist"][key] for key in same} == {key: allowlist[key] for key in same}


def test_an_export_of_the_next_day_is_the_same_file() -> None:
    today, tomorrow = (compile_(datetime.date(2026, 11, day)) for day in (20, 21))
    for form in ("json", "csv", "markdown", "text"):
        assert export_allowlist(today[1], form) == export_allowlist(tomorrow[1], form)


def test_csv_has_a_line_for_each_rule() -> None:
    rules, allowlist = compile_(datetime.date(2026, 11, 20))
    lines = list(csv.DictReader(io.StringIO(export_allowlist(allowlist, "csv"))))
    assert canonical(lines) == canonical(
        [
            {
                **dict.fromkeys(("direction", "label", "read_as", "own_ip", "source_port"), ""),
                **{key: str(value) for key, value in rule.items()},
            }
            for rule in rules
        ]
    )


def test_csv_cells_are_no_formulas() -> None:
    text = export_allowlist(unmerged(HOSTILE, {**HOSTILE, "vendor": "-1", "service": "@x", "source": "＝1"}), "csv")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "＝"))]
    assert {"'=HYPERLINK(1)", '\' +cmd, "x"\n[y](z)', "'-1", "'@x", "'＝1"} <= set(cells)


def test_markdown_is_a_table_by_vendor_and_service() -> None:
    _rules, allowlist = compile_(datetime.date(2026, 11, 20))
    lines = export_allowlist(allowlist, "markdown").splitlines()
    assert lines[:3] == ["# Allowlist", "", "## kudo"]
    assert [line for line in lines if line.startswith("### ")] == ["### domains", "### media", r"### usa\_server"]
    assert "| 3.7.161.0/26 | tcp/443, udp/3478 (recommended) | KUDO Firewall rules, 2022-03 |" in lines
    assert r"| \*.tokbox.com | tcp/443, udp/3478 (recommended) | KUDO Firewall rules, 2022-03 |" in lines


def test_markdown_cells_are_text() -> None:
    text = export_allowlist(unmerged(HOSTILE), "markdown")
    assert r"### a\|b\<script\>" in text.splitlines()
    assert r'| 192.0.2.1/32 | tcp/443 (recommended) |  +cmd, "x" \[y\](z), 2026-03 |' in text.splitlines()


def test_text_has_a_line_for_each_merged_service_and_destination() -> None:
    text = export_allowlist(merge_vendors(RULES), "text")
    assert text == "tcp/443 192.0.2.0/24\ntcp/443 *.example.com\ninbound udp/1-2 2001:db8::/48\n"


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^unknown format 'yaml': known are json, csv, markdown, text$"):
        export_allowlist(merge_vendors([]), "yaml")
