# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests in namespaces share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.namespaces import SANDBOX
from tests.support.ssh import new_key
from tests.support.systems import LONG, SOAK

if TYPE_CHECKING:
    from tests.support.aws.module import Run
    from tests.support.aws.server import StrictAws


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long; with LONG_RUNS, what the short run has done. A soak runs what it names."""
    if SOAK:
        return

    def left_out(item: pytest.Item) -> bool:
        if item.get_closest_marker("soak"):
            return True
        is_long = item.get_closest_marker("long") is not None
        return not (is_long or item.get_closest_marker("sized")) if LONG else is_long

    skipped = [item for item in items if left_out(item)]
    config.hook.pytest_deselected(items=skipped)
    items[:] = [item for item in items if not left_out(item)]


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Fail, not skip, where namespaces cannot be made: these tests prove what the collection is for."""
    done = subprocess.run([SANDBOX, "--", "nft", "list", "ruleset"], capture_output=True, text=True, check=False)
    if done.returncode or done.stdout:
        pytest.fail(
            "integration tests need root, namespaces and nft, and send nothing without them: "
            + (done.stderr.strip() or "the sandbox has a ruleset of its own"),
            pytrace=False,
        )


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SSH key, which all machines accept."""
    return new_key(tmp_path_factory.mktemp("ssh"))


@pytest.fixture(scope="module")
def strict_aws() -> Iterator[StrictAws]:
    """Return an AWS of the file's own."""
    from tests.support.aws.server import serve  # imports moto, which other files do without

    with serve() as aws:
        yield aws


@pytest.fixture(scope="module")
def aws_run(strict_aws: StrictAws) -> Iterator[Run]:
    """Return what runs the AWS module in this process."""
    from tests.support.aws.module import in_process

    with in_process(strict_aws) as found:
        yield found
