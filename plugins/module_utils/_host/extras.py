# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host asks its name and time servers at other ports than 53 and 123."""

from __future__ import annotations

from typing import NamedTuple


class Asked(NamedTuple):
    """What is asked at a port: C{server} is an address or a name, C{protocol} tcp or udp."""

    server: str
    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol}/{self.port} to {self.server}"
