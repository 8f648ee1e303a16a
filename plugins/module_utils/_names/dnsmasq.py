# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's dnsmasq: how it is configured, whether it can fill sets, and how it comes to do so."""

from __future__ import annotations

import glob
import os
import re
import time

from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, remove, write, write_all

from . import keeper, resolv_conf

MAIN, FOLDER = "/etc/dnsmasq.conf", "/etc/dnsmasq.d"
DROP_IN = FOLDER + "/egress-allowlist.conf"
SERVICE, _SCRIPT = "dnsmasq.service", "/etc/init.d/dnsmasq"
# What says which folder of drop-ins is read, besides dnsmasq's own configuration.
_STARTERS = ("/etc/default/dnsmasq", "/usr/share/dnsmasq/init-system-common", _SCRIPT)
_CONFIG_DIR = re.compile(r"""^\s*(?:export\s+)?CONFIG_DIR=["']?([^\s"'$]+)""", re.MULTILINE)
_BINDS = ("bind-interfaces", "bind-dynamic")
_TAKEN = ("0.0.0.0", "::", "127.0.0.1", "::1")  # where dnsmasq answers, however it binds
_CAPS = ("max-cache-ttl", "max-ttl")
_HEAD = "# made by egress.allowlist: what is changed here is set back by its next run\n"
_STALE = 86400  # seconds that use-stale-cache means where it says none


