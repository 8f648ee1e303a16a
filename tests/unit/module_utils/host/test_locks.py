# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of files: who holds one, who waits for it, and who goes first."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import locks, revert

from tests.support.waiting import PATIENCE, until

HOLD = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.{kind}(lock, fcntl.LOCK_EX)
open(sys.argv[1] + ".got", "a").write("got\\n")
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def other(path: Path, seconds: float, kind: str = "lockf") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that takes the lock, as soon as it gets it, for some seconds."""
    # Shown as "ufw -c ...", however long the paths of this machine are: a command is cut after 200 letters.
    command = ["ufw", "-c", HOLD.format(kind=kind), str(path), str(seconds)]
    process = subprocess.Popen(command, executable=sys.executable)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def got(path: Path) -> int:
    """Return how often others have got the lock."""
    file = Path(f"{path}.got")
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_lock_that_is_held_for_too_long_is_an_error_that_names_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other(path, 60) as process:
        assert until(lambda: got(path))
        began = time.monotonic()
        with pytest.raises(TimeoutError) as error, locks.held(str(path), 0.4):
            pass
        assert 0.4 <= time.monotonic() - began < PATIENCE
        told = str(error.value)
        assert told.startswith(f"the lock {path} is held by process {process.pid} (ufw -c ")
        assert told.endswith(") since more than 0.4 seconds")


def test_a_lock_of_ours_names_who_holds_it_too(tmp_path: Path) -> None:
    path = tmp_path / "nftables.lock"
    with other(path, 60, "flock") as process:
        assert until(lambda: got(path))
        with (
            pytest.raises(TimeoutError, match=rf"seconds, it is process {process.pid} \("),
            revert.locked(str(path), 0.1),
        ):
            pass


def test_who_waits_is_seen_and_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with ExitStack() as ends:
        with locks.held(str(path), 5) as handle:
            assert locks.waiters(handle) == []
            waiting = ends.enter_context(other(path, 0.3))
            assert until(lambda: locks.waiters(handle) == [waiting.pid])
            assert got(path) == 0
        with locks.held(str(path), PATIENCE) as handle:
            assert got(path) == 1, "who waited has had it before us"
            assert locks.waiters(handle) == []


def test_a_lock_that_nobody_made_is_made_for_root_only(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.held(str(path), 5):
        assert path.stat().st_mode & 0o777 == 0o600
    assert locks.by(str(path)) == ""
    assert locks.by(str(tmp_path / "none")) == ""


def guarded(path: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the way back does."""
    program = [sys.executable, locks.__file__, str(path), command]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_the_way_back_runs_under_the_lock_and_tells_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    taken = f"{sys.executable} -c \"import fcntl; fcntl.lockf(open('{path}', 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)\""
    done = guarded(path, f"{taken} 2>/dev/null && echo free; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_the_way_back_does_not_depend_on_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other(path, 60):
        assert until(lambda: got(path))
        began = time.monotonic()
        done = guarded(path, "echo done")
        assert (done.returncode, done.stdout) == (0, "done\n")
        assert time.monotonic() - began < 2 * locks._SECONDS + PATIENCE
    assert guarded(tmp_path / "no" / "such", "echo done").stdout == "done\n"


def test_the_way_back_runs_again_where_somebody_waited_with_what_was_read_before(tmp_path: Path) -> None:
    path, rules = tmp_path / "lock", tmp_path / "rules"
    rules.write_text("unconfirmed\n")
    stale = tmp_path / "stale.py"
    stale.write_text(
        "import fcntl, sys\n"
        f"old = open({str(rules)!r}).read()\n"
        f"lock = open({str(path)!r}, 'w')\n"
        "fcntl.lockf(lock, fcntl.LOCK_EX)\n"
        f"open({str(rules)!r}, 'w').write(old + 'of the user\\n')\n"
    )
    start = f"[ -e {tmp_path}/began ] || {{ touch {tmp_path}/began; {sys.executable} {stale} & sleep 1; }}"
    done = guarded(path, f"{start}; echo turn; echo confirmed >{rules}")
    assert done.stdout.splitlines() == ["turn", "turn"]
    assert rules.read_text() == "confirmed\n"
