# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make firewalld follow its files, as the way back does it; nothing is left to do where firewalld was stopped.

This file is run by the Python that firewalld itself uses, which need not be the module's: it imports nothing of ours.
It ends with a message where firewalld runs and does not reload or answer, and where it is gone and has left its rules:
then the way back is tried again.
"""

from __future__ import annotations

import os
import subprocess

# As systemctl is-active says it of a firewalld that has come up, is about to, or has not gone yet.
_ALIVE = ("active", "activating", "reloading", "deactivating")


def main():
    """Reload, or see that there is nothing to reload."""
    silent = ""
    try:
        import dbus

        runs = dbus.SystemBus(private=True).name_has_owner("org.fedoraproject.FirewallD1")
    except Exception as error:
        runs, silent = False, f" ({error})"
    if runs:
        from firewall.client import FirewallClient

        client = FirewallClient()
        # As firewall-cmd --reload, which gives up after 25 seconds while firewalld goes on: a long list takes longer.
        client.fw.reload(timeout=900)
        state = str(client.get_property("state"))
        raise SystemExit(None if state == "RUNNING" else f"firewalld is {state.lower()} after the reload")
    if alive():
        raise SystemExit("firewalld.service runs and does not answer on D-Bus" + silent)
    from nftables.nftables import Nftables

    status, output, errors = Nftables().cmd("list tables")
    if status or "table inet firewalld" in output.splitlines():
        told = "does not answer on D-Bus" if silent else "does not run"
        raise SystemExit(errors or f"firewalld {told}, and its rules are still in force: start it{silent}")


def alive():
    """True where systemd runs firewalld, which may not have its name on D-Bus yet."""
    if not os.path.isdir("/run/systemd/system"):
        return False
    try:
        asked = ["systemctl", "is-active", "firewalld.service"]
        done = subprocess.run(asked, capture_output=True, check=False)  # pylint: disable=E5103 # no module runs here
    except OSError:
        return False
    return done.stdout.decode("utf-8", "replace").strip() in _ALIVE


if __name__ == "__main__":
    main()
