# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all clouds have in common: words, differences, and what they return."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.module_utils._clouds import call
from ansible_collections.egress.allowlist.plugins.module_utils._model import opened

from tests.support.repository import REPOSITORY

CLOUDS = ("aws", "azure", "gcp", "openstack")
COMMON = {
    "state": ("str", "present"),
    "name": ("str", "egress-allowlist"),
    "policy": ("str", "unmanaged"),
    "names": ("str", ""),
    "widen_at_most": ("int", 0),
    "join_services": ("bool", False),
    "allow": ("list", []),
}
UDP = "udp/3478 to 3.25.48.0/28  kudo: media"
TCP = "tcp/443 to 3.25.48.0/28  kudo: media"


class Module:
    """What the functions use of an AnsibleModule."""

    def __init__(self, diff: bool = False) -> None:
        self._diff = diff
        self.failed: dict[str, Any] = {}

    def fail_json(self, **result: Any) -> None:
        self.failed = result


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (("udp", 3478, 3478, "3.25.48.0/28", "kudo: media"), UDP),
        (("tcp", 8801, 8810, "3.25.48.0/28", ""), "tcp/8801-8810 to 3.25.48.0/28"),
        (("tcp", 443, None, "3.25.48.0/28"), "tcp/443 to 3.25.48.0/28"),
        (("tcp", 443, 443, "::/0", ["kudo: media", "zoom: web"]), "tcp/443 to ::/0  kudo: media, zoom: web"),
        (("-1", None, None, "0.0.0.0/0"), "all to 0.0.0.0/0"),
        (("all", 0, 65535, "everywhere"), "all to everywhere"),
        (("icmp", None, None, "0.0.0.0/0"), "icmp to 0.0.0.0/0"),
        (("udp", 0, 0, "0.0.0.0/0"), "udp/0 to 0.0.0.0/0"),
    ],
)
def test_a_rule_in_words(rule: tuple[Any, ...], text: str) -> None:
    assert opened.line(*rule) == text


def test_differences_say_first_what_goes() -> None:
    kept = "tcp/80 to 3.25.48.0/28  kudo: media"
    assert opened.differences([UDP, kept], [kept, TCP, "a"]) == [f"- {UDP}", "+ a", f"+ {TCP}"]
    assert opened.differences([UDP, kept], [kept, UDP]) == []


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


def test_module_defaults_reach_all_modules_of_a_cloud() -> None:
    groups = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())["action_groups"]
    assert groups.keys() == {*CLOUDS, "clouds"}
    for cloud in CLOUDS:
        assert groups[cloud] == [f"{cloud}_security_group"]
    assert groups["clouds"] == [name for cloud in CLOUDS for name in groups[cloud]]


def specified(cloud: str) -> dict[str, Any]:
    """Return the options of a cloud's role by their names without the role's."""
    specs = yaml.safe_load((REPOSITORY / "roles" / cloud / "meta" / "argument_specs.yml").read_text())
    return {
        name.removeprefix(f"{cloud}_egress_"): option
        for name, option in specs["argument_specs"]["main"]["options"].items()
    }


@pytest.mark.parametrize("cloud", CLOUDS)
def test_roles_share_their_first_variables(cloud: str) -> None:
    options = specified(cloud)
    assert {name: (options[name]["type"], options[name].get("default")) for name in COMMON} == COMMON
    assert options["state"]["choices"] == ["present", "absent"]
    assert options["policy"]["choices"] == ["unmanaged", "deny"]
    fqdn = ["fqdn"] if cloud == "gcp" else []
    assert sorted(options["names"]["choices"]) == sorted(["", "report", "resolve", *fqdn])


@pytest.mark.parametrize("cloud", CLOUDS)
def test_modules_and_filters_take_what_all_have(cloud: str) -> None:
    def documented(kind: str, name: str) -> dict[str, Any]:
        text = (REPOSITORY / "plugins" / kind / f"{name}.py").read_text()
        return yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])

    module = documented("modules", f"{cloud}_security_group")
    assert "egress.allowlist.cloud" in module["extends_documentation_fragment"]
    assert not {"state", "name", "plan"} & module["options"].keys()
    assert (
        "egress.allowlist.planning"
        in documented("filter", f"{cloud}_security_group_plan")["extends_documentation_fragment"]
    )
