# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two cells of a row to services: which protocol has which ports, by the eight rules of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, pairwise

from tests.support.second_port_reader.elements import (
    APART,
    DASH,
    TIGHT,
    WIDE,
    Element,
    Gap,
    LineReader,
    Ports,
    Protocol,
    Purpose,
    check_shorthand,
)
from tests.support.second_port_reader.numbers import settled
from tests.support.second_port_reader.protocols import NEEDS, Protocols, check_fit
from tests.support.second_port_reader.row_protocols import read_row_protocols
from tests.support.second_port_reader.tokens import Refused, lines_of

NAMES = {"http": (80,), "https": (443,), "http(s)": (80, 443)}
NUMBERS = {"dns": 53, "ntp": 123}
Service = tuple[str, int, int]


@dataclass
class Bound:
    """Ports, and the protocols that they have of their own line, None for ports that have none."""

    ports: Ports
    protocols: Protocols | None
    before: bool = False  # in a list that ends with a protocol


def read(protocol: str | None, ports: str) -> frozenset[Service]:
    """Return the services of a row, (protocol, first port, last port); raise Refused."""
    row = read_row_protocols(protocol or "")
    lines = [LineReader(line.tokens, bullet=line.bullet).read() for line in settled(lines_of(ports, 8000))]
    if not lines:
        raise Refused("nothing there")
    lines = _purposes_above(lines)
    for line in lines:
        _purposes_behind(line)
        _double(line)
    shown = {element.first for line in lines for element in line.elements if _number(element)}
    lone = len(lines) > 1
    for line in lines:
        for (place, one), (_next, other) in pairwise(enumerate(line.elements)):
            if (
                isinstance(one, Ports)
                and isinstance(other, Ports)
                and (line.gaps[place].text in (":", "-") or line.gaps[place] == Gap(TIGHT, ""))
            ):
                raise Refused("a label, or a range")
    if any(line.tokens[-1].sign("+") and not line.bullet for line in lines[:-1]):
        raise Refused("a plus at the end of a line")
    for place, line in enumerate(lines):
        below = lines[place + 1] if place + 1 < len(lines) else None
        _name(line, shown, heading=lone and below is not None and not _protocols(below))
    found = _bound(lines)
    protocols: dict[int, object] = {id(bound.ports): bound.protocols for bound in found}
    for line in lines:
        check_shorthand(line, protocols)
    named = {p for line in lines for p in _protocols(line)}
    worded = any(isinstance(element, Protocol) for line in lines for element in line.elements)
    return _services(found, named, row, worded=worded)


def _number(element: Element) -> bool:
    return isinstance(element, Ports) and element.kind == "port"


def _protocols(line: LineReader) -> list[Protocols]:
    found = [element.protocols for element in line.elements if isinstance(element, Protocol)]
    return found + [element.own for element in line.elements if isinstance(element, Ports) and element.own]


def _purposes_above(lines: list[LineReader]) -> list[LineReader]:
    """Give the ports of the lines behind a line 'STUN:' that purpose; leave such lines out."""
    kept: list[LineReader] = []
    words: list[str] | None = None
    for line in lines:
        if len(line.elements) == 1 and isinstance(line.elements[0], Purpose) and line.gaps and line.gaps[0].text == ":":
            if words is not None and not kept:
                raise Refused("a purpose alone")
            words = line.elements[0].words
            continue
        for element in line.elements:
            if isinstance(element, Ports) and words:
                element.purposes.append(words)
        kept.append(line)
    if not kept or (isinstance(lines[-1].elements[0], Purpose) and lines[-1] is not kept[-1]):
        raise Refused("a purpose alone")
    return kept


