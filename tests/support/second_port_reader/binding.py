# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which protocol has which ports: rules 1 to 6."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tests.support.second_port_reader.lines import LineReader
from tests.support.second_port_reader.protocols import Protocols
from tests.support.second_port_reader.shapes import APART, DASH, Element, Gap, Ports, Protocol
from tests.support.second_port_reader.tokens import Refused


@dataclass
class Bound:
    """Ports, and the protocols that they have of their own line, None for ports that have none."""

    ports: Ports
    protocols: Protocols | None
    before: bool = False  # in a list that ends with a protocol


def bound_ports(lines: list[LineReader]) -> list[Bound]:
    """Return all ports of a cell; raise Refused for a protocol without any."""
    found: list[Bound] = []
    heading: Protocols | None = None
    waiting = False
    for line in lines:
        protocols = [element for element in line.elements if isinstance(element, Protocol)]
        trailing = len(line.gaps) == len(line.elements) and line.gaps[-1].text == ":"
        if not protocols:
            if trailing:
                raise Refused("a colon behind ports")
            found += [Bound(ports, ports.own or heading) for ports in line.elements if isinstance(ports, Ports)]
            waiting = False
            continue
        if waiting:
            raise Refused("a heading without ports")
        heading = None
        if len(line.elements) == 1:
            heading, waiting = protocols[0].protocols, True
            continue
        if trailing:
            raise Refused("a colon at the end of a line")
        found += _of_line(line)
    if waiting:
        raise Refused("a protocol without ports")
    return found


def named_protocols(line: LineReader) -> list[Protocols]:
    """Return all that a line names."""
    found = [element.protocols for element in line.elements if isinstance(element, Protocol)]
    return found + [element.own for element in line.elements if isinstance(element, Ports) and element.own]


def _of_line(line: LineReader) -> list[Bound]:
    """Return the ports of a line that names protocols."""
    elements, gaps = line.elements, line.gaps
    begins, ends = (isinstance(element, Protocol) for element in (elements[0], elements[-1]))
    if begins != ends and not _crowded(line):
        # For each protocol its gaps to its own ports and to others.
        places = [place for place, element in enumerate(elements) if isinstance(element, Protocol)]
        between = gaps[: len(elements) - 1]
        own, other = (between, [None, *between]) if begins else ([None, *between], [*between, None])
        pairs = [(own[place], other[place]) for place in places]
        if all(near and near.tightness < APART and _looser(far, near) for near, far in pairs):
            return _in_front(elements) if begins else _behind(elements)
    for place, element in enumerate(elements):
        around = [gap.tightness for gap in gaps[: len(elements) - 1][max(place - 1, 0) : place + 1]]
        if isinstance(element, Protocol) and place and len(around) == 2 and DASH in around and max(around) < APART:
            raise Refused("a dash that may be of a range")
    if all(element.inside for element in elements if isinstance(element, Protocol)):
        return [
            Bound(one, one.own or (behind.protocols if isinstance(behind, Protocol) else None))
            for one, behind in zip(elements, [*elements[1:], None], strict=True)
            if isinstance(one, Ports)
        ]
    if all(element.own for element in elements if isinstance(element, Ports)):
        raise Refused("a protocol without ports")
    return [Bound(element, element.own) for element in elements if isinstance(element, Ports)]


def _looser(far: Gap | None, near: Gap) -> bool:
    return far is None or (near.tightness <= far.tightness and far.text != ":")


def _crowded(line: LineReader) -> bool:
    """Tell whether two protocols have nothing between them, or a list of protocols stands between ports."""
    for place, element in enumerate(line.elements[:-1]):
        if not isinstance(element, Protocol):
            continue
        around = [gap.tightness for gap in line.gaps[max(place - 1, 0) : place + 1]]
        if isinstance(line.elements[place + 1], Protocol) or (element.listed and place and APART not in around):
            return True
    return False


def _in_front(elements: list[Element]) -> list[Bound]:
    found = []
    current: Protocols | None = None
    inside = False
    for element in elements:
        if isinstance(element, Protocol):
            current, inside = element.protocols, False
        elif isinstance(element, Ports):
            found.append(Bound(element, element.own or (None if inside and not element.inside else current)))
            inside = inside or element.inside
    return found


def _behind(elements: list[Element]) -> list[Bound]:
    found = []
    for one, following in pairwise(elements):
        if isinstance(one, Ports):
            own = one.own or (following.protocols if isinstance(following, Protocol) else None)
            found.append(Bound(one, own, before=True))
    return found
