# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words, numbers and gaps of a cell of ports, in printed order: what each is, not yet what they mean together."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .marks import IN_PARENTHESES
from .port_atoms import ANY, NUMBER, PROTOCOL, Atom, Remark, Tokens
from .port_errors import ACCEPTED, check_parentheses, doubtful_plus, unknown, without_ports
from .port_grammar import (
    BETWEEN,
    BINDS,
    BRACKETED,
    DOWNWARD,
    INSIDE_WORDS,
    MARK_ENDS,
    PORTS_AHEAD,
    RELATIONS,
    TOKEN,
    UP_ENDS,
    WHOLE_PHRASE,
)
from .protocols import LISTED, protocols_of
from .words import NAMED_PORTS, PLAIN, PURPOSES, REMARKS, VERSION, words_of


class _Lexer:
    """The reading of one cell from left to right."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.found = Tokens()
        self.position = 0
        self.gap, self.apart, self.tight, self.relation, self.port = "", False, False, "", ""
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
            self.apart = self.tight = True
            self.port = self.text[start:] if not token["colon"] else self.port
        elif kind == "noise":
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
        if before and not (self.gap or self.apart or self.tight or _touches(before, atom)):
            raise self.fail(start)
        if self.relation and atom.kind != NUMBER:
            raise self.fail(self.gap_from)
        if not before and self.gap.strip(" \n"):
            first = self.text[self.gap_from :].strip()
            raise ValueError(f"{self.where}: a port is missing before {quoted(first)}: {ACCEPTED}")
        atom.gap, atom.apart, atom.tight, atom.relation = self.gap, self.apart, self.tight, self.relation
        if before and before.kind == ANY and self.relation in (">", "<", ">=", "<=") and not self.gap.strip(" "):
            self.found.atoms.pop()  # "any above 1024"
            atom.gap, atom.apart, atom.tight = before.gap, before.apart, before.tight
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
                raise ValueError(f"{self.where}: {doubtful_plus(before, _phrase_alone(rest), self.found.atoms)}")
        if not text.isspace() and (text in ",;|" or text.isalpha()):
            self._end_of_port()
        if "\n" in text:
            self._end_of_port()
        self.gap += text

    def _end_of_port(self) -> None:
        """Check that the word C{ports} stands before ports, or behind C{all}."""
        if self.port and ANY not in (atom.kind for atom in self.found.atoms[-2:]):
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
        if not before or before.kind != NUMBER or before.relation not in ("", "from") or self.gap.strip(" "):
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
        if not beside or not before or self.relation or between:
            raise self.fail(start)
        if len(text) > 1 and text[0] == "*" and before.kind == NUMBER and len(before.text) < 3:
            raise ValueError(
                f"{self.where}: {quoted(before.text + text)} may be a port with a part left open, or marks of a "
                "footnote: write the port alone, or the ports that are meant"
            )
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
        outside = before.kind == PROTOCOL and not self._has_port()
        if IN_PARENTHESES.fullmatch(text) and not (outside and text.isdigit()):
            self._behind(f"({text})")
        elif text.upper() in ("U", "T") or (text and REMARKS.issuperset(words)):
            self.found.remarks.append(Remark(text, len(self.found.atoms) - 1))
            self._behind(f"({text})")
        elif text[:1].isdigit() and outside:
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

    def _has_port(self) -> bool:
        """Whether the last atom, a protocol, is bound to a port before it."""
        atoms = self.found.atoms
        bound = len(atoms) > 1 and atoms[-2].kind in (NUMBER, ANY)
        return bound and bool(BINDS.fullmatch(atoms[-1].gap))

    def _phrase(self, text: str, start: int, *, inside: bool = False) -> None:
        words = {word.lower() for word in INSIDE_WORDS.findall(text)}
        more = BRACKETED.match(self.text, start + len(text)) if not inside and words.isdisjoint(PLAIN) else None
        if more and not set(words_of(more["inside"])).isdisjoint(PLAIN):
            text, self.position = self.text[start : more.end()], more.end()
        elif not inside and PURPOSES.issuperset(words_of(text)):
            self._purpose(text, start)
            return
        protocols = self._protocols(text)
        bare = [protocol for protocol in protocols if not has_ports(protocol)]
        if bare:
            raise ValueError(f"{self.where}: {without_ports(bare[0])}")
        listed = bool(LISTED.search(re.sub(VERSION, "", text, flags=re.IGNORECASE)))
        names = {port for word in words for port in NAMED_PORTS.get(word, ())}
        kept = sorted(names) if listed or words.isdisjoint(PLAIN) else []
        atom = Atom(PROTOCOL, text, protocols=protocols, names=tuple(kept), listed=listed)
        atom.pure = words <= {*NAMED_PORTS, "and", "or", "plus"}
        self._add(atom, start)

    def _protocols(self, text: str) -> tuple[str, ...]:
        try:
            return tuple(protocols_of(text, self.where))
        except ValueError:
            raise ValueError(
                f"{self.where}: {quoted(text)} has no single reading as a protocol: write TCP or UDP, as it is on the "
                "wire, in front of the ports"
            ) from None

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
    return _Lexer(BETWEEN.sub(r"\1 to ", text), where).read()


def _phrase_alone(text: str) -> str:
    """Return a text that names TCP or UDP and nothing else, '' for any other."""
    words = set(words_of(text))
    return text.strip() if words and words <= PLAIN.keys() else ""


def _touches(before: Atom, atom: Atom) -> bool:
    """Whether two atoms may stand without a gap: C{443tcp}, of three digits or more."""
    if {before.kind, atom.kind} != {NUMBER, PROTOCOL}:
        return False
    return len(before.text if before.kind == NUMBER else atom.text) > 2
