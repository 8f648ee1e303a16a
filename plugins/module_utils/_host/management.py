# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this host is managed: by which ports, which stay open whatever else is stopped."""

from __future__ import annotations

import os
import re


def management_ports():
    """Return the local ports that Ansible came in by (from SSH_CONNECTION of the module's ancestors), and 22."""
    ports, process = {22}, os.getpid()
    while process > 1:
        try:
            with open(f"/proc/{process}/environ", "rb") as handle:
                found = re.search(rb"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ (\d+)\0", handle.read())
            with open(f"/proc/{process}/stat", "rb") as handle:
                process = int(handle.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
        if found:
            ports.add(int(found.group(1)))
    return sorted(ports)
