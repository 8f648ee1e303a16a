# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all host backends have in common: their options, and how a call goes and ends."""

from __future__ import annotations

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import LateError, ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.cuts import Cuts
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, readable
from ansible_collections.egress.allowlist.plugins.module_utils._host.revert import NOT_CONFIRMED, token_of
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms, standing
from ansible_collections.egress.allowlist.plugins.module_utils._names import host

from . import options
from .managers import other_managers
from .surroundings import forwarded, served, untracked

_FOLDERS = ["/usr/sbin", "/sbin"]


class Call:
    """One call of the module of C{backend}; C{form}: the shape of its native form."""

    def __init__(self, backend, form):
        self._backend, self._native = backend, options.NATIVE[backend]
        self.module = AnsibleModule(
            argument_spec=options.spec(backend),
            required_if=options.required_if(backend),
            supports_check_mode=True,
        )
        # What tools say is read, and shown as an error: in one language.
        self.module.run_command_environ_update = {"LANG": "C", "LC_ALL": "C", "LANGUAGE": "C"}
        self.params = self.module.params
        forms.check(self.module, self._native, form)
        self._names = host.Names(backend, self.find, self.run)
        self._cuts = Cuts(backend, self.find, self.run)

    def run(self, command, text=None):
        """Run a command with a text as its input; returns C{(status, output, errors)}."""
        if text is None:
            return self.module.run_command(command, expand_user_and_vars=False, handle_exceptions=False)
        # run_command loses status and errors of a command that ends before it has read its input.
        done = subprocess.run(  # pylint: disable=E5103
            command,
            input=text + "\n",
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**os.environ, **self.module.run_command_environ_update},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def find(self, command, needed=True):
        """Return the path of a command, None where there is none; raises ToolError for one that is needed."""
        path = self.module.get_bin_path(command, opt_dirs=_FOLDERS)
        if needed and not path:
            raise ToolError(f"{command} is not installed")
        return path

    def end(self, commands, applier, anew, ours=tuple, versions=None):
        """Do what is asked for and end the module.

        C{commands}: C{{command: package}} of what must be there, the backend's own first; C{applier}: a function that
        returns what has C{present(native, seconds)}, C{confirmed(token)}, C{absent()} and C{standing(native)}, the
        state of a native form or, without one, of what is there; C{anew}: one that returns the differences of a native
        form from nothing; C{ours}: one that returns the paths of our files, which nobody can remove where a command is
        missing; C{versions}: one that returns the IP versions of which a native form makes rules here, both without it.
        """
        params = self.params

        def fail(**told):
            self.module.fail_json(**readable(told))

        if params["revert_after"] < 0:
            fail(msg=f"revert_after '{params['revert_after']}' is not accepted: write seconds, or 0 for no way back")
        result = {"changed": False, "armed": False, "missing": False, "differences": [], "notes": []}
        result["ip_versions"] = [4, 6]
        commands = {**commands, **host.commands(self._backend, self._wanted())}
        if params["cut_removed"] and params["state"] == "present":
            commands["conntrack"] = "conntrack"
        made, told = None, {}
        try:
            missing = host.missing(self.find, self.run, commands)
            if missing:
                told = self._without(missing[0], commands[missing[0]], ours(), result)
            if missing and missing[0] == next(iter(commands)):
                lines = [*anew(params[self._native]), *host.anew(self._wanted())]
                result.update(changed=True, differences=list(dict.fromkeys(lines)))
            else:
                if os.geteuid() != 0:
                    fail(msg=f"{self._backend} needs root rights: use become", **result)
                made = applier()
                done = self._do(made, ready=not missing)
                result.update(done, notes=[*result["notes"], *done["notes"]])
                if versions and params["state"] == "present":
                    result["ip_versions"] = versions(params[self._native])
        except LateError as error:
            fail(msg=str(error), **result)
        except ToolError as error:
            if params["state"] == "confirmed":
                fail(msg=_not_confirmed(error, params["token"], made), **result)
            fail(msg=f"{error}; the rules are the old ones", **result)
        except OSError as error:
            if params["state"] == "confirmed":
                fail(msg=_not_confirmed(error, params["token"], made), **result)
            fail(msg=f"nothing was applied: {error}; the rules are the old ones", **result)
        if self.module._diff and result["differences"]:
            result["diff"] = {"prepared": "\n".join(result["differences"]) + "\n"}
        self.module.exit_json(**readable({**result, **told}))

    def _without(self, command, package, ours, result):
        """Return what to say of a missing command; ends the module, unless check mode can tell what would change."""
        absent, check = self.params["state"] == "absent", self.module.check_mode
        told = f"{command} (package {package}) is not installed"
        if absent and ours:
            left = f"{command} is not installed, and what is ours is still there ({', '.join(ours)})"
            self.module.fail_json(msg=f"{left}: install the package {package}, and run this again", **result)
        if not absent and not self.params["missing_ok"]:
            remedy = f"install the package {package}, or set {self._backend}_egress_install to true"
            self.module.fail_json(msg=f"{command} is not installed: {remedy}", **result)
        result["missing"] = True
        if self.params["state"] != "present" or not check:
            self.module.exit_json(**result, msg=told)
        result["notes"].append(f"{told}: it would be, before anything else; what it would refuse is not known")
        return {"msg": told}

    def _wanted(self):
        """Return what is wanted of names."""
        form = self.params[self._native] if self.params["state"] != "absent" else None
        return form["names"] if form else {}

    def _do(self, applier, ready):
        """Do what is asked for; C{ready}: whether all commands are there."""
        names, check = self._names, self.module.check_mode
        if self.params["state"] == "present":
            self._refuse_others()
            return self._present(applier, names, self._wanted(), ready)
        if self.params["state"] == "confirmed":
            result = applier.confirmed(self.params["token"])
            token = result.pop("token", self.params["token"])  # another run's, where that applied the same
            if not check:
                names.confirmed(token)
                result["notes"] = [*result.get("notes", []), *self._cuts.confirmed(token, applier)]
        else:
            lines = names.differences({})  # first: what fails here has removed nothing
            result = applier.absent()
            if not check:
                self._cuts.forget()
                names.remove(lines)
            result["differences"] = [*result.get("differences", []), *lines]
            result["changed"] = bool(result["differences"])
        return {**result, "notes": [*result.get("notes", []), *names.notes]}

    def _present(self, applier, names, wanted, ready):
        """Apply the rules, and what names need: at once, or when the rules are confirmed."""
        self._refuse_changes(applier, wanted)
        if ready:
            names.check(wanted)
        lines = names.differences(wanted)
        state, prefix = applier.standing(self.params[self._native]), f"{self._backend}_egress"
        policy, scope = state.get("policy"), state.get("scope")
        notrack = untracked(policy, prefix, self.find, self.run)  # before anything is changed: it may fail
        cuts = self._cuts.begin(applier, self.params[self._native]) if self.params["cut_removed"] else []
        result = applier.present(self.params[self._native], self.params["revert_after"])
        rules = result.get("changed", False)
        told = result.get("differences", [])
        # Both may say the same of names, and who said anything need not say that files are another.
        more = [line for line in lines if not told or line != host.ANEW]
        result.update(changed=rules or bool(lines), differences=list(dict.fromkeys([*told, *more])))
        if not self.module.check_mode:
            self._cuts.stage(result.get("token") if result.get("armed") else "")
            if result.get("armed"):
                names.stage(wanted, result["token"])
            else:
                names.unstage()
                if lines or (rules and wanted):
                    names.apply(wanted)
                cuts += self._cuts.cut(applier) if rules else []
        around = [*notrack, *forwarded(policy, scope, prefix), *served(policy, scope, state.get("allow", ""), prefix)]
        notes = [*cuts, *result.get("notes", []), *around, *host.standing_notes(self._backend, wanted), *names.notes]
        return {**result, "notes": notes}

    def _refuse_changes(self, applier, wanted):
        """Raise ToolError where something would change that must not, before anything is touched."""
        if not self.params["unchanged"]:
            return
        now, then = applier.standing(), applier.standing(self.params[self._native])
        if now:
            now["names"], then["names"] = self._names.mode(), wanted.get("mode", "report")
        hindrance = standing.hindrance(self.params["unchanged"], now, then, f"{self._backend}_egress")
        if hindrance:
            raise ToolError(hindrance)

    def _refuse_others(self):
        # A module without this option has a table of its own, beside which others may work.
        alone = "beside_others" in self.params and not self.params["beside_others"]
        others = other_managers(self._backend, self.find, self.run) if alone else []
        if others:
            raise ToolError(
                f"another firewall manager is at work on this host: {', '.join(others)}; stop it, or set "
                f"{self._backend}_egress_beside_others to true"
            )


def _not_confirmed(error, token, applier):
    """Return what to say where the confirmation of C{token} failed; C{applier}: None where there is none yet."""
    if applier is None:
        return NOT_CONFIRMED.format(error)
    waiting = token_of(read(applier.revert.candidate)) if applier.revert.pending() else ""
    if waiting == token:
        return NOT_CONFIRMED.format(error)
    waits = "the change of another run waits for its confirmation" if waiting else "no change waits for a confirmation"
    return f"not confirmed: {error}; {waits} on this host"
