# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of firewalld share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.firewalld import SUITES, Host, alone
from tests.support.systems import longer


@pytest.fixture(scope="module", params=longer(SUITES[:1], SUITES[1:]))
def started(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A Debian without any network on which firewalld runs, once for all tests of a file."""
    with alone(request.param) as made:
        yield made