class Dnsmasq:
    """dnsmasq on this host. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}."""

    def __init__(self, find, run):
        self._find, self._run = find, run
        self.notes = []

    def drop_in(self, wanted, servers):
        """Return the text of our drop-in; C{servers}: the addresses that dnsmasq shall ask.

        Raises ToolError for settings of the user's with which a lease would end before what is cached.
        """
        own = settings()
        lines = []
        for line in wanted["dnsmasq"]:
            option, dummy, value = line.partition("=")
            # dnsmasq takes each of these once.
            theirs = [(given, path) for name, given, path in own if name == option and option in _CAPS]
            for given, path in theirs:
                if not given.isdigit() or not 0 < int(given) <= int(value):
                    raise ToolError(
                        f"names: {option}={given} in {path} is longer than a lease lasts: at most {value} is accepted"
                    )
            lines += [] if theirs else [line]
        binds = any(name in _BINDS for name, dummy, dummy in own)
        if not binds and ("bind-dynamic\n" in read(DROP_IN) or _stub(own)):
            lines.append("bind-dynamic")  # beside the stub of systemd-resolved
        if not any(_upstream(name, value) for name, value, dummy in own):
            lines += [f"server={address}" for address in servers]
        return _HEAD + "".join(line + "\n" for line in lines)

    def check(self, wanted, text):
        """Raise ToolError where dnsmasq cannot do what is wanted; C{text}: of our drop-in."""
        status, version, errors = self._run([self._find("dnsmasq"), "--version"])
        if status:
            raise ToolError("names: dnsmasq does not tell its version: " + (errors.strip() or f"status {status}"))
        if not re.search(r"\bnftset\b", version.replace("no-nftset", "")):
            found = re.search(r"version (\S+)", version)
            raise ToolError(
                "names: dnsmasq {} cannot fill sets of nftables, 2.87 and newer can: choose resolve or report".format(
                    found.group(1) if found else "of unknown version"
                )
            )
        own = settings()
        if FOLDER not in folders():
            raise ToolError(f"names: dnsmasq does not read {FOLDER}: add 'conf-dir={FOLDER}/,*.conf' to {MAIN}")
        self._check_own(wanted, own)
        self._check_port(port(own))
        with _Temporary(text) as path:
            self._test("--conf-file=" + path)

    def _check_own(self, wanted, own):
        """Refuse settings of the user's that take answers, or their time, from us."""
        lease, names = wanted["lease"], set(wanted["domains"])
        cap = lease - 2 * wanted["refresh"] - 10
        for option, value, path in own:
            if option == "min-cache-ttl" and value.isdigit() and int(value) > cap:
                raise ToolError(
                    f"names: {option}={value} in {path} is longer than a lease lasts: at most {cap} is accepted"
                )
            if option == "use-stale-cache":
                stale = int(value) if value.isdigit() else _STALE
                # Such an answer comes from the cache after its time, and fills no set.
                if not 0 < stale <= lease - wanted["refresh"] - cap:
                    raise ToolError(
                        f"names: use-stale-cache in {path} gives answers whose lease has ended: take it out, "
                        "or choose resolve or report"
                    )
            if option == "nftset":
                theirs = {name.lower() for name in value.split("/")[1:-1]}
                taken = sorted(name for name in theirs if any(_below(name, ours) for ours in names))
                if taken:
                    raise ToolError(
                        f"names: nftset=/{taken[0]}/ in {path} takes the answers of '{taken[0]}' for other sets: "
                        "dnsmasq fills the sets of one line only; take the name out there"
                    )

    def _check_port(self, number):
        if number == 0:
            raise ToolError("names: dnsmasq is told not to answer (port=0): take that out of its configuration")
        if self.running():
            return
        own = settings()
        binds = any(name in _BINDS for name, dummy, dummy in own) or _stub(own)
        for address, process, name in resolv_conf.listeners(number):
            # Where it binds each address by itself, others may have theirs: those of libvirt's networks, for example.
            if address not in resolv_conf.STUBS and (address in _TAKEN or not binds):
                raise ToolError(
                    f"names: {name} (process {process}) answers on port {number} of {address}, where dnsmasq shall: "
                    "stop it, or choose resolve or report"
                )

    def _test(self, *arguments):
        status, output, errors = self._run([self._find("dnsmasq"), "--test", *arguments])
        if status:
            raise ToolError("names: dnsmasq refuses its configuration: " + (errors.strip() or output.strip()))

    def running(self):
        """True where the host's own dnsmasq runs."""
        if systemd.runs():
            return systemd.unit_state(self._run, SERVICE, "ActiveState") == "active"
        return self._listens()

    def service(self, verb=""):
        """Ask whether it starts at boot ('' where no systemd runs), or change that: C{enable}, C{disable}."""
        if not systemd.runs():
            return ""
        if not verb:
            return systemd.unit_state(self._run, SERVICE, "UnitFileState")
        status, output, errors = self._run(["systemctl", verb, SERVICE])
        if status:
            raise ToolError(f"names: systemctl cannot {verb} {SERVICE}: {errors.strip()}")
        return output.strip()

    def starter(self):
        """Return the command that starts and stops it, None where there is none."""
        if systemd.runs():
            return lambda verb: ["systemctl", verb, SERVICE]
        return (lambda verb: [_SCRIPT, verb]) if os.access(_SCRIPT, os.X_OK) else None

    def put(self, text, runs=True, alone=False):
        """Write our drop-in (None: remove it) and restart, or stop; raises ToolError with the former one back.

        C{alone}: this host is going to ask nobody else.
        """
        former = read(DROP_IN, missing=None)
        if text == former and (text is None or self.running() or not self.starter()):
            return
        write_all({DROP_IN: text}, mode=0o644, own=True)
        try:
            self._test()
            self._restart("restart" if runs else "stop")
            if alone and not resolv_conf.answers(port(settings())):
                raise ToolError("names: dnsmasq does not answer on 127.0.0.1: let it listen there too")
        except ToolError:
            write_all({DROP_IN: former}, mode=0o644, own=True)
            self._restart("restart", quiet=True)
            raise

    def _restart(self, verb, quiet=False, seconds=10):
        """Restart dnsmasq and wait until it answers, or stop it."""
        starter = self.starter()
        if not starter:
            self.notes.append(f"restart dnsmasq: nothing here does it, and it reads {DROP_IN} as it starts")
            return
        status, output, errors = self._run(starter(verb))
        if quiet or verb == "stop":
            return
        deadline = time.monotonic() + seconds
        while not status and not self._answers() and time.monotonic() < deadline:
            time.sleep(0.1)
        if status or not self._answers():
            silent = f"it does not answer on port {port(settings())}"
            raise ToolError("names: dnsmasq does not start: " + (errors.strip() or output.strip() or silent))

    def _answers(self):
        return self.running() and self._listens()

    def _listens(self):
        """True where the process that is the host's dnsmasq, and not one of somebody's network, has its port."""
        own = settings()
        if systemd.runs():
            known = {systemd.unit_state(self._run, SERVICE, "MainPID")}
        else:
            given = [value for name, value, dummy in own if name == "pid-file" and value]
            known = {read(path).strip() for path in given or keeper.PIDS}
        return any(str(process) in known for dummy, process, dummy in resolv_conf.listeners(port(own)))


