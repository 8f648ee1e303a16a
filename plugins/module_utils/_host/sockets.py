# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of this host that wait for others, as /proc lists them, and the processes that have them."""

from __future__ import annotations

import glob
import os

from .files import read

# By the state that /proc/net prints: a TCP socket that listens, a UDP socket without a peer.
_WAITING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def waiting(*tables):
    """Return C{[(link, address, port)]} of C{tables}: C{tcp}, C{tcp6}, C{udp}, C{udp6}; all without any.

    C{link}: what a process's C{/proc/PID/fd} shows; C{address}: in the kernel's spelling.
    """
    found = []
    for table in tables or _WAITING:
        for line in read("/proc/net/" + table).splitlines()[1:]:
            fields = line.split()
            address, dummy, port = fields[1].rpartition(":")
            if fields[3] == _WAITING[table]:
                found.append((f"socket:[{fields[9]}]", address, int(port, 16)))
    return found


def owners(links):
    """Yield C{(link, process)} of the processes, by their numbers, that have one of these sockets."""
    for path in glob.glob("/proc/[0-9]*/fd/*") if links else ():
        try:
            link = os.readlink(path)
        except OSError:
            continue  # it ended meanwhile
        if link in links:
            yield link, int(path.split("/")[2])
