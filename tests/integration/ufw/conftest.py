# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of ufw share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.ufw import Host, shared
from tests.support.systems import SUITES, longer


@pytest.fixture
def host() -> Iterator[Host]:
    """A Debian 12 whose ufw is enabled, without anything of ours at the end of a test too."""
    made = shared("bookworm")
    yield made
    made.remove()


@pytest.fixture(scope="module", params=longer(SUITES[1:2], [*SUITES[:1], *SUITES[2:]]))
def each(request: pytest.FixtureRequest) -> Iterator[Host]:
    """The same on each Debian, once for all tests of a file."""
    made = shared(request.param)
    yield made
    made.remove()
