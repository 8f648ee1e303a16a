# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time servers of systemd-timesyncd: those that it names while it runs, else those of its files.

Its precedence: servers of the files (C{NTP=}), of a link (DHCP) and of a run-time command are asked; only where there
is none, C{FallbackNTP=}; and where the files say nothing of that, the list that was compiled in. A distribution prints
that list as a comment into the timesyncd.conf that it ships.
"""

from __future__ import annotations

import glob
import os
import re

from . import systemd
from .applier import ToolError
from .files import read_all

UNIT, USER = "systemd-timesyncd.service", "systemd-timesync"
_ROOTS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")  # an earlier one wins
_LINKS = ("/run/systemd/netif/state", "/run/systemd/netif/links/*")
_COMPILED = re.compile(r"^[#;]\s*FallbackNTP\s*=[ \t]*(\S.*)$", re.MULTILINE)
_LINK = re.compile(r"^NTP=(.*)$", re.MULTILINE)
_SHOWN = ("SystemNTPServers", "LinkNTPServers", "RuntimeNTPServers")


def servers(run, others):
    """Return C{(addresses and names, notes)} of the servers that are asked, None where it is not this host's clock.

    C{run} takes a command and returns C{(status, output, errors)}; C{others}: whether another time daemon is
    configured, which decides where no systemd can be asked. Raises ToolError where systemd does not answer.
    """
    if not systemd.runs():
        return None if others or not _main_files() else (_of_files(), [])
    try:
        states = systemd.states(run, [UNIT], ("UnitFileState", "ActiveState"))[UNIT]
    except OSError as error:
        raise ToolError(f"systemctl show failed: {error.strerror}") from error
    if states["ActiveState"] == "active":
        status, output, errors = run(["timedatectl", "show-timesync", "--all"])
        if status == 0:
            return _shown(output), []
        reason = errors.strip() or f"status {status}"
        return _of_files(), [f"timedatectl does not tell the servers of systemd-timesyncd ({reason}): its files do"]
    return (_of_files(), []) if states["UnitFileState"].startswith("enabled") else None


def _shown(output):
    """Return the servers that C{timedatectl show-timesync} prints."""
    told = {}
    for line in output.splitlines():
        name, dummy, value = line.partition("=")
        told[name] = value.split()
    found = [server for name in _SHOWN for server in told.get(name, [])]
    return list(dict.fromkeys(found or told.get("FallbackNTPServers", [])))


def _of_files():
    """Return the servers that the files name, as the daemon reads them."""
    found = {"NTP": [], "FallbackNTP": []}
    compiled = True  # until a file names a fallback
    for text in read_all(glob.escape(path) for path in [*_main_files()[:1], *_drop_ins()]):
        for name, value in _settings(text):
            compiled = compiled and not (name == "FallbackNTP" and value)
            found[name] = [*found[name], *value] if value else []
    asked = found["NTP"] + [
        server for text in read_all(_LINKS) for line in _LINK.findall(text) for server in line.split()
    ]
    if not asked:
        asked = _compiled() if compiled else found["FallbackNTP"]
    return list(dict.fromkeys(asked))


def _settings(text):
    """Yield C{(name, words)} of the section [Time]."""
    section = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        name, equals, value = line.partition("=")
        if section == "[Time]" and equals and name.strip() in ("NTP", "FallbackNTP"):
            yield name.strip(), value.split()


def _main_files():
    """Return the main files that are there; the first is the one that is read."""
    paths = (os.path.join(root, "timesyncd.conf") for root in _ROOTS)
    return [path for path in paths if os.path.isfile(path)]


def _drop_ins():
    """Return the drop-ins in the order of their names; of two with one name, the one in the earlier folder."""
    found = {}
    for root in reversed(_ROOTS):
        found.update(
            (os.path.basename(path), path) for path in glob.glob(os.path.join(root, "timesyncd.conf.d", "*.conf"))
        )
    return [found[name] for name in sorted(found)]


def _compiled():
    """Return the compiled-in servers as the comments tell them: of the file that the package owns, if there are two."""
    for text in read_all(glob.escape(path) for path in [*reversed(_main_files()), *_drop_ins()]):
        found = _COMPILED.search(text)
        if found:
            return found.group(1).split()
    return []
