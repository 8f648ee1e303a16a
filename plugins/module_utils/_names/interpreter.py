# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs a program of ours, such as the keeper of names: one that the program's unit can reach.

Ansible's own interpreter may be in somebody's home, in a temporary folder or readable by its owner alone. The unit sees
none of these: it is shut in, see C{units.SHUT_IN}.
"""

from __future__ import annotations

import glob
import os
import re
import sys

from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from . import keeper, units

USUAL = "/usr/bin/python3"
_OTHERS = (USUAL, "/usr/bin/python3.[0-9]*", "/usr/local/bin/python3", "/usr/libexec/platform-python")
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # by ProtectHome and PrivateTmp
_NO_ANSWER = re.compile(r"Failed to (?:connect to|create) .*bus|System has not been booted", re.IGNORECASE)


def own():
    """Return Ansible's interpreter on this host, by its usual name where it is the usual one."""
    usual = os.path.realpath(USUAL) == os.path.realpath(sys.executable)
    return USUAL if usual else sys.executable


def choose(run, present="", program=keeper, shut_in=units.SHUT_IN, whose="names: the keeper's unit"):
    """Return the path of an interpreter that a unit can run; raises ToolError where there is none.

    C{present}: the one that the unit runs well now, '' for none; C{run} takes a command and returns C{(status, output,
    errors)}; C{program}: the Python module that the unit runs, C{shut_in}: settings of the unit, C{whose}: the unit in
    words. Without systemd there is no unit, and Ansible's interpreter is taken.
    """
    if not systemd.runs():
        return own()
    hindrances = []
    for path in _candidates():
        hindrance = _hindrance(run, path, program, shut_in, whose, tried=path == present)
        if not hindrance:
            return path
        hindrances.append(f"{path} ({hindrance})")
    raise ToolError(
        "{} can run no Python of this host: {}: install the package python3, or set ansible_python_interpreter to one "
        "that is outside of {}".format(whose, "; ".join(hindrances), ", ".join(_HIDDEN))
    )


def source_of(python, program=keeper):
    """Return a program's text for an interpreter; Ansible brings it to the host, perhaps in an archive."""
    return f"#!{python}\n" + _text(program)


def named_in(script):
    """Return the interpreter that a script's first line names, '' where it names none."""
    first = script.partition("\n")[0]
    return first[2:].strip() if first.startswith("#!") else ""


def _text(program):
    return program.__loader__.get_source(program.__name__)


def _candidates():
    """Return the paths of interpreters that may be taken, Ansible's own first."""
    found = [own()]
    for pattern in _OTHERS:
        found += [path for path in sorted(glob.glob(pattern), reverse=True) if re.search(r"[\dn]$", path)]
    return list(dict.fromkeys(found))


def _hindrance(run, path, program, shut_in, whose, tried):
    """Return why the unit cannot run an interpreter, '' where it can; C{tried}: it has done so."""
    for place in (os.path.normpath(path), os.path.realpath(path)):
        for hidden in _HIDDEN:
            if place.startswith(hidden + "/"):
                return f"{place} is hidden from the unit"
    if re.search(r"\s", path) or not os.access(path, os.X_OK):
        return "it cannot be executed"
    if tried:
        return ""
    needs = ", ".join(re.findall(r"^import (\w+)$", _text(program), re.MULTILINE))
    trial = [path, "-c", f"import sys, {needs}\nassert sys.version_info >= (3, 8), 'it is older than 3.8'"]
    settings = [f"--property={setting}" for setting in shut_in]
    status, dummy, errors = run(["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *settings, *trial])
    lines = [line for line in errors.splitlines() if line.strip()]
    if status and _NO_ANSWER.search(errors):
        raise ToolError(f"{whose}: whether it can run {path} cannot be found out: {lines[-1]}")
    return (lines or [f"it ends with status {status}"])[-1][:200] if status else ""
