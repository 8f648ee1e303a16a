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
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.remarks import own_ends, readings, remarks
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
    assert list(readings(entries)) == ["media rows 1, 2, 3 and 1 more: a"]
    assert list(own_ends(entries)) == ["only from 10.0.0.0/8: media rows 1, 2, 3 and 1 more, web row 1"]


def test_many_are_counted() -> None:
    entries = [{"service": "media", "row": n, "read_as": f"a{n}", "own_ip": f"10.0.0.{n}/32"} for n in range(25)]
    assert [list(readings(entries))[19:], list(own_ends(entries))[19:]] == [
        ["media row 19: a19", "5 more readings"],
        ["only from 10.0.0.19/32: media row 19", "5 more ends of rows"],
    ]


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
