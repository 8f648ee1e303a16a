# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is settled in a line before its protocols get their ports: purposes, names, ranges with two protocols."""

from __future__ import annotations

from itertools import takewhile

from tests.support.second_port_reader.lines import LineReader
from tests.support.second_port_reader.shapes import (
    APART,
    DASH,
    SPACE,
    TIGHT,
    WIDE,
    Element,
    Gap,
    Ports,
    Protocol,
    Purpose,
)
from tests.support.second_port_reader.tokens import Refused

NAMES = {"http": (80,), "https": (443,), "http(s)": (80, 443)}
USUAL = {"dns": (53,), "ntp": (123,), "sip": (5060, 5061), "stun": (3478,), "turn": (3478,), "xmpp": (5222,)}


def purposes_above(lines: list[LineReader]) -> list[LineReader]:
    """Give the ports of the lines behind a line 'STUN:' that purpose; leave such lines out."""
    kept: list[LineReader] = []
    words: list[str] = []
    for line in lines:
        first, gap = line.elements[0], line.gaps[0] if line.gaps else None
        if len(line.elements) == 1 and isinstance(first, Purpose) and gap and gap.text == ":":
            if first.marked:
                raise Refused("a mark at a purpose")
            words = first.words
            continue
        _give(words, line.elements)
        words = []
        kept.append(line)
    if not kept or kept[-1] is not lines[-1]:
        raise Refused("a purpose alone")
    return kept


def _give(words: list[str], elements: list[Element]) -> None:
    """Give purposes to the first ports."""
    ports = [element for element in elements if isinstance(element, Ports)]
    if words and ports:
        ports[0].purposes.append(words)


def purposes_behind(line: LineReader) -> None:
    """Give the ports behind 'STUN:' that purpose, and 53 its 'DNS'; leave the purposes out."""
    elements, gaps = line.elements, line.gaps
    while places := [place for place, element in enumerate(elements) if isinstance(element, Purpose)]:
        place = places[0]
        purpose = elements[place]
        assert isinstance(purpose, Purpose)
        gap = gaps[place] if place < len(gaps) else None
        following = elements[place + 1] if place + 1 < len(elements) else None
        before = elements[place - 1] if place else None
        odd = place and (gaps[place - 1].tightness == DASH or gaps[place - 1].text == ":")
        if odd and isinstance(following, Ports | Protocol):
            raise Refused("a dash or a colon before a purpose")
        ahead = gap and (gap.text in (":", "port", "(") or (gap.tightness < APART and isinstance(following, Ports)))
        if purpose.marked and ahead:
            raise Refused("a mark at a purpose")
        if gap and gap.text in (":", "port") and isinstance(following, Ports | Protocol):
            behind = elements[place + 1 + isinstance(following, Protocol) :]
            _give(purpose.words, list(takewhile(lambda element: isinstance(element, Ports), behind)))
            del elements[place], gaps[place]
        elif gap and gap.text == "(" and isinstance(following, Ports):
            behind = elements[place + 1 :]
            _give(purpose.words, list(takewhile(lambda element: isinstance(element, Ports) and element.inside, behind)))
            del elements[place], gaps[place]
        elif gap in (Gap(SPACE, ""), Gap(WIDE, ""), Gap(TIGHT, "/")) and isinstance(following, Ports):
            _check_usual(purpose.words, following)
            _give(purpose.words, [following])
            del elements[place], gaps[place]
        elif isinstance(before, Ports) and gaps[place - 1] in (Gap(SPACE, ""), Gap(TIGHT, "/")):
            _check_usual(purpose.words, before)
            _give(purpose.words, [before])
            del elements[place], gaps[place - 1]
        else:
            raise Refused("a purpose alone")


def _check_usual(words: list[str], ports: Ports) -> None:
    """Raise Refused where a purpose may be a port of its own."""
    if not all(ports.first == ports.last and ports.first in USUAL[word] for word in words if word in USUAL):
        raise Refused("a purpose, or one port more")


