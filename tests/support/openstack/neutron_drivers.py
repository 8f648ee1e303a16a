# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Neutron's own drivers make of a port's rules; runs inside the real Neutron (see neutron_server.py)."""

from __future__ import annotations

from typing import Any


def programmed(port: str) -> dict[str, list[list[str]]]:
    """Return C{[IP version, rule]} of the egress rules of a port, as drivers write them.

    C{iptables}: arguments of iptables and ip6tables, from what the server tells the agent. C{ovn}: matches of ACLs.
    """
    from neutron.agent.linux.iptables_firewall import IptablesFirewallDriver
    from neutron.common.ovn import acl
    from neutron_lib.context import get_admin_context
    from neutron_lib.plugins.directory import get_plugin

    plugin, context = get_plugin(), get_admin_context()
    (found,) = plugin.get_ports_from_devices(context, [port])
    told = plugin.security_group_info_for_ports(context, {found["id"]: found})
    driver: Any = IptablesFirewallDriver.__new__(IptablesFirewallDriver)  # its __init__ would ask the kernel
    driver.enable_ipset, driver._iptables_protocol_name_map = True, {}
    driver.sg_rules, driver.sg_members = told["security_groups"], told["sg_member_ips"]
    egress = driver._select_sg_rules_for_port(found, "egress")
    versions = dict(zip(("IPv4", "IPv6"), driver._split_sgr_by_ethertype(egress), strict=True))
    groups = [plugin.get_security_group(context, group) for group in found["security_groups"]]
    rules = [rule for group in groups for rule in group["security_group_rules"] if rule["direction"] == "egress"]
    return {
        "iptables": [
            [version, line]
            for version, some in versions.items()
            for line in driver._convert_sgr_to_iptables_rules(some)
        ],
        "ovn": [[rule["ethertype"], acl._add_sg_rule_acl_for_port_group("pg", True, rule)["match"]] for rule in rules],
    }
