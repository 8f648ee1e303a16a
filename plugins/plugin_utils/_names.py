# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names of vendors' tables."""

from __future__ import annotations

import re

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_ACCEPTED = "accepted are names like live.example.com, with '*.' only in front"


def parse_name(text: str) -> str:
    """Return a name or C{*.} name in lower case, without the trailing dot.

    Labels are 1-63 letters, digits and hyphens, the name at most 253 characters; two labels at least, also behind C{*.}.
    Raises ValueError with a reason that follows the quoted name.
    """
    name = text.lower().removesuffix(".")
    if name == "any":
        raise ValueError("is not a destination: write 0.0.0.0/0 and ::/0, and in wide_because why it must be so")
    if not name.isascii():
        raise ValueError("is not a name: letters beyond ASCII are written in their xn-- form")
    for mark, reason in (
        ("/", "a name has no path and no prefix length: write only the name"),
        (":", "a name has no port: write the port in the ports cell"),
        ("@", "a name has no user: write only the name"),
        ("_", "an underscore cannot be in the name of a host"),
    ):
        if mark in name:
            raise ValueError(f"is not a name: {reason}")
    labels = name.removeprefix("*.").split(".")
    if any("*" in label for label in labels):
        raise ValueError(f"is not a name: '*' may only be the whole first label; {_ACCEPTED}")
    if len(labels) < 2:
        raise ValueError(f"is not a name: it needs two labels at least; {_ACCEPTED}")
    if len(name) > 253:
        raise ValueError(f"is not a name: it has {len(name)} characters, more than 253")
    for label in labels:
        if not label:
            raise ValueError(f"is not a name: there is an empty label between, before or after the dots; {_ACCEPTED}")
        if len(label) > 63:
            raise ValueError(f"is not a name: the label '{label}' has {len(label)} characters, more than 63")
        if not _LABEL.fullmatch(label):
            raise ValueError(f"is not a name: the label '{label}' is not letters, digits and inner hyphens; {_ACCEPTED}")
    return name