def _purposes_behind(line: LineReader) -> None:
    """Give the ports behind 'STUN:' that purpose, and 53 its 'DNS'; leave the purposes out."""
    place = 0
    while place < len(line.elements):
        element = line.elements[place]
        if not isinstance(element, Purpose):
            place += 1
            continue
        gap = line.gaps[place] if place < len(line.gaps) else None
        following = line.elements[place + 1] if place + 1 < len(line.elements) else None
        if gap and gap.text == ":" and isinstance(following, Ports | Protocol):
            for behind in line.elements[place + 1 + isinstance(following, Protocol) :]:
                if not isinstance(behind, Ports):
                    break
                behind.purposes.append(element.words)
            del line.elements[place], line.gaps[place]
            continue
        if gap and gap.tightness < APART and gap.tightness != DASH and isinstance(following, Ports):
            following.purposes.append(element.words)
            del line.elements[place], line.gaps[place]
            continue
        before = line.elements[place - 1] if place else None
        if before and line.gaps[place - 1].tightness < WIDE + 1 and isinstance(before, Ports):
            before.purposes.append(element.words)
            del line.elements[place], line.gaps[place - 1]
            continue
        raise Refused("a purpose alone")


def _double(line: LineReader) -> None:
    """Put '10000/UDP - 20000/UDP' and 'UDP 10000 - UDP 20000' together; refuse any other dash between them."""
    for place in range(len(line.elements) - 3):
        four, gaps = line.elements[place : place + 4], line.gaps[place : place + 3]
        kinds = "".join("n" if isinstance(element, Ports) else "p" for element in four)
        if kinds not in ("npnp", "pnpn") or gaps[1].tightness != DASH:
            continue
        if APART in (gaps[0].tightness, gaps[2].tightness):
            continue
        first, last = (element for element in four if isinstance(element, Ports))
        upper, lower = (element for element in four if isinstance(element, Protocol))
        if upper.protocols != lower.protocols or first.kind != "port" or last.kind != "port":
            raise Refused("a dash between different protocols")
        if first.first > last.first:
            raise Refused("a dash between protocols")
        merged = Ports(first.first, last.first, "range", purposes=first.purposes + last.purposes)
        line.elements[place : place + 4] = [merged, lower] if kinds == "npnp" else [lower, merged]
        line.gaps[place : place + 3] = [gaps[2]]
        _double(line)
        return


def _name(line: LineReader, shown: set[int], *, heading: bool) -> None:
    """Settle whether 'https' is a port or a protocol."""
    for place, element in enumerate(line.elements):
        if not isinstance(element, Protocol) or not element.names:
            continue
        around = []
        if place and isinstance(line.elements[place - 1], Ports):
            around.append(line.gaps[place - 1])
        if place + 1 < len(line.elements) and isinstance(line.elements[place + 1], Ports):
            around.append(line.gaps[place])
        touching = [gap for gap in around if gap.tightness < APART]
        ports = [port for name in element.names for port in NAMES[name]]
        ended = place == len(line.elements) - 1 and place < len(line.gaps) and line.gaps[place].text == ":"
        if ended and not touching and place:
            raise Refused("a name with a colon behind others")
        if not touching and not ended and not element.inside:
            if heading and len(line.elements) == 1 and not set(ports) <= shown:
                raise Refused("a name, or a heading")
            if "http(s)" in element.names and not (heading and set(ports) <= shown):
                raise Refused("80 and 443, or 443")
            own = [Ports(port, port, "name", own=frozenset({"tcp"})) for port in ports]
            line.elements[place : place + 1] = own
            line.gaps[place:place] = [Gap(APART, "name")] * (len(own) - 1)
            _name(line, shown, heading=heading)
            return
        sure = ended or any(gap.text in (":", "(", "port") and not element.listed for gap in touching)
        if not sure and not set(ports) <= shown:
            raise Refused("a protocol, or a list")


def _bound(lines: list[LineReader]) -> list[Bound]:
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
        if trailing and not isinstance(line.elements[-1], Protocol):
            raise Refused("a colon at the end of a line")
        found += _of_line(line)
    if waiting:
        raise Refused("a protocol without ports")
    return found


