# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port cells of vendors' tables: ports, ranges and lists, with the protocols, names, marks and remarks beside them.

Every reading of the whole cell is tried. Exactly one with valid ports is taken; two or more are an error that says how
to write each. C{docs/cells.md} is the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .marks import capped
from .port_advice import INSTEAD, advice
from .port_atoms import ANY, NAME, NUMBER, PROTOCOL, Tokens
from .port_doubts import numbered, other_readings
from .port_errors import ACCEPTED
from .port_faults import fault
from .port_lists import GUESSES, assigned, resolve, without_port
from .port_numbers import Item, items_of, numbers_of
from .port_purposes import LETTERS, UNCLEAR, Purpose, check_purposes, doubtful_letter, needed_by, purpose_of
from .port_readings import readings_of
from .port_tokens import tokens_of
from .text import check_numbering, clean, is_bulleted, joined, plain, unbulleted

_LABEL = re.compile(r"ports?(?:\(s\))?(?:[ ]+(?:ranges?|numbers?|nos?\.))?[ ]*:\s*", re.IGNORECASE)
_ONLY = re.compile(r"\Aonly[ ]+(?=\S)|(?<=[^\s,;])[ ]+only\Z", re.IGNORECASE)
_SIMPLE = re.compile(r"[1-9][0-9]{0,3}(?:-[1-9][0-9]{0,4})?", re.ASCII)
_LONGEST = 8_000  # characters of a cell; the time that readings take grows faster than its length
_MOST_OFFERED = 60  # ports; more are not written out in an error
_DEFAULT = ("tcp",)  # of a row without a protocol


class PortCell(NamedTuple):
    """What a cell of ports says: its ports in printed order, its purposes, and the texts for the row's label."""

    items: list[Item]
    purposes: list[Purpose]
    labels: list[str]

    def services(self, protocols: list[str]) -> list[tuple[str, str]]:
        """Return C{(protocol, ports)}, each once; C{protocols}: of a row whose cell of ports names none."""
        texts = [format_ports(item.low, item.high) for item in self.items]
        if all(item.protocols is None for item in self.items):
            return [(protocol, text) for protocol in protocols for text in dict.fromkeys(texts)]
        pairs = zip(self.items, texts, strict=True)
        return list(dict.fromkeys((protocol, text) for item, text in pairs for protocol in item.protocols or protocols))

    def named(self) -> set[str]:
        """Return all protocols that the cell names."""
        return {protocol for item in self.items for protocol in item.protocols or ()}


def expand_ports(cell: str | int | None) -> list[str]:
    """Return the ports and port ranges of a cell in printed order: C{["443", "5349"]}, C{["6000-60000"]}.

    Ports are 1-65535, ranges inclusive; C{any} is C{["1-65535"]}; what is printed twice is returned once. A cell may
    name the protocols of its ports if they are the same for all. Raises ValueError that quotes the cell and gives the
    reason.
    """
    found = read_ports(cell)
    if len({item.protocols for item in found.items}) > 1:
        raise ValueError(
            f"ports {quoted(str(cell))}: its ports have different protocols, which a list of ports cannot say: use "
            "expand_rows, which reads the protocols and the ports of a row"
        )
    for purpose in found.purposes:
        if purpose.text.upper() in LETTERS:
            raise doubtful_letter(f"ports {quoted(str(cell))}", purpose.text)
    return list(dict.fromkeys(format_ports(item.low, item.high) for item in found.items))


def read_ports(cell: str | int | None, row: tuple[str, ...] = ()) -> PortCell:
    """Return what a cell of ports says; C{row}: the protocols that the row's own cell names.

    Raises ValueError that quotes the cell and gives the reason.
    """
    where = f"ports {quoted(str(cell))}" if isinstance(cell, str) or _is_small(cell) else ""
    text = _checked(cell, where)
    if _SIMPLE.fullmatch(text):
        low, _dash, high = text.partition("-")
        if int(low) <= int(high or low) <= 65535:
            return PortCell([Item(int(low), int(high or low), 0, 0)], [], [])
    text = unlabelled(plain(clean(text, f"{where}: the cell"), f"{where}: the cell"))
    lines = unbulleted(text, f"{where}: this", _reader(row))
    tokens = tokens_of(lines if is_bulleted(text) else joined(lines), where)
    both = zip(tokens.atoms, tokens.plain, strict=True)
    check_numbering(where, "".join(f"{atom.gap}x" if atom.kind == PROTOCOL else text for atom, text in both))
    resolve(tokens, row, where)
    items, notes = _read(tokens, where, row)
    purposes = [purpose_of(tokens, items, remark, where) for remark in tokens.remarks]
    check_purposes(purposes, row, where)
    return PortCell(items, purposes, capped([*notes, *tokens.labels]))


def unlabelled(text: str) -> str:
    """Return a cell without C{only} at its beginning or its end, and without C{Ports:} in front."""
    text = _ONLY.sub("", text.strip(), count=1)
    return text[match.end() :] if (match := _LABEL.match(text)) else text


