# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of names: which names each matches, and the broader name that may be allowed where no tool can match it.

A C{*} that is the whole first label stands for one label or more, any other C{*} for any characters of one label. A
word in capitals, C{turn-*.elb.REGION.example.com}, stands for some characters of one label.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import (
    EXACT,
    INNER,
    SUFFIX,
    kind_of,
    parts_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import opens_to_anybody

_ANY, _WORD = "[^.]*", "[a-z0-9-]"


def covers(pattern: str, other: str) -> bool:
    """Tell whether a pattern takes all that another one does; C{other} may be a name.

    The stars of C{other} are letters here that only stars take, those of a whole first label only a star that is one.
    """
    kind = kind_of(pattern)
    if pattern == other or kind == EXACT:
        return pattern == other
    if kind == SUFFIX:
        return other.endswith(pattern[1:])
    if other.startswith("*.") and not pattern.startswith("*."):
        return False
    return bool(_expression(pattern).fullmatch(other))


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """Return the expression of the names that a pattern takes, and of the patterns within it."""
    rest = pattern.removeprefix("*.")
    labels = [_label(label) for label in rest.split(".")]
    return re.compile((".+[.]" if rest != pattern else "") + "[.]".join(labels))


def _label(label: str) -> str:
    """Return the expression of one label of a pattern.

    What stands between two stars is taken where it first fits, and never moved: else thirty stars would take for ever.
    """
    runs: list[tuple[str, str]] = [("", "")]  # what a star takes, and what must follow it
    for text, word in parts_of(label):
        if text == "*":
            runs.append((_ANY, ""))
        else:
            runs[-1] = (runs[-1][0], runs[-1][1] + re.escape(text) + (_WORD if word else ""))
        if word:
            runs.append((f"{_WORD}*", ""))
    *first, (star, end) = runs
    return "".join(f"(?>{star}?{fixed})" if star else fixed for star, fixed in first) + star + end


def broader(pattern: str) -> str:
    """Return the narrowest C{*.} name that takes all that an inner pattern does, C{*.connect.example.com}."""
    fixed: list[str] = []
    for label in reversed(pattern.split(".")):
        if "*" in label or label != label.lower():
            break
        fixed.insert(0, label)
    return f"*.{'.'.join(fixed)}"


def instead(pattern: str, where: str = "") -> str:
    """Return in words what may be allowed in place of an inner pattern, and what else that opens.

    C{where}: with what it can be enforced, where that is not what is asked about. A name below which anybody may have
    names, as below a public suffix or a cloud's own domain, is never offered.
    """
    name = broader(pattern)
    domain = name.removeprefix("*.")
    if opens_to_anybody(name):
        return f"no broader name is safe to allow instead: below {domain} anybody can have names"
    return f"{name} may be allowed instead{where}, which opens {domain} itself and every other name below it too"


def is_inner(name: str) -> bool:
    """Tell whether a name is a pattern that no tool can match: more than one C{*.} in front."""
    return kind_of(name) == INNER
