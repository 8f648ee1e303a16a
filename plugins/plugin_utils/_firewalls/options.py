# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the firewalls of a host share: which packets are filtered, and how the others are stopped."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import one_of

SCOPES = ("host", "gateway", "both")
STOPPED = ("reject", "drop")


def check_scope(scope: str, sources: Sequence[str] | str) -> None:
    """Raise ValueError for an unknown scope, or for sources where nothing is forwarded."""
    one_of("scope", scope, SCOPES)
    if sources and scope == "host":
        raise ValueError("sources choose among forwarded packets: use them with the scope gateway or both")


def unfiltered(filtered: Sequence[int]) -> list[str]:
    """Return notes on the IP versions of which no source is named."""
    return [
        f"no source of IPv{version} is named: what is forwarded there passes as before"
        for version in sorted({4, 6} - {*filtered})
    ]
