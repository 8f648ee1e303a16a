# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cell of protocols alone."""

from __future__ import annotations

from dataclasses import replace

from tests.support.second_port_reader.protocols import Protocols, is_list, read_run
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token, lines_of

NUMBERS = {"6": "tcp", "17": "udp", "33": "dccp", "132": "sctp"}


def read_row_protocols(cell: str) -> Protocols | None:
    """Return the protocols of a row's own cell, None of an empty one; raise Refused.

    Protocols without ports are refused, since the cells that this reader is asked for have ports.
    """
    lines = lines_of(cell, 200, ports=False)
    if not lines:
        return None
    tokens = [Token(SIGN, ",", 0)]
    for line in lines:
        if line.tokens[0].kind == WORD:
            line.tokens[0] = replace(line.tokens[0], gap=1)
        own = line.tokens[1:] if len(line.tokens) > 1 and len(tokens) > 1 and is_list(line.tokens[0]) else line.tokens
        own = own[:-1] if len(own) > 1 and line is not lines[-1] and is_list(own[-1]) else own
        tokens += [*own, Token(SIGN, ",", 0)]
    tokens = _bare(tokens[1:-1])
    if [token.text for token in tokens] == ["both"]:
        return frozenset({"tcp", "udp"})
    if tokens[0].word("both", "either") and len(tokens) > 1:
        tokens = tokens[2:] if tokens[1].sign(",") and len(tokens) > 2 else tokens[1:]
        tokens = tokens[1:-1] if len(tokens) > 2 and tokens[0].sign("(") and tokens[-1].sign(")") else tokens
    if len(tokens) == 1 and tokens[0].kind == NUMBER and tokens[0].text in NUMBERS:
        return frozenset({NUMBERS[tokens[0].text]})
    numbered = len(tokens) == 4 and tokens[0].kind == WORD and NUMBERS.get(tokens[2].text) == tokens[0].text
    if numbered and tokens[1].sign("(") and tokens[3].sign(")"):
        return frozenset({tokens[0].text})
    found = read_run(tokens)
    if not found:
        raise Refused("a purpose alone")
    return found


def _bare(tokens: list[Token]) -> list[Token]:
    """Leave out what changes nothing: 'only' and 'protocol' at the end, a colon at the end."""
    if tokens and tokens[-1].sign(":"):
        tokens = tokens[:-1]
    if len(tokens) > 1 and tokens[-1].word("only", "protocol") and tokens[-1].gap:
        tokens = tokens[:-1]
    if len(tokens) > 2 and tokens[0].word("protocol") and tokens[1].sign(":"):
        tokens = tokens[2:]
    if not tokens:
        raise Refused("nothing there")
    return tokens
