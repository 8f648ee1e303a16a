# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names as rules hold them, and which of them are patterns: C{*.example.com}, C{rtc*.connect.example.com}.

A word in capitals, C{turn-*.elb.REGION.example.com}, stands for a part that the vendor's readers put in: it is kept
beside a C{*} only, and makes a pattern of a name as a C{*} does.
"""

from __future__ import annotations

import re

EXACT, SUFFIX, INNER = "exact", "suffix", "inner"

_LAST = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(\*\.)?([a-z0-9_]([a-z0-9_-]{{0,61}}[a-z0-9_])?\.)*{_LAST}")
_TOP = re.compile(_LAST)
_LABEL = re.compile(r"(?!-)(?!.*\*\*)[A-Za-z0-9_*-]{1,63}(?<!-)")  # of a pattern
_PLACEHOLDER = re.compile(r"([a-z0-9]*)([A-Z][A-Z0-9]*)")  # sipXX, REGION
_JOINTS = re.compile(r"([*_-])")


def is_name(text: str) -> bool:
    """Tell whether a rule may have this text as a name: one of labels in lower case, or a pattern."""
    if _NAME.fullmatch(text):
        return True
    if "*" not in text or len(text) > 253:
        return False
    *labels, top = text.split(".")
    return bool(_TOP.fullmatch(top)) and all(map(_is_label, labels))


def _is_label(label: str) -> bool:
    """Tell whether a pattern may have this label: in lower case, but where a word in capitals is a part of it."""
    return bool(_LABEL.fullmatch(label)) and (label == label.lower() or any(word for _text, word in parts_of(label)))


def parts_of(label: str) -> list[tuple[str, str]]:
    """Return the parts of a pattern's label, C{(text, word)}: C{*} or lower case, and a word in capitals or ''."""
    found = []
    for part in filter(None, _JOINTS.split(label)):
        placed = _PLACEHOLDER.fullmatch(part)
        found.append((placed[1], placed[2]) if placed else (part.lower(), ""))
    return found


def kind_of(name: str) -> str:
    """Return C{EXACT} for one name, C{SUFFIX} for all names below one, C{*.example.com}, C{INNER} for other patterns.

    Tools know at most the first two: none of those that are filled here matches a C{*} anywhere else.
    """
    rest = name.removeprefix("*.")
    if "*" in rest or rest != rest.lower():
        return INNER
    return EXACT if rest == name else SUFFIX
