# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders in names: found as they are printed, filled with labels, and never a part of an address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.placeholders import (
    check_placeholder,
    filled,
    is_label,
    placeholders,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from hypothesis import given
from hypothesis import strategies as st

MAPPED = {"<tenant>": "tenant", "{name}": "name", "`region`": "region", "REGION": "region", "<tenant id>": "id"}
VALUES: dict[str, Any] = {"tenant": "blue", "name": "my-1", "region": ["east", "west"], "id": "7"}


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("live.example.com", ["live.example.com"]),
        ("<tenant>.example.com", ["blue.example.com"]),
        ("{name}.example.com", ["my-1.example.com"]),
        ("vc-<tenant>-eu.example.com", ["vc-blue-eu.example.com"]),
        ("<tenant id>.<tenant>.example.com", ["7.blue.example.com"]),
        ("<tenant>.example.com, a.com\n<tenant>.example.net", ["blue.example.com, a.com\nblue.example.net"]),
        ("*.`region`.example.com", ["*.east.example.com", "*.west.example.com"]),
        ("turn-*.elb.REGION.example.com", ["turn-*.elb.east.example.com", "turn-*.elb.west.example.com"]),
        ("REGION.a.com `region`.b.org", [f"{one}.a.com {one}.b.org" for one in ("east", "west")]),
        ("https://<tenant>.example.com/", ["https://blue.example.com/"]),
        ("<tenant>.example.com:443", ["blue.example.com:443"]),
        # Not at a word's end, so not the placeholder.
        ("SUBREGION.example.com", ["SUBREGION.example.com"]),
        ("REGION1.example.com", ["REGION1.example.com"]),
        # A name in backticks, and tags, are none.
        ("`live.example.com`, `turn.<tenant>.example.com`", ["`live.example.com`, `turn.blue.example.com`"]),
        ("<b>a.com</b><br><tenant>.example.com<br />", ["<b>a.com</b><br>blue.example.com<br />"]),
        ('<a href="x">live.example.com</a>', ['<a href="x">live.example.com</a>']),
    ],
)  # fmt: skip
def test_cells_are_filled(cell: str, wanted: list[str]) -> None:
    assert filled(cell, MAPPED, VALUES) == wanted


def test_every_choice_of_each_list_is_a_cell() -> None:
    mapped = {"REGION": "region", "ZONE": "zone"}
    values = {"region": ["a", "b"], "zone": ["x", "y"]}
    assert filled("REGION-ZONE.example.com", mapped, values) == [
        f"{one}-{other}.example.com" for one in "ab" for other in "xy"
    ]


def test_the_longest_is_looked_for_first() -> None:
    mapped = {"YOUR": "short", "YOUR-TENANT": "long"}
    assert filled("YOUR-TENANT.example.com YOUR.example.com", mapped, {"short": "s", "long": "l"}) == [
        "l.example.com s.example.com"
    ]


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("<customer>.example.com", "<customer>"),
        ("live.example.com, <tenant>.{site}.example.com", "{site}"),
        ("${name}.example.com", "${name}"),
        ("<your region>.example.com", "<your region>"),
        ("media.`zone`.example.com", "`zone`"),
        ("`Amazon S3 bucket name`.s3.example.com", "`Amazon S3 bucket name`"),
    ],
)
def test_what_is_not_mapped_is_named(cell: str, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"has the placeholder '{named}': say in destination_options")):
        placeholders(cell, MAPPED)


@pytest.mark.parametrize(
    "cell",
    [
        "<tenant>", "example.<tenant>", "<tenant>.0.2.1", "192.0.2.<tenant>", "192.0.<tenant>.0/24", "<tenant>/24",
        "2001:db8:<tenant>::1", "<tenant>::1", "<tenant>.2.3.0/24", "<tenant>.2.3.4 – example.com", "<tenant>.com1.2",
        "example.com <tenant>", "<tenant>,.com",
    ],
)  # fmt: skip
def test_no_placeholder_is_the_end_of_a_name_or_part_of_an_address(cell: str) -> None:
    with pytest.raises(ValueError, match="is not inside a name: it stands for a label or a part of one"):
        placeholders(cell, MAPPED)


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(LABELS, st.sampled_from(["<tenant>.example.com", "a.<tenant>.example.com", "x-<tenant>-y.example.com"]))
def test_a_label_never_makes_anything_but_one_name(value: str, cell: str) -> None:
    """What is read is the name with the value in it, below the printed domain, or nothing at all."""
    [text] = filled(cell, {"<tenant>": "tenant"}, {"tenant": value})
    try:
        found = expand_ranges(text)
    except ValueError:
        return
    assert found == [cell.replace("<tenant>", value)]


@pytest.mark.parametrize(
    "text", ["<tenant>", "{x}", "${x}", "[x]", "`x`", "`a b`", "%x%", "REGION", "your-tenant", "<your tenant>"]
)
def test_what_is_a_placeholder(text: str) -> None:
    check_placeholder("acme", text)


@pytest.mark.parametrize(
    "text", ["", "<>", "<a", "1", "a b", ".", "a.b", "*", "<" + "x" * 100 + ">", 7, None, "é", "<a>b"]
)
def test_what_is_none(text: Any) -> None:
    with pytest.raises(ValueError, match=r"^acme: .* is no placeholder: accepted are <tenant>"):
        check_placeholder("acme", text)


@pytest.mark.parametrize("text", ["<br>", "<BR/>", "</p>", "<a href='x'>", "<sup>", "<h2>", "<!-- x -->"])
def test_a_tag_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is a tag of HTML, not a placeholder"):
        check_placeholder("acme", text)


@pytest.mark.parametrize(
    ("value", "label"),
    [("a", True), ("A-1", True), ("0", True), ("a" * 63, True), ("xn--bcher-kva", True), ("", False), ("a" * 64, False),
     ("-a", False), ("a-", False), ("a.b", False), ("*", False), ("a_b", False), ("a b", False), ("é", False),
     (7, False), ("a\n", False), ("٣", False), ("{{ x }}", False), ("$(id)", False), (True, False), (None, False)],
)  # fmt: skip
def test_labels(value: Any, label: bool) -> None:
    assert is_label(value) is label


@pytest.mark.parametrize("text", ["`tenant.region`", "<tenant.region>", "{tenant.region}", "${tenant.region}", "[a.b]"])
def test_a_placeholder_with_a_dot_is_one_for_each_label(text: str) -> None:
    """Filled as one it would open another name: the advice is read, and fills a label each."""
    with pytest.raises(ValueError, match="has a dot, and what fills a placeholder is one label") as caught:
        check_placeholder("acme", text)
    advised = re.findall(r", like '(.*)'$", str(caught.value))
    assert len(advised) == 1
    parts = advised[0].split(".")
    for part in parts:
        check_placeholder("acme", part)
    mapped = dict(zip(parts, ("tenant", "region"), strict=True))
    assert filled(f"{advised[0]}.example.com", mapped, {"tenant": "blue", "region": "east"}) == [
        "blue.east.example.com"
    ]


def test_a_printed_placeholder_with_a_dot_is_told_what_to_write() -> None:
    for mapped in ({}, {"`region`": "region"}):
        with pytest.raises(ValueError, match=r"'`tenant\.region`' has a dot.*like '`tenant`\.`region`'$"):
            placeholders("`tenant.region`.example.com", mapped)
