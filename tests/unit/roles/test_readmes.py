# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README of each role: as its argument spec has it, and with an example that Ansible takes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from scripts import role_readmes
from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY

ROLES = sorted(path for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
SPEC = """
argument_specs:
  main:
    short_description: Do it
    description:
      - Sets C(a_fact), see V(all) of O(do_it_things), not a*b or <c>.
      - Needs nothing.
    examples: |
      - hosts: all
    options:
      do_it_things:
        description: [Things., "Read as C(a|b)."]
        type: list
        elements: dict
        default: []
        options:
          place:
            description: Where.
            type: dict
            options:
              port: {description: Which., type: int, required: true}
      do_it_how:
        description: How.
        type: str
        choices: ["", well]
        default: ""
"""
TABLE = r"""
| `do_it_things` | list of dict | `[]` |  | Things. Read as `a\|b`. |
| `do_it_things[].place` | dict |  |  | Where. |
| `do_it_things[].place.port` | int | **required** |  | Which. |
| `do_it_how` | str | `""` | `""`, `well` | How. |
"""


def _options(options: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every option, those inside others too."""
    for option in options.values():
        yield option
        yield from _options(option.get("options", {}))


def _spec(role: Path) -> dict[str, Any]:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    assert specs.keys() == {"main"}, f"{role.name}: a README tells of one entry point"
    return dict(specs["main"])


def _example(role: Path) -> str:
    """Return the first play of a role's README."""
    found = re.search(r"^## Example\n\n```yaml\n(.*?)^```$", (role / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{role.name}: no example"
    return found[1]


def test_every_role_has_what_the_argument_spec_says() -> None:
    files = role_readmes.files()
    assert files.keys() == {role / name for role in ROLES for name in ("README.md", "meta/main.yml")}
    wrong = [str(path.relative_to(REPOSITORY)) for path, text in files.items() if path.read_text() != text]
    assert wrong == [], "type: make readmes"


def test_a_spec_becomes_a_readme(tmp_path: Path) -> None:
    path = tmp_path / "do_it" / "meta" / "argument_specs.yml"
    path.parent.mkdir(parents=True)
    path.write_text(SPEC)
    text = role_readmes.readme(path.parents[1])
    assert "# egress.allowlist.do_it\n\nDo it.\n\n" in text
    assert r"Sets `a_fact`, see `all` of `do_it_things`, not a\*b or \<c>." in text
    assert "## Example\n\n```yaml\n- hosts: all\n```\n\n## Variables\n" in text
    assert TABLE in text
    assert "[docs/do_it.md](../../docs/do_it.md)" in text
    assert text.endswith("## Dependencies\n\nNeeds nothing.\n")
    path.write_text(SPEC.replace("C(a_fact)", "P(a_fact)"))
    with pytest.raises(ValueError, match="a_fact"):
        role_readmes.readme(path.parents[1])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_variable_has_a_row(role: Path) -> None:
    """Counted here by itself, so that a table that loses rows is seen."""
    table = re.findall(r"^\| `([^`]+)` \|", (role / "README.md").read_text(), re.MULTILINE)
    assert len(set(table)) == len(table) == len(list(_options(_spec(role)["options"])))
    assert "\n## Dependencies\n\nNeeds " in (role / "README.md").read_text()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_example_gives_values_that_the_roles_take(role: Path) -> None:
    [play] = yaml.safe_load(_example(role))
    [used] = play["roles"]
    assert used["role"] == f"egress.allowlist.{role.name}"
    taken = _spec(REPOSITORY / "roles" / "catalog")["options"] | _spec(role)["options"]
    assert ArgumentSpecValidator(taken).validate(used["vars"]).error_messages == []


def test_ansible_takes_the_examples(tmp_path: Path) -> None:
    """All are parsed, with the roles that they name; that of the catalog, which touches no host, is run."""
    playbooks = []
    for role in ROLES:
        playbooks.append(tmp_path / f"{role.name}.yml")
        playbooks[-1].write_text(_example(role))
    _playbook("--syntax-check", *playbooks)
    _playbook(tmp_path / "catalog.yml")
    lines = (tmp_path / "kudo.csv").read_text().splitlines()
    assert any("168.100.64.0/18" in line for line in lines), lines


def _playbook(*arguments: str | Path) -> None:
    done = subprocess.run(
        [PLAYBOOK, *arguments],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
