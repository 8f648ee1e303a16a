# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` leaves out is in `make test-long`, and continuous integration runs both."""

from __future__ import annotations

import re

from tests.support.repository import REPOSITORY


def targets(name: str) -> set[str]:
    """Return what a target of the Makefile runs by scripts/checks.sh."""
    found = re.search(rf"^{name}:.*\n\t@scripts/checks.sh (.*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert found
    return set(re.split(r"[ +]", found.group(1)))


def test_each_check_has_its_long_part() -> None:
    assert targets("test") == {"lint", "unit", "molecule", "integration"}
    assert targets("test-long") == {"sanity", "unit-long", "integration-long", "molecule-long", "matrix"}
    commands = re.findall(r"^make (\S+)", (REPOSITORY / ".ci/run").read_text(), re.MULTILINE)
    assert {"test", "test-long", "soak-slice"} <= set(commands)


def test_each_scenario_is_in_one_of_the_two() -> None:
    lists = re.findall(r"^(?:short|more)=\((.*)\)", (REPOSITORY / "scripts/molecule.sh").read_text(), re.MULTILINE)
    assert len(lists) == 2
    there = {path.parent.name for path in (REPOSITORY / "extensions/molecule").glob("*/molecule.yml")} - {"default"}
    assert sorted(" ".join(lists).split()) == sorted(there)
