# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: which change another one is the same as, and what became of one that does not wait."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import tokens
from ansible_collections.egress.allowlist.plugins.module_utils._host.revert import GONE_BACK, token_of

FIRST = tokens.new("", "other rules")
MINE = tokens.new(FIRST, "rules", {"mode": "report"})
SAME = tokens.new(FIRST, "rules", {"mode": "report"})
OTHER = tokens.new(FIRST, "rules", {"mode": "resolve"})
BEFORE = tokens.new("", "rules", {"mode": "report"})
AGAIN = tokens.new(BEFORE, "rules", {"mode": "report"})  # what somebody changed is set back
FROM_NOTHING = tokens.new("", "rules", {"mode": "report"})


def test_a_token_is_read_back_from_a_candidate() -> None:
    assert token_of(f"rules\n# token: {MINE}\n") == MINE
    assert len({MINE, SAME, OTHER}) == 3


@pytest.mark.parametrize(
    ("token", "waiting", "confirmed", "expected"),
    [
        (MINE, MINE, FIRST, MINE),
        (MINE, "", MINE, MINE),
        (MINE, SAME, FIRST, SAME),
        (MINE, "", SAME, SAME),
        (MINE, OTHER, FIRST, ""),
        (MINE, OTHER, SAME, ""),
        (MINE, "", OTHER, ""),
        (MINE, "", FIRST, ""),
        (AGAIN, "", BEFORE, ""),
        (AGAIN, SAME, BEFORE, SAME),
        ("0" * 16, "1" * 16, "2" * 16, ""),
        ("no such token", "", "", ""),
    ],
)
def test_what_is_confirmed_by_a_token(token: str, waiting: str, confirmed: str, expected: str) -> None:
    assert tokens.matching(token, waiting, confirmed) == expected


@pytest.mark.parametrize(
    ("token", "waiting", "confirmed", "untouched", "expected"),
    [
        (MINE, OTHER, FIRST, False, tokens.WAITS),
        (MINE, "", OTHER, False, tokens.CONFIRMED),
        (MINE, "", FIRST, False, GONE_BACK),
        (AGAIN, "", BEFORE, False, GONE_BACK),
        (MINE, "", "", False, tokens.REMOVED),
        (FROM_NOTHING, "", "", False, GONE_BACK),
        (FROM_NOTHING, "", "", True, tokens.REMOVED),
        (FROM_NOTHING, "", OTHER, False, tokens.CONFIRMED),
    ],
)
def test_what_became_of_a_change(token: str, waiting: str, confirmed: str, untouched: bool, expected: str) -> None:
    assert tokens.fate(token, waiting, confirmed, untouched) == expected
