# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that are written to take long: what they cost grows with their length, and no faster."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import read_destinations
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ip_protocols import range_of, read_list
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols

_SECONDS = 20  # of the processor, for what takes a fraction of a second, and took minutes

HEADS = [
    "icmp type", "icmp (", "icmp", "icmp 8", "icmp message", "protocol", "50 proto", "ip", "1 000", "esp", "esp (",
    "tcp", "tls", "ipsec",
]  # fmt: skip
TAILS = ["", "x000", "8", "x", "no.", ")", "(", "-", ",", "code", "8/0", "messages"]


@pytest.mark.parametrize("head", HEADS)
def test_a_gap_of_any_length_takes_no_time(head: str) -> None:
    start = time.process_time()
    for gap in (" " * 5_000, " -" * 2_500, "- " * 2_500, "( " * 2_500):
        for tail in TAILS:
            with suppress(ValueError):
                read_list(f"{head}{gap}{tail}", "here")
    assert time.process_time() - start < _SECONDS


@pytest.mark.parametrize("gap", [" ", "\t", "\u00a0", " \t"])
def test_a_gap_is_one_gap_however_it_is_printed(gap: str) -> None:
    assert expand_protocols(f"ICMP{gap * 3}type{gap * 20}8") == ["icmp/echo-request"]
    for line_break in ("", "\n"):
        assert expand_protocols(f"TCP{gap * 9}{line_break},{gap * 9}{line_break}{gap}UDP") == ["tcp", "udp"]
        assert expand_protocols(f"GRE{gap * 9}{line_break}{gap},{line_break}{gap * 9}UDP") == ["udp", "gre"]


@pytest.mark.parametrize("cell", ["TCP" + " " * 195 + "UDP", "icmp type" + " " * 980 + "x000", "50" + " " * 980 + "x"])
def test_a_protocol_has_at_most_200_characters(cell: str) -> None:
    with pytest.raises(ValueError, match=rf"the cell has {len(cell)} characters: write at most 200: accepted are TCP"):
        expand_protocols(cell)


def test_the_ports_of_icmp_are_quoted_in_part() -> None:
    start = time.process_time()
    for cell in ("type" + " " * 9_000 + "x", "x" * 9_000):
        with pytest.raises(ValueError, match="is no type of icmp") as caught:
            range_of("icmp", cell)
        assert len(str(caught.value)) < 1_000
    assert time.process_time() - start < _SECONDS


@pytest.mark.parametrize("unit", ["1 ", "1,", "1\n", "80 ", "80/", "34 78 ", "80 - 90, ", "(", "- ", "1:2 "])
def test_many_ports_take_memory_by_their_number(unit: str) -> None:
    cell = (unit * 8_000)[:7_998] + "80"
    tracemalloc.start()
    try:
        with suppress(ValueError):
            expand_ports(cell)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


UNITS = [
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "`",
        "_",
        "*",
        "~",
        "&",
        "|",
        ",",
        "、",
        "-",
        "–",
        ".",
        "/",
        ":",
        "%",
        "\\*",
        "\\",
    ),
    *(
        "( ",
        " (",
        "\n(",
        "()",
        "(1)",
        "[1]",
        "¹",
        "†",
        "1.1.1.1¹,",
        "1.1.1.1* ",
        "1.1.1.1 (a.bc) ",
        "a.com (Frankfurt) ",
    ),
    *(
        "(Frankfurt, ",
        "*.",
        "*a",
        "a*.",
        "a-",
        "-a.com-",
        "1.",
        "xn--a.",
        "ü.com ",
        "é",
        "REGION-*.",
        "_a_ ",
        "**a.com** ",
    ),
    *(" and", " and ", " to ", "from 1.1.1.1 to 1.1.1.2,", "between 1.1.1.1 and ", "1.1.1.1 to ", "any ", "* ", "<br>"),
    *(
        "<b>",
        "</b>",
        "<b>a.com</b>",
        "<p>1.1.1.1</p>",
        "<sup>1</sup>",
        "`a.com` ",
        "\n- ",
        "• a.com\n",
        "1.a.com\n",
        "a.com\n",
    ),
    *("1.1.1.1 255.0.0.0 ", "10.0.0.0 /8,", "::", "https://a.com "),
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_cell_of_65_kb_takes_no_time(unit: str) -> None:
    """A second at most, of a processor that has nothing else to do; what grows with the square takes minutes."""
    start = time.process_time()
    for head, tail in (("", ""), ("192.0.2.1 ", ")"), ("a.example.com", "b.example.com")):
        with suppress(ValueError):
            read_destinations((head + unit * 65_000)[:65_000] + tail)
    assert time.process_time() - start < _SECONDS


@pytest.mark.parametrize("unit", UNITS)
def test_its_error_is_short(unit: str) -> None:
    try:
        _found, remarks = read_destinations((unit * 65_000)[:65_000])
    except ValueError as exc:
        assert len(str(exc)) < 1_500  # noqa: PT017
    else:
        assert sum(map(len, remarks)) < 200
