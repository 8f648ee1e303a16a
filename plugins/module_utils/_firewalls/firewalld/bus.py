# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether firewalld runs, as D-Bus says it, by the Python that firewalld itself uses; no process is looked for."""

from __future__ import annotations

from . import probe, rollback

ANSWERS = 180  # seconds until firewalld has answered


def bounded(find, run, seconds, command, text=None):
    """Run a command, which must end in time; returns C{(status, output, errors)}."""
    timeout = find("timeout", needed=False)
    status, output, errors = run([*([timeout, str(seconds)] if timeout else []), *command], text)
    return status, output, f"no answer in {seconds} seconds" if timeout and status == 124 else errors


def interpreter(script):
    """Return the command of the Python that a script is written for."""
    with open(script, "rb") as handle:
        first = handle.readline().decode(errors="replace")
    command = first[2:].split() if first.startswith("#!") else ["/usr/bin/python3"]
    return command[: 2 if command[0].endswith("/env") else 1]


def runs(find, run):
    """True where firewalld runs, as D-Bus says it; raises OSError where that cannot be found out."""
    command = find("firewall-cmd", needed=False)
    if not command:
        return False
    asked = [*interpreter(command), "-c", source(probe), "runs"]
    status, dummy, errors = bounded(find, run, ANSWERS, asked)
    if status == probe.ABSENT:
        return rollback.alive()
    if status:
        raise OSError(f"whether firewalld runs cannot be found out: {last_line(errors)}")
    return True


def source(module):
    """Return the text of one of our files, which Ansible may have brought to the host in an archive."""
    return module.__loader__.get_source(module.__name__)


def last_line(errors):
    """Return what a traceback is about."""
    lines = [line for line in errors.splitlines() if line.strip() and line[0] not in " \t"]
    told = [line.partition("Exception: ")[2] or line for line in lines if "Exception: " in line] or lines[-1:]
    return (told or ["no reason given"])[0][:500]
