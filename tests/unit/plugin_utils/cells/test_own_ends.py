# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's end of a row is kept in its rules, and changes nothing of what they open."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.rules import merged, row


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        ({}, {}),
        ({"source_ip": "ANY", "source_port": " any "}, {}),
        ({"source_ip": "", "source_port": ""}, {}),
        ({"source_ip": None, "source_port": None, "own_ip": None}, {}),
        ({"source_ip": "10.0.0.0/8"}, {"own_ip": "10.0.0.0/8"}),
        ({"source_ip": ["192.0.2.9", "10.1.2.3"]}, {"own_ip": "10.1.2.3/32, 192.0.2.9/32"}),
        ({"source_ip": "192.0.2.4 – 192.0.2.9"}, {"own_ip": "192.0.2.4/30, 192.0.2.8/31"}),
        ({"source_port": "1024-65535"}, {"source_port": "1024-65535"}),
        ({"source_port": 1024}, {"source_port": "1024"}),
        ({"source_port": "5060, 5061"}, {"source_port": "5060, 5061"}),
        ({"direction": "inbound", "own_ip": "10.1.2.3"}, {"own_ip": "10.1.2.3/32"}),
        ({"direction": "inbound", "source_port": "5060"}, {"source_port": "5060"}),
    ],
)
def test_the_end_is_kept(cells: dict[str, Any], kept: dict[str, str]) -> None:
    [rule] = expand_rows([row("192.0.2.1", **cells)])
    assert {key: rule[key] for key in ("own_ip", "source_port") if key in rule} == kept
    direction = {key: cells[key] for key in ("direction",) if key in cells}
    plain, found = merged(row("192.0.2.1", **direction)), merged(row("192.0.2.1", **cells))
    assert (found["groups"], found["inbound"]) == (plain["groups"], plain["inbound"])
    assert [entry.get("own_ip") for entry in found["provenance"]] == [kept.get("own_ip")]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"source_ip": "your SBC"}, "source_ip 'your SBC': 'your' is not a name"),
        ({"source_ip": "your SBC"}, "the row says which with source_ip_option"),
        ({"source_ip": "pbx.example.com"}, "source_ip 'pbx.example.com': pbx.example.com is a name: accepted are addr"),
        ({"source_ip": "10.1.2.3/8"}, "source_ip '10.1.2.3/8': '10.1.2.3/8' is not a prefix: host bits"),
        ({"source_ip": ["10.1.2.3", "x"]}, "source_ip ['10.1.2.3', 'x']: 'x' is not a name"),
        ({"source_port": "ephemeral"}, "source_port: ports 'ephemeral'"),
        ({"source_port": "5060/61"}, "source_port: ports '5060/61': this can be read in more"),
        ({"source_port": "5060", "protocol": "ESP", "ports": ""}, "source_port '5060': esp has no ports: leave it out"),
        ({"direction": "inbound", "source_ip": "10.1.2.3"}, "source_ip '10.1.2.3': inbound, who connects is its dest"),
        ({"own_ip": "10.1.2.3"}, "own_ip '10.1.2.3': outbound, where it comes from is its source_ip: leave it out"),
    ],
)
def test_what_is_no_end_is_refused(cells: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_rows([row("192.0.2.1", **cells)])
    assert str(caught.value).startswith("acme: calls: row 1: ")
