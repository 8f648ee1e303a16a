# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""'SIP (UDP 5060)' and 'all UDP ports above 1024': words that only say what ports are for, or that all are meant."""

from __future__ import annotations

from dataclasses import replace

from tests.support.second_port_reader.items import COMPARISONS, LESS, MORE
from tests.support.second_port_reader.protocols import AIMLESS, PURPOSES, TCP, UDP, VOCABULARY, is_list
from tests.support.second_port_reader.tokens import NUMBER, WORD, Token

_BESIDE = {"port", "and", "or", "to", "through", "thru"}
_UPWARDS = (
    "above",
    "up",
    "upwards",
    "upward",
    "higher",
    "greater",
    "more",
    "beyond",
    "below",
    "lower",
    "under",
    "less",
)


def serves(words: list[Token], content: list[Token]) -> bool:
    """Tell whether C{words} are purposes alone, and protocols with their ports stand in the brackets behind them."""
    outside = {token.text for token in words if token.kind == WORD}
    inside = {token.text for token in content if token.kind == WORD}
    simple = not any(token.marked or token.sign("(<>≤≥|、*") for token in [*words, *content])
    numbers = [token for token in content if token.kind == NUMBER]
    begins = bool(content) and (content[0].kind == WORD or len(content[0].text) > 1)
    return (
        simple
        and begins
        and 0 < len(outside) <= len(outside & (PURPOSES | AIMLESS | {"quic", "over", "and", "or"}))
        and bool(inside & {"tcp", "udp"})
        and inside <= TCP | UDP | _BESIDE
        and any(len(token.text) > 1 for token in numbers)
    )


def without_any(tokens: list[Token]) -> list[Token]:
    """Leave out 'all' before what says which ports: 'all UDP ports above 1024', 'all ports 1024-2048'."""
    kept: list[Token] = []
    limited: Token | None = None
    for place, token in enumerate(tokens):
        if _is_limited(tokens, place):
            limited = token
        elif limited and token.word("port"):
            continue
        else:
            kept.append(replace(token, gap=limited.gap, limits=True) if limited else token)
            limited = None
    return kept


def _is_limited(tokens: list[Token], place: int) -> bool:
    if not tokens[place].word("any", "all") or tokens[place].marked or (place and tokens[place - 1].sign("(")):
        return False
    behind = tokens[place + 1 :]
    protocol = 0
    while protocol < len(behind) and (behind[protocol].text in VOCABULARY or _joins(behind, protocol)):
        protocol += 1
    if protocol and not behind[0].gap:
        return False
    labelled = protocol < len(behind) and behind[protocol].word("port")
    rest = behind[protocol + labelled :]
    if not rest:
        return False
    if rest[0].text in COMPARISONS or rest[0].word(*MORE, *LESS, "at", "up"):
        return bool(protocol)  # without a protocol these are read as they stand
    rest = rest[1:] if rest[0].word("from", "between") else rest
    if not labelled or len(rest) < 2 or rest[0].kind != NUMBER:
        return False
    if rest[1].sign("+"):
        return not rest[1].gap
    number = len(rest) > 2 and rest[2].kind == NUMBER
    if rest[1].sign("-~:") or rest[1].word("to", "through", "thru"):
        return number
    if rest[1].word("and", "or"):
        beyond = len(rest) > 2 and rest[2].word(*_UPWARDS)
        beyond = beyond and not (rest[3:] and (rest[3].kind == NUMBER or rest[3].word("than")))
        return (number and behind[protocol + labelled].word("between")) or beyond
    return rest[1].word("up", "upwards", "upward")


def _joins(tokens: list[Token], place: int) -> bool:
    """Tell whether a sign or word joins two words of a protocol."""
    inner = 0 < place < len(tokens) - 1 and tokens[place - 1].text in VOCABULARY
    joint = tokens[place].sign("/-") or tokens[place].word("over", "via") or is_list(tokens[place])
    return inner and joint and tokens[place + 1].text in VOCABULARY