def _of_line(line: LineReader) -> list[Bound]:
    """Return the ports of a line that names protocols."""
    elements, gaps = line.elements, line.gaps
    places = [place for place, element in enumerate(elements) if isinstance(element, Protocol)]
    crowded = False
    for place in places:
        element = elements[place]
        if isinstance(element, Protocol) and element.listed and 0 < place < len(elements) - 1:
            if APART not in (gaps[place - 1].tightness, gaps[place].tightness):
                crowded = True
    apart = not crowded and all(
        not isinstance(one, Protocol) or not isinstance(other, Protocol) for one, other in pairwise(elements)
    )
    begins, ends = isinstance(elements[0], Protocol), isinstance(elements[-1], Protocol)
    tight = [gap.tightness for gap in gaps]
    if (
        apart
        and begins
        and not ends
        and all(tight[p] < APART and (p == 0 or (tight[p] <= tight[p - 1] and gaps[p - 1].text != ":")) for p in places)
    ):
        return _in_front(elements)
    if (
        apart
        and ends
        and not begins
        and all(
            tight[p - 1] < APART and (p == len(elements) - 1 or (tight[p - 1] <= tight[p] and gaps[p].text != ":"))
            for p in places
        )
    ):
        return [
            Bound(element, _following(elements, place), before=True)
            for place, element in enumerate(elements)
            if isinstance(element, Ports)
        ]
    for place in places:
        around = tight[max(place - 1, 0) : place + 1] if place else tight[:1]
        if DASH in around and len(around) == 2 and max(around) < APART:
            raise Refused("a dash that may be of a range")
    return [Bound(element, None) for element in elements if isinstance(element, Ports)]


def _in_front(elements: list[Element]) -> list[Bound]:
    found = []
    current: Protocols | None = None
    inside = False
    for element in elements:
        if isinstance(element, Protocol):
            current, inside = element.protocols, False
        elif isinstance(element, Ports):
            found.append(Bound(element, None if inside and not element.inside else current))
            inside = inside or element.inside
    return found


def _following(elements: list[Element], place: int) -> Protocols | None:
    behind = elements[place + 1] if place + 1 < len(elements) else None
    return behind.protocols if isinstance(behind, Protocol) else None


def _services(found: list[Bound], named: set[Protocols], row: Protocols | None, *, worded: bool) -> frozenset[Service]:
    everyone = row or frozenset({"tcp"})
    for bound in found:
        bound.protocols = bound.ports.own or bound.protocols
        lent = row is not None or bound.before or not worded
        if bound.protocols is None and named and (named != {everyone} or not lent):
            raise Refused("ports that have no protocol")
        bound.protocols = bound.protocols or everyone
        _check_purposes(bound, unnamed=row is None and not named)
        if bound.ports.letters and row is None and not named:
            raise Refused("a mark or a protocol")
    if row is not None and named and frozenset().union(*named) != row:
        raise Refused("another protocol than the row's")
    for protocol in sorted(frozenset().union(*(bound.protocols or () for bound in found))):
        _check_together([bound.ports for bound in found if protocol in (bound.protocols or ())])
    return frozenset(
        (protocol, bound.ports.first, bound.ports.last) for bound in found for protocol in bound.protocols or ()
    )


def _check_together(ports: list[Ports]) -> None:
    kinds = [one.kind for one in ports]
    if "any" in kinds and len(kinds) > 1:
        raise Refused("any port, and others")
    if "below" in kinds and len(kinds) > 1:
        raise Refused("up to a port, and others")
    if kinds.count("bound") > 1:
        raise Refused("two ends of one range")
    for one, other in combinations(ports, 2):
        spans = (one.first, one.last) != (other.first, other.last) and one.first < one.last and other.first < other.last
        if spans and one.first <= other.last and other.first <= one.last and min(one.first, other.first) < 1024:
            raise Refused("ranges overlap")


def _check_purposes(bound: Bound, *, unnamed: bool) -> None:
    protocols = bound.protocols or frozenset()
    if any(protocols != {letter} for letter in bound.ports.letters):
        raise Refused("a mark or a protocol")
    for words in bound.ports.purposes:
        for word in set(words) & set(NUMBERS):
            if (bound.ports.first, bound.ports.last) != (NUMBERS[word],) * 2:
                raise Refused("a name with another port")
        check_fit(words, protocols)
        if unnamed and set(words) != {"secure"} and "tcp" not in {NEEDS.get(word) for word in words}:
            raise Refused("a purpose, and no protocol")
        if unnamed and set(words) & {"rtp", "rtcp", "srtp", "srtcp"}:
            raise Refused("media without a protocol")
