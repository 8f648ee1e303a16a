#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a network of Google Cloud have the planned egress rules."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcp_security_group
short_description: Apply an egress allowlist as firewall rules of Google Cloud
version_added: "0.1.0"
description:
  - Makes what P(egress.allowlist.gcp_security_group_plan#filter) returns VPC firewall rules of a network, or rules of a
    network firewall policy.
  - Reads what is there, computes the difference and checks the quota before the first write. Only what has changed is
    written, and what is wanted and was open is open throughout.
  - Rules of ours are those whose name begins with O(name) and whose description begins with our mark; all others stay
    as they are. Logging of our rules is yours to switch.
  - VPC firewall rules are changed one by one, additions first; a firewall policy is written as a whole, if nobody has
    changed it since it was read.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - google-auth
  - requests
options:
  project:
    description: The project. In a Shared VPC the host project. E(GCP_PROJECT) where it is not given.
    type: str
    required: true
  network:
    description: Name of the VPC network. Needed unless the rules go into O(firewall_policy).
    type: str
  target_tags:
    description: Network tags of the instances that the rules are for. VPC firewall rules only.
    type: list
    elements: str
    default: []
  target_service_accounts:
    description:
      - Service accounts of the instances that the rules are for. Not together with tags; without either, the rules are
        for all instances of the network.
    type: list
    elements: str
    default: []
  target_secure_tags:
    description: Secure tags, C(tagValues/123456), of the instances that the rules are for. Firewall policies only.
    type: list
    elements: str
    default: []
  firewall_policy:
    description: Name of a network firewall policy that is there, and that gets the rules.
    type: str
    default: ""
  region:
    description: Region of O(firewall_policy). Empty means a global one.
    type: str
    default: ""
  auth_kind:
    description:
      - What kind of credentials is used. C(application) are those that C(gcloud auth application-default login) makes,
        or the file that E(GOOGLE_APPLICATION_CREDENTIALS) names. E(GCP_AUTH_KIND) where it is not given.
    type: str
    choices: [application, machineaccount, serviceaccount, accesstoken]
    default: application
  service_account_file:
    description: Path of a service account's JSON file. E(GCP_SERVICE_ACCOUNT_FILE) where it is not given.
    type: path
  service_account_contents:
    description: What such a file holds. E(GCP_SERVICE_ACCOUNT_CONTENTS) where it is not given.
    type: jsonarg
  service_account_email:
    description: Which service account of the machine it is. E(GCP_SERVICE_ACCOUNT_EMAIL) where it is not given.
    type: str
  access_token:
    description: An access token. E(GCP_ACCESS_TOKEN) where it is not given.
    type: str
  scopes:
    description: Scopes to ask for, C(https://www.googleapis.com/auth/compute) by default. E(GCP_SCOPES) as well.
    type: list
    elements: str
attributes:
  platform:
    description: Wherever Python and the libraries are; usually the controller.
    platforms: all
    support: full
extends_documentation_fragment:
  - egress.allowlist.cloud
"""

EXAMPLES = r"""
- name: Let the interpreters' instances out to what the selected vendors ask for
  egress.allowlist.gcp_security_group:
    project: acme-video
    network: production
    target_tags: [interpreters]
    plan: "{{ catalog_compiled.allowlist | egress.allowlist.gcp_security_group_plan(policy='deny', names='report') }}"

- name: Remove everything again
  egress.allowlist.gcp_security_group:
    project: acme-video
    network: production
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
  description: What the plan opens although nobody asked for it.
  type: list
  elements: str
  returned: always
calls:
  description: How many requests were made to the cloud's API.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import arguments, missing_library
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp import api
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp.call import run
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms


def main():
    """Run one call."""
    texts = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec=arguments(
            network={"type": "str"},
            target_tags=texts,
            target_service_accounts=texts,
            target_secure_tags=texts,
            firewall_policy={"type": "str", "default": ""},
            region={"type": "str", "default": ""},
            **api.arguments(),
        ),
        required_if=[("state", "present", ["plan"])],
        mutually_exclusive=[("service_account_file", "service_account_contents")],
        supports_check_mode=True,
    )
    # A dictionary has become text whose escaped line ends are not those of the values that are kept out of the log.
    if module.params["service_account_contents"]:
        module.no_log_values.add(module.params["service_account_contents"])
    forms.check(module, "plan", FORM)
    if not api.HAS_REQUESTS:
        missing_library(module, "requests", "google-auth requests", api.REQUESTS_ERROR)
    if not api.HAS_GOOGLE_AUTH:
        missing_library(module, "google-auth", "google-auth requests", api.GOOGLE_AUTH_ERROR)
    run(module)


if __name__ == "__main__":
    main()
