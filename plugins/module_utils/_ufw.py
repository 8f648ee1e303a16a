# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about ufw, for the applier of files: its files, its rules in the kernel, its lock.

The files are read and written here, and not by ufw's own library: that belongs to one interpreter of one
version, rewrites a file for each rule and loads as it goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
import shlex
import sys
import time

from ansible_collections.egress.allowlist.plugins.module_utils import _commit, _servers
from ansible_collections.egress.allowlist.plugins.module_utils import _ufw_kernel as kernel
from ansible_collections.egress.allowlist.plugins.module_utils import _ufw_rules as rules
from ansible_collections.egress.allowlist.plugins.module_utils._tool import ToolError

_CONFIG = "/etc/ufw/ufw.conf"
_LOCK = "/run/ufw.lock"  # ufw's own, by fcntl.lockf
_SET_BACK = "changed on the host since, set back"
_SERVICES = {"dns": ("any", "53", "baseline DNS"), "ntp": ("udp", "123", "baseline NTP")}
# Waits for ufw's lock, not for ever, and goes on in any case: the way back must not depend on it.
_GUARD = """import fcntl, os, sys, time
lock = open(sys.argv[1], "w")
for n in range(50):
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except OSError:
        time.sleep(0.1)
sys.exit(os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", sys.argv[2]]))
"""


class Ufw:
    """ufw on this host. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}."""

    name, home, unit = "ufw", "/etc/ufw", "ufw.service"

    def __init__(self, find, run):
        self._find, self._run = find, run
        self._notes = []
        self._native = None

    # What the applier asks for.

    def files(self, native):
        """Return the files C{{path: text}} with what is wanted of us in them, nothing of ours without a native form."""
        self._native, self._notes = native, list(native["notes"]) if native else []
        files = {path: _commit.read(path, missing=None) for path in [*kernel.FILES.values(), kernel.DEFAULTS]}
        missing = sorted(path for path, text in files.items() if text is None)
        if missing and native:
            raise ToolError(f"{missing[0]} is missing: put ufw's own back ('ufw reset' does)")
        files = {path: text for path, text in files.items() if text is not None}
        before = files.get(kernel.DEFAULTS, "")
        wanted = self._wanted(native, files) if native else []
        try:
            for version, path in kernel.FILES.items():
                if path in files:
                    files[path] = self._rules(path, version, files[path], wanted, native)
            if kernel.DEFAULTS in files:
                files[kernel.DEFAULTS] = kernel.with_policies(before, native["defaults"] if native else {})
        except ValueError as error:
            raise ToolError(str(error)) from error
        defaults = kernel.policies(files.get(kernel.DEFAULTS, ""))
        if defaults != kernel.policies(before):
            level = self._config("LOGLEVEL")
            files.update(
                {
                    path: kernel.with_logging(files[path], defaults, level)
                    for path in kernel.FILES.values()
                    if path in files
                }
            )
        return files

    def differences(self, files):
        """Return in words how the files differ from those that are there, and the kernel from these."""
        lines = []
        for path in kernel.FILES.values():
            if path in files:
                lines += rules.difference(rules.parse(_commit.read(path)), rules.parse(files[path]))
        before, after = kernel.policies(_commit.read(kernel.DEFAULTS)), kernel.policies(files.get(kernel.DEFAULTS, ""))
        for chain, word in kernel.CHAINS.items():
            was, will = (kernel.WORDS.get(found.get(chain), found.get(chain)) for found in (before, after))
            lines += [f"~ default {word} policy: {was} -> {will}"] if was != will else []
        if self.running():
            lines += [f"~ {chain}: {_SET_BACK}" for chain in self._drift()]
        return list(dict.fromkeys(lines))

    def check(self, files):
        """Raise ToolError where iptables does not take the rules."""
        self._restore(files, ["--test"])

    def running(self):
        """True where ufw is enabled and its chains are in the kernel."""
        if self._config("ENABLED") != "yes":
            return False
        return self._run([self._tool(4), "-w", "10", "-n", "-L", "ufw-user-output"])[0] == 0

    def load(self, files):
        """Load what is in the files now."""
        if not self.running():
            return
        self._restore({}, [])

    def _restore(self, files, options):
        """Give iptables the rules of files, those that are there by default, one transaction for each IP version."""
        for version in self._versions():
            text = kernel.transaction(self._text(files, kernel.FILES[version]), self._defaults(files), version)
            status, dummy, errors = self._run([self._tool(version, "-restore"), "-w", "10", "-n", *options], text)
            if status:
                reason = errors.strip() or f"it ended with status {status}"
                raise ToolError(f"iptables refuses the rules: {reason}")

    def prepare(self, folder):
        """Return the shell command that loads what is in the files then."""
        return "/bin/sh -c " + shlex.quote(kernel.SCRIPT)

    def guarded(self, command):
        """Return a shell command that runs another one while ufw itself keeps still."""
        parts = (sys.executable, "-c", _GUARD, _LOCK, command)
        return "{{ {} || {{ {}; }}; }}".format(" ".join(map(shlex.quote, parts)), command)

    @contextlib.contextmanager
    def locked(self, seconds=30):
        """Hold ufw's own lock, so that no C{ufw allow} reads the files before we write and writes them after."""
        deadline = time.monotonic() + seconds
        with open(_LOCK, "w", encoding="utf-8") as handle:
            while True:
                try:
                    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"another ufw command holds {_LOCK} since {seconds} seconds") from error
                    time.sleep(0.1)
            yield

    def notes(self):
        """Return what a person should know."""
        notes = list(self._notes)
        if self._config("ENABLED") != "yes":
            notes.append("ufw is inactive: nothing is filtered until 'ufw enable'")
        elif not self.running():
            notes.append("ufw is enabled, but its rules are not loaded: nothing is filtered until it starts")
        if self._native and 6 not in self._versions():
            notes.append("IPv6 is switched off in ufw (IPV6=no): it lets nothing through there but the loopback")
        return notes

    # Its parts.

    def _rules(self, path, version, text, wanted, native):
        """Return one file of rules with what is wanted of us in it."""
        try:
            parts = rules.parse(text)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error
        on = version in self._versions()
        mine = [rule for rule in wanted if on and rules.version_of(rules.split(rule)[0]) == version]
        stops = (
            [rule for rule in native["stops"] if on and rules.version_of(rules.split(rule)[0]) == version]
            if native
            else []
        )
        made = rules.compose(parts, mine, stops, bool(native) and native["place"] == "first")
        self._notes += _stoppers(rules.parse(made).blocks)
        return made

    def _wanted(self, native, files):
        """Return the rules, with those for the servers that only this host knows."""
        if not native["discover"]:
            return native["rules"]
        servers, names, notes = _servers.discover(native["discover"], _known(files), "ufw")
        self._notes += notes
        named = {place: name for name, places in names.items() for place in places}
        found = []
        for service, addresses in servers.items():
            protocol, ports, label = _SERVICES[service]
            for server in addresses:
                label_of = f"{label} {named[server]}" if service == "ntp" and server in named else label
                made = rules.specs(native["roads"], rules.version_of(server), protocol, ports, server)
                found += [f"{spec} # {label_of}" for spec in made]
        return list(dict.fromkeys([*native["rules"], *found]))

    def _drift(self):
        """Return the chains that are not as the files have them; none where that cannot be found out.

        What the kernel prints of the files is seen in a network of its own, where they are loaded and gone at once.
        """
        found, defaults = [], self._defaults({})
        for version in self._versions():
            tool, text = self._tool(version), kernel.transaction(_commit.read(kernel.FILES[version]), defaults, version)
            script = '"$1-restore" -n && exec "$1" -S'
            status, wanted, dummy = self._run(["unshare", "--net", "sh", "-c", script, "sh", tool], text)
            if status == 0:
                live = self._run([tool, "-w", "10", "-S"])[1]
                found += kernel.drifted(kernel.listed(wanted), kernel.listed(live))
        return list(dict.fromkeys(found))

    def _versions(self):
        """Return the IP versions that ufw filters: not 6 where it is switched off."""
        text = _commit.read(kernel.DEFAULTS)
        on = re.search(r"^IPV6=[\"']?yes\b", text, re.MULTILINE | re.IGNORECASE)
        return (4, 6) if on and os.path.exists("/proc/sys/net/ipv6") else (4,)

    def _config(self, key):
        found = re.search(rf"^{key}=[\"']?([\w-]+)", _commit.read(_CONFIG), re.MULTILINE)
        return found.group(1).lower() if found else ""

    def _defaults(self, files):
        found = kernel.policies(self._text(files, kernel.DEFAULTS))
        for chain in kernel.CHAINS:
            if found.get(chain) not in kernel.WORDS:
                raise ToolError(f"{kernel.DEFAULTS}: DEFAULT_{chain}_POLICY is not ACCEPT, DROP or REJECT")
        return found

    def _text(self, files, path):
        return files[path] if path in files else _commit.read(path)

    def _tool(self, version, part=""):
        return self._find(("ip6tables" if version == 6 else "iptables") + part)


