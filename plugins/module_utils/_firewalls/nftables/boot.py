# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What loads the confirmed rules: a unit of our own at boot, and a drop-in of nftables.service.

The distribution's nftables.service flushes every table when it starts, reloads and stops, ours too; the drop-in loads
ours again. That unit and the file that it loads are otherwise left alone: neither enabled, started, edited nor read.
"""

from __future__ import annotations

import os
import re
import shlex

from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import LateError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import (
    FOLDERS,
    alone_in,
    mode_lines,
    read,
    remove,
    set_modes,
    write_all,
)

from . import following
from .listing import blocks
from .nft import COMMENT, NftError
from .transactions import cleared, jump_rule

FOLDER = "/etc/egress-allowlist"
FILE = os.path.join(FOLDER, "nftables.nft")
LOADER = os.path.join(FOLDER, "load-nftables")
UNIT = "egress-allowlist-nftables.service"
_UNIT_FILE = os.path.join(systemd.FOLDER, UNIT)
_FLUSHES = "nftables.service"
_MODE = 0o644
_DROP_IN = os.path.join(systemd.FOLDER, _FLUSHES + ".d", "egress-allowlist.conf")
_EARLIER = (_FLUSHES, "ufw.service", "firewalld.service")
_WHEN = {"ExecStartPost": "start", "ExecReload": "reload", "ExecStopPost": "stop"}
# The file ends with the line that tells how it was loaded, a table's listing with a brace: what ends otherwise was cut
# off. In a table of the user's the jump of an earlier load is removed in the same transaction.
_LOADER = r"""#!/bin/sh
# made by egress.allowlist: loads the confirmed rules
nft={nft} file={file}
fail() {{
    echo "egress.allowlist: $1: the allowlist is not loaded" >&2
    exit 1
}}
case $(tail -n 1 "$file") in '# loaded: {{'*'}}') ;; *) fail "$file is not whole" ;; esac
into=$(sed -n 's/^# into: //p' "$file") || exit
if [ -z "$into" ]; then
    "$nft" -f "$file" || exit
    [ ! -x {servers} ] || {servers} # the name servers of now, where the rules follow the host
    exit 0
fi
# shellcheck disable=SC2086  # family, table and perhaps chain
set -- $into
kind=table
[ $# = 2 ] || kind=chain
listing=$("$nft" -a list "$kind" "$@") || fail "$kind $into is not there"
jumps='# all'
[ "$kind" = table ] || jumps=$(printf '%s\n' "$listing" |
    sed -n "s/.*comment \"{comment}\" # handle \([0-9]*\)\$/delete rule $into handle \1/p; s/^}}/# all/p") || exit
case $jumps in *'# all') ;; *) fail "not all of $kind $into was read" ;; esac
"$nft" "$jumps
include \"$file\""
"""
_UNIT = """# made by egress.allowlist
[Unit]
Description=Egress allowlist for nftables (egress.allowlist)
DefaultDependencies=no
After={earlier}
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {loader}

