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

from tests.support.playbooks import blocks
from tests.support.repository import REPOSITORY
from tests.support.roles import options

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ROLE_PAGES = sorted((REPOSITORY / "roles").glob("*/README.md"))
BACKENDS = sorted(path.name for path in (REPOSITORY / "roles").iterdir() if path.is_dir() and path.name != "catalog")
PLUGINS = sorted(
    path.stem for kind in ("filter", "lookup", "modules") for path in (REPOSITORY / "plugins" / kind).glob("[a-z]*.py")
)
CLOUDS = ("aws", "azure", "gcp", "openstack")
# What is called like a variable of a role and is none: filters, modules.
_NO_VARIABLE = {
    "nftables_ruleset",
    "ufw_rules",
    "firewalld_objects",
    *(f"{name}_security_group{plan}" for name in CLOUDS for plan in ("", "_plan")),
    "aws_config",  # an option of amazon.aws
}


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where it is read."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def roles_of_plays(page: Path) -> Iterator[dict[str, Any]]:
    """Yield each role, with its variables, of the plays in a page."""
    for text in blocks(page):
        found = yaml.safe_load(text)
        for play in found if isinstance(found, list) else []:
            yield from play.get("roles", []) if isinstance(play, dict) else []


@pytest.mark.parametrize("page", PAGES + ROLE_PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        path, _hash, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES + ROLE_PAGES, ids=name_of)
def test_variables_exist(page: Path) -> None:
    for backend in BACKENDS:
        named = set(re.findall(rf"(?<![\w/.-]){backend}_[a-z_]+[a-z]\b(?![.…-])", page.read_text()))
        assert named - options(backend).keys() - _NO_VARIABLE == set()


def test_the_plays_of_the_pages_give_roles_what_they_take() -> None:
    found = [(name_of(page), role) for page in PAGES + ROLE_PAGES for role in roles_of_plays(page)]
    pages = {"README.md", *(f"docs/{name}.md" for name in ("names", "clouds", *CLOUDS)), *map(name_of, ROLE_PAGES)}
    assert pages <= {name for name, _role in found}
    for name, role in found:
        backend = role["role"].removeprefix("egress.allowlist.")
        unknown = role["vars"].keys() - options(backend).keys() - options("catalog").keys()
        assert not unknown, f"{name}: {unknown}"


def test_every_role_and_plugin_is_named_somewhere() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    # Whoever uses a role never sees the filter and the lookups in it; ansible-doc tells of them.
    inner = {"compile_allowlist", "summarise_allowlist", "explain_destination", "export_allowlist", "catalog"}
    inner |= {"read_options"}  # the first task of our playbooks
    inner |= {"nftables_host", "ufw_host", "firewalld_host"}  # what tasks run on the host
    assert [name for name in (*BACKENDS, *PLUGINS) if not re.search(rf"\b{name}\b", text) and name not in inner] == []


def test_every_page_is_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#\s]+)", PAGES[0].read_text()))
    assert {f"docs/{page.name}" for page in PAGES[1:]} - linked == set()


def test_what_clouds_need_is_said_alike_everywhere() -> None:
    """The page for people, what ansible-builder reads, and what the tests install."""

    def listed(path: str) -> set[str]:
        lines = (REPOSITORY / path).read_text().splitlines()
        return {line for line in lines if line and not line.startswith(("#", "-"))}

    lines = re.findall(r"`python -m pip install ([^`]+)`", (REPOSITORY / "docs" / "clouds.md").read_text())
    assert len(lines) == len(CLOUDS)
    assert {name for line in lines for name in line.split()} == listed("meta/ee-requirements.txt")
    assert listed("meta/ee-requirements.txt") == listed("requirements/clouds.txt")
