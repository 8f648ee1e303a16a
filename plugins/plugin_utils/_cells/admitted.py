# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that are no vendor's and that a caller may accept in a cell."""

from __future__ import annotations

from typing import NamedTuple


class Admitted(NamedTuple):
    """Addresses that are no vendor's and that a caller accepts in a cell."""

    broadcast: bool = False  # 255.255.255.255
    loopback: bool = False  # ::1
