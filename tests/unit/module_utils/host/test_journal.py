# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several files changed as one: the script that puts them back, run by a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import write_all
from ansible_collections.egress.allowlist.plugins.module_utils._host.journal import Journal

from tests.support.commands import run

OLD = {
    "rules": "*filter\n### it's $HOME `id` \\ 'END'\nEND\nCOMMIT\n",
    "rules six": "ä\n",
    "no end": "a\nb",
    "empty": "",
}
NEW = {"rules": "new\n", "rules six": "new six\n", "no end": None, "empty": "full\n", "made": "made\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "units").mkdir()
    monkeypatch.setattr(systemd, "FOLDER", str(tmp_path / "units"))
    home = tmp_path / "it's home"
    home.mkdir()
    for name, text in OLD.items():
        (home / name).write_text(text, "utf-8")
        (home / name).chmod(0o640)
    return home


def journal(home: Path) -> Journal:
    return Journal(str(home / ".unconfirmed"), str(home.parent / "mark"), "tool.service", run)


def drop_in(home: Path) -> Path:
    return home.parent / "units" / "tool.service.d" / "egress-allowlist.conf"


def wanted(home: Path, names: dict[str, str | None] | None = None) -> dict[str, str | None]:
    return {str(home / name): text for name, text in (names or NEW).items()}


def texts(home: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in home.iterdir() if not path.name.startswith(".")}


def undo(home: Path, how: str, path: str = os.environ["PATH"], shell: str = "sh") -> int:
    environment = {**os.environ, "PATH": path}
    return subprocess.run([shell, str(home / ".unconfirmed"), how], check=False, env=environment).returncode


@pytest.mark.parametrize("how", ["now", "boot"])
@pytest.mark.parametrize("written", range(len(NEW) + 1))
def test_the_script_puts_back_what_was_written_so_far(folder: Path, written: int, how: str) -> None:
    journal(folder).open(wanted(folder), "t1")
    for name in list(NEW)[:written]:
        write_all(wanted(folder, {name: NEW[name]}))
    assert undo(folder, how) == 0
    assert texts(folder) == OLD
    assert (folder / "rules").stat().st_mode & 0o777 == 0o640
    # A boot may come before the running rules follow the files, which are put back until then.
    assert drop_in(folder).exists() is (how == "now")
    assert how == "boot" or undo(folder, "done") == 0
    assert not drop_in(folder).exists()
    assert (folder / ".unconfirmed").exists() == (how == "now")  # the armed way back removes it itself


# Ends a command in its first call, as the kernel does it where memory is short; or as if its input had been cut off.
KILLED = """#!/bin/sh
calls=$(/bin/cat "$0.calls" 2>/dev/null)
echo $((calls + 1)) >"$0.calls"
[ "$calls" != "{0}" ] || {1}
exec {2} "$@"
"""
ENDS = {"it is killed": "kill -9 $$", "its input is cut off": "{ head -c 8 | base64 -d; exit 0; }"}


@pytest.mark.parametrize("after", ["", "1", "2"])
@pytest.mark.parametrize(
    ("command", "how"),
    [*((name, "it is killed") for name in ("base64", "sha256sum", "cp", "chown", "chmod", "mv", "rm")),
     ("base64", "its input is cut off")],
)  # fmt: skip
def test_a_command_of_the_script_ends_in_the_middle(
    folder: Path, tmp_path: Path, command: str, how: str, after: str
) -> None:
    """The script fails then, and no file is half of what it was; it is run again until it succeeds."""
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    (folder / "rules").write_text("somebody's\n", "utf-8")
    (tmp_path / "fake").mkdir()
    fake = tmp_path / "fake" / command
    fake.write_text(KILLED.format(after, ENDS[how], shutil.which(command)), "utf-8")
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    status = undo(folder, "now", path)
    back = {name: text for name, text in texts(folder).items() if not name.endswith(".before-revert")}
    assert (status == 0) == (back == OLD)
    assert all(text in (OLD.get(name), NEW.get(name), "somebody's\n") for name, text in back.items())
    assert 0 in [undo(folder, "now", path) for dummy in range(2)]
    assert {**texts(folder), "rules.before-revert": ""} == {**OLD, "rules.before-revert": ""}


# Each call is written down; the answer to "show" is in a file.
NOTES_CALLS = """#!/bin/sh
[ "$1" = show ] && exec cat {folder}/shown
echo "${{0##*/}} $*" >>{folder}/calls
exit 1
"""


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize(
    ("shown", "known"),
    [
        ("DropInPaths={}", True),
        ("DropInPaths=/x.conf {} /y.conf", True),
        ("DropInPaths=/x.conf /x{} {}.d", False),
        ("DropInPaths=", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("how", ["boot", "done"])
def test_systemd_is_told_where_it_has_read_the_drop_in(
    folder: Path, tmp_path: Path, shell: str, shown: str, known: bool, how: str
) -> None:
    """At a boot not from the service that is starting, but after it. Where systemd fails, the script does not."""
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    (tmp_path / "fake").mkdir()
    for command in ("systemctl", "systemd-run"):
        (tmp_path / "fake" / command).write_text(NOTES_CALLS.format(folder=tmp_path), "utf-8")
        (tmp_path / "fake" / command).chmod(0o755)
    (tmp_path / "shown").write_text(shown.replace("{}", str(drop_in(folder))) + "\n", "utf-8")
    assert undo(folder, how, f"{tmp_path}/fake:{os.environ['PATH']}", shell) == 0
    assert not drop_in(folder).exists()
    calls = (tmp_path / "calls").read_text("utf-8") if known else ""
    assert (tmp_path / "calls").exists() is known
    if known and how == "boot":
        assert calls.startswith("systemd-run ")
        assert calls.endswith(
            " --property=After=tool.service --property=After=multi-user.target systemctl daemon-reload\n"
        )
    elif known:
        assert calls == "systemctl daemon-reload\n"


def test_a_boot_is_told_from_a_restart_of_the_service(folder: Path) -> None:
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    (folder.parent / "mark").touch()
    hook = drop_in(folder).read_text("utf-8")
    assert undo(folder, "boot") == 0
    assert texts(folder)["rules"] == "new\n"
    (folder.parent / "mark").unlink()
    assert f"ExecStartPre=-/bin/sh {folder / '.unconfirmed'} boot" in hook
    assert undo(folder, "boot") == 0
    assert texts(folder) == OLD


def test_what_somebody_wrote_since_is_kept_beside(folder: Path) -> None:
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    (folder / "rules").write_text("theirs\n", "utf-8")
    (folder / "made").write_text("theirs too\n", "utf-8")
    undo(folder, "now")
    assert texts(folder) == {**OLD, "rules.before-revert": "theirs\n", "made.before-revert": "theirs too\n"}


def test_a_second_journal_leads_back_to_what_was_confirmed_last(folder: Path) -> None:
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    second = wanted(folder, {"rules": "third\n", "later": "x\n"})
    journal(folder).open(second, "t2")
    write_all(second)
    assert "# token: t2\n" in (folder / ".unconfirmed").read_text("utf-8")
    assert undo(folder, "now") == 0
    assert texts(folder) == OLD


@pytest.mark.parametrize("kills", [1, 2, 3])
def test_what_killed_runs_wrote_is_nobodys(folder: Path, kills: int) -> None:
    """A run that was killed leaves its files; the next is killed before it writes any: no copy of them is kept."""
    for number in range(kills):
        files = {"rules": f"run {number}\n", "made": f"run {number}\n"}
        journal(folder).open(wanted(folder, files), f"t{number}")
        if number == 0:
            write_all(wanted(folder, files))
    journal(folder).open(wanted(folder, {"rules": None, "made": None}), "absent")
    assert undo(folder, "now") == 0
    assert texts(folder) == OLD


@pytest.mark.parametrize("second", [{"rules": "second\n"}, {"made": "second\n"}], ids=["its file", "another"])
def test_what_somebody_wrote_between_two_killed_runs_is_kept_beside(
    folder: Path, second: dict[str, str | None]
) -> None:
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    (folder / "rules").write_text("theirs\n", "utf-8")
    journal(folder).open(wanted(folder, second), "t2")
    assert undo(folder, "now") == 0
    assert texts(folder) == {**OLD, "rules.before-revert": "theirs\n"}


def test_closing_confirms(folder: Path) -> None:
    journal(folder).open(wanted(folder), "t1")
    write_all(wanted(folder))
    journal(folder).close()
    assert not (folder / ".unconfirmed").exists()
    assert list((folder.parent / "units").iterdir()) == []
    assert journal(folder).former() == {}
    assert texts(folder) == {name: text for name, text in NEW.items() if text is not None}


def test_it_knows_how_the_files_were(folder: Path) -> None:
    journal(folder).open(wanted(folder), "t1")
    former = journal(folder).former()
    assert {Path(path).name: state and state[0] for path, state in former.items()} == {**OLD, "made": None}


def test_a_full_disk_changes_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*/empty"):
        write_all(wanted(folder))
    monkeypatch.undo()
    assert texts(folder) == OLD
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