def _known(files):
    """Return C{{name: addresses}} of the time servers that the rules of the last run name."""
    known = {}
    for path in kernel.FILES.values():
        for entry in rules.parse(files[path]).blocks:
            label, dummy, name = entry.label.rpartition(" ")
            if label == _SERVICES["ntp"][2]:
                known.setdefault(name, set()).add(entry.spec.split()[3])
    return {name: sorted(addresses) for name, addresses in known.items()}


def _stoppers(blocks):
    """Return notes that name the user's rules before ours that stop some of what ours allow."""
    notes = []
    for number, entry in enumerate(blocks):
        if entry.label or not rules.stops_packets(entry.spec):
            continue
        stopped = next((ours for ours in blocks[number:] if ours.label and _meet(entry.spec, ours.spec)), None)
        if stopped:
            notes.append(
                f"your rule '{rules.spoken(entry.spec)}' stands before ours and stops some of what they allow, "
                f"such as {rules.words(stopped.spec, stopped.label)}: delete it, or set ufw_place to first"
            )
    return notes


def _meet(one, other):
    """True where two tuples are about the same packets, as far as chain, protocol and addresses tell."""
    one, other = one.split(), other.split()
    chains = [("route" if part[0].startswith("route:") else part[-1].partition("_")[0]) for part in (one, other)]
    everywhere = other[3] in rules.ANY.values() and other[5] in rules.ANY.values()
    if chains[0] != chains[1] or everywhere or rules.stops_packets(other[0]) or len({one[1], other[1]} - {"any"}) > 1:
        return False
    pairs = [[ipaddress.ip_network(part[n], strict=False) for part in (one, other)] for n in (3, 5)]
    return all(left.version == right.version and left.overlaps(right) for left, right in pairs)
