# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: which change another one is the same as, and what became of one that does not wait."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import tokens
from ansible_collections.egress.allowlist.plugins.module_utils._host.revert import GONE_BACK, token_of

FIRST = tokens.new("", "other rules")
BEFORE = tokens.new("", "rules", {"mode": "report"})
TOKENS = {
    "": "",
    "first": FIRST,
    "mine": tokens.new(FIRST, "rules", {"mode": "report"}),
    "the same": tokens.new(FIRST, "rules", {"mode": "report"}),
    "other names": tokens.new(FIRST, "rules", {"mode": "resolve"}),
    "before": BEFORE,
    "again": tokens.new(BEFORE, "rules", {"mode": "report"}),  # what somebody changed is set back
    "from nothing": tokens.new("", "rules", {"mode": "report"}),
    "none of ours": "no such token",
}


def test_a_token_is_read_back_from_a_candidate() -> None:
    assert token_of(f"rules\n# token: {FIRST}\n") == FIRST
    assert len(set(TOKENS.values())) == len(TOKENS)


@pytest.mark.parametrize(
    ("token", "waiting", "confirmed", "expected"),
    [
        ("mine", "mine", "first", "mine"),
        ("mine", "", "mine", "mine"),
        ("mine", "the same", "first", "the same"),
        ("mine", "", "the same", "the same"),
        ("mine", "other names", "first", ""),
        ("mine", "other names", "the same", ""),
        ("mine", "", "other names", ""),
        ("mine", "", "first", ""),
        ("again", "", "before", ""),
        ("again", "the same", "before", "the same"),
        ("none of ours", "mine", "first", ""),
        ("none of ours", "", "", ""),
    ],
)
def test_what_is_confirmed_by_a_token(token: str, waiting: str, confirmed: str, expected: str) -> None:
    assert tokens.matching(TOKENS[token], TOKENS[waiting], TOKENS[confirmed]) == TOKENS[expected]


@pytest.mark.parametrize(
    ("token", "waiting", "confirmed", "untouched", "expected"),
    [
        ("mine", "other names", "first", False, tokens.WAITS),
        ("mine", "", "other names", False, tokens.CONFIRMED),
        ("mine", "", "first", False, GONE_BACK),
        ("again", "", "before", False, GONE_BACK),
        ("mine", "", "", False, tokens.REMOVED),
        ("from nothing", "", "", False, GONE_BACK),
        ("from nothing", "", "", True, tokens.REMOVED),
        ("from nothing", "", "other names", False, tokens.CONFIRMED),
    ],
)
def test_what_became_of_a_change(token: str, waiting: str, confirmed: str, untouched: bool, expected: str) -> None:
    assert tokens.fate(TOKENS[token], TOKENS[waiting], TOKENS[confirmed], untouched) == expected
