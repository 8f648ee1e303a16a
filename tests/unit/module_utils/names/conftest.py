# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a host that have to do with names."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._names import dnsmasq, resolv_conf


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files that are looked at into a folder, of which all paths begin with a slash."""
    for module, name in ((dnsmasq, "MAIN"), (dnsmasq, "FOLDER"), (dnsmasq, "DROP_IN"), (resolv_conf, "PATH")):
        monkeypatch.setattr(module, name, str(tmp_path) + getattr(module, name))
    monkeypatch.setattr(resolv_conf, "FORMER", f"{tmp_path}{resolv_conf.FORMER}")
    monkeypatch.setattr(dnsmasq, "_STARTERS", (f"{tmp_path}/etc/default/dnsmasq",))
    monkeypatch.setattr(resolv_conf, "_RESOLVED", (f"{tmp_path}/etc/systemd/resolved.conf",))
    return tmp_path
