# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two cells of a row to services."""

from __future__ import annotations

from itertools import pairwise

from tests.support.second_port_reader.binding import Bound, bound_ports, named_protocols
from tests.support.second_port_reader.doubts import check_shorthand, check_together
from tests.support.second_port_reader.lines import LineReader
from tests.support.second_port_reader.numbers import settled
from tests.support.second_port_reader.protocols import NEEDS, Protocols, check_fit
from tests.support.second_port_reader.row_protocols import read_row_protocols
from tests.support.second_port_reader.settling import join_ranges, purposes_above, purposes_behind, settle_names
from tests.support.second_port_reader.shapes import TIGHT, Gap, Ports, Protocol
from tests.support.second_port_reader.tokens import Refused, lines_of

NUMBERS = {"dns": 53, "ntp": 123}
TCP = frozenset({"tcp"})
Service = tuple[str, int, int]


def read(protocol: str | None, ports: str) -> frozenset[Service]:
    """Return the services of a row, (protocol, first port, last port); raise Refused."""
    row = read_row_protocols(protocol or "")
    tokens = settled(lines_of(ports, 8000))
    if any(line.tokens[-1].sign("+") and not line.bullet for line in tokens[:-1]):
        raise Refused("a plus at the end of a line")
    lines = purposes_above([LineReader(line.tokens).read() for line in tokens])
    for line in lines:
        purposes_behind(line)
        join_ranges(line)
        _check_neighbours(line)
    settle_names(lines)
    found = bound_ports(lines)
    if not found:
        raise Refused("a protocol without ports")
    _lend(found, lines, row)
    protocols: dict[int, object] = {id(bound.ports): bound.protocols for bound in found}
    for line in lines:
        check_shorthand(line.elements, line.gaps, protocols)
    unnamed = row and len(row) > 1 and not any(named_protocols(line) for line in lines)
    if unnamed and len(tokens) == len(lines_of(protocol or "", 200, ports=False)) > 1:
        raise Refused("each line for its own, or all for all")
    return _services(found)


def _check_neighbours(line: LineReader) -> None:
    """Raise Refused for ports with a colon, a dash, or nothing at all between them."""
    for (place, one), (_next, other) in pairwise(enumerate(line.elements)):
        gap = line.gaps[place]
        odd = gap.text in (":", "-") or gap == Gap(TIGHT, "")
        if odd and isinstance(one, Ports) and isinstance(other, Ports):
            raise Refused("a label, or a range")


def _lend(found: list[Bound], lines: list[LineReader], row: Protocols | None) -> None:
    """Give ports that have no protocol that of the cell or of the row; raise Refused where these differ."""
    named = {protocols for line in lines for protocols in named_protocols(line)}
    worded = any(isinstance(element, Protocol) for line in lines for element in line.elements)
    lender = row or TCP
    for bound in found:
        lent = named == {lender} and (row is not None or bound.before or not worded)
        needed = {NEEDS[word] for words in bound.ports.purposes for word in words if word in NEEDS}
        if bound.protocols is None and named and not lent and len(needed) == 1:
            bound.protocols = frozenset(needed)
        if bound.protocols is None and named and not lent:
            raise Refused("ports that have no protocol")
        bound.protocols = bound.protocols or lender
        _check_brackets(bound, unnamed=row is None and not named)
    several = [bound for bound in found if len(bound.protocols or ()) > 1]
    words = [word for bound in several for purposes in bound.ports.purposes for word in purposes]
    if len({NEEDS[word] for word in words if word in NEEDS}) > 1:
        raise Refused("two purposes that need different protocols")
    if row is not None and named and frozenset().union(*(bound.protocols or () for bound in found)) != row:
        raise Refused("another protocol than the row's")


def _services(found: list[Bound]) -> frozenset[Service]:
    ports: dict[str, list[Ports]] = {}
    for bound in found:
        for protocol in bound.protocols or ():
            ports.setdefault(protocol, []).append(bound.ports)
    for together in ports.values():
        check_together(together)
    return frozenset((protocol, one.first, one.last) for protocol, together in ports.items() for one in together)


def _check_brackets(bound: Bound, *, unnamed: bool) -> None:
    """Raise Refused for marks and purposes that do not fit the protocol; C{unnamed}: neither cell names one."""
    protocols = bound.protocols or frozenset()
    if any(unnamed or protocols != {letter} for letter in bound.ports.letters):
        raise Refused("a mark or a protocol")
    for words in bound.ports.purposes:
        for word in set(words) & set(NUMBERS):
            if (bound.ports.first, bound.ports.last) != (NUMBERS[word], NUMBERS[word]):
                raise Refused("a name with another port")
        check_fit(words, protocols)
        if unnamed and set(words) != {"secure"} and "tcp" not in {NEEDS.get(word) for word in words}:
            raise Refused("a purpose, and no protocol")
        if unnamed and set(words) & {"rtp", "rtcp", "srtp", "srtcp"}:
            raise Refused("media without a protocol")
