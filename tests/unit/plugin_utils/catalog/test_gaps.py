# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices without a row: what a selection says of those that a user made."""

from __future__ import annotations

import copy
import datetime
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows

from tests.support.definitions import GOOD

TODAY = datetime.date(2026, 11, 30)


def gaps(**chosen: Any) -> Any:
    made = copy.deepcopy(GOOD)
    [service] = made["services"]
    del service["when"]
    service["rows"] = [{**service["rows"][0], "when": {"regions": ["east"]}}]
    every = {"port": 443, **chosen}
    [vendor] = select_rows({"acme": made}, [{"name": "acme", **every}], today=TODAY)["vendors"]
    return vendor.get("gaps")


def test_a_choice_without_a_row_is_told_to_who_made_it() -> None:
    assert gaps(regions="all") == [{"service": "media", "option": "regions", "choices": ["west"]}]
    assert gaps(regions=["west"]) == [{"service": "media", "option": "regions", "choices": ["west"]}]
    assert gaps(regions=["east"]) is None
