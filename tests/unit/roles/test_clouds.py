# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, modules and filters of all clouds have the same options for the same things."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.playbooks import text_of
from tests.support.repository import REPOSITORY
from tests.support.roles import options

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


def test_module_defaults_reach_all_modules_of_a_cloud() -> None:
    groups = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())["action_groups"]
    assert groups.keys() == {*CLOUDS, "clouds"}
    for cloud in CLOUDS:
        assert groups[cloud] == [f"{cloud}_security_group"]
    assert groups["clouds"] == [name for cloud in CLOUDS for name in groups[cloud]]


def specified(cloud: str) -> dict[str, Any]:
    """Return the options of a cloud's role by their names without the role's."""
    return {name.removeprefix(f"{cloud}_egress_"): option for name, option in options(cloud).items()}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_roles_share_their_first_variables(cloud: str) -> None:
    found = specified(cloud)
    assert {name: (found[name]["type"], found[name].get("default")) for name in COMMON} == COMMON
    assert found["state"]["choices"] == ["present", "absent"]
    assert found["policy"]["choices"] == ["unmanaged", "deny"]
    fqdn = ["fqdn"] if cloud == "gcp" else []
    assert sorted(found["names"]["choices"]) == sorted(["", "report", "resolve", *fqdn])


@pytest.mark.parametrize("cloud", CLOUDS)
def test_modules_and_filters_take_what_all_have(cloud: str) -> None:
    def documented(kind: str, name: str) -> dict[str, Any]:
        return yaml.safe_load(text_of(REPOSITORY / "plugins" / kind / f"{name}.py", "DOCUMENTATION"))

    module = documented("modules", f"{cloud}_security_group")
    assert "egress.allowlist.cloud" in module["extends_documentation_fragment"]
    assert not {"state", "name", "plan"} & module["options"].keys()
    assert (
        "egress.allowlist.planning"
        in documented("filter", f"{cloud}_security_group_plan")["extends_documentation_fragment"]
    )
