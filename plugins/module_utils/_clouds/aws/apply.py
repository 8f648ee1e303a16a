# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an account of AWS have what a plan says, or nothing of ours."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused, restricts_nothing, unit
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import canonical

from .account import NEW, POLICY, TAG
from .order import BATCH, steps
from .placement import DEFAULTS, place
from .prefix_lists import LISTED, in_place
from .read_back import confirm, wait_for_defaults

_WAYS = (
    "raise the quota 'Inbound or outbound rules per security group' (L-0EA8095F), then rules_per_group",
    "more groups, as far as an interface takes them (L-2AFB9258)",
    "move rules that are not ours out of these groups",
)


class Wanted:
    """A plan, as the account is compared with it. C{labels}: C{{key: who asks}}, in the order of the plan."""

    def __init__(self, plan, name, tags):
        self.policy = plan["policy"]
        self.deny = self.policy == "deny"
        self.limits = plan["limits"]
        kind = (LISTED,) if plan["prefix_lists"] else ()
        self.labels = {
            (rule["protocol"], rule["first"], rule["last"], canonical(rule["cidr"]), *kind): rule["label"]
            for rule in plan["rules"]
        }
        self.tags = {**{key: str(value) for key, value in tags.items()}, TAG: name, POLICY: plan["policy"]}


def present(account, attachments, wanted):
    """Apply; returns notes. Raises Refused before the first write where something is in the way."""
    groups, limits = account.groups, wanted.limits
    placed = _place(groups, wanted)
    missing = sorted(placed.keys() - groups.keys())
    # A call that broke off may have left groups whose default rules nobody has waited for.
    young = [
        groups[number] for number in sorted(placed.keys() & groups.keys()) if groups[number].tags.get(POLICY) == NEW
    ]
    families = account.families() if missing or young else ()
    taken = account.taken(missing) if missing else []
    if taken:
        raise Refused(
            "there are security groups named {} that are not tagged {}={}: rename the selection (name), or remove "
            "them".format(", ".join(taken), TAG, account.name)
        )
    account.notes += wait_for_defaults(account, young, families)
    targets, old, rooms, given_back = {}, {}, {}, {}
    for number in sorted(groups.keys() | placed.keys()):
        group = groups.get(number)
        targets[number] = set(placed.get(number, ()))
        old[number] = group.ours() | (group.defaults() if wanted.deny else set()) if group else set()
        units = group.units() if group else dict.fromkeys((4, 6), 0 if wanted.deny else 1)
        rooms[number] = {family: limits["rules_per_group"] - units[family] for family in units}
        if group and number in placed and not wanted.deny and group.tags.get(POLICY) == "deny":
            families = families or account.families()
            given_back[number] = {DEFAULTS[family] for family in families} - group.rules.keys()
    calls = steps(old, targets, rooms, in_place)
    attachments.check(account, sorted(placed), wanted)

    made = [account.create(number, wanted.tags, families) for number in missing]
    account.notes += wait_for_defaults(account, made, families)
    defaults = {DEFAULTS[family] for family in families}
    for group in made if wanted.deny else ():  # also what AWS has not shown
        account.do("revoke", group, sorted(defaults), {})
    for group in young:  # what they show goes in its turn; what they do not show may stand all the same, or be gone
        unseen = defaults - group.rules.keys()
        if wanted.deny and unseen:
            account.do("revoke", group, sorted(unseen), {})
        elif not wanted.deny:
            given_back[group.number] = unseen
    kept = [groups[number] for number in sorted(placed)]
    for group in kept:
        account.tag(group, {key: value for key, value in wanted.tags.items() if key != POLICY})
        if wanted.deny:  # said before it is done: what we took away we give back
            account.tag(group, wanted.tags)
    _attach(account, attachments, [group for group in kept if not (wanted.deny and group.defaults())], wanted)
    for kind, number, items in calls:
        account.do(kind, groups[number], items, wanted.labels)
    for number in sorted(number for number, keys in given_back.items() if keys):  # place() left room for it
        account.do("authorize", groups[number], sorted(given_back[number]), {})
    for group in kept:
        account.lists.fit(group)
        stale = sorted(
            key
            for key in group.ours() & wanted.labels.keys()
            if len(key) == 4 and group.rules[key].label != wanted.labels[key]
        )
        for first in range(0, len(stale), BATCH):
            account.do("label", group, stale[first : first + BATCH], wanted.labels)
        account.tag(group, wanted.tags)
    _attach(account, attachments, kept, wanted)
    attachments.detach(kept)
    notes = _retire(account, attachments, placed)
    _drop_loose(account)
    if wanted.deny:
        confirm(account)
        notes = account.notes + notes
    return notes + _notes(account, attachments, kept, wanted)


