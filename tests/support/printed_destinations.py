# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of destinations as pages print them: items with marks, remarks and markup, in lists; and slips of one sign.

Printed.text is read to Printed.results, in this order, and Printed.label is what the rules keep beside them.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

from hypothesis import strategies as st

from tests.support.destination_notations import Printed, anywhere, either, names, prefixes, ranges, spaces

SIGNS: list[str] = [
    *"0123456789",
    *"abcfxnXN",
    *".:/*-–,; |\\&%_<>()[]{}`'\"†¹#@~+=?!$^",
    "\n",
    "\u00a0",
    "\u200b",
    "é",
    "а",
    "、",
    "，",
]
SITES = ["eu-central-1", "us-east1", "us-gov-west-1", "FRA1", "LON12", "us2", "asia-southeast1"]
PLACES = [
    "Frankfurt",
    "New York",
    "US East",
    "Frankfurt am Main, Germany",
    "São Paulo",
    "primary",
    "Backup server",
    "media",
    "signaling/media",
    "St. Louis",
    "Europe",
    "Amsterdam, NL",
    "name",
]
MARKS = [
    "*",
    "**",
    "†",
    "‡",
    "§",
    "¶",
    "¹",
    "²",
    " †",
    " ¹",
    " (1)",
    "(2)",
    " [1]",
    "[3]",
    " [^1]",
    " (a)",
    " (*)",
    "<sup>2</sup>",
]

JOINTS = [
    ", ",
    ",",
    "; ",
    ";",
    "\n",
    " | ",
    "、",
    "，",
    "；",
    ", and ",
    " and ",
    " or ",
    " & ",
    " and/or ",
    "<br>",
    "<BR />",
]
# What sequences are made of: items, parts of items, marks and remarks, markup, and what stands between.
TOKENS = [
    *["192.0.2.1", "192.0.2.9", "192.0.2.0", "10.0.0.0", "192.0.2.0/24", "/24", "255.255.255.0", "0.0.0.255"],
    *["224.0.0.0", "24", "8", "2001:db8::", "2001:db8::1", "2001:db8::/48", "a.example.com", "b.example.com"],
    *["*.example.com", "m*.REGION.example.com", "a.exam", "ple.com", "1.a.example.com", "2.b.example.com"],
    *["https://a.example.com", "https://a.example.com/", "a.example.com.", "any", "all", "hosts", "IPv4", "addresses"],
    *["*", "**", "***", "_", "__", "`", "<b>", "</b>", "<br>", "<p>", "</p>", "<sup>2</sup>", "†", "¹", "⁸", "(1)"],
    *["(8)", "[1]", "[^1]", "(Frankfurt)", "(sip.example.com)", "(192.0.2.9)", "(255.255.255.0)", "(primary)"],
    *["(optional)", "(required)", "(US East)", "(FRA1)", "(only)", "(New York)", "-", "–", " - ", " – ", "to", " to "],
    *[" through ", "from ", "between ", " and ", " or ", "&", " & ", ",", ", ", " , ", ";", "; ", "|", " | ", "、"],
    *["\n", "\n- ", "\n• ", "\n* ", "- ", "• ", "* ", " ", "  ", "\t", "\\", "\\*", "(", ")", "[", "]", ".", ":", "/"],
]


def _fits(mark: str, item: Printed) -> bool:
    """Tell whether a mark of stars or a number can stand behind the item."""
    if "*" in mark and "(" not in mark:
        return item.kind == "prefix" or (item.kind in ("address", "range") and ":" not in item.text)
    return item.kind not in ("address", "any") or not any(sign in mark for sign in "0123456789¹²")


