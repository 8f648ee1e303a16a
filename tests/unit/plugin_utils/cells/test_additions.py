# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user adds to the baseline: errors speak of what a row of it can say."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules


@pytest.mark.parametrize("destination", ["192.0.2.1, any", "192.0.2.1 ALL", "0.0.0.0/0.", "10.0.0.0/7x"])
def test_no_error_offers_a_key_that_a_row_of_allow_does_not_take(destination: str) -> None:
    with pytest.raises(ValueError, match=r"^nftables_egress_allow: baseline: row 1: ") as caught:
        allow_rules([{"destination": destination, "ports": "443"}], "nftables_egress_allow")
    assert "because" not in str(caught.value)
    if "a" in destination.lower():
        assert "write 0.0.0.0/0 and ::/0" in str(caught.value)


@pytest.mark.parametrize("destination", ["any", "ANY", "*", "all", "0.0.0.0/0, ::/0"])
def test_who_adds_any_address_writes_it_in_any_way(destination: str) -> None:
    rules = allow_rules([{"destination": destination, "ports": "443"}], "nftables_egress_allow")
    assert [rule["destination"] for rule in rules] == ["0.0.0.0/0", "::/0"]
