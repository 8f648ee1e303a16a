# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of soaks: what it runs is there, its blocks follow from the seed, and a run goes on where it ended."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import REPOSITORY

SCRIPT = REPOSITORY / "scripts/soak.py"


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The runner as a module, with a cache and a page of its own, whose blocks take no time."""
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "soak", made)
    spec.loader.exec_module(made)
    monkeypatch.setattr(made, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(made, "PAGE", tmp_path / "soak.md")
    return made


def test_what_it_runs_is_there(soak: Any) -> None:
    named = [word for arguments in soak.KINDS.values() for word in arguments if word.startswith("tests/")]
    for file, _colons, test in (word.partition("::") for word in named):
        path = REPOSITORY / file
        assert path.exists(), file
        tree = ast.parse(path.read_text("utf-8")) if test else ast.Module([], [])
        assert not test or test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_a_run_goes_on_with_the_next_blocks(soak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str, int]] = []

    def run(blocks: Any, kind: str, number: int) -> bool:
        ran.append((blocks._seed, kind, number))
        if len(ran) % 3 == 0:
            blocks.end = 0
        return (kind, number) != ("ufw", 1)

    monkeypatch.setattr(soak.signal, "signal", lambda *_given: None)
    monkeypatch.setattr(soak, "AT_ONCE", 1)
    monkeypatch.setattr(soak.Blocks, "run", run)
    codes = [soak.soak(soak.begun(seed), ["aws", "ufw"], 60) for seed in ("7", None)]
    assert ran == [("7", kind, number) for number in range(3) for kind in ("aws", "ufw")]
    assert codes == [0, 1]
    lines = [line.split(" | ")[1:] for line in soak.PAGE.read_text("utf-8").splitlines()]
    assert lines == [["7", "aws 2, ufw 1", "0 min", "nothing |"], ["7", "aws 1, ufw 2", "0 min", "ufw 1 |"]]
    assert soak.begun("8").blocks == {}


def test_the_seed_of_a_block_follows_from_that_of_the_run(soak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def begin(command: list[str], **options: Any) -> subprocess.Popen[str]:
        commands.append([*command, options["env"]["SOAK_SEED"]])
        return subprocess.Popen(["echo", "1 passed"], stdout=subprocess.PIPE, text=True)

    monkeypatch.setattr(soak, "subprocess", type("Module", (), {**vars(subprocess), "Popen": staticmethod(begin)}))
    for seed, kind, number in (("7", "aws", 0), ("7", "aws", 0), ("7", "aws", 1), ("8", "aws", 0), ("7", "gcp", 0)):
        assert soak.Blocks(seed, small=True, end=0).run(kind, number)
    seeds = [command[-1] for command in commands]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 4
    assert all(f"--hypothesis-seed={command[-1]}" in command for command in commands)
