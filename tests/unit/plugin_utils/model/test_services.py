# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port ranges as text."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports, parse_ports


def test_ports_there_and_back():
    assert [parse_ports(text) for text in ("443", "6000-60000")] == [(443, 443), (6000, 60000)]
    assert [format_ports(443, 443), format_ports(6000, 60000)] == ["443", "6000-60000"]
