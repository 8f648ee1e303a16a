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
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable, shown

from .marks import capped
from .port_doubts import complete, numbered, other_readings
from .port_lists import assigned, resolve
from .port_numbers import Item, Numbers, items_of, numbers_of
from .port_readings import BREAK, COLUMN, EITHER, POINT, RANGE, groups, readings_of
from .port_tokens import ACCEPTED, ANY, NAME, NUMBER, PROTOCOL, Tokens, tokens_of
from .protocols import check_agreement
from .text import check_numbering, clean, is_bulleted, plain, unbulleted
from .words import IMPLIED, OWN_PORTS, words_of

_LABEL = re.compile(r"ports?(?:\(s\))?(?:\s+(?:ranges?|numbers?|nos?\.))?\s*:\s*", re.IGNORECASE)
_SIMPLE = re.compile(r"[1-9][0-9]{0,3}(?:-[1-9][0-9]{0,4})?", re.ASCII)
_LONGEST = 8_000  # characters of a cell; the time that readings take grows faster than its length
_LONGEST_ADVICE = 200
_MOST_OFFERED = 60  # ports; more are not written out in an error
_UNCLEAR = "it is not clear to which of its ports a protocol belongs"
_INSTEAD = "write each protocol in front of its ports, and a semicolon before the next one"
_DEFAULT = ("tcp",)  # of a row without a protocol


class Remark(NamedTuple):
    """A purpose in a cell, as printed, with the protocols that the cell gives its port; None where it gives none."""

    text: str
    protocols: tuple[str, ...] | None


class PortCell(NamedTuple):
    """What a cell of ports says: its ports in printed order, its purposes, and the texts for the row's label."""

    items: list[Item]
    remarks: list[Remark]
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
    for remark in found.remarks:
        if remark.text.upper() in ("U", "T"):
            raise _doubtful_letter(f"ports {quoted(str(cell))}", remark.text)
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
    text = plain(clean(text, f"{where}: the cell"), f"{where}: the cell").strip()
    text = text[match.end() :] if (match := _LABEL.match(text)) else text
    bulleted = is_bulleted(text)
    text = unbulleted(text, f"{where}: this", read_ports)
    tokens = tokens_of(text, where)
    check_numbering(where, "".join(tokens.plain))
    resolve(tokens, where)
    numbers, notes = numbers_of(tokens, where)
    readings = readings_of(*numbers[:2]) if numbers.texts else [()]
    if not readings:
        raise ValueError(f"{where}: {_fault(*numbers[:2])}")
    listed = [items_of(tokens, numbers, reading, where) for reading in readings]
    listed = [_settled(tokens, items, where, row, bulleted=bulleted) for items in listed]
    ways = list(listed)
    if len(readings) == 1:
        if doubt := numbered(listed[0]):
            raise ValueError(
                f"{where}: this can be read in two ways: its ranges overlap, and what they begin with may be the "
                f"numbers of lines: {_advice(doubt, row)}"
            )
        ways += other_readings(listed[0], numbers, readings[0])
    if len(ways) > 1:
        more = ", among others" if len(ways) > 3 or len(readings) > 2 else ""
        raise ValueError(f"{where}: this can be read in more than one way: {_advice(ways, row)}{more}")
    _check_together(tokens, listed[0], where, text)
    remarks = [_remark(tokens, listed[0], remark.at, remark.text, where) for remark in tokens.remarks]
    _check_purposes(remarks, row, where)
    return PortCell(listed[0], remarks, capped([*notes, *tokens.labels]))


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


