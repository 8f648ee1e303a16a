# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words, numbers and gaps of a cell of ports, in printed order: what each is, not yet what they mean together."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .marks import IN_PARENTHESES, SIGNS, SUPERSCRIPTS
from .port_atoms import ANY, NUMBER, PROTOCOL, Atom, Remark, Tokens, is_pair
from .port_errors import ACCEPTED, check_parentheses, check_part, unknown
from .port_grammar import BETWEEN, BRACKETED, LABEL_AHEAD, MARK_ENDS, PORT_WORD, PORTS_AHEAD, TOKEN, WHOLE_PHRASE
from .port_lexer import PortLexer
from .port_phrases import (
    has_port,
    has_transports,
    is_said_again,
    phrase_atom,
    service_ahead,
    transports_of,
    udp_in_front,
)
from .protocols import LISTED
from .text import DASHES
from .words import PURPOSES, REMARKS, words_of

_BEHIND_MARK = re.compile(rf"[{SIGNS}{SUPERSCRIPTS}\])][ ]*\Z")
_SERVED = REMARKS | {"quic"}
_PORTS = re.compile(rf"[0-9]|from[ ]|{PORT_WORD}[0-9]", re.IGNORECASE)


class _Lexer(PortLexer):
    """The reading of one cell from left to right."""

    def read(self) -> Tokens:
        while self.position < len(self.text):
            token = TOKEN.match(self.text, self.position)
            if not token:
                raise self.fail()
            kind = token.lastgroup or ""
            start, self.position = self.position, token.end()
            self._take(kind, token, start)
        if self.relation or self.bracket >= 0 or self.labels:
            raise self.fail(self.gap_from)
        self._end_of_port()
        self._check_end()
        for index in self.pairs:
            if not is_pair(self.found.atoms[index:]):
                raise ValueError(f"{self.where}: 'both' and 'either' are read before a list of two: {ACCEPTED}")
        return self.found

    def _take(self, kind: str, token: re.Match[str], start: int) -> None:
        text = token[kind]
        if kind == "number":
            self._add(Atom(NUMBER, text), start)
        elif kind == "mark":
            self._mark(text, start)
        elif kind == "inside":
            self._parentheses(text, start)
        elif kind == "close":
            self._close(start)
        elif kind == "upward":
            self._upward(text, start)
        elif kind == "relation":
            self._relate(text, start)
        elif kind == "separator":
            self._separate(text, start)
        elif kind == "port":
            self._port(token["colon"], start)
        elif kind == "pair":
            self.pairs.append(len(self.found.atoms))
            self.apart = True
        elif kind == "any":
            self._add(Atom(ANY, text), start)
        else:
            self._phrase(text, start)

    def _mark(self, text: str, start: int) -> None:
        """Keep the mark of a footnote, or enter C{*} that is any port."""
        before = self.last
        beside = before is not None and not self.gap.strip(" ")
        behind_mark = bool(self.found.labels) and bool(_BEHIND_MARK.search(self.text[:start]))
        if text == "*" and not behind_mark and not (beside and before and (before.kind != PROTOCOL or not self.gap)):
            self._add(Atom(ANY, text), start)
            return
        loose = bool(self.gap) or start == self.loose
        between = loose and not MARK_ENDS.match(self.text, self.position)
        any_port = before is not None and before.text == "*" and text[0] in SIGNS
        apart = any_port or (before is not None and before.kind == PROTOCOL and self.gap and "*" in text)
        if not beside or not before or self.relation or between or self.tight or apart:
            raise self.fail(start)
        if self.text[self.position : self.position + 1] in ("<", ">", "≤", "≥"):
            raise self.fail()
        if before.kind == NUMBER and self.text[:start].rstrip()[-1:].isdigit():
            check_part(before.text, text, self.where)
        self._behind(text)
        self.loose = self.position if loose else -1

    def _behind(self, label: str) -> None:
        """Keep a label that stands behind an atom; raises ValueError where a number or a word touches it."""
        self._check_touching()
        self.found.labels.append(label)
        self.gap, self.apart = "", True
        self.tight = self.tight and not self.behind_any
        self.gap_from = self.position

    def _check_touching(self) -> None:
        """Raise ValueError where a number or a word touches a mark or brackets before it."""
        if re.match(r"[0-9a-z]", self.text[self.position : self.position + 1], re.IGNORECASE):
            raise self.fail()

    def _close(self, start: int) -> None:
        behind = self.last and self.last.kind == PROTOCOL and not self.serves
        if start != self.bracket or self.gap.strip(" ") or not self.last or behind:
            raise self.fail(start)
        self.bracket, self.serves, self.labels = -1, False, []
        self.last.closed = True
        self.gap, self.apart = "", True
        self._check_touching()

    def _parentheses(self, inside: str, start: int) -> None:
        before, text = self.last, inside.strip()
        if not before or self.gap.strip(" ") or self.bracket >= 0 or self.relation:
            raise self.fail(start)
        words = words_of(text)
        outside = before.kind == PROTOCOL and not has_port(self.found.atoms)
        if IN_PARENTHESES.fullmatch(text) and not (outside and text.isdigit()):
            self._behind(f"({text})")
        elif (
            text.upper() in ("U", "T")
            or (text and REMARKS.issuperset(words))
            or is_said_again(before, text, self.where)
        ):
            if before.kind == PROTOCOL and text.upper() not in ("U", "T"):
                transports_of(f"{before.text} ({text})", self.where)
            self.found.remarks.append(Remark(text, len(self.found.atoms) - 1))
            self._behind(f"({text})")
        elif _PORTS.match(text) and outside:
            if len(text) == 1 or (text == "17" and "udp" in before.protocols):
                raise ValueError(
                    f"{self.where}: {quoted(f'({text})')} may be a port, a footnote or the number of a protocol: write "
                    "the port without parentheses, or the cell without it"
                )
            self.bracket, self.position = self.position - 1, start + 1
            self.gap, self.tight = "", True
            self.apart = True
        elif text.lower() in ("quic", "http/3") and before.kind == NUMBER and udp_in_front(self.found.atoms):
            self.found.remarks.append(Remark("QUIC", len(self.found.atoms) - 1))
            self._behind(f"({text})")
        elif before.kind != PROTOCOL and WHOLE_PHRASE.fullmatch(text) and not PURPOSES.issuperset(words):
            self.gap, self.tight = "", True
            self._add(phrase_atom(text, text, self.where), start)
            self._check_touching()
            self.apart = True
        else:
            check_parentheses(self.where, text)

    def _phrase(self, text: str, start: int) -> None:
        outside = text = self._until_label(text, start)
        words = words_of(text)
        more = BRACKETED.match(self.text, self.position)
        if LABEL_AHEAD.match(self.text, self.position) and _SERVED.issuperset(words):
            self._purpose(text, start)
        elif (opened := service_ahead(self.text, self.position)) and _SERVED.issuperset(words):
            self._service(text, start, opened)
        elif more and has_transports(text, more["inside"]):
            text, self.position = self.text[start : more.end()], more.end()
            self._check_touching()
            self._add(phrase_atom(text, outside, self.where), start)
        elif PURPOSES.issuperset(words):
            self._purpose(text, start)
        else:
            self._add(phrase_atom(text, outside, self.where), start)

    def _until_label(self, text: str, start: int) -> str:
        """Return a protocol without the purpose behind its comma that the ports behind a colon are for.

        C{UDP, RTP} of C{SIP: 5060/UDP, RTP: 10000-20000/UDP}.
        """
        separators = [*LISTED.finditer(text)] if self.text[self.position :].lstrip(" ")[:1] == ":" else []
        if not separators or not PURPOSES.issuperset(words_of(text[separators[-1].end() :])):
            return text
        self.position = start + separators[-1].start()
        return text[: separators[-1].start()]

    def _service(self, text: str, start: int, inside: int) -> None:
        """Keep what the services in the brackets behind it are for: C{SIP (UDP 5060)}."""
        if self.relation or self.labels or (self.last and not (self.gap or self.apart or self.tight)):
            raise self.fail(start)
        self.position, self.bracket = inside, self.text.index(")", inside)
        self.labels.append((text, False))
        self.found.labels.append(text)
        self.serves = self.apart = True

    def _purpose(self, text: str, start: int) -> None:
        """Keep a purpose with a colon before its ports, or beside them."""
        before = self.last
        paired = self.pairs[-1:] == [len(self.found.atoms)]
        dashed = bool(self.gap.strip(" \n")) and self.gap.strip(" \n") in f"{DASHES}~:"
        if self.relation or paired or dashed or (before and not (self.gap or self.apart or self.tight)):
            raise self.fail(start)
        if ahead := PORTS_AHEAD.match(self.text, self.position):
            rest = self.text[ahead.end() :].lstrip(" ")
            broken = before and "\n" not in self.gap and rest.startswith("\n")
            if broken or (rest and rest[0] in f"{DASHES}/,;&+|:~."):
                raise self.fail(start)
            self.position, self.port = ahead.end(), ""
            self.labels.append((text, ahead["beside"] is not None))
            self.found.labels.append(text)
            self.apart = True
            if ahead["opened"]:
                self.bracket, self.tight = self.text.index(")", self.position), True
        elif before and before.kind in (NUMBER, ANY) and self.gap in (" ", "/"):
            self.found.remarks.append(Remark(text, len(self.found.atoms) - 1, beside=True))
            self._behind(text)
            before.ended = True
        else:
            raise ValueError(f"{self.where}: {unknown(text)}")


def tokens_of(text: str, where: str) -> Tokens:
    """Return what a cell of ports holds; raises ValueError, beginning with C{where}, for what is not understood."""
    return _Lexer(BETWEEN.sub(r"from \1 to ", text), where).read()
