# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of ports and protocols as docs/cells.md says them, read a second time: made from that page alone.

Tokens first, then one element after the other (ports, protocols), then the rules of the page on which protocol has
which ports. Nothing here comes from the plugins.
"""

from __future__ import annotations

from tests.support.second_port_reader.reader import read
from tests.support.second_port_reader.tokens import Refused

__all__ = ["Refused", "read"]
