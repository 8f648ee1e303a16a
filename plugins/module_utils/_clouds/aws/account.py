# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our security groups in an account of AWS, as they are read and written.

A group is ours when its tag C{egress.allowlist} is the name of the selection, a rule in it when its description ends in
our mark. In check mode writes change what is remembered here, and are not sent.
"""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import EVERYTHING, canonical, line

from .api import Changed, permissions, ports_of, rule_of
from .placement import DEFAULTS, count, version
from .prefix_lists import LISTED, Lists

MARK = " (egress.allowlist)"
TAG = "egress.allowlist"
VPC = TAG + ":vpc"  # of a list, which has none of its own
POLICY = TAG + ":policy"  # of a group: whether we took its default rules away
NEW = "new"  # the policy of a group whose default rules were not waited for yet
DESCRIPTION = "What vendors ask to be allowed, managed by the Ansible collection egress.allowlist"


class Rule:
    """An egress rule with a CIDR. C{label}: who asks for it; C{ours}: whether it bears our mark."""

    def __init__(self, id_, description):
        self.id = id_
        self.ours = description.endswith(MARK)
        self.label = description[: -len(MARK)] if self.ours else description


class Group:
    """One of our groups.

    C{rules}: C{{key: Rule}}, with what stands in lists of ours; C{lists}: C{{service: List}}; C{others}: units of rules
    that have no CIDR and are not ours, by IP version.
    """

    def __init__(self, id_, name, number, tags):
        self.id, self.name, self.number, self.tags = id_, name, number, tags
        self.rules, self.lists, self.others = {}, {}, {4: 0, 6: 0}

    def ours(self):
        """Return the rules that bear our mark."""
        return {key for key, rule in self.rules.items() if rule.ours}

    def defaults(self):
        """Return the rules that let everything out."""
        return {key for key in DEFAULTS.values() if key in self.rules and not self.rules[key].ours}

    def foreign(self):
        """Return the rules with a CIDR that somebody else made."""
        return self.rules.keys() - self.ours() - self.defaults()

    def units(self, keys=None):
        """Return how much quota C{keys}, or all rules, and the rules without a CIDR take, by IP version."""
        counted = count(self.rules if keys is None else keys)
        if keys is None:
            for which, one in self.lists.items():
                counted[which[3]] += one.slack()
        return {family: counted[family] + self.others[family] for family in counted}


def tags_of(item):
    """Return the tags of something that was read, as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or []}


def tag_list(tags):
    """Return a dictionary of tags as AWS takes it."""
    return [{"Key": key, "Value": str(value)} for key, value in sorted(tags.items())]


