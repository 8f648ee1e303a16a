# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One item of ports: a port, a range, any, from a port up or down."""

from __future__ import annotations

from tests.support.second_port_reader.brackets import annotate
from tests.support.second_port_reader.numbers import is_link
from tests.support.second_port_reader.protocols import is_list
from tests.support.second_port_reader.shapes import END, Cursor, Ports
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token

UPWARDS = {"up", "above", "higher", "over", "greater"}
DOWNWARDS = {"below", "lower", "under"}
MORE = ("greater", "higher", "more")
LESS = ("less", "lower")
COMPARISONS = {  # -> up, and without the number itself
    ">": (True, True), "above": (True, True), "over": (True, True), "≥": (True, False),
    "<": (False, True), "below": (False, True), "under": (False, True), "≤": (False, False),
}  # fmt: skip


def read_ports(cursor: Cursor) -> Ports | None:
    """Return the ports at the cursor, None where there are none."""
    if found := _comparison(cursor):
        return found
    if cursor.sees("any", "all", "*"):
        return _any(cursor)
    if cursor.sees("between") and cursor.number(1) and cursor.sees("and", ahead=2) and cursor.number(3):
        first, last = cursor.number(1), cursor.number(3)
        tokens = [cursor.peek(ahead) for ahead in range(4)]
        if not all(token.gap for token in tokens[1:]) or any(token.marked for token in tokens[:3]):
            raise Refused("words that touch")
        cursor.at += 4
        _check_closed(cursor)
        return _range(first, last)
    started = cursor.sees("from")
    cursor.at += started
    first = cursor.number()
    if not first:
        return None
    if started and (not cursor.peek().gap or cursor.behind.marked):
        raise Refused("words that touch")
    return _from(cursor, first, started=started)


def _from(cursor: Cursor, first: str, *, started: bool) -> Ports:
    """Read what begins with a number."""
    link, behind = cursor.peek(1), cursor.peek(2)
    if behind.kind == NUMBER and is_link(link, behind):
        cursor.at += 3
        if link.kind == WORD and not (link.gap and behind.gap):
            raise Refused("words that touch")
        _check_closed(cursor)
        return _range(first, behind.text)
    cursor.at += 1
    if cursor.sees("up") and cursor.peek().gap and cursor.sees("to", ahead=1) and cursor.number(2):
        if not cursor.peek(2).gap:
            raise Refused("words that touch")
        cursor.at += 3
        return _range(first, cursor.behind.text)
    if marked := _marked_range(cursor, first):
        return marked
    ended = _ending(cursor, int(first))
    if started and not (ended and cursor.behind.text in ("up", "upwards")):
        raise Refused("from one port to none")
    return ended or Ports(int(first), int(first), "port")


def _check_closed(cursor: Cursor) -> None:
    behind = cursor.peek(1)
    if cursor.sees("+") and not cursor.peek().gap and (behind.gap or behind.kind not in (NUMBER, WORD)):
        raise Refused("from a range up")


def _any(cursor: Cursor) -> Ports:
    star, marked = cursor.sees("*"), cursor.peek().marked
    cursor.at += 1
    behind = cursor.peek()
    touches = behind is not END and behind.kind != SIGN and not behind.gap
    if star and (touches or cursor.behind.stars.strip() or _comparison(Cursor(cursor.tokens[cursor.at :]))):
        raise Refused("a star that touches")
    worded = not star and not (cursor.sees("port") and behind.gap)
    if cursor.sees("port") and behind.gap:
        cursor.at += 1
        if star and _comparison(Cursor(cursor.tokens[cursor.at :])):
            raise Refused("a star before a comparison")
    return (not marked and _comparison(cursor)) or Ports(1, 65535, "any", worded=worded, star=star)


def _marked_range(cursor: Cursor, first: str) -> Ports | None:
    """Read '10000 (RTP) - 20000': a mark or a purpose behind the first end of a range."""
    size = cursor.closing() if cursor.sees("(") else 0
    link, behind = cursor.peek(size + 1), cursor.peek(size + 2)
    content = cursor.tokens[cursor.at + 1 : cursor.at + size]
    protocol = {token.text for token in content} & {"tcp", "udp", "quic", "sctp", "http/2", "http/3"}
    upto = link.word("up") and link.gap and behind.word("to") and cursor.number(size + 3)
    if not content or protocol or not (upto or (behind.kind == NUMBER and is_link(link, behind))):
        return None
    found = Ports(int(first), int(first), "port")
    if annotate(found, content):
        raise Refused("a protocol in the middle of a range")
    cursor.at += size + 3 + bool(upto)
    result = _range(first, upto or behind.text)
    result.purposes, result.letters = found.purposes, found.letters
    return result


def _comparison(cursor: Cursor) -> Ports | None:
    """Read '> 1024', 'at least 1024' and the like."""
    if cursor.sees(*COMPARISONS):
        size, (up, strict) = 1, COMPARISONS[cursor.peek().text]
    elif cursor.sees(*MORE, *LESS) and cursor.sees("than", ahead=1):
        equal = [cursor.peek(ahead).text for ahead in (2, 3, 4)] == ["or", "equal", "to"]
        size, up, strict = 5 if equal else 2, cursor.sees(*MORE), not equal
    elif cursor.sees("at") and cursor.sees("least", "most", ahead=1):
        size, up, strict = 2, cursor.sees("least", ahead=1), False
    elif cursor.sees("up") and cursor.sees("to", ahead=1):
        size, up, strict = 2, False, False
    else:
        return None
    number = cursor.number(size)
    if any(cursor.peek(ahead).marked for ahead in range(size)):
        raise Refused("a mark behind a word")
    if not number or (cursor.behind.kind == NUMBER and not cursor.peek().gap):
        raise Refused("no port behind a comparison")
    if cursor.peek(size - 1).kind == WORD and not cursor.peek(size).gap:
        raise Refused("words that touch")
    cursor.at += size + 1
    _check_closed(cursor)
    return _open(int(number), up=up, strict=strict)


def _ending(cursor: Cursor, number: int) -> Ports | None:
    """Read '+', 'and up', 'or lower', 'upwards' behind a port."""
    link, word, follows = cursor.peek(), cursor.peek(1), cursor.peek(2)
    if link.sign("+") and not link.gap:
        if not cursor.behind.marked and (word is END or _separates(word)):
            cursor.at += 1
            return _open(number, up=True)
        if word.gap or word.kind not in (NUMBER, WORD):
            raise Refused("from a port up, or a list")
    if link.word("upwards", "up") and link.gap and word.kind != NUMBER:
        cursor.at += 1
        _check_closed(cursor)
        return _open(number, up=True)
    sided = word.text in UPWARDS | DOWNWARDS and (word.marked or not (follows.kind == NUMBER or follows.word("than")))
    if link.word("and", "or") and link.gap and word.gap and sided:
        cursor.at += 2
        _check_closed(cursor)
        return _open(number, up=word.text in UPWARDS)
    return None


def _separates(token: Token) -> bool:
    return is_list(token) and not token.sign("+")


def _range(first: str | None, last: str | None) -> Ports:
    low, high = int(first or 0), int(last or 0)
    if low > high:
        raise Refused("an inverted range")
    return Ports(max(low, 1), high, "range", printed=str(low))


def _open(number: int, *, up: bool, strict: bool = False) -> Ports:
    first, last = (number + strict, 65535) if up else (1, number - strict)
    if first > last:
        raise Refused("no port is left")
    return Ports(first, last, "up" if first > 1 else "down", printed=str(number))
