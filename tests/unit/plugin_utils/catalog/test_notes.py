# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vendor file remarks on a service goes with the allowlist, and into its export."""

from __future__ import annotations

import copy
import json

from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist

from tests.support.definitions import GOOD


def test_a_note_of_a_service_is_exported() -> None:
    made = copy.deepcopy(GOOD)
    made["services"][0]["note"] = "the page says may"
    chosen = [{"name": "acme", "regions": "all", "port": 7400}]
    allowlist = compile_allowlist({"acme": made}, chosen, today="2026-11-30")["allowlist"]
    notes = [{"vendor": "acme", "service": "media", "note": "the page says may"}]
    assert allowlist["notes"] == notes
    assert json.loads(export_allowlist(allowlist, "json"))["allowlist"]["notes"] == notes
