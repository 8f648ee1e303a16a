# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cell of protocols alone."""

from __future__ import annotations

from dataclasses import replace

from tests.support.second_port_reader.protocols import TCP, UDP, Protocols, is_list, read_run
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token, lines_of

OVER = ("over", "via")
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
        if tokens[-1].sign(",") and len(tokens) > 1 and (line.tokens[0].word(*OVER) or tokens[-2].word(*OVER)):
            tokens.pop()
        own = line.tokens[1:] if len(line.tokens) > 1 and len(tokens) > 1 and is_list(line.tokens[0]) else line.tokens
        if len(own) > 1 and line is not lines[-1] and is_list(own[-1]):
            if not own[-1].gap and own[-1].sign("+"):
                raise Refused("a plus that touches, at the end of a line")
            own = own[:-1]
        tokens += [*own, Token(SIGN, ",", 0)]
    tokens = _bare(_worded(tokens[1:-1]))
    if [token.text for token in tokens] == ["both"]:
        return frozenset({"tcp", "udp"})
    paired = tokens[0].word("both", "either") and len(tokens) > 1
    if paired:
        if tokens[1].sign(",") or tokens[1].kind == NUMBER or not (tokens[1].gap or tokens[1].sign("(")):
            raise Refused("'both' and more")
        tokens = tokens[1:]
        tokens = tokens[1:-1] if len(tokens) > 2 and tokens[0].sign("(") and tokens[-1].sign(")") else tokens
    if len(tokens) == 1 and tokens[0].kind == NUMBER and tokens[0].text in NUMBERS:
        return frozenset({NUMBERS[tokens[0].text]})
    numbered = len(tokens) == 4 and tokens[0].kind == WORD and NUMBERS.get(tokens[2].text) == tokens[0].text
    if numbered and tokens[1].sign("(") and tokens[3].sign(")"):
        return frozenset({tokens[0].text})
    found = read_run(tokens)
    if paired and len(found) < 2:
        raise Refused("'both' before one protocol")
    if not found:
        raise Refused("a purpose alone")
    return found


def _worded(tokens: list[Token]) -> list[Token]:
    """Return the items that are a number as their names, and what stands there without marks like '(a)'."""
    kept: list[Token] = []
    for place, token in enumerate(tokens):
        before, behind = kept[-1:], tokens[place + 1 : place + 2]
        begins, ends = not before or is_list(before[0]), not behind or is_list(behind[0])
        known = (
            token.kind == NUMBER
            and token.text in NUMBERS
            and begins
            and ends
            and (token.gap or not before or (before[0].kind == SIGN and not before[0].sign("+")))
        )
        kept.append(replace(token, kind=WORD, text=NUMBERS[token.text]) if known else token)
        three = [each.text for each in kept[-3:]]
        marks = "abcdefgh12345789" if len(kept) > 3 and kept[-4].text in TCP | UDP else "abcdefgh"
        if len(kept) > 3 and three[0] == "(" and three[1] in tuple(marks) and three[2] == ")":
            goes_on = (
                behind and behind[0].kind == WORD and not behind[0].word("and", "or", "plus", "and/or", "only", *OVER)
            )
            if kept[-4].marked or kept[-2].marked or goes_on:
                raise Refused("two kinds of marks, or a mark before a word")
            del kept[-3:]
    return kept


def _bare(tokens: list[Token]) -> list[Token]:
    """Leave out what changes nothing: 'only' and 'protocol' at the end, a colon at the end."""
    if tokens and tokens[-1].sign(":"):
        tokens = tokens[:-1]
    if len(tokens) > 1 and tokens[-1].word("only", "protocol", "protocols") and tokens[-1].gap:
        tokens = tokens[:-1]
    if len(tokens) > 2 and tokens[0].word("protocol", "protocols") and tokens[1].sign(":"):
        tokens = tokens[2:]
    if not tokens:
        raise Refused("nothing there")
    return tokens
