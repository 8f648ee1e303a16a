#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a plan as egress rules of AWS security groups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_security_group
short_description: Apply an egress allowlist to AWS as security groups
version_added: "0.1.0"
description:
  - Makes security groups of its own have the rules of P(egress.allowlist.aws_security_group_plan#filter), and attaches
    them to network interfaces, beside other groups, if asked to.
  - Adds before it removes, so that no wanted address that was open is closed in between. The quota is checked, with
    rules in it that are not ours, before the first write.
  - A rule that stands already stays in its group; a changed prefix touches one rule.
  - With the policy deny it reads back until two reads in a row show that no default rule stands in its groups. Where
    that takes longer than half a minute, it fails and says what stands.
  - A group is ours when its tag C(egress.allowlist) is O(name), a rule in it when its description ends in
    C((egress.allowlist)). All else stays as it is.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - collection amazon.aws
  - boto3
options:
  vpc_id:
    description: The VPC of the groups. The default VPC of the region if not given.
    type: str
  tags:
    description: Tags that the groups have as well. Tags that others set stay.
    type: dict
    default: {}
  attach:
    description:
      - The network interfaces that have the groups. Their other groups stay.
      - Interfaces that are not listed any more lose the groups again, if this module attached them.
    type: dict
    suboptions:
      instances:
        description: Ids of instances. All their interfaces are meant.
        type: list
        elements: str
        default: []
      interfaces:
        description: Ids of network interfaces.
        type: list
        elements: str
        default: []
      tags:
        description: Tags of instances. Those in the VPC that have all of them are meant.
        type: dict
        default: {}
extends_documentation_fragment:
  - egress.allowlist.cloud
  - egress.allowlist.aws
"""

EXAMPLES = r"""
- name: Apply, and attach to all booths
  egress.allowlist.aws_security_group:
    region: eu-central-1
    vpc_id: vpc-0123456789abcdef0
    plan: "{{ catalog_compiled.allowlist | egress.allowlist.aws_security_group_plan(policy='deny', names='report') }}"
    attach:
      tags:
        role: booth

- name: Remove everything again
  egress.allowlist.aws_security_group:
    region: eu-central-1
    vpc_id: vpc-0123456789abcdef0
    state: absent
"""

RETURN = r"""
groups:
  description: Our groups, in the order of their numbers.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the group.
      type: str
    id:
      description: Id of the group, none in check mode where it is not there yet.
      type: str
  sample: [{"name": "egress-allowlist-1", "id": "sg-0123456789abcdef0"}]
widened:
  description: What the plan opens although nobody asked, one line each.
  type: list
  elements: str
  returned: always
  sample: []
differences:
  description: One line for each thing that is opened, shut or set otherwise, what goes first.
  type: list
  elements: str
  returned: always
  sample: ["- udp/3478 to 3.25.48.0/28  kudo: media", "+ udp/3478 to 3.25.48.192/28  kudo: media"]
notes:
  description: What a person should know, such as a default rule that still lets everything out.
  type: list
  elements: str
  returned: always
units:
  description: What each quota holds, foreign rules counted.
  type: list
  elements: dict
  returned: always
  contains:
    quota:
      description: The quota, in words.
      type: str
    before:
      description: Units in use before.
      type: int
    after:
      description: Units in use afterwards.
      type: int
    limit:
      description: Units that there are.
      type: int
calls:
  description: How many requests were made to the cloud's API.
  type: int
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.aws.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import arguments


def main():
    """Run one call."""
    Call(arguments).end()


if __name__ == "__main__":
    main()
