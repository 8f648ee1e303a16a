# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo stops with the reason at the first step that goes otherwise than it should.

The steps of scripts/demo.py are run with a playbook and packets of the test's own; `make demo` itself needs root.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.repository import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "demo.py"
RECAP = "localhost : ok=7    changed={}    unreachable=0    failed=0"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    specification = importlib.util.spec_from_file_location("demo", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "ACCEPTED", [])
    answers = dict(zip([packet[:3] for packet in module.PACKETS], module.WANTED, strict=True))
    monkeypatch.setattr(module, "reach", lambda *packet: answers[packet])
    return module


def playbook(demo: ModuleType, home: Path, *runs: str) -> None:
    """Give the demo a playbook whose first, second, ... run is this shell script."""
    for number, script in enumerate(runs, 1):
        (home / f"run{number}").write_text(script, "utf-8")
    count = 'echo >>"$0/count"; n=$(wc -l <"$0/count"); . "$0/run$n"'
    demo.PLAYBOOK = ["sh", "-c", count, str(home)]


def test_all_goes_well(demo: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    playbook(demo, tmp_path, f"echo {RECAP.format(1)!r}; echo a warning >&2", f"echo {RECAP.format(0)!r}")
    demo.demonstrate()
    printed = capfd.readouterr()
    assert (printed.out.count("  allowed  "), printed.out.count("  stopped  ")) == (3, 4)
    assert printed.out.rstrip().endswith(RECAP.format(0))
    assert printed.err == ""


@pytest.mark.parametrize("script", ["echo it is so >&2; exit 1", "echo PLAY; echo it is so >&2; kill -9 $$"])
def test_the_first_run_fails(demo: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str) -> None:
    playbook(demo, tmp_path, script)
    with pytest.raises(demo.Failed, match=r"^the first run failed: ansible-playbook ended with"):
        demo.demonstrate()
    printed = capfd.readouterr()
    assert "it is so" in printed.err
    assert "allowed" not in printed.out
    assert "Real packets" not in printed.out


def test_a_first_run_that_says_nothing_has_failed(demo: ModuleType, tmp_path: Path) -> None:
    playbook(demo, tmp_path, "exit 0")
    with pytest.raises(demo.Failed, match="the first run failed"):
        demo.demonstrate()


def test_the_second_run_fails(demo: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    playbook(demo, tmp_path, f"echo {RECAP.format(1)!r}", "echo fatal: because; echo and so >&2; exit 2")
    with pytest.raises(demo.Failed, match=r"^the second run failed: ansible-playbook ended with 2"):
        demo.demonstrate()
    printed = capfd.readouterr()
    assert "fatal: because" in printed.out
    assert "and so" in printed.err


def test_the_second_run_changes_something(demo: ModuleType, tmp_path: Path) -> None:
    playbook(demo, tmp_path, f"echo {RECAP.format(1)!r}", f"echo {RECAP.format(1)!r}")
    with pytest.raises(demo.Failed, match="the second run changed something"):
        demo.demonstrate()


def test_a_packet_goes_otherwise(demo: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    playbook(demo, tmp_path, f"echo {RECAP.format(1)!r}")
    demo.reach = lambda *dummy: True
    with pytest.raises(demo.Failed, match="4 of 7 packets"):
        demo.demonstrate()
    printed = capfd.readouterr().out
    assert printed.count("-- should be stopped") == 4
    assert "Second run" not in printed


def test_no_peer(monkeypatch: pytest.MonkeyPatch, demo: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    started = subprocess.Popen
    monkeypatch.setattr(
        demo.subprocess, "Popen", lambda dummy, **options: started([sys.executable, "-c", ""], **options)
    )
    assert demo.main() == 1
    assert "error: the peer that plays the internet ended before it was here" in capfd.readouterr().err
