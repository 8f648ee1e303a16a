# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time daemons that this host is configured to use: which servers each asks, and as which user it sends.

A packet carries the user who opened its socket. chronyd opens one for each question, as the user whom it becomes;
where its own port is fixed, and for peers, it opens them as root before that. ntpd opens all of them as root, and
sends from port 123 only. OpenNTPD and systemd-timesyncd open theirs as their own users.
"""

from __future__ import annotations

import pwd
import re
from typing import NamedTuple

from . import timesyncd
from .files import read_all

_FILES = {
    "chrony": (
        "/etc/chrony.conf",
        "/etc/chrony/chrony.conf",
        "/etc/chrony/conf.d/*.conf",
        "/etc/chrony/sources.d/*.sources",
        "/run/chrony-dhcp/*.sources",
    ),
    "ntpd": ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/ntpsec/ntp.d/*.conf", "/run/ntpsec/ntp.conf.dhcp"),
    "OpenNTPD": ("/etc/openntpd/ntpd.conf", "/etc/ntpd.conf"),
}
# Under which of them a daemon runs differs between distributions: the first that is there.
_USERS = {
    "chrony": ("_chrony", "chrony"),
    "OpenNTPD": ("openntpd", "_ntp", "ntpd"),
    "systemd-timesyncd": (timesyncd.USER,),
}
_SERVER = re.compile(r"^\s*(?:server|servers|pool|peer)\s+(\S+)", re.MULTILINE)
_PEER = re.compile(r"^\s*peer\s", re.MULTILINE)
_USER = re.compile(r"^\s*user\s+(\S+)", re.MULTILINE)
_PORT = re.compile(r"^\s*acquisitionport\s+([1-9]\d*)\s*$", re.MULTILINE)
NTP = 123


class Sender(NamedTuple):
    """Whose packets a daemon's are: C{port} is the one that they come from, 0 for any."""

    name: str
    uid: int
    port: int

    def __str__(self):
        return f"{self.name}, from port {self.port}" if self.port else self.name


class Clock(NamedTuple):
    """A time daemon: its servers, addresses or names, and its senders, none where its user is not known."""

    daemon: str
    servers: list
    senders: list


def clocks(run):
    """Return C{(clocks, notes)} of this host; C{run} takes a command and returns C{(status, output, errors)}.

    Raises ToolError where systemd does not answer.
    """
    found, notes = [], []
    for daemon, paths in _FILES.items():
        text = "".join(part.rstrip("\n") + "\n" for part in read_all(paths))
        servers = list(dict.fromkeys(_SERVER.findall(text)))
        if servers:
            found.append(Clock(daemon, servers, _senders(daemon, text)))
    told = timesyncd.servers(run, bool(found))
    if told is not None:
        servers, notes = told
        found.append(Clock("systemd-timesyncd", servers, _own("systemd-timesyncd", _USERS["systemd-timesyncd"])))
    return found, notes


def _senders(daemon, text):
    """Return whose packets those of a daemon are, by its configuration."""
    if daemon == "ntpd":
        return [Sender("root", 0, NTP)]
    if daemon != "chrony":
        return _own(daemon, _USERS[daemon])
    ports = [int(port) for port in _PORT.findall(text)[-1:]] + ([NTP] if _PEER.search(text) else [])
    fixed = [Sender("root", 0, port) for port in dict.fromkeys(ports)]
    return fixed if _PORT.search(text) else [*_own(daemon, [*_USER.findall(text)[-1:], *_USERS[daemon]]), *fixed]


def _own(dummy, names):
    """Return the sender of the first of these users that this host has, [] where it has none."""
    for name in names:
        try:
            return [Sender(name, pwd.getpwnam(name).pw_uid, 0)]
        except KeyError:
            continue
    return []
