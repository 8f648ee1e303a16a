# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection brings along as files: the vendors of the catalog, and what its roles take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from .files import Catalog, add_vendors, load_vendor_dirs

_ROLES = Path(__file__).resolve().parents[3] / "roles"


def read_catalog(folders: Iterable[Any], custom_vendors: Any, base: Path) -> Catalog:
    """Return the shipped vendors, those in the folders, and the user's own.

    C{folders}: names of folders, or lists of names; relative ones are taken from C{base}.
    Raises ValueError for a folder that is not there.
    """
    named = [name for each in folders for name in ([each] if isinstance(each, str) else each)]
    shipped = _ROLES / "catalog" / "vars" / "vendors"
    catalog = load_vendor_dirs([shipped, *(base / Path(str(name)).expanduser() for name in named)])
    return add_vendors(catalog, custom_vendors)


def role_options() -> dict[str, frozenset[str]]:
    """Return the variables of each role by their names, C{{"nftables": {"nftables_egress_policy", ...}}}."""
    found = {}
    for path in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
        specs = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        found[path.parts[-3]] = frozenset(specs["argument_specs"]["main"]["options"])
    return found
