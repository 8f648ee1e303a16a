# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows of explain is what it answers."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination

from tests.support.repository import REPOSITORY
from tests.support.rules import rule, web

PAGE = (REPOSITORY / "docs" / "catalog.md").read_text("utf-8")
[BLOCK] = re.findall(r"^```\n(explain=.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
EXAMPLES = re.findall(r"^(explain=.*)\n((?:    .*\n)+)", BLOCK, re.MULTILINE)
RULES = [
    rule("0.0.0.0/0", "50000-60000", service="media"),
    web("192.0.2.0/25", service="web"),
    web("*.example.com", service="web"),
    web("rtc*.calls.example.net", service="web"),
]
REASON = {"vendor": "acme", "service": "media", "row": 1, "opened": "0.0.0.0/0 (any IPv4 address)"}


def test_every_line_of_the_block_is_of_an_example() -> None:
    assert len(EXAMPLES) == 6
    assert "".join(f"{asked}\n{answer}" for asked, answer in EXAMPLES) == BLOCK


@pytest.mark.parametrize(("asked", "answer"), EXAMPLES)
def test_examples(asked: str, answer: str) -> None:
    given = dict(each.split("=", 1) for each in asked.split())
    page = {"source": "Firewall page", "date": "2026-03"}
    allowlist = merge_vendors(
        [{**one, "row": number, **page} for number, one in enumerate(RULES, 1)],
        reasons=[{**REASON, "because": "media servers are everywhere"}],
    )
    found = explain_destination(
        allowlist, given.pop("explain"), given.pop("explain_protocol", ""), given.pop("explain_port", 0)
    )
    assert not given
    assert [f"    {line}" for line in found] == answer.splitlines()
