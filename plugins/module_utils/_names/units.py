# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service and the timer that run the keeper of names."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd

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
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_NET_ADMIN CAP_KILL
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
MemoryDenyWriteExecute=yes
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


def units(backend, keeper, refresh):
    """Return C{{path: text}}; C{keeper}: the path of the script, C{refresh}: seconds between two runs."""
    texts = {"service": _UNIT, "timer": _TIMER}
    return {
        f"{systemd.FOLDER}/egress-allowlist-names-{backend}.{kind}": text.format(
            backend=backend, keeper=keeper, refresh=refresh
        )
        for kind, text in texts.items()
    }
