# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long tests wait: for a state, until it is there; for nothing, a moment.

A test must not turn red because the machine is slow. What is to happen is waited for with C{PATIENCE}, which only a
fault exhausts. That nothing happens (a packet is stopped) can only be seen by waiting: C{GLANCE}, in which a slow
machine may hide a fault, but never invents one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds
GLANCE = 0.3  # seconds


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until something holds; say whether it did in time. A file that goes while it is read: not yet."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError):
            if holds():
                return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
