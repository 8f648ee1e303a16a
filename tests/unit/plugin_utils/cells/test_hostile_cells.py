# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that are written to take long: what they cost grows with their length, and no faster."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ip_protocols import range_of, read_list
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.services import read_services
from hypothesis import given, settings
from hypothesis import strategies as st

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
    "(", ")", "[", "]", "*", "†", "¹", ",", ";", "-", "–", "+", "/", "|", ":", "`", ".", " ", "\n", "\t", "1", "80 ",
    "443,", "(1)", "[1]", "(TCP)", "TCP ", "TCP 443 ", "443 TCP ", "UDP/", "80/TCP - 90/TCP, ", "any, ", "1+, ",
    "> 1, ", "53 (DNS), ", "HTTPS, ", "STUN: 3478, ", "port ", "tls 1.2, ", " and ", " or ", " to ", "over ", "10,000,",
    "34 78 ", "5060/61 ", "1-2,", "0-65535,", "• 80\n", "1. 80\n", "http(s) ", "between 1 and ",
    "TCP (443), ", "、", "（",
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(UNITS), min_size=1, max_size=4).map("".join), st.sampled_from(["", "443", "UDP 443"]))
def test_a_cell_of_any_length_is_answered_within_a_second(unit: str, end: str) -> None:
    for length in (7_900, 65_536):
        cell = (unit * length)[:length] + end
        for protocol in ("", "TCP", "TCP/UDP"):
            start = time.process_time()
            with suppress(ValueError):
                read_services(protocol, cell)
            with suppress(ValueError):
                read_services(cell, "443")
            assert time.process_time() - start < 1
