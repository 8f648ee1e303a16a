# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reports say of labels, readings and ends that are only kept."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.remarks import (
    own_ends,
    readings,
    readings_of_rows,
    remarks,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

from tests.support.rules import merged, row


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, []),
        ({"label": "Primary"}, ["label: Primary"]),
        ({"read_as": "x read as y"}, ["x read as y"]),
        ({"own_ip": "10.0.0.0/8"}, ["only from 10.0.0.0/8 (kept, not enforced)"]),
        ({"source_port": "5060"}, ["only from port 5060 (kept, not enforced)"]),
        ({"own_ip": "10.0.0.0/8", "source_port": "5060"}, ["only from 10.0.0.0/8 port 5060 (kept, not enforced)"]),
        ({"own_ip": "10.0.0.1/32", "direction": "inbound"}, ["only to 10.0.0.1/32 (kept, not enforced)"]),
        (
            {"own_ip": "10.0.0.1/32", "source_port": "5060", "direction": "inbound"},
            ["only to 10.0.0.1/32 from port 5060 (kept, not enforced)"],
        ),
        (
            {"own_ip": ", ".join(f"10.0.0.{n}/32" for n in range(5))},
            ["only from 10.0.0.0/32, 10.0.0.1/32, 10.0.0.2/32 and 2 more (kept, not enforced)"],
        ),
    ],
)
def test_remarks(entry: dict[str, Any], told: list[str]) -> None:
    assert remarks(entry) == told


def test_rows_of_the_same_are_told_together() -> None:
    entries = [{"service": "media", "row": n, "read_as": "a", "own_ip": "10.0.0.0/8"} for n in (5, 1, 2, 3, 1)]
    entries.append({"service": "web", "row": 1, "own_ip": "10.0.0.0/8"})
    assert readings(entries) == ["  note on media rows 1-3, 5: a by the author of the file"]
    assert list(own_ends(entries)) == ["only from 10.0.0.0/8: media rows 1-3, 5, web row 1"]


def test_many_are_counted() -> None:
    entries = [
        {"service": "media", "row": n, "read_as": f"ports 'a{n}' read as '1' {AUTHOR}", "own_ip": f"10.0.0.{n}/32"}
        for n in range(25)
    ]
    assert [readings(entries)[19:], list(own_ends(entries))[19:]] == [
        ["  note on media row 19: ports 'a19' read as '1' by the author of the file", MORE],
        ["only from 10.0.0.19/32: media row 19", "5 more ends of rows"],
    ]


def read(cells: dict[str, Any], *rows: int, **read_as: Any) -> list[dict[str, Any]]:
    return [{"service": "media", "row": number, **cells, "read_as": read_as} for number in rows]


def test_cells_are_told_once_with_each_of_their_readings() -> None:
    cells = {"ports": "80; 443 (new)", "destination": r"rtc\*.example.com, or so"}
    rows = [
        *read(cells, 1, 2, ports="80", destination="rtc*.example.com"),
        *read(cells, 1, 3, ports="443"),
        *read({**cells, "service": "web"}, 1, ports="80"),
    ]
    lines = [
        "  note on ports '80; 443 (new)' read by the author of the file",
        "      as '80': media rows 1, 2, web row 1",
        "      as '443': media rows 1, 3",
        r"  note on media rows 1, 2: destination 'rtc\*.example.com, or so' read as 'rtc*.example.com' by the",
        "    author of the file",
    ]
    assert readings_of_rows(rows, 9) == lines
    # The same, as texts of rules have it.
    texts = ["ports '80; 443 (new)' read as '80'", "ports '80; 443 (new)' read as '443'"]
    both = rf"{texts[0]}; destination 'rtc\*.example.com, or so' read as 'rtc*.example.com'"
    places = [("media", 1, both), ("media", 2, both), ("media", 1, texts[1]), ("media", 3, texts[1])]
    places.append(("web", 1, texts[0]))
    keys = ("service", "row", "read_as")
    assert readings(dict(zip(keys, (*where, f"{text} {AUTHOR}"), strict=True)) for *where, text in places) == lines


def test_a_cell_that_holds_the_words_of_a_reading_loses_nothing() -> None:
    text = "ports '80 read as 81; ports 'x' read as '80'"
    lines = readings([{"service": "media", "row": 1, "read_as": f"{text} {AUTHOR}"}])
    assert [word for part in text.split("; ") for word in part.split() if word not in " ".join(lines).split()] == []