def _settled(tokens: Tokens, items: list[Item], where: str, row: tuple[str, ...], *, bulleted: bool) -> list[Item]:
    """Return the items of a reading with their protocols, all of them or none.

    Ports without one have that of the others where it is the row's too. Else raises ValueError with the readings.
    """
    named = {atom.protocols for atom in tokens.atoms if atom.kind in (PROTOCOL, NAME)}
    if not named:
        return items
    if not items:
        text = next(atom.text for atom in tokens.atoms if atom.kind == PROTOCOL)
        raise ValueError(f"{where}: {quoted(text)} names a protocol and has no port: write both, like 'TCP 443'")
    found = assigned(tokens, items, where, bulleted=bulleted)
    if all(item.protocols for item in found):
        return found
    usual = row or _DEFAULT
    if named == {usual}:
        return [item._replace(protocols=usual) for item in found]
    if len(found) > _MOST_OFFERED:
        raise ValueError(f"{where}: {_UNCLEAR}: {_INSTEAD}")
    protocols = [(index, atom.protocols) for index, atom in enumerate(tokens.atoms) if atom.kind in (PROTOCOL, NAME)]
    ways = [
        [item if item.protocols else item._replace(protocols=_nearest(protocols, item, side)) for item in found]
        for side in (-1, 1)
    ]
    ways.append([item if item.protocols else item._replace(protocols=usual) for item in found])
    ways = [way for index, way in enumerate(ways) if way not in ways[:index]]
    raise ValueError(f"{where}: {_UNCLEAR}: {_advice(ways, row, least=1)}")


def _nearest(protocols: list[tuple[int, tuple[str, ...]]], item: Item, side: int) -> tuple[str, ...]:
    """Return the protocol that stands nearest to an item, on one side if one does."""
    before = [found for index, found in protocols if index < item.first]
    behind = [found for index, found in protocols if index > item.first]
    first, second = (before[-1:], behind[:1]) if side < 0 else (behind[:1], before[-1:])
    return (first or second)[0]


def _check_together(tokens: Tokens, items: list[Item], where: str, text: str) -> None:
    """Raise ValueError where ports that begin or end nowhere stand beside others of the same protocol."""
    for index, item in enumerate(items):
        any_port = tokens.atoms[item.first].kind == ANY
        if not any_port and not _is_related(tokens, item):
            continue
        same = [
            other
            for place, other in enumerate(items)
            if place != index and _overlap(other.protocols, item.protocols)
        ]
        if any_port and same:
            raise ValueError(
                f"{where}: {quoted(text)} is not understood: {tokens.atoms[item.first].text!r} stands beside other "
                f"ports: {ACCEPTED}"
            )
        for other in same:
            if _is_related(tokens, other):
                low, high = max(item.low, other.low), min(item.high, other.high)
                ways = [[item, other], [item._replace(low=low, high=max(low, high))]]
                raise ValueError(
                    f"{where}: two of its ports are open at one end, and may be meant as one range: {_advice(ways, ())}"
                )


def _is_related(tokens: Tokens, item: Item) -> bool:
    return any(tokens.atoms[index].relation not in ("", "from") for index in (item.first, item.last))


