# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of tokens to ports and protocols, with the gaps between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from tests.support.second_port_reader.numbers import is_link
from tests.support.second_port_reader.protocols import (
    AIMLESS,
    PURPOSES,
    VOCABULARY,
    Protocols,
    check_fit,
    is_list,
    purposes,
    read_run,
)
from tests.support.second_port_reader.tokens import NUMBER, SIGN, WORD, Refused, Token

# Gaps, from the tightest.
TIGHT, DASH, SPACE, WIDE, APART = range(5)

UPWARDS = {"up", "above", "higher", "over", "greater"}
DOWNWARDS = {"below", "lower", "under"}
MORE = ("greater", "higher", "more")
LESS = ("less", "lower")


@dataclass
class Ports:
    """C{first} to C{last}, and how they are printed: C{kind} is 'port', 'range', 'any', 'zero' or 'bound'.

    C{inside}: in brackets behind a protocol. C{own}: the protocols of a name. C{purposes}: in brackets behind it.
    """

    first: int
    last: int
    kind: str
    inside: bool = False
    own: Protocols | None = None
    letters: list[str] = field(default_factory=list)
    purposes: list[list[str]] = field(default_factory=list)
    printed: int = 0  # the number where they are open at one end


@dataclass
class Protocol:
    """A run of words; C{names}: it is made of 'http' and 'https' alone; C{inside}: in brackets behind ports."""

    protocols: Protocols
    names: tuple[str, ...] = ()
    listed: bool = False  # a list itself
    inside: bool = False


@dataclass
class Purpose:
    """Purposes with a colon in front of ports."""

    words: list[str]


@dataclass
class Gap:
    """What stands between two elements, or behind the last one; C{text} is the sign or word, '' for a space."""

    tightness: int
    text: str


Element = Ports | Protocol | Purpose


