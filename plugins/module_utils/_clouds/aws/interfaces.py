# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces that our groups are attached to, beside others.

An interface that we attach to bears a tag of ours, so that only what we attached is ever detached.
"""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused, over
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYWHERE, canonical

from .account import TAG, tag_list, tags_of

_VALUES = 200  # values of a filter, at most
_WAYS = (
    "raise the quota 'Security groups per network interface' (L-2AFB9258), then groups_per_interface",
    "raise the quota 'Inbound or outbound rules per security group' (L-0EA8095F), then rules_per_group",
    "detach other groups from it",
)


class Interface:
    """A network interface. C{groups}: the ids of its groups, in order; C{ours}: whether we attached to it."""

    def __init__(self, item, tag):
        self.id, self.vpc = item["NetworkInterfaceId"], item["VpcId"]
        self.groups = [group["GroupId"] for group in item["Groups"]]
        self.ours = tag in tags_of(item)


class Attachments:
    """C{wanted}: None, or C{{"instances": ids, "interfaces": ids, "tags": {key: value}}}."""

    def __init__(self, api, name, wanted):
        self._api, self._tag = api, f"{TAG}:{name}"
        self._wanted = {key: value for key, value in (wanted or {}).items() if value}
        self.interfaces, self.targets, self._names, self._notes = {}, [], {}, []

    def read(self, account):
        """Read the interfaces that have our groups, and those that shall have them."""
        self.interfaces, self.targets = {}, []
        self._names = {group.id: group.name for group in account.groups.values()}
        if self._names:
            self._add("group-id", sorted(self._names))
        if not self._wanted:
            return
        instances = list(self._wanted.get("instances", []))
        if "tags" in self._wanted:
            tagged = self._tagged(account.vpc)
            instances += tagged
            self._notes = (
                [] if tagged else ["attach: no instance in the VPC has these tags: nothing is attached by them"]
            )
        if instances:
            found = self._add("attachment.instance-id", sorted(set(instances)))
            self._known(self._wanted.get("instances", []), {id_ for dummy, id_ in found}, "instances")
        if "interfaces" in self._wanted:
            ids = sorted(self._wanted["interfaces"])
            found = self._add("network-interface-id", ids)
            self._known(ids, {id_ for id_, dummy in found}, "interfaces")
        self.targets.sort()
        for id_ in self.targets:
            if self.interfaces[id_].vpc != account.vpc:
                raise Refused(f"attach: {id_} is in {self.interfaces[id_].vpc}, and the groups are in {account.vpc}")

    def _tagged(self, vpc):
        """Return the ids of instances that have all tags."""
        filters = [
            {"Name": "tag:" + key, "Values": [str(value)]} for key, value in sorted(self._wanted["tags"].items())
        ]
        filters += [
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
        found = self._api.read("describe_instances", "Reservations", Filters=filters)
        return [instance["InstanceId"] for item in found for instance in item["Instances"]]

    def _add(self, named, values):
        """Read interfaces; those that are asked for by id become targets. Returns C{[(id, id of its instance)]}."""
        items, found = [], []
        for first in range(0, len(values), _VALUES):
            filters = [{"Name": named, "Values": values[first : first + _VALUES]}]
            items += self._api.read("describe_network_interfaces", "NetworkInterfaces", Filters=filters)
        for item in items:
            one = self.interfaces.setdefault(item["NetworkInterfaceId"], Interface(item, self._tag))
            found.append((one.id, (item.get("Attachment") or {}).get("InstanceId")))
            if named != "group-id" and one.id not in self.targets:
                self.targets.append(one.id)
        return found

    @staticmethod
    def _known(asked, found, what):
        unknown = sorted(set(asked) - found)
        if unknown:
            raise Refused(f"attach: {what}: {', '.join(unknown)} not found, or without a network interface")

    def check(self, account, numbers, wanted):
        """Raise Refused where an interface has no room for the groups of these numbers, or would be opened by them."""
        limit = wanted.limits["groups_per_interface"]
        present = {account.groups[number].id for number in numbers if number in account.groups}
        new = len(numbers) - len(present)
        joining = []
        for one in (self.interfaces[id_] for id_ in self.targets):
            need = len(set(one.groups) | present) + new
            if need > limit:
                raise Refused(over(f"security groups on {one.id}", need, limit, _WAYS))
            if new or present - set(one.groups):
                joining.append(one)
        loose = not wanted.deny and any(
            number not in account.groups or account.groups[number].defaults() for number in numbers
        )
        if joining and loose:
            self._refuse_opening(joining, present)

    def _refuse_opening(self, joining, present):
        """Raise Refused where our default rule would let out what the other groups of an interface do not."""
        others = sorted({group for one in joining for group in one.groups} - present)
        filters = [{"Name": "group-id", "Values": others}]
        rules = self._api.read("describe_security_group_rules", "SecurityGroupRules", Filters=filters) if others else []
        everything = set()
        for item in rules:
            cidr = item.get("CidrIpv4") or item.get("CidrIpv6")
            if item["IsEgress"] and item["IpProtocol"] == "-1" and cidr and canonical(cidr) in EVERYWHERE.values():
                everything.add(item["GroupId"])
        for one in joining:
            if not everything & set(one.groups):
                raise Refused(
                    f"attach: {one.id} is restricted by its groups, and our default rule would let everything out: "
                    "use the policy deny, which removes that rule"
                )

    def lacking(self, kept):
        """Return whether a target has not all of these groups yet."""
        ids = {group.id for group in kept}
        return any(ids - set(self.interfaces[id_].groups) for id_ in self.targets)

    def attach(self, kept):
        """Add the kept groups to the targets."""
        ids = [group.id for group in kept]
        self._names.update({group.id: group.name for group in kept})
        for one in (self.interfaces[id_] for id_ in self.targets):
            more = [id_ for id_ in ids if id_ not in one.groups]
            if not more:
                continue
            if not one.ours:
                tags = tag_list({self._tag: "attached"})
                self._api.write("create_tags", Resources=[one.id], Tags=tags)
                one.ours = True
            self._set(one, one.groups + more)

    def detach(self, kept):
        """Take our groups off interfaces that are no target any more, and those that are not needed off all."""
        ids = {group.id for group in kept}
        for one in list(self.interfaces.values()):
            if not one.ours:
                continue
            target = one.id in self.targets
            left = [id_ for id_ in one.groups if id_ not in self._names or (target and id_ in ids)]
            if left != one.groups:
                self._set(one, left)
            if not target:
                self._api.write("delete_tags", Resources=[one.id], Tags=[{"Key": self._tag}])
                one.ours = False

    def _set(self, one, groups):
        self._api.write("modify_network_interface_attribute", NetworkInterfaceId=one.id, Groups=groups)
        one.groups = groups

    def check_detach(self):
        """Raise Refused where an interface would be left without any group."""
        for one in self.interfaces.values():
            if one.ours and one.id not in self.targets and set(one.groups) <= self._names.keys():
                raise Refused(f"{one.id} has no other security group than ours: attach another one first")

    def check_absent(self, groups):
        """Raise Refused where somebody else attached our groups."""
        self.targets = []
        self.check_detach()
        for group in groups:
            users = [id_ for id_ in self.users(group) if not self.interfaces[id_].ours]
            if users:
                raise Refused(f"{group.name} is attached to {', '.join(users)}, not by us: detach it there first")

    def users(self, group):
        """Return the ids of interfaces that have a group."""
        return sorted(one.id for one in self.interfaces.values() if group.id in one.groups)

    def notes(self, kept):
        """Return notes on interfaces that have some of our groups and not all: less is open there."""
        ids = {group.id for group in kept}
        found = list(self._notes)
        for one in sorted(self.interfaces.values(), key=lambda one: one.id):
            absent = [group.name for group in kept if group.id not in one.groups]
            if absent and ids & set(one.groups):
                found.append(f"{one.id} has not all groups: attach {', '.join(absent)} too, or use attach")
        return found

    def lines(self):
        """Return what is attached by us, in words."""
        return {
            f"{self._names[id_]} attached to {one.id}"
            for one in self.interfaces.values()
            if one.ours
            for id_ in one.groups
            if id_ in self._names
        }
