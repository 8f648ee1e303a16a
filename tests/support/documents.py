# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' documents of this machine, for tests that compare with them."""

from __future__ import annotations

from functools import cache

import pytest

from tests.support.vendor_oracle import Oracle, documents_directory
from tests.support.vendor_oracle.pages import securevideo

DOCUMENTS = documents_directory()
needs_documents = pytest.mark.skipif(
    DOCUMENTS is None, reason="the vendors' documents are not here: say where they are in VENDOR_DOCUMENTS"
)
# For Zoom's list of 312 prefixes (SecureVideo's page of 2022): extra addresses by quota.
ZOOM = {312: 0, 300: 96, 250: 1_440, 200: 5_504, 150: 19_104, 100: 177_536, 75: 2_923_728, 60: 35_755_471}


@cache
def oracle() -> Oracle:
    """Return what the documents say, read once."""
    assert DOCUMENTS is not None
    return Oracle.read(DOCUMENTS)


def zooms_list() -> list[str]:
    """Return the prefixes of Zoom's list."""
    assert DOCUMENTS is not None
    return securevideo((DOCUMENTS / "securevideo.txt").read_text("utf-8")).zoom_ipv4
