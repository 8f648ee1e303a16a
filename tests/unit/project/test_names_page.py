# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of names shows of patterns is what the summary says and what a vendor file may hold."""

from __future__ import annotations

import datetime
import re

import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import broader
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

from tests.support.repository import REPOSITORY
from tests.support.rules import web

PAGE = (REPOSITORY / "docs" / "names.md").read_text("utf-8")
BACKEND = {"name": "nftables", "policy": "deny", "names": "dnsmasq"}


def block(begins: str) -> str:
    [found] = re.findall(rf"^```\n( *{begins}.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_summary_of_patterns() -> None:
    allowlist = merge_vendors([web("rtc*.connect.example.com"), web("sip*.co.uk")])
    lines = summarise_allowlist(allowlist, None, BACKEND)
    start = next(number for number, line in enumerate(lines) if line.startswith("  not enforced"))
    assert lines[start:] == block("not enforced  no tool").splitlines()


def test_the_vendor_that_allows_a_broader_name() -> None:
    vendors = yaml.safe_load(block("catalog_custom_vendors"))["catalog_custom_vendors"]
    catalog = read_catalog([], vendors, REPOSITORY).vendors
    selection = select_rows(catalog, ["acme_ours"], today=datetime.date(2026, 11, 30))
    [rule] = expand_rows(selection["rows"])
    assert rule["destination"] == broader("rtc*.connect.example.com")
    assert (rule["protocol"], rule["ports"]) == ("tcp", "443")
