# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units that run the keeper."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.egress.allowlist.plugins.module_utils._names.units import units


def test_units(tmp_path: Path) -> None:
    made = units("nftables", "/usr/local/sbin/keeper", 7)
    service, timer = made.values()
    assert [path.rpartition("/")[2] for path in made] == [
        "egress-allowlist-names-nftables.service",
        "egress-allowlist-names-nftables.timer",
    ]
    assert "\nExecStart=/usr/local/sbin/keeper run nftables\n" in service
    assert "\nOnUnitActiveSec=7\n" in timer
