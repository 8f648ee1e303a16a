# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that stand for any address, as a cell of their own."""

from __future__ import annotations

import re

_EVERY = re.compile(
    r"\*|everywhere|anywhere|(?:the )?internet"
    r"|(?:any|all)(?: (?:hosts?|address(?:es)?|destinations?|ips?|ip address(?:es)?))?",
    re.IGNORECASE,
)
_FAMILY = re.compile(r"(?:any|all) ip(v4|v6)(?: (?:hosts?|address(?:es)?|destinations?))?", re.IGNORECASE)
_LONGEST = 40

# Words that begin such a cell, as single items of another one.
ALONE = frozenset(("*", "all", "any", "anywhere", "everywhere", "internet"))


def any_address(text: str) -> list[str]:
    """Return the prefixes that a whole cell asks for by a word for any address; none where it is something else."""
    if len(text) > _LONGEST:
        return []
    words = " ".join(text.split())
    if family := _FAMILY.fullmatch(words):
        return ["0.0.0.0/0" if family[1].lower() == "v4" else "::/0"]
    return ["0.0.0.0/0", "::/0"] if _EVERY.fullmatch(words) else []
