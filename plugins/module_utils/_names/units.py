# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service and the timer that run the keeper of names."""

from __future__ import annotations

import os

from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

# What the keeper cannot do and see.
SHUT_IN = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=CAP_NET_ADMIN CAP_KILL",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "MemoryDenyWriteExecute=yes",
)
_UNIT = """# made by egress.allowlist
[Unit]
Description=Keep the addresses behind names open (egress.allowlist, {backend})
After=network-online.target nss-lookup.target dnsmasq.service
After=egress-allowlist-nftables.service firewalld.service ufw.service

[Service]
Type=oneshot
ExecStart={keeper} run {backend}
TimeoutStartSec=120
StateDirectory=egress-allowlist
StateDirectoryMode=0700
{shut_in}
"""
_TIMER = """# made by egress.allowlist
[Unit]
Description=Keep the addresses behind names open (egress.allowlist, {backend})

[Timer]
OnBootSec=5
OnUnitActiveSec={refresh}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


class Units:
    """The keeper's timer and service of one backend; C{run} runs a command: C{(status, output, errors)}.

    All methods raise OSError where systemd does not answer, and ToolError where it does not do what it is told.
    """

    def __init__(self, backend, run):
        self._backend, self._run = backend, run
        self.names = [f"egress-allowlist-names-{backend}.{kind}" for kind in ("timer", "service")]
        self.timer, self.service = self.names

    def paths(self):
        """Return the paths of both files."""
        return [f"{systemd.FOLDER}/{unit}" for unit in (self.service, self.timer)]

    def files(self, keeper, refresh, wanted=True):
        """Return C{{path: text}}, with None as the text where they are not C{wanted} or no systemd runs.

        C{keeper}: the path of the script, C{refresh}: seconds between two runs. A link is how an administrator masks
        a unit: it stays, and is left out.
        """
        made = {}
        for path, text in zip(self.paths(), (_UNIT, _TIMER)):  # noqa: B905 # Python 3.8 knows no strict
            if not os.path.islink(path):
                text = text.format(backend=self._backend, keeper=keeper, refresh=refresh, shut_in="\n".join(SHUT_IN))
                made[path] = text if wanted and systemd.runs() else None
        return made

    def failed(self):
        """Return in words how one of them failed when it last ran, '' where none did."""
        for unit, found in self._states().items():
            if found["ActiveState"] == "failed" or found["Result"] not in ("", "success"):
                status = found["ExecMainStatus"]
                return "{}: failed ({}{})".format(unit, found["Result"], f", status {status}" if status else "")
        return ""

    def stopped(self):
        """True where the timer should run and does not."""
        timer = self._states().get(self.timer)
        return timer is not None and (timer["UnitFileState"], timer["ActiveState"]) != ("enabled", "active")

    def start(self, failed):
        """Have the timer run from now on; C{failed}: whether one of them had failed."""
        self.systemctl("enable", self.timer)
        if failed:
            self.systemctl("reset-failed", self.service, self.timer)
        self.systemctl("restart", self.timer)

    def try_out(self):
        """Run the service once: what it cannot do now, it could never do."""
        status, dummy, errors = self._run(["systemctl", "start", self.service]) if systemd.runs() else (0, "", "")
        failed = self.failed()
        if status or failed:
            raise ToolError(f"names: {failed or errors.strip()}: 'journalctl -u {self.service}' says why")

    def stop(self):
        """Have the timer run no more, and end a run that is under way: it could load again what is removed next."""
        if self._states().get(self.timer, {}).get("UnitFileState", "masked") not in ("", "masked"):
            self.systemctl("disable", "--now", self.timer)
        if self._states().get(self.service, {}).get("ActiveState", "inactive") not in ("inactive", "failed"):
            self.systemctl("stop", self.service)
        for unit in systemd.failed(self._run, self.names):
            self.systemctl("reset-failed", unit)

    def systemctl(self, *arguments):
        """Have systemd do something, where it runs."""
        status, dummy, errors = self._run(["systemctl", *arguments]) if systemd.runs() else (0, "", "")
        if status:
            raise ToolError("systemctl {}: {}".format(" ".join(arguments), errors.strip() or f"status {status}"))

    def _states(self):
        """Return C{{unit: {property: value}}}, {} where no systemd runs."""
        if not systemd.runs():
            return {}
        names = ("UnitFileState", "ActiveState")
        return systemd.states(self._run, self.names, names, lists=("Result", "ExecMainStatus"))
