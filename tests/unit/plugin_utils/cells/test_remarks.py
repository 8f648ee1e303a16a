# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks and remarks behind destinations: what is kept for the label, and what may change what is meant."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import (
    expand_ranges,
    read_destinations,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.remark_words import DANGEROUS
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.remarks import MOST_LABEL
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from hypothesis import given
from hypothesis import strategies as st

ONE = ["192.0.2.1/32"]
ROW = {"vendor": "acme", "service": "media", "ports": "443"}


@pytest.mark.parametrize(
    "mark",
    [
        *("*", "**", "***", "†", "‡", "§", "¶", "††", "¹", "²³", "ᵃ", "[1]", "[9]", "[a]", "[*]", "[†]", "[^1]"),
        *("(1)", "(9)", "(a)", "(f)", "(*)", "(†)"),
    ],
)
def test_a_mark_is_kept_for_the_label(mark: str) -> None:
    assert read_destinations(f"198.51.100.0/24{mark}") == (["198.51.100.0/24"], [mark])
    assert read_destinations(f"192.0.2.1{mark}, a.example.com") == ([*ONE, "a.example.com"], [mark])
    if "*" not in mark or mark[0] in "[(":
        assert read_destinations(f"192.0.2.1 {mark}") == (ONE, [mark])
        assert read_destinations(f"a.example.com{mark}") == (["a.example.com"], [mark])
    assert read_destinations(f"192.0.2.0 – 192.0.2.255{mark}") == (["192.0.2.0/24"], [mark])


@pytest.mark.parametrize(
    "cell",
    [
        "192.0.2.1 (0)",
        "192.0.2.1 (01)",
        "192.0.2.1 (10)",
        "192.0.2.1 (24)",
        "192.0.2.1 [10]",
        "192.0.2.1 (g)",
        "192.0.2.1 (x)",
        "192.0.2.1 (U)",
        "192.0.2.1 (T)",
        "192.0.2.1 (****)",
        "192.0.2.1****",
        "192.0.2.1 *",
        "192.0.2.1 **",
        "2001:db8::1*",
        "192.0.2.*",
        "192.0.*",
        "a.example.com*",
        "a.example.com**",
        "*.example.com *",
        "[1] 192.0.2.1",
        "¹192.0.2.1",
        "192.0.2.1, (1)",
        "192.0.2.1 – (1) 192.0.2.9",
        "192.0.2.1(1)2",
        "192.0.2.1¹2",
        "192.0.2.1†.5",
        "192.0.2.0/²⁴",
        "192.0.2.1¹ – 192.0.2.9",
        "192.0.2.1 (1) to 192.0.2.9",
        "192.0.2.0¹/24",
        "192.0.2.0 (1) /24",
        "192.0.2.0 (1) 255.255.255.0",
        "10.0.0.0 (8)",
        "10.0.0.0⁸",
        "192.0.2.0²⁴",
        "2001:db8:: [9]; 2001:: ⁹⁹",
    ],
)
def test_what_may_be_no_mark_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"^destination "):
        read_destinations(cell)


@pytest.mark.parametrize(
    "remark",
    [
        *(
            "sip.example.com",
            "SIP-1.Example.com",
            *("sip.example.live", "sbc1.example.corp", "test.example.de", "turn-1.example.net", "pbx.site.local"),
            "eu-central-1",
            "us-east-1a",
            "us-gov-west-1",
            "europe-west3",
            "us-east",
        ),
        *("FRA", "FRA1", "DFW10", "us2", "Frankfurt", "New York", "US East", "São Paulo", "Zürich", "Rio de Janeiro"),
        *(
            "N. Virginia",
            "Washington D.C.",
            "St. Louis",
            "Frankfurt/Main",
            "Frankfurt am Main, Germany",
            "Ōsaka",
            "Łódź",
        ),
        *(
            "primary",
            "Primary",
            "backup",
            "Backup server",
            "secondary, Frankfurt",
            "main",
            "media",
            "name",
            "signaling",
        ),
        *(
            "Xi'an",
            "Rhein-Main",
            "Asia Pacific",
            "New Castle",
        ),
    ],
)
def test_a_safe_remark_is_kept_for_the_label(remark: str) -> None:
    assert read_destinations(f"192.0.2.1 ({remark})") == (ONE, [remark])
    assert read_destinations(f"192.0.2.1( {remark} ),\n198.51.100.0/24") == ([*ONE, "198.51.100.0/24"], [remark])
    assert read_destinations(f"192.0.2.1 （{remark}）") == (ONE, [remark])


