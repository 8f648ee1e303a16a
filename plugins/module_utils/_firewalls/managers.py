# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other firewall managers on this host."""

from __future__ import annotations

import os
import re

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld import bus
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read_all

# Services that load rules of their own, some of them after flushing everybody's.
_MANAGERS = (
    "nftables.service",
    "iptables.service",
    "netfilter-persistent.service",
    "shorewall.service",
    "foomuuri.service",
)


def other_managers(own, find, run, root="/"):
    """Return the names of firewall managers besides C{own} that are at work on this host.

    C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}. Raises OSError where systemd,
    or D-Bus for firewalld, does not answer.
    """
    found = []
    switch = "\n".join(read_all([os.path.join(root, "etc/ufw/ufw.conf")]))
    if own != "ufw" and re.search(r"^ENABLED=['\"]?yes\b", switch, re.MULTILINE | re.IGNORECASE):
        found.append("ufw")
    if own != "firewalld" and bus.runs(find, run):
        found.append("firewalld")
    if os.path.exists(os.path.join(root, "etc/egress-allowlist/nftables.nft")):
        found.append("the role egress.allowlist.nftables")
    if os.path.isdir(os.path.join(root, "run/systemd/system")):
        dummy, output, errors = run(["systemctl", "is-active", *_MANAGERS])
        states = output.split()
        if len(states) != len(_MANAGERS):  # its status tells only whether all of them are active
            reason = errors.strip() or "no answer"
            raise OSError(f"whether another firewall manager is at work cannot be found out: systemctl: {reason}")
        found += [unit for unit, state in zip(_MANAGERS, states) if state == "active"]  # noqa: B905
    return found
