#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a plan to a security group of OpenStack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_security_group
short_description: Keep an egress allowlist in a security group of OpenStack
version_added: "0.1.0"
description:
  - Makes one security group have what the result of P(egress.allowlist.openstack_security_group_plan#filter) says, with
    a rule for each prefix, or with address groups where the plan was made with O(plan) C(address_groups=always).
  - A group that stands in the other form, with ports in it or not, is changed over without shutting anything. Where the
    quota has no room for that, nothing is written.
  - Reads, compares, checks the quota with what is really there, and only then writes. What opens comes before what
    shuts, so that nothing that is wanted is ever shut in between.
  - Only what carries our mark is changed or removed, a description that begins with C(egress.allowlist). Ingress
    rules and other egress rules in the group stay. With the policy C(deny) of the plan, the default rules that let
    everything out are removed, and C(unmanaged) afterwards brings them back.
  - A second call changes nothing. What somebody changed by hand is shown and mended.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - openstacksdk 1.0 or newer where the module runs
extends_documentation_fragment:
  - egress.allowlist.cloud
options:
  project:
    description:
      - The project that gets the group, its name or id, if not the one of the credentials. Other projects need an
        administrator.
    type: str
  cloud:
    description: The name of a cloud in F(clouds.yaml), or a whole configuration as a dictionary.
    type: raw
  auth:
    description: What the authentication plugin needs, such as C(auth_url), C(username), C(password), C(project_name).
    type: dict
  auth_type:
    description: The authentication plugin, such as V(password) or V(v3applicationcredential).
    type: str
  region_name:
    description: The region.
    type: str
  validate_certs:
    description: Whether certificates are checked.
    type: bool
    aliases: [verify]
  ca_cert:
    description: A file with certificates of the authorities to trust.
    type: str
    aliases: [cacert]
  client_cert:
    description: A file with the certificate to show.
    type: str
    aliases: [cert]
  client_key:
    description: A file with the key of the certificate to show.
    type: str
    aliases: [key]
  api_timeout:
    description: Seconds to wait for an answer.
    type: int
  interface:
    description: Which of the endpoints to use.
    type: str
    choices: [admin, internal, public]
    default: public
    aliases: [endpoint_type]
  sdk_log_path:
    description: A file into which openstacksdk logs.
    type: str
  sdk_log_level:
    description: How much it logs.
    type: str
    choices: [INFO, DEBUG]
    default: INFO
"""

EXAMPLES = r"""
- name: Keep the security group
  egress.allowlist.openstack_security_group:
    cloud: mycloud
    plan: "{{ catalog_compiled.allowlist | egress.allowlist.openstack_security_group_plan(policy='deny') }}"

- name: Remove it again
  egress.allowlist.openstack_security_group:
    cloud: mycloud
    state: absent
"""

RETURN = r"""
id:
  description: The security group's id, to attach it by. Empty where there is none.
  type: str
  returned: always
form:
  description: Whether prefixes are in rules of their own (V(rules)) or in address groups (V(groups)).
  type: str
  returned: for O(state=present)
widened:
  description: What is open although nobody asked for it, as the plan says.
  type: list
  elements: str
  returned: always
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
  description: What each quota holds, rules of others counted. Empty where the cloud does not tell.
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
      description: Units that there are, C(-1) for any number.
      type: int
calls:
  description: How many requests were made to Neutron.
  type: int
  returned: always
"""

import traceback

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    Refused,
    arguments,
    missing_library,
    so_far,
)
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.api import (
    CONNECTION,
    ApiError,
    Neutron,
    connect,
    unmask,
)
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.call import Run
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms

try:
    import openstack

    OPENSTACK_ERROR = None
except ImportError:
    OPENSTACK_ERROR = traceback.format_exc()


def main():
    """Run one call."""
    module = AnsibleModule(
        argument_spec=arguments(project={"type": "str"}, **CONNECTION),
        required_if=[("state", "present", ["plan"])],
        supports_check_mode=True,
    )
    unmask(module)
    forms.check(module, "plan", FORM)
    if OPENSTACK_ERROR:
        missing_library(module, "openstacksdk", "openstacksdk", OPENSTACK_ERROR)
    params, neutron, run = module.params, None, None
    try:
        neutron = Neutron(connect(openstack, params), params["project"])
        run = Run(neutron, params["name"], module.check_mode)
        if params["state"] == "present":
            run.present(params["plan"], params["unchanged"])
        else:
            run.absent()
    except (Refused, ApiError) as error:
        _fail(module, neutron, run, str(error))
    except Exception as error:
        # What keystoneauth and the SDK raise for credentials, endpoints and connections has no base of its own.
        _fail(module, neutron, run, f"{type(error).__name__}: {error}", traceback.format_exc())
    module.exit_json(**run.result(module))


def _fail(module, neutron, run, message, trace=None):
    """End with an error that says whether anything was written."""
    told = {"changed": False, "differences": []}
    if run and (neutron.writes or neutron.unsure):
        told = run.result(module, stopped=True)
    if trace:
        told["exception"] = trace
    module.fail_json(msg="{}; {}".format(message.rstrip("."), so_far(told["changed"])), **told)


if __name__ == "__main__":
    main()