@pytest.mark.parametrize(
    "remark",
    [
        *(
            "withdrawn",
            "Withdrawn",
            "WITHDRAWN",
            "old",
            "Old",
            "deprecated",
            "Deprecated",
            "Only",
            "only EU",
            "EU Only",
        ),
        *(
            "Until June",
            "Not Used",
            "Except Frankfurt",
            "Inbound",
            "First Half",
            "Reserved",
            "Upper Half",
            "Un-Used",
            "N/A",
        ),
        *(
            "from 2025",
            "January",
            "Since March",
            "Tcp",
            "TCP",
            "Port",
            "SIP",
            "TLS",
            "New",
            "New Range",
            "Ex Frankfurt",
        ),
        *("Weekends", "Nights", "Business Hours", "Pilot", "Emergency", "Ask Support", "Contact Sales", "TBD", "Tbc"),
        *("Tentative", "Enterprise", "Partners", "WebSocket", "Conditional", "Monthly", "Selected", "Usually", "Cold"),
        *(
            "for user avatars",
            "to 9",
            "/24",
            "and .15",
            ".14-.20",
            ".14",
            "24",
            "x2",
            "50%",
            "±1",
            "!",
            "?",
            "-",
            "",
            " ",
        ),
        *("Frankfurt 2", "1 of 2", "TO9", "no1", "in1", "frankfurt", "somewhere", "Frankfurt (Main", "(x)", "a, b"),
        *(
            "Рrimаry",
            "Оnly",
            "Ｆrankfurt",
            "ᴏʟᴅ",
            "Москва",
            "東京",
            "Õnly",
            "Ónly",
            "Ḱöln",
            "Not\u2019Used",
            "Non-Working",
        ),
        *("am Main", "Frankfurt am", "A B C D E F G", "A" * 61, "Frankfurt,, Germany", "To Be Removed", "Suspended"),
        *("*.example.com", "a.example.com, b.example.com", "198.51.100.7", "2001:db8::1", "198.51.100.0/24", "any"),
    ],
)
def test_a_remark_that_may_change_what_is_meant_is_refused(remark: str) -> None:
    with pytest.raises(ValueError, match=r"^destination ") as caught:
        read_destinations(f"192.0.2.1 ({remark})")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("cell", "ways"),
    [
        ("192.0.2.1 (withdrawn)", ["192.0.2.1"]),
        ("192.0.2.0 (/24)", ["192.0.2.0/24", "192.0.2.0"]),
        ("192.0.2.0 (24)", ["192.0.2.0/24", "192.0.2.0"]),
        ("10.0.0.0 (8)", ["10.0.0.0", "10.0.0.0/8"]),
        ("0.0.0.0 (1)", ["0.0.0.0/1"]),
        ("192.0.2.1 (198.51.100.7)", ["192.0.2.1", "198.51.100.7", "192.0.2.1, 198.51.100.7"]),
        ("a.example.com (b.example.com)", ["a.example.com", "b.example.com", "a.example.com, b.example.com"]),
        ("a.example.com (192.0.2.1)", ["a.example.com", "192.0.2.1", "a.example.com, 192.0.2.1"]),
        ("a.example.com (old), b.example.com", ["a.example.com, b.example.com"]),
        ("*a.example.com*", ["a.example.com", "*a.example.com"]),
    ],
)
def test_how_to_write_it_is_offered(cell: str, ways: list[str]) -> None:
    with pytest.raises(ValueError, match="write ") as caught:
        read_destinations(cell)
    assert re.findall(r"'([^']+)'", str(caught.value).partition("write ")[2]) == ways
    assert all(expand_ranges(way) for way in ways)


@pytest.mark.parametrize(
    "cell", ["(Frankfurt) 192.0.2.1", "192.0.2.1, (Frankfurt)", "192.0.2.1 & (Frankfurt)", "(192.0.2.1)"]
)
def test_a_remark_stands_behind_an_item(cell: str) -> None:
    with pytest.raises(ValueError, match="not behind an item"):
        read_destinations(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "192.0.2.1 (Frankfurt) – 192.0.2.9",
        "192.0.2.1 (Frankfurt) - 192.0.2.9 (London)",
        "192.0.2.1 (Frankfurt) to 192.0.2.9",
        "192.0.2.0 (Frankfurt) /24",
        "192.0.2.0 (Frankfurt) 255.255.255.0",
        "media.eu-west-2. (Frankfurt) example.com",
        "media.exam ple.com (Frankfurt)",
        "192.0.2.1 (Frankfurt",
        "192.0.2.1 Frankfurt)",
        "192.0.2.1(Frankfurt)2",
    ],
)
def test_a_remark_joins_and_hides_nothing(cell: str) -> None:
    with pytest.raises(ValueError, match=r"^destination "):
        read_destinations(cell)


