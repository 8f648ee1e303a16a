# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other managers of the firewall that are at work on a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld import probe
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.managers import other_managers

from tests.support.files import write


def missing(_command: str, needed: bool = True) -> None:
    """Find no command."""


@pytest.mark.parametrize("states", ["", "active\n", "inactive\n" * 4])
def test_a_systemd_that_does_not_answer_is_no_answer(tmp_path: Path, states: str) -> None:
    write(tmp_path, "/run/systemd/system/x", "")
    with pytest.raises(OSError, match="at work cannot be found out: systemctl: Failed to connect to bus"):
        other_managers("ufw", missing, lambda command: (1, states, "Failed to connect to bus\n"), str(tmp_path))


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("/etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n", []),
        ("/etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n", ["ufw"]),
        ("/etc/ufw/ufw.conf", 'ENABLED="YES"\n', ["ufw"]),
        ("/proc/12/comm", "firewalld\n", []),
        ("/etc/egress-allowlist/nftables.nft", "", ["the role egress.allowlist.nftables"]),
        ("/run/systemd/system/x", "", ["iptables.service"]),
    ],
)
def test_other_managers_of_the_firewall(tmp_path: Path, path: str, text: str, found: list[str]) -> None:
    states = "inactive\nactive\nunknown\nfailed\nactivating\n"
    write(tmp_path, path, text)
    assert other_managers("mine", missing, lambda command: (3, states, ""), str(tmp_path)) == found
    if found == ["ufw"]:
        assert other_managers("ufw", missing, lambda command: (3, states, ""), str(tmp_path)) == []


@pytest.mark.parametrize(("status", "found"), [(0, ["firewalld"]), (probe.ABSENT, [])])
def test_firewalld_is_asked_for_by_its_own_python(tmp_path: Path, status: int, found: list[str]) -> None:
    command = tmp_path / "firewall-cmd"
    command.write_text("#!/opt/its own/python3 -Es\n")
    calls = []

    def find(name: str, needed: bool = True) -> str | None:
        return str(command) if name == "firewall-cmd" else None

    def run(asked: list[str], _text: str | None = None) -> tuple[int, str, str]:
        calls.append(asked)
        return status, "", "a warning of the library's"

    assert other_managers("ufw", find, run, str(tmp_path)) == found
    assert [call[0] for call in calls] == ["/opt/its"]
    assert other_managers("firewalld", find, run, str(tmp_path)) == []
    assert len(calls) == 1, "a firewalld does not hinder itself"


def test_a_bus_that_does_not_answer_is_no_answer(tmp_path: Path) -> None:
    command = tmp_path / "firewall-cmd"
    command.write_text("#!/usr/bin/python3 -Es\n")
    errors = "Traceback (most recent call last):\n  File x\ndbus.exceptions.DBusException: Timeout\n"
    with pytest.raises(OSError, match="whether firewalld runs cannot be found out: Timeout"):
        other_managers("ufw", lambda name, needed=True: str(command), lambda *call: (1, "", errors), str(tmp_path))
