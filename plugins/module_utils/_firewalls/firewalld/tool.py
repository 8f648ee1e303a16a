# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about firewalld, for the applier of files: its files, what it runs, its reload."""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
import shutil
import tempfile
from xml.sax.saxutils import escape

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.foreign_tables import stopping_tables
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import encode, read
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover
from ansible_collections.egress.allowlist.plugins.module_utils._names.host import HOME, KEEPER

from . import objects, probe, rollback, running, surroundings
from .bus import ANSWERS, bounded, interpreter, last_line, source
from .opened import opened

PREFIX = "egress-"
_OLDEST = (1, 0)  # the first whose policies take ipsets as destinations
_ZONED = (2, 0)  # the first whose policies say nothing to packets between two interfaces that are in no zone
_KINDS = ("ipsets", "services", "policies")  # in the order in which they need each other
_CONFIGURED = (  # of firewalld.conf: setting, what we cannot work with, what we can, why
    ("FirewallBackend", "iptables", "nftables", ""),
    ("FlushAllOnReload", "no", "yes", ", with which a reload keeps addresses that left a set"),
)
_TABLES = [f"{family} firewalld{part}" for family in ("inet", "ip", "ip6") for part in ("", "_policy_drop")]
_ASKED = "Who may be asked."
_KNOWN = re.compile(r"(\S+) is ([0-9a-f.:]+(?:,[0-9a-f.:]+)*)[;<]")
_MOST = 5  # lines of what a reload would lose
# As firewall-cmd --reload, which gives up after 25 seconds while firewalld goes on: a long list takes longer.
_RELOAD = "from firewall.client import FirewallClient; FirewallClient().fw.reload(timeout=900)"
_LOADS = 960  # seconds until firewalld has reloaded
# A reload empties the sets of what was learned of names.
_REFILL, _LEARNS = [KEEPER, "refill", "firewalld"], HOME + "/names-firewalld.json"


