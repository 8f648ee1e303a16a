# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Purposes beside ports, C{(TURN TLS)}, C{(DNS)}: each must fit the protocol of its port."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .port_advice import INSTEAD
from .port_atoms import ANY, PROTOCOL, Remark, Tokens
from .port_numbers import Item
from .protocols import check_agreement
from .words import IMPLIED, OWN_PORTS, USUAL_PORTS, words_of

UNCLEAR = "it is not clear to which of its ports a protocol belongs"
LETTERS = {"U": "udp", "T": "tcp"}  # a protocol, or the mark of a footnote


class Purpose(NamedTuple):
    """A purpose in a cell, as printed, with the protocols that the cell gives its port; None where it gives none.

    C{of_port}: it stands at a port, not at a protocol.
    """

    text: str
    protocols: tuple[str, ...] | None
    of_port: bool


def purpose_of(tokens: Tokens, items: list[Item], remark: Remark, where: str) -> Purpose:
    """Return a purpose with the protocols of its port; raises ValueError where it does not fit these."""
    at, text = remark.at, remark.text
    atom = tokens.atoms[at]
    item = next((item for item in items if item.first <= at <= item.last), None)
    protocols = atom.protocols if atom.kind == PROTOCOL else item.protocols if item else None
    for word in words_of(text):
        if (own := OWN_PORTS.get(word)) and atom.kind != PROTOCOL and item and (item.low, item.high) != (own, own):
            raise ValueError(f"{where}: {quoted(text)} is on port {own}: write '{own}', or the port without the name")
    if atom.kind == ANY and atom.text != "*" and not atom.worded and not IMPLIED.keys().isdisjoint(words_of(text)):
        raise ValueError(
            f"{where} can be read in two ways: {quoted(f'{atom.text} ({text})')} may be any port, or all such traffic, "
            "on the port that it has: write the ports"
        )
    usual = {port for word in words_of(text) for port in USUAL_PORTS.get(word, ())}
    if remark.beside and usual and item and not (item.low == item.high and item.low in usual):
        raise ValueError(
            f"{where}: {quoted(text)} may be one more port, or what the port is for: write it in parentheses behind "
            "the port, or its own port"
        )
    if protocols and text.upper() not in LETTERS:
        check_agreement(where, text, list(protocols))
    return Purpose(text, protocols, atom.kind != PROTOCOL)


def needed_by(tokens: Tokens, item: Item) -> tuple[str, ...] | None:
    """Return the transport that the purposes of ports need, C{443 (HTTPS)}; None where they need none, or several."""
    texts = [remark.text for remark in tokens.remarks if item.first <= remark.at <= item.last]
    found = {IMPLIED[word] for text in texts for word in words_of(text) if word in IMPLIED}
    return (*found,) if len(found) == 1 else None


def check_purposes(purposes: list[Purpose], row: tuple[str, ...], where: str) -> None:
    """Raise ValueError where purposes of one cell need different protocols and their ports have several."""
    together: set[str] = set()
    for purpose in purposes:
        needed = {IMPLIED[word] for word in words_of(purpose.text) if word in IMPLIED}
        together |= needed if purpose.of_port and len(purpose.protocols or row) > 1 else set()
        if len(needed) > 1 or len(together) > 1:
            raise ValueError(f"{where}: {UNCLEAR}: {INSTEAD}")


def check_fit(cell: str | int | None, purposes: list[Purpose], protocols: list[str], *, printed: bool) -> None:
    """Raise ValueError where a purpose in a cell of ports does not fit the protocols of its row."""
    where = f"ports {quoted(str(cell))}"
    for purpose in purposes:
        letter = LETTERS.get(purpose.text.upper())
        if letter and (list(purpose.protocols or protocols) != [letter] or not (printed or purpose.protocols)):
            raise doubtful_letter(where, purpose.text)
        if not letter and not purpose.protocols:
            check_agreement(where, purpose.text, protocols, printed=printed)


def doubtful_letter(where: str, letter: str) -> ValueError:
    """Return the error of a letter that may be a protocol or a footnote."""
    name = LETTERS[letter.upper()].upper()
    return ValueError(
        f"{where} can be read in two ways: '({letter})' may be {name}, or a footnote: write {name} in the protocol "
        "cell, or the ports without it"
    )
