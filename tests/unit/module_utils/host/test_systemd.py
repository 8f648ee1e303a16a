# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd tells of a unit."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd


def test_a_property_of_a_unit() -> None:
    asked = []

    def show(command: list[str]) -> tuple[int, str, str]:
        asked.append(command)
        return 0, "UnitFileState=\n", ""

    assert systemd.unit_state(show, "x.timer", "UnitFileState") == ""
    assert asked == [["systemctl", "show", "--property=UnitFileState", "x.timer"]]
    for answer in ((1, "", "Failed to connect to bus"), (0, "", ""), (1, "ActiveState=active\n", "")):
        with pytest.raises(OSError, match=r"Failed to connect to bus|no answer"):
            systemd.unit_state(lambda command, answer=answer: answer, "x.timer", "ActiveState")
