# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of this host that wait for others or are connected, as /proc lists them, and who has them."""

from __future__ import annotations

import glob
import ipaddress
import os
import struct

from .files import read

# By the state that /proc/net prints: a TCP socket that listens, a UDP socket without a peer.
_ESTABLISHED = "01"
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


def established():
    """Return C{[(local address, port, remote address, port)]} of the TCP connections, IPv4 in IPv6 as IPv4."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in read("/proc/net/" + table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _ESTABLISHED:
                ends = [end.rpartition(":") for end in fields[1:3]]
                found.append(tuple(value for end in ends for value in (_spelled(end[0]), int(end[2], 16))))
    return found


def _spelled(address):
    """Return an address as text: the kernel prints words in its own order of bytes."""
    words = bytes.fromhex(address)
    packed = b"".join(struct.pack(">I", *struct.unpack("=I", words[i : i + 4])) for i in range(0, len(words), 4))
    if struct.pack("=I", 1) == struct.pack(">I", 1):
        packed = words
    parsed = ipaddress.ip_address(packed)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def owners(links):
    """Yield C{(link, process)} of the processes, by their numbers, that have one of these sockets."""
    for path in glob.glob("/proc/[0-9]*/fd/*") if links else ():
        try:
            link = os.readlink(path)
        except OSError:
            continue  # it ended meanwhile
        if link in links:
            yield link, int(path.split("/")[2])