def _place(groups, wanted):
    """Return which group holds which rules of ours."""
    most, kept = wanted.limits["rules_per_group"], 0 if wanted.deny else 1
    held, rooms = {}, {}
    for number, group in groups.items():
        held[number] = (group.ours(), group.foreign())
        units = group.units(group.foreign())
        rooms[number] = {family: most - kept - units[family] for family in units}
    fresh = {4: most - kept, 6: most - kept}
    return place(list(wanted.labels), held, rooms, wanted.limits["groups"], fresh, _WAYS, in_place)


def _attach(account, attachments, groups, wanted):
    """Attach groups to targets that do not have them; under deny, only after none was seen with a default rule."""
    if wanted.deny and attachments.lacking(groups):
        confirm(account)
    attachments.attach(groups)


def _retire(account, attachments, placed):
    """Remove the groups that are not needed any more and not in use; return notes on the others."""
    notes = []
    for number in sorted(account.groups.keys() - placed.keys(), reverse=True):
        group = account.groups[number]
        users = attachments.users(group)
        if group.foreign() or any(group.others.values()):
            notes.append(f"{group.name} is not needed any more, and stays for the rules in it that are not ours")
        elif users:
            notes.append(f"{group.name} is not needed any more, and stays while it is attached to {', '.join(users)}")
        elif not account.delete(group):
            notes.append(f"{group.name} is not needed any more, and stays while rules of other groups refer to it")
    return notes


def _drop_loose(account):
    """Remove our lists that no group of ours refers to."""
    for name in sorted(account.lists.loose):
        account.lists.delete(account.lists.loose.pop(name))


def _notes(account, attachments, kept, wanted):
    notes = [f"the prefix list {name} stays while others refer to it" for name in account.lists.left]
    loose = [group.name for group in kept if group.defaults()]
    if loose:
        notes.append(restricts_nothing("the default rule of {}".format(", ".join(loose))))
    for group in kept:
        others = len(group.foreign())
        if others:
            what = (
                "1 rule that is not ours; it stays, and counts"
                if others == 1
                else f"{others} rules that are not ours; they stay, and count"
            )
            notes.append(f"{group.name} has {what}")
    return notes + attachments.notes(kept)


def absent(account, attachments):
    """Remove all that is ours; returns notes."""
    groups = [account.groups[number] for number in sorted(account.groups, reverse=True)]
    attachments.check_absent(groups)
    attachments.detach([])
    notes = []
    for group in groups:
        alone = not group.foreign() and not any(group.others.values())
        if alone and account.delete(group):
            account.lists.loose.update({one.name: one for one in group.lists.values()})
            continue
        ours = sorted(group.ours())
        for first in range(0, len(ours), BATCH):
            account.do("revoke", group, ours[first : first + BATCH], {})
        why = "while rules of other groups refer to it" if alone else "for the rules in it that are not ours"
        notes.append(f"{group.name} stays {why}")
    _drop_loose(account)
    return notes + [f"the prefix list {name} stays while others refer to it" for name in account.lists.left]


def units(account, before, limits):
    """Return the account of quotas; C{before}: C{(units by IP version, number of groups)}."""
    most, size = limits["groups"], limits["rules_per_group"]
    groups = "security group" if most == 1 else "security groups"
    found = [
        unit(f"rules for IPv{family} in {most} {groups} of {size}", before[0][family], after, most * size)
        for family, after in account.units().items()
    ]
    return [*found, unit("security groups of ours", before[1], len(account.groups), most)]
