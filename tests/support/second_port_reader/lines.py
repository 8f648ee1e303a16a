# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of tokens to elements, with the gaps between them."""

from __future__ import annotations

from itertools import pairwise

from tests.support.second_port_reader.brackets import annotate, check_protocol_mark, mark
from tests.support.second_port_reader.doubts import check_shorthand
from tests.support.second_port_reader.items import LESS, MORE, read_ports
from tests.support.second_port_reader.protocols import AIMLESS, VOCABULARY, is_list, purposes, read_run
from tests.support.second_port_reader.runs import read_words
from tests.support.second_port_reader.services import serves, without_any
from tests.support.second_port_reader.shapes import (
    APART,
    DASH,
    END,
    SPACE,
    TIGHT,
    WIDE,
    Cursor,
    Element,
    Gap,
    Ports,
    Protocol,
    Purpose,
)
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token


class LineReader:
    """Reads one line; then C{gaps} holds one behind each of C{elements} but the last, and perhaps one behind that."""

    def __init__(self, tokens: list[Token]) -> None:
        self._cursor = Cursor(without_any(tokens))
        self._words: list[Token] = []  # of the last element, if it is one of words
        self._labelled = False  # 'port' stands behind the last protocol
        self._pairs: list[int] = []  # the places of elements behind 'both' and 'either'
        self.elements: list[Element] = []
        self.gaps: list[Gap] = []

    def read(self) -> LineReader:
        """Read it all; raise Refused for what is none of the forms."""
        cursor = self._cursor
        while not cursor.ended:
            self._element()
            self._brackets()
            if not cursor.ended:
                self.gaps.append(self._gap())
        for (place, one), (_next, other) in pairwise(enumerate(self.elements)):
            wide = isinstance(one, Ports) and one.worded and self.gaps[place].text in ("", "(")
            if wide and isinstance(other, Protocol) and not other.plain:
                raise Refused("any port, or all of a kind of traffic")
        if not all(map(self._paired, self._pairs)):
            raise Refused("'both' before one")
        return self

    def _paired(self, place: int) -> bool:
        """Tell whether a list begins at an element whose last item stands behind 'and' or its like."""
        first = self.elements[place]
        bound = place < len(self.gaps) and self.gaps[place].tightness < APART and self.gaps[place].text != "/"
        if isinstance(first, Protocol) and (first.listed or len(first.protocols) > 1):
            return True
        if not isinstance(first, Ports) and not (isinstance(first, Protocol) and first.names and not bound):
            return False
        for gap, element in zip(self.gaps[place:], self.elements[place + 1 :], strict=False):
            if not isinstance(element, Ports):
                return False
            if gap.text in ("/", "&", "+", "and", "or", "plus", "and/or", ", and"):
                return True
        return False

    def _skip_pair(self) -> None:
        """Skip 'both' and 'either' in front of a number or a word."""
        cursor = self._cursor
        if not cursor.sees("both", "either"):
            return
        touched = not cursor.peek().gap and cursor.behind is not END and cursor.behind.kind != SIGN
        behind = cursor.peek(1)
        if (
            touched
            or cursor.peek().marked
            or not behind.gap
            or not (behind.kind == NUMBER or behind.text in VOCABULARY)
        ):
            raise Refused("'both' before something else")
        self._pairs.append(len(self.elements))
        cursor.at += 1

    def _skip_port(self) -> None:
        """Skip 'port', with or without a colon."""
        cursor = self._cursor
        if not cursor.sees("port"):
            return
        if cursor.peek().marked or (cursor.behind.kind == NUMBER and not cursor.peek().gap):
            raise Refused("a mark behind a word, or a number that touches it")
        cursor.at += 1
        if cursor.sees(":"):
            cursor.at += 1
        if cursor.ended or cursor.sees("/", "-"):
            raise Refused("no port behind the word")

    def _element(self) -> None:
        cursor = self._cursor
        self._skip_pair()
        self._skip_port()
        if cursor.peek().kind == WORD and cursor.peek().text in VOCABULARY:
            begin = cursor.at
            self.elements.append(read_words(cursor))
            self._words = cursor.tokens[begin : cursor.at]
        elif found := read_ports(cursor):
            cursor.check_touch()
            self.elements.append(found)
            self._words = []
        else:
            raise Refused(f"{cursor.peek().text} is not understood")
        self._skip_port_behind()

    def _skip_port_behind(self) -> None:
        """Skip 'ports' in 'UDP ports 443', 'all UDP ports'."""
        cursor, last = self._cursor, self.elements[-1]
        closed = cursor.behind.sign(")")
        if not cursor.sees("port") or cursor.peek().gap != 1 or closed or not isinstance(last, Protocol | Purpose):
            return
        before = self.elements[-2] if len(self.elements) > 1 else None
        behind = cursor.peek(1)
        ends = behind.sign(":") and before is not None and cursor.peek(2) is END
        if (behind is END or is_list(behind) or ends) and not (
            isinstance(before, Ports) and (before.worded or before.star) and self.gaps[-1].tightness < APART
        ):
            return
        if cursor.peek().marked:
            raise Refused("a mark behind a word")
        cursor.at += 1
        if isinstance(before, Ports):
            before.worded = False
        self._labelled = not (isinstance(before, Ports) and before.kind == "any")

    def _gap(self) -> Gap:
        cursor = self._cursor
        labelled, self._labelled = self._labelled, False
        token, behind = cursor.peek(), cursor.peek(1)
        if is_list(token):
            return self._separator()
        if token.sign("/:-"):
            cursor.at += 1
            if behind is END and not token.sign(":"):
                raise Refused("nothing behind a separator")
            slash = WIDE if token.gap or behind.gap else TIGHT
            return Gap({"/": slash, ":": TIGHT, "-": DASH}[token.text], token.text)
        if labelled:
            return Gap(TIGHT, "port")
        return Gap(SPACE if token.word("port") else (TIGHT, SPACE, WIDE)[token.gap], "")

    def _separator(self) -> Gap:
        cursor, token = self._cursor, self._cursor.peek()
        if token.kind == WORD and not (token.gap and cursor.peek(1).gap):
            raise Refused("words that touch")
        marked = cursor.behind.marked and isinstance(self.elements[-1], Ports)
        if token.sign("+") and marked and not token.gap and cursor.peek(1).gap:
            raise Refused("a plus behind a mark")
        cursor.at += 1
        if token.sign(",;、"):
            if cursor.ended:
                return Gap(APART, "")
            if cursor.sees("and", "or", "plus"):
                if not (cursor.peek().gap or token.sign("、")) or not cursor.peek(1).gap:
                    raise Refused("words that touch")
                cursor.at += 1
                if cursor.ended:
                    raise Refused("nothing behind a separator")
                return Gap(APART, ", and")
        if cursor.ended:
            raise Refused("nothing behind a separator")
        return Gap(APART, token.text)

    def _brackets(self) -> None:
        cursor = self._cursor
        while cursor.sees("("):
            size = cursor.closing()
            content = cursor.tokens[cursor.at + 1 : cursor.at + size]
            if not content or any(token.sign("(") for token in content):
                raise Refused("brackets")
            apart = cursor.peek().gap
            cursor.at += size + 1
            words, self._words = self._words, []
            if apart < 2 and serves(words, content):
                self._services(words, content)
            else:
                self._content(content)
            behind = cursor.peek()
            if behind is not END and behind.kind != SIGN and not behind.gap:
                raise Refused("something touches a bracket")

    def _services(self, words: list[Token], content: list[Token]) -> None:
        """Read services in brackets, which stand in the place of the words before them."""
        self.elements.pop()
        inner = LineReader(content).read()
        if len(inner.gaps) == len(inner.elements):
            raise Refused("nothing behind a separator")
        for element in inner.elements:
            if isinstance(element, Ports):
                element.inside = True
                element.purposes.append([token.text for token in words if token.kind == WORD])
        self.elements += inner.elements
        self.gaps += inner.gaps

    def _is_quic(self, content: list[Token]) -> bool:
        """Tell whether '(QUIC)' says again what the protocol in front of ports is."""
        named = [element.protocols for element in self.elements if isinstance(element, Protocol)]
        again = [token.text for token in content] in (["quic"], ["http/3"]) and not content[0].marked
        return again and isinstance(self.elements[0], Protocol) and named[-1] == {"udp"}

    def _content(self, content: list[Token]) -> None:
        """Read what stands in brackets behind the last element."""
        owner = self.elements[-1]
        if isinstance(owner, Ports) and owner.kind in ("port", "range", "up", "down") and self._is_quic(content):
            owner.purposes.append(["quic"])
        elif isinstance(owner, Ports):
            if protocol := annotate(owner, content):
                self.elements.append(protocol)
                self.gaps.append(Gap(TIGHT, "("))
        elif isinstance(owner, Purpose):
            if mark(content) and self._follows_ports():
                return
            if mark(content):
                raise Refused("a port, or a mark")
            if self._follows_ports() and {token.text for token in content if token.kind == WORD} & AIMLESS:
                owner.words += purposes(content)
            else:
                self._ports_inside(content)
        elif text := mark(content):
            check_protocol_mark(text, owner.protocols, alone=not owner.inside and not self._follows_ports())
        elif owner.inside or not any(token.kind == NUMBER for token in content):
            around = [Token(SIGN, sign, 0) for sign in "()"]
            if any(token.marked for token in content):
                raise Refused("a mark in brackets")
            if read_run([*owner.tokens, around[0], *content, around[1]]) != owner.protocols:
                raise Refused("brackets hold another protocol")
        elif self._follows_ports() or ([token.text for token in content] == ["17"] and "udp" in owner.protocols):
            raise Refused("the number of a protocol, or a port more")
        else:
            self._ports_inside(content)

    def _follows_ports(self) -> bool:
        """Tell whether only a gap is between the last element and ports before it."""
        return len(self.elements) > 1 and isinstance(self.elements[-2], Ports) and self.gaps[-1].tightness < APART

    def _ports_inside(self, content: list[Token]) -> None:
        labelled = content[0].word("port") and ((content[1:2] and content[1].kind == NUMBER) or content[1].sign(":"))
        comparing = (
            *([] if labelled else ["port"]),
            "any",
            "all",
            "up",
            "at",
            "above",
            "over",
            "below",
            "under",
            *MORE,
            *LESS,
        )
        if content[0].kind == SIGN or content[0].word(*comparing):
            raise Refused("words in brackets behind a protocol")
        if is_list(content[-1]) and not content[-1].sign("+"):
            raise Refused("nothing behind a separator")
        inner = LineReader(content).read()
        check_shorthand(inner.elements, inner.gaps, {})
        if any(gap.text in (":", "-") or gap == Gap(TIGHT, "") for gap in inner.gaps):
            raise Refused("a label, or a range")
        for element in inner.elements:
            if not isinstance(element, Ports):
                raise Refused("brackets behind a protocol hold ports")
            element.inside = True
            self.gaps.append(Gap(TIGHT, "("))
            self.elements.append(element)
