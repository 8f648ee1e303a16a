# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection brings along as files: the vendors of the catalog, and what its roles take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import shown

from .files import Catalog, add_vendors, load_vendor_dirs
from .reserved import ROLES

_VENDORS = ROLES / "catalog" / "vars" / "vendors"


def read_catalog(folders: Any, custom_vendors: Any, base: Path) -> Catalog:
    """Return the shipped vendors, those in the folders, and the user's own.

    C{folders}: names of folders, a list of them, or of such lists; relative ones are taken from C{base}.
    Raises ValueError for a folder that is not there, and for what is neither folders nor vendors.
    """
    if custom_vendors is not None and not isinstance(custom_vendors, dict):
        raise ValueError(f"custom vendors are a dictionary of vendors by name, not {shown(custom_vendors)}")
    try:
        dirs = [base / Path(name).expanduser() for name in folder_names(folders, "vendor_dirs")]
    except RuntimeError:  # nobody has that home
        raise ValueError(f"vendor_dirs: {shown(folders)}: there is no such home folder") from None
    catalog = load_vendor_dirs([_VENDORS, *dirs])
    return add_vendors(catalog, custom_vendors or {})


def folder_names(value: Any, option: str) -> list[str]:
    """Return the names of folders or files: text with commas, a list of texts, or of such lists.

    Raises ValueError that names the option.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{option} are names of folders, not {shown(value)}")
    return [name for each in value for name in ([each] if isinstance(each, str) else folder_names(each, option))]


def shipped_files() -> dict[str, Path]:
    """Return the vendors of the collection, each with its file."""
    return {path.stem: path.resolve() for path in _VENDORS.glob("*.yml")}


def shipped_vendors() -> frozenset[str]:
    """Return the names of the vendors of the collection; all others are the user's, or from outside."""
    return frozenset(shipped_files())


def role_options() -> dict[str, frozenset[str]]:
    """Return the variables of each role by their names, C{{"nftables": {"nftables_egress_policy", ...}}}."""
    found = {}
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        specs = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        found[path.parts[-3]] = frozenset(specs["argument_specs"]["main"]["options"])
    return found
