# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line is made of: ports, protocols, purposes, and the gaps between them; and a cursor on tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.second_port_reader.protocols import Protocols
from tests.support.second_port_reader.tokens import NUMBER, WORD, Refused, Token

# Gaps, from the tightest.
TIGHT, DASH, SPACE, WIDE, APART = range(5)


@dataclass
class Ports:
    """C{first} to C{last}, and how they are printed.

    C{kind}: 'port', 'range', 'any', 'up' from a port, 'down' from a port, or 'name'. C{printed}: the number at their
    beginning where that is not C{first}. C{inside}: they stand in brackets behind a protocol. C{worded}: 'any' that is
    not 'any port'. C{star}: any port as '*'. C{own}: the protocols of a name. C{letters} and C{purposes} stand in
    brackets behind them.
    """

    first: int
    last: int
    kind: str
    printed: str = ""
    inside: bool = False
    worded: bool = False
    star: bool = False
    own: Protocols | None = None
    letters: list[str] = field(default_factory=list)
    purposes: list[list[str]] = field(default_factory=list)


@dataclass
class Protocol:
    """A run of words; C{names}: 'http' and 'https' where it has no others; C{inside}: in brackets behind ports.

    C{among}: such names beside others. C{plain}: it is TCP and UDP alone.

    C{listed}: it is a list itself. C{tokens}: all of it.
    """

    protocols: Protocols
    tokens: list[Token]
    names: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    plain: bool = False
    listed: bool = False
    inside: bool = False


@dataclass
class Purpose:
    """Purposes with a colon in front of ports, or a name like 'DNS' beside its port."""

    words: list[str]
    marked: bool = False


@dataclass
class Gap:
    """What stands between two elements, or behind the last one; C{text} is the sign or word, '' for a space."""

    tightness: int
    text: str


Element = Ports | Protocol | Purpose

END = Token("end", "", 1)


class Cursor:
    """A place in a list of tokens; behind the last one stands C{END}."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else END

    @property
    def behind(self) -> Token:
        """The token before the cursor."""
        return self.tokens[self.at - 1] if self.at else END

    @property
    def ended(self) -> bool:
        return self.at >= len(self.tokens)

    def sees(self, *texts: str, ahead: int = 0) -> bool:
        return self.peek(ahead).text in texts and self.peek(ahead) is not END

    def number(self, ahead: int = 0) -> str | None:
        token = self.peek(ahead)
        return token.text if token.kind == NUMBER else None

    def closing(self) -> int:
        """Return how far ahead the bracket closes that opens here, 0 where none does."""
        return next((size for size in range(1, len(self.tokens) - self.at) if self.sees(")", ahead=size)), 0)

    def check_touch(self) -> None:
        """Raise Refused where a number of one or two digits touches a word at the cursor."""
        before, after = self.behind, self.peek()
        if after.gap or after is END or "port" in (before.text, after.text):
            return
        if (before.kind == NUMBER and after.kind == WORD and len(before.text) < 3) or (
            before.kind == WORD and after.kind == NUMBER and after.head < 3
        ):
            raise Refused("a number with a letter in it")
