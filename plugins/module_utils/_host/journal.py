# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several files changed as one, for tools that read their rules from more than one file at boot.

Before the first file changes, one shell script is on the disk that puts all of them back: the candidate. While
it is there, the change is not confirmed; removing it confirms. A machine that boots meanwhile runs the
script before the tool's service reads its files, by a drop-in of that service that comes and goes with the candidate.
systemd reads that drop-in at a boot, and whenever somebody makes it read its units meanwhile: then it is made to read
them once more when the drop-in is gone, else it would go on naming a file that is not there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex

from . import systemd
from .files import decode, encode, read, remove, sync_folder, temporary_of, write, write_all

_HEAD = """#!/bin/sh
# egress.allowlist: puts the files back as they were before a change that is not confirmed
# token: {token}
umask 077
# A service that is merely started again changes nothing: the change still waits then.
if [ "$1" = boot ] && [ -e {mark} ]; then exit 0; fi
unhook() {{
    rm -f {hook}
    rmdir {hooks} 2>/dev/null
}}
# known: true where systemd has read the drop-in, whether it is there still or not
known() {{ systemctl show --property=DropInPaths {unit} 2>/dev/null | tr '= ' '\\n\\n' | grep -qxF {hook}; }}
if [ "$1" = done ]; then
    unhook
    if known; then systemctl daemon-reload; fi # where that fails, the next run does it
    exit 0
fi
# aside FILE DIGESTS: what is neither the old file nor what runs made of it, somebody wrote: it is kept beside it.
aside() {{
    [ -e "$1" ] || return 0
    is=$(sha256sum <"$1") || return
    case " $2 " in *" ${{is%% *}} "*) ;; *) cp -p "$1" "$1.before-revert" ;; esac
}}
# back FILE TEMPORARY OWNER MODE NEW OLD: what came out of this script is looked at before it becomes the file
back() {{
    aside "$1" "$5 $6" || {{
        failed=1
        [ "$how" = boot ] || return # it is tried again, but not by a boot
    }}
    base64 -d >"$2" && is=$(sha256sum <"$2") && [ "${{is%% *}}" = "$6" ] &&
        chown "$3" "$2" && chmod "$4" "$2" && mv -f "$2" "$1" || failed=1
}}
failed= how=$1
"""
# With path, owner and mode as JSON, no owner where there was no file; then the digests of what runs make of it, "-" for
# none: runs that were killed before they confirmed, and this one.
_FORMER = "# former: "
_BACK = "back {} {} {} {} {} {} <<'END'\n{}END\n"
_TAIL = """sync
[ -z "$failed" ] || exit 1
[ "$1" = boot ] || exit 0
unhook
rm -f {candidate}
# Not from in here: of a service that is starting systemd would drop the commands that follow this one.
if known; then
    systemd-run --quiet --no-block --collect --unit=egress-allowlist-reload-{unit} \\
        --property=After={unit} --property=After=multi-user.target systemctl daemon-reload
fi
exit 0
"""
_GONE = "aside {0} {1} && rm -f {0} {2} || failed=1\n"
# Some units start before the file systems can be written to.
_DROP_IN = """# egress.allowlist: there only while a change of its rules waits for its confirmation
[Unit]
After=local-fs.target systemd-remount-fs.service
[Service]
ExecStartPre=-/bin/sh {} boot
"""
_UNTOLD = (
    "systemd may name {} still, which is gone: the next run tells it, or 'systemctl daemon-reload'. What hindered: {}"
)


