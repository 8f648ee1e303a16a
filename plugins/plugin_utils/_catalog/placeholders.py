# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders that pages print in names, C{<tenant>.example.com}, and the options whose values take their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .limits import LONGEST_CHOICE

# Placeholder, as printed -> the option that fills it.
Mapped = Mapping[str, str]

_WORD = r"[A-Za-z][A-Za-z0-9_-]*"
_MARKED = r"<[^<>]+>|\$?\{[^{}]+\}"
# In backticks a word is a placeholder inside a name; a whole name in backticks is only quoted.
_TICKED = r"(?<=[\w.*-])`\w(?:[^`]*\w)?`|`\w(?:[^`]*\w)?`(?=[\w.-])"
_KEY = re.compile(rf"{_MARKED}|\[[^\[\]]+\]|`[^`]+`|%{_WORD}%|{_WORD}")
_WRAPPED = re.compile(r"(\$?\W)([^<>{}\[\]`%]+)(\W)")  # the marks around a placeholder, and its words
_TAGS = (
    "a|abbr|b|big|blockquote|br|center|cite|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|nobr|ol|p|pre|q"
    "|s|samp|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|wbr"
)
_TAG = re.compile(rf"<(?:/[^<>]*|[^<>]*/|!.*|(?:{_TAGS})(?:\s[^<>]*)?)>", re.IGNORECASE | re.DOTALL)
_MARKS = ("<", "{", "`")  # a placeholder that is not mapped begins with one of these
# What ends the word in which a placeholder stands.
_END = re.compile(r"[\s,;|()<>{}`\"'\u3001]")
# The rest of a name behind a placeholder: it ends in a label that begins with a letter, so that no address is made.
_REST = re.compile(r"[\w*-]*(?:\.[\w*-]+)*\.[A-Za-z][A-Za-z0-9-]*\.?(?:[/:].*)?", re.ASCII | re.DOTALL)
_MARK = "\0"  # in the place of a placeholder; no cell has it
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)


def is_label(text: object) -> bool:
    """Tell whether a value is one label of a name: 1-63 letters, digits and inner hyphens."""
    return isinstance(text, str) and _LABEL.fullmatch(text) is not None


def check_placeholder(place: str, text: object) -> None:
    """Raise ValueError unless C{text} is written as a placeholder may be."""
    if not isinstance(text, str) or len(text) > LONGEST_CHOICE or not _KEY.fullmatch(text):
        shown = quoted(text) if isinstance(text, str) else repr(text)[:60]
        raise ValueError(
            f"{place}: {shown} is no placeholder: accepted are <tenant>, {{tenant}}, [tenant], `tenant` and %tenant%, "
            "as printed, with what surrounds the word, and one word alone, like REGION"
        )
    if _TAG.fullmatch(text):
        raise ValueError(f"{place}: {quoted(text)} is a tag of HTML, not a placeholder")
    if "." in text:
        raise ValueError(f"{place}: {_with_dot(text)}")


def _with_dot(text: str) -> str:
    """Say what is wrong with a placeholder that stands for several labels of a name, and what to write for each."""
    match = _WRAPPED.fullmatch(text)
    before, words, behind = match.groups() if match else ("", "", "")
    parts = [f"{before}{word}{behind}" for word in words.split(".")]
    ways = f", like {quoted('.'.join(parts))}" if all(_KEY.fullmatch(part) for part in parts) else ""
    return (
        f"the placeholder {quoted(text)} has a dot, and what fills a placeholder is one label of a name: leave the "
        f"cell as it is printed, and give the name in read_as with a placeholder for each label{ways}"
    )


def placeholders(cell: str, mapped: Mapped) -> list[str]:
    """Return the placeholders of a cell that are mapped, each once, in their order.

    Raises ValueError that names one that is not mapped, or that stands where no label of a name is.
    """
    found: dict[str, None] = {}
    if not any(mark in cell for mark in _MARKS) and not any(text in cell for text in mapped):
        return []

    def marked(match: re.Match[str]) -> str:
        text = match[0]
        if text in mapped:
            found[text] = None
            return _MARK
        if not _TAG.fullmatch(text):
            if "." in text:
                raise ValueError(f"destination {quoted(cell)}: {_with_dot(text)}")
            raise ValueError(
                f"destination {quoted(cell)} has the placeholder {quoted(text)}: say in destination_options which "
                f"option fills it, like {{{quoted(text)}: tenant}}"
            )
        return text

    for word in _END.split(_pattern(tuple(mapped)).sub(marked, cell)):
        _before, mark, rest = word.rpartition(_MARK)
        if mark and not _REST.fullmatch(rest):
            raise ValueError(
                f"destination {quoted(cell)}: a placeholder in {quoted(word.replace(_MARK, '<...>'))} is not inside a "
                "name: it stands for a label or a part of one, like <tenant>.example.com, not for the end of a name or "
                "a part of an address"
            )
    return list(found)


def filled(cell: str, mapped: Mapped, values: Mapping[str, Any]) -> list[str]:
    """Return the cell with values in place of its placeholders: a cell for each choice of an option with several.

    values: option -> its value, or a list of values.
    """
    options = dict.fromkeys(mapped[text] for text in placeholders(cell, mapped))
    if not options:
        return [cell]
    pattern = _pattern(tuple(mapped))
    return [
        pattern.sub(lambda match, chosen=chosen: chosen.get(mapped.get(match[0], ""), match[0]), cell)  # type: ignore[misc]
        for chosen in _combinations(list(options), values)
    ]


def _combinations(options: Sequence[str], values: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield each choice of one value for each option."""
    lists = [value if isinstance(value := values[option], list) else [value] for option in options]
    for chosen in product(*lists):
        yield dict(zip(options, chosen, strict=True))


@lru_cache(maxsize=256)
def _pattern(mapped: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds the mapped placeholders, the longest first, and all else that is marked as one."""
    words = []
    for text in sorted(mapped, key=lambda text: (-len(text), text)):
        plain = text[0].isalpha()
        words.append(rf"(?<![A-Za-z0-9_]){re.escape(text)}(?![A-Za-z0-9_])" if plain else re.escape(text))
    return re.compile("|".join([*words, _MARKED, _TICKED]))
