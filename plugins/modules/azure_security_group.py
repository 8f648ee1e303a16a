#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a plan to a network security group of Azure."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_security_group
short_description: Apply an egress allowlist to an Azure network security group, as one change
version_added: "0.1.0"
description:
  - Makes a network security group have the outbound rules that P(egress.allowlist.azure_security_group_plan#filter)
    planned. The group is written whole, in one request, and only if it is still as it was read. So it has the old rules
    or the new at any moment, and no address that stays allowed is shut in between.
  - Only rules whose name and description carry O(name) are changed or removed. Rules of others go along as they were
    read. A rule of others that has one of the reserved priorities is refused.
  - Checks what the group holds already, with the rules of others, against Azure's limits before anything is written.
  - Attaches the group to subnets and network interfaces that are named and have none.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - azure-mgmt-network 33.1 or newer
  - azure-identity
options:
  resource_group:
    description: The resource group of the network security group.
    type: str
    required: true
  security_group:
    description: The network security group.
    type: str
    required: true
  location:
    description: Where to create the network security group if there is none. Without it a missing group is an error.
    type: str
  tags:
    description: Tags that the network security group is to have. Other tags stay.
    type: dict
  subnets:
    description:
      - Subnets to attach the group to, each as C(virtual-network/subnet) in O(resource_group), or as an id.
      - One that has another group is an error.
    type: list
    elements: str
    default: []
  interfaces:
    description: Network interfaces to attach the group to, each as a name in O(resource_group), or as an id.
    type: list
    elements: str
    default: []
  subscription_id:
    description: The subscription. Otherwise that of the profile, or E(AZURE_SUBSCRIPTION_ID).
    type: str
  client_id:
    description: The application that signs in, or the user-assigned managed identity. Otherwise E(AZURE_CLIENT_ID).
    type: str
  secret:
    description: The application's secret. Otherwise E(AZURE_SECRET), or E(AZURE_CLIENT_SECRET).
    type: str
  tenant:
    description: The tenant of the application. Otherwise E(AZURE_TENANT), or E(AZURE_TENANT_ID).
    type: str
  profile:
    description: A section of C(~/.azure/credentials) to take these four from. Otherwise E(AZURE_PROFILE).
    type: str
  auth_source:
    description:
      - Where to take credentials from. C(auto) takes what is written here, then the profile, then the environment, and
        without a secret in any of them what azure-identity finds by itself, such as a managed identity or C(az login).
      - C(env), C(credential_file), C(cli) and C(msi) take the environment, the profile, C(az login) or the managed
        identity alone.
    type: str
    choices: [auto, env, credential_file, cli, msi]
    default: auto
  cloud_environment:
    description: Which of Azure's clouds.
    type: str
    choices: [AzureChinaCloud, AzureCloud, AzureUSGovernment]
    default: AzureCloud
extends_documentation_fragment:
  - egress.allowlist.cloud
"""

EXAMPLES = r"""
- name: Open what the vendors need in a network security group that is there
  egress.allowlist.azure_security_group:
    resource_group: booths
    security_group: booths
    plan: "{{ catalog_compiled.allowlist | egress.allowlist.azure_security_group_plan }}"

- name: Create one that stops all else, and attach it
  egress.allowlist.azure_security_group:
    resource_group: booths
    security_group: interpreters
    location: westeurope
    subnets: [network/interpreters]
    plan: "{{ catalog_compiled.allowlist | egress.allowlist.azure_security_group_plan(policy='deny', names='report') }}"

- name: Remove everything again
  egress.allowlist.azure_security_group:
    resource_group: booths
    security_group: interpreters
    subnets: [network/interpreters]
    state: absent
"""

RETURN = r"""
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
widened:
  description: What is open although nobody asked, a line each, as the plan says it.
  type: list
  elements: str
  returned: for O(state=present)
calls:
  description: How many requests were made to the cloud's API.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils._clouds import call
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure import api
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure.apply import Work
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure.rules import NAME
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms


def main():
    """Run one call."""
    own = {
        "resource_group": {"type": "str", "required": True},
        "security_group": {"type": "str", "required": True},
        "location": {"type": "str"},
        "tags": {"type": "dict"},
        "subnets": {"type": "list", "elements": "str", "default": []},
        "interfaces": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec=call.arguments(**own, **api.arguments()),
        required_if=[("state", "present", ["plan"])],
        supports_check_mode=True,
    )
    _check(module)
    if api.MISSING:
        call.missing_library(module, "azure-mgmt-network", api.PACKAGES, api.MISSING)
    work = azure = None
    try:
        azure = api.Api(module.params)
        work = Work(azure, module.params, module.check_mode)
        work.run()
    except call.Refused as error:
        _fail(module, str(error), work, azure)
    except api.ERRORS as error:
        _fail(module, api.said(error), work, azure, sure=api.rejected(error))
    module.exit_json(**_result(module, work, azure))


def _check(module):
    """Refuse what no cloud needs to be asked for."""
    name = module.params["name"]
    if not NAME.fullmatch(name):
        module.fail_json(msg=f"name '{name}' is not accepted: write up to 30 letters, digits, '-' or '_'")
    forms.check(module, "plan", FORM)


def _result(module, work, azure):
    plan = module.params["plan"] if module.params["state"] == "present" else {}
    notes = [*plan.get("notes", []), *work.notes]
    found = call.result(module, work.before, work.after, notes, work.units, azure.calls)
    return {**found, "widened": plan["widened"]} if plan else found


def _fail(module, text, work, azure, sure=True):
    """End with an error, and say what was done before it. C{sure}: what was tried last was not done."""
    written = bool(work and work.written)
    found = {"changed": False, "differences": [], "calls": azure.calls if azure else 0}
    if written:
        found = _result(module, work, azure)
    told = call.so_far(written)
    if work and work.trying and not sure:
        told = "whether the last request was done is not known: the next run sees, and completes it"
    module.fail_json(msg=f"{text}; {told}", **found)


if __name__ == "__main__":
    main()
