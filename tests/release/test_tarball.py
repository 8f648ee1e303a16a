# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball: what is in it, and that it installs and works as the README tells.

Run by scripts/release_check.sh, which builds it: RELEASE_TARBALL, from the files in RELEASE_SOURCE.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.support.repository import REPOSITORY

SOURCE = Path(os.environ["RELEASE_SOURCE"])
TARBALL = Path(os.environ["RELEASE_TARBALL"])
README = (REPOSITORY / "README.md").read_text()
SHIPPED = {"docs", "meta", "playbooks", "plugins", "roles"}
SHIPPED_FILES = {"CHANGELOG.md", "LICENSE", "README.md", "changelogs/changelog.yaml"}
MADE = {"FILES.json", "MANIFEST.json"}
ROLES = sorted(path.name for path in (REPOSITORY / "roles").iterdir() if path.is_dir())


def section(title: str, language: str) -> str:
    """Return the first block of code in a section of the README."""
    found = re.search(rf"^## {title}\n.*?^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


INSTALL = [line for line in section("Install", "").splitlines() if not line.startswith("pip ")]  # Ansible is here


def run(home: Path, command: str) -> str:
    """Run a shell command in C{home} as a user who has nothing but Ansible, and return what it printed."""
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
        },
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def repository() -> str:
    """Make a repository of the source, and return its address."""
    git = ["git", "-C", SOURCE, "-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)
    return f"file://{SOURCE}"


def test_only_what_is_of_use_is_shipped() -> None:
    with tarfile.open(TARBALL) as tar:
        members = tar.getmembers()
    assert [member.name for member in members if not (member.isfile() or member.isdir())] == []
    files = {member.name for member in members if member.isfile()}
    assert files >= SHIPPED_FILES | MADE
    assert {name for name in files - SHIPPED_FILES - MADE if name.split("/")[0] not in SHIPPED} == set()
    wanted = {
        str(path.relative_to(SOURCE)) for folder in SHIPPED for path in (SOURCE / folder).rglob("*") if path.is_file()
    }
    assert files == wanted | SHIPPED_FILES | MADE


def test_what_is_open_stands_in_one_file() -> None:
    lines = [line for line in (REPOSITORY / "galaxy.yml").read_text().splitlines() if ".invalid" in line]
    assert [line for line in lines if " # open: " not in line] == []
    assert [path for path in SOURCE.glob("[A-Z]*.md") if "example.invalid" in path.read_text()] == []
    for folder in SHIPPED:
        for path in (SOURCE / folder).rglob("*"):
            assert not path.is_file() or b"example.invalid" not in path.read_bytes(), path


@pytest.mark.parametrize("line", INSTALL[:3], ids=["tarball", "git", "list"])
def test_it_installs_as_the_readme_tells(line: str, repository: str, tmp_path: Path) -> None:
    (tmp_path / TARBALL.name).symlink_to(TARBALL)
    listed = re.search(r"\{collections: .*\}", INSTALL[2])
    assert listed
    (tmp_path / "requirements.yml").write_text(listed[0].replace("REPOSITORY", repository))
    run(tmp_path, line.replace("REPOSITORY", repository))
    installed = tmp_path / ".ansible" / "collections" / "ansible_collections" / "egress" / "allowlist"
    assert sorted(path.name for path in (installed / "roles").iterdir()) == ROLES
    shown = run(tmp_path, INSTALL[3])
    assert f"({installed})" in shown
    assert "nftables_egress_revert_after" in shown


def test_it_works_where_nothing_else_is(tmp_path: Path) -> None:
    """Offline, into an empty path: the roles have documentation, plays find them, and a vendor is exported."""
    run(tmp_path, f"ansible-galaxy collection install --offline {TARBALL}")
    run(tmp_path, "ansible-galaxy collection verify --offline egress.allowlist")
    for role in ROLES:
        assert f"egress.allowlist.{role}" in run(tmp_path, f"ansible-doc -t role egress.allowlist.{role}")
    (tmp_path / "play.yml").write_text(section("In a playbook of yours", "yaml"))
    run(tmp_path, "ansible-playbook --syntax-check play.yml egress.allowlist.apply_kudo egress.allowlist.remove")
    selection = {"catalog_vendors": [{"name": "kudo", "regions": "all"}], "export_path": "kudo.csv"}
    (tmp_path / "selection.yml").write_text(yaml.safe_dump(selection))
    run(tmp_path, "ansible-playbook egress.allowlist.export -e @selection.yml -e export_format=csv")
    assert "168.100.64.0/18" in (tmp_path / "kudo.csv").read_text()
