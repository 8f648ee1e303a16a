# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Google Cloud share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gcp.module import World, google


@pytest.fixture
def world() -> Iterator[World]:
    """A project of Google Cloud with nothing of ours."""
    with google() as found:
        yield found
