# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order rules come and go, so that no call drops and no quota is exceeded on the way.

Where there is room, all that is new comes first and all that is old goes then. Where a group is full, old rules that
nobody wants anything of make room; then an old rule goes as soon as every wanted rule that overlaps it stands. AWS can
also turn one rule into another in place, which needs no room: that is how the last rule of a full group changes.
"""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused

from .placement import box, overlap, version

BATCH = 100  # entries a call


def steps(present, wanted, rooms, in_place=lambda old, new: True):
    """Return calls C{(kind, group, items)} that lead from one placement to another.

    present: C{{group: set of rules}}, those that are ours to change; wanted: C{{group: set of rules}}; rooms:
    C{{group: {4: units, 6: units}}} that are free now. C{kind} is authorize or revoke, with rules as items, or modify,
    with pairs of an old rule and what it becomes, where C{in_place(old, new)}. Raises Refused where no order is found.
    """
    lists = []
    for family in (4, 6):
        old = {group: {key for key in keys if version(key) == family} for group, keys in present.items()}
        new = {group: {key for key in keys if version(key) == family} for group, keys in wanted.items()}
        lists.append(_order(old, new, {group: room[family] for group, room in rooms.items()}, family, in_place))
    return list(_batches(*lists))


def _order(present, wanted, rooms, family, in_place):
    """Return single steps C{(kind, group, item)} for one IP version."""
    groups = sorted(wanted.keys() | present.keys())
    pending = {group: wanted.get(group, set()) - present.get(group, set()) for group in groups}
    old = {group: present.get(group, set()) - wanted.get(group, set()) for group in groups}
    taken, debts = [], None

    def authorize(group, keys):
        for key in sorted(keys):
            taken.append(("authorize", group, key))
            pending[group].discard(key)
            rooms[group] -= 1

    def revoke(group, keys):
        for key in sorted(keys):
            taken.append(("revoke", group, key))
            old[group].discard(key)
            rooms[group] += 1

    while any(pending.values()):
        roomy = [group for group in groups if pending[group] and len(pending[group]) <= rooms[group]]
        for group in roomy:
            authorize(group, set(pending[group]))
        if roomy:
            continue
        debts = _debts(old, pending) if debts is None else debts
        # What must stand before an old rule may go; what has come to stand meanwhile is no debt any more.
        debts = {
            (group, key): {(other, new) for other, new in debt if new in pending[other]}
            for (group, key), debt in debts.items()
            if key in old[group]
        }
        idle = {group: [key for key in old[group] if not debts[group, key]] for group in groups}
        if any(idle.values()):
            for group in groups:
                revoke(group, idle[group])
            continue
        found = _cheapest(debts, rooms, in_place)
        if found is None:
            parked = _parking(debts, rooms, old, present, family)
            for host, (group, key) in parked:
                # It goes again when the rule stands where it belongs; until then it pays the others' debts.
                debts = {one: debt - {(group, key)} for one, debt in debts.items()}
                authorize(host, [key])
                if host != group:
                    old[host].add(key)
                    debts[host, key] = {(group, key)}
            continue
        group, key, last = found
        for other, new in sorted(debts[group, key] - {last}):
            authorize(other, [new])
        if last:
            taken.append(("modify", group, (key, last[1])))
            old[group].discard(key)
            pending[group].discard(last[1])
    for group in groups:
        revoke(group, set(old[group]))
    return taken


def _cheapest(debts, rooms, in_place):
    """Return the old rule that the fewest new ones stand for: C{(group, rule, (group, new rule) it is turned into)}.

    The third is None where there is room for all of them. Returns None where there is no such old rule.
    """
    for (group, key), debt in sorted(debts.items(), key=lambda item: (len(item[1]), item[0])):
        need = {}
        for other, dummy in debt:
            need[other] = need.get(other, 0) + 1
        short = {other for other, number in need.items() if number > rooms[other]}
        if not short:
            return group, key, None
        into = [pair for pair in debt if pair[0] == group and in_place(key, pair[1])]
        if into and short == {group} and need[group] == rooms[group] + 1:
            return group, key, max(into)
    return None


def _parking(debts, rooms, old, present, family):
    """Return C{[(group with room, (group where it belongs, new rule))]} that let an old rule of a full group go.

    Only groups that had rules before take part: what is new may not be attached everywhere yet.
    """
    for (where, leaving), debt in sorted(debts.items(), key=lambda item: (len(item[1]), item[0])):
        left, found = dict(rooms), []
        if leaving not in present.get(where, ()):
            continue  # parked itself
        for group, key in sorted(debt):
            hosts = [host for host in sorted(left) if present.get(host) and left[host] > 0 and key not in old[host]]
            if not hosts:
                break
            host = group if group in hosts else hosts[-1]
            found.append((host, (group, key)))
            left[host] -= 1
        else:
            return found
    raise Refused(
        f"no order of changes was found in which every wanted address stays open: the groups are full for IPv{family}. "
        "Ways out: raise the quota by a few rules (rules_per_group), or allow more groups (groups)"
    )


def _debts(old, pending):
    """Return C{{(group, old rule): {(group, pending rule)}}}: the new ones that overlap an old one."""
    boxes = [(box(key), (group, key)) for group, keys in pending.items() for key in keys]
    debts, everywhere = {}, set().union(*old.values())
    for group, keys in old.items():
        for key in keys:
            mine = box(key)
            # A rule that comes from another group stands there until it stands here.
            moving = everywhere - {key}
            debts[group, key] = {new for other, new in boxes if new[1] not in moving and overlap(mine, other)}
    return debts


def _batches(*lists):
    """Yield calls of at most BATCH entries; each list's order is kept, and lists do not depend on each other."""
    places = [0] * len(lists)
    while True:
        left = [steps_[places[number]] for number, steps_ in enumerate(lists) if places[number] < len(steps_)]
        if not left:
            return
        head = left[0]
        items = []
        for number, steps_ in enumerate(lists):
            while places[number] < len(steps_) and steps_[places[number]][:2] == head[:2] and len(items) < BATCH:
                items.append(steps_[places[number]][2])
                places[number] += 1
        yield head[0], head[1], items
