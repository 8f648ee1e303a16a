# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What learning the addresses of names needs on the host beside the rules: a keeper with its timer, and dnsmasq.

None of it is touched by a change of the rules that nobody confirmed: such a change leaves word of what is wanted, and
who confirms it applies that.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import sys

from ansible_collections.egress.allowlist.plugins.module_utils._host import revert, systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import LateError, ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import (
    FOLDERS,
    check_writable,
    encode,
    mode_lines,
    read,
    remove,
    set_modes,
    write,
    write_all,
)

from . import dnsmasq, interpreter, resolv_conf, units, words

KEEPER = "/usr/local/sbin/egress-allowlist-names"
HOME, STATE = "/etc/egress-allowlist", "/var/lib/egress-allowlist"
_SET_BACK = "on the host since, set back"
ANEW = "~ names: written anew"


class Names:
    """The names of one backend on one host. C{wanted}: the key C{names} of the native form, {} for none.

    C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}.
    """

    def __init__(self, backend, find, run):
        self.backend, self._find, self._run = backend, find, run
        self.dnsmasq = dnsmasq.Dnsmasq(find, run)
        self.notes = []
        self._config = f"{HOME}/names-{backend}.json"
        self._staged = f"{revert.FOLDER}/{backend}.names"
        self._units = units.Units(backend, run)
        self._python = ""  # the keeper's
        self._service = {}  # of dnsmasq, as it was before us

    def check(self, wanted):
        """Raise ToolError, or OSError for a file that cannot be written, where the host cannot do what is wanted."""
        if not wanted:
            return
        uses_dnsmasq = wanted["mode"] == "dnsmasq"
        if uses_dnsmasq and self._taken():
            raise ToolError(
                f"names: dnsmasq learns for another backend already ({self._taken()}): remove that one first"
            )
        if uses_dnsmasq and (wanted["resolv_conf"] or not wanted["gateway"]):
            resolv_conf.check(wanted["resolv_conf"])
        for name in systemd.masked(self._run, [*self._units.names, *([dnsmasq.SERVICE] if uses_dnsmasq else [])]):
            raise ToolError(f"names: {name} is masked: 'systemctl unmask {name}', or choose report")
        files = self._files(wanted)
        state = f"{STATE}/names-{self.backend}.json"
        check_writable(*files, state, *([resolv_conf.PATH] if self._resolver(wanted)[1] is not None else []))
        if uses_dnsmasq:
            self.dnsmasq.check(wanted, files[dnsmasq.DROP_IN])

    def differences(self, wanted):
        """Return in words what applying would change."""
        former = self._former()
        lines, other = words.differences(former, wanted), False
        for path, text in self._files(wanted).items():
            now = read(path, missing=None)
            if now == text:
                continue
            made = former.get("made", {}).get(path)
            if text is not None and made and (now is None or _digest(now) != made):
                lines.append("~ names: {}: {} {}".format(path, "removed" if now is None else "changed", _SET_BACK))
            other = True
        lines += mode_lines(self._modes(wanted))
        text, former_text = self._resolver(wanted)
        if text != read(resolv_conf.PATH):
            how = "names this host's dnsmasq" if former_text is not None else "as it was before"
            lines.append(f"~ names: {resolv_conf.PATH}: {how}")
        if wanted and former:
            lines += self._stopped(wanted)
        return lines or ([ANEW] if other else [])

    def stage(self, wanted, token):
        """Leave word of what is wanted for C{confirmed}, until a boot."""
        if wanted or os.path.exists(self._config):
            try:
                write(self._staged, json.dumps({"token": token, "wanted": wanted}))
            except OSError as error:
                raise LateError(revert.NOT_CONFIRMED.format(error)) from error
        else:
            self.unstage()

    def unstage(self):
        """Forget what was wanted of a change that was not confirmed."""
        remove(self._staged)

    def confirmed(self, token):
        """Apply what waited for this confirmation, if anything did."""
        staged = _parsed(self._staged)
        if staged.get("token") == token:
            self.apply(staged["wanted"])
            self.unstage()

    def apply(self, wanted):
        """Bring the host to what is wanted; raises LateError."""
        try:
            with revert.locked(f"{revert.FOLDER}/{self.backend}.lock"):
                self._apply(wanted)
        except (ToolError, OSError) as error:
            raise LateError(f"the rules are as wanted, but what names need is not: {error}") from error
        self.notes += self.dnsmasq.notes

    def remove(self, lines):
        """Remove all that is ours; C{lines}: what C{differences} says of that."""
        self.unstage()
        if lines or os.path.exists(self._config):
            self.apply({})
        remove(*self._traces(), f"{revert.FOLDER}/{self.backend}.lock", revert.FOLDER)

    def _apply(self, wanted):
        former = self._former()
        if wanted.get("mode") == "dnsmasq" and not former.get("service"):
            self._service = {"boot": self.dnsmasq.service(), "running": self.dnsmasq.running()}
        files = self._files(wanted)
        leaves, drop_in = dnsmasq.DROP_IN in files, files.pop(dnsmasq.DROP_IN, None)
        text, former_text = self._resolver(wanted)
        if former_text is None and not self._taken():
            resolv_conf.put(text, None)
        if wanted.get("mode") == "dnsmasq":
            self.dnsmasq.put(drop_in, alone=former_text is not None)
            if self.dnsmasq.service() == "disabled":
                self.dnsmasq.service("enable")
        elif leaves:
            self._leave(former)
        if former_text is not None:
            resolv_conf.put(text, former_text)
        failed = wanted and self._units.failed()
        if not wanted:
            self._units.stop()
        if former.get("ruleset", "") != wanted.get("ruleset", ""):
            self._replace(former, wanted)
        if not wanted:
            del files[self._config]
        changed = {path: text for path, text in files.items() if text != read(path, missing=None)}
        write_all({path: text for path, text in changed.items() if path == KEEPER}, mode=0o755, own=True)
        write_all({path: text for path, text in changed.items() if path != KEEPER}, mode=0o644, own=True)
        set_modes(self._modes(wanted))
        if changed or not wanted:
            self._units.systemctl("daemon-reload")
        if not wanted:
            # The last: a run that was killed before is finished by the next.
            remove(self._config, *self._traces())
            return
        mended = bool(changed or self._stopped(wanted))
        if mended:
            self._units.start(failed)
        self._keep()
        if mended:
            self._units.try_out()

    def _files(self, wanted):
        """Return C{{path: text, None for one that goes}} but for /etc/resolv.conf; the configuration comes last."""
        python = self._interpreter() if wanted else interpreter.named_in(read(KEEPER)) or interpreter.own()
        files = {KEEPER: interpreter.source_of(python) if wanted or self._others() else None}
        if wanted.get("mode") == "dnsmasq":
            servers = resolv_conf.wanted(wanted["resolv_conf"])[2]
            files[dnsmasq.DROP_IN] = self.dnsmasq.drop_in(wanted, servers)
        elif os.path.exists(dnsmasq.DROP_IN) and not self._taken():
            files[dnsmasq.DROP_IN] = None
        files.update(self._units.files(KEEPER, wanted.get("refresh"), bool(wanted)))
        made = {path: _digest(text) for path, text in files.items() if text is not None}
        config = {**wanted, "made": made, "service": self._service or self._former().get("service", {})}
        files[self._config] = json.dumps(config, indent=1, sort_keys=True) + "\n" if wanted else None
        return files

    def _modes(self, wanted):
        """Return C{{path: mode}} of what is ours and stays."""
        if not wanted:
            return {}
        paths = [self._config, dnsmasq.DROP_IN, *self._units.paths()]
        modes = {KEEPER: 0o755, resolv_conf.FORMER: 0o600, f"{STATE}/names-{self.backend}.json": 0o600}
        return {HOME: FOLDERS[HOME], STATE: FOLDERS[STATE], **modes, **dict.fromkeys(paths, 0o644)}

    def mode(self):
        """Return how the host follows names now, C{report} where it does not."""
        return self._former().get("mode", "report")

    def _former(self):
        """Return the configuration of the last run, {} where there is none, or none that is whole."""
        found = _parsed(self._config)
        return found if {"table", "domains", *words.SETTINGS} <= set(found) else {}

    def _traces(self):
        """Return what else may be left of names, and the folders, which stay while others have something there."""
        return [f"{STATE}/names-{self.backend}.json", STATE, HOME]

    def _others(self):
        """Return where other backends have theirs."""
        return [path for path in glob.glob(f"{HOME}/names-*.json") if path != self._config]

    def _taken(self):
        """Return where another backend has its configuration, if dnsmasq works for that one; '' if not."""
        return next((path for path in self._others() if _parsed(path).get("mode") == "dnsmasq"), "")

    def _resolver(self, wanted):
        """Return C{(text, former text)} of /etc/resolv.conf, which is ours only where dnsmasq is."""
        if self._taken():
            return read(resolv_conf.PATH), None
        return resolv_conf.wanted(bool(wanted.get("resolv_conf")))[:2]

    def _interpreter(self):
        """Return the path of the keeper's Python, asked once; raises ToolError where its unit can run none."""
        if not self._python:
            present = "" if self._units.failed() else interpreter.named_in(read(KEEPER))
            self._python = interpreter.choose(self._run, present)
        return self._python

    def _stopped(self, wanted):
        """Return in words what should run and does not, or fails."""
        lines = [f"~ names: {self._units.timer}: stopped {_SET_BACK}"] if self._units.stopped() else []
        failed = self._units.failed()
        lines += [f"~ names: {failed}, started again"] if failed else []
        if wanted["mode"] == "dnsmasq" and self.dnsmasq.starter() and not self.dnsmasq.running():
            lines.append(f"~ names: dnsmasq: stopped {_SET_BACK}")
        return lines

    def _leave(self, former):
        """Let dnsmasq go on without us, as it was before."""
        if not self._find("dnsmasq", needed=False):
            remove(dnsmasq.DROP_IN)
            return
        service = former.get("service", {})
        if service.get("boot") == "disabled":
            self.dnsmasq.service("disable")
        self.dnsmasq.put(None, runs=service.get("running", True))

    def _replace(self, former, wanted):
        """Load another table of ours beside firewalld's; what was learned comes back from the keeper's state."""
        table = (wanted if wanted.get("ruleset") else former)["table"]
        if former.get("ruleset") and os.path.exists(KEEPER):
            status, dummy, errors = self._run([sys.executable, KEEPER, "run", self.backend])
            if status:
                self.notes.append("what was learned of names last may be lost: " + errors.strip()[-500:])
        text = f"table {table}\ndelete table {table}\n" + wanted.get("ruleset", "")
        status, dummy, errors = self._run([self._find("nft"), "-f", "-"], text)
        if status:
            raise ToolError("nft refused: " + errors.strip())

    def _keep(self):
        """Run the keeper once, so that what is known already is open when the play ends."""
        status, output, errors = self._run([sys.executable, KEEPER, "run", self.backend])
        told = [line for line in output.splitlines() if ": + " not in line and ": - " not in line]
        self.notes += told + (errors.strip().splitlines()[-1:] if status else [])


def missing(find, run, names):
    """Return which of these commands are missing; dnsmasq is where only its program is, and not its service."""
    found = [name for name in names if not find(name, needed=False)]
    if "dnsmasq" in names and not found and systemd.runs():
        found += ["dnsmasq"] if systemd.unit_state(run, "dnsmasq.service", "LoadState") == "not-found" else []
    return found


def commands(backend, wanted):
    """Return C{{command: package}} of what names need besides the backend's own."""
    if wanted.get("mode") == "dnsmasq":
        return {"dnsmasq": "dnsmasq"}
    return {"ipset": "ipset"} if wanted and backend == "ufw" else {}


def anew(wanted):
    """Return the differences of what is wanted from a host that follows no names."""
    return words.differences({}, wanted)


def standing_notes(backend, wanted):
    """Return what a person should know of names on this host each time."""
    if not wanted or systemd.runs():
        return []
    every = f"let '{KEEPER} run {backend}' run every {wanted['refresh']} seconds"
    return [f"nothing keeps names open: no systemd runs here; {every}"]


def _parsed(path):
    """Return a file of ours, {} where it is none."""
    try:
        found = json.loads(read(path))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _digest(text):
    return hashlib.sha256(encode(text)).hexdigest()
