# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of port columns."""

from __future__ import annotations

import itertools
import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from hypothesis import assume, example, given
from hypothesis import strategies as st

# Every distinct cell of the vendors' documents.
PRINTED = [
    ("5060", ["5060"]),
    ("5061", ["5061"]),
    ("10081", ["10081"]),
    ("8443", ["8443"]),
    ("3478", ["3478"]),
    ("443", ["443"]),
    ("5222", ["5222"]),
    ("8445", ["8445"]),
    ("9444", ["9444"]),
    ("10000", ["10000"]),
    ("80", ["80"]),
    ("6000-60000", ["6000-60000"]),
    ("6000-65535", ["6000-65535"]),
    ("10000-65535", ["10000-65535"]),
    ("10,000 – 60,000", ["10000-60000"]),
    ("10,000-60,000", ["10000-60000"]),
    ("443/5349", ["443", "5349"]),
    ("443, 8443", ["443", "8443"]),
    ("80 &443", ["80", "443"]),
    ("80 & 443", ["80", "443"]),
    ("80 & 5223", ["80", "5223"]),
    ("80, 443", ["80", "443"]),
    ("Port Range: 4201-4264", ["4201-4264"]),
    ("3478, 6000, 6001, 6256", ["3478", "6000", "6001", "6256"]),
    ("6000, 1853", ["6000", "1853"]),
    ("49152 – 65535", ["49152-65535"]),
    ("49152 – 65535 (TURN allocated)", ["49152-65535"]),
    ("8801-8802", ["8801-8802"]),
    ("8801-8810", ["8801-8810"]),
    ("3478-3479", ["3478-3479"]),
]

ACCEPTED = [
    (443, ["443"]),
    (65535, ["65535"]),
    ("1", ["1"]),
    ("1-65535", ["1-65535"]),
    ("any", ["1-65535"]),
    (" ANY ", ["1-65535"]),
    ("443-443", ["443"]),
    ("8801:8810", ["8801-8810"]),
    ("8801\u20118810", ["8801-8810"]),
    ("8801 — 8810", ["8801-8810"]),
    ("8801−8810", ["8801-8810"]),
    ("443;8443", ["443", "8443"]),
    ("443\n8443", ["443", "8443"]),
    ("443 8443", ["443", "8443"]),
    ("80 and 443", ["80", "443"]),
    ("80, 443, and 8443", ["80", "443", "8443"]),
    ("8443, 443", ["8443", "443"]),
    ("443, 443", ["443"]),
    # A comma before three digits, with one reading
    ("10,000", ["10000"]),
    ("1,2", ["1", "2"]),
    ("1,024", ["1024"]),
    ("5,060", ["5060"]),
    ("5,060-5,061", ["5060-5061"]),
    ("1,024-65,535", ["1024-65535"]),
    ("10,000,443", ["10000", "443"]),
    ("443,10,000", ["443", "10000"]),
    ("10,000, 443", ["10000", "443"]),
    ("10,000-60,000, 443", ["10000-60000", "443"]),
    ("10,000-60,000,443", ["10000-60000", "443"]),
    ("443,444", ["443", "444"]),
    ("80,443", ["80", "443"]),
    ("443,8443", ["443", "8443"]),
    ("8, 443", ["8", "443"]),
    ("22, 443", ["22", "443"]),
    # The same with a space
    ("10 000", ["10000"]),
    ("10\u00a0000 – 60\u202f000", ["10000-60000"]),
    ("80 443", ["80", "443"]),
]

AMBIGUOUS = [
    ("8,443", "write '8, 443' or '8443'"),
    ("8 443", "write '8, 443' or '8443'"),
    ("22,443", "write '22, 443' or '22443'"),
    ("22,443,444", "write '22, 443, 444' or '22443, 444'"),
    ("1,111,2,222,3,333", "among others"),
]

REJECTED = [
    ("83-80", "83 is larger than 80: write the lower port first"),
    ("10,000-5,000", "10000 is larger than 5000"),
    (0, "port 0 does not exist"),
    ("0", "port 0 does not exist"),
    ("0-80", "port 0 does not exist"),
    ("000", "port 000 does not exist"),
    ("65536", "port 65536 is larger than 65535"),
    ("70,000", "port 70000 is larger than 65535"),
    ("1-65536", "port 65536 is larger than 65535"),
    ("443,4434434343", "port 4434434343 is larger than 65535"),
    (-1, "a port is missing before '-1'"),
    ("0443", "port 0443 has a leading zero, which no port has: write the whole port"),
    ("8, 044", "port 044 has a leading zero, which no port has: write the whole port"),
    ("", "the cell is empty"),
    ("  ", "the cell is empty"),
    ("Port:", "the cell is empty"),
    (None, "neither a number nor text"),
    (True, "neither a number nor text"),
    (44.3, "neither a number nor text"),
    (["443"], "neither a number nor text"),
    ("443/", "a port is missing at the end"),
    ("443-", "a port is missing at the end"),
    (",443", "a port is missing before ',443'"),
    ("443,,444", "a port is missing before ',444'"),
    ("80--90", "a port is missing before '-90'"),
    ("1-2-3", "a range has two ends"),
    ("443x", "'x' is not understood"),
    ("４４３", "is not understood"),
    ("443\x00", "the cell holds a control character (U+0000): remove it"),
    ("443\u200b", "the cell holds an invisible character (U+200B): remove it"),
    ("10.00", "'.00' is not understood"),
    ("any, 443", "'any, 443' is not understood"),
    ("?", "accepted are ports from 1 to 65535 (443)"),
    ("{{ port }}", "is not understood"),
    ("443 (not 444)", "the remark '(not 444)' may change what is meant"),
    ("7400 (Example)", "the remark '(Example)' may change what is meant"),
]