@st.composite
def decorated(draw: st.DrawFn, item: Printed) -> Printed:
    """Return an item with a mark, a remark or emphasis, or as it is."""
    choice = draw(either("plain", "plain", "mark", "remark", "markup"))
    text, label = item.text, ""
    if choice == "mark":
        mark = draw(st.sampled_from(MARKS))
        mark = mark if _fits(mark, item) else " ‡"
        text, label = text + mark, "²" if mark.startswith("<") else mark.strip()
    elif choice == "remark" and item.kind != "any":
        hosts = ["sip.example.com"] if item.kind not in ("name", "pattern", "url") else []
        label = draw(st.sampled_from([*SITES, *PLACES, *hosts]))
        text += draw(either(f"({label})", f" ({label})"))
    elif choice == "markup" and "\n" not in text and not set("`*<") & set(text):
        edges: list[Callable[[str], str]] = [
            lambda it: f"`{it}`",
            lambda it: f"<code>{it}</code>",
            lambda it: f"<B>{it}</B>",
        ]
        if " " not in text and "\u00a0" not in text:
            edges += [
                lambda it: f"**{it}**",
                lambda it: f"_{it}_",
                lambda it: f"`**{it}**`",
                lambda it: f"<i>__{it}__</i>",
            ]
        text = draw(st.sampled_from(edges))(text)
    return item._replace(text=text, label=label)


def items() -> st.SearchStrategy[Printed]:
    """Return an item in any notation, decorated."""
    return st.one_of(prefixes(), prefixes(), ranges(), names(), names()).flatmap(decorated)


def _ends_in_point(item: Printed) -> bool:
    """Tell whether a space behind the item could be one inside a name."""
    return bool(re.search(r"\.(?:[`*_]|</\w+>)*\Z", item.text))


@st.composite
def cells(draw: st.DrawFn) -> Printed:
    """Return a whole cell: any address, or a list of up to four items."""
    if draw(st.integers(0, 11)) == 0:
        return draw(anywhere().flatmap(decorated))
    found = _clear(draw(st.lists(items(), min_size=1, max_size=4)))
    shape = draw(either("list", "list", "list", "lines"))
    if shape == "lines":
        found = [item for item in found if not _ends_in_point(item)] or found[:1]
    results = dict.fromkeys(result for item in found for result in item.results)
    labels = dict.fromkeys(item.label for item in found if item.label)
    text = draw(_on_one_line(found) if shape == "list" else _on_lines(found))
    return Printed(text, list(results), found[0].kind, ", ".join(labels))


def _clear(found: list[Printed]) -> list[Printed]:
    """Return items without those that have more than one reading where they stand in a list."""
    if any(above.kind == "address" and below.kind == "apart" for above, below in itertools.pairwise(found)):
        found = [item for item in found if item.kind != "apart"]  # it was not clear whose length it is
    if all(re.match(r"\*\w", item.text) for item in found):
        return found[:1]  # bullets or wildcards
    return found


@st.composite
def _on_one_line(draw: st.DrawFn, found: list[Printed]) -> str:
    text = found[0].text
    for above, item in itertools.pairwise(found):
        joint = draw(st.sampled_from([*JOINTS, draw(spaces())]))
        unclear = _ends_in_point(above) and (not joint.strip() or joint in ("<br>", "<BR />"))
        text += (", " if unclear else joint) + item.text
    return text + draw(either("", "", "", ",", ";", "\n", "<br>"))


@st.composite
def _on_lines(draw: st.DrawFn, found: list[Printed]) -> str:
    lines = [item.text.replace("\n", " ") for item in found]
    bullet = draw(either("", *"-•–·*")) if len(lines) > 1 else ""
    if draw(st.integers(0, 2)):
        return "\n".join(f"{bullet} {line}".strip() for line in lines)
    return "".join(f"<p>{line}</p>" for line in lines)


def sequences() -> st.SearchStrategy[str]:
    """Return up to eight tokens in a row, most of which nobody prints."""
    return st.lists(st.sampled_from(TOKENS) | st.sampled_from([" ", "\n", ", "]), min_size=1, max_size=8).map("".join)


def slip(text: str, chance: random.Random) -> str:
    """Return the text with one sign too many, too few, another one, or two of them swapped."""
    place = chance.randrange(len(text)) if text else 0
    sign = chance.choice(SIGNS)
    kind = chance.randrange(4)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + sign + text[place:]
    if kind == 2:
        return text[:place] + sign + text[place + 1 :]
    return text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :]