def settings():
    """Return C{[(option, value, path)]} of dnsmasq's configuration, without our drop-in."""
    found, seen = [], {os.path.realpath(DROP_IN)}
    _read(MAIN, found, seen)
    for given in _starters():
        _read_folder(given, found, seen)
    return found


def folders():
    """Return the folders from which dnsmasq reads drop-ins such as ours."""
    given = [value for option, value, dummy in settings() if option == "conf-dir"] + _starters()
    return {os.path.normpath(each.split(",")[0]) for each in given if _reads(each, os.path.basename(DROP_IN))}


def port(own):
    """Return the port that dnsmasq answers on; 0: none."""
    given = [int(value) for option, value, dummy in own if option == "port" and value.isdigit()]
    return given[-1] if given else 53


def _starters():
    return [found for path in _STARTERS for found in _CONFIG_DIR.findall(read(path))]


def _read(path, found, seen):
    path = os.path.realpath(path)
    if path in seen:
        return
    seen.add(path)
    try:
        lines = read(path).split("\n")
    except OSError:
        return
    for line in lines:
        option, dummy, value = re.sub(r"(^|\s)#.*", "", line).partition("=")
        option, value = option.strip(), value.strip().strip('"')
        if option:
            found.append((option, value, path))
        if option == "conf-file":
            _read(value, found, seen)
        elif option == "conf-dir":
            _read_folder(value, found, seen)


def _read_folder(given, found, seen):
    for path in sorted(glob.glob(os.path.join(given.split(",")[0], "*"))):
        if os.path.isfile(path) and _reads(given, os.path.basename(path)):
            _read(path, found, seen)


def _reads(given, name):
    """True where C{DIRECTORY,SUFFIX,*SUFFIX...} takes in a file: those with a star are wanted."""
    suffixes = [suffix.strip() for suffix in given.split(",")[1:] if suffix.strip()]
    wanted = [suffix[1:] for suffix in suffixes if suffix.startswith("*")]
    if name.startswith((".", "#")) or name.endswith(("~", "#")):
        return False
    if any(name.endswith(suffix) for suffix in suffixes if not suffix.startswith("*")):
        return False
    return not wanted or any(name.endswith(suffix) for suffix in wanted)


def _upstream(option, value):
    """True for a setting that says whom dnsmasq asks for names in general."""
    return option in ("resolv-file", "no-resolv") or (option == "server" and not value.startswith("/"))


def _stub(own):
    return any(address in resolv_conf.STUBS for address, dummy, dummy in resolv_conf.listeners(port(own)))


def _below(name, ours):
    return name == ours or name.endswith("." + ours)


class _Temporary:
    """A file for as long as a command reads it."""

    def __init__(self, text):
        self._text, self._path = text, "/run/egress-allowlist.dnsmasq"

    def __enter__(self):
        write(self._path, self._text)
        return self._path

    def __exit__(self, *dummy):
        remove(self._path)
