# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation for people: its links lead somewhere, its variables exist, its plays say what roles take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BACKENDS = ("nftables", "ufw", "firewalld")
# What the maps, sets and files of the backends are called, and what a role registers: no variables.
_NO_VARIABLE = {"nftables_ruleset", "ufw_rules", "firewalld_objects"}


def options(role: str) -> set[str]:
    specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name for spec in specs.values() for name in spec.get("options", {})}


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where it is read."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def roles_of_plays(page: Path) -> Iterator[dict[str, Any]]:
    """Yield each role, with its variables, of the plays in a page."""
    for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        found = yaml.safe_load(text)
        for play in found if isinstance(found, list) else []:
            yield from play.get("roles", []) if isinstance(play, dict) else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        path, _hash, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_exist(page: Path) -> None:
    for backend in BACKENDS:
        named = set(re.findall(rf"(?<![\w/.-]){backend}_[a-z_]+[a-z]\b(?![.…-])", page.read_text()))
        assert named - options(backend) - _NO_VARIABLE == set()


def test_the_plays_of_the_pages_give_roles_what_they_take() -> None:
    found = [(page.name, role) for page in PAGES for role in roles_of_plays(page)]
    assert {"README.md", "names.md"} <= {name for name, _role in found}
    for name, role in found:
        backend = role["role"].removeprefix("egress.allowlist.")
        unknown = role["vars"].keys() - options(backend) - options("catalog")
        assert not unknown, f"{name}: {unknown}"
