# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lets the host ask the name servers that it gets after the rules were applied, where the user named none.

A unit watches the files that name them, and runs C{_host/name_servers.py} as a program: at boot, and when they change.
A timer runs it each minute besides: systemd misses a change that comes while the program ends.
"""

from __future__ import annotations

import os
import re

from ansible_collections.egress.allowlist.plugins.module_utils._host import name_servers, systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, remove, write_all
from ansible_collections.egress.allowlist.plugins.module_utils._names import interpreter

from .listing import headers

PROGRAM = "/usr/local/sbin/egress-allowlist-servers"
SERVICE, PATH, TIMER = (f"egress-allowlist-servers-nftables.{kind}" for kind in ("service", "path", "timer"))
RESULTS = ("Result", "ExecMainStatus", "ExecStart", "DropInPaths")  # properties of the units that are asked for
_HOME = "/etc/egress-allowlist"  # where a change is confirmed, or goes back
_SETS = tuple(name_servers.SETS.values())
_ADDED = re.compile(r"^add element \S+ \S+ dns[46] \{ (.*) \}\n", re.MULTILINE)
_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)
_SHUT_IN = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=CAP_NET_ADMIN",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "RestrictAddressFamilies=AF_UNIX AF_NETLINK",
    "MemoryDenyWriteExecute=yes",
)
_SERVICE_FILE = """# made by egress.allowlist
[Unit]
Description=Let this host ask the name servers that it has now (egress.allowlist, nftables)
After=egress-allowlist-nftables.service network.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={program}
TimeoutStartSec=120
RuntimeDirectory=egress-allowlist
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
{shut_in}

[Install]
WantedBy=multi-user.target
"""
_PATH_FILE = """# made by egress.allowlist
[Unit]
Description=Watch which name servers this host has (egress.allowlist, nftables)

[Path]
{watched}
Unit={service}

[Install]
WantedBy=multi-user.target
"""
_TIMER_FILE = """# made by egress.allowlist
[Unit]
Description=See each minute which name servers this host has (egress.allowlist, nftables)

[Timer]
OnActiveSec=60s
OnUnitInactiveSec=60s
AccuracySec=5s

