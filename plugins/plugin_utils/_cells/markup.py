# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup in a destination cell: HTML tags, Markdown and its escapes; and placeholders, which are refused.

A page is copied as it is written: C{`192.0.2.1`<br>**\\*.example.com**}. What only sets an item off is left out. What
strikes it out, and tags that do more, are refused.
"""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .neighbours import ADDRESSES, EITHER
from .text import DASHES

# Stands for a star that is printed with a backslash, and so is no emphasis. No cell holds this character.
_STAR = "\x02"

_SEPARATORS = str.maketrans("\u3001\uff0c\uff1b|;\uff08\uff09", ",,,,,()")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TAG = re.compile(r"<(/?)([^<>]*)>")
_BREAK = re.compile(r"(?:br|p|div|li|ul|ol) ?/?", re.IGNORECASE)
_RAISED = re.compile(r"<sup> ?([^<> ^]{1,3}) ?</sup>", re.IGNORECASE)
_SET_OFF = "b|strong|i|em|code|tt"
_SETTING_OFF = re.compile(rf"/?(?:{_SET_OFF})", re.IGNORECASE)
_ADJACENT = re.compile(rf"</(?:{_SET_OFF})><(?:{_SET_OFF})>", re.IGNORECASE)
_STRUCK = frozenset(("s", "del", "strike"))
_TAG_NAMES = (
    "a abbr b big blockquote body br caption center cite code col colgroup dd del dfn div dl dt em figure font h1 h2 "
    "h3 h4 h5 h6 hr html i img ins kbd li mark ol p pre q s samp script small span strike strong style sub sup table "
    "tbody td tfoot th thead tr tt u ul var wbr"
)
_TAGS = frozenset(_TAG_NAMES.split())
_RAISED_DIGITS = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_LINK = re.compile(r"\[[^\[\]]*\]\(")
_PLACEHOLDER = re.compile(
    r"\$?\{[^{}]*\}|%[A-Za-z_][A-Za-z0-9_-]*%|\[(?=[^\[\]:]*[A-Za-z])[^\[\]:^]{2,}\]"
    r"|(?<![^\s,./-]):[A-Za-z_][A-Za-z0-9_-]*"
)
_GLUED = re.compile(r"(?<=[A-Za-z0-9*.\x02-])`[^`*]*`|`[^`*]*`(?=[A-Za-z0-9*.\x02-])")
# A pair begins and ends where an item does, or directly inside another pair; marks and remarks may stand behind it.
_SIGNS = r"\u2020\u2021\u00a7\u00b6\u00b9\u00b2\u00b3\u2070\u2074-\u2079\u1d43\u1d47\u1d9c\u1d48\u1d49\u1da0(\["
_BEGINS, _ENDS = r"(?<![^\s,>`*_])", rf"(?=[\s,<`*_{_SIGNS}]|\Z)"
_PAIRS = (
    re.compile(rf"{_BEGINS}<({_SET_OFF})>(?P<inner>[^<>]+)</\1>{_ENDS}", re.IGNORECASE),
    re.compile(rf"{_BEGINS}(?<!`)`(?P<inner>[^`\n]+)`(?!`){_ENDS}"),
    re.compile(rf"{_BEGINS}(?<!\*)(\*{{2,3}})(?P<inner>\S(?:(?!\1)[^\n])*?(?<!\s))\1(?!\*){_ENDS}"),
    re.compile(rf"{_BEGINS}(?<!_)(_{{1,3}})(?P<inner>[^\s_](?:(?!\1)[^\n])*?(?<!\s))\1(?!_){_ENDS}"),
    re.compile(
        rf"{_BEGINS}(?<!\*)\*(?P<inner>{ADDRESSES.pattern}|{EITHER} ?[{DASHES}] ?{EITHER})\*(?!\*){_ENDS}",
        re.ASCII | re.IGNORECASE,
    ),
)
_DEEPEST = 4
# Stars that are a mark, as far as what follows them tells.
_MARKED = re.compile(rf"\*{{1,3}}(?![^\s,{_SIGNS}])")


def without_markup(text: str, where: str) -> str:
    """Return a cell without its markup, and with commas for all separators but spaces and line breaks.

    Raises ValueError, beginning with C{where}, for placeholders and for markup that may change what is meant.
    """
    if entity := _ENTITY.search(text):
        raise ValueError(f"{where} holds {quoted(entity.group())}: write the character that it stands for")
    if "\\" in text:  # first: of other punctuation than ASCII it is no escape
        text = _ESCAPED.sub(lambda match: _STAR if match[1] == "*" else match[1], text)
    text = text.translate(_SEPARATORS)
    if "~~" in text:
        raise ValueError(f"{where} is struck out (~~), and may be withdrawn: write what is meant without the marks")
    if "<" in text:
        text = _without_tags(text, where)
    if _LINK.search(text):
        raise ValueError(f"{where} holds a link: write the name or the address alone")
    if placeholder := _PLACEHOLDER.search(text):
        raise ValueError(unfilled(where, placeholder.group()))
    text = _without_pairs(text)
    if "<" in text and (tag := _TAG.search(text)):
        raise ValueError(f"{where} holds the HTML tag {quoted(tag.group())}: write the items without it")
    if "`" in text and (placeholder := _GLUED.search(text)):
        raise ValueError(unfilled(where, placeholder.group()))
    return text.replace(_STAR, "*")


def _without_pairs(text: str) -> str:
    """Return a cell without the tags, backticks and emphasis around its items and its lines."""
    for _depth in range(_DEEPEST):
        before = text
        for pair in _PAIRS:
            text = pair.sub(_inner, text)
        if text == before:
            break
    return text


def _inner(pair: re.Match[str]) -> str:
    """Return what stands in a pair; a pair that crosses another one, or may, as it is."""
    inner = pair["inner"].strip(" \n")
    before, behind = pair.string[max(0, pair.start() - 1) : pair.start()], pair.string[pair.end() : pair.end() + 1]
    if before and before in ">`*_":
        crosses = behind != before.replace(">", "<")
    else:
        whole = inner[:1].isalnum() and inner[-1:].isalnum() and _MARKED.match(pair.string, pair.end())
        crosses = behind in ("<", "`", "_") or (behind == "*" and not whole)
    return pair.group() if crosses or not inner.strip("*_") or inner.count("`") % 2 else inner


def unfilled(where: str, placeholder: str) -> str:
    """Return what is wrong with a placeholder that nothing was put into."""
    return (
        f"{where} holds the placeholder {quoted(placeholder)}: an option of the vendor file can fill it, else write "
        "the names that are meant"
    )


def _without_tags(text: str, where: str) -> str:
    """Return a cell without its HTML tags but those around an item; those that break a line are line breaks."""
    text = _RAISED.sub(lambda match: _raised(match[1]), text)

    def replaced(match: re.Match[str]) -> str:
        content = match[2].strip(" ")
        if _BREAK.fullmatch(content):
            return "\n"
        if _SETTING_OFF.fullmatch(match.group()[1:-1]):
            return match.group()
        name = re.split(r"[\s/]", content.lower(), maxsplit=1)[0]
        if name not in _TAGS and not name.startswith("!"):
            raise ValueError(unfilled(where, match.group()))
        if name in _STRUCK:
            raise ValueError(f"{where} is struck out, and may be withdrawn: write what is meant without the marks")
        raise ValueError(f"{where} holds the HTML tag {quoted(match.group())}: write the items without it")

    text = _TAG.sub(replaced, text)
    if adjacent := _ADJACENT.search(text):
        raise ValueError(f"{where} has two items with {quoted(adjacent.group())} alone between them: separate them")
    return text


def _raised(content: str) -> str:
    """Return what is raised as a mark that reads as one."""
    return content.translate(_RAISED_DIGITS) if content.isascii() and content.isdigit() else f"[{content}]"