def _overlap(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> bool:
    return one == other or not set(one or ()).isdisjoint(other or ())


def _remark(tokens: Tokens, items: list[Item], at: int, text: str, where: str) -> Remark:
    """Return a purpose with the protocols of its port; raises ValueError where it does not fit these."""
    atom = tokens.atoms[at]
    item = next((item for item in items if item.first <= at <= item.last), None)
    protocols = atom.protocols if atom.kind == PROTOCOL else item.protocols if item else None
    for word in words_of(text):
        if (own := OWN_PORTS.get(word)) and atom.kind == NUMBER and item and (item.low, item.high) != (own, own):
            raise ValueError(f"{where}: {quoted(text)} is on port {own}: write '{own}', or the port without the name")
    if protocols and text.upper() not in ("U", "T"):
        check_agreement(where, text, list(protocols))
    return Remark(text, protocols)


def _check_purposes(remarks: list[Remark], row: tuple[str, ...], where: str) -> None:
    """Raise ValueError where purposes of one cell need different protocols and its ports have several."""
    needed = {IMPLIED[word] for remark in remarks for word in words_of(remark.text) if word in IMPLIED and not remark.protocols}
    if len(needed) > 1 and len(row) > 1:
        raise ValueError(f"{where}: {_UNCLEAR}: {_INSTEAD}")


def check_remarks(cell: str | int | None, found: PortCell, protocols: list[str], *, printed: bool) -> None:
    """Raise ValueError where a purpose in a cell of ports does not fit the protocols of its row."""
    where = f"ports {quoted(str(cell))}"
    for remark in found.remarks:
        letter = {"U": "udp", "T": "tcp"}.get(remark.text.upper())
        if letter and (list(remark.protocols or protocols) != [letter] or not (printed or remark.protocols)):
            raise _doubtful_letter(where, remark.text)
        if not letter and not remark.protocols:
            check_agreement(where, remark.text, protocols, printed=printed)


def _doubtful_letter(where: str, letter: str) -> ValueError:
    name = {"U": "UDP", "T": "TCP"}[letter.upper()]
    return ValueError(
        f"{where} can be read in two ways: '({letter})' may be {name}, or a footnote: write {name} in the protocol cell, or "
        "the ports without it"
    )


def written(items: list[Item]) -> str:
    """Return ports as they are to be written: C{80, 443}, or C{TCP 443, 5061; UDP 3478}; '' where some have protocols."""
    parts: list[tuple[tuple[str, ...] | None, list[str]]] = []
    for item in items:
        text = format_ports(item.low, item.high)
        if parts and parts[-1][0] == item.protocols:
            if text not in parts[-1][1]:
                parts[-1][1].append(text)
        else:
            parts.append((item.protocols, [text]))
    if len(parts) > 1 and any(protocols is None for protocols, _texts in parts):
        return ""
    return "; ".join(f"{'/'.join(protocols or ()).upper()} {', '.join(texts)}".strip() for protocols, texts in parts)


def _advice(ways: list[list[Item]], row: tuple[str, ...], least: int = 2) -> str:
    """Say how to write each reading, if these are short and read as what they mean."""
    texts = {written(way): way for way in ways}
    offered = readable((text for text in texts if len(text) <= _LONGEST_ADVICE), _same(texts, row))
    listed = " or ".join(f"'{text}'" for text in offered)
    if len(offered) >= least:
        return f"write {listed}"
    if any(item.protocols for way in ways for item in way):
        return _INSTEAD
    return "write ', ' between two ports and nothing inside a port"


def _same(texts: dict[str, list[Item]], row: tuple[str, ...]) -> Callable[[str], object]:
    """Return a reader that refuses what is not read as what it is to mean."""

    def read(text: str) -> object:
        found = read_ports(text, row)
        if found.services(["tcp"]) != PortCell(texts[text], [], []).services(["tcp"]):
            raise ValueError(f"{text} is read otherwise")
        if row and found.named() - set(row):
            raise ValueError(f"{text} is not for this row")
        return found

    return read


def _fault(numbers: list[str], joints: list[str]) -> str:
    """Say what is wrong with a cell that has no valid reading, in the reading that a person would try first."""
    joined: list[str] = [numbers[0]]
    between: list[str] = []
    for joint, number in zip(joints, numbers[1:], strict=True):
        grouped = joint == POINT or (joint in EITHER and number.startswith("0"))
        if grouped and groups(joined[-1], number):
            joined[-1] += number
        else:
            joined.append(number)
            between.append(joint)
    for number in joined:
        if not number.strip("0"):
            return f"port {number[:20]} does not exist: {ACCEPTED}"
        if number.startswith("0"):
            return f"port {number[:20]} has a leading zero, which no port has: write the whole port"
        if len(number) > 5 or int(number) > 65535:
            return f"port {number[:20]} is larger than 65535: {ACCEPTED}"
    for index, joint in enumerate(between):
        if joint == RANGE:
            if between[index + 1 : index + 2] == [RANGE]:
                break
            low, high = joined[index], joined[index + 1]
            if int(low) > int(high):
                if between[index + 1 : index + 2] and between[index + 1] in (*EITHER, BREAK, COLUMN):
                    return f"{low} is larger than {high}: write no comma or gap inside a port, and ', ' between two"
                full = complete(int(low), int(high))
                if int(low) < full <= 65535:
                    return f"{low} is larger than {high}: write '{low}-{full}' or '{low}, {high}'"
                return f"{low} is larger than {high}: write the lower port first"
    return f"a range has two ends: {ACCEPTED}"
