# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/public_suffixes.py: the list that ships is what the script makes, and a list that is none is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "public_suffixes.py"
SHIPPED = REPOSITORY / "plugins" / "plugin_utils" / "_model" / "public_suffixes.txt"
LIST = """\
// VERSION: 2026-10-22_08-36-41_UTC
// ===BEGIN ICANN DOMAINS===

// ac : https://example.com/ac
ac
com.ac
*.ck
!www.ck
公司.cn  a comment
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
github.io
*.compute.example.com
// ===END PRIVATE DOMAINS===
"""
COMPACT = """\
[registries]
. ac
ac com
ck !www *
cn xn--55qx5d
[private]
compute.example.com *
io github
"""


def run(tmp_path: Path, text: str) -> tuple[int, str, str]:
    """Return the exit code, what is printed, and what a copy of the script writes in a copy of the folders."""
    script = tmp_path / "scripts" / SCRIPT.name
    target = tmp_path / SHIPPED.relative_to(REPOSITORY)
    for path in (script, target):
        path.parent.mkdir(parents=True)
    script.write_text(SCRIPT.read_text())
    source = tmp_path / "list.dat"
    source.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, script, source], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr, target.read_text() if target.exists() else ""


def test_a_list_is_made_compact(tmp_path: Path) -> None:
    code, _printed, written = run(tmp_path, LIST)
    assert code == 0
    head, _bracket, rest = written.partition("[")
    assert f"[{rest}" == COMPACT
    assert "version 2026-10-22" in head
    assert "Mozilla Public License" in head


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no line '// VERSION: ...'"),
        (LIST.replace("VERSION", "Version"), "no line '// VERSION: ...'"),
        (LIST.partition("// ===BEGIN PRIVATE")[0], "the list has the parts ['ICANN']"),
        (LIST.replace("com.ac", "com..ac"), "'com..ac' is no rule"),
        (LIST.replace("com.ac", "<html>"), "'<html>' is no rule"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    code, printed, written = run(tmp_path, text)
    assert code == 1
    assert reason in printed
    assert written == ""


def test_what_ships_is_such_a_list() -> None:
    lines = SHIPPED.read_text(encoding="ascii").splitlines()
    assert re.search(r"version 20\d\d-\d\d-\d\d", lines[0])
    assert "Mozilla Public License" in lines[1]
    registries, private = lines.index("[registries]"), lines.index("[private]")
    assert private - registries > 300
    assert sum(len(line.split()) - 1 for line in lines[registries + 1 :]) > 9_000
    for part in (lines[registries + 1 : private], lines[private + 1 :]):
        assert part == sorted(part, key=lambda line: line.split(" ")[0])
        assert all(re.fullmatch(r"(\.|[a-z0-9.-]+)( (\*|!?[a-z0-9-]+))+", line) for line in part)


def test_the_makefile_names_the_script() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert "scripts/public_suffixes.py $(FROM)" in makefile
