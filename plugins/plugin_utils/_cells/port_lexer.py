# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reading of a cell of ports keeps from one word to the next: the gap, the words in it, the atoms so far."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .port_atoms import ANY, NUMBER, PROTOCOL, Atom, Remark, Tokens
from .port_errors import ACCEPTED, doubtful_plus, unknown
from .port_grammar import COMPARISONS, DOWNWARD, LIMITS, RELATIONS, UP_ENDS
from .port_phrases import phrase_alone, touches
from .text import DASHES


class PortLexer:
    """Numbers, gaps and the words in gaps of one cell, entered from left to right."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.found = Tokens()
        self.position = 0
        self.gap, self.apart, self.tight, self.relation, self.port = "", False, False, "", ""
        self.behind_any = False  # the word port stands behind any
        self.loose = -1  # the end of a mark behind a gap
        self.before_labels = 0  # labels before the last any
        self.pairs: list[int] = []  # the indices of the atoms behind both and either
        self.gap_from = 0
        self.bracket = -1  # the end of brackets around ports
        self.serves = False  # these brackets hold a protocol too
        self.labels: list[tuple[str, bool]] = []  # purposes of the atom that follows, and whether only a gap joins them

    def fail(self, position: int | None = None) -> ValueError:
        rest = self.text[self.position if position is None else position :]
        return ValueError(f"{self.where}: {unknown(rest)}")

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
        if atom.kind == NUMBER and not self.gap.strip(" "):
            self._limit_any(atom, start)
        self.found.plain.append(f"{self.gap}{self.relation}{atom.text}")
        self.found.atoms.append(atom)
        at = len(self.found.atoms) - 1
        self.before_labels = len(self.found.labels) if atom.kind == ANY else self.before_labels
        if atom.kind != PROTOCOL or not self.serves:
            self.found.remarks += [Remark(label, at, beside) for label, beside in self.labels]
            self.labels = self.labels if self.serves else []
        self.gap, self.apart, self.tight, self.relation, self.port = "", False, False, "", ""
        self.gap_from = self.position

    def _limit_any(self, atom: Atom, start: int) -> None:
        """Take C{any} away before the port or the range that says which: C{any above 1024}, C{all UDP ports 1024+}."""
        atoms = self.found.atoms
        at = len(atoms) - 1 - (len(atoms) > 1 and atoms[-1].kind == PROTOCOL)
        if at < 0 or atoms[at].kind != ANY or atoms[at].text == "*":
            return
        limited = self.port and self.behind_any and LIMITS.match(self.text, start)
        between = atoms[at + 1] if at + 1 < len(atoms) else None
        apart = between is not None and (between.gap.strip(" ") or between.apart or not between.gap)
        coloned = self.tight and not self.port
        marked = coloned or atoms[at].closed or len(self.found.labels) > self.before_labels
        if apart or marked or not (limited or self.relation in COMPARISONS):
            return
        first = between or atom
        first.gap, first.tight = atoms[at].gap, atoms[at].tight
        if between:
            atom.tight = self.tight
        del atoms[at], self.found.plain[at]

    def _separate(self, text: str, start: int) -> None:
        before = self.last
        if text == "+" and before and before.kind == NUMBER and not self.gap and not self.apart:
            rest = self.text[self.position :]
            if UP_ENDS.match(rest) and not before.relation:
                before.relation = ">="
                self.found.plain[-1] += text
                self.apart = True
                return
            if not rest[:1].isalnum():
                raise ValueError(f"{self.where}: {doubtful_plus(before, phrase_alone(rest), self.found.atoms)}")
        marked = text == "+" and before and before.kind == NUMBER and not self.gap and self.text[start - 1] not in " )"
        if marked and not self.text[start + 1 : start + 2].isalnum():
            raise self.fail(start)
        if "\n" in text or (not text.isspace() and (text in ",;|&+" or text.isalpha())):
            self._end_of_port(text)
        self.gap += text

    def _port(self, colon: str | None, start: int) -> None:
        """Keep the word C{ports}, which touches no number before it."""
        before = self.text[:start].rstrip().lower()
        closed = before.endswith(")") and not before.endswith("http(s)")
        ahead = self.text[self.position :].lstrip(" ")[:1]
        joined = (colon or closed) and ahead and ahead in f"{DASHES}/"
        if self.text[start - 1 : start].isdigit() or (self.port and self.behind_any) or joined:
            raise self.fail(start)
        wide = None if closed or self.gap.strip(" ") else self._any_before()
        self.behind_any = wide is not None
        if wide:
            wide.worded = True
        spaced = closed and self.gap.isspace() and self.text[self.position : self.position + 1] == " "
        self.gap = "" if self.behind_any or spaced else self.gap
        self.apart, self.tight = True, not closed
        self.port = self.text[start:] if not colon else self.port

    def _any_before(self) -> Atom | None:
        """Return C{all} where it stands last, or before a last protocol: C{all ports}, C{all UDP ports}."""
        *others, last = self.found.atoms or [Atom("", "")]
        if last.kind == ANY:
            return last
        bound = last.kind == PROTOCOL and not last.tight and last.gap.strip(" ") in ("", ":", "/", *DASHES)
        wide = others[-1] if bound and others else last
        return wide if wide.kind == ANY and not wide.worded else None

    def _end_of_port(self, separator: str = "") -> None:
        """Check that the word C{ports} stands before ports, or behind C{all}."""
        if self.port and not self.behind_any:
            raise ValueError(f"{self.where}: {unknown(self.port)}")
        heads = len(self.found.atoms) < 2 or "\n" in self.found.atoms[-1].gap
        if self.tight and not self.port and not (separator == "\n" and heads):
            raise self.fail(self.gap_from)
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
        if text not in ("", ",", ";"):
            raise ValueError(f"{self.where}: a port is missing at the end: {ACCEPTED}")

    def _relate(self, text: str, start: int) -> None:
        word = " ".join(re.sub(r"[ ]+ports?$", "", text.lower()).split())
        before = self.last
        if word == "up to" and before and before.kind == NUMBER and self.gap and not self.gap.strip(" "):
            self.gap += "to "
            return
        touching = text[0].isalpha() and self.text[start - 1 : start].isalnum()
        if self.relation or touching or (self.gap == "" and before and before.kind == NUMBER):
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
        self.found.plain[-1] += text
        self.apart = True
