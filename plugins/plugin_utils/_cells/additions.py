# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own addresses and rows: sources, servers and what the baseline allows, read as the vendors' cells are."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .destinations import expand_ranges
from .rows import expand_rows

_COLUMNS = ("destination", "ports", "protocol")


def expanded(addresses: Sequence[str] | str, variable: str) -> list[str]:
    """Return what the user listed as joined prefixes and names; nothing at all is no error here.

    Raises ValueError that names the user's variable.
    """
    if not addresses:
        return []
    try:
        return expand_ranges(addresses if isinstance(addresses, str) else list(addresses), collapse=True)
    except ValueError as exc:
        raise ValueError(f"{variable}: {str(exc).removeprefix('destination ')}") from None


def by_version(addresses: Sequence[str] | str, variable: str) -> dict[int, list[str]]:
    """Return the prefixes of each IP version (4, 6) that the user named any of.

    Raises ValueError that names the user's variable.
    """
    listed: dict[int, list[str]] = {}
    for prefix in expanded(addresses, variable):
        if "/" not in prefix:
            raise ValueError(f"{variable}: '{prefix}' is a name: write addresses or prefixes")
        listed.setdefault(parse_prefix(prefix)[0], []).append(prefix)
    return listed


def allow_rules(allow: list[dict], variable: str) -> list[dict]:
    """Return the user's own additions to the baseline as rules; TCP where a row names no protocol.

    A row has C{destination}, C{ports} and C{protocol}. Raises ValueError that names the user's variable and the row.
    """
    for number, row in enumerate(allow, 1):
        other = sorted(str(column) for column in set(row) - set(_COLUMNS)) if isinstance(row, dict) else []
        if other:
            raise ValueError(
                f"{variable}: row {number}: unknown column {quoted(other[0])}; known are {', '.join(_COLUMNS)}: what "
                "is added goes out, and needs no reason"
            )
    given = {"vendor": variable, "service": "baseline", "protocol": "TCP"}
    rows = [{**given, **row} if isinstance(row, dict) else row for row in allow]
    rules = expand_rows(rows, widest_prefix={"ipv4": 0, "ipv6": 0}, broadcast=True)
    for rule in rules:
        if "/" not in rule["destination"]:
            raise ValueError(f"{variable}: row {rule['row']}: '{rule['destination']}' is a name: write its addresses")
    return rules
