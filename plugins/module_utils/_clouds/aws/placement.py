# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rule stands in which of our security groups.

A rule is a key C{(protocol, first port, last port, CIDR)}. What stands somewhere already stays there, so that a changed
prefix touches one rule; what is new fills the room that is left, lowest group first. How many groups it takes, and
what they open together, is the same whatever stood there before; only which of them holds a rule may differ.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused, over
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYWHERE
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import TYPES

DEFAULTS = {
    version: ("-1", -1, -1, cidr) for version, cidr in EVERYWHERE.items()
}  # the rule that AWS gives a new group


def version(key):
    """Return the IP version of a rule."""
    return 6 if ":" in key[3] else 4


def count(keys):
    """Return how many rules each IP version has."""
    six = sum(1 for key in keys if version(key) == 6)
    return {4: len(keys) - six, 6: six}


def box(key):
    """Return C{(protocol, first port, last port, first address, last address)} of a rule; the protocol -1 is all.

    Of ICMP types stand in the place of ports, all of them as one range.
    """
    network = ipaddress.ip_network(key[3])
    first, last = key[1:3]
    if key[0] in TYPES:
        first, last = (0, 255) if first == -1 else (first, first)
    return key[0], first, last, int(network.network_address), int(network.broadcast_address)


def overlap(one, other):
    """Return whether two rules admit any packet both."""
    if one[3] > other[4] or other[3] > one[4]:
        return False
    if "-1" in (one[0], other[0]):
        return True
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


def place(wanted, held, rooms, most, fresh, ways=(), in_place=lambda old, new: True):
    """Return C{{number of a group: set of rules of ours in it}} for as few groups as hold all C{wanted} rules.

    wanted: rules in the order in which they are to fill groups. held: C{{number: (ours, foreign)}}, the rules that are
    in each group; a wanted rule that somebody else made there already stands, and none of ours is added. rooms:
    C{{number: {4: units, 6: units}}} that are ours to use in these groups; C{fresh}: the same in any other group.
    most: how many groups there may be. in_place: whether AWS can turn an old rule into a new one. Raises Refused
    where they do not suffice; C{ways} are the ways out.
    """
    numbers, used, foreign = [], {4: 0, 6: 0}, set()
    needed = dict.fromkeys(wanted)
    while len(numbers) < max(1, most):
        numbers.append(len(numbers) + 1)
        foreign |= held.get(numbers[-1], ((), ()))[1] & needed.keys()
        for family in used:
            used[family] += max(0, rooms.get(numbers[-1], fresh)[family])
        need = count([key for key in needed if key not in foreign])
        if all(need[family] <= used[family] for family in used):
            break
    else:
        family = next(family for family in used if need[family] > used[family])
        groups = "group" if most == 1 else "groups"
        quota = f"rules for IPv{family} in {most} {groups}, those counted that are not ours"
        raise Refused(over(quota, need[family], used[family], ways))
    return _fill([key for key in needed if key not in foreign], numbers, held, rooms, fresh, in_place)


def _fill(wanted, numbers, held, rooms, fresh, in_place):
    """Keep what stands, as far as there is room, and fill the rest in."""
    placed, open_, done = {number: set() for number in numbers}, {}, set()
    for number in numbers:
        open_[number] = dict(rooms.get(number, fresh))
        ours = held.get(number, ((), ()))[0]
        for key in wanted:
            if key in ours and key not in done and open_[number][version(key)] > 0:
                placed[number].add(key)
                done.add(key)
                open_[number][version(key)] -= 1
    # What takes the place of an old rule comes to its group: there AWS can turn one into the other.
    old, left = {4: [], 6: []}, []
    for number in numbers:
        for key in sorted(held.get(number, (set(), set()))[0] - placed[number]):
            old[version(key)].append((key, box(key), number))
    for key in wanted:
        if key not in done:
            family, mine = version(key), box(key)
            near = (
                number
                for one, other, number in old[family]
                if open_[number][family] > 0 and overlap(mine, other) and in_place(one, key)
            )
            number = next(near, None)
            if number is None:
                left.append(key)
                continue
            placed[number].add(key)
            open_[number][family] -= 1
    for key in left:
        number = next(number for number in numbers if open_[number][version(key)] > 0)
        placed[number].add(key)
        open_[number][version(key)] -= 1
    return placed
