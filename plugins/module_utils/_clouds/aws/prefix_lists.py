# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed prefix lists to which rules of our groups refer.

A group has one list for each service and IP version, with the prefixes that would be rules of their own otherwise. A
list is always as large as its entries are many, so that it takes the same quota. A rule that stands in a list is a key
with a fifth item.
"""

from __future__ import annotations

import time

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import canonical, ports

from .placement import version

LISTED = "list"  # the fifth item of a key
_WAITS = 9  # about 25 seconds in all


def service(key):
    """Return which list of a group a rule stands in: C{(protocol, first port, last port, IP version)}."""
    return (*key[:3], version(key))


def _named(which):
    """Return a service for the name of a list: C{tcp-443}, C{icmp-8}, C{50}."""
    protocol, first, last = which[:3]
    return protocol if first < 0 else f"{protocol}-{ports(first, first if last < 0 else last)}"


def in_place(old, new):
    """Return whether AWS turns one rule into another at once."""
    if len(old) != len(new):
        return False
    return len(old) == 4 or service(old) == service(new)


class List:
    """A managed prefix list. C{entries}: C{{CIDR: who asks}}; C{most}: its MaxEntries; C{rule}: id of the rule."""

    def __init__(self, item):
        self.id, self.name = item.get("PrefixListId"), item["PrefixListName"]
        self.six = item["AddressFamily"] == "IPv6"
        self.entries, self.rule = {}, None
        self.seen(item)

    def seen(self, item):
        """Take over what was read."""
        self.most, self.version, self.state = item["MaxEntries"], item.get("Version", 1), item.get("State") or ""

    def slack(self):
        """Return how many entries it has room for, and takes quota for, beyond those that it has."""
        return self.most - len(self.entries)


class Lists:
    """Our lists of one name; C{loose}: those that no group of ours refers to, by their names."""

    def __init__(self, api, tags):
        self._api, self._tags = api, tags
        self.loose, self.left = {}, []

    def read(self):
        """Return all our lists by id."""
        filters = [{"Name": "tag:" + key, "Values": [value]} for key, value in sorted(self._tags.items())[:1]]
        items = self._api.read("describe_managed_prefix_lists", "PrefixLists", Filters=filters)
        items = [item for item in items if not item["State"].startswith("delete") and self._ours(item)]
        found = {item["PrefixListId"]: List(item) for item in items}
        for one in found.values():
            entries = self._api.read("get_managed_prefix_list_entries", "Entries", PrefixListId=one.id)
            one.entries = {canonical(entry["Cidr"]): entry.get("Description") or "" for entry in entries}
        self.loose = {one.name: one for one in found.values()}
        return found

    def _ours(self, item):
        """Return whether a list that was found by one of our tags has all of them."""
        tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or []}
        return self._tags.items() <= tags.items()

    def authorize(self, group, keys, labels):
        """Add entries, to a list of each service; make lists, and rules that refer to them, where there are none."""
        for which, some in _by_service(keys).items():
            name = f"{group.name}-{_named(which)}-ipv{which[3]}"
            one, entries = group.lists.get(which), {key[3]: labels[key] for key in some}
            if one is None and name in self.loose:
                one = self.loose.pop(name)  # of a run that broke off: it is open nowhere yet
                missing = {cidr: who for cidr, who in entries.items() if cidr not in one.entries}
                self._change(one, missing, one.entries.keys() - entries.keys())
            elif one is None:
                one = self._create(name, which[3], entries)
            else:
                self._change(one, entries, ())
            group.lists[which] = one
            if one.rule is None:
                self._refer(group, which, one)

    def modify(self, group, pairs, labels):
        """Replace entries; old and new are in the same list."""
        for which, olds in _by_service([old for old, dummy in pairs]).items():
            new = {key[3]: labels[key] for old, key in pairs if old in olds}
            self._change(group.lists[which], new, [key[3] for key in olds])

    def revoke(self, group, keys):
        """Remove entries, and what is empty then."""
        for which, some in _by_service(keys).items():
            one = group.lists[which]
            if len(some) < len(one.entries):
                self._change(one, {}, [key[3] for key in some])
                continue
            self._api.revoke(group.id, [(*which[:3], one.id or "")])
            del group.lists[which]
            self.delete(one)

    def fit(self, group):
        """Make lists as large as they are long, whoever made them larger."""
        for one in group.lists.values():
            if one.slack() > 0:
                self._resize(one, len(one.entries))

    def delete(self, one):
        """Remove a list; one that others refer to as well stays."""
        try:
            self._api.write("delete_managed_prefix_list", PrefixListId=one.id)
        except Exception as error:
            if "DependencyViolation" not in str(error) and "ResourceInUse" not in str(error):
                raise
            self.left.append(one.name)

    def _create(self, name, family, entries):
        item = {"PrefixListName": name, "AddressFamily": f"IPv{family}", "MaxEntries": len(entries)}
        tags = [{"Key": key, "Value": value} for key, value in sorted(self._tags.items())]
        specification = [{"ResourceType": "prefix-list", "Tags": tags}]
        answer = self._api.write(
            "create_managed_prefix_list", **item, Entries=_written(entries), TagSpecifications=specification
        )
        one = List({**item, **answer.get("PrefixList", {})})
        one.entries = dict(entries)
        self._wait(one)
        return one

    def _refer(self, group, which, one):
        permission = {"IpProtocol": which[0], "FromPort": which[1], "ToPort": which[2]}
        permission["PrefixListIds"] = [
            {"PrefixListId": one.id, "Description": "the prefixes of the list (egress.allowlist)"}
        ]
        answer = self._api.write("authorize_security_group_egress", GroupId=group.id, IpPermissions=[permission])
        one.rule = next((item["SecurityGroupRuleId"] for item in answer.get("SecurityGroupRules", [])), "")

    def _change(self, one, add, remove):
        after = len(one.entries) + len(add) - len(remove)
        if after > one.most:
            self._resize(one, after)
        given = {"AddEntries": _written(add)} if add else {}
        if remove:
            given["RemoveEntries"] = [{"Cidr": cidr} for cidr in sorted(remove)]
        if given:
            self._api.write("modify_managed_prefix_list", PrefixListId=one.id, CurrentVersion=one.version, **given)
            one.entries = {cidr: who for cidr, who in one.entries.items() if cidr not in remove}
            one.entries.update(add)
            self._wait(one)
        if one.slack() > 0:
            self._resize(one, len(one.entries))

    def _resize(self, one, most):
        self._api.write("modify_managed_prefix_list", PrefixListId=one.id, MaxEntries=most)
        one.most = most
        self._wait(one)

    def _wait(self, one):
        """Wait until AWS has done what it was told, and takes the next change."""
        if self._api.dry:
            return
        for tried in range(_WAITS):
            for item in self._api.read("describe_managed_prefix_lists", "PrefixLists", PrefixListIds=[one.id]):
                one.seen(item)
            if one.state.endswith("-complete"):
                return
            if one.state.endswith("-failed"):
                break
            time.sleep(0.05 * 2**tried)
        raise Refused(f"the prefix list {one.name} ({one.id}) is {one.state}: the next run goes on from there")


def _by_service(keys):
    found = {}
    for key in keys:
        found.setdefault(service(key), []).append(key)
    return found


def _written(entries):
    return [{"Cidr": cidr, "Description": who} for cidr, who in sorted(entries.items())]
