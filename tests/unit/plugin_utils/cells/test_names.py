# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of names as vendors print them, placeholders in them, and letters of any script."""

from __future__ import annotations

import re
from typing import Any

import idna
import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells import scripts
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from hypothesis import assume, given
from hypothesis import strategies as st

PATTERNS = [
    "*.example.com",
    "*-wss.example.com",
    "rtc*.connect.example.com",
    "*cdn.example.net",
    "turn-*.elb.*.example.com",
    "a.*.example.com",
    "*.*.example.com",
    "*a*.example.com",
    "a*b.c*d.example.com",
    "10.*.example.com",
    "*-*.example.com",
    "*.com",
    "*.co.uk",
    "*example.com",
    "turn-*.elb.REGION.example.com",
    "*.elb.REGION.*.example.com",
    "turn-*.YOUR-ID.example.com",
    "rtc*.sipXX.example.com",
]

REFUSED = [
    ("**.example.com", "two '*' in a row", ["*.example.com"]),
    ("a**b.example.com", "two '*' in a row", ["a*b.example.com"]),
    ("example.*", "'*' in its last label is any ending", []),
    ("a.example.*", "'*' in its last label is any ending", []),
    ("*.*", "'*' in its last label is any ending", []),
    ("a.example.c*m", "'*' in its last label is any ending", []),
    ("a.example.com*", "can be read in two ways", ["a.example.com"]),
    ("*.example.com*", "can be read in two ways", ["*.example.com"]),
    ("*a.example.com*", "can be read in two ways", ["a.example.com", "*a.example.com"]),
    ("-*.example.com", "the label '-*' is not letters, digits and inner hyphens", []),
    ("*-.example.com", "the label '*-' is not letters, digits and inner hyphens", []),
    ("*..example.com", "a label between the dots is empty", []),
    (
        "*a.example.com\n*b.example.com",
        "bullets or wildcards",
        ["a.example.com, b.example.com", "*a.example.com, *b.example.com"],
    ),
    ("*a.example.com,<br>*b.example.com", "bullets or wildcards", ["a.example.com, b.example.com"]),
    ("%.example.com", "'%' stands for nothing here", ["*.example.com"]),
    ("?.example.com", "the label '?' is not letters", []),
    (".example.com", "is not a name: write", ["example.com", "*.example.com"]),
    ("*.REGION.example.com", "can be read in two ways", ["*.region.example.com"]),
    ("turn.REGION.example.com", "can be read in two ways", ["turn.region.example.com"]),
    ("192.0.2.*", "looks like an address", ["192.0.2.0/24"]),
    ("192.*.2.1", "is not an IPv4 address", []),
    ("192.0.2.1rtc*.example.com", "it begins with an address", []),
    ("192.0.2.1*.example.com", "it begins with an address", []),
    ("10.*", "looks like an address", []),
    ("turn-*.eu-west-2. example.com", "can be read in two ways", ["turn-*.eu-west-2.example.com"]),
    ("rtc*.media.exam ple.com", "can be read in two ways", ["rtc*.media.example.com", "rtc*.media.exam, ple.com"]),
    ("1.*.a.example.com\n2.*.b.example.com", "can be read in two ways", ["*.a.example.com, *.b.example.com"]),
    ("a.example.com to b.example.com", "a range is written with two whole addresses", []),
    ("a.example.com and", "it stands between two items, and one is missing", []),
    *(
        (cell, "holds the placeholder", [])
        for cell in (
            *("{region}.example.com", "turn.{region}.example.com", "${x}.example.com", "<tenant>.example.com"),
            *("<your tenant>.example.com", "%TENANT%.example.com", ":tenant.example.com", "turn.:tenant.example.com"),
            *("https://<tenant>.example.com/", "`region`.example.com", "rtc*.`region`.example.com"),
            *(
                "\\<tenant\\>.example.com",
                "<tenant>.example.com, a.example.com",
                "a.example.com<br><tenant>.example.com",
            ),
            *("`<tenant>.example.com`", "[region].example.com", "a.example.com, :tenant.example.com"),
        )
    ),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_kept_as_printed(pattern: str) -> None:
    assert expand_ranges(pattern) == [pattern]
    assert expand_ranges(f"{pattern}., https://{pattern}/") == [pattern]
    assert expand_ranges([pattern, "192.0.2.1"], collapse=True) == ["192.0.2.1/32", pattern]
    if pattern == pattern.lower():
        assert expand_ranges(pattern.upper()) == [pattern]


def test_stars_of_some_lines_are_no_bullets() -> None:
    assert expand_ranges("*.example.com\n*cdn.example.net") == ["*.example.com", "*cdn.example.net"]
    assert expand_ranges("*cdn.example.net, *img.example.net") == ["*cdn.example.net", "*img.example.net"]
    assert expand_ranges("* *.example.com\n* cdn.example.net") == ["*.example.com", "cdn.example.net"]


def test_only_a_placeholder_keeps_its_capitals() -> None:
    assert expand_ranges("TURN-*.Elb.REGION.Example.com") == ["turn-*.elb.REGION.example.com"]
    assert expand_ranges("TURN-*.ELB.REGION.EXAMPLE.COM") == ["turn-*.elb.region.example.com"]


@pytest.mark.parametrize(("cell", "reason", "ways"), REFUSED)
def test_what_is_no_pattern(cell: str, reason: str, ways: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ranges(cell)
    message = str(caught.value)
    assert message.startswith("destination ")
    for way in ways:
        assert f"'{way}'" in message
        assert expand_ranges(way)
    if "placeholder" in reason:
        assert "an option of the vendor file can fill it" in message


@pytest.mark.parametrize(
    "tag", ["<b>", "</b>", "<td>", "</td>", "<a href=x>", "<hr>", "<table>", "<span>", "<!-- x -->"]
)
def test_an_html_tag_is_no_placeholder(tag: str) -> None:
    with pytest.raises(ValueError, match="holds the HTML tag"):
        expand_ranges(f"a.example.com {tag}")


SCRIPTS = [
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.Example.", "xn--bcher-kva.example"),
    ("bu\u0308cher.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ("*.bücher.example", "*.xn--bcher-kva.example"),
    ("https://bücher.example/", "xn--bcher-kva.example"),
    ("rtc*.bücher.example", "rtc*.xn--bcher-kva.example"),
    ("straße.de", "xn--strae-oqa.de"),
    ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
    ("пример.рус", "xn--e1afmkfd.xn--p1acf"),
    ("ελλάδα.gr", "xn--hxakic4aa.gr"),
    ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ("abc例え.jp", "xn--abc-b73b408n.jp"),
    ("한국.example", "xn--3e0b707e.example"),
    ("*.公司.cn", "*.xn--55qx5d.cn"),
]

NO_SCRIPTS = [
    ("exаmple.com", "letters of Cyrillic and Latin"),
    ("xn--pypal-4ve.com", "letters of Cyrillic and Latin"),
    ("exαmple.com", "letters of Greek and Latin"),
    ("аррӏе.com", "look like Latin ones"),
    ("xn--80ak6aa92e.com", "look like Latin ones"),
    ("сосо.рус", "look like Latin ones"),
    ("νον.gr", "look like Latin ones"),
    ("ᎪᏴ.example", "look like Latin ones"),
    ("ｅxample.com", "(U+FF45) stands for another letter"),
    ("\u212adoway.com", "(U+212A) stands for another letter"),
    ("ﬁ.example.com", "(U+FB01) stands for another letter"),
    ("İstanbul.example", "(U+0130) stands for another letter"),
    ("٣.example.com", "(U+0663) stands for another letter or digit"),
    ("192.0.2.х", "looks like an address"),
    ("192.0.2.1bücher.example", "it begins with an address"),
    ("a。example.com", "(U+3002) is no letter of a name"),
    ("ɡoo.example", "(U+0261) stands for another letter"),
    ("e\u0336xample.com", "(U+0336) strikes out what it stands on"),
    ("💩.example", "is no letter of a name"),
    ("xn--ls8h.example", "does not decode"),
    ("xn--a.example", "does not decode"),
    ("xn--example.com", "does not decode"),
    ("xn--bcher-kvb.example", "does not decode"),
    ("xn--*.example.com", "does not decode"),
    ("bü*.example", "has '*' beside letters beyond ASCII"),
    ("ü" * 300 + ".example", "characters, more than 253"),
    ("ü" * 63 + ".example", "is none of IDNA 2008"),
    ("bücher.exa mple.com", "can be read in two ways"),
    ("bücher.example. example.com", "can be read in two ways"),
    ("a.bücher.example-b.bücher.example", "can be read in two ways"),
    ("1.bücher.example\n2.käse.example", "can be read in two ways"),
]


@pytest.mark.parametrize(("cell", "expected"), SCRIPTS)
def test_letters_of_any_script(cell: str, expected: str) -> None:
    assert expand_ranges(cell) == [expected]
    assert expand_ranges(expected) == [expected]


@pytest.mark.parametrize(("cell", "reason"), NO_SCRIPTS)
def test_letters_that_are_refused(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ranges(cell)
    assert len(str(caught.value)) < 700


def test_without_the_package_only_the_xn_form_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "idna", None)
    with pytest.raises(ValueError, match="Python's 'idna' package, which the controller lacks: install it, or write"):
        expand_ranges("bücher.example")
    for _printed, encoded in SCRIPTS:
        assert expand_ranges(encoded) == [encoded]
    for cell, reason in NO_SCRIPTS:
        if cell.startswith("xn--") and cell != "xn--ls8h.example":
            with pytest.raises(ValueError, match=re.escape(reason)):
                expand_ranges(cell)


@given(st.text(alphabet="abcxyzäöüßéñøłıżž-09", min_size=1, max_size=20))
def test_latin_labels_are_those_of_idna(label: str) -> None:
    assume(not label.isascii())
    try:
        expected = idna.encode(f"{label}.example").decode()
    except idna.IDNAError:
        with pytest.raises(ValueError, match=r"^destination "):
            expand_ranges(f"{label}.example")
        return
    assert expand_ranges(f"{label}.example") == [expected]
    assert expand_ranges(expected) == [expected]


@given(st.text(alphabet="abАаеоαο", min_size=1, max_size=6), st.booleans())
def test_no_label_of_two_scripts_in_either_form(label: str, encode: bool) -> None:
    """The blocks of the two alphabets are the oracle."""
    blocks = {
        "latin" if letter < "\u0250" else "greek" if letter < "\u0400" else "cyrillic" for letter in label.lower()
    }
    cell: Any = f"{label.lower()}.example"
    if encode:
        cell = cell if label.isascii() else f"{idna.alabel(label.lower()).decode()}.example"
    if blocks == {"latin"}:
        assert expand_ranges(cell) == [cell]
    else:  # all letters of the other two look like Latin ones
        with pytest.raises(ValueError, match=r"alike|look like Latin ones"):
            expand_ranges(cell)


@given(st.lists(st.sampled_from(["a", "*", "rtc*", "*-x", "**", "REGION", "", "-", "x1", "é"]), min_size=1, max_size=5))
def test_what_is_read_of_a_pattern_is_what_is_printed(labels: list[str]) -> None:
    cell = ".".join([*labels, "example", "com"])
    try:
        [found] = expand_ranges(cell)
    except ValueError:
        return
    assert expand_ranges(found) == [found]
    assert found.count("*") == cell.count("*")
    assert found.lower() == ".".join("xn--9ca" if label == "é" else label.lower() for label in cell.split("."))
