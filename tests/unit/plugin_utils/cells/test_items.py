# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup, lists, ranges in words, and words for any address, in cells of destinations."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from hypothesis import given
from hypothesis import strategies as st

TWO = ["192.0.2.1/32", "192.0.2.9/32"]
ANY = ["0.0.0.0/0", "::/0"]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            f"192.0.2.1{gap}192.0.2.9"
            for gap in (", ", ",", ";", " ; ", "、", "，", "；", " | ", "|", " and ", " AND ", " or ", " & ")
        ),
        *(
            f"192.0.2.1{gap}192.0.2.9"
            for gap in (" and/or ", ", and ", ",and ", "; or ", ",\nand ", "\nand\n", " and\n", "\n& ")
        ),
        *(
            f"192.0.2.1{gap}192.0.2.9"
            for gap in ("<br>", "<BR/>", "<br />", " <br> ", "<br>\n", "</p><p>", "</li><li>", "\n\n")
        ),
        *(f"192.0.2.1, 192.0.2.9{end}" for end in (",", ";", "、", " | ", ",\n", " ,", "<br>", "\n")),
        *("`192.0.2.1` `192.0.2.9`", "`192.0.2.1`, `192.0.2.9`", "`192.0.2.1, 192.0.2.9`", "`192.0.2.1`\n`192.0.2.9`"),
        *(
            "**192.0.2.1**, **192.0.2.9**",
            "**192.0.2.1, 192.0.2.9**",
            "_192.0.2.1_ __192.0.2.9__",
            "*192.0.2.1* *192.0.2.9*",
        ),
        *(
            "***192.0.2.1***, 192.0.2.9",
            "**`192.0.2.1`**, `192.0.2.9`",
            "- **192.0.2.1**\n- `192.0.2.9`",
            "<p>192.0.2.1<p>192.0.2.9",
        ),
        *(
            "<b>192.0.2.1</b> <code>192.0.2.9</code>",
            "<b>192.0.2.1, 192.0.2.9</b>",
            "<b><i>192.0.2.1</i></b> 192.0.2.9",
        ),
        *(
            "192.0.2.1\\, 192.0.2.9",
            "192\\.0\\.2\\.1 192.0.2.9",
            "• 192.0.2.1,\n• 192.0.2.9,",
            "192.0.2.1,\n192.0.2.9,\n",
        ),
    ],
)
def test_two_addresses(cell: str) -> None:
    assert expand_ranges(cell) == TWO


@pytest.mark.parametrize(
    "cell",
    [
        *(
            f"192.0.2.0{word}192.0.2.255"
            for word in (" to ", " TO ", " through ", " thru ", "\nto ", " to\n", " – ", "<br>to ")
        ),
        *("from 192.0.2.0 to 192.0.2.255", "From 192.0.2.0 through 192.0.2.255", "`192.0.2.0` to `192.0.2.255`"),
        *(
            "`192.0.2.0` – `192.0.2.255`",
            "**192.0.2.0 – 192.0.2.255**",
            "*192.0.2.0-192.0.2.255*",
            "192.0.2.0 to 192.0.2.255,",
        ),
    ],
)
def test_one_range(cell: str) -> None:
    assert expand_ranges(cell) == ["192.0.2.0/24"]


