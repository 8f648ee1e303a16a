# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established TCP connections of this host that conntrack does not know, since it did not watch when they began.

The next packet of such a connection is that of a new one to conntrack, whoever began it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from .applier import ToolError
from .files import read
from .sockets import established, waiting

_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"  # not there while conntrack is not loaded
_ENTRIES = "/proc/net/nf_conntrack"
_ENDS = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")


class Connection(NamedTuple):
    """One connection; C{inbound}: the host listens on its local port."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    inbound: bool

    def __str__(self):
        if self.inbound:
            return f"tcp/{self.local_port} of this host with {self.remote}"
        return f"tcp/{self.remote_port} to {self.remote}"


def unknown(find, run):
    """Return the connections that conntrack does not know, without those over the loopback; None where nobody can tell.

    C{find} returns the path of a command, None where it is missing, C{run} runs one: C{(status, output, errors)}.
    Raises ToolError where conntrack does not list its entries.
    """
    listening = {port for dummy, dummy, port in waiting("tcp", "tcp6")}
    found = [Connection(*ends, ends[1] in listening) for ends in established() if not _loops(*ends[::2])]
    if not found or read(_COUNT).strip() in ("", "0"):
        return found
    entries = _entries(find("conntrack", needed=False), run)
    if entries is None:
        return None
    known = set()
    for there, back, sport, dport in _ENDS.findall(entries):
        ends = (_spelled(there), int(sport)), (_spelled(back), int(dport))
        known |= {(*ends[0], *ends[1]), (*ends[1], *ends[0])}
    return [each for each in found if each[:4] not in known]


def _entries(conntrack, run):
    """Return what conntrack knows of TCP, None where neither the command nor the file is there."""
    if not conntrack:
        return read(_ENTRIES, missing=None)
    texts = []
    for family in ("ipv4", "ipv6"):
        status, output, errors = run([conntrack, "-L", "-f", family, "-p", "tcp"])
        if status:
            raise ToolError(
                f"conntrack does not list its entries: {errors.strip() or f'it ended with status {status}'}"
            )
        texts.append(output)
    return "\n".join(texts)


def _spelled(address):
    return str(ipaddress.ip_address(address)) if ":" in address else address


def _loops(local, remote):
    return local == remote or ipaddress.ip_address(remote).is_loopback
