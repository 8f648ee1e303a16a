# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports of a cell belong to which protocol that stands beside them: in front, behind, or as a heading above."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .port_atoms import ANY, NAME, NUMBER, PROTOCOL, Atom, Tokens
from .port_errors import ACCEPTED
from .port_numbers import Item
from .port_readings import groups
from .text import DASHES

_SEPARATES = re.compile(r"\s*(?:[,;]\s+(?:and|or|plus)\s+|[,;/&|+]\s*)|\s+(?:and/or|and|or|plus)\s+|\s+", re.IGNORECASE)
_TWO_DASHED = "the dash between two protocols has no single reading"
_DOUBTFUL_DASH = (
    f"{_TWO_DASHED}: write the range and its protocol once, or a comma between two ports, each with its own"
)
# How tight a gap binds: brackets, a colon or a slash; a dash; a space; a wide gap; what separates.
_TIGHT, _DASH, _SPACE, _WIDE, _APART = 4, 3, 2, 1, 0


class _Entry(NamedTuple):
    """A protocol or a port of a line, with its first atom; C{item}: the index of the port, -1 for a protocol."""

    atom: Atom
    item: int
    closed: bool = False


def resolve(tokens: Tokens, row: tuple[str, ...], where: str) -> None:
    """Turn names that stand for ports into these, and a dash between two ports with one protocol into a range."""
    atoms = tokens.atoms
    for index, atom in enumerate(atoms):
        if PROTOCOL in (atom.kind, atoms[index - 1].kind if index else ""):
            _bond(atom, tokens, index, where)
    _join_ranges(tokens, row, where)
    _check_any(atoms, where)
    numbers = any(atom.kind in (NUMBER, ANY) for atom in atoms)
    found: list[Atom] = []
    shift: list[int] = []
    for index, atom in enumerate(atoms):
        shift.append(len(found))
        behind = atoms[index + 1] if index + 1 < len(atoms) else None
        free = (not index or _strength(atom) == _APART) and (behind is None or _strength(behind) == _APART)
        broken = "\n" in atom.gap or not index, behind is None or "\n" in behind.gap
        alone = all(broken) and ("\n" in atom.gap or (behind is not None and "\n" in behind.gap))
        if atom.kind == PROTOCOL and atom.pure and free and not (alone and numbers):
            if len(atom.names) > 1 and "(s)" in atom.text.lower():
                raise ValueError(f"{where}: {quoted(atom.text)} may be one port or two: write '80, 443' or '443'")
            for number, port in enumerate(atom.names):
                gap = ", " if number else atom.gap
                found.append(Atom(NAME, atom.text, gap, protocols=atom.protocols, names=(port,)))
        else:
            found.append(atom)
    for remark in tokens.remarks:
        remark.at = shift[remark.at]
    tokens.atoms[:] = found
    tokens.plain[:] = [atom.gap + atom.text for atom in found]


def _check_any(atoms: list[Atom], where: str) -> None:
    """Raise ValueError for C{all HTTPS}, without the word port: it may be all of that traffic, on its own port."""
    for atom, behind in pairwise(atoms):
        words = atom.kind == ANY and atom.text != "*" and not atom.worded
        if words and behind.kind == PROTOCOL and not behind.plain and not behind.gap.strip(" "):
            raise ValueError(
                f"{where} can be read in two ways: {quoted(f'{atom.text} {behind.text}')} may be any port, or all such "
                f"traffic, on the port that it has: write '{'/'.join(behind.protocols).upper()} 1-65535', or that port"
            )


def _join_ranges(tokens: Tokens, row: tuple[str, ...], where: str) -> None:
    """Make one range of C{10000/UDP - 20000/UDP} and C{UDP 10000 - UDP 20000}."""
    atoms = tokens.atoms
    gone: set[int] = set()
    whole = [index for index in range(len(atoms)) if not _is_tail(atoms, index)]
    for at, places in enumerate(zip(whole, whole[1:], whole[2:], whole[3:], strict=False)):
        four = [atoms[index] for index in places]
        kinds = [atom.kind for atom in four]
        strengths = [_strength(atom) for atom in four[1:]]
        if strengths[1] != _DASH or _APART in strengths:
            continue
        if kinds == [NUMBER, PROTOCOL, NUMBER, PROTOCOL]:
            first, one, last, other = four
        elif kinds == [PROTOCOL, NUMBER, PROTOCOL, NUMBER]:
            one, first, other, last = four
        else:
            continue
        if (last if first is four[0] else first).relation:
            continue
        if one.protocols != other.protocols:
            raise ValueError(f"{where}: {_doubtful_dash(first, last, one, other, row)}")
        behind = atoms[whole[at + 4]] if at + 4 < len(whole) else None
        if last is four[3] and behind and behind.kind == PROTOCOL and _strength(behind) > _APART:
            raise ValueError(f"{where}: {_DOUBTFUL_DASH}")  # 53-TCP 80 TCP
        last.gap, last.apart, last.tight = "-", True, False
        gone.add(places[1] if first is four[0] else places[2])
    if gone:
        _drop(tokens, gone)


