# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other managers of the firewall that are at work on a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.managers import other_managers

from tests.support.files import write


@pytest.mark.parametrize("states", ["", "active\n", "inactive\n" * 4])
def test_a_systemd_that_does_not_answer_is_no_answer(tmp_path: Path, states: str) -> None:
    write(tmp_path, "/run/systemd/system/x", "")
    with pytest.raises(OSError, match="at work cannot be found out: systemctl: Failed to connect to bus"):
        other_managers("ufw", lambda command: (1, states, "Failed to connect to bus\n"), str(tmp_path))


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("/etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n", []),
        ("/etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n", ["ufw"]),
        ("/etc/ufw/ufw.conf", 'ENABLED="YES"\n', ["ufw"]),
        ("/proc/12/comm", "firewalld\n", ["firewalld"]),
        ("/proc/12/comm", "firewalld-applet\n", []),
        ("/etc/egress-allowlist/nftables.nft", "", ["the role egress.allowlist.nftables"]),
        ("/run/systemd/system/x", "", ["iptables.service"]),
    ],
)
def test_other_managers_of_the_firewall(tmp_path: Path, path: str, text: str, found: list[str]) -> None:
    states = "inactive\nactive\nunknown\nfailed\nactivating\n"
    write(tmp_path, path, text)
    assert other_managers("mine", lambda command: (3, states, ""), str(tmp_path)) == found
    own = found[0] if found else "mine"
    if own in ("ufw", "firewalld"):
        assert other_managers(own, lambda command: (3, states, ""), str(tmp_path)) == []