def test_ranges_in_words_beside_others() -> None:
    cell = "from 192.0.2.0 to 192.0.2.3, 198.51.100.0 to 198.51.100.255 and 2001:db8:: to 2001:db8::f or a.example.com"
    assert expand_ranges(cell) == ["192.0.2.0/30", "198.51.100.0/24", "2001:db8::/124", "a.example.com"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("192.0.2.1 to", "a range is written with two whole addresses"),
        ("to 192.0.2.1", "a range is written with two whole addresses"),
        ("from 192.0.2.1", "a range is written with two whole addresses"),
        ("192.0.2.1 to 9", "a range is written with two whole addresses"),
        ("192.0.2.1 to a.example.com", "a range is written with two whole addresses"),
        ("192.0.2.1 to 192.0.2.3 to 192.0.2.9", "a range is written with two whole addresses"),
        ("192.0.2.1 – 192.0.2.3 to 192.0.2.9", "a range is written with two whole addresses"),
        ("from 192.0.2.1 and 192.0.2.3 to 192.0.2.9", "a range is written with two whole addresses"),
        ("192.0.2.1 until 192.0.2.9", "a range is written with two whole addresses"),
        ("192.0.2.9 to 192.0.2.1", "destination '192.0.2.9 to 192.0.2.1' is not a range: 192.0.2.9 is larger"),
        ("192.0.2.0/25 to 192.0.2.128/25", "a range is written with two whole addresses"),
        ("between 192.0.2.1 and 192.0.2.9", "write '192.0.2.1 - 192.0.2.9' or '192.0.2.1, 192.0.2.9'"),
        ("192.0.2.1 and", "it stands between two items, and one is missing"),
        ("192.0.2.1 and ", "it stands between two items, and one is missing"),
        ("192.0.2.1 or<br>", "it stands between two items, and one is missing"),
        ("192.0.2.1 & (1)", "not behind an item"),
        ("192.0.2.1 and (1)", "it stands between two items, and one is missing"),
        ("or 192.0.2.1", "it stands between two items, and one is missing"),
        ("192.0.2.1 and, 192.0.2.9", "it stands between two items, and one is missing"),
        ("192.0.2.1 & & 192.0.2.9", "lacks an item before or after a separator"),
        ("192.0.2.1,, 192.0.2.9", "lacks an item before or after a separator"),
        ("192.0.2.1;;", "lacks an item before or after a separator"),
        (", 192.0.2.1", "lacks an item before or after a separator"),
        ("| 192.0.2.1 |", "lacks an item before or after a separator"),
        (",", "lacks an item before or after a separator"),
        ("<br>", "lacks an item before or after a separator"),
        ("~~192.0.2.1~~", "is struck out"),
        ("<s>192.0.2.1</s>", "is struck out"),
        ("192.0.2.9 <DEL>192.0.2.1</DEL>", "is struck out"),
        ("<strike>192.0.2.1", "is struck out"),
        ("<b>192.0.2</b>.1", "holds the HTML tag '<b>'"),
        ("192.0.2.<b>1</b>", "holds the HTML tag '<b>'"),
        ("<b>192.0.2.1", "holds the HTML tag '<b>'"),
        ("<a href='https://a.example.com'>a.example.com</a>", "holds the HTML tag"),
        ("[a.example.com](https://a.example.com)", "holds a link"),
        ("192.0.2.1 [1](#note)", "holds a link"),
        ("192.0.2.1 &amp; 192.0.2.9", "holds '&amp;'"),
        ("192.0.2.1&#32;192.0.2.9", "holds '&#32;'"),
        ("`192.0.2.1", "stands in brackets or quotes"),
        ("192.0.2.1` 192.0.2.9", "stands in brackets or quotes"),
        ("`192.0.2.0`/24", "stands in brackets or quotes"),
        ("**192.0.2.1", "is not an address"),
        ("*192.0.2.1", "is not an address"),
        ("a.example<br>.com", "has a space inside a name"),
        ("media.eu-west-2.<br>example.com", "can be read in two ways"),
        ("**media.eu-west-2.** example.com", "can be read in two ways"),
        ("`media.eu-west-2.` `example.com`", "can be read in two ways"),
        ("`192.0.2.0` `255.255.255.0`, 192.0.2.9 `/24`", "host bits are set"),
        ("192.0.2.1<br>- 192.0.2.9", "the dash at the line break can be a bullet or join the lines"),
        ("192.0.2.1\x01", "holds a control character (U+0001)"),
        ("192.0.2.1\x02", "holds a control character (U+0002)"),
    ],
)
def test_what_is_no_list(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ranges(cell)
    assert str(caught.value).startswith("destination ")


EVERY = [
    "any",
    "Any",
    "ALL",
    "*",
    "\\*",
    "`any`",
    "**any**",
    "everywhere",
    "Anywhere",
    "Internet",
    "the  Internet",
    " any ",
    "any,",
]
EVERY += [
    f"{word} {what}" for word in ("any", "All") for what in ("host", "hosts", "address", "addresses", "IP", "IPs")
]
EVERY += [
    "any destination",
    "all destinations",
    "Any IP address",
    "all ip addresses",
    "any\nhost",
    "any¹",
    "all hosts (1)",
]


@pytest.mark.parametrize("cell", EVERY)
def test_any_address(cell: str) -> None:
    assert expand_ranges(cell) == ANY
    assert expand_ranges(cell, collapse=True) == ANY


def test_any_address_of_a_family() -> None:
    assert expand_ranges("any IPv4") == expand_ranges("All ipv4 addresses") == ["0.0.0.0/0"]
    assert expand_ranges("any IPv6 host") == expand_ranges("all IPv6") == ["::/0"]
    assert expand_ranges(["any IPv4", "any ipv6"]) == ANY


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "any, 192.0.2.1",
            "192.0.2.1 any",
            "192.0.2.1 or any",
            "192.0.2.1 *",
            "* 192.0.2.1",
            "any other",
            "all others",
            "any all",
        ),
        *(
            "any host below",
            "all hosts except 192.0.2.1",
            "any but 192.0.2.1",
            "not any",
            "no hosts",
            "any IPv5",
            "any IPv4 or IPv6",
        ),
        *(
            "any/any",
            "*.*",
            "0/0",
            "*:*",
            "**",
            "any*",
            "anyhost",
            "every host",
            "all our hosts",
            "any (optional)",
            "any (only EU)",
        ),
        *(
            "internal",
            "intranet",
            "world",
            "any port",
            "any tcp",
            "аny",
            "апу",
            "A L L",
            "all hosts (Frankfurt)",
            "any (primary)",
            "Internet (US East) (1)",
            "any (sip.example.com)",
        ),
    ],
)
def test_more_than_the_word_is_not_any_address(cell: str) -> None:
    with pytest.raises(ValueError, match=r"^destination "):
        expand_ranges(cell)


ITEMS = st.sampled_from(
    ["192.0.2.1", "198.51.100.0/24", "2001:db8::/32", "a.example.com", "*.example.net", "192.0.2.4 – 192.0.2.9"]
)
GAPS = st.sampled_from([", ", ";", "、", " | ", " and ", " or ", "<br>", "\n", ", and ", " & "])
AROUND = st.sampled_from(
    ["{}", "`{}`", "**{}**", "__{}__", "<b>{}</b>", "{}†", "{} [1]", "{} (Frankfurt)", "{} (primary)"]
)


@given(st.lists(st.tuples(ITEMS, AROUND, GAPS), min_size=1, max_size=6))
def test_items_are_the_same_whatever_is_around_and_between_them(parts: list[tuple[str, str, str]]) -> None:
    cell = "".join(f"{around.format(item)}{gap}" for item, around, gap in parts[:-1])
    cell += parts[-1][1].format(parts[-1][0])
    assert expand_ranges(cell) == expand_ranges([item for item, _around, _gap in parts])
