#!/usr/bin/python
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of the task C(nftables): apply what was rendered, armed to revert; confirm; remove."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_host
short_description: The host's half of the task nftables, internal
version_added: "0.1.0"
description:
  - What M(egress.allowlist.nftables) runs on the host. Use that task, which also reconnects and confirms.
  - Internal, its options can change with any release.
author:
  - Contributors to egress.allowlist (@egress-allowlist)
requirements:
  - nft 1.0 or newer on the host, with root rights
options:
  ruleset:
    description: What the filter P(egress.allowlist.nftables_ruleset#filter) returned. Needed for O(state=present).
    type: dict
attributes:
  platform:
    description: Linux with nftables.
    platforms: linux
    support: full
extends_documentation_fragment:
  - egress.allowlist.applying
"""

EXAMPLES = r"""
- name: Remove everything, as the task does
  egress.allowlist.nftables_host:
    state: absent
"""

RETURN = r"""
armed:
  description: Whether the change waits for its confirmation.
  type: bool
  returned: always
token:
  description: What O(token) takes to confirm this very change.
  type: str
  returned: when armed
missing:
  description: Whether a command is missing that the options need.
  type: bool
  returned: always
differences:
  description: One line for each thing that is opened, shut or set otherwise.
  type: list
  elements: str
  returned: always
ip_versions:
  description: The IP versions of which there are rules, where some were applied.
  type: list
  elements: int
  returned: always
  sample: [4, 6]
notes:
  description: What a person should know.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.apply import Applier
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.boot import own_files
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.differences import anew
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.form import FORM
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.nft import Nft


def versions(native):
    """Return the IP versions that the table of a native form can have rules of."""
    return {"inet": [4, 6], "ip": [4], "ip6": [6]}[native["family"]]


def main():
    """Run one call."""
    call = Call("nftables", FORM)

    def applier():
        return Applier(Nft(call.find("nft"), call.run), call.find, call.run, call.module.check_mode)

    call.end({"nft": "nftables"}, applier, anew, own_files, versions)


if __name__ == "__main__":
    main()
