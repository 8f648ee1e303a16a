# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom this host asks for names: /etc/resolv.conf, who manages it, and who listens on a port."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import socket
import struct

from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import encode, read, remove, write, write_all
from ansible_collections.egress.allowlist.plugins.module_utils._host.name_servers import FORMER, NAMESERVER
from ansible_collections.egress.allowlist.plugins.module_utils._host.sockets import owners, waiting

PATH = "/etc/resolv.conf"
STUBS = ("127.0.0.53", "127.0.0.54")  # of systemd-resolved
_HEAD = "# made by egress.allowlist: this host asks its own dnsmasq for names\n"
_KEPT = re.compile(r"^\s*(?:search|domain|options|sortlist)\b.*$", re.MULTILINE)
_RESOLVED = ("/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d/*.conf", "/run/systemd/resolved.conf.d/*.conf")
_DNS = re.compile(r"^\s*DNS\s*=\s*(\S.*)$", re.MULTILINE)
# Who else writes the file, by what its target or its text says.
_MANAGERS = {
    "systemd": "write DNS=127.0.0.1 and Domains=~. into a file below /etc/systemd/resolved.conf.d, give dnsmasq its "
    "servers by server= lines, and restart systemd-resolved",
    "NetworkManager": "write dns=none into [main] of a file below /etc/NetworkManager/conf.d, reload NetworkManager, "
    "and make /etc/resolv.conf a file that names 127.0.0.1",
    "resolvconf": "let resolvconf name 127.0.0.1 (its package of dnsmasq does)",
}


def wanted(managed):
    """Return C{(text, former text, servers)}: what /etc/resolv.conf and its copy shall be, and whom dnsmasq asks then.

    C{managed}: whether it is ours to write. A former text of None: nothing is to be put back later.
    """
    now, former = read(PATH), read(FORMER, missing=None)
    if not managed:
        return (now if former is None or not now.startswith(_HEAD) else former), None, []
    # Somebody else has written it since: those servers are the ones to ask and to put back.
    base = former if former is not None and now.startswith(_HEAD) else now
    servers = [address for address in NAMESERVER.findall(base) if not _ours(address)]
    if former is None and not servers:
        return now, None, []
    kept = "".join(line.strip() + "\n" for line in _KEPT.findall(base))
    return f"{_HEAD}nameserver 127.0.0.1\n{kept}", base, servers


def check(managed):
    """Raise ToolError where this host's questions would not come to its dnsmasq."""
    now = wanted(managed)[0] if not managed else read(PATH)
    if managed:
        target = os.path.realpath(PATH) if os.path.islink(PATH) else ""
        who = [name for name in _MANAGERS if name in target or f"by {name}" in now]
        if who or target:
            way = _MANAGERS[who[0]] if who else f"change {target}, or make {PATH} a file"
            raise ToolError(
                f"names: {PATH} is not ours to write, {who[0] if who else target} does: {way}; "
                "then set names_resolv_conf to false"
            )
        return
    strangers = [address for address in NAMESERVER.findall(now) if not _ours(address)]
    if strangers and all(address in STUBS for address in strangers) and _resolved_asks_us():
        return
    if strangers:
        stub = strangers[0] in STUBS
        way = _MANAGERS["systemd"] if stub else "name 127.0.0.1 there, or set names_resolv_conf to true"
        raise ToolError(
            f"names: this host asks {strangers[0]} ({PATH}), not its own dnsmasq, which would learn nothing: {way}"
        )


def _overwrite(text):
    """Write /etc/resolv.conf, in place where it is a mount of its own, as in containers."""
    try:
        write_all({PATH: text}, mode=0o644)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        with open(PATH, "wb") as handle:
            handle.write(encode(text))


def put(text, former):
    """Write /etc/resolv.conf where it is another; C{former}: what is put back later, None where nothing is."""
    if former is not None and former != read(FORMER, missing=None):
        write(FORMER, former)
    if text != read(PATH):
        _overwrite(text)
    if former is None:
        remove(FORMER)


def answers(port, address="127.0.0.1", seconds=5):
    """True where somebody answers a question for names, whatever the answer."""
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(seconds)
        try:
            asking.connect((address, port))
            asking.send(question)
            return asking.recv(512)[:2] == question[:2]
        except OSError:
            return False


def listeners(port):
    """Return C{[(address, process, its name)]} of who listens on a port, UDP or TCP; the name only for messages."""
    addresses = {link: _address(address) for link, address, number in waiting() if number == port}
    found = set()
    for link, process in owners(addresses):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.add((addresses[link], process, read(f"/proc/{process}/comm", missing="?").strip()))
    return sorted(found)


def _address(text):
    """Return an address that the kernel writes as words in its own byte order."""
    packed = struct.pack(f"={len(text) // 8}I", *(int(text[at : at + 8], 16) for at in range(0, len(text), 8)))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _ours(address):
    """True for an address of this host, except the stub's."""
    if address in STUBS:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except (OSError, UnicodeError):
            return False
    return True


def _resolved_asks_us():
    found = []
    for pattern in _RESOLVED:
        for path in sorted(glob.glob(pattern)):
            found += [address for line in _DNS.findall(read(path)) for address in line.split()]
    return bool(found) and all(_ours(address.partition("#")[0]) for address in found)
