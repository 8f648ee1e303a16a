# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock, and the armed way back."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, remove, write
from ansible_collections.egress.allowlist.plugins.module_utils._host.revert import Revert, locked, read_command

from tests.support.commands import run
from tests.support.waiting import PATIENCE, until


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with locked(path):
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"another run holds .*lock"), locked(path, seconds=0.3):
            pass
        assert time.monotonic() - began >= 0.3
    with locked(path, seconds=0):
        pass


def test_a_lock_whose_file_was_removed_is_not_taken(tmp_path: Path) -> None:
    """Who waited for it must not run beside the one that made the file anew."""
    path, order = str(tmp_path / "lock"), []

    def wait() -> None:
        with locked(path, seconds=PATIENCE):
            order.append("second")

    with locked(path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.2)
        os.unlink(path)
        fresh = locked(path)
        fresh.__enter__()
    time.sleep(0.3)
    order.append("first")
    fresh.__exit__(None, None, None)
    waiting.join(PATIENCE)
    assert order == ["first", "second"]


@pytest.fixture
def revert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Revert:
    monkeypatch.setattr(systemd, "runs", lambda: False)
    made = Revert("test", str(tmp_path / "run with space"), str(tmp_path / "etc" / "candi'date"), run)
    write(made.rollback, "the old rules")
    return made


def propose(revert: Revert, token: str) -> None:
    """Write the candidate of a change."""
    write(revert.candidate, f"rules\n# token: {token}\n")


def elapse(revert: Revert, token: str) -> None:
    """Let the time of a way back be over at once, if it waits still, and wait until its process has ended."""
    file = Path(revert.folder, f"test.revert-{token}.pid")
    assert until(lambda: not file.exists() or revert.unit in read_command(read(file).strip() or "0"))
    waiting = read(file).strip()
    if waiting:
        assert until(lambda: _wakened(waiting))
    assert until(lambda: not read_command(waiting or "0"))


