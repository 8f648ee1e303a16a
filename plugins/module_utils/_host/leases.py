# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DHCPv4 servers of which this host holds a lease: a client renews it by unicast, from port 68 to their port 67.

Read where DHCP clients keep their leases: systemd-networkd, dhclient, dhcpcd and NetworkManager. A lease that has ended
names nobody: its client asks by broadcast.
"""

from __future__ import annotations

import calendar
import glob
import ipaddress
import os
import re
import socket
import struct
import time

from .files import read_all

# systemd-networkd, which removes the file with the lease, and NetworkManager's own client before 1.20.
_PLAIN = ("run/systemd/netif/leases/*", "var/lib/NetworkManager/internal-*.lease")
_PLAIN_SERVER = re.compile(r"^SERVER_ADDRESS=(\S+)", re.MULTILINE)
# dhclient by itself, as ifupdown and NetworkManager call it; it adds each lease to the end of its file.
_DHCLIENT = (
    "var/lib/dhcp/*.leases",
    "var/lib/dhclient/*.leases",
    "var/lib/dhclient/*.lease",
    "var/lib/NetworkManager/dhclient-*.lease",
)
_LEASE = re.compile(r"^lease \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INTERFACE = re.compile(r'^\s*interface "([^"]*)";', re.MULTILINE)
_SERVER = re.compile(r"^\s*option dhcp-server-identifier ([0-9.]+);", re.MULTILINE)
_EXPIRES = re.compile(r"^\s*expire\s+([^;\n]*)", re.MULTILINE)
_UNREAD = "the lease of the DHCP server {} in {} ends at '{}', which is no date: it may be asked by broadcast only"
# dhcpcd keeps the server's last message as it came.
_DHCPCD = ("var/lib/dhcpcd*/*.lease", "var/lib/dhcpcd-*.lease", "run/dhcpcd/*.lease", "var/db/dhcpcd/*.lease")
_COOKIE, _OPTIONS = b"\x63\x82\x53\x63", 236  # what options begin with, and where
_PAD, _END, _LEASE_TIME, _SERVER_IDENTIFIER = 0, 255, 51, 54
_NMCLI, _NO_MANAGER = "usr/bin/nmcli", 8  # the status of nmcli where no NetworkManager runs
_NM_SERVER = re.compile(r"(?<!_)dhcp_server_identifier\s*=\s*([0-9.]+)")


def dhcp_servers(run, root="/"):
    """Return the sorted IPv4 addresses of the servers whose leases this host holds, and notes on what cannot be read.

    C{run} takes a command and returns C{(status, output, errors)}. Raises OSError where NetworkManager does not answer.
    """
    found, notes = set(), []
    for text in read_all(os.path.join(root, pattern) for pattern in _PLAIN):
        found.update(_PLAIN_SERVER.findall(text))
    for path in _paths(root, _DHCLIENT):
        for text in read_all([glob.escape(path)]):
            for server, expires in _dhclient(text).items():
                try:
                    found.update([server] if _holds(expires) else [])
                except ValueError:
                    notes.append(_UNREAD.format(server, path, expires.strip()))
    for path in _paths(root, _DHCPCD):
        found.update(_dhcpcd(path))
    found.update(_network_manager(run, root))
    return sorted(filter(_is_server, found)), notes


def _paths(root, patterns):
    """Return the regular files that match: of a pipe nobody may write the end."""
    found = (path for pattern in patterns for path in sorted(glob.glob(os.path.join(root, pattern))))
    return [path for path in found if os.path.isfile(path)]


def _dhclient(text):
    """Return C{{server: when it ends}} of the last lease of each interface, as it is written."""
    last = {}
    for match in _LEASE.finditer(text):
        interface = _INTERFACE.search(match.group(1))
        last[interface.group(1) if interface else ""] = match.group(1)
    found = {}
    for lease in last.values():
        server, expires = _SERVER.search(lease), _EXPIRES.search(lease)
        if server:
            found[server.group(1)] = expires.group(1) if expires else ""
    return found


def _holds(expires):
    """True where a lease of dhclient's has not ended, or does not say when it ends.

    C{expires}: C{never}, C{4 2026/11/30 07:00:00} or C{epoch 1764486000}. Raises ValueError for others.
    """
    kind, dummy, date = expires.partition(" ")
    if kind in ("", "never"):
        return True
    if kind == "epoch":
        return int(date) > time.time()
    return calendar.timegm(time.strptime(date, "%Y/%m/%d %H:%M:%S")) > time.time()


def _dhcpcd(path):
    """Return the server of a lease that dhcpcd keeps, as a set of one or none."""
    with open(path, "rb") as handle:
        message, written = handle.read(), os.fstat(handle.fileno()).st_mtime
    options = _options(message)
    seconds, server = options.get(_LEASE_TIME, b""), options.get(_SERVER_IDENTIFIER, b"")
    ended = len(seconds) == 4 and written + struct.unpack("!I", seconds)[0] < time.time()
    return set() if ended or len(server) != 4 else {socket.inet_ntoa(server)}


def _options(message):
    """Return C{{number: value}} of the options of a DHCPv4 message, {} where it is none."""
    found, at = {}, _OPTIONS + len(_COOKIE)
    if message[_OPTIONS:at] != _COOKIE:
        return found
    while at + 1 < len(message) and message[at] != _END:
        if message[at] == _PAD:
            at += 1
            continue
        length = message[at + 1]
        found[message[at]] = message[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def _network_manager(run, root):
    """Return the servers that NetworkManager tells of: its own client keeps them in no file."""
    command = os.path.join(root, _NMCLI)
    if not os.path.exists(command):
        return set()
    status, output, errors = run([command, "--terse", "--fields", "DHCP4", "device", "show"])
    if status == _NO_MANAGER:
        return set()
    if status:
        raise OSError(f"NetworkManager does not tell its DHCP leases: {errors.strip() or f'nmcli ended with {status}'}")
    return set(_NM_SERVER.findall(output))


def _is_server(text):
    """True for an address that a server can have."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or text == "255.255.255.255")
