# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile vendor files in plays: what is refused is one line that says what to write, and writing that is enough."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY


def vendor(*destinations: str, **more: str) -> dict[str, Any]:
    rows = [{"destination": cell, "protocol": "TCP", "ports": "443", **more} for cell in destinations]
    return {
        "title": "Acme",
        "wide_because": "a world of its own",
        "sources": [{"id": "page", "title": "Page", "date": "2026-03"}],
        "services": [{"name": "media", "title": "Media", "source": "page", "rows": rows}],
    }


def export(folder: Path, *extra: str, **variables: Any) -> tuple[bool, str]:
    """Return whether a play that compiles acme's allowlist ends well, and what it prints; extra: given with C{-e}."""
    given = {"catalog_vendors": "acme", "catalog_vendor_dirs": str(folder), **variables}
    command = [PLAYBOOK, "playbooks/export.yml", "-e", json.dumps(given), "-e", "export_format=text"]
    command += [word for text in extra for word in ("-e", text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


def written(folder: Path, definition: dict[str, Any]) -> Path:
    (folder / "acme.yml").write_text(yaml.safe_dump({"catalog_acme": definition}))
    return folder


@pytest.mark.parametrize(
    ("destinations", "refusal", "consent", "opened"),
    [
        (
            ["0.0.0.0/0"],
            "acme: media: row 1: destination '0.0.0.0/0' is any IPv4 address: write catalog_any_address: true if",
            "catalog_any_address=true",
            "tcp/443 0.0.0.0/0",
        ),
        (
            ["127.0.0.1", "10.1.0.0/16", "fe80::/64"],
            "acme: media: row 3: destination 'fe80::/64' is special (link-local): it is opened only where you list",
            "catalog_special_addresses=127.0.0.1,10.0.0.0/8,fe80::/10",
            "tcp/443 127.0.0.1/32",
        ),
    ],
)
def test_what_is_refused_and_what_to_write(
    tmp_path: Path, destinations: list[str], refusal: str, consent: str, opened: str
) -> None:
    folder = written(tmp_path, vendor(*destinations, wide_because="the page says so", special_because="a relay"))
    well, printed = export(folder)
    assert not well
    assert refusal in printed
    well, printed = export(folder, consent)
    assert well, printed
    assert opened in printed


def test_the_users_own_vendor_may_be_private_and_no_more(tmp_path: Path) -> None:
    well, printed = export(tmp_path, catalog_custom_vendors={"acme": vendor("10.1.0.0/16", "192.168.1.1")})
    assert well, printed
    assert "tcp/443 10.1.0.0/16" in printed
    well, printed = export(tmp_path, catalog_custom_vendors={"acme": vendor("10.1.0.0/16", "169.254.169.254")})
    assert not well
    assert "acme: media: row 2: destination '169.254.169.254' is special (a metadata service" in printed


def test_hostile_files_end_no_play_but_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "acme.yml").write_text("catalog_acme: " + "[" * 100_000)
    os.mkfifo(tmp_path / "pipe.yml")
    well, printed = export(tmp_path)
    assert not well
    assert f"'{tmp_path}/acme.yml' cannot be read: it nests its entries deeper than 16 levels" in printed
    assert "dead state" not in printed
    well, printed = export(tmp_path, "catalog_vendors=vsee")
    assert well, printed
    assert "pipe.yml' cannot be read: it is a named pipe, not a file (not selected, so not needed)" in " ".join(
        printed.split()
    )


def test_a_custom_vendor_that_is_nested_deep(tmp_path: Path) -> None:
    """Deeper than any vendor file, and not so deep that Ansible itself gives up."""
    deep: Any = "x"
    for _level in range(60):
        deep = [deep]
    well, printed = export(tmp_path, catalog_custom_vendors={"acme": {**vendor("192.0.2.1"), "timers": deep}})
    assert not well
    assert "acme: " in printed
