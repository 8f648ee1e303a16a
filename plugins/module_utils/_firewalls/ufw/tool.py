# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about ufw, for the applier of files: its files, its rules in the kernel, its lock.

The files are read and written here, and not by ufw's own library: that belongs to one interpreter of one
version, rewrites a file for each rule and loads as it goes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys

from ansible_collections.egress.allowlist.plugins.module_utils._host import locks
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover

from . import kernel, loaded, rules, sets, state, surroundings
from .live import Live
from .opened import beyond, opened

_CONFIG = "/etc/ufw/ufw.conf"
_MOST = 5  # of the user's rules that a note names
_LOCK = "/run/ufw.lock"  # ufw's own, where its command names no other: some distributions have theirs elsewhere
_NAMED = re.compile(r"^\s*lockfile = ['\"](/[^'\"\n]+)['\"]", re.MULTILINE)
_SET_BACK = "changed on the host since, set back"


class Ufw:
    """ufw on this host. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}."""

    name, home, unit = "ufw", "/etc/ufw", "ufw.service"

    def __init__(self, find, run):
        self.live = Live(find, run)
        self._find, self._run = find, run
        self._notes, self._openers = [], []
        self._native, self._made = None, []  # the native form, and its rules with those for this host's servers
        self._mode = None  # of after.init: with and without our line
        self._held = None  # the handle of ufw's lock

    # What the applier asks for.

    def files(self, native):
        """Return the files C{{path: text}} with what is wanted of us in them, nothing of ours without a native form."""
        self._native, self._notes, self._openers = native, list(native["notes"]) if native else [], []
        files = {path: read(path, missing=None) for path in [*kernel.FILES.values(), kernel.DEFAULTS]}
        missing = sorted(path for path, text in files.items() if text is None)
        if missing and native:
            raise ToolError(f"{missing[0]} is missing: put ufw's own back ('ufw reset' does)")
        files = {path: text for path, text in files.items() if text is not None}
        before = kernel.policies(files.get(kernel.DEFAULTS, ""))
        self._made = wanted = self._wanted(native, files) if native else []
        chained = sets.texts(self._native, self._versions())
        try:
            for version, path in kernel.FILES.items():
                if path in files:
                    files[path] = self._rules(path, version, files[path], wanted, chained)
            if kernel.DEFAULTS in files:
                files[kernel.DEFAULTS] = kernel.with_policies(
                    files[kernel.DEFAULTS], native["defaults"] if native else {}
                )
            files.update(self._beside(chained))
        except ValueError as error:
            raise ToolError(str(error)) from error
        defaults = kernel.policies(files.get(kernel.DEFAULTS, ""))
        if defaults != before:
            for path in kernel.FILES.values():
                if path in files:
                    files[path] = kernel.with_logging(files[path], defaults, self._config("LOGLEVEL"))
        return files

    def differences(self, files):
        """Return in words how the files differ from those that are there, and the kernel from these."""
        lines = rules.difference(state.opened(read), state.opened(self._reader(files)))
        if not lines and any(_moved(read(path), files[path]) for path in kernel.FILES.values() if path in files):
            lines.append("~ our rules in their order")
        was, will = (bool(sets.contents(reader(sets.SETS))) for reader in (read, self._reader(files)))
        lines += ["~ our rules look into sets: {}".format("yes" if will else "no")] if was != will else []
        before, after = kernel.policies(read(kernel.DEFAULTS)), kernel.policies(files.get(kernel.DEFAULTS, ""))
        for chain, word in kernel.CHAINS.items():
            was, will = (kernel.WORDS.get(found.get(chain), found.get(chain)) for found in (before, after))
            lines += [f"~ default {word} policy: {was} -> {will}"] if was != will else []
        lines += self._aside(files)
        if self.running():
            lines += [f"~ {chain}: {_SET_BACK}" for chain in self.live.drift(read, self._versions())]
        return list(dict.fromkeys(lines))

    def standing(self, native=None):
        """Return the state of a native form or, without one, of what is there, see C{_model/standing.py}."""
        return state.wanted(native) if native else state.there(read)

    def opened(self):
        """Return what the list opens, and what is let through besides, see C{_host/cuts.py}."""
        return opened(read, self.live.names())

    def beyond(self):
        """Return what goes out whatever the list says."""
        return beyond(self._versions())

    def completed(self, native):
        """Return the native form with the servers that only this host knows."""
        return native and {**self._native, "rules": self._made, "discover": []}

    def seen(self):
        """Return C{{chain: lines}} of the kernel's, where C{differences} cannot compare it with the files."""
        return self.live.seen(self._versions())

    def check(self, files):
        """Raise ToolError where iptables does not take the rules."""
        self.live.check(self._reader(files), self._versions())

    def running(self):
        """True where ufw is enabled and its chains are in the kernel; raises ToolError where a part of them is."""
        return self._config("ENABLED") == "yes" and self.live.there(self._versions())

    def modes(self, files):
        """Return C{{path: mode}} of the files whose mode depends on their text."""
        return {path: self._mode[0 if sets.marked(files[path]) else 1] for path in (sets.HOOK,) if files.get(path)}

    def load(self, files):
        """Load what is in the files now."""
        if os.path.exists(sets.HOOK) and self._mode:
            os.chmod(sets.HOOK, self._mode[0 if sets.marked(read(sets.HOOK)) else 1])
        if self.running():
            self.live.load(read, self._versions())
        else:
            self.live.tidy(read)

    def prepare(self, folder):
        """Return the shell command that loads what is in the files then."""
        return "/bin/sh -c " + shlex.quote(kernel.SCRIPT)

    def guarded(self, command):
        """Return a shell command that runs another one while ufw itself keeps still."""
        guard = locks.__loader__.get_source(locks.__name__)
        python, guard, lock, quoted = map(shlex.quote, (sys.executable, guard, self._lock(), command))
        return (
            f"if {python} -c 'import fcntl' 2>/dev/null; then {python} -c {guard} {lock} {quoted}; else {command}; fi"
        )

    @contextlib.contextmanager
    def locked(self, seconds=30):
        """Hold ufw's own lock."""
        with locks.held(self._lock(), seconds) as self._held:
            yield

    def waited_for(self):
        """True where a command of ufw's waits for the lock that we hold.

        It has read its rules already, and will write that list over what we write now.
        """
        return bool(locks.waiters(self._held))

    def _lock(self):
        """Return the path of ufw's lock, as its command says it of root."""
        command = self._find("ufw", needed=False)
        named = _NAMED.search(read(command)) if command else None
        return named.group(1) if named else _LOCK

    def notes(self):
        """Return what a person should know."""
        notes = list(dict.fromkeys(self._notes))
        if self._openers:
            shown = [f"'{rule}'" for rule in dict.fromkeys(self._openers)]
            more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
            notes.append(f"rules of yours let out more than the allowlist: {', '.join(shown[:_MOST])}{more}")
        if self.live.unseen:
            notes.append(f"what runs could not be compared with ufw's files: {self.live.unseen}")
        if not self.running():
            return [*notes, *self._idle()]
        if self._native:
            notes += surroundings.around(self._native, self._versions(), self.live, self._find, self._run)
            notes += self._without_ipv6()
        return notes

    def _idle(self):
        """Return a note on an ufw that is not running, and on what the kernel has nevertheless."""
        left = loaded.left({version: self.live.listing(version) for version in kernel.of_host()})
        enabled = self._config("ENABLED") == "yes"
        lead = "ufw is enabled, but its rules are not loaded" if enabled else "ufw is inactive"
        until = "it starts" if enabled else "'ufw enable'"
        if not left:
            return [f"{lead}: nothing is filtered until {until}"]
        return [f"{lead}, and the kernel has {' and '.join(left)}: this run changes nothing of that until {until}"]

    def _without_ipv6(self):
        """Return a note on IPv6 where ufw does not filter it, as the kernel has it."""
        if 6 in self._versions() or 6 not in kernel.of_host():
            return []
        lead = f"IPv6 is switched off in {kernel.DEFAULTS} (IPV6=no)"
        passing = loaded.not_shut(self.live.listing(6), surroundings.builtins(self._native))
        if not passing:
            return [f"{lead}: it lets nothing through there but the loopback"]
        return [
            f"{lead}, and the kernel does not follow that ({', '.join(passing)}): what IPv6 lets through is not what "
            "is written, and this run changes nothing of it; run 'ufw reload'"
        ]

    def _rules(self, path, version, text, wanted, chained):
        """Return one file of rules with what is wanted of us in it."""
        try:
            parts = rules.parse(text)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error
        on = version in self._versions()
        mine = [rule for rule in wanted if on and rules.version_of(rules.split(rule)[0]) == version]
        stops = self._native["stops"] if self._native and on and not chained else []
        stops = [rule for rule in stops if rules.version_of(rules.split(rule)[0]) == version]
        made = rules.compose(parts, mine, stops, bool(self._native) and self._native["place"] == "first")
        more = {spec: label for spec, label in sets.entries(chained).items() if rules.version_of(spec) == version}
        self._notes += rules.stoppers(rules.parse(made).blocks, more)
        self._openers += rules.openers(parts.blocks, self._stopped_ways())
        return made

    def _stopped_ways(self):
        """Return on which ways (C{out}, C{route}) all else is to be stopped."""
        if not self._native:
            return set()
        ways = {{"OUTPUT": "out", "FORWARD": "route"}[chain] for chain in self._native["defaults"]}
        return ways | ({"route"} if self._native["stops"] else set())

    def _beside(self, chained):
        """Return the files that hold the sets, and after.init, which calls them."""
        paths = [sets.SETS, sets.INIT, *sets.CHAINS.values()]
        files = {path: chained.get(path) for path in paths if path in chained or os.path.lexists(path)}
        hindrance = _hook_hindrance() if chained else ""
        if hindrance:
            raise ValueError(f"{sets.HOOK} {hindrance}")
        text = read(sets.HOOK, missing=None)
        if text is None:
            return files
        mode = os.stat(sets.HOOK).st_mode & 0o7777
        made = sets.hooked(text, mode, bool(chained))
        self._mode = (mode | 0o100, sets.mode_before(text, mode))
        return {**files, sets.HOOK: made} if chained or made != text else files

    def _aside(self, files):
        """Return what differs of the files that only carry the sets."""
        ours, hook = sets.marked(read(sets.HOOK)), files.get(sets.HOOK)
        lines = [f"~ {sets.INIT}: {_SET_BACK}"] if ours and _changed(files, sets.INIT) else []
        if hook and sets.marked(hook) and (_changed(files, sets.HOOK) or not os.access(sets.HOOK, os.X_OK)):
            lines.append(f"+ line in {sets.HOOK}")
        return lines

    def _wanted(self, native, files):
        """Return the rules, with those for the servers that only this host knows.

        Those that ask whose a packet is go into chains of ours: ufw would write its own rules anew without that.
        """
        if not native["discover"]:
            return native["rules"]
        by_user = ["out", ""] in native["roads"] and not _hook_hindrance()
        extra = True if ["out", ""] in native["roads"] else None
        found_here = discover(native["discover"], _known(files), "ufw_egress", self._run, by_user, extra=extra)
        servers, names, senders, notes = found_here[:4]
        self._notes += notes
        sent = [*((sender, *rules.SERVICES["ntp"][:2]) for sender in senders), *found_here.sent]
        more = [rule for each in sent for rule in sets.of_sender(*each, self._versions())]
        self._native = {**native, "chained": [*native["chained"], *more]}
        named = {place: name for name, places in names.items() for place in places}
        found = []
        for service, addresses in servers.items():
            for server in addresses:
                name = named.get(server, "") if service == "ntp" else ""
                found += rules.asking(service, server, native["roads"], name)
        for asked in found_here.asked:
            found += rules.asking_besides(asked, named.get(asked.server, ""))
        return list(dict.fromkeys([*native["rules"], *found]))

    def _versions(self):
        """Return the IP versions that ufw filters: not 6 where it is switched off."""
        return tuple(kernel.versions())

    def _config(self, key):
        found = re.search(rf"^{key}=[\"']?([\w-]+)", read(_CONFIG), re.MULTILINE)
        return found.group(1).lower() if found else ""

    def _reader(self, files):
        """Return what reads a file as it will be."""
        return lambda path: (files[path] or "") if path in files else read(path)


