# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's EC2 where it answers wrongly, mended: these are answers, the limits are in server.py.

* C{Authorize...} tells all rules that it made, not those of the last permission alone.
* C{Revoke...} removes a rule of IPv6 whatever the VPC has, and tells what it did not know.
* C{ModifySecurityGroupRules} knows IPv6 and prefix lists.
* C{ModifyManagedPrefixList} resizes, keeps the name, makes versions; states last a while.
* Rules that refer to a prefix list keep their description.
* An interface has the groups that it was given, and an instance those of its first interface.
* A rule of a protocol that is neither TCP, UDP nor ICMP has no ports.
* The 60 rules that moto counts in its own way are not counted here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.core import responses
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.models.managed_prefixes import ManagedPrefixList, ManagedPrefixListBackend
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.vpcs import VPCs

PORTED = ("tcp", "udp", "icmp", "icmpv6")
ACCOUNT = "123456789012"
IN_PROGRESS = {"create": "create-in-progress", "modify": "modify-in-progress", "delete": "delete-in-progress"}


def backend(region: str) -> Any:
    """Return moto's memory of one region."""
    return ec2_backends[ACCOUNT][region]


def mend(describes: int = 1) -> None:
    """Mend moto for this process, for good. A list that changed is in progress for so many look-ups."""
    responses.method_names_from_class = cache(responses.method_names_from_class)  # else a tenth of all time
    SecurityGroups.authorize_security_group_egress = _authorize("authorize_security_group_egress")
    SecurityGroups.authorize_security_group_ingress = _authorize("authorize_security_group_ingress")
    SecurityGroups.revoke_security_group_egress = _revoke("egress_rules")
    SecurityGroups.revoke_security_group_ingress = _revoke("ingress_rules")
    SecurityGroupBackend.modify_security_group_rules = _modify_rules
    SecurityGroupBackend._verify_group_will_respect_rule_count_limit = lambda *_given, **_named: None
    if not hasattr(SecurityGroupRule, "plain_init"):
        SecurityGroupRule.plain_init = SecurityGroupRule.__init__
        SecurityGroupRule.__init__ = _rule
        ManagedPrefixListBackend.plain_create = ManagedPrefixListBackend.create_managed_prefix_list
        ManagedPrefixListBackend.plain_describe = ManagedPrefixListBackend.describe_managed_prefix_lists
        NetworkInterfaceBackend.plain_modify = NetworkInterfaceBackend.modify_network_interface_attribute
        InstanceBackend.plain_modify_groups = InstanceBackend.modify_instance_security_groups
    VPCs.modify_managed_prefix_list = _modify_list
    ManagedPrefixList.describes = describes
    ManagedPrefixListBackend.create_managed_prefix_list = _create_list
    ManagedPrefixListBackend.describe_managed_prefix_lists = _describe_lists
    ManagedPrefixListBackend.delete_managed_prefix_list = _delete_list
    NetworkInterface.group_set = property(lambda interface: interface._group_set)
    NetworkInterfaceBackend.modify_network_interface_attribute = _modify_interface
    InstanceBackend.modify_instance_security_groups = _modify_instance


def _authorize(name: str) -> Any:
    def authorize(response: Any) -> ActionResult:
        response.error_on_dryrun()
        rules = []
        for given in response._process_rules_from_querystring():
            rules += getattr(response.ec2_backend, name)(**given)[0]
        return ActionResult({"Return": True, "SecurityGroupRules": rules})

    return authorize


def shape(rule: Any) -> tuple:
    """Return what makes a rule itself: its destination, protocol and ports."""
    ports = (rule.ip_protocol, rule.from_port, rule.to_port)
    if rule.prefix_list_id:
        return ("list", rule.prefix_list_id, *ports)
    if rule.source_group:
        return ("group", rule.source_group.get("GroupId"), *ports)
    if "CidrIpv6" in rule.ip_range:
        return ("6", rule.ip_range["CidrIpv6"], *ports)
    return ("4", rule.ip_range["CidrIp"], *ports)


def _revoke(direction: str) -> Any:
    targets = {
        "IpRanges": ("4", "CidrIp"),
        "Ipv6Ranges": ("6", "CidrIpv6"),
        "PrefixListIds": ("list", "PrefixListId"),
        "UserIdGroupPairs": ("group", "GroupId"),
    }

    def revoke(response: Any) -> ActionResult:
        response.error_on_dryrun()
        group = response.ec2_backend.get_security_group_by_name_or_id(response._get_param("GroupId"))
        rules, gone, unknown = getattr(group, direction), set(response._get_param("SecurityGroupRuleIds", [])), []
        present = {shape(rule): rule.id for rule in rules}
        for given in response._get_param("IpPermissions", []):
            every = given["IpProtocol"] not in PORTED
            ports = {} if every else {"FromPort": given["FromPort"], "ToPort": given["ToPort"]}
            for side, (kind, cell) in targets.items():
                for item in given.get(side, []):
                    key = (kind, item[cell], given["IpProtocol"], ports.get("FromPort"), ports.get("ToPort"))
                    if key in present:
                        gone.add(present[key])
                    else:
                        unknown.append({"IpProtocol": given["IpProtocol"], **ports, side: [{cell: item[cell]}]})
        setattr(group, direction, [rule for rule in rules if rule.id not in gone])
        return ActionResult({"Return": True, **({"UnknownIpPermissions": unknown} if unknown else {})})

    return revoke


