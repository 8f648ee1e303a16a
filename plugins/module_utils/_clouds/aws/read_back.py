# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS shows after a change, until it is what this call left there.

A read may be older than the last write, and the default rules of a new group appear one IP version after the other. So
their absence in one read proves nothing: they are waited for before they are removed, and that they are gone counts
when two reads in a row show it that also show all rules of ours.
"""

from __future__ import annotations

import time

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYTHING, line

from .account import MARK, Group, Rule
from .api import WAITS, Changed, rule_of
from .placement import DEFAULTS


def _pauses():
    """Yield the number of each try, with a growing pause between two: half a minute in all."""
    for tried in range(WAITS):
        if tried:
            time.sleep(0.2 * 2 ** (tried - 1))
        yield tried


def wait_for_defaults(account, groups, families):
    """Wait until each of these groups has shown a default rule for each IP version; return notes on those that do not.

    Somebody else may have removed them meanwhile, so that this is no error.
    """
    if account.api.dry:
        return []
    waiting = {group.id: group for group in groups}
    for _tried in _pauses():
        if waiting:
            account.read_rules(waiting)  # adds what it sees to what was seen before
            waiting = {id_: group for id_, group in waiting.items() if _unseen(group, families)}
        if not waiting:
            return []
    return [
        f"AWS has not shown a default rule for {' and '.join(_unseen(group, families))} in the new group {group.name}: "
        "if one comes later, the next run with the policy deny removes it"
        for group in waiting.values()
    ]


def _unseen(group, families):
    return [f"IPv{family}" for family in families if DEFAULTS[family] not in group.rules]


def confirm(account):
    """Read back until two reads in a row show the rules of ours that this call left in our groups, and no other.

    A rule that stands although it should not, such as a default rule, is removed as soon as all of ours are seen, so
    that nothing wanted is shut. Raises Refused where one still stands at the end, Changed where one of ours is not
    shown.
    """
    if account.api.dry or not account.groups:
        return
    same = 1 if account.api.writes == account.writes_read else 0  # what this call read at its beginning counts
    text, lacking, asked = "", False, set()
    for _tried in _pauses():
        found = [(group, *_difference(group, seen)) for group, seen in _read(account)]
        found = [(group, extra, absent) for group, extra, absent in found if extra or absent]
        same = 0 if found else same + 1
        if same == 2:
            return
        if found:
            text, lacking = "; ".join(_words(*one) for one in found), any(absent for _group, _extra, absent in found)
        if not lacking:
            for group, extra, _absent in found:
                _remove(account, group, extra, asked)
    if lacking:
        raise Changed(text)
    for group, extra, _absent in found:
        group.rules.update(extra)
    raise Refused(
        f"the policy deny is not in effect: {text}, which was removed and is still there: somebody else adds it again, "
        "or AWS shows changes late"
    )


def _read(account):
    """Return C{[(group, the same group as one read shows it)]}; rules that refer to lists of ours are rules of it."""
    fresh = {group.id: Group(group.id, group.name, group.number, {}) for group in account.groups.values()}
    for seen, item in account.read_rules(fresh):
        description = item.get("Description") or ""
        if description.endswith(MARK):
            seen.rules[rule_of(item, item["PrefixListId"])] = Rule(item["SecurityGroupRuleId"], description)
    return [(group, fresh[group.id]) for _number, group in sorted(account.groups.items())]


def _difference(group, seen):
    """Return C{({key: Rule} that stand and should not, {key} that should and do not)}."""
    lists = {(*which[:3], one.id) for which, one in group.lists.items()}
    plain = {key: rule for key, rule in group.rules.items() if len(key) == 4}
    extra = {key: seen.rules[key] for key in (seen.ours() | seen.defaults()) - plain.keys() - lists}
    return extra, (lists | {key for key, rule in plain.items() if rule.ours}) - seen.rules.keys()


def _remove(account, group, extra, asked):
    """Remove rules by what they are; where that was C{asked} for in vain, by the ids that were just read, and so on."""
    again = {key for key in extra if (group.id, key) in asked}
    first = sorted(extra.keys() - again)
    gone = account.api.revoke(group.id, first) if first else set()
    gone |= {key for key in sorted(again) if account.api.revoke_ids(group.id, [extra[key].id])}
    asked ^= {(group.id, key) for key in extra}
    if group.id not in account.made:  # else it came and went within this call
        default = {key for key in gone if key in DEFAULTS.values() and not extra[key].ours}
        account.late |= {EVERYTHING if key in default else line(*key, extra[key].label) for key in gone}


def _words(group, extra, absent):
    shown = [line(*key, rule.label) for key, rule in sorted(extra.items())]
    hidden = [line(*key) for key in sorted(absent)]
    told = [f"{group.name} has {', '.join(shown)}"] if shown else []
    if hidden:
        more = f" and {len(hidden) - 3} more" if len(hidden) > 3 else ""
        told.append(f"{group.name} does not show {', '.join(hidden[:3])}{more}")
    return "; ".join(told)
