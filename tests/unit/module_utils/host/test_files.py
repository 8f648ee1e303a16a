# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole at any moment."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import files
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, remove, write, write_all


def test_a_new_file_is_for_root_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    write(str(path), "text\n")
    assert path.read_text() == "text\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(str(path)) == "text\n"


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o754)
    link.symlink_to(real)
    write_all({str(link): "new"})
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o754
    write_all({str(link): "ours"}, mode=0o644, own=True)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o644


def test_a_mode_that_changes_with_the_text(tmp_path: Path) -> None:
    """There is no moment at which a file has the new text and the old mode."""
    path, link = tmp_path / "script", tmp_path / "link"
    path.write_text("old", "utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    write_all({str(link): "new"}, modes={str(link): 0o750})
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o750, True)
    write_all({str(path): "newer"}, modes={"/other": 0o600})
    assert path.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_modes_do_not_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(str(tmp_path / "a" / "b" / "secret"), "")
        write_all({str(tmp_path / "a" / "open"): "", str(tmp_path / "c" / "run"): ""}, mode=0o755)
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*")}
    folders = dict.fromkeys(("a", "a/b", "c"), 0o755)
    assert modes == {**folders, "a/b/secret": 0o600, "a/open": 0o755, "c/run": 0o755}


@pytest.mark.parametrize("mode", [0o777, 0o700, 0o1777])
def test_a_folder_of_ours_gets_its_mode_back_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    monkeypatch.setitem(files.FOLDERS, str(ours), 0o755)
    for folder in (ours, other):
        folder.mkdir()
        folder.chmod(mode)
    wrong = files.mode_lines(files.FOLDERS)
    assert [line for line in wrong if str(tmp_path) in line] == [f"~ {ours}: mode {mode:04o} -> 0755"]
    write_all({str(ours / "x"): "", str(other / "x"): ""})
    assert ours.stat().st_mode & 0o7777 == 0o755
    assert other.stat().st_mode & 0o7777 == mode


BYTES = [b"caf\xe9\n", b"\xff\xfe\0\0", b"a\r\nb\rc\n\n", b"no end", b"", "\u2028\x85 é\n".encode()]


@pytest.mark.parametrize("data", BYTES)
@pytest.mark.parametrize("name", ["plain", "caf\udce9", "new\nline", "-"])
def test_what_is_read_is_written_to_the_byte(tmp_path: Path, data: bytes, name: str) -> None:
    path = os.path.join(str(tmp_path), name)
    with open(path, "wb") as handle:
        handle.write(data)
    text = read(path)
    assert list(files.read_all([str(tmp_path) + "/*"])) == [text]
    write_all({path: text})
    with open(path, "rb") as handle:
        assert handle.read() == data
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/dev/null"), os.mkfifo])
def test_what_is_no_file_is_not_written_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A link to /dev/null is how an administrator switches a file off; /dev/null itself must stay what it is."""
    path = tmp_path / "file"
    make(path)
    with pytest.raises(OSError, match="not a regular file"):
        write(str(path), "new")
    assert Path("/dev/null").is_char_device()
    assert not path.is_file()
    assert os.listdir(tmp_path) == ["file"]


def test_a_missing_file(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none")) == ""
    assert read(str(tmp_path / "none"), missing=None) is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        write(str(path), "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_remove_takes_files_and_empty_folders_only(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    remove(*(str(tmp_path / name) for name in ("empty", "full", "file", "none")))
    assert os.listdir(tmp_path) == ["full"]