[Install]
WantedBy=timers.target
"""


def possible():
    """True where a unit can follow the host: not where no systemd runs, nor where an administrator masked ours."""
    return systemd.runs() and not any(os.path.islink(path) for path in paths())


def followed(text):
    """True for rules, the text of a boot file, that follow the host."""
    return bool(filled(headers(text)))


def paths():
    """Return the paths of the files: the program and its units."""
    return [PROGRAM, *(os.path.join(systemd.FOLDER, unit) for unit in (SERVICE, PATH, TIMER))]


def python(run, states):
    """Return the path of the interpreter that runs the program; raises ToolError where its unit can run none.

    C{run} takes a command and returns C{(status, output, errors)}; C{states}: of the units, with C{RESULTS}.
    """
    present = "" if _failed(states) else interpreter.named_in(read(PROGRAM))
    return interpreter.choose(run, present, name_servers, _SHUT_IN, f"name servers: {SERVICE}")


def modes():
    """Return C{{path: mode}} of the files."""
    return {path: 0o755 if path == PROGRAM else 0o644 for path in paths()}


def texts(python_path):
    """Return C{{path: text}} of the files; C{python_path}: of the interpreter, see C{python}."""
    watched = [*name_servers.RESOLVERS, *(path.rstrip("/*") for path in name_servers.FORWARDERS), _HOME]
    path_unit = _PATH_FILE.format(watched="\n".join(f"PathChanged={path}" for path in watched), service=SERVICE)
    service = _SERVICE_FILE.format(program=PROGRAM, shut_in="\n".join(_SHUT_IN))
    made = (interpreter.source_of(python_path, name_servers), service, path_unit, _TIMER_FILE)
    return dict(zip(paths(), made))  # noqa: B905 # Python 3.8 knows no strict


def compared(text):
    """Return the text of a boot file without the servers of rules that follow the host."""
    return _ADDED.sub("", text) if followed(text) else text


def filled(saved):
    """Return the C{(kind, name)} of the sets that are filled here; C{saved}: C{headers} of the rules."""
    follows = saved["settings"].get("dns servers") == name_servers.FOLLOWED
    return [("set", name) for name in _SETS] if follows else []


def strays(live, wanted):
    """Return what to say of sets that do not have the servers of the wanted text; C{live}: blocks that run."""
    if not followed(wanted):
        return []
    named = {server for found in _ADDED.findall(wanted) for server in found.split(", ")}
    if not named:  # no file names a server now: those of before stay
        return []
    there = [live[key] for key in filled(headers(wanted)) if key in live]
    held = {server for body in there for server in _held(body)}
    return ["~ name servers: changed on the host since, set back"] if there and held != named else []


def _held(body):
    found = _ELEMENTS.search(body)
    return [member.strip() for member in found.group(1).split(",")] if found else []


def differences(states, python_path):
    """Return in words what is not as it should be; C{states}: of the units, C{python_path}: as for C{texts}."""
    wrong = [path for path, text in texts(python_path).items() if read(path, missing=None) != text]
    if wrong == paths() and not any(map(os.path.lexists, wrong)):
        return [f"+ {PATH}, which lets name servers be asked that the host gets later"]
    lines = [f"~ {path}: {'changed' if os.path.exists(path) else 'removed'}" for path in wrong]
    if not wrong:
        lines += [f"~ {unit}: stopped" for unit in _free(states, PATH, TIMER) if not _watches(states[unit])]
        lines += [f"~ {SERVICE}: disabled"] * (states[SERVICE]["UnitFileState"] == "disabled")
    return [f"{line} on the host since, set back" for line in lines]


def hindrance(states):
    """Return in words why name servers that the host gets later are not asked, '' where they are."""
    for unit in (SERVICE, PATH, TIMER):
        state = states[unit]["LoadState"]
        if state != "loaded":
            return f"{unit} is {state}"
    start = states[SERVICE]["ExecStart"]
    if start and f"path={PROGRAM} " not in start:
        return f"{SERVICE} is overridden ({states[SERVICE]['DropInPaths'] or 'its ExecStart is another'})"
    for unit in (PATH, TIMER):
        if not _watches(states[unit]):
            return f"{unit} is {states[unit]['ActiveState']}"
    failed = _failed(states)
    return f"{SERVICE} failed when it last ran ({failed}): journalctl -u {SERVICE} says why" if failed else ""


def install(systemctl, states, python_path):
    """Write the files and start watching; C{systemctl}: a function that takes its words."""
    files, failed = texts(python_path), _failed(states)
    if not differences(states, python_path):
        return
    write_all({PROGRAM: files.pop(PROGRAM)}, mode=0o755, own=True)
    write_all(files, mode=0o644, own=True)
    systemctl("daemon-reload")
    systemctl("enable", *_free(states, SERVICE, PATH, TIMER))
    if failed:
        systemctl("reset-failed", SERVICE)
    systemctl("restart", *_free(states, PATH, TIMER))


def _free(states, *units):
    """Return those of the units that nobody masked."""
    return [unit for unit in units if states[unit]["LoadState"] != "masked"]


def _failed(states):
    """Return how the service failed when it last ran, '' where it did not."""
    found = states.get(SERVICE, {})
    if found.get("ActiveState") == "failed" or found.get("Result", "") not in ("", "success"):
        status = found["ExecMainStatus"]
        return found["Result"] + (f", status {status}" if status else "")
    return ""


def own_files():
    """Return those of the files that are there."""
    return [path for path in paths() if os.path.isfile(path) and not os.path.islink(path)]


def remove_all(systemctl, run):
    """Stop watching and remove the files; C{systemctl}: as for C{install}, None where no systemd runs.

    C{run} takes a command and returns C{(status, output, errors)}.
    """
    found = own_files()
    units = [unit for unit in (PATH, TIMER, SERVICE) if os.path.join(systemd.FOLDER, unit) in found]
    if units and systemctl:
        systemctl("disable", "--now", *units)
    # Killed in between, the next run finds the program, and tells systemd.
    remove(*[path for path in found if path != PROGRAM])
    if found and systemctl:
        systemctl("daemon-reload")
    remove(*found)
    if units and systemctl:
        # One that was stopped in the middle counts as failed, and systemd lists it although its file is gone.
        for unit in systemd.failed(run, units):
            systemctl("reset-failed", unit)


def _watches(state):
    return (state["UnitFileState"], state["ActiveState"]) == ("enabled", "active")
