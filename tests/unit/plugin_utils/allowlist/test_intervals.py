# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges cut into disjoint pieces."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.intervals import sweep


def test_sweep_takes_sets_and_gives_disjoint_pieces():
    a, b, c = map(frozenset, "abc")
    assert sweep([(4, 5, b), (0, 9, a), (4, 4, c), (12, 12, a), (10, 11, a), (9, 9, a)]) == [
        (0, 3, a),
        (4, 4, a | b | c),
        (5, 5, a | b),
        (6, 12, a),
    ]
    assert sweep([]) == []


def test_sweep_refuses_ranges_that_cross():
    with pytest.raises(ValueError, match="overlap without being nested"):
        sweep([(0, 5, frozenset("a")), (3, 9, frozenset("a"))])
