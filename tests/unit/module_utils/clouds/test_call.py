# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all clouds return and say."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds import call

UDP = "udp/3478 to 3.25.48.0/28  kudo: media"
TCP = "tcp/443 to 3.25.48.0/28  kudo: media"


class Module:
    """What the functions use of an AnsibleModule."""

    def __init__(self, diff: bool = False) -> None:
        self._diff = diff
        self.failed: dict[str, Any] = {}

    def fail_json(self, **result: Any) -> None:
        self.failed = result


@pytest.mark.parametrize("diff", [True, False])
def test_what_a_call_returns(diff: bool) -> None:
    unit = call.unit("rules", 1, 1, 60)
    returned = call.result(Module(diff), [UDP], [TCP], ["a note", "a note"], [unit], 7)
    lines = [f"- {UDP}", f"+ {TCP}"]
    expected: dict[str, Any] = {"changed": True, "differences": lines, "notes": ["a note"], "calls": 7}
    expected["units"] = [{"quota": "rules", "before": 1, "after": 1, "limit": 60}]
    if diff:
        expected["diff"] = {"prepared": f"- {UDP}\n+ {TCP}\n"}
    assert returned == expected


def test_nothing_new_is_no_change_and_no_diff_unless_something_was_written() -> None:
    same = call.result(Module(True), [UDP], [UDP], [], [], 2)
    assert (same["changed"], same["differences"], "diff" in same) == (False, [], False)
    assert call.result(Module(), [UDP], [UDP], [], [], 2, changed=True)["changed"] is True


def test_a_missing_library_says_what_installs_it() -> None:
    module = Module()
    call.missing_library(module, "boto3", "boto3", "Traceback ...\nModuleNotFoundError: No module named 'boto3'\n")
    assert module.failed["msg"] == (
        f"the Python library boto3 is missing on {sys.executable}: install it with '{sys.executable} -m pip install "
        "boto3' (ModuleNotFoundError: No module named 'boto3')"
    )
    assert module.failed["exception"].startswith("Traceback")


def test_above_a_limit_the_message_names_quota_need_and_ways_out() -> None:
    assert call.over("rules for IPv4 in a group", 1061, 60, ["raise the quota", "choose fewer regions"]) == (
        "this does not fit: rules for IPv4 in a group: 1,061 needed, 60 free, 1,001 too many. "
        "Ways out: raise the quota; choose fewer regions"
    )
    assert call.over("rules", 61, 60) == "this does not fit: rules: 61 needed, 60 free, 1 too many"


def test_a_failed_call_says_what_it_did() -> None:
    assert call.so_far(0) == "nothing was written"
    assert call.so_far(3) == "what stands in differences was done, and the next run completes it"
