# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of words in a cell of ports: a protocol, or purposes."""

from __future__ import annotations

from itertools import accumulate

from tests.support.second_port_reader.protocols import AIMLESS, LISTS, PURPOSES, VOCABULARY, is_list, purposes, read_run
from tests.support.second_port_reader.shapes import END, Cursor, Protocol, Purpose
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token

NAMES = ("http", "https", "http(s)")


def read_words(cursor: Cursor) -> Protocol | Purpose:
    """Read a run of words of protocols, with the brackets that belong to them."""
    cursor.check_touch()
    begin = cursor.at
    cursor.at += 1
    while not cursor.behind.marked:
        if cursor.sees("(") and (size := _worded(cursor)):
            words = {token.text for token in cursor.tokens[begin : cursor.at + size] if token.kind == WORD}
            if words <= AIMLESS or _last_item(cursor.tokens[begin : cursor.at]) & {"tcp", "udp"}:
                break
            cursor.at += size
            break
        links = 0
        while links < 2 and _joins(cursor, links):
            links += 1
        following = cursor.peek(links)
        if links and is_list(cursor.peek()) and _is_label(cursor, links):
            break
        if (
            following.limits
            or following.kind != WORD
            or following.text not in VOCABULARY
            or not (links or following.gap)
        ):
            break
        cursor.at += links + 1
    cursor.check_touch()
    behind = cursor.peek()
    if cursor.behind.sign(")") and behind is not END and behind.kind != SIGN and not behind.gap:
        raise Refused("something touches a bracket")
    tokens = cursor.tokens[begin : cursor.at]
    known = PURPOSES | AIMLESS | {"quic", "http/3"}
    words = {token.text for token in tokens if token.kind == WORD}
    labels = cursor.sees(":") and cursor.peek(1).text in ("tcp", "udp") and words <= known | {"over"}
    if labels and not any(token.sign("(") for token in tokens):
        return Purpose(purposes(tokens, known), marked=any(token.marked for token in tokens))
    if words & (VOCABULARY - AIMLESS):
        return _protocol(tokens)
    return Purpose(purposes(tokens, AIMLESS), marked=any(token.marked for token in tokens))


def _last_item(tokens: list[Token]) -> set[str]:
    """Return the words of the last item of a list."""
    start = max((place for place, token in enumerate(tokens) if is_list(token)), default=-1)
    return {token.text for token in tokens[start + 1 :] if token.kind == WORD}


def _is_label(cursor: Cursor, ahead: int) -> bool:
    """Tell whether purposes with a colon behind them stand there."""
    while cursor.peek(ahead).text in AIMLESS or cursor.peek(ahead).sign("/-"):
        ahead += 1
    return cursor.sees(":", ahead=ahead)


def _joins(cursor: Cursor, ahead: int) -> bool:
    token = cursor.peek(ahead)
    if ahead:
        return cursor.sees(",", "、") and token.word("and", "or") and (token.gap > 0 or cursor.sees("、"))
    return token.sign("/-,&+、") or token.word("over", "via", "and", "or", "plus")


def _worded(cursor: Cursor) -> int:
    """Return the number of tokens of brackets that hold words for a protocol, 0 for a mark or for ports."""
    size = cursor.closing()
    content = cursor.tokens[cursor.at + 1 : cursor.at + size]
    if size < 2 or any(token.kind == NUMBER or token.sign("(") for token in content):
        return 0
    if any(token.marked for token in content):
        raise Refused("a mark in brackets")
    return 0 if len(content) == 1 and len(content[0].text) == 1 else size + 1


def _protocol(tokens: list[Token]) -> Protocol:
    depths = accumulate(token.sign("(") - token.sign(")") for token in tokens)
    outside = [token for token, depth in zip(tokens, depths, strict=True) if not depth and not token.sign(")")]
    items: list[list[str]] = [[]]
    for token in outside:
        if is_list(token):
            items.append([])
        elif token.kind == WORD:
            items[-1].append(token.text)
    found = Protocol(read_run(tokens), tokens, listed=len(items) > 1)
    words = [word for item in items for word in item]
    if found.listed and sum(token.word("over", "via") for token in outside) > 1:
        raise Refused("a list, or protocols with ports of their own")
    names = tuple(word for word in words if word in NAMES)
    found.plain = set(words) <= {"tcp", "udp"} | set(LISTS[1])
    if set(words) <= set(NAMES):
        found.names = names
    elif found.listed or not set(words) & {"tcp", "udp"}:
        found.among = names
    return found