class Firewalld:
    """firewalld on this host. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}."""

    name, home, unit = "firewalld", "/etc/firewalld", "firewalld.service"

    def __init__(self, find, run, lose_runtime=False):
        self._command, self._offline, self._run = find("firewall-cmd"), find("firewall-offline-cmd"), run
        self._find = find
        self._lose_runtime = lose_runtime
        self._seen = None
        self._notes, self._forwards, self._made = [], False, {}

    # What the applier asks for.

    def files(self, native):
        """Return all files that are wanted, C{{path: text}}, and None for those of ours that go."""
        own = own_files()
        if not native:
            return dict.fromkeys(own)
        self._able(native["names"])
        self._notes = list(native["notes"])
        self._forwards = "policies/egress-allow-gw.xml" in native["files"]
        files = {}
        self._made = self._completed(native)
        for name, text in self._made.items():
            path = os.path.join(self.home, name)
            there = read(path, missing=None)
            if there is not None and path not in own:
                raise ToolError(f"{path} is not ours, and we need this name: rename yours")
            kind = name.partition("/")[0]
            if objects.parse(kind, text) is None:
                raise ToolError(f"'{name}' of the native form is not a file of firewalld's {kind}")
            # What firewalld wrote anew without another meaning stays.
            same = there is not None and objects.parse(kind, there) == objects.parse(kind, text)
            files[path] = there if same else text
        files.update(dict.fromkeys(path for path in own if path not in files and not self._kept(path, files)))
        return files

    def standing(self, native=None):
        """Return the state of a native form or, without one, of what is there, see C{_model/standing.py}."""
        files = {path: read(path) for path in own_files()}
        if native:
            files = {os.path.join(self.home, name): text for name, text in native["files"].items()}
        found = objects.standing({name: found for name, found in self._objects(files).items() if found})
        return {**found, "vendors": set(native["vendors"])} if native else found

    def opened(self):
        """Return what the list opens, and what is let through besides, see C{_host/cuts.py}."""
        return opened(self._objects({path: read(path) for path in own_files()}), self._learned)

    def completed(self, native):
        """Return the native form with the servers that only this host knows."""
        return native and {**native, "files": self._made, "discover": []}

    def seen(self):
        """Return C{{chain: lines}} of the kernel's that follow from our objects: D-Bus tells nothing of them."""
        return self._look()["kernel"] or {}

    def differences(self, files):
        """Return in words how the files differ from those that are there, and what runs from these."""
        wanted = self._objects(files)
        lines = objects.differences(self._objects({path: read(path, missing=None) for path in files}), wanted)
        if self.running():
            lines += objects.differences(self._runs(wanted), wanted)
            if wanted and self._look()["kernel"] is None:
                lines.append("~ firewalld: its rules are gone from the kernel since, loaded again")
            elif wanted:
                broken = running.drifted(self._look(), _version(self._look()["version"]))
                lines += [f"~ firewalld: {what}: changed in the kernel since, loaded again" for what in broken]
        return list(dict.fromkeys(lines))

    def check(self, files):
        """Raise ToolError where firewalld would refuse the files, or a reload lose what others changed as it runs."""
        with tempfile.TemporaryDirectory(prefix="egress-allowlist-") as folder:
            self._copy(folder, files)
            status, output, errors = self._run([self._offline, "--system-config=" + folder, "--check-config"])
            if status:
                raise ToolError("firewalld refuses its configuration: " + (errors.strip() or output.strip()))
            lost = self._look(lost=folder)["lost"] if self.running() and not self._lose_runtime else []
        if lost:
            shown = "; ".join(lost[:_MOST]) + (f" and {len(lost) - _MOST} more" if len(lost) > _MOST else "")
            raise ToolError(
                "a reload would lose what was changed in the running firewalld only, or bring what was written and is "
                f"not loaded yet: {shown}. Keep what runs by 'firewall-cmd --runtime-to-permanent', load what is "
                "written by 'firewall-cmd --reload', or set firewalld_egress_lose_runtime to true"
            )

    def running(self):
        """True where firewalld runs; raises ToolError where its rules are in force without it."""
        look = self._look()
        if not look["state"] and look["kernel"] is not None:
            told = "does not run" if look["bus"] else "does not answer on D-Bus"
            raise ToolError(f"firewalld {told}, and its rules are still in force: start it")
        return bool(look["state"])

    def load(self, files):
        """Reload, and see that what runs is then what is in the files."""
        self._seen = None
        if not self.running():
            return
        status, dummy, errors = self._bounded(_LOADS, _RELOAD)
        if status and self._look()["kernel"] is None:  # its reload removes rules first, also those that are gone
            status, dummy, errors = self._bounded(_LOADS, _RELOAD)
        self._seen = None
        if status:
            raise ToolError("firewalld cannot load its configuration: " + last_line(errors))
        state = self._look()["state"]
        if state != "RUNNING":
            raise ToolError(f"firewalld is {state.lower() or 'gone'} after the reload")
        self._refill()
        own = self._objects({path: read(path) for path in own_files() if path.endswith(".xml")})
        if objects.differences(self._runs(own), own):
            raise ToolError("after the reload firewalld does not run what is in its files")

    def prepare(self, folder):
        """Return the shell command that makes a running firewalld follow its files."""
        reload = " ".join(map(shlex.quote, [*interpreter(self._command), "-c", source(rollback)]))
        refill = "! [ -e {} ] || {} || :".format(_LEARNS, " ".join(_REFILL))
        return f"{{ {reload} && {{ {refill}; }}; }}"

    def notes(self):
        """Return what a person should know."""
        if not self.running():
            return [*self._notes, "firewalld is not running: nothing is filtered until it starts"]
        look = self._look()
        ours = {name: found for name, found in self._runs({}).items() if found}
        around = surroundings.passing_by(ours, look)
        scope = surroundings.scope(ours)
        around += stopping_tables(self._find, self._run, scope, _TABLES) if scope else []
        if self._forwards and not look["zones"] and _version(look["version"]) >= _ZONED:
            around.append(
                "no zone has an interface or a source: firewalld decides on what is forwarded without its policies"
            )
        return [*self._notes, *around]

    # How it is done.

    def _refill(self):
        """Have what was learned of names open again at once; the keeper's timer would do it a little later."""
        if os.path.exists(_LEARNS):
            status, dummy, errors = self._run(_REFILL)
            if status:
                self._notes.append("what was learned of names is not open again yet: " + last_line(errors))

    def _learned(self, name):
        """Return the addresses that a set of names holds in the kernel."""
        nft = self._find("nft", needed=False)
        status, output, dummy = self._run([nft, "list", "set", "inet", "firewalld", name]) if nft else (1, "", "")
        elements = re.search(r"elements = \{(.*?)\}", output, re.DOTALL) if status == 0 else None
        return [member.split()[0] for member in elements.group(1).split(",")] if elements else []

    def _able(self, names):
        """Raise ToolError for a firewalld that cannot do what we need; C{names}: whether the host fills sets."""
        version = self._look()["version"]
        if _version(version) < _OLDEST:
            raise ToolError(
                f"firewalld {version} is too old: its policies cannot name a set of destinations; 1.0 or newer can"
            )
        config = read(os.path.join(self.home, "firewalld.conf"))
        found = dict(re.findall(r"^\s*(\w+)\s*=\s*(\S+)", config, re.MULTILINE))
        for name, wrong, right, why in _CONFIGURED:
            if found.get(name, "").lower() == wrong:
                raise ToolError(f"{self.home}/firewalld.conf says {name}={found[name]}{why}: set it to {right}")
        if names and self._look()["owner"] and found.get("NftablesTableOwner", "yes").lower() not in ("no", "false"):
            raise ToolError(
                f"{self.home}/firewalld.conf does not say NftablesTableOwner=no, and so nobody but firewalld may put "
                "addresses into its sets: set it to no, or firewalld_egress_names to report"
            )

    def _look(self, lost=""):
        """Return what the probe says, asked once as long as nothing is loaded; C{lost}: see there."""
        if self._seen is None or lost:
            wanted = json.dumps({"prefix": PREFIX, "mark": objects.MARK, "lost": lost})
            status, output, errors = self._bounded(ANSWERS, source(probe), wanted)
            if status:
                raise ToolError("firewalld cannot be asked: " + last_line(errors))
            seen = json.loads(output)
            if not seen["state"] and rollback.alive():
                raise ToolError(
                    "firewalld.service runs and does not answer on D-Bus: wait until it has started, or restart it"
                )
            self._seen = seen
        return self._seen

    def _bounded(self, seconds, program, text=None):
        """Run a program with firewalld's Python, which must end in time; returns C{(status, output, errors)}."""
        return bounded(self._find, self._run, seconds, [*interpreter(self._command), "-c", program], text)

    def _kept(self, path, files):
        """True for firewalld's copy of a file that stays."""
        return path.endswith(".old") and path[: -len(".old")] in files

    def _objects(self, files):
        """Return the objects C{{name: object}} of files."""
        found = {}
        for path, text in files.items():
            if text is not None and path.endswith(".xml"):
                name = os.path.relpath(path, self.home)[: -len(".xml")]
                found[name] = objects.parse(name.partition("/")[0], text)
        return found

    def _runs(self, wanted):
        """Return the running objects that are ours, or that are wanted."""
        found = {}
        for kind in _KINDS:
            for name, settings in self._look()[kind].items():
                name = f"{kind}/{name}"
                made = objects.running(kind, settings)
                if name in wanted or objects.is_ours(made):
                    found[name] = made
        return found

    def _completed(self, native):
        """Return the wanted files with the servers that only this host knows."""
        known = {}
        for version in (4, 6):
            told = read(os.path.join(self.home, f"ipsets/egress-allow-ntp-{version}.xml"))
            for name, addresses in _KNOWN.findall(told):
                known[name] = addresses.split(",")
        extra = False if "policies/egress-allow-host.xml" in native["files"] else None
        found = discover(native["discover"], known, "firewalld_egress", self._run, extra=extra)
        servers, names = found.servers, found.names
        self._notes += found.notes
        files = dict(native["files"])
        for kind, addresses in servers.items():
            told = (
                "".join(f" {name} is {','.join(places)};" for name, places in sorted(names.items()))
                if kind == "ntp"
                else ""
            )
            for version in (4, 6):
                name = f"ipsets/egress-allow-{kind}-{version}.xml"
                if name not in files:  # of DHCPv6's servers there is none
                    continue
                entries = [address for address in addresses if (":" in address) == (version == 6)]
                lines = "".join(f"  <entry>{address}</entry>\n" for address in entries)
                if name not in files:
                    raise ToolError(f"'{name}' of the native form is missing: servers are discovered for it")
                text = files[name].replace(_ASKED, _ASKED + escape(told)).replace("</ipset>", lines + "</ipset>")
                files[name] = text
        return files

    def _copy(self, folder, files):
        """Make a folder in which firewalld finds its configuration as it will be."""
        for kind in (*_KINDS, "zones", "helpers", "icmptypes"):
            os.makedirs(os.path.join(folder, kind))
            for path in glob.glob(os.path.join(self.home, kind, "*")):
                if path not in files:
                    os.symlink(path, os.path.join(folder, kind, os.path.basename(path)))
        for path in glob.glob(os.path.join(self.home, "*")):
            if os.path.isfile(path):
                shutil.copy(path, folder)
        for path, text in files.items():
            if text is not None:
                with open(os.path.join(folder, os.path.relpath(path, self.home)), "wb") as handle:
                    handle.write(encode(text))


def own_files():
    """Return the paths of our files, also of what firewalld keeps of them when it rewrites or removes one."""
    found = []
    for kind in _KINDS:
        for path in sorted(glob.glob(os.path.join(Firewalld.home, kind, PREFIX + "*.xml*"))):
            # By its text: one that somebody broke is ours still.
            if path.endswith((".xml", ".xml.old")) and "<description>" + objects.MARK in read(path):
                found.append(path)
    return found


def _version(text):
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
