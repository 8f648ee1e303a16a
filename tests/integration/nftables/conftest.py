# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of nftables share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ends import Ends, linked
from tests.support.hosts.nftables import Host, alone


@pytest.fixture
def host() -> Iterator[Host]:
    """A host without any network, and with no rules."""
    with alone() as made:
        yield made


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A host and its neighbour."""
    with linked() as made:
        yield made
