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
from typing import NamedTuple

from . import clock_files, timesyncd
from .extras import Asked

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
NTP, NTS = 123, 4460


class Sender(NamedTuple):
    """Whose packets a daemon's are: C{port} is the one that they come from, 0 for any."""

    name: str
    uid: int
    port: int

    def __str__(self):
        return f"{self.name}, from port {self.port}" if self.port else self.name


class Clock(NamedTuple):
    """A time daemon: its servers, addresses or names, and its senders, none where its user is not known.

    C{asked}: what it asks besides udp/123 of its C{servers}. C{constraints}: whom it asks for the time by HTTPS.
    """

    daemon: str
    servers: list
    senders: list
    asked: list
    constraints: list


def clocks(run):
    """Return C{(clocks, notes)} of this host; C{run} takes a command and returns C{(status, output, errors)}.

    Raises ToolError where systemd does not answer.
    """
    found, notes = [], []
    for daemon, paths in _FILES.items():
        read_in = clock_files.directives(daemon, paths)
        servers, asked = [], []
        for source in clock_files.sources(daemon, read_in):
            if source.port == NTP:
                servers.append(source.server)
            else:
                asked.append(Asked(source.server, "udp", source.port))
            if source.key_port:
                asked.append(Asked(source.server, "tcp", source.key_port))
        constraints = clock_files.constraints(read_in) if daemon == "OpenNTPD" else []
        if servers or asked or constraints:
            lists = [list(dict.fromkeys(each)) for each in (servers, asked, constraints)]
            found.append(Clock(daemon, lists[0], _senders(daemon, read_in), *lists[1:]))
    told = timesyncd.servers(run, bool(found))
    if told is not None:
        servers, notes = told
        found.append(
            Clock("systemd-timesyncd", servers, _own("systemd-timesyncd", _USERS["systemd-timesyncd"]), [], [])
        )
    return found, notes


def _senders(daemon, read_in):
    """Return whose packets those of a daemon are, by its configuration."""
    if daemon == "ntpd":
        return [Sender("root", 0, NTP)]
    if daemon != "chrony":
        return _own(daemon, _USERS[daemon])
    last = {words[0]: words[1] for words in read_in if len(words) > 1}
    port = int(last.get("acquisitionport", "0")) if last.get("acquisitionport", "0").isdigit() else 0
    ports = [port] * bool(port) + [NTP] * any(words[0] == "peer" for words in read_in)
    fixed = [Sender("root", 0, each) for each in dict.fromkeys(ports)]
    users = [last["user"]] if "user" in last else []
    return fixed if port else [*_own(daemon, [*users, *_USERS[daemon]]), *fixed]


def _own(dummy, names):
    """Return the sender of the first of these users that this host has, [] where it has none."""
    for name in names:
        try:
            return [Sender(name, pwd.getpwnam(name).pw_uid, 0)]
        except KeyError:
            continue
    return []
