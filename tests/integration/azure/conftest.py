# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Azure share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.azure.host import AzureHost, azure


@pytest.fixture
def host() -> Iterator[AzureHost]:
    """An Azure with a virtual network and no network security group."""
    with azure() as made:
        yield made