def _hook_hindrance():
    """Return why our line cannot be in after.init, '' where it can."""
    text = read(sets.HOOK, missing=None)
    if text is None:
        return f"is missing: copy {sets.TEMPLATE} there"
    mode = os.stat(sets.HOOK).st_mode & 0o7777
    if not sets.marked(text) and not mode & 0o111 and text != read(sets.TEMPLATE):
        return f"is yours and not executable: make it executable, or {sets.WITHOUT}"
    try:
        sets.hooked(text, mode, True)
    except ValueError as error:
        return str(error)
    return ""


def _moved(was, will):
    """True where two files have the same rules of ours, and not in the same places."""
    old, new = (rules.parse(text) if text else rules.Rules("", [], "") for text in (was, will))
    return rules.opened(old) == rules.opened(new) and [*map(_spec, old.blocks)] != [*map(_spec, new.blocks)]


def _spec(entry):
    return entry.spec


def _changed(files, path):
    """True where a file is to become another one."""
    return bool(files.get(path)) and files[path] != read(path)


def _known(files):
    """Return C{{name: addresses}} of the time servers that the rules of the last run name."""
    known = {}
    for path in kernel.FILES.values():
        for entry in rules.parse(files[path]).blocks:
            label, dummy, name = entry.label.rpartition(" ")
            if label == rules.SERVICES["ntp"][-1] and rules.is_tuple(entry.spec):
                known.setdefault(name, set()).add(entry.spec.split()[3])
    return {name: sorted(addresses) for name, addresses in known.items()}
