# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for a rule, C{kudo: media, zoom: meetings}: read from descriptions, and cut to what one holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

_VENDOR = re.compile(r"(?:^|, )([A-Za-z][A-Za-z0-9_-]*)(?=[ :,]|$)")
_NO_VENDORS = {"and", "baseline", "egress"}  # of "and 3 more", and of what all hosts may do


def vendors(texts: Iterable[str]) -> set[str]:
    """Return the names of vendors in texts such as C{kudo: media, zoom: meetings}, or C{kudo media}.

    What a user's own variable added counts as a vendor of the variable's name, C{ufw_egress_allow}.
    """
    return {name for text in texts for name in _VENDOR.findall(text)} - _NO_VENDORS


def joined(labels: Iterable[str], room: int) -> str:
    """Return labels C{["kudo: media", ...]} as a text of at most C{room} characters.

    Where it does not hold all, it has the first label of each vendor, others as far as they go in, and how many more
    there are; where even that is too long, the vendors alone, as far as they go in.
    """
    labels = list(labels)
    if len(labels) < 2 or len(", ".join(labels)) <= room:
        return ", ".join(labels)[:room]
    first = {label.partition(":")[0]: label for label in reversed(labels)}
    ordered = sorted(labels, key=lambda label: label not in first.values())
    for parts, least in ((ordered, len(first)), (sorted(first), 1)):
        for kept in range(len(parts), least - 1, -1):
            text = ", ".join(parts[:kept]) + (f" and {len(parts) - kept} more" if kept < len(parts) else "")
            if len(text) <= room:
                return text
    return labels[0][:room]