class Account:
    """All our groups of one name in one VPC.

    C{groups}: C{{number: Group}}; C{made}: ids of those that this call made; C{late}: lines of what stood there before
    this call, was seen only in the middle of it, and is gone; C{notes}: on new groups; C{writes_read}: how many writes
    were made before the last read of all.
    """

    def __init__(self, api, vpc, name):
        self.api, self.vpc, self.name = api, vpc, name
        self.groups, self.lists = {}, Lists(api, {TAG: name, VPC: vpc})
        self.made, self.late, self.notes, self.writes_read = set(), set(), [], None

    def read(self):
        """Read the groups, their egress rules and our prefix lists, which a run that broke off may have left."""
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "tag:" + TAG, "Values": [self.name]}]
        by_id = {}
        self.groups, self.writes_read = {}, self.api.writes
        for item in self.api.read("describe_security_groups", "SecurityGroups", Filters=filters):
            number = item["GroupName"][len(self.name) + 1 :]
            if item["GroupName"] == f"{self.name}-{number}" and number.isdigit():
                group = Group(item["GroupId"], item["GroupName"], int(number), tags_of(item))
                self.groups[group.number] = by_id[group.id] = group
        self._take_lists(self.read_rules(by_id), self.lists.read())

    def read_rules(self, by_id):
        """Read rules with a CIDR into their groups; return C{[(group, rule)]} of those that refer to lists."""
        if not by_id:
            return []
        lists = []
        filters = [{"Name": "group-id", "Values": sorted(by_id)}]
        for item in self.api.read("describe_security_group_rules", "SecurityGroupRules", Filters=filters):
            if not item["IsEgress"]:
                continue
            group, cidr = by_id[item["GroupId"]], item.get("CidrIpv4") or item.get("CidrIpv6")
            if cidr:
                group.rules[rule_of(item, cidr)] = Rule(item["SecurityGroupRuleId"], item.get("Description") or "")
            elif item.get("PrefixListId"):
                lists.append((group, item))
            else:  # a rule that refers to a group is one for IPv4 and one for IPv6
                group.others = {family: units + 1 for family, units in group.others.items()}
        return lists

    def _take_lists(self, referred, ours):
        """Tell lists of ours from those of others, by the rules that refer to them."""
        others = []
        for group, item in referred:
            one = ours.get(item["PrefixListId"])
            if one is None or not (item.get("Description") or "").endswith(MARK):
                others.append((group, item["PrefixListId"]))
                continue
            one.rule = item["SecurityGroupRuleId"]
            self.lists.loose.pop(one.name, None)
            service = (item["IpProtocol"], item["FromPort"], item["ToPort"])
            group.lists[(*service, 6 if one.six else 4)] = one
            for cidr, who in one.entries.items():
                group.rules[(*service, canonical(cidr), LISTED)] = Rule(None, who + MARK)
        if others:
            ids = sorted({id_ for dummy, id_ in others})
            found = self.api.read("describe_managed_prefix_lists", "PrefixLists", PrefixListIds=ids)
            size = {item["PrefixListId"]: (item["AddressFamily"], item.get("MaxEntries") or 1) for item in found}
            for group, id_ in others:
                family, entries = size.get(id_, ("IPv4", 1))
                group.others[6 if family == "IPv6" else 4] += entries

    def taken(self, numbers):
        """Return the names of groups of these numbers that are not ours; raises Changed where one is."""
        names = [f"{self.name}-{number}" for number in numbers]
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "group-name", "Values": names}]
        found = self.api.read("describe_security_groups", "SecurityGroups", Filters=filters)
        if any(tags_of(item).get(TAG) == self.name for item in found):
            raise Changed(f"groups that were not there a moment ago: {', '.join(names)}")
        return sorted(item["GroupName"] for item in found)

    def families(self):
        """Return the IP versions of the VPC, for which AWS gives its groups a default rule each."""
        found = self.api.read("describe_vpcs", "Vpcs", VpcIds=[self.vpc])
        states = [
            block["Ipv6CidrBlockState"]["State"]
            for item in found
            for block in item.get("Ipv6CidrBlockAssociationSet") or []
        ]
        return (4, 6) if {"associating", "associated"} & set(states) else (4,)

    def create(self, number, tags, families):
        """Make an empty group; AWS gives it a default rule for each of C{families}, which may be seen late."""
        name, tags = f"{self.name}-{number}", {**tags, POLICY: NEW}
        answer = self.api.write(
            "create_security_group",
            GroupName=name,
            Description=DESCRIPTION,
            VpcId=self.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(tags)}],
        )
        group = self.groups[number] = Group(answer.get("GroupId") or name, name, number, tags)
        self.made.add(group.id)
        if self.api.dry:
            group.rules = {DEFAULTS[family]: Rule(None, "") for family in families}
        else:
            self.api.young = True
        return group

    def tag(self, group, tags):
        """Set tags of a group that are other than these."""
        other = {key: value for key, value in tags.items() if group.tags.get(key) != value}
        if other:
            self.api.write("create_tags", Resources=[group.id], Tags=tag_list(other))
            group.tags.update(other)

    def delete(self, group):
        """Remove a group; returns whether nothing refers to it, so that it is gone."""
        try:
            self.api.write("delete_security_group", GroupId=group.id)
        except Exception as error:
            if "DependencyViolation" not in str(error):
                raise
            return False
        del self.groups[group.number]
        return True

    def do(self, kind, group, items, labels):
        """Make one call that steps() returned, or one of C{kind} label; C{labels}: C{{key: who asks}}."""
        listed = [item for item in items if len(item[0] if kind == "modify" else item) == 5]
        plain = [item for item in items if item not in listed]
        if plain:
            getattr(self, "_" + kind)(group, plain, labels)
        if listed:
            self._listed(kind, group, listed, labels)

    def _listed(self, kind, group, items, labels):
        """The same for rules that stand in lists."""
        if kind == "revoke":
            self.lists.revoke(group, items)
        elif kind == "authorize":
            self.lists.authorize(group, items, labels)
        else:
            self.lists.modify(group, items, labels)
        for item in items:
            if kind != "authorize":
                del group.rules[item[0] if kind == "modify" else item]
            if kind != "revoke":
                new = item[1] if kind == "modify" else item
                group.rules[new] = Rule(None, labels[new] + MARK)

    def _authorize(self, group, keys, labels):
        described = {key: labels[key] + MARK if key in labels else "" for key in keys}
        answer = self.api.write(
            "authorize_security_group_egress", GroupId=group.id, IpPermissions=permissions(keys, described)
        )
        ids = {
            rule_of(item, item.get("CidrIpv4") or item.get("CidrIpv6")): item["SecurityGroupRuleId"]
            for item in answer.get("SecurityGroupRules", [])
        }
        for key in keys:
            group.rules[key] = Rule(ids.get(key), described[key])

    def _modify(self, group, pairs, labels):
        listed = [
            {
                "SecurityGroupRuleId": group.rules[old].id,
                "SecurityGroupRule": {
                    "IpProtocol": new[0],
                    **ports_of(new),
                    "CidrIpv6" if version(new) == 6 else "CidrIpv4": new[3],
                    **({"Description": labels[new] + MARK} if new in labels else {}),
                },
            }
            for old, new in pairs
        ]
        self.api.write("modify_security_group_rules", GroupId=group.id, SecurityGroupRules=listed)
        for old, new in pairs:
            group.rules[new] = Rule(group.rules.pop(old).id, labels[new] + MARK if new in labels else "")

    def _label(self, group, keys, labels):
        self._modify(group, [(key, key) for key in keys], labels)

    def _revoke(self, group, keys, labels):
        self.api.revoke(group.id, keys)
        for key in keys:
            group.rules.pop(key, None)

    def lines(self):
        """Return what stands there, in words."""
        found = set()
        for group in self.groups.values():
            found.add(f"security group {group.name}")
            if group.defaults():
                found.add(EVERYTHING)
            found |= {line(*key[:4], group.rules[key].label) for key in group.ours()}
            found |= {f"prefix list {one.name}" for one in group.lists.values()}
        return found

    def units(self):
        """Return the units that all groups take, by IP version."""
        taken = [group.units() for group in self.groups.values()]
        return {family: sum(units[family] for units in taken) for family in (4, 6)}
