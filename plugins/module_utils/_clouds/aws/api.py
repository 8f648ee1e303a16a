# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to EC2: counted, repeated while a new group is not known everywhere, rules written as AWS takes them.

A rule is a key C{(protocol, first port, last port, destination)}, of ICMP with type and code; the destination is a CIDR
or the id of a prefix list.
"""

from __future__ import annotations

import time

from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import canonical

WAITS = 8  # tries within a minute
# What AWS says of a group that was just made and is not known everywhere, and of a rule that is not there.
_YOUNG = ("InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound", "InvalidID")
_PORTED = ("tcp", "udp", "icmp", "icmpv6")  # AWS opens all ports of any other protocol, whatever stands there
_GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")


class Changed(Exception):
    """Somebody else, or a call that is not seen yet, changed what was read: it is to be read anew."""


class Api:
    """Requests to EC2, counted. C{client}: of boto3, with retries; C{dry}: whether writes are only counted."""

    def __init__(self, client, dry):
        self._client, self.dry = client, dry
        self.calls, self.writes = 0, 0
        self.young = False  # whether this call made a group
        self.unsure = None  # a write of which nobody knows whether it was done
        client.meta.events.register("before-send.ec2", self._count)

    def _count(self, **_given):
        self.calls += 1

    def read(self, operation, key, **given):
        """Return all items of a listing, over all its pages."""
        found, token = [], {}
        while True:
            page = getattr(self._client, operation)(aws_retry=True, **given, **token)
            found += page[key]
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def write(self, operation, **given):
        """Change something; returns the answer, which is empty in check mode."""
        for tried in range(WAITS):
            self.unsure = operation
            try:
                answer = {} if self.dry else getattr(self._client, operation)(aws_retry=True, **given)
                break
            except Exception as error:
                if getattr(error, "response", None):  # AWS answered
                    self.unsure = None
                if not self.young or _code(error) not in _YOUNG or tried + 1 == WAITS:
                    raise
                time.sleep(0.2 * 2**tried)
        self.writes, self.unsure = self.writes + 1, None
        return answer

    def revoke(self, group, keys):
        """Remove egress rules by what they are, not by ids, which may be old; returns the keys of those that stood.

        What is not there needs no removal. AWS says so by an error, and then removes none, or, in a default VPC, in the
        answer.
        """
        try:
            answer = self.write("revoke_security_group_egress", GroupId=group, IpPermissions=permissions(keys))
        except Exception as error:
            if not _gone(error):
                raise
            half = len(keys) // 2
            return self.revoke(group, keys[:half]) | self.revoke(group, keys[half:]) if half else set()
        unknown = {
            rule_of(permission, target)
            for permission in answer.get("UnknownIpPermissions") or []
            for target in _targets(permission)
        }
        stood = set(keys) - unknown
        if not stood:
            self.writes -= 1
        return stood

    def revoke_ids(self, group, ids):
        """Remove egress rules by ids that were read a moment ago; returns whether they stood there."""
        try:
            self.write("revoke_security_group_egress", GroupId=group, SecurityGroupRuleIds=ids)
        except Exception as error:
            if not _gone(error):
                raise
            return False
        return True


def permissions(keys, described=None):
    """Return rules as AWS takes them; C{described}: C{{key: description}}."""
    found = {}
    for key in keys:
        permission = found.setdefault(key[:3], {"IpProtocol": key[0], **ports_of(key)})
        cell = {"Description": described[key]} if described and described[key] else {}
        if key[3].startswith("pl-"):
            permission.setdefault("PrefixListIds", []).append({"PrefixListId": key[3], **cell})
        elif ":" in key[3]:
            permission.setdefault("Ipv6Ranges", []).append({"CidrIpv6": key[3], **cell})
        else:
            permission.setdefault("IpRanges", []).append({"CidrIp": key[3], **cell})
    return [found[service] for service in sorted(found)]


def ports_of(key):
    """Return the ports of a rule, or type and code, as AWS takes them; of other protocols there are none."""
    return {"FromPort": key[1], "ToPort": key[2]} if key[0] in _PORTED else {}


def rule_of(item, target):
    """Return the key of a rule that was read; C{target}: its CIDR, or the id of a prefix list."""
    target = target if target.startswith("pl-") else canonical(target)
    if item["IpProtocol"] not in _PORTED:
        return item["IpProtocol"], -1, -1, target
    return item["IpProtocol"], item.get("FromPort", -1), item.get("ToPort", -1), target


def _targets(permission):
    for side, cell in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId")):
        yield from (item[cell] for item in permission.get(side) or [])


def _code(error):
    """Return AWS's code of an error, empty where AWS did not answer."""
    return (getattr(error, "response", None) or {}).get("Error", {}).get("Code", "")


def _gone(error):
    """Return whether AWS refused to remove a rule because there is none: also one of IPv6 where there is no IPv6."""
    return _code(error) in _GONE or (_code(error) == "InvalidParameterValue" and "remote-ipv6-range" in str(error))
