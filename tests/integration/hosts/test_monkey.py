# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of all that happens to a host, on machines that boot: see tests/support/monkey.

The seed decides a sequence: SOAK_SEED, the backend and the number.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.support.monkey import steps
from tests.support.monkey.machine import WiredMachine
from tests.support.monkey.others import SITUATIONS
from tests.support.monkey.sequence import Sequence
from tests.support.systems import LONG, SOAK

COUNT = 4 if LONG else 1  # sequences for each backend
STEPS = 10 if LONG else 6


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SSH key, which all machines accept."""
    path = tmp_path_factory.mktemp("ssh") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.mark.sized
@pytest.mark.parametrize("number", range(COUNT))
@pytest.mark.parametrize("backend", SITUATIONS)
def test_a_sequence(backend: str, number: int, key: Path, tmp_path: Path) -> None:
    random = Random(f"{SOAK}monkey {backend} {number}")
    suite, situation = random.choice(("bookworm", "trixie")), random.choice(SITUATIONS[backend])
    with (
        WiredMachine(suite, f"{backend}-monkey", key) as machine,
        WiredMachine(suite, f"{backend}-twin", key) as twin,
    ):
        sequence = Sequence(backend, situation, random, machine, twin, tmp_path)
        try:
            sequence.begin()
            for name in sequence.choices:
                sequence.learn(name)
            steps.do(sequence, STEPS)
            sequence.finish()
        finally:
            print("\n".join(sequence.log))
            sequence.end()
