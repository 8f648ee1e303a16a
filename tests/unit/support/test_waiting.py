# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tests wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.waiting import until


def test_a_file_that_goes_while_it_is_read_is_waited_for(tmp_path: Path) -> None:
    tries: list[int] = []

    def holds() -> bool:
        tries.append(1)
        if len(tries) == 2:
            (tmp_path / "file").write_text("there", "utf-8")
        return (tmp_path / "file").read_text("utf-8") == "there"

    assert until(holds)
    assert len(tries) == 2


def test_what_never_holds_ends_with_false_and_what_fails_is_raised(tmp_path: Path) -> None:
    assert not until(lambda: False, 0)
    assert not until((tmp_path / "file").read_text, 0.1)
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 / 0)