def _is_tail(atoms: list[Atom], index: int) -> bool:
    """Whether an atom is the last three digits of the thousands that the one before it begins."""
    before, atom = atoms[index - 1], atoms[index]
    numbers = index > 0 and before.kind == atom.kind == NUMBER and not atom.apart
    return numbers and atom.gap in (",", ".", " ") and groups(before.text, atom.text)


def _doubtful_dash(before: Atom, behind: Atom, one: Atom, other: Atom, row: tuple[str, ...]) -> str:
    """Say how a dash between two ports with different protocols may be meant."""
    named = {*one.protocols, *other.protocols}
    rising = 0 < int(before.text[:6]) < int(behind.text[:6]) <= 65535
    if not rising or not named <= {"tcp", "udp"} or (row and named != set(row)):
        return _DOUBTFUL_DASH
    both = "/".join(sorted(named)).upper()
    names = ["/".join(sorted(each.protocols)).upper() for each in (one, other)]
    ports = f"{names[0]} {before.text}; {names[1]} {behind.text}"
    return f"{_TWO_DASHED}: write '{ports}' or '{both} {before.text}-{behind.text}'"


def _drop(tokens: Tokens, gone: set[int]) -> None:
    kept = [index for index in range(len(tokens.atoms)) if index not in gone]
    places = list(accumulate(index not in gone for index in range(len(tokens.atoms))))
    for remark in tokens.remarks:
        remark.at = max(places[remark.at] - 1, 0)
    tokens.plain[:] = [tokens.atoms[index].gap + tokens.atoms[index].text for index in kept]
    tokens.atoms[:] = [tokens.atoms[index] for index in kept]


def _bond(atom: Atom, tokens: Tokens, index: int, where: str) -> None:
    """Raise ValueError where the gap beside a protocol is nothing that binds or separates."""
    gap = atom.gap
    before = tokens.atoms[index - 1] if index else None
    heading = before is not None and before.kind == PROTOCOL and gap.lstrip(" ").startswith(":")
    heading = heading and before is not None and (index == 1 or "\n" in before.gap)
    broken = "\n" in gap and (":" in gap or gap.lstrip(" ").startswith("+")) and not heading
    if broken or (gap.strip() not in ("", ":", *DASHES) and not _SEPARATES.fullmatch(gap)):
        raise ValueError(
            f"{where}: {quoted(''.join(tokens.plain[index:]).strip())} is not understood there: {ACCEPTED}"
        )


def _strength(atom: Atom) -> int:
    """Return how tight an atom is bound to what stands before it."""
    gap = atom.gap
    inner = gap.strip()
    if inner == ":":
        return _TIGHT
    if "\n" in gap:
        return _APART
    if inner and inner in DASHES:
        return _DASH
    if atom.tight or not gap or gap == "/":
        return _TIGHT if not inner or inner == "/" else _APART
    if not inner:
        return _SPACE if len(gap) == 1 else _WIDE
    return _WIDE if inner == "/" else _APART


def assigned(tokens: Tokens, items: list[Item], row: tuple[str, ...], where: str) -> list[Item]:
    """Return the items with the protocols that the cell gives them, None where it gives none.

    C{row}: the protocols that the row's own cell names. C{()} of an item: it stands in a list that ends with a
    protocol, which may be its own too.
    """
    own: dict[int, tuple[str, ...]] = {}
    heading: Atom | None = None
    lines = _lines(tokens, items)
    for number, line in enumerate(lines):
        protocols = [entry for entry in line if entry.item < 0]
        if not protocols:
            own.update({entry.item: heading.protocols for entry in line if heading})
        elif len(line) == 1:
            heading = protocols[0].atom
            behind = lines[number + 1] if number + 1 < len(lines) else []
            if not behind or any(entry.item < 0 for entry in behind):
                raise without_port(heading, where)
            below = [items[entry.item] for each in lines[number + 1 :] for entry in each if entry.item >= 0]
            _check_names(below, row, heading, behind[0].atom, where)
        else:
            heading = None
            own.update(_in_line(items, row, line, where))
    return [item if item.protocols else item._replace(protocols=own.get(index)) for index, item in enumerate(items)]


def _lines(tokens: Tokens, items: list[Item]) -> list[list[_Entry]]:
    """Return the protocols and ports of a cell, line by line."""
    entries = [
        (item.first, _Entry(tokens.atoms[item.first], index, tokens.atoms[item.last].closed))
        for index, item in enumerate(items)
    ]
    entries += [(index, _Entry(atom, -1)) for index, atom in enumerate(tokens.atoms) if atom.kind == PROTOCOL]
    lines: list[list[_Entry]] = [[]]
    for _index, entry in sorted(entries, key=lambda each: each[0]):
        gap = entry.atom.gap
        if "\n" in gap and lines[-1]:
            lines.append([])
        lines[-1].append(entry)
    return lines


