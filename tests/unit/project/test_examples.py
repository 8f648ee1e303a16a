# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the documentation of every filter, lookup and task of the controller, run by ansible-playbook."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.filter import (
    expand_ports,
    expand_protocols,
    expand_ranges,
    expand_rows,
)

from tests.support.playbooks import PLAYBOOK, text_of
from tests.support.repository import REPOSITORY

FILTERS = sorted((REPOSITORY / "plugins" / "filter").glob("[a-z]*.py"))
HOSTS = ("nftables.py", "ufw.py", "firewalld.py")  # their examples run where there is such a host
ACTIONS = sorted(
    REPOSITORY / "plugins" / "modules" / path.name
    for path in (REPOSITORY / "plugins" / "action").glob("[a-z]*.py")
    if path.name not in HOSTS
)
LOOKUPS = sorted((REPOSITORY / "plugins" / "lookup").glob("[a-z]*.py"))
# What the examples of the lookup catalog find beside their playbook.
VENDOR = {
    "title": "Acme",
    "sources": [{"id": "acme", "title": "Acme's ports", "date": "2026-01-01", "notices": "none"}],
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "acme",
            "rows": [{"destination": "192.0.2.0/28", "ports": "443", "protocol": "TCP"}],
        }
    ],
}


def _play(path: Path) -> list[dict[str, Any]]:
    """Return the play of a plugin's examples; none if they are not YAML, which the plugin's own test then reports."""
    try:
        tasks = yaml.safe_load(text_of(path, "EXAMPLES"))
    except yaml.YAMLError:
        return []
    play = {"name": _title(path), "hosts": "localhost", "connection": "local", "gather_facts": False}
    # All plays run on one host: a failed example must not keep the other plugins' from running.
    return [{**play, "ignore_errors": True, "tasks": tasks}]


def _title(path: Path) -> str:
    """Return the name of the play with a plugin's examples; a filter and a task may have the same name."""
    return f"Examples of {path.parent.name} {path.stem}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run one playbook with a play for each plugin, and return how it went."""
    plays = [play for path in (*FILTERS, *LOOKUPS, *ACTIONS) for play in _play(path)]
    playbook = tmp_path_factory.mktemp("examples") / "examples.yml"
    playbook.write_text(yaml.safe_dump(plays, allow_unicode=True, sort_keys=False))
    playbook.with_name("vendors").mkdir()
    playbook.with_name("vendors").joinpath("acme.yml").write_text(yaml.safe_dump({"catalog_acme": VENDOR}))
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        [PLAYBOOK, "-i", "localhost,", playbook],
        cwd=REPOSITORY,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("path", [*FILTERS, *LOOKUPS, *ACTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_run(path: Path, run: subprocess.CompletedProcess[str]) -> None:
    tasks = yaml.safe_load(text_of(path, "EXAMPLES"))
    assert any("ansible.builtin.assert" in task for task in tasks), "an example without an assertion proves nothing"
    found = re.search(rf"^PLAY \[{_title(path)}\].*?(?=^PLAY )", run.stdout, re.MULTILINE | re.DOTALL)
    assert found, run.stdout + run.stderr
    output = found.group()
    assert output.count("\nTASK [") == len(tasks), output
    assert output.count("ok: [localhost]") == len(tasks), output
    assert "fatal:" not in output, output
    assert "...ignoring" not in output, output


@pytest.mark.parametrize("path", FILTERS, ids=lambda path: path.stem)
def test_documentation_names_the_filter(path: Path) -> None:
    documentation = yaml.safe_load(text_of(path, "DOCUMENTATION"))
    assert documentation["name"] == path.stem
    planning = "egress.allowlist.planning" in documentation.get("extends_documentation_fragment", [])
    assert "_input" in documentation["options"] or planning, "the fragment has it"
    assert "_value" in yaml.safe_load(text_of(path, "RETURN"))
    assert f"egress.allowlist.{path.stem}" in text_of(path, "EXAMPLES")


@pytest.mark.parametrize("path", LOOKUPS, ids=lambda path: path.stem)
def test_documentation_names_the_lookup(path: Path) -> None:
    documentation = yaml.safe_load(text_of(path, "DOCUMENTATION"))
    assert documentation["name"] == path.stem
    assert "_terms" in documentation["options"]
    assert "_raw" in yaml.safe_load(text_of(path, "RETURN"))
    assert f"egress.allowlist.{path.stem}" in text_of(path, "EXAMPLES")


def test_errors_reach_the_play_with_their_reason() -> None:
    for module, name, value, reason in (
        (expand_ports, "expand_ports", "83-80", "83 is larger than 80: write the lower port first"),
        (expand_protocols, "expand_protocols", "XTP", "'XTP' is not a known protocol"),
        (expand_ranges, "expand_ranges", ["3.7.161.256/28"], "octet 256 is larger than 255"),
        (expand_rows, "expand_rows", [{"vendor": "kudo"}], "row 1: service None is not a name"),
        (expand_rows, "expand_rows", [object()], "neither text, a number, a list nor a dictionary"),
    ):
        with pytest.raises(AnsibleFilterError, match=re.escape(reason)):
            module.FilterModule().filters()[name](value)
    with pytest.raises(AnsibleFilterError, match="not a valid boolean"):
        expand_ranges.FilterModule().filters()["expand_ranges"]([], collapse="perhaps")