def _read(tokens: Tokens, where: str, row: tuple[str, ...]) -> tuple[list[Item], list[str]]:
    """Return the ports of a cell with one reading, and notes; raises ValueError with the readings of any other."""
    numbers, notes = numbers_of(tokens, where)
    readings = readings_of(numbers.texts, numbers.joints) if numbers.texts else [()]
    if not readings:
        raise ValueError(f"{where}: {fault(numbers.texts, numbers.joints)}")
    listed = [items_of(tokens, numbers, reading, where) for reading in readings]
    ways = [_settled(tokens, items, where, row) for items in listed]
    items = ways[0]
    if len(readings) == 1:
        _check_together(tokens, items, where, row)
        if doubt := numbered(items):
            raise ValueError(
                f"{where}: this can be read in two ways: its ranges overlap, and what they begin with may be the "
                f"numbers of lines: {advice(doubt, _reader(row))}"
            )
        ways += other_readings(items, numbers)
    if len(ways) > 1:
        more = ", among others" if len(ways) > 3 or len(readings) > 2 else ""
        raise ValueError(f"{where}: this can be read in more than one way: {advice(ways, _reader(row))}{more}")
    return items, notes


def _reader(row: tuple[str, ...]) -> Callable[[str], list[Item]]:
    """Return a reader of what an error would offer: what is not for a row with these protocols is refused."""

    def read(text: str) -> list[Item]:
        found = read_ports(text, row)
        if row and found.named() not in (set(), set(row)):
            raise ValueError(f"{text} is not for this row")
        return found.items

    return read


def _is_small(cell: object) -> bool:
    return not isinstance(cell, int) or abs(cell) < 10**20


def _checked(cell: str | int | None, where: str) -> str:
    """Return the text of a cell; raises ValueError for what is none, or too long."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int)):
        raise ValueError(f"ports {quoted(shown(cell))}: this is neither a number nor text: {ACCEPTED}")
    if not where:
        raise ValueError(f"ports: a number of more than 20 digits is no port: {ACCEPTED}")
    text = str(cell)
    if len(text) > _LONGEST:
        raise ValueError(f"{where}: the cell has {len(text)} characters: write at most {_LONGEST} in one row")
    return text


def _settled(tokens: Tokens, items: list[Item], where: str, row: tuple[str, ...]) -> list[Item]:
    """Return the items of a reading with their protocols, all of them or none.

    Ports without one have that of the others where it is the row's too; of a row without one, only those in a list that
    ends with TCP, and those beside names. Then they have what their purposes need. Else raises ValueError with the
    readings.
    """
    named = {atom.protocols for atom in tokens.atoms if atom.kind in (PROTOCOL, NAME)}
    if not named:
        return items
    if not items:
        raise without_port(next(atom for atom in tokens.atoms if atom.kind == PROTOCOL), where)
    found = assigned(tokens, items, row, where)
    if all(item.protocols for item in found):
        return found
    usual = row or _DEFAULT
    bare = {atom.kind for atom in tokens.atoms} == {NAME, NUMBER}
    if named == {usual} and (row or bare):
        return [item._replace(protocols=usual) for item in found]
    lent = usual if named == {usual} else None
    found = [
        item._replace(protocols=item.protocols or (item.protocols == () and lent) or needed_by(tokens, item))
        for item in found
    ]
    if all(item.protocols for item in found):
        return found
    if len(found) > _MOST_OFFERED:
        raise ValueError(f"{where}: {UNCLEAR}: {INSTEAD}")
    if any(atom.kind == ANY and atom.text == "*" for atom in tokens.atoms):
        raise ValueError(
            f"{where}: {UNCLEAR}: '*' may be any port, or the mark of a footnote: write the cell without it"
        )
    ways = [[item._replace(protocols=guess(tokens, item) or usual) for item in found] for guess in GUESSES]
    ways.append([item if item.protocols else item._replace(protocols=usual) for item in found])
    raise ValueError(f"{where}: {UNCLEAR}: {advice(ways, _reader(row), least=1)}, or each port with its own")


def _check_together(tokens: Tokens, items: list[Item], where: str, row: tuple[str, ...]) -> None:
    """Raise ValueError where ports that begin or end nowhere stand beside others of the same protocol."""
    for index, item in enumerate(items):
        any_port = tokens.atoms[item.first].kind == ANY
        if not any_port and not _is_related(tokens, item):
            continue
        same = [
            other for place, other in enumerate(items) if place != index and _overlap(other.protocols, item.protocols)
        ]
        if any_port and same:
            raise ValueError(
                f"{where}: {quoted(''.join(tokens.plain))} is not understood: {quoted(tokens.atoms[item.first].text)} "
                f"stands beside other ports: {ACCEPTED}"
            )
        for other in same:
            if _is_related(tokens, other) or (_is_related(tokens, item) and item.low == 1):
                ways = [[item, other], [_between(tokens, item, other)]]
                raise ValueError(
                    f"{where}: what is open at one end may be meant as one range with what stands beside it: "
                    f"{advice(ways, _reader(row), least=1)}"
                )


def _between(tokens: Tokens, item: Item, other: Item) -> Item:
    """Return the one range that two items may be together: C{80 and up to 443}, C{> 1024 and < 2000}."""
    if _is_related(tokens, other):
        low, high = max(item.low, other.low), min(item.high, other.high)
    else:
        low, high = sorted((other.low, item.high))
    return item._replace(low=low, high=max(low, high))


def _is_related(tokens: Tokens, item: Item) -> bool:
    return any(tokens.atoms[index].relation not in ("", "from") for index in (item.first, item.last))


def _overlap(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> bool:
    return one == other or not set(one or ()).isdisjoint(other or ())