@pytest.mark.parametrize(("cell", "expected"), PRINTED + ACCEPTED)
def test_accepted(cell: str | int, expected: list[str]) -> None:
    assert expand_ports(cell) == expected


@pytest.mark.parametrize(("cell", "reason"), AMBIGUOUS)
def test_ambiguous_names_the_readings(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ports(cell)
    assert str(caught.value).startswith(f"ports {cell!r}: this can be read in more than one way")


@pytest.mark.parametrize(("cell", "reason"), REJECTED)
def test_rejected_with_reason(cell: object, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_ports(cell)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"ports {str(cell)!r}: ")


def test_what_an_ambiguity_advises_is_accepted() -> None:
    for cell, _reason in AMBIGUOUS:
        with pytest.raises(ValueError, match="more than one way") as caught:
            expand_ports(cell)
        advice = re.findall(r"'([^']*)'", str(caught.value).split("write ")[1])
        assert len(advice) >= 2
        assert [", ".join(expand_ports(way)) for way in advice] == advice


def test_many_commas_take_no_time() -> None:
    """Trying every combination of 2,000 commas would not end."""
    with pytest.raises(ValueError, match="more than one way"):
        expand_ports(",".join(["22", "443"] * 1000))


Readings = set[tuple[tuple[int, int], ...]]


def _readings(cell: str) -> Readings:
    """Every reading of a list with bare commas: as thousands where only that is valid, else each comma both ways."""
    parts = cell.split(",")
    ends = [re.split("-", part) for part in parts]
    joints = [
        bool(re.fullmatch("[1-9][0-9]?", one[-1]) and re.fullmatch("[0-9]{3}", other[0]))
        for one, other in itertools.pairwise(ends)
    ]
    found: dict[tuple[bool, ...], tuple[tuple[int, int], ...]] = {}
    for choice in itertools.product(*([False, True] if joint else [False] for joint in joints)):
        text = parts[0] + "".join(("_" if one else ",") + part for one, part in zip(choice, parts[1:], strict=True))
        items = [item.replace("_", "").split("-") for item in text.split(",")]
        if all(len(item) <= 2 and all(re.fullmatch("[1-9][0-9]*", end) for end in item) for item in items):
            ports = tuple((int(item[0]), int(item[-1])) for item in items)
            if all(low <= high <= 65535 for low, high in ports):
                found[choice] = ports
    together, apart = found.get(tuple(joints)), found.get((False,) * len(joints))
    return {together} if any(joints) and together and not apart else set(found.values())


def _seem_numbered(items: tuple[tuple[int, int], ...]) -> bool:
    """Whether two ranges overlap of which one begins below 1024."""
    ranges = {item for item in items if item[0] < item[1]}
    return any(
        max(one[0], other[0]) <= min(one[1], other[1]) and min(one[0], other[0]) < 1024
        for one, other in itertools.combinations(ranges, 2)
    )


@example("1-100,1-10")
@given(st.from_regex(r"\A(0|[1-9][0-9]{0,4}|[0-9]{3})([,-](0|[1-9][0-9]{0,4}|[0-9]{3})){0,5}\Z"))
def test_one_reading_is_taken_and_several_are_not(cell: str) -> None:
    readings = _readings(cell)
    if len(readings) == 1 and _seem_numbered(*readings):
        with pytest.raises(ValueError, match="in two ways: its ranges overlap"):
            expand_ports(cell)
    elif len(readings) == 1:
        expected = [str(low) if low == high else f"{low}-{high}" for low, high in readings.pop()]
        assert expand_ports(cell) == list(dict.fromkeys(expected))
    else:
        with pytest.raises(ValueError, match="more than one way" if readings else "ports '"):
            expand_ports(cell)


@given(st.integers(1, 65535), st.integers(1, 65535), st.sampled_from("-–—‑−:"), st.sampled_from(["", " ", "  "]))
def test_range_with_any_dash_and_spacing(low: int, high: int, dash: str, space: str) -> None:
    assume(low < high and (dash != ":" or not space))
    assert expand_ports(f"{low}{space}{dash}{space}{high}") == [f"{low}-{high}"]
