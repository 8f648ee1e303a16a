# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One security group of ours: what stands there, what has to change, and the requests that change it.

Reading and writing alternate until a read finds nothing to do. So what somebody else did in between is seen, and a run
that was cut short is completed by the next one.
"""

from __future__ import annotations

import json
import re

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import canonical

from . import rules
from .quota import GROUPS, RULES

_BODY, _MOST = 100000, 500  # bytes and items of a request: some clouds take no more than 112 KiB, or a minute
_POLICY = re.compile(re.escape(rules.MARK) + r": policy (\w+)")


class State:
    """What was read.

    C{group}: the security group, None where there is none; C{have}: C{{key: [rule]}} of its egress rules;
    C{sets}: C{{name: address group}} of ours, with C{prefixes}.
    """

    def __init__(self, neutron, name, known):
        self.known = known
        project = neutron.project
        groups = neutron.listed("/security-groups", "security_groups", name=name, project_id=project)
        self.group = _own([group for group in groups if _of(group, project)], name)
        self.sets = {}
        if "address-group" in known:
            pattern = re.compile(re.escape(name) + r" [0-9a-f]{8} ipv[46]")
            found = neutron.listed("/address-groups", "address_groups", project_id=project)
            for one in sorted(found, key=lambda one: one["id"]):
                if pattern.fullmatch(one["name"]) and rules.is_ours(one) and _of(one, project):
                    one["prefixes"] = {canonical(prefix) for prefix in one["addresses"]}
                    # Of two with one name, which two runs at a time may make, the second is in nobody's way.
                    self.sets.setdefault(one["name"] if one["name"] not in self.sets else one["id"], one)
        self.quotas = neutron.quotas()
        self.have, self.ingress = {}, 0
        names = {one["id"]: name for name, one in self.sets.items()}
        for rule in self._rules(neutron):
            if rule["direction"] == "egress":
                self.have.setdefault(rules.rule_key(rule, names), []).append(rule)
            else:
                self.ingress += 1

    def _rules(self, neutron):
        # Asked for by themselves: inside a group they have no description.
        if not self.group:
            return []
        group = self.group["id"]
        found = neutron.listed("/security-group-rules", "security_group_rules", security_group_id=group)
        return [rule for rule in found if rule["security_group_id"] == group]

    @property
    def policy(self):
        """The policy that our mark tells, empty where it was overwritten."""
        told = _POLICY.match(self.group["description"] or "") if self.group else None
        return told.group(1) if told else ""

    def used(self, more=None):
        """Return C{{resource: units}} in use, and C{more} of each."""
        return {resource: used + (more or {}).get(resource, 0) for resource, (_limit, used) in self.quotas.items()}

    def prefixes(self):
        """Return C{{name: {prefix}}} of our address groups."""
        return {name: one["prefixes"] for name, one in self.sets.items()}

    def ours(self):
        """Return C{{key: [rule]}} of the rules that carry our mark."""
        marked = {key: [rule for rule in found if rules.is_ours(rule)] for key, found in self.have.items()}
        return {key: found for key, found in marked.items() if found}

    def labels(self):
        """Return who asks for our rules."""
        return [found[0]["description"].partition(": ")[2] for found in self.ours().values()]

    def defaults(self):
        """Return the keys of the rules that let everything out and that somebody else made: mostly Neutron itself."""
        ours = self.ours()
        return [key for key in map(rules.default_key, (4, 6)) if key in self.have and key not in ours]

    def foreign(self):
        """Return the keys of other egress rules that are not ours."""
        ours = self.ours()
        return [key for key in self.have if key not in ours and key not in self.defaults()]

    def lines(self, wanted):
        """Return in words what stands there; C{wanted} tells who asks for what is wanted still."""
        ours, prefixes = self.ours(), self.prefixes()
        standing = dict(zip(ours, self.labels()))  # noqa: B905 # Python 3.8 knows no strict
        standing.update({key: wanted.rules[key] for key in self.have if key in wanted.rules})
        told = {
            one: wanted.opened.get(one, label) for key, label in standing.items() for one in rules.opened(key, prefixes)
        }
        names = [self.group["name"]] if self.group else []
        used = {key[4][1] for key in self.have}
        return _lines(names, self.policy, self.defaults(), told, set(self.sets) - used, standing)


class Todo:
    """What has to change: C{add} C{{key: label}}, C{drop} keys, and what becomes of address groups."""

    def __init__(self, state, wanted, policy):
        self.state, self.wanted, self.policy = state, wanted, policy
        ours, have = state.ours(), state.prefixes()
        self.create = state.group is None
        self.describe = not self.create and state.policy != policy
        tags = state.group.get("tags") if state.group and "standard-attr-tag" in state.known else None
        self.tag = tags is not None and rules.MARK not in tags
        self.add = {key: label for key, label in wanted.rules.items() if key not in state.have}
        self.drop = [key for key in ours if key not in wanted.rules]
        if policy == "deny":
            self.drop += state.defaults()
        elif state.policy == "deny":
            self.add.update({key: "" for key in map(rules.default_key, (4, 6)) if key not in state.have})
        self.more = {name: prefixes - have.get(name, set()) for name, (_text, prefixes) in wanted.groups.items()}
        self.less = {name: have[name] - prefixes for name, (_text, prefixes) in wanted.groups.items() if name in have}
        self.unused = [name for name in have if name not in wanted.groups]

    def __bool__(self):
        return bool(
            self.create
            or self.describe
            or self.tag
            or self.add
            or self.drop
            or any(self.more.values())
            or any(self.less.values())
            or any(name not in self.state.sets for name in self.wanted.groups)
            or self.unused
        )

    def keep_used(self, neutron):
        """Leave address groups alone that rules of others refer to, and return notes on them."""
        own = {rule["id"] for found in self.state.ours().values() for rule in found}
        kept = [name for name in self.unused if users(neutron, self.state.sets[name], own)]
        self.unused = [name for name in self.unused if name not in kept]
        return [f"address group {name} stays: rules of others refer to it" for name in kept]

    def lines(self):
        """Return in words what will stand there."""
        defaults = {key for key in self.state.defaults() if key not in self.drop}
        defaults.update(key for key in map(rules.default_key, (4, 6)) if key in self.add)
        if self.create and self.policy != "deny":
            defaults.update(map(rules.default_key, (4, 6)))
        used = {key[4][1] for key in self.state.have}
        left = set(self.state.sets) - used - {*self.unused, *self.wanted.groups}
        return _lines([self.wanted.name], self.policy, defaults, self.wanted.opened, left, self.wanted.rules)

    def units(self):
        """Return C{{resource: used}} as it will be."""
        fresh = 2 if self.create and self.policy != "deny" else 0
        gone = sum(len(self.state.have[key]) for key in self.drop)
        return self.state.used({RULES: fresh + len(self.add) - gone, GROUPS: int(self.create)})

    def write(self, neutron, steps):
        """Make the requests, what opens before what shuts."""
        group = self.state.group or self._create(neutron)
        revision = group.get("revision_number") if "revision-if-match" in self.state.known else None
        # The mark says deny until the rules that let everything out are back, or the next run would not know of them.
        later = self.state.policy == "deny" and any(key in self.add for key in map(rules.default_key, (4, 6)))
        if self.describe and not later:
            changed = {"security_group": {"description": description(self.policy)}}
            neutron.request("PUT", f"/security-groups/{group['id']}", changed, revision=revision)
        if self.tag or (self.create and "standard-attr-tag" in self.state.known):
            neutron.request("PUT", f"/security-groups/{group['id']}/tags/{rules.MARK}")
        ids = {name: one["id"] for name, one in self.state.sets.items()}
        for name, prefixes in self.more.items():
            self._fill(neutron, name, sorted(prefixes), ids)
        for verb, keys in steps:
            if verb == "add":
                made = [rules.body(key, self.add[key], group["id"], neutron.project, ids) for key in keys]
                for batch in _batches(made):
                    neutron.request("POST", "/security-group-rules", {"security_group_rules": batch})
            else:
                for rule in [rule for key in keys for rule in self.state.have[key]]:
                    neutron.request("DELETE", f"/security-group-rules/{rule['id']}")
        for name, prefixes in self.less.items():
            for batch in _batches(sorted(prefixes)):
                neutron.request("PUT", f"/address-groups/{ids[name]}/remove_addresses", {"addresses": batch})
        for name in self.unused:
            neutron.request("DELETE", f"/address-groups/{ids[name]}")

    def _create(self, neutron):
        made = {"name": self.wanted.name, "description": description(self.policy), "project_id": neutron.project}
        group = neutron.request("POST", "/security-groups", {"security_group": made})["security_group"]
        if self.policy == "deny":
            for rule in group["security_group_rules"]:
                if rule["direction"] == "egress" and rules.rule_key(rule, {}) in map(rules.default_key, (4, 6)):
                    neutron.request("DELETE", f"/security-group-rules/{rule['id']}")
        return group

    def _fill(self, neutron, name, prefixes, ids):
        """Make an address group where it is missing, and add what it lacks."""
        batches = list(_batches(prefixes))
        if name not in ids:
            made = {
                "name": name,
                "description": self.wanted.groups[name][0],
                "project_id": neutron.project,
                "addresses": batches.pop(0) if batches else [],
            }
            ids[name] = neutron.request("POST", "/address-groups", {"address_group": made})["address_group"]["id"]
        for batch in batches:
            neutron.request("PUT", f"/address-groups/{ids[name]}/add_addresses", {"addresses": batch})


def _lines(names, policy, defaults, opened, unused, standing):
    """Return lines: the group, its policy and default rules, C{{what is opened: label}}, how the rules are kept."""
    told = [f"security group {name}" for name in names]
    told += [f"policy: {policy or 'not told'}" for _name in names]
    told += [rules.in_words((None, None, None, key[4][1]), "") for key in defaults]
    told += [rules.in_words(one, label) for one, label in opened.items()]
    told += [f"address group {name}, unused" for name in sorted(unused)]
    forms = {"address groups" if key[4][0] == "group" else "a rule for each prefix" for key in standing}
    return [*told, *(f"kept as {form}" for form in forms)]


def users(neutron, one, own):
    """Return the rules that refer to an address group and are none of C{own}, ids of rules."""
    found = neutron.listed("/security-group-rules", "security_group_rules", remote_address_group_id=one["id"])
    return [rule for rule in found if rule.get("remote_address_group_id") == one["id"] and rule["id"] not in own]


def description(policy):
    """Return the description of our security group, which is its mark."""
    return f"{rules.MARK}: policy {policy}"


def _of(thing, project):
    return (thing.get("project_id") or thing.get("tenant_id")) == project


def _own(groups, name):
    """Return the one group that is ours, None where there is none."""
    ours = [one for one in groups if rules.is_ours(one) or rules.MARK in (one.get("tags") or ())]
    if len(ours) > 1:
        raise Refused(
            f"{len(ours)} security groups have the name '{name}' and our mark: {', '.join(one['id'] for one in ours)}; "
            "remove all but the one that ports have"
        )
    if groups and not ours:
        raise Refused(
            f"the security group '{name}' ({groups[0]['id']}) is not ours: its description does not begin with "
            f"'{rules.MARK}'; choose another name"
        )
    return ours[0] if ours else None


def _batches(items):
    """Yield lists of items that are small enough for one request."""
    batch, size = [], 0
    for item in items:
        length = len(json.dumps(item)) + 2
        if batch and (size + length > _BODY or len(batch) == _MOST):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
