# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules in the kernel: looked at, tried, loaded, through iptables and ipset."""

from __future__ import annotations

import os

from ansible_collections.egress.allowlist.plugins.module_utils._host import locks
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from . import kernel, names, sets
from .loaded import loaded, tool

_WAIT = ["-w", "10"]  # seconds for the lock of xtables, which the iptables of old takes
_XTABLES = "/run/xtables.lock"
# Loads rules from its input in a network of its own, which is gone at once, and lists them as the kernel has them. Ends
# with _REFUSED where iptables does not take the rules, which it says with 1 or 2; all else says nothing about them.
_ALONE = """
if [ -n "$2" ]; then echo "$2" | "$3" restore || exit 3; fi
"$1-restore" -n -w 10
case $? in 0) exec "$1" -w 10 -S ;; 1 | 2) exit 100 ;; *) exit 3 ;; esac
"""
_REFUSED = 100
# Why a host allows no network of its own, as unshare says it; with other reasons it fails for a moment only.
_NOT_ALLOWED = ("Operation not permitted", "No space left on device", "Invalid argument")
_SETS = "/sys/module/ip_set"  # there while the kernel can hold sets


class Live:
    """The kernel's rules. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}.

    C{read} returns the text of a file, '' where there is none; C{versions} are the IP versions that ufw filters.
    """

    def __init__(self, find, run):
        self._find, self._run = find, run
        self.unseen = ""  # why C{drift} did not compare all

    def there(self, versions):
        """True where ufw's chains are, and the jumps to them, for all of these IP versions; False where none is.

        Raises ToolError where a part of them is missing, and where that cannot be found out.
        """
        try:
            return loaded({version: self.listing(version) for version in versions})
        except ValueError as error:
            raise ToolError(str(error)) from error

    def seen(self, versions):
        """Return C{{chain: lines}} of what decides, where C{drift} cannot compare it with the files; else {}."""
        return kernel.deciding({v: self._listed(v) for v in versions}) if self.unseen else {}

    def check(self, read, versions):
        """Raise ToolError where the rules of the files would be refused."""
        for version in versions:
            self._restore(version, self._transaction(read, version), ["--test"])
            chained = read(sets.CHAINS[version])
            # Check mode may be without ipset.
            if chained and (not read(sets.SETS) or self._find("ipset", needed=False)) and self._can_be_alone():
                self._done("iptables refuses the rules that look into sets", self._alone(read, version))

    def load(self, read, versions):
        """Make the kernel follow the files: first the sets, then one transaction for each IP version."""
        self._can_be_alone()
        wanted = read(sets.SETS)
        if wanted:
            self._run([self._find("ipset"), "destroy", sets.SWAP])
            live = self._saved()
            self._ipset("restore", sets.repair(wanted, live) + names.repair(wanted, live))
        for version in versions:
            more = sets.part(read(sets.CHAINS[version]), self._listed(version), version)
            self._restore(version, self._transaction(read, version, more), [])
        self.tidy(read)

    def names(self):
        """Return C{{set: addresses}} of what was looked up of names."""
        return names.members(self._saved())

    def tidy(self, read):
        """Remove sets of ours that the files do not have, and that nothing looks into."""
        wanted, live = read(sets.SETS), self._saved()
        gone = set(sets.contents(live)) - set(sets.contents(wanted)) | names.there(live) - set(names.named(wanted))
        for name in sorted(gone):
            self._run([self._find("ipset"), "destroy", name])

    def drift(self, read, versions):
        """Return the chains and sets that are not as the files have them.

        C{unseen} says why where the chains cannot be compared: the host allows no network of its own for that, or the
        files hold what iptables refuses. Raises ToolError where it fails for another reason.
        """
        found, alone = [], self._can_be_alone()
        for version in versions:
            live, chained = self._listed(version), read(sets.CHAINS[version])
            status, wanted, errors = self._alone(read, version) if alone else (_REFUSED, "", self.unseen)
            if status == 0:
                found += kernel.drifted(kernel.listed(wanted), live)
            elif status == _REFUSED:
                self.unseen = errors.strip() or "iptables refuses them"
            else:
                self._done("the rules of ufw's files cannot be listed", (status, wanted, errors))
            led = [chain for chain, jump in sets.jumps(version).items() if jump in live.get(chain, [])]
            found += sorted(set(sets.jumps(version)) - set(led)) if chained else led
        text, saved = read(sets.SETS), self._saved()
        wanted, live = sets.contents(text), sets.contents(saved)
        found += sorted(f"set {name}" for name in wanted if set(wanted[name]) != set(live.get(name, [])))
        there = names.there(saved)
        found += sorted(f"set of {name}" for wanting, name in names.named(text).items() if wanting not in there)
        return list(dict.fromkeys(found))

    def _alone(self, read, version):
        """Return C{(status, listing, errors)} of the rules of the files in a network of their own, with empty sets."""
        part = sets.part(read(sets.CHAINS[version]), {}, version)
        more = [f":{chain} - [0:0]" for chain in sets.jumps(version)] + part if part else []
        heads = [line for line in read(sets.SETS).splitlines() if line.startswith("create ")]
        given = (
            [self._tool(version), "\n".join(heads), self._find("ipset") if heads else ""]
            if part
            else [self._tool(version), "", ""]
        )
        return self._run(["unshare", "--net", "sh", "-c", _ALONE, "sh", *given], self._transaction(read, version, more))

    def _transaction(self, read, version, more=()):
        found = kernel.policies(read(kernel.DEFAULTS))
        for chain in kernel.CHAINS:
            if found.get(chain) not in kernel.WORDS:
                raise ToolError(f"{kernel.DEFAULTS}: DEFAULT_{chain}_POLICY is not ACCEPT, DROP or REJECT")
        return kernel.transaction(read(kernel.FILES[version]), found, version, more)

    def _restore(self, version, text, options):
        command = [self._tool(version, "-restore"), *_WAIT, "-n", *options]
        self._done("iptables refuses the rules", self._run(command, text))

    def _ipset(self, command, text):
        if text:
            self._done("ipset refuses the sets", self._run([self._find("ipset"), command], text))

    def _done(self, what, done):
        status, dummy, errors = done
        if status:
            reason = errors.strip() or f"it ended with status {status}"
            if "xtables lock" in reason:
                reason += f"; {_XTABLES} is held{locks.by(_XTABLES) or ' no more'}"
            raise ToolError(f"{what}: {reason}")

    def _can_be_alone(self):
        """True where a command may have a network of its own, which some containers do not allow; C{unseen} if not."""
        done = self._run(["unshare", "--net", "true"])
        self.unseen = done[2].strip() if done[2].strip().endswith(_NOT_ALLOWED) else ""
        if not self.unseen:
            self._done("no network of its own can be had to try the rules in", done)
        return not self.unseen

    def _saved(self):
        """Return what C{ipset save} prints, '' where there is no ipset, or none in the kernel."""
        path = self._find("ipset", needed=False)
        if not path or not os.path.isdir(_SETS):
            return ""
        done = self._run([path, "save"])
        self._done("ipset does not list its sets", done)
        return done[1]

    def _listed(self, version):
        """Return what C{kernel.listed} makes of the rules in the kernel; raises ToolError where they are not told."""
        return kernel.listed(self.listing(version))

    def listing(self, version):
        """Return the rules in the kernel as C{iptables -S} lists them; raises ToolError where it does not."""
        done = self._run([self._tool(version), *_WAIT, "-S"])
        self._done("iptables does not list its rules", done)
        return done[1]

    def saved(self, version):
        """Return the rules of all tables as C{iptables-save} lists them; raises ToolError where it does not."""
        done = self._run([self._tool(version, "-save")])
        self._done("iptables does not list its tables", done)
        return done[1]

    def _tool(self, version, part=""):
        return self._find(tool(version) + part)