def _in_line(items: list[Item], row: tuple[str, ...], line: list[_Entry], where: str) -> dict[int, tuple[str, ...]]:
    """Return the protocols of the ports of a line that is in one form, in front or behind; {} for any other line."""
    places = [index for index, entry in enumerate(line) if entry.item < 0]
    before = {index: _strength(line[index].atom) if index else _APART for index in places}
    after = {index: _strength(line[index + 1].atom) if index + 1 < len(line) else _APART for index in places}
    beside = all(line[index + step].item >= 0 for index in places for step in (-1, 1) if 0 <= index + step < len(line))
    inner = [index for index in places if 0 < index < len(line) - 1 and line[index].atom.listed]
    apart = all(_APART in (before[index], after[index]) for index in inner)
    front = places[0] == 0 and places[-1] < len(line) - 1 and all(0 < after[at] >= before[at] for at in places)
    behind = places[0] > 0 and places[-1] == len(line) - 1 and all(0 < before[at] >= after[at] for at in places)
    apart = apart and not any(":" in line[at + behind].atom.gap for at in places if 0 < at < len(line) - 1)
    for index in places:
        side = line[index + 1] if front or index == 0 else line[index] if behind or index == len(line) - 1 else None
        _check_names(items, row, line[index].atom, side.atom if side else None, where)
    if not beside or not apart or not (front or behind):
        if any(_DASH in (before[at], after[at]) and before[at] and after[at] for at in places):
            raise ValueError(f"{where}: {_DOUBTFUL_DASH}")
        if all(line[at].atom.tight and not line[at].atom.gap and beside for at in places):  # in brackets
            return {line[at - 1].item: line[at].atom.protocols for at in places}
        if all(items[entry.item].protocols for entry in line if entry.item >= 0):
            raise without_port(line[places[0]].atom, where)
        return {}
    found: dict[int, tuple[str, ...]] = {}
    if behind:
        leading: dict[int, tuple[str, ...]] = {entry.item: () for entry in line if entry.item >= 0}
        return leading | {line[index - 1].item: line[index].atom.protocols for index in places}
    current: tuple[str, ...] | None = None
    for entry in line:
        if entry.item < 0:
            current = entry.atom.protocols
        elif current:
            found[entry.item] = current
            current = None if entry.closed else current
    return found


def _check_names(items: list[Item], row: tuple[str, ...], protocol: Atom, bound: Atom | None, where: str) -> None:
    """Raise ValueError where a protocol that is a port's name too might be one more port of a list.

    C{bound}: the atom with the gap between the name and its port; None where it stands between two.
    """
    sure = bound is not None and not protocol.listed
    sure = sure and bound is not None and (bound.gap.strip() == ":" or (bound.tight and not bound.gap.strip()))
    if sure or not protocol.names:
        return
    printed = {item.low for item in items if item.low == item.high}
    if printed.issuperset(protocol.names):
        return
    ports = [format_ports(item.low, item.high) for item in items]
    names = list(map(str, protocol.names))
    ways = f"'{', '.join(names)}' if it is a port, or each port with its protocol"
    if (
        len(ports) == 1
        and not protocol.listed
        and row in ((), ("tcp",))
        and protocol.pure
        and "(" not in protocol.text.lower().replace("(s)", "")
    ):
        ways = f"'{ports[0]} ({protocol.text})' or '{', '.join(dict.fromkeys([*names, *ports]))}'"
    raise ValueError(
        f"{where} can be read in two ways: {quoted(protocol.text)} may be a port of the list, or what the port is for: "
        f"write {ways}"
    )


def without_port(protocol: Atom, where: str) -> ValueError:
    """Return the error of a protocol that stands without ports."""
    usual = 5061 if "sip" in protocol.text.lower() else 443 if protocol.protocols[0] == "tcp" else 3478
    example = f"{'/'.join(protocol.protocols).upper()} {usual}"
    return ValueError(f"{where}: {quoted(protocol.text)} names a protocol and no port: write both, like '{example}'")


def _tightest(tokens: Tokens, item: Item) -> tuple[str, ...] | None:
    """Return the protocol beside an item that the tighter gap binds to it, for a reading to offer."""
    atoms = tokens.atoms
    sides = []
    if item.first and atoms[item.first - 1].kind == PROTOCOL:
        sides.append((_strength(atoms[item.first]), atoms[item.first - 1].protocols))
    if item.last + 1 < len(atoms) and atoms[item.last + 1].kind == PROTOCOL:
        sides.append((_strength(atoms[item.last + 1]), atoms[item.last + 1].protocols))
    bound = max(sides, default=(_APART, None))
    return bound[1] if bound[0] > _APART else item.protocols


def _before(tokens: Tokens, item: Item) -> tuple[str, ...] | None:
    """Return the protocol of an item, or the last one before it, or else the first one."""
    before = [atom.protocols for atom in tokens.atoms[: item.first] if atom.kind == PROTOCOL]
    return item.protocols or (before[-1] if before else _behind(tokens, item))


def _behind(tokens: Tokens, item: Item) -> tuple[str, ...] | None:
    """Return the protocol of an item, or the next one behind it, or else none."""
    return item.protocols or next(
        (atom.protocols for atom in tokens.atoms[item.first :] if atom.kind == PROTOCOL), None
    )


# What a protocol in a line of neither form may belong to; each is a reading to offer.
GUESSES = (_tightest, _before, _behind)