def join_ranges(line: LineReader) -> None:
    """Put '10000/UDP - 20000/UDP' and 'UDP 10000 - UDP 20000' together; refuse any other dash between them."""
    for place in range(len(line.elements) - 3):
        four, gaps = line.elements[place : place + 4], line.gaps[place : place + 3]
        kinds = "".join("n" if isinstance(element, Ports) else "p" for element in four)
        if kinds not in ("npnp", "pnpn") or gaps[1].tightness != DASH:
            continue
        if APART in (gaps[0].tightness, gaps[2].tightness):
            continue
        first, last = (element for element in four if isinstance(element, Ports))
        if (last if kinds == "npnp" else first).kind != "port" or "any" in (first.kind, last.kind):
            continue
        behind = line.elements[place + 4 : place + 5]
        if kinds == "pnpn" and behind and isinstance(behind[0], Protocol) and line.gaps[place + 3].tightness < APART:
            raise Refused("a range between two protocols")
        upper, lower = (element for element in four if isinstance(element, Protocol))
        if upper.protocols != lower.protocols or first.kind != "port" or last.kind != "port":
            raise Refused("a dash between different protocols")
        if first.first > last.first:
            raise Refused("a dash between protocols")
        merged = Ports(first.first, last.first, "range", purposes=first.purposes + last.purposes)
        line.elements[place : place + 4] = [merged, lower] if kinds == "npnp" else [lower, merged]
        line.gaps[place : place + 3] = [gaps[2]]
        join_ranges(line)
        return


def settle_names(lines: list[LineReader]) -> None:
    """Make ports of 'https' where it is one."""
    numbers = [{one.first for one in line.elements if isinstance(one, Ports) and one.kind == "port"} for line in lines]
    others = [any(isinstance(one, Ports) for one in line.elements) for line in lines]
    shown = set().union(*numbers)
    for place, line in enumerate(lines):
        below = set().union(*numbers[place + 1 :])
        beside = any(others[:place] + others[place + 1 :])
        while _settle_name(line, shown, below if beside else None):
            pass


def _ports_of(names: tuple[str, ...]) -> list[int]:
    return [port for name in names for port in NAMES[name]]


def _is_sure(line: LineReader, place: int) -> bool:
    """Tell whether the gap to the ports that a name may have is a colon, brackets or the word port."""
    begins = isinstance(line.elements[0], Protocol)
    ends = isinstance(line.elements[-1], Protocol)
    gap = line.gaps[place : place + 1] if begins else line.gaps[place - 1 : place] if ends else []
    return gap != [] and gap[0].text in (":", "(", "port")


def _settle_name(line: LineReader, shown: set[int], below: set[int] | None) -> bool:
    """Make ports of the first name of a line that is some, and tell whether there was one.

    C{shown}: ports of the cell; C{below}: those of the lines below, None where no other line has any.
    """
    for place, element in enumerate(line.elements):
        if not isinstance(element, Protocol):
            continue
        if not set(_ports_of(element.among)) <= shown and (element.listed or not _is_sure(line, place)):
            raise Refused("a port of a list, or a protocol")
        if not element.names:
            continue
        last = place == len(line.elements) - 1
        touching = [
            line.gaps[place - before]
            for before in (1, 0)
            if place >= before
            and not (last and not before)
            and isinstance(line.elements[place + 1 - 2 * before], Ports)
        ]
        touching = [gap for gap in touching if gap.tightness < APART]
        if place and isinstance(line.elements[place - 1], Protocol) and line.gaps[place - 1].tightness < APART:
            raise Refused("two protocols with nothing between them")
        ports = _ports_of(element.names)
        printed = set(ports) <= shown
        colon = last and place < len(line.gaps) and line.gaps[place].text == ":"
        alone = below is not None and len(line.elements) == 1
        if alone and not (colon and not element.listed) and not set(ports) <= (below or set()):
            raise Refused("a name, or a heading")
        if alone:
            continue
        if colon and not touching:
            raise Refused("a name with a colon behind others")
        if touching or colon or element.inside:
            sure = not element.listed and _is_sure(line, place)
            if not sure and not printed:
                raise Refused("a protocol, or a list")
            continue
        if "http(s)" in element.names:
            raise Refused("80 and 443, or 443")
        line.elements[place : place + 1] = [Ports(port, port, "name", own=frozenset({"tcp"})) for port in ports]
        line.gaps[place:place] = [Gap(APART, "name")] * (len(ports) - 1)
        return True
    return False
