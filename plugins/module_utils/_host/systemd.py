# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, where it is there: whether it runs, how its units are, and what is said of what it loads at boot."""

from __future__ import annotations

import os

FOLDER = "/etc/systemd/system"
LOADS = "{} loads the rules at boot, from {}"
LOADS_NOTHING = "nothing loads the rules at boot: {}"


def runs():
    """True where systemd is process 1, the way sd_booted(3) tells."""
    return os.path.isdir("/run/systemd/system")


def states(run, units, names, lists=()):
    """Return C{{unit: {property: value}}} of units; C{lists}: properties that systemd leaves out where they are empty.

    C{run} takes a command and returns C{(status, output, errors)}. Raises OSError where systemd does not answer.
    """
    asked = ",".join([*names, *lists])
    status, output, errors = run(["systemctl", "show", f"--property={asked}", *units])
    found = []
    for block in output.strip("\n").split("\n\n"):
        values = dict.fromkeys(lists, "")
        for line in block.splitlines():
            name, dummy, value = line.partition("=")
            values[name] = values.get(name, "") + value
        found.append(values)
    if status or len(found) != len(units) or not all(set(names) <= set(values) for values in found):
        raise OSError(status, errors.strip() or "no answer", f"systemctl show {' '.join(units)}")
    return dict(zip(units, found))  # noqa: B905 # Python 3.8 knows no strict


def unit_state(run, unit, name):
    """Return one property of a unit: ActiveState, UnitFileState ('' without a file), LoadState. Raises OSError too."""
    return states(run, [unit], [name])[unit][name]


def knows_drop_in(run, unit, path):
    """True where systemd has read this drop-in of a unit, whether it is on the disk still or not. Raises OSError."""
    return path in states(run, [unit], [], lists=["DropInPaths"])[unit]["DropInPaths"].split()


def reload(run):
    """Make systemd read its units anew. Raises OSError where it does not."""
    status, dummy, errors = run(["systemctl", "daemon-reload"])
    if status:
        raise OSError(status, errors.strip() or "no reason given", "systemctl daemon-reload")


def masked(run, units):
    """Return those of these units that somebody masked: they cannot be started; none without systemd."""
    return [unit for unit in units if runs() and unit_state(run, unit, "LoadState") == "masked"]


def failed(run, units):
    """Return those of these units that count as failed, their files there or not; none without systemd."""
    found = states(run, units, ["ActiveState"]) if runs() else {}
    return [unit for unit, state in found.items() if state["ActiveState"] == "failed"]