class LineReader:
    """Reads one line; C{bullet}: it began with one."""

    def __init__(self, tokens: list[Token], *, bullet: bool = False) -> None:
        self.tokens, self.bullet = tokens, bullet
        self._at = 0
        self._labelled = False  # 'port' stands behind the last protocol
        self._many = False  # a run of several protocols was there
        self.elements: list[Element] = []
        self.gaps: list[Gap] = []  # one behind each element but the last, and perhaps one at the end

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self._at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def _is(self, *texts: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token is not None and token.text in texts

    def _number(self, ahead: int = 0) -> str | None:
        token = self._peek(ahead)
        return token.text if token and token.kind == NUMBER else None

    def read(self) -> LineReader:
        """Read it all; raise Refused for what is none of the forms."""
        only = self._skip_fillers()
        both = self._is_behind("both", "either")
        while self._peek():
            self._element()
            self._brackets()
            last = not self._peek(1) or (self._is(",", ";", ahead=1) and not self._peek(2))
            if self._is("only") and last and not only and not self.tokens[self._at].marked:
                self._at += 1
            if self._peek():
                self.gaps.append(self._gap())
        if both and sum(isinstance(element, Ports) for element in self.elements) < 2 and not self._many:
            raise Refused("both of one")
        return self

    def _skip_fillers(self) -> bool:
        """Skip 'only', 'both' and 'either' in front of the line; tell whether 'only' was there."""
        only = self._is("only")
        if only or (self._is("both", "either") and self._peek(1)):
            self._at += 1
            following = self._peek()
            if not following or not following.gap:
                raise Refused("nothing behind a word")
        return only

    def _skip_port(self) -> None:
        """Skip 'port', with or without a colon."""
        if not self._is("port"):
            return
        if self._peek().marked:  # type: ignore[union-attr]
            raise Refused("a mark behind a word")
        self._at += 1
        if self._is(":"):
            self._at += 1
        elif not self._peek() or not (self._peek().gap or self._peek().head > 2):  # type: ignore[union-attr]
            raise Refused("no port behind the word")
        if not self._peek():
            raise Refused("no port behind the word")

    def _element(self) -> None:
        self._skip_port()
        token = self._peek()
        if token is None:
            raise Refused("nothing there")
        if token.kind == WORD and token.text in VOCABULARY:
            self._run()
        elif found := self._ports():
            self._touches()
            self.elements.append(found)
        else:
            raise Refused(f"{token.text} is not understood")
        if self._is("port") and self._peek().gap == 1 and not isinstance(self.elements[-1], Purpose):  # type: ignore[union-attr]
            any_port = isinstance(self.elements[-1], Ports) and self.elements[-1].kind == "any"
            before = self.elements[-2] if len(self.elements) > 1 else None
            counted = isinstance(before, Ports) and before.kind == "any"
            if any_port or (isinstance(self.elements[-1], Protocol) and (self._peek(1) or counted)):
                if self._peek().marked:  # type: ignore[union-attr]
                    raise Refused("a mark behind a word")
                self._at += 1
                self._labelled = not any_port

    def _touches(self) -> None:
        """Raise Refused where a number of one or two digits touches the word behind it."""
        before, behind = self.tokens[self._at - 1], self._peek()
        if behind and before.kind == NUMBER and behind.kind == WORD and not behind.gap and len(before.text) < 3:
            raise Refused("a number with a letter in it")

    def _ports(self) -> Ports | None:
        if bound := self._bound():
            return bound
        if self._is("any", "all", "*"):
            self._at += 1
            behind = self._peek()
            if self._is_behind("*") and behind and (behind.kind != SIGN or behind.text in "<>≤≥"):
                if not behind.gap or behind.kind == SIGN:
                    raise Refused("a star that touches")
            if self._is("port") and self._peek().gap:  # type: ignore[union-attr]
                self._at += 1
            if bound := self._bound():
                return bound
            return Ports(1, 65535, "any")
        if self._is("between") and self._number(1) and self._is("and", ahead=2) and self._number(3):
            first, last = self._number(1), self._number(3)
            if not all(token.gap for token in self.tokens[self._at + 1 : self._at + 4]):
                raise Refused("words that touch")
            self._at += 4
            return _range(first, last)
        started = self._is("from")
        if started and self.gaps and self.gaps[-1] == Gap(SPACE, "") and isinstance(self.elements[-1], Ports):
            raise Refused("from in the middle")
        self._at += started
        first = self._number()
        if not first:
            return None
        link = self._peek(1)
        behind = self._peek(2)
        if link and behind and behind.kind == NUMBER and is_link(link, behind):
            self._at += 3
            if link.kind == WORD and not (link.gap and behind.gap):
                raise Refused("words that touch")
            return _range(first, behind.text)
        self._at += 1
        if self._is("up") and self._is("to", ahead=1) and self._number(2):
            self._at += 3
            return _range(first, self.tokens[self._at - 1].text)
        if marked := self._marked_range(int(first)):
            return marked
        ended = self._ending(int(first))
        if started and not (ended and self._is_behind("up", "upwards")):
            raise Refused("from one port to none")
        return ended or Ports(int(first), int(first), "port")

    def _marked_range(self, first: int) -> Ports | None:
        """Read '10000 (RTP) - 20000': a mark or a purpose behind the first end of a range."""
        size = next((size for size in range(1, 9) if self._is(")", ahead=size)), 0) if self._is("(") else 0
        link, behind = self._peek(size + 1), self._peek(size + 2)
        if (
            not size
            or not link
            or not behind
            or behind.kind != NUMBER
            or not (link.sign("-~") or is_link(link, behind))
        ):
            return None
        begin = self._at
        content = self.tokens[self._at + 1 : self._at + size]
        found = Ports(first, first, "port")
        if {token.text for token in content} & {"tcp", "udp", "quic", "sctp", "http/2", "http/3"}:
            return None
        self.elements.append(found)
        self._content(content)
        if self.elements.pop() is not found:
            self._at = begin
            raise Refused("a protocol in the middle of a range")
        self._at += size + 3
        result = _range(str(first), behind.text)
        if result.first > result.last:
            raise Refused("an inverted range")
        result.purposes, result.letters = found.purposes, found.letters
        return result

    def _is_behind(self, *texts: str) -> bool:
        return self._at > 0 and self.tokens[self._at - 1].text in texts

    def _bound(self) -> Ports | None:
        """Read '> 1024', 'at least 1024' and the like."""
        words = {">": 1, "above": 1, "over": 1, "≥": 0, "<": -1, "below": -1, "under": -1, "≤": 0}
        if self._is(*words):
            sign, size = self._peek().text, 1  # type: ignore[union-attr]
            up = sign in (">", "above", "over", "≥")
            strict = words[sign] != 0
        elif self._is(*MORE, *LESS) and self._is("than", ahead=1):
            size, up, strict = 2, self._is(*MORE), True
        elif (self._is("at") and self._is("least", "most", ahead=1)) or (self._is("up") and self._is("to", ahead=1)):
            size, up, strict = 2, self._is("least", ahead=1), False
        else:
            return None
        number = self._number(size)
        spaced = self._peek(size) and (
            self.tokens[self._at + size - 1].kind != WORD or self._peek(size).gap or self._peek(size).head > 2  # type: ignore[union-attr]
        )  # type: ignore[union-attr]
        if not number or not spaced:
            raise Refused("no port behind a comparison")
        self._at += size + 1
        return _open(int(number), up=up, strict=strict)

    def _ending(self, number: int) -> Ports | None:
        """Read '+', 'and up', 'or lower', 'upwards' behind a port."""
        link, word = self._peek(), self._peek(1)
        if link is None:
            return None
        if (
            link.sign("+")
            and not link.gap
            and not self.tokens[self._at - 1].marked
            and (word is None or self._separates(word))
        ):
            self._at += 1
            return _open(number, up=True)
        listed = word and not word.gap and word.kind in (NUMBER, WORD)
        if link.sign("+") and not link.gap and not listed:
            raise Refused("from a port up, or a list")
        if link.word("upwards", "up") and link.gap:
            self._at += 1
            return _open(number, up=True)
        if link.word("and", "or") and link.gap and word and word.gap:
            up, down = word.text in UPWARDS, word.text in DOWNWARDS
            follows = self._peek(2)
            if (up or down) and not (follows and (follows.kind == NUMBER or follows.word("than"))):
                self._at += 2
                return _open(number, up=up)
        return None

    def _separates(self, token: Token) -> bool:
        return is_list(token) and not token.sign("+")

    def _run(self) -> None:
        """Read a run of words of protocols, with the brackets that belong to them."""
        begin = self._at
        self._at += 1
        while True:
            if self.tokens[self._at - 1].marked:
                break
            if self._is("(") and (size := self._worded()):
                self._at += size
                continue
            links = 0
            while links < 2 and self._joins(links):
                links += 1
            following = self._peek(links)
            if not following or following.kind != WORD or following.text not in VOCABULARY:
                break
            if not links and not following.gap:
                break
            self._at += links + 1
        self._finish_run(self.tokens[begin : self._at])

    def _joins(self, ahead: int) -> bool:
        token = self._peek(ahead)
        if not token:
            return False
        first = ahead == 0
        second = not first and self._is(",", ahead=0) and token.word("and", "or")
        return second or (first and (token.sign("/-,&+、") or token.word("over", "via", "and", "or", "plus")))

    def _worded(self) -> int:
        """Return the number of tokens of brackets that hold words for a protocol, 0 for a mark or for ports."""
        size = next((size for size in range(1, 60) if self._is(")", ahead=size)), 0)
        content = self.tokens[self._at + 1 : self._at + size]
        if size < 2 or any(token.kind == NUMBER or token.sign("(") for token in content):
            return 0
        single = len(content) == 1 and len(content[0].text) == 1
        return 0 if single else size + 1

    def _finish_run(self, tokens: list[Token]) -> None:
        before = self.tokens[self._at - len(tokens) - 1] if self._at > len(tokens) else None
        if before and before.kind == NUMBER and not tokens[0].gap and len(before.text) < 3:
            raise Refused("a number with a letter in it")
        behind = self._peek()
        if behind and behind.kind == NUMBER and not behind.gap and behind.head < 3:
            raise Refused("a number with a letter in it")
        words = [token.text for token in tokens if token.kind == WORD]
        if not set(words) & (VOCABULARY - AIMLESS):
            self._purpose(tokens)
            return
        kinds = set(words) & VOCABULARY
        self._many = self._many or any(is_list(token) or token.sign("/") for token in tokens)
        names = tuple(words) if kinds <= {"http", "https", "http(s)"} else ()
        names = tuple(word for word in names if word in kinds)
        if names and not any(token.sign("(") for token in tokens):
            found = Protocol(frozenset({"tcp"}), names)
        else:
            found = Protocol(read_run(tokens))
        found.listed = any(is_list(token) for token in tokens)
        self.elements.append(found)

    def _purpose(self, tokens: list[Token]) -> None:
        words = purposes(tokens, AIMLESS)
        naming = words in (["dns"], ["ntp"])
        if not self._is(":") and not naming:
            raise Refused("a purpose without colon or brackets")
        self.elements.append(Purpose(words))

    def _gap(self) -> Gap:
        labelled, self._labelled = self._labelled, False
        token, behind = self._peek(), self._peek(1)
        assert token
        if is_list(token):
            if token.kind == WORD and not (token.gap and behind and behind.gap):
                raise Refused("words that touch")
            self._at += 1
            if token.sign(",;、") and not behind:
                return Gap(APART, "")
            if token.sign(",;、") and self._is("and", "or", "plus"):
                if not self._peek().gap:  # type: ignore[union-attr]
                    raise Refused("words that touch")
                self._at += 1
            if not self._peek():
                raise Refused("nothing behind a separator")
            assert token
            return Gap(APART, token.text)
        if token.sign("/:-"):
            if labelled and token.sign("-"):
                raise Refused("a dash behind a word")
            self._at += 1
            if not behind and not token.sign(":"):
                raise Refused("nothing behind a separator")
            spaced = bool(token.gap or (behind and behind.gap))
            tightness = {"/": WIDE if spaced else TIGHT, ":": TIGHT, "-": DASH}[token.text]
            return Gap(tightness, token.text)
        if labelled:
            return Gap(TIGHT, "port")
        return Gap((TIGHT, SPACE, WIDE)[token.gap], "")

    def _brackets(self) -> None:
        while self._is("("):
            size = next((size for size in range(1, 200) if self._is(")", ahead=size)), 0)
            content = self.tokens[self._at + 1 : self._at + size]
            if not content or any(token.sign("(") for token in content):
                raise Refused("brackets")
            self._at += size + 1
            self._content(content)
            behind = self._peek()
            if behind and behind.kind != SIGN and not behind.gap:
                raise Refused("something touches a bracket")

    def _content(self, content: list[Token]) -> None:
        """Read what stands in brackets behind the last element."""
        owner = self.elements[-1]
        text = content[0].text if len(content) == 1 else ""
        if text and len(text) == 1 and text in "123456789abcdefgh" and not content[0].marked:
            if isinstance(owner, Protocol) and text.isdigit():
                raise Refused("a port, a mark, or the number of a protocol")
            return
        if text in ("u", "t") and not content[0].marked:
            letter = {"u": "udp", "t": "tcp"}[text]
            if isinstance(owner, Protocol):
                if owner.protocols != {letter}:
                    raise Refused("a mark or a protocol")
            elif isinstance(owner, Ports):
                owner.letters.append(letter)
            return
        words = {token.text for token in content if token.kind == WORD}
        if isinstance(owner, Protocol):
            self._ports_inside(content, owner)
        elif isinstance(owner, Purpose):
            raise Refused("brackets behind a purpose")
        elif any(token.marked for token in content):
            raise Refused("a mark in brackets")
        elif words & {"tcp", "udp", "quic", "sctp", "http/2", "http/3", "via"}:
            if any(token.kind == NUMBER for token in content):
                raise Refused("a number with a protocol in brackets")
            self.elements.append(Protocol(read_run(content), inside=True))
            self.gaps.append(Gap(TIGHT, "("))
        elif words in ({"dns"}, {"ntp"}):
            owner.purposes.append([*words])
        else:
            owner.purposes.append(purposes(content, PURPOSES))

    def _ports_inside(self, content: list[Token], owner: Protocol) -> None:
        if owner.inside:
            check_fit(purposes(content, PURPOSES), owner.protocols)
            return
        if any(token.word("port") for token in content):
            raise Refused("a word in brackets behind a protocol")
        if [token.text for token in content] == ["17"] and owner.protocols == {"udp"}:
            raise Refused("the number of a protocol")
        if content[0].kind == SIGN or content[0].word(
            "any", "all", "from", "up", "at", "above", "over", "below", "under", *MORE, *LESS
        ):
            raise Refused("a comparison in brackets")
        if is_list(content[-1]) and not content[-1].sign("+"):
            raise Refused("nothing behind a separator")
        inner = LineReader(content).read()
        if not all(isinstance(element, Ports) for element in inner.elements):
            raise Refused("brackets behind a protocol hold ports")
        for element in inner.elements:
            self.gaps.append(Gap(TIGHT, "("))
            self.elements.append(element)
            if isinstance(element, Ports):
                element.inside = True
        check_shorthand(inner, {})


def _range(first: str | None, last: str | None) -> Ports:
    low, high = int(first or 0), int(last or 0)
    if low > high:
        raise Refused("an inverted range")
    return Ports(max(low, 1), high, "range" if low else "zero")


def _open(number: int, *, up: bool, strict: bool = False) -> Ports:
    first, last = (number + strict, 65535) if up else (1, number - strict)
    if first > last:
        raise Refused("no port is left")
    return Ports(first, last, "bound" if first > 1 else "below", printed=number)


def check_shorthand(line: LineReader, protocols: dict[int, object]) -> None:
    """Raise Refused where a number behind '/', '&', 'and' may complete to a port just above the one before.

    C{protocols}: of ports, by their identity; between ports of different ones there is no shorthand.
    """
    ports = [place for place, element in enumerate(line.elements) if isinstance(element, Ports)]
    for place, following in pairwise(ports):
        before, behind = line.elements[place], line.elements[following]
        assert isinstance(before, Ports)
        assert isinstance(behind, Ports)
        links = [gap.text for gap in line.gaps[place:following] if gap.tightness >= WIDE or following == place + 1]
        if not links or links[0] not in ("/", "&", "+", "and", "or", "plus", "and/or"):
            continue
        if protocols.get(id(before)) and protocols.get(id(behind)) not in (None, protocols[id(before)]):
            continue
        if before.kind in ("port", "range") and behind.kind in ("port", "range", "bound", "below"):
            first, short = str(before.last), str(behind.printed or behind.first)
            completed = int(first[: -len(short)] + short) if len(short) < len(first) else 0
            if 1 <= completed - before.last <= 20 and completed <= 65535:
                raise Refused("shorthand")


__all__ = ["Gap", "LineReader", "Ports", "Protocol", "Purpose", "check_fit", "check_shorthand"]
