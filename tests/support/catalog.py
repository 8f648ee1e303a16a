# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped catalog, and what is selected from it."""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows

from tests.support.repository import VENDOR_FOLDER

TODAY = datetime.date(2026, 11, 20)  # no source of the catalog is too old then


@cache
def shipped() -> dict[str, Any]:
    """Return the definitions of all shipped vendors, read once: nobody changes them."""
    return load_vendor_dirs([VENDOR_FOLDER]).vendors


def select(*vendors: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the selection of entries of C{catalog_vendors} as it is on C{TODAY}; options: those of C{select_rows}."""
    return select_rows(shipped(), list(vendors), **{"today": TODAY, **options})
