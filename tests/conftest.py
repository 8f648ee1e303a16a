# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests have in common: none is red because the machine is slow, and properties have the same examples."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Ever the same examples, but in a soak run.
settings.register_profile(
    "patient",
    deadline=None,
    derandomize=not os.environ.get("SOAK_SEED"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")
