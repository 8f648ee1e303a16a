# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's interface is said twice, in its defaults and its argument spec: both say the same.

And every plugin documents itself and its options.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import REPOSITORY
from tests.support.roles import options

ROLES = sorted(path.name for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
PLUGINS = sorted(
    path
    for kind in ("filter", "lookup", "modules")
    for path in (REPOSITORY / "plugins" / kind).glob("*.py")
    if path.name != "__init__.py"
)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def text_of(value: Any) -> str:
    """A description as one string: Ansible takes one or a list."""
    return " ".join(value) if isinstance(value, list) else value or ""


def test_there_are_roles_and_plugins() -> None:
    assert {"catalog", "nftables"} <= set(ROLES)
    assert {"expand_ranges", "merge_vendors", "nftables_ruleset", "nftables"} <= {path.stem for path in PLUGINS}


@pytest.mark.parametrize("role", ROLES)
def test_defaults_equal_argument_spec(role: str) -> None:
    defaults = load(REPOSITORY / "roles" / role / "defaults" / "main.yml")
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert defaults == specified


@pytest.mark.parametrize("role", ROLES)
def test_options_without_default_are_required(role: str) -> None:
    open_ended = {name for name, option in options(role).items() if "default" not in option}
    assert open_ended == {name for name, option in options(role).items() if option.get("required")}


@pytest.mark.parametrize("role", ROLES)
def test_variables_bear_the_role_name(role: str) -> None:
    """Where the role has the name of a tool or a cloud, other people's variables begin with it too."""
    prefix = "catalog_" if role == "catalog" else f"{role}_egress_"
    assert [name for name in options(role) if not name.startswith(prefix)] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_described_and_typed(role: str) -> None:
    assert [
        name for name, option in options(role).items() if not text_of(option.get("description")) or "type" not in option
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_comment_in_the_defaults(role: str) -> None:
    """The defaults are what a user reads first: a comment stands above each variable, or above its neighbours."""
    blocks = (REPOSITORY / "roles" / role / "defaults" / "main.yml").read_text().split("\n\n")
    assert [block for block in blocks if not block.removeprefix("---\n").startswith("# ")] == []


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_plugins_are_documented(path: Path) -> None:
    blocks = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    documentation = yaml.safe_load(blocks["DOCUMENTATION"])
    assert documentation["name" if "module" not in documentation else "module"] == path.stem
    assert documentation["short_description"]
    assert text_of(documentation["description"])
    assert yaml.safe_load(blocks["EXAMPLES"])
    assert yaml.safe_load(blocks["RETURN"])
    assert [name for name, option in documentation["options"].items() if not text_of(option.get("description"))] == []
