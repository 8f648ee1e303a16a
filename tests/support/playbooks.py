# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running playbooks on the controller, and the plays and tasks that pages and plugins print."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.support.namespaces import SANDBOX
from tests.support.repository import REPOSITORY

PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


def play(*arguments: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in a sandbox of its own, with the collection and configuration of the repository."""
    command = [SANDBOX, "--", "env", f"ANSIBLE_CONFIG={REPOSITORY}/ansible.cfg", "ANSIBLE_NOCOLOR=1", PLAYBOOK]
    return subprocess.run([*map(str, [*command, *arguments])], cwd=cwd, capture_output=True, text=True, check=False)


def blocks(page: Path, language: str = "yaml") -> list[str]:
    """Return a page's blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def text_of(plugin: Path, name: str) -> str:
    """Return a text that a plugin assigns to C{name}, as EXAMPLES, without importing the plugin."""
    for node in ast.parse(plugin.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{plugin.name} has no {name}")