[Install]
WantedBy=multi-user.target
"""
_DROP_INS = "# made by egress.allowlist: {} flushes all tables, this loads the allowlist again\n[Service]\n"


class Boot:
    """The files and the unit on one host; C{run} takes a command and returns C{(status, output, errors)}."""

    def __init__(self, nft, run):
        self._run = run
        self.follows = False  # whether the rules follow the host's name servers
        self._python = ""  # what runs the program that does it
        loader = _LOADER.format(nft=shlex.quote(nft), file=FILE, comment=re.escape(COMMENT), servers=following.PROGRAM)
        drop_in = _DROP_INS.format(_FLUSHES) + "".join(f"{name}=-/bin/sh {LOADER}\n" for name in _WHEN)
        self._files = {LOADER: loader}
        if systemd.runs():
            self._files[_UNIT_FILE] = _UNIT.format(earlier=" ".join(_EARLIER), loader=LOADER)
            self._files[_DROP_IN] = drop_in
            # A link is how an administrator masks a unit or a drop-in: that stays.
            self._files = {path: text for path, text in self._files.items() if not os.path.islink(path)}

    @property
    def paths(self):
        """The files that C{install} writes."""
        return [*self._files, *following.paths()]

    def differences(self):
        """Return in words what C{install} would change; raises NftError where systemd does not answer."""
        states, wrong = self._states(), self._wrong()
        more = [f"- {path}" for path in following.own_files()]
        if self.follows:
            more = following.differences(states, self._follower(states))
        if wrong == list(self._files) and not any(map(os.path.lexists, [FILE, *wrong])):
            return [*([f"+ {UNIT}, which loads the rules at boot"] if _UNIT_FILE in wrong else []), *more]
        lines = [f"~ {path}: {'changed' if os.path.exists(path) else 'removed'} on the host since" for path in wrong]
        if _UNIT_FILE in self._files and not _enabled(states) and _UNIT_FILE not in wrong:
            lines.append(f"~ {UNIT}: {_state(states)} on the host since")
        return [*(f"{line}, set back" for line in lines), *mode_lines(self._modes()), *more]

    def install(self):
        """Write the files and enable the unit; it is not started, for the rules are loaded already."""
        if self.follows:
            states = self._states()
            following.install(self._systemctl, states, self._follower(states))
        else:
            following.remove_all(self._systemctl if systemd.runs() else None, self._run)
        managed = _UNIT_FILE in self._files
        if self._wrong() or (managed and not _enabled(self._states())):
            write_all(self._files, mode=_MODE, own=True)
            if managed:
                self._systemctl("daemon-reload")
                self._systemctl("enable", UNIT)
        set_modes(self._modes())

    def remains(self):
        """Return those of our files that are there, whether systemd runs or not; raises NftError as C{differences}."""
        self._states()
        return own_files()

    def remove(self):
        """Disable the unit and remove what C{remains}; raises NftError as C{differences}."""
        states, found = self._states(), own_files()
        following.remove_all(self._systemctl if states else None, self._run)
        found = [path for path in found if os.path.exists(path)]
        if _UNIT_FILE in found and states:
            self._systemctl("disable", "--now", UNIT)
            if states[UNIT]["ActiveState"] == "failed":
                self._systemctl("reset-failed", UNIT)
        # Killed in between, the next run finds what is left, and tells systemd.
        remove(*[path for path in found if path in (_UNIT_FILE, _DROP_IN)], os.path.dirname(_DROP_IN))
        if states and found:
            self._systemctl("daemon-reload")
        remove(*found, FOLDER)

    def notes(self, place, applied=True):
        """Say what a reboot brings, from the state of the units; C{applied}: false where that is only foretold.

        Raises LateError where systemd does not answer any more.
        """
        if not systemd.runs():
            return [systemd.LOADS_NOTHING.format(f"no systemd runs here (they are kept in {FILE})")]
        try:
            states = self._states()
        except NftError as error:
            raise LateError(f"the rules are in force, but what loads them at boot is not known: {error}") from error
        foretold = not applied and _UNIT_FILE in self._files
        if not (_enabled(states) or foretold):
            flushes = states[_FLUSHES]
            if flushes["UnitFileState"] == "enabled" and LOADER in flushes["ExecStartPost"]:
                return [f"{systemd.LOADS.format(_FLUSHES, FILE)}: {UNIT} is {_state(states)}"]
            return [systemd.LOADS_NOTHING.format(f"{UNIT} is {_state(states)}")]
        text = systemd.LOADS.format(UNIT, FILE)
        earlier = [unit for unit in _EARLIER if states[unit]["UnitFileState"] == "enabled"]
        text += f", after {' and '.join(earlier)}" if earlier else ""
        text += f"; it fails if table {place} is not there by then" if place.owned else ""
        notes = [text]
        if self.follows:
            hindrance = following.hindrance(states) if applied else ""
            how = f"are not asked: {hindrance}" if hindrance else f"may be asked too: {following.PATH} watches for them"
            notes.append(f"name servers that the host gets later {how}")
        if states[UNIT]["ActiveState"] == "failed":
            notes.append(f"{UNIT} failed when it last ran: journalctl -u {UNIT} says why")
        if applied and states[_FLUSHES]["LoadState"] == "loaded":
            lost = [word for name, word in _WHEN.items() if LOADER not in states[_FLUSHES][name]]
            if lost:
                words = f"{' and '.join(lost)} of {_FLUSHES}"
                notes.append(f"{words} takes the rules away until the next run: {_DROP_IN} is overridden")
        return notes

    def _modes(self):
        """Return C{{path: mode}} of what is ours, whether it is there or not."""
        files = {FOLDER: FOLDERS[FOLDER], FILE: 0o600, **dict.fromkeys(self._files, _MODE), **alone_in(_DROP_IN)}
        return {**files, **(following.modes() if self.follows else {})}

    def _wrong(self):
        return [path for path, text in self._files.items() if read(path, missing=None) != text]

    def _follower(self, states):
        """Return the path of the Python that follows the host, asked once; raises ToolError where there is none."""
        self._python = self._python or following.python(self._run, states)
        return self._python

    def _states(self):
        """Return C{{unit: {property: value}}} of what matters at boot, {} where no systemd runs."""
        if not systemd.runs():
            return {}
        try:
            return systemd.states(
                self._run,
                (UNIT, *_EARLIER, following.SERVICE, following.PATH, following.TIMER),
                ("LoadState", "UnitFileState", "ActiveState"),
                lists=(*_WHEN, *following.RESULTS),
            )
        except OSError as error:
            raise NftError(f"systemctl show failed: {error.strerror}") from error

    def _systemctl(self, *words):
        status, output, errors = self._run(["systemctl", *words])
        if status:
            raise NftError(f"systemctl {words[0]} failed: {errors.strip() or f'it ended with status {status}'}")
        return output


def boot_text(place, wanted):
    """Return the file that loads the wanted rules at boot, and again when somebody loads it by hand.

    A table of the user's is not made by it; where theirs is missing, the loader fails (C{# into:} tells it the place).
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{wanted}"
    jump = jump_rule(place, place.chain) + "\n" if place.jump else ""
    into = f"# into: {place} {place.chain}".rstrip()
    return f"{into}\n{cleared(place, blocks(wanted, place.owned))}{wanted}{jump}"


def own_files():
    """Return those of our files that are there."""
    paths = (FILE, LOADER, _UNIT_FILE, _DROP_IN, *following.paths())
    return [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]


def _enabled(states):
    return not states or states[UNIT]["UnitFileState"] == "enabled"


def _state(states):
    return states[UNIT]["UnitFileState"] or states[UNIT]["LoadState"]