def _rule(rule: Any, *given: Any, **named: Any) -> None:
    """Make a rule; of a protocol that AWS knows no ports of, moto would ask for them."""
    protocol, ports = given[1] if len(given) > 1 else named["ip_protocol"], ("from_port", "to_port")
    portless = str(protocol).isdigit() and protocol not in ("1", "6", "17", "58")
    if portless:
        given, named = (*given[:3], -1, -1, *given[5:]), {**named, **{key: -1 for key in ports if key in named}}
    rule.plain_init(*given, **named)
    if portless:
        rule.from_port = rule.to_port = None
    listed = named.get("prefix_list_id") or (given[7] if len(given) > 7 else None)
    if listed and listed.get("Description"):
        rule.ip_range = {"Description": listed["Description"]}


def _modify_rules(backend: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    group = backend.get_security_group_by_name_or_id(group_id)
    for number, new in rules.items():
        rule = group.get_rule(number)
        rule.ip_protocol = new["IpProtocol"]
        rule.from_port, rule.to_port = (
            (None, None) if new["IpProtocol"] not in PORTED else (int(new["FromPort"]), int(new["ToPort"]))
        )
        cells = {"CidrIp": new.get("CidrIpv4"), "CidrIpv6": new.get("CidrIpv6"), "Description": new.get("Description")}
        rule.ip_range = {key: value for key, value in cells.items() if value}
        rule.prefix_list_id = new.get("PrefixListId")
        rule.source_group = {"GroupId": new["ReferencedGroupId"]} if new.get("ReferencedGroupId") else {}


def _begin(listed: Any, what: str) -> None:
    listed.pending, listed.state = listed.describes, IN_PROGRESS[what] if listed.describes else f"{what}-complete"


def _create_list(backend: Any, **given: Any) -> Any:
    listed = backend.plain_create(**given)
    listed.entries = {1: given.get("entry") or []}
    _begin(listed, "create")
    if given.get("owner_id") == "AWS":
        listed.pending, listed.state = 0, "create-complete"
    return listed


def _describe_lists(backend: Any, prefix_list_ids: Any = None, filters: Any = None) -> list[Any]:
    for listed in list(backend.managed_prefix_lists.values()):
        if listed.state.endswith("-in-progress"):
            if listed.pending:
                listed.pending -= 1
                continue
            if listed.state == IN_PROGRESS["delete"]:
                del backend.managed_prefix_lists[listed.id]
            listed.state = listed.state.replace("-in-progress", "-complete")
    return backend.plain_describe(prefix_list_ids, filters)


def _delete_list(backend: Any, prefix_list_id: str) -> Any:
    listed = backend.managed_prefix_lists[prefix_list_id]
    _begin(listed, "delete")
    if not listed.describes:
        del backend.managed_prefix_lists[prefix_list_id]
    return listed


def _modify_list(response: Any) -> ActionResult:
    listed = response.ec2_backend.managed_prefix_lists[response._get_param("PrefixListId")]
    name, size = response._get_param("PrefixListName"), response._get_param("MaxEntries")
    add, remove = response._get_param("AddEntries", []), response._get_param("RemoveEntries", [])
    if name:
        listed.prefix_list_name = name
    if size:
        listed.max_entries = int(size)
    if add or remove:
        gone = {entry["Cidr"] for entry in remove}
        kept = [entry for entry in listed.entries[listed.version] if entry["Cidr"] not in gone]
        listed.version += 1
        listed.entries[listed.version] = kept + add
    _begin(listed, "modify")
    return ActionResult({"PrefixList": listed})


def _modify_interface(backend: Any, eni_id: str, group_ids: list[str], *given: Any, **named: Any) -> None:
    backend.plain_modify(eni_id, group_ids, *given, **named)
    interface = backend.get_network_interface(eni_id)
    if group_ids and interface.instance and not interface.device_index:
        interface.instance.security_groups = list(interface._group_set)


def _modify_instance(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
    instance = backend.plain_modify_groups(instance_id, new_group_id_list)
    instance.nics[0]._group_set = list(instance.security_groups)
    return instance
