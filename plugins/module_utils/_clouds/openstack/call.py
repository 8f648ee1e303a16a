# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of the module does: read, compare, check the quota, write, read again."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    TRIES,
    Refused,
    refuse_changes,
    restricts_nothing,
    result,
    unit,
)

from .api import ApiError, Conflict
from .drivers import OBEYED
from .group import State, Todo, users
from .quota import GROUPS, QUOTAS, RULES, steps
from .rules import Wanted, default_key, in_words, opened, rule_key

_SHOWN = 5  # rules or ports of others that a message lists
_ADDRESS_GROUPS = ("address-group", "security-groups-remote-address-group")  # extensions


class Run:
    """One call."""

    def __init__(self, neutron, name, check):
        self._neutron, self._name, self._check = neutron, name, check
        self._known = neutron.extensions()
        if "standard-attr-description" not in self._known:
            raise Refused("this cloud keeps no descriptions of rules (extension standard-attr-description): no marks")
        self._wanted = Wanted(name, [], False)
        self._first, self._unchanged, self._vendors = None, (), ()
        self._before, self._after, self._used, self._notes = [], [], {}, []
        self._own = {"id": "", "widened": []}

    def present(self, plan, unchanged=()):
        """Make the cloud have what the plan says, C{unchanged}: see the module's option.

        Raises Refused where that cannot be done, or ApiError.
        """
        self._unchanged, self._vendors = unchanged, plan["vendors"]
        form = plan["form"]
        missing = [extension for extension in _ADDRESS_GROUPS if extension not in self._known]
        if form == "groups" and missing:
            raise Refused(f"this cloud has no address groups (extension {missing[0]}): set address_groups to never")
        self._own.update(form=form, widened=plan["widened"])
        self._wanted = Wanted(self._name, plan["parts"], form == "groups")
        self._keep(plan["policy"], plan["notes"])

    def absent(self):
        """Remove what we made; a group in which others have rules stays, without ours."""
        last = None
        for _attempt in range(TRIES):
            state = self._read()
            if not state.group and not state.sets:
                self._end(state, [], state.used())
                return
            self._refuse_used(state)
            if state.group and (state.foreign() or state.ingress):
                self._keep("unmanaged", ["the security group stays, without what is ours: others have rules in it"])
                return
            if self._check:
                rules = sum(map(len, state.have.values()))
                self._end(None, [], state.used({RULES: -rules, GROUPS: -1} if state.group else {}))
                return
            try:
                self._remove(state)
            except Conflict as error:
                last = error
        raise self._disturbed(last)

    def result(self, module, stopped=False):
        """Return what the module returns; of a call that was C{stopped} what can be read of it."""
        if stopped:
            try:
                state = self._read()
                self._end(state, [], state.used())
            except (ApiError, Refused):
                self._after = self._before
        units = [
            unit(quota, self._first.quotas[resource][1], self._used[resource], self._first.quotas[resource][0])
            for resource, quota in QUOTAS.items()
            if resource in self._used
        ]
        told = result(module, self._before, self._after, self._notes, units, self._neutron.calls)
        return {**told, **self._own, "changed": told["changed"] or self._neutron.writes > 0}

    def _read(self):
        state = State(self._neutron, self._name, self._known)
        if self._first is None:
            self._first, self._before = state, state.lines(self._wanted)
        return state

    def _end(self, state, notes, used, after=()):
        self._after = state.lines(self._wanted) if state else after
        self._used, self._notes = used, notes
        self._own["id"] = state.group["id"] if state and state.group else ""

    def _keep(self, policy, notes):
        """Read and write until nothing is to do."""
        last = None
        for _attempt in range(TRIES + 1):
            state = self._read()
            if state is self._first:
                now = (state.labels(), state.policy or None) if state.group else None
                refuse_changes(self._unchanged, "openstack", now, (self._wanted.rules.values(), policy, self._vendors))
            todo = Todo(state, self._wanted, policy)
            told = [*notes, *todo.keep_used(self._neutron), *self._standing(state, policy)]
            if not todo:
                self._end(state, [*told, *self._beside(state, policy)], state.used())
                return
            changes = steps(todo)
            if self._check:
                told += self._beside(state, policy)
                self._end(None, told, todo.units(), todo.lines())
                self._own["id"] = state.group["id"] if state.group else ""
                return
            try:
                todo.write(self._neutron, changes)
            except Conflict as error:
                last = error
        raise self._disturbed(last)

    def _disturbed(self, last):
        why = f": {last}" if last else ""
        return ApiError(f"somebody else changes the security group '{self._name}' at the same time{why}")

    def _standing(self, state, policy):
        """Return notes on what else lets packets out of this group."""
        notes, wanted = [], self._wanted.rules
        if wanted and not self._wanted.groups and any(key[4][0] == "group" for key in self._first.ours()):
            notes.append(f"rules to address groups become a rule for each prefix. {OBEYED}")
        if policy != "deny" and wanted and (not state.group or state.policy == "deny" or state.defaults()):
            notes.append(restricts_nothing("the default rule of the security group"))
        others = [one for key in state.foreign() if key not in wanted for one in opened(key, state.prefixes())]
        if others:
            shown = "; ".join(in_words(one, "") for one in others[:_SHOWN])
            more = f"; and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            notes.append(f"egress rules of others in the security group stay: {shown}{more}")
        same = sum(key in wanted for key in state.foreign())
        if same:
            notes.append(f"{same} of the rules are there already, made by others: they stay theirs")
        return notes

    def _beside(self, state, policy):
        """Return a note on other groups of our ports that let everything out: what groups allow adds up."""
        if policy != "deny" or not state.group:
            return []
        try:
            held, others = self._ports(state), {}
            for port in held:
                for group in port["security_groups"]:
                    others.setdefault(group, []).append(port["id"])
            others.pop(state.group["id"], None)
            wide = [group for group in sorted(others) if self._lets_all_out(group)]
        except ApiError as error:
            return [f"whether another group of the same ports lets everything out could not be looked up: {error}"]
        return [
            f"this restricts nothing on {_ports(others[group])}: the security group {group} is there too, and lets "
            "everything out"
            for group in wide
        ]

    def _ports(self, state):
        group = state.group["id"]
        ports = self._neutron.listed("/ports", "ports", security_groups=group)
        return [port for port in ports if group in port.get("security_groups", ())]

    def _lets_all_out(self, group):
        query = {"security_group_id": group, "direction": "egress"}
        found = self._neutron.listed("/security-group-rules", "security_group_rules", **query)
        return any(rule_key(rule, {}) in map(default_key, (4, 6)) for rule in found)

    def _refuse_used(self, state):
        """Raise Refused where something refers to what is to be removed."""
        if state.group:
            group = state.group["id"]
            held = [port["id"] for port in self._ports(state)]
            if held:
                raise Refused(f"the security group '{self._name}' is attached to {_ports(held)}: detach it first")
            rules = self._neutron.listed("/security-group-rules", "security_group_rules", remote_group_id=group)
            other = {rule["security_group_id"] for rule in rules if rule.get("remote_group_id") == group} - {group}
            if other:
                raise Refused(
                    f"rules of other security groups refer to '{self._name}' and would go with it: remove them from "
                    + ", ".join(sorted(other))
                )
        own = {rule["id"] for found in state.ours().values() for rule in found}
        for name, one in state.sets.items():
            found = users(self._neutron, one, own)
            if found:
                raise Refused(f"rule {found[0]['id']}, which is not ours, refers to the address group '{name}'")

    def _remove(self, state):
        """Remove the group with its rules, then the address groups that they referred to."""
        if state.group:
            revision = state.group.get("revision_number") if "revision-if-match" in self._known else None
            self._neutron.request("DELETE", f"/security-groups/{state.group['id']}", revision=revision)
        for one in state.sets.values():
            self._neutron.request("DELETE", f"/address-groups/{one['id']}")


def _ports(ids):
    """Return ports in words."""
    shown = ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
    return f"port {shown}" if len(ids) == 1 else f"ports {shown}"