def _wakened(waiting: str) -> bool:
    try:
        children = Path(f"/proc/{waiting}/task/{waiting}/children").read_text("ascii").split()
        sleeping = [child for child in children if read_command(child).startswith("sleep")]
        for child in sleeping:
            os.kill(int(child), signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        return True  # it has ended
    return bool(sleeping)


def test_it_goes_back_and_tidies(revert: Revert, tmp_path: Path) -> None:
    propose(revert, "aa")
    assert revert.pending()
    revert.start(f"touch {tmp_path}/went-back", 600, "aa")
    assert until(Path(revert.folder, "test.revert-aa.pid").exists)
    assert not (tmp_path / "went-back").exists()
    elapse(revert, "aa")
    assert (tmp_path / "went-back").exists()
    assert until(lambda: not revert.pending() and os.listdir(revert.folder) == ["test.lock"])
    assert until(lambda: not (tmp_path / "etc").exists())


@pytest.mark.parametrize("decision", ["confirmed", "another change", "forgotten"])
def test_it_does_not_go_back_after_a_decision(revert: Revert, tmp_path: Path, decision: str) -> None:
    propose(revert, "aa")
    revert.start(f"touch {tmp_path}/went-back", 600, "aa")
    assert until(Path(revert.folder, "test.revert-aa.pid").exists)
    if decision == "confirmed":
        os.rename(revert.candidate, tmp_path / "confirmed")
    elif decision == "another change":
        propose(revert, "bb")
    else:
        revert.forget()
    elapse(revert, "aa")
    assert not (tmp_path / "went-back").exists()
    assert Path(revert.rollback).exists() is (decision != "forgotten")


def test_a_number_without_a_script_is_tidied(revert: Revert) -> None:
    propose(revert, "aa")
    Path(revert.folder, "test.revert-bb.pid").write_text("999999999\n")
    Path(revert.folder, "test.revert-cc.pid").write_text("\n")
    revert.stop(but="cc")
    assert [path.name for path in Path(revert.folder).glob("*.pid")] == ["test.revert-cc.pid"]


def test_a_way_back_that_is_stopped_before_it_began_leaves_nothing(
    revert: Revert, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[subprocess.Popen[bytes]] = []

    def run_late(command: list[str], text: str = "") -> tuple[int, str, str]:
        late.append(subprocess.Popen(["sh", "-c", 'sleep 0.3; exec "$@"', "sh", *command]))
        return 0, "", ""

    propose(revert, "aa")
    monkeypatch.setattr(revert, "_run", run_late)
    revert.start("true", 5, "aa")
    revert.stop()
    assert late[0].wait() == 0
    time.sleep(0.2)
    assert until(lambda: list(Path(revert.folder).glob("*.revert-*")) == [])


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what C{logger} writes into."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/logger").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/journal\n')
    (tmp_path / "bin/logger").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path / "journal"


def test_a_way_back_that_fails_is_tried_until_it_is_done(revert: Revert, tmp_path: Path, journal: Path) -> None:
    """It says in the journal what hinders it, once for each hindrance, and leaves the lock between two attempts."""
    propose(revert, "aa")
    why, tries = tmp_path / "why", tmp_path / "tries"
    why.write_text("the disk is full\n")
    revert.start(f"echo x >>{tries}; [ ! -e {why} ] || {{ cat {why} >&2; false; }}", 0, "aa")
    assert until(lambda: tries.exists() and len(tries.read_text()) >= 4, 60)
    assert until(lambda: revert.hindrance() == "the disk is full", 60)
    assert revert.pending()
    with locked(revert.lock):
        why.write_text("")
        with pytest.raises(
            TimeoutError, match=r"more than 0 seconds, it is process .*; the way back .* hindered by: the disk is full$"
        ):
            locked(revert.lock, seconds=0).__enter__()
    assert until(lambda: revert.hindrance() == "it ended with status 1", 60)
    why.unlink()
    assert until(lambda: os.listdir(revert.folder) == ["test.lock"], 60)
    assert until(lambda: not (tmp_path / "etc").exists(), 60)
    assert until(lambda: journal.read_text().count("\n") == 3, 60)
    first, second, last = journal.read_text().splitlines()
    assert first.startswith("-t egress-allowlist -p daemon.warning -- test: nobody confirmed the last change")
    assert first.endswith("tried again: the disk is full")
    assert second.endswith("tried again: it ended with status 1")
    assert last.startswith("-t egress-allowlist -p daemon.notice -- test: nobody confirmed the last change")


@pytest.mark.parametrize("decision", ["confirmed", "another change", "forgotten", "removed"])
def test_a_way_back_that_is_hindered_ends_with_a_decision(
    revert: Revert, tmp_path: Path, journal: Path, decision: str
) -> None:
    propose(revert, "aa")
    revert.start("echo no >&2; false", 0, "aa")
    assert until(lambda: revert.hindrance() == "no" and journal.exists(), 60)
    script = f"{revert.folder}/test.revert-aa"
    process = read(script + ".pid").strip()
    assert script in read_command(process)
    with locked(revert.lock):
        if decision == "confirmed":
            os.rename(revert.candidate, tmp_path / "confirmed")
        elif decision == "another change":
            propose(revert, "bb")
        elif decision == "forgotten":
            revert.forget()
        else:
            os.unlink(revert.candidate)
            remove(revert.rollback, script, script + ".pid", script + ".hindered", revert.lock, revert.folder)
    assert until(lambda: not read_command(process), 90)
    assert "daemon.notice" not in journal.read_text()
    assert Path(revert.folder).exists() is (decision != "removed")


def test_who_holds_the_lock_for_long_is_waited_for_and_named(revert: Revert, tmp_path: Path, journal: Path) -> None:
    propose(revert, "aa")
    with locked(revert.lock):
        revert.start(f"touch {tmp_path}/went-back", 0, "aa")
        assert until(lambda: journal.exists() and journal.read_text().endswith("\n"), 60)
        assert not (tmp_path / "went-back").exists()
    assert f"another run holds {revert.lock}" in journal.read_text()
    assert until((tmp_path / "went-back").exists, 60)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_script_is_understood_by_every_shell(revert: Revert, tmp_path: Path, journal: Path, shell: str) -> None:
    """Also without its folder, which a boot empties, and where its lock cannot be made."""
    propose(revert, "aa")
    revert.start(f"[ -e {tmp_path}/ready ] && touch {tmp_path}/went-back", 600, "aa")
    script = f"{revert.folder}/test.revert-aa"
    os.mkdir(revert.lock)
    going = subprocess.Popen([shell, script, "aa"])
    assert until(journal.exists, 60)
    assert "test.lock" in journal.read_text()
    os.rmdir(revert.lock)
    assert until(lambda: "it ended with status 1" in journal.read_text(), 60)
    (tmp_path / "ready").touch()
    assert going.wait(90) == 0
    assert (tmp_path / "went-back").exists()
    assert os.listdir(revert.folder) == ["test.lock"]
    revert.stop()


def test_it_waits_for_a_run_that_holds_the_lock(revert: Revert, tmp_path: Path) -> None:
    propose(revert, "aa")
    with locked(revert.lock):
        revert.start(f"touch {tmp_path}/went-back", 0, "aa")
        assert not until((tmp_path / "went-back").exists, 0.4)
    assert until((tmp_path / "went-back").exists)


def test_stopping_ends_the_process_and_spares_the_one_in_force(revert: Revert) -> None:
    pids = {}
    for token in ("aa", "bb"):
        revert.start("true", 30, token)
        file = f"{revert.folder}/test.revert-{token}.pid"
        assert until(lambda file=file: revert.unit in read_command(read(file).strip() or "0"))
        pids[token] = read(file).strip()
    revert.stop(but="bb")
    assert until(lambda: not read_command(pids["aa"]))
    assert revert.unit in read_command(pids["bb"])
    assert sorted(os.listdir(revert.folder)) == ["test.revert-bb", "test.revert-bb.pid", "test.rollback"]
    revert.forget()
    assert until(lambda: not read_command(pids["bb"]))
    assert os.listdir(revert.folder) == []
