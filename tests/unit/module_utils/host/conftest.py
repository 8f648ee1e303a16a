# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the host's files share."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import clocks, systemd, timesyncd

USERS = {"_chrony": 101, "ntpd": 102, "systemd-timesync": 997, "tick": 103}


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files of time daemons into a folder, with users of their own and no systemd."""
    monkeypatch.setattr(clocks, "_FILES", {d: tuple(f"{tmp_path}{p}" for p in ps) for d, ps in clocks._FILES.items()})
    for name in ("_ROOTS", "_LINKS"):
        monkeypatch.setattr(timesyncd, name, tuple(f"{tmp_path}{path}" for path in getattr(timesyncd, name)))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=USERS[name]))
    monkeypatch.setattr(systemd, "runs", lambda: False)
    return tmp_path


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[list[str]], tuple[int, str, str]]]:
    """Return what makes a C{run} of a host on which systemd runs, with timesyncd in a state."""

    def make(
        active: str = "inactive", file: str = "disabled", shown: tuple[int, str, str] = (1, "", "no bus")
    ) -> Callable[[list[str]], tuple[int, str, str]]:
        monkeypatch.setattr(systemd, "runs", lambda: True)

        def run(command: list[str]) -> tuple[int, str, str]:
            if command[0] == "timedatectl":
                assert active == "active", "it is asked only where it runs"
                return shown
            return 0, f"LoadState=loaded\nUnitFileState={file}\nActiveState={active}\n", ""

        return run

    return make
