# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why what is wide or special is open, in the words of the summary and of a diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

Reasons = Iterable[Mapping[str, Any]]
_BRACKETS = re.compile(r" \([^()]*\)")


def reason_lines(reasons: Reasons) -> list[str]:
    """Return a line for each reason of an allowlist, C{kudo: media: row 1: 17.0.0.0/8 is open because: ...}."""
    lines = []
    for reason in sorted(reasons, key=itemgetter("vendor", "service", "row", "opened")):
        row = f": {reason['service']}: row {reason['row']}" if reason["row"] else ""
        opened = reason["opened"]
        plain = _BRACKETS.sub("", opened)  # in brackets stands what is special of one
        verb = "are" if ", " in plain or plain.endswith(("addresses", "more")) else "is"
        lines.append(f"{reason['vendor']}{row}: {opened} {verb} open because: {reason['because']}")
    return lines


def reasons_of_diff(text: str, reasons: Reasons) -> list[str]:
    """Return the lines of those reasons whose vendor and service stand on a line of a diff that adds something.

    C{text}: lines like C{+ tcp/443 to 17.0.0.0/8  kudo: media, zoom: web}.
    """
    added = {
        label for line in text.splitlines() if line.startswith("+ ") for label in line.rpartition("  ")[2].split(", ")
    }
    vendors = {label.partition(":")[0] for label in added}
    return reason_lines(
        reason
        for reason in reasons
        if (f"{reason['vendor']}: {reason['service']}" in added if reason["row"] else reason["vendor"] in vendors)
    )
