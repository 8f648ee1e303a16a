# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices without a row: what a selection says of those that a user made."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest
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


@pytest.mark.parametrize("part", ["service", "traffic"])
def test_parts_of_a_row_that_are_for_different_choices_open_nothing(part: str) -> None:
    """Each condition is met by one of the user's choices, and none of them by both."""
    made = copy.deepcopy(GOOD)
    [service] = made["services"]
    del service["when"]
    service["traffic"] = [{"protocol": "UDP", "ports": "4000"}]
    service["rows"] = [
        {"destination": "192.0.2.1", "when": {"regions": ["west"]}},
        {"destination": "192.0.2.2", "when": {"regions": ["east", "west"]}},
    ]
    made["options"].pop("port")
    (service if part == "service" else service["traffic"][0])["when"] = {"regions": ["east"]}

    def opened(regions: str) -> list[str]:
        return [
            row["destination"]
            for row in select_rows({"acme": made}, [{"name": "acme", "regions": regions}], today=TODAY)["rows"]
        ]

    assert {chosen: opened(chosen) for chosen in ("east", "west", "all")} == {
        "east": ["192.0.2.2"],
        "west": [],
        "all": ["192.0.2.2"],
    }
