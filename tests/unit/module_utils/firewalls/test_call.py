# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all host backends have in common: how they run a command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.call import Call, _not_confirmed

CALL = cast(Call, SimpleNamespace(module=SimpleNamespace(run_command_environ_update={"LANG": "C"})))


def test_a_command_that_does_not_read_its_input_is_heard_all_the_same() -> None:
    """More than a pipe holds: who writes it gets a broken pipe each time."""
    done = Call.run(CALL, ["sh", "-c", "echo no memory >&2; echo half; exit 4"], "x" * 1_000_000)
    assert done == (4, "half\n", "no memory\n")


def test_a_command_gets_its_input_and_its_language() -> None:
    assert Call.run(CALL, ["sh", "-c", 'cat; echo "$LANG"'], "näme") == (0, "näme\nC\n", "")


def test_a_command_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Call.run(CALL, ["/nowhere/nft"], "text")


@pytest.mark.parametrize(
    ("candidate", "tail"),
    [
        ("# token: mine\n", "; the host goes back to the old rules by itself"),
        ("# token: theirs\n", "; the change of another run waits for its confirmation on this host"),
        ("", "; no change waits for a confirmation on this host"),
    ],
)
def test_a_confirmation_that_fails_says_what_waits(tmp_path: Path, candidate: str, tail: str) -> None:
    path = tmp_path / "candidate"
    path.write_text(candidate, "utf-8")
    applier = SimpleNamespace(revert=SimpleNamespace(candidate=str(path), pending=lambda: bool(candidate)))
    assert _not_confirmed("the lock is held", "mine", applier) == f"not confirmed: the lock is held{tail}"
