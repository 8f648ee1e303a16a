# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges cut into disjoint pieces."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.intervals import sweep


def test_sweep_takes_bits_and_gives_disjoint_pieces():
    assert sweep([(4, 5, 2), (0, 9, 1), (4, 4, 4), (12, 12, 1), (10, 11, 1), (9, 9, 1)]) == [
        (0, 3, 1),
        (4, 4, 7),
        (5, 5, 3),
        (6, 12, 1),
    ]
    assert sweep([]) == []


def test_sweep_refuses_ranges_that_cross():
    with pytest.raises(ValueError, match="overlap without being nested"):
        sweep([(0, 5, 1), (3, 9, 1)])