class Journal:
    """What puts the files of one tool back.

    C{candidate}: where the script is; C{mark}: a file that a boot empties and that is there while the change waits;
    C{unit}: the service that reads the files at boot; C{run} takes a command and returns C{(status, output, errors)}.
    """

    def __init__(self, candidate, mark, unit, run):
        self.candidate, self._mark, self._unit, self._run = candidate, mark, unit, run
        self.notes = []  # what a person should know of the drop-in, after C{close} or C{tidy}
        self._hook = os.path.join(systemd.FOLDER, unit + ".d", "egress-allowlist.conf")

    def open(self, files, token):
        """Write down how the files C{{path: wanted text, None for one that goes}} are now, before they change.

        What an older journal says that is still open is kept: the way back leads to what was confirmed last.
        """
        former = self._entries()
        for path in files:
            former.setdefault(path, (_state(path), []))
        names = {"mark": self._mark, "candidate": self.candidate, "hook": self._hook, "unit": self._unit}
        names["hooks"] = os.path.dirname(self._hook)
        quoted = {name: shlex.quote(path) for name, path in names.items()}
        parts = [_HEAD.format(token=token, **quoted)]
        for path, (state, made) in sorted(former.items()):
            if path in files and (new := _digest(files[path])) not in made:
                made.append(new)
            parts.append(_undo(path, state, made))
        if os.path.isdir(systemd.FOLDER):
            write_all({self._hook: _DROP_IN.format(self.candidate)}, mode=0o644, own=True)
        write(self.candidate, "".join([*parts, _TAIL.format(**quoted)]))

    def former(self):
        """Return C{{path: (text, owner, mode)}} of an open journal, None for a file that was not there."""
        return {path: state for path, (state, dummy) in self._entries().items()}

    def _entries(self):
        """Return C{{path: (state, digests of what runs make of it)}} of an open journal; states as in C{former}."""
        found = {}
        for block in read(self.candidate).split("\n" + _FORMER)[1:]:
            head, dummy, rest = block.partition("\n")
            path, owner, mode, *made = json.loads(head)
            encoded = f"{rest}\n".partition("<<'END'")[2].partition("\nEND\n")[0]
            found[path] = (decode(base64.b64decode(encoded)), owner, mode) if owner else None, made
        return found

    def undo(self):
        """Return the shell command that puts the files back; the next boot does so too, until C{undone}."""
        return f"/bin/sh {shlex.quote(self.candidate)} now"

    def undone(self):
        """Return the shell command for when the files are back and the running rules follow them."""
        return f"/bin/sh {shlex.quote(self.candidate)} done"

    def close(self):
        """Confirm: from here on the files are the confirmed ones. The candidate goes first, it decides."""
        if os.path.lexists(self.candidate):
            remove(self.candidate)
            sync_folder(os.path.dirname(self.candidate))
        self.tidy()

    def tidy(self):
        """Remove the drop-in, and what a killed run was writing of it; nothing where there is none.

        Where systemd has read it, also before a run that was killed, it is told. That fails nothing: C{notes} says so.
        """
        remove(self._hook, temporary_of(self._hook), os.path.dirname(self._hook))
        self.notes = []
        if not systemd.runs():
            return
        try:
            if systemd.knows_drop_in(self._run, self._unit, self._hook):
                systemd.reload(self._run)
        except OSError as error:
            self.notes = [_UNTOLD.format(self._hook, error)]


def _state(path):
    text = read(path, missing=None)
    if text is None:
        return None
    status = os.stat(path)
    return text, f"{status.st_uid}:{status.st_gid}", format(status.st_mode & 0o7777, "o")


def _undo(path, state, made):
    """Return the lines that put one file back; C{made}: the digests of what runs make of it, "-" where it goes."""
    name, digests = shlex.quote(os.path.realpath(path)), shlex.quote(" ".join(made))
    temporary = shlex.quote(temporary_of(path))
    if state is None:
        return _FORMER + json.dumps([path, None, None, *made]) + "\n" + _GONE.format(name, digests, temporary)
    text, owner, mode = state
    encoded = base64.encodebytes(encode(text)).decode()
    head = _FORMER + json.dumps([path, owner, mode, *made]) + "\n"
    return head + _BACK.format(name, temporary, owner, mode, digests, _digest(text), encoded)


def _digest(text):
    return "-" if text is None else hashlib.sha256(encode(text)).hexdigest()
