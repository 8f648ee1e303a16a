# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a cell doubtful although each of its parts can be read."""

from __future__ import annotations

from itertools import combinations, pairwise

from tests.support.second_port_reader.shapes import WIDE, Element, Gap, Ports
from tests.support.second_port_reader.tokens import Refused

SHORTENING = {"/", "&", "+", "and", "or", "plus", "and/or"}


def check_shorthand(elements: list[Element], gaps: list[Gap], protocols: dict[int, object]) -> None:
    """Raise Refused where a number behind '/', '&', 'and' may complete to a port just above the one before.

    C{protocols}: of ports, by their identity; between ports of different ones there is no shorthand.
    """
    places = [place for place, element in enumerate(elements) if isinstance(element, Ports)]
    for place, following in pairwise(places):
        before, behind = elements[place], elements[following]
        assert isinstance(before, Ports)
        assert isinstance(behind, Ports)
        links = {gap.text for gap in gaps[place:following] if gap.tightness >= WIDE or following == place + 1}
        differ = protocols.get(id(before)) and protocols.get(id(behind)) not in (None, protocols[id(before)])
        if not links & SHORTENING or differ or before.kind not in ("port", "range"):
            continue
        first, short = str(before.last), behind.printed or str(behind.first)
        completed = int(first[: -len(short)] + short) if len(short) < len(first) else 0
        if behind.kind not in ("any", "name") and before.last < completed <= min(before.last + 20, 65535):
            raise Refused("shorthand")


def check_together(ports: list[Ports]) -> None:
    """Raise Refused where ports of one protocol may be meant as others."""
    kinds = [one.kind for one in ports]
    if len(kinds) > 1 and ("any" in kinds or "down" in kinds or kinds.count("up") > 1):
        raise Refused("any port, or ports open at one end, and others")
    for one, other in combinations(ports, 2):
        spans = [(each.first, each.last) for each in (one, other) if each.first < each.last]
        if len(spans) == 2 and spans[0] != spans[1] and min(spans)[0] < 1024 and max(spans)[0] <= min(spans)[1]:
            raise Refused("ranges overlap")
