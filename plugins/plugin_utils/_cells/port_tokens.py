# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words, numbers and gaps of a cell of ports, in printed order: what each is, not yet what they mean together."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .marks import IN_PARENTHESES, SIGNS
from .port_atoms import ANY, NUMBER, PROTOCOL, Atom, Remark, Tokens, is_pair
from .port_errors import ACCEPTED, check_parentheses, check_part, doubtful_plus, unknown
from .port_grammar import (
    BETWEEN,
    BRACKETED,
    COMPARISONS,
    DOWNWARD,
    INSIDE_WORDS,
    MARK_ENDS,
    PORTS_AHEAD,
    RELATIONS,
    TOKEN,
    UP_ENDS,
    WHOLE_PHRASE,
)
from .port_phrases import has_port, is_said_again, phrase_alone, phrase_atom, touches, transports_of
from .text import DASHES
from .words import PLAIN, PURPOSES, REMARKS, words_of


class _Lexer:
    """The reading of one cell from left to right."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.found = Tokens()
        self.position = 0
        self.gap, self.apart, self.tight, self.relation, self.port = "", False, False, "", ""
        self.behind_any = False  # the word port stands behind any
        self.pairs: list[int] = []  # the indices of the atoms behind both and either
        self.gap_from = 0
        self.bracket = -1  # the end of brackets around ports
        self.labels: list[tuple[str, bool]] = []  # purposes of the atom that follows, and whether only a gap joins them

    def fail(self, position: int | None = None) -> ValueError:
        rest = self.text[self.position if position is None else position :]
        return ValueError(f"{self.where}: {unknown(rest)}")

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

    @property
    def last(self) -> Atom | None:
        return self.found.atoms[-1] if self.found.atoms else None

    def _add(self, atom: Atom, start: int) -> None:
        """Enter an atom with what stood before it."""
        before = self.last
        touching = self.relation in COMPARISONS or (before is not None and touches(before, atom))
        if before and not (self.gap or self.apart or self.tight or touching):
            raise self.fail(start)
        if self.relation and atom.kind != NUMBER:
            raise self.fail(self.gap_from)
        if not before and self.gap.strip(" \n"):
            first = self.text[self.gap_from :].strip()
            raise ValueError(f"{self.where}: a port is missing before {quoted(first)}: {ACCEPTED}")
        atom.gap, atom.relation = self.gap, self.relation
        atom.tight = self.tight and not (self.port and self.behind_any)
        atom.apart = self.apart or bool(self.relation)
        if (
            before
            and before.kind == ANY
            and before.text != "*"
            and self.relation in (">", "<", ">=", "<=")
            and not self.gap.strip(" ")
        ):
            self.found.atoms.pop()  # "any above 1024"
            atom.gap, atom.tight = before.gap, before.tight
        self.found.plain.append(self.gap + atom.text)
        self.found.atoms.append(atom)
        at = len(self.found.atoms) - 1
        self.found.remarks += [Remark(label, at, beside) for label, beside in self.labels]
        self.gap, self.apart, self.tight, self.relation, self.port, self.labels = "", False, False, "", "", []
        self.gap_from = self.position

    def _separate(self, text: str, start: int) -> None:
        before = self.last
        if text == "+" and before and before.kind == NUMBER and not self.gap and not self.apart:
            rest = self.text[self.position :]
            if UP_ENDS.match(rest) and not before.relation:
                before.relation = ">="
                self.apart = True
                return
            if not rest[:1].isalnum():
                raise ValueError(f"{self.where}: {doubtful_plus(before, phrase_alone(rest), self.found.atoms)}")
        marked = text == "+" and before and before.kind == NUMBER and not self.gap and self.text[start - 1] not in " )"
        if marked and not self.text[start + 1 : start + 2].isalnum():
            raise self.fail(start)
        if "\n" in text or (not text.isspace() and (text in ",;|" or text.isalpha())):
            self._end_of_port()
        self.gap += text

    def _port(self, colon: str | None, start: int) -> None:
        """Keep the word C{ports}, which touches no number before it."""
        dashed = colon and self.text[self.position : self.position + 1] in DASHES
        if self.text[start - 1 : start].isdigit() or (self.port and self.behind_any) or dashed:
            raise self.fail(start)
        any_port = ANY in (atom.kind for atom in self.found.atoms[-2:]) and self.text[:start].rstrip()[-1:] != ")"
        self.behind_any = any_port and not self.gap.strip(" ")
        self.apart = self.tight = True
        self.port = self.text[start:] if not colon else self.port

    def _end_of_port(self) -> None:
        """Check that the word C{ports} stands before ports, or behind C{all}."""
        if self.port and not self.behind_any:
            raise ValueError(f"{self.where}: {unknown(self.port)}")
        if self.port:
            self.tight = False
        self.port = ""

    def _check_end(self) -> None:
        text = self.gap.strip(" \n")
        if not self.found.atoms:
            raise self.fail(self.gap_from) if text else ValueError(f"{self.where}: the cell is empty: {ACCEPTED}")
        last = self.found.atoms[-1]
        if text == "+" and last.kind == NUMBER:
            raise ValueError(f"{self.where}: {doubtful_plus(last, '', self.found.atoms)}")
        if text not in ("", ",", ";") and not (text == ":" and last.kind == PROTOCOL):
            raise ValueError(f"{self.where}: a port is missing at the end: {ACCEPTED}")

    def _relate(self, text: str, start: int) -> None:
        word = " ".join(re.sub(r"[ ]+ports?$", "", text.lower()).split())
        before = self.last
        if word == "up to" and before and before.kind == NUMBER and self.gap.isspace():
            self.gap += "to "
            return
        if self.relation or (self.gap == "" and before and before.kind == NUMBER):
            raise self.fail(start)
        self.relation = RELATIONS.get(word, word)

    def _upward(self, text: str, start: int) -> None:
        before = self.last
        bracketed = self.text[:start].rstrip().endswith(")")
        if (
            not before
            or before.kind != NUMBER
            or before.relation not in ("", "from")
            or self.gap.strip(" ")
            or bracketed
        ):
            raise self.fail(start)
        down = re.split(r"[ ]+", text.strip().lower())[-1] in DOWNWARD
        before.relation = "<=" if down else ">="
        self.apart = True

    def _mark(self, text: str, start: int) -> None:
        before = self.last
        beside = before is not None and not self.gap.strip(" ")
        if text == "*" and not (beside and before and (before.kind != PROTOCOL or not self.gap)):
            self._add(Atom(ANY, text), start)
            return
        between = self.gap and not MARK_ENDS.match(self.text, self.position)
        apart = before is not None and before.kind == PROTOCOL and self.gap and text[0] in SIGNS
        if not beside or not before or self.relation or between or self.tight or apart:
            raise self.fail(start)
        if self.text[self.position : self.position + 1] in ("<", ">", "≤", "≥"):
            raise self.fail()
        if before.kind == NUMBER and self.text[:start].rstrip()[-1:].isdigit():
            check_part(before.text, text, self.where)
        self._behind(text)

    def _behind(self, label: str) -> None:
        """Keep a label that stands behind an atom; raises ValueError where a number or a word touches it."""
        self._check_touching()
        self.found.labels.append(label)
        self.gap, self.apart = "", True
        self.gap_from = self.position

    def _check_touching(self) -> None:
        """Raise ValueError where a number or a word touches a mark or brackets before it."""
        if re.match(r"[0-9a-z]", self.text[self.position : self.position + 1], re.IGNORECASE):
            raise self.fail()

    def _close(self, start: int) -> None:
        if start != self.bracket or self.gap.strip(" ") or not self.last or self.last.kind == PROTOCOL:
            raise self.fail(start)
        self.bracket = -1
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
            if before.kind == PROTOCOL and before.listed and text.upper() not in ("U", "T"):
                transports_of(f"{before.text} ({text})", self.where)
            self.found.remarks.append(Remark(text, len(self.found.atoms) - 1))
            self._behind(f"({text})")
        elif (text[:1].isdigit() or text.lower().startswith("from ")) and outside:
            if len(text) == 1 or (text == "17" and "udp" in before.protocols):
                raise ValueError(
                    f"{self.where}: {quoted(f'({text})')} may be a port, a footnote or the number of a protocol: write "
                    "the port without parentheses, or the cell without it"
                )
            self.bracket, self.position = self.position - 1, start + 1
            self.gap, self.tight = "", True
            self.apart = True
        elif before.kind != PROTOCOL and WHOLE_PHRASE.fullmatch(text) and not PURPOSES.issuperset(words):
            self.gap, self.tight = "", True
            self._phrase(text, start, inside=True)
            self._check_touching()
            self.apart = True
        else:
            check_parentheses(self.where, text)

    def _phrase(self, text: str, start: int, *, inside: bool = False) -> None:
        words = {word.lower() for word in INSIDE_WORDS.findall(text)}
        more = BRACKETED.match(self.text, start + len(text)) if not inside and words.isdisjoint(PLAIN) else None
        if more and not set(words_of(more["inside"])).isdisjoint(PLAIN):
            text, self.position = self.text[start : more.end()], more.end()
        elif not inside and PURPOSES.issuperset(words_of(text)):
            self._purpose(text, start)
            return
        self._add(phrase_atom(text, words, self.where), start)

    def _purpose(self, text: str, start: int) -> None:
        """Keep a purpose with a colon before its ports, or beside them."""
        before = self.last
        if self.relation or (before and not (self.gap or self.apart or self.tight)):
            raise self.fail(start)
        if ahead := PORTS_AHEAD.match(self.text, self.position):
            self.position = ahead.end()
            self.labels.append((text, ahead["beside"] is not None))
            self.found.labels.append(text)
            self.apart = True
            if ahead["opened"]:
                self.bracket, self.tight = self.text.index(")", self.position), True
        elif before and before.kind in (NUMBER, ANY) and self.gap in (" ", "/"):
            self.found.remarks.append(Remark(text, len(self.found.atoms) - 1, beside=True))
            self._behind(text)
        else:
            raise ValueError(f"{self.where}: {unknown(text)}")


def tokens_of(text: str, where: str) -> Tokens:
    """Return what a cell of ports holds; raises ValueError, beginning with C{where}, for what is not understood."""
    return _Lexer(BETWEEN.sub(r"from \1 to ", text), where).read()
