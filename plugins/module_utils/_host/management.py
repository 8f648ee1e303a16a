# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local ports by which this host is managed. Their replies pass whatever else is stopped."""

from __future__ import annotations

import os
import re

from .files import read, read_all
from .sockets import owners, waiting

_CONFIGURATION = "/etc/ssh/sshd_config"
_PORT = re.compile(r"^\s*Port[\s=]+\"?(\d+)(?=[\"\s]|$)", re.MULTILINE | re.IGNORECASE)
_ADDRESS = re.compile(
    r"^\s*ListenAddress[\s=]+\"?(?:\[[^]\s]*\]|[^\s:\"]+):(\d+)(?=[\"\s]|$)", re.MULTILINE | re.IGNORECASE
)
_INCLUDE = re.compile(r"^\s*Include[\s=]+(.+)$", re.MULTILINE | re.IGNORECASE)
_SERVERS = {"sshd", "dropbear"}  # programs


def management_ports():
    """Return the ports of SSH servers, sorted: 22, those configured, those that listen, and Ansible's connection.

    They do not depend on how this run came in, so that a run from the host itself leaves them as they are.
    """
    return sorted({22} | _configured() | _listening() | _connected())


def _configured():
    """Return the ports in sshd's configuration, which a restart opens."""
    texts, patterns = [read(_CONFIGURATION)], []
    for words in _INCLUDE.findall(texts[0]):
        patterns += [os.path.join(os.path.dirname(_CONFIGURATION), word.strip('"')) for word in words.split()]
    texts += read_all(patterns)
    found = {int(port) for text in texts for port in _PORT.findall(text) + _ADDRESS.findall(text)}
    return {port for port in found if 0 < port < 65536}  # sshd does not start with others


def _listening():
    """Return the ports on which a program that is an SSH server listens."""
    ports = {link: port for link, dummy, port in waiting("tcp", "tcp6")}
    return {ports[link] for link, process in owners(ports) if _program(process) in _SERVERS}


def _program(process):
    """Return the name of the program that a process runs, '' where it has ended."""
    try:
        return os.path.basename(os.readlink(f"/proc/{process}/exe")).partition(" (deleted)")[0]
    except OSError:
        return ""


def _connected():
    """Return the ports that Ansible came in by, from SSH_CONNECTION of the module's ancestors."""
    ports, process = set(), os.getpid()
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
    return ports