def test_a_mask_in_brackets_is_no_remark() -> None:
    assert read_destinations("192.0.2.0 (255.255.255.0) (Frankfurt)") == (["192.0.2.0/24"], ["Frankfurt"])


def test_remarks_are_in_printed_order_and_each_once() -> None:
    cell = "192.0.2.1* (Frankfurt), 192.0.2.9* (London), a.example.com (1) (Frankfurt)"
    assert read_destinations(cell) == ([*ONE, "192.0.2.9/32", "a.example.com"], ["*", "Frankfurt", "London", "(1)"])


@pytest.mark.parametrize(
    ("said", "requirement"),
    [("optional", "optional"), ("Recommended", "recommended"), ("required", "required"), ("MANDATORY", "required")],
)
def test_a_remark_on_the_requirement_says_what_the_row_says(said: str, requirement: str) -> None:
    cell = f"192.0.2.1 ({said})"
    assert read_destinations(cell, requirement=requirement) == (ONE, [])
    for other in {"optional", "recommended", "required", None} - {requirement}:
        with pytest.raises(ValueError, match=f"write the row's 'requirement: {requirement}' for it"):
            read_destinations(cell, requirement=other)
    with pytest.raises(ValueError, match="is about the requirement"):
        expand_ranges(cell)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("192.0.2.1 ( 1 )", ["(1)"]),
        ("192.0.2.1 (\n1)", ["(1)"]),
        ("192.0.2.1 [ 1 ]", ["[1]"]),
        ("192.0.2.1<sup>a</sup>*", ["[a]", "*"]),
        ("192.0.2.1 (\nFrankfurt )", ["Frankfurt"]),
        ("https://192.0.2.1/ (sip.example.com)", ["sip.example.com"]),
    ],
)
def test_a_label_is_one_line(cell: str, labels: list[str]) -> None:
    assert read_destinations(cell) == (ONE, labels)


def test_a_row_holds_a_remark_against_its_requirement() -> None:
    row = {**ROW, "destination": "all hosts (optional)", "wide_because": "printed so"}
    with pytest.raises(ValueError, match="write the row's 'requirement: optional' for it"):
        expand_rows([row])
    rules = expand_rows([{**row, "requirement": "optional"}])
    assert [(rule["destination"], rule["requirement"]) for rule in rules] == [
        ("0.0.0.0/0", "optional"),
        ("::/0", "optional"),
    ]
    assert all("label" not in rule for rule in rules)


def test_remarks_become_the_label_of_the_rules() -> None:
    row = {**ROW, "destination": "192.0.2.1 (sip.example.com)*, 192.0.2.9"}
    assert [rule["label"] for rule in expand_rows([row])] == ["sip.example.com, *"] * 2
    assert [rule["label"] for rule in expand_rows([{**row, "label": "Primary"}])] == ["Primary; sip.example.com, *"] * 2


def test_a_label_does_not_grow_with_the_cell() -> None:
    places = [f"Place {letter}{other}" for letter in "BCDFGHJKLM" for other in "bcdfghjklm"]
    cell = ", ".join(f"192.0.2.{number} ({place})" for number, place in enumerate(places, 1))
    [label] = {rule["label"] for rule in expand_rows([{**ROW, "destination": cell}])}
    assert len(label) == MOST_LABEL
    assert label.endswith("...")


@given(
    st.lists(
        st.sampled_from(["Frankfurt", "New York", "primary", "FRA1", "US", *sorted(DANGEROUS)]), min_size=1, max_size=4
    )
)
def test_one_dangerous_word_is_enough(words: list[str]) -> None:
    """Whatever stands beside it, in any case."""
    dangerous = {word for word in words if word in DANGEROUS}
    for remark in (" ".join(words).title(), " ".join(words).upper()):
        cell = f"192.0.2.1 ({remark})"
        if dangerous:
            with pytest.raises(ValueError, match=r"^destination "):
                read_destinations(cell)
        else:
            assert read_destinations(f"192.0.2.1 ({' '.join(words)})").found == ONE


@given(st.text(alphabet="AbcÄéОѕ()[]*¹†1/.,- ", max_size=16))
def test_what_stands_behind_an_address_changes_nothing_of_it(text: str) -> None:
    """A cell that is read has the address alone, or items that stand in the text by themselves."""
    try:
        found, remarks = read_destinations(f"192.0.2.77 ({text})")
    except ValueError:
        return
    assert found == ["192.0.2.77/32"]
    assert all(remark.replace(" ", "") in f"({text})".replace(" ", "") for remark in remarks)
