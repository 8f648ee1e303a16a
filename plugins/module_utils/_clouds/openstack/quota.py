# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's quota: whether changes of a security group fit, in which order, and what helps where they do not."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused, over

from . import rules
from .drivers import OBEYED

RULES, GROUPS = "security_group_rule", "security_group"
QUOTAS = {RULES: "rules of the project's security groups", GROUPS: "security groups of the project"}
_VARIABLE = "openstack_egress"
_UNTOLD = (-1, 0)  # limit and use, where Neutron does not tell them


def steps(todo):
    """Return the changes of rules in their order, as C{order} does; raises Refused where the quota is too small.

    C{todo}: what has to change, a Todo.
    """
    fresh = 2 if todo.create else 0  # Neutron's own rules, which it gives to a new group
    kept = 0 if todo.policy == "deny" else fresh  # no port has the new group yet: they may go before all else
    limit, used = todo.state.quotas.get(GROUPS, _UNTOLD)
    if todo.create and 0 <= limit <= used:
        raise Refused(_problem(GROUPS, 1, limit, used))
    limit, used = todo.state.quotas.get(RULES, _UNTOLD)
    room = None if limit < 0 else max(limit - used - kept, 0)
    groups = todo.state.prefixes()
    for name, (_text, prefixes) in todo.wanted.groups.items():
        groups[name] = prefixes | groups.get(name, set())
    found = rules.order(todo.add, todo.drop, room, groups)
    if found is not None and not (fresh and 0 <= limit < used + fresh):
        return found
    least = len(todo.add) if found is not None else rules.least(todo.add, todo.drop, room, groups)
    need = max(least + kept, fresh)
    problem = _problem(RULES, need, limit, used, _ways(todo, used + need - limit))
    gone = sum(len(todo.state.have[key]) for key in todo.drop)
    if used + len(todo.add) + kept - gone <= limit:
        problem += f". {gone:,} old rules have to stand until the new ones do: nothing is shut between"
    raise Refused(problem)


def _problem(resource, need, limit, used, ways=()):
    """Return how much is too much, and the ways out."""
    option = "secgroup-rules" if resource == RULES else "secgroups"
    ways = [f"raise the quota: openstack quota set --{option} {used + need} PROJECT", *ways]
    return over(f"{QUOTAS[resource]}, {limit:,} in all", need, max(limit - used, 0), ways)


def _ways(todo, more):
    """Return ways out of a quota of rules that is C{more} too small for what is wanted."""
    if not todo.wanted.rules:
        return []
    budget = len(todo.wanted.rules) + (0 if todo.policy == "deny" else 2) - more
    ways = [
        f"{_VARIABLE}_rules: {max(budget, 0)}, what there is room for: the play then says which "
        f"{_VARIABLE}_widen_at_most would do"
    ]
    if not todo.wanted.groups:
        groups = f"{_VARIABLE}_address_groups: always, with one rule for each service of a list"
        ways.append(f"{groups}, only where {OBEYED}")
    return ways
