# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network security group lets out, compared with what the vendors' documents say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.azure import plan

from tests.support.azure.contract import Outbound
from tests.support.azure.host import azure
from tests.support.catalog import select
from tests.support.documents import needs_documents, oracle
from tests.support.packets import NAMES
from tests.support.probes import mismatches, probes
from tests.support.repository import REPOSITORY
from tests.support.rules import merged
from tests.support.systems import LONG, longer
from tests.support.vendor_oracle import DEFAULT_REQUIREMENTS, EVERYTHING

MOST = 10**9 if LONG else 15_000  # probes that are looked up


CASES = [[entry] for entry in EVERYTHING] + [
    [{"name": "kudo", "regions": ["europe"]}],
    [{"name": "securevideo", "engines": ["one_click"]}],
]


def planned_for(selection: Sequence[dict[str, Any]]) -> dict[str, Any]:
    chosen = select(*selection, requirements=[*DEFAULT_REQUIREMENTS])
    return plan(merged(*chosen["rows"]), policy="deny", names="report")


def test_the_page_says_what_the_lists_take() -> None:
    page = " ".join((REPOSITORY / "docs" / "azure.md").read_text().split())
    for selection in (EVERYTHING, [{"name": "kudo", "regions": "all"}]):
        rules, addresses = (unit["exact"] for unit in planned_for(selection)["units"])
        assert f"{rules} rules and {addresses} addresses" in page


@needs_documents
@pytest.mark.sized
@pytest.mark.parametrize(
    "selection", longer([EVERYTHING], CASES), ids=lambda chosen: " ".join(str(entry["name"]) for entry in chosen)
)
def test_what_leaves_is_what_the_documents_say(selection: list[dict[str, Any]]) -> None:
    wanted = planned_for(selection)
    with azure() as host:
        host.apply(wanted)
        outbound = Outbound(host.cloud.rules())
        assert not host.apply(wanted)["changed"]
    allowed = oracle().compile(selection)
    sent = probes(allowed, seed=20261121, count=1000)[:MOST]
    left = [outbound.lets_out(NAMES[protocol], *packet) for protocol, *packet in sent]
    assert mismatches(allowed, sent, left) == []
    assert not all(left)
    assert any(left) or not any(allowed.ranges.values())