def test_a_cell_that_is_not_printed() -> None:
    told = "  note on media row 1: ports, which the row does not print, read as '443' by the author of the file"
    assert readings_of_rows(read({"ports": ""}, 1, ports="443"), 9) == [told]
    text = f"protocol 'SIP' read as 'TCP'; ports, which the row does not print, read as '443' {AUTHOR}"
    assert readings([{"service": "media", "row": 1, "read_as": text}])[1:] == [told]


def test_so_many_cells_are_told_and_endless_ones_say_how_much_is_left_out() -> None:
    rows = [each for number in range(25) for each in read({"ports": f"{number}?"}, 1, ports="80")]
    assert readings_of_rows(rows, 20)[-1] == "  note on 5 more cells that were read so"
    assert len(readings_of_rows(rows, 25)) == 25
    endless = " ".join(" ".join(readings_of_rows(read({"ports": "9, " * 2_000}, 1, ports="9"), 9)).split())
    assert "' and 3,000 characters more read as '9'" in endless


def test_the_summary_tells_each_reading_and_choices_without_a_row() -> None:
    printed = "; ".join(map(str, range(5000, 5010))) + "; 6000 (new)"
    texts = [f"ports '{printed}' read as '{text}' {AUTHOR}" for text in ("5000", "6000")]
    rules = [{**each, "read_as": text} for each, text in zip(PLAIN["provenance"], texts, strict=False)]
    gap = {"service": "calls", "option": "regions", "choices": ["north", "south"]}
    selection = {"vendors": [{"name": "acme", "all": [], "defaults": [], "gaps": [gap]}]}
    text = " ".join(" ".join(summarise_allowlist({**PLAIN, "provenance": rules}, selection)).split())
    assert (
        f"note on ports '{printed}' read by the author of the file as '5000': calls row 1 as '6000': calls row 2"
        in text
    )
    assert "NO ROW of calls for regions: north, south" in text


MORE = "  note on 5 more cells that were read so"
AUTHOR = "by the author of the file"
PLAIN = merged(row("192.0.2.1"), row("192.0.2.2", row=2))
SOURCED = {"source_ip": "10.1.2.3", "source_port": "1024-65535"}
READ = {"read_as": {"ports": "5060-5061"}}
LIST = merged(row("192.0.2.1", label="Primary", **SOURCED), row("192.0.2.2", "5060/61", label="=1", row=2, **READ))


@pytest.mark.parametrize("backend", ["nftables", "ufw", "firewalld", "aws", "azure", "gcp", "openstack"])
def test_no_backend_is_said_to_enforce_the_end(backend: str) -> None:
    """Each opens the rows whatever the end is: so the summary says of each."""
    about = {"name": backend, "policy": "deny", "names": "report", "timers": False}
    text = " ".join(" ".join(summarise_allowlist(LIST, backend=about)).split())
    end = "only from 10.1.2.3/32 port 1024-65535: calls row 1: kept, not enforced"
    assert f"{end}: {backend} does not tell rows apart by this end" in text
    assert "enforced by address 2 addresses" in text
    assert "note on calls row 2: ports '5060/61' read as '5060-5061' by the author of the file" in text


def test_an_inbound_end_is_not_told_where_nothing_is_let_in() -> None:
    inbound = merged(row("192.0.2.1", direction="inbound", own_ip="10.1.2.3"))
    about = {"name": "ufw", "policy": "deny", "names": "report"}
    assert "only to 10.1.2.3/32" in " ".join(summarise_allowlist(inbound, backend=about))
    assert "10.1.2.3" not in " ".join(summarise_allowlist(inbound, backend={**about, "inbound": False}))


def test_explain_and_exports_have_them() -> None:
    [_verdict, line] = explain_destination(LIST, "192.0.2.2")
    assert line.endswith("(required); label: =1; ports '5060/61' read as '5060-5061' by the author of the file")
    found = list(csv.DictReader(io.StringIO(export_allowlist(LIST, "csv"))))
    assert [(cells["label"], cells["own_ip"], cells["source_port"]) for cells in found] == [
        ("Primary", "10.1.2.3/32", "1024-65535"),
        ("'=1", "", ""),
    ]
    assert found[1]["read_as"] == "ports '5060/61' read as '5060-5061' by the author of the file"
    page = (
        "| 192.0.2.1/32 | tcp/443 | Acme's ports, 2026-01, label: Primary, only from 10.1.2.3/32 port 1024-65535 (kept,"
    )
    assert page in export_allowlist(LIST, "markdown")
