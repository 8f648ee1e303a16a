# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the catalog, one for each vendor: read from folders, checked, and joined with the user's own vendors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults

from .schema import Definition, check_definition


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, except that a key that is there twice is an error: one of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _value in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' is there twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


class Catalog(NamedTuple):
    """What was read: C{{vendor: definition}}, and C{{vendor: what is wrong with its file}}."""

    vendors: dict[str, Definition]
    faults: dict[str, str]

    def chosen(self, names: Collection[str]) -> list[str]:
        """Return what is wrong with vendors that are not in C{names}; raises ValueError for those that are."""
        Faults(text for vendor, text in self.faults.items() if vendor in names).stop()
        return [f"{text} (not selected, so not needed)" for vendor, text in self.faults.items() if vendor not in names]


def load_vendor_dirs(dirs: Iterable[str | Path]) -> Catalog:
    """Return what the C{*.yml} files in the folders hold, checked; a file that cannot be read counts by its own name.

    Raises ValueError for a folder that is not there.
    """
    catalog = Catalog({}, {})
    for folder in map(Path, dirs):
        if not folder.is_dir():
            raise ValueError(f"'{folder}' is not a folder of vendor files")
        for path in sorted(folder.glob("*.yml")):
            try:
                vendor, definition = _load_file(path)
            except ValueError as exc:
                catalog.faults[path.stem] = str(exc)
            else:
                _add(catalog, vendor, definition, f"the file '{path}'")
    return catalog


def add_vendors(catalog: Catalog, custom: dict[str, Definition]) -> Catalog:
    """Return the catalog with the user's own vendors; one that is there already is refused, not replaced."""
    catalog = Catalog(dict(catalog.vendors), dict(catalog.faults))
    for vendor, definition in custom.items():
        _add(catalog, vendor, definition, "the custom vendors")
    return catalog


def _load_file(path: Path) -> tuple[str, Definition]:
    try:
        text = path.read_text(encoding="utf-8")
        # Aliases of aliases make a few lines into millions of rows, and nobody could tick those against a page.
        alias = "&" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader))
        content = None if alias else yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, OSError, RecursionError, ValueError) as exc:  # ValueError: no UTF-8, or a date that is none
        raise ValueError(f"'{path}' cannot be read: {exc}") from None
    if alias:
        raise ValueError(f"'{path}' holds an alias, '*name': write out what it stands for")
    if not isinstance(content, dict) or len(content) != 1 or not str(*content).startswith("catalog_"):
        raise ValueError(f"'{path}' must hold one key, catalog_<vendor>, and the vendor's definition under it")
    return next((str(key).removeprefix("catalog_"), definition) for key, definition in content.items())


def _add(catalog: Catalog, vendor: str, definition: Definition, origin: str) -> None:
    if vendor in catalog.vendors:
        catalog.faults[vendor] = (
            f"{vendor}: {origin} would replace a vendor that is there already: give yours another name"
        )
        return
    try:
        check_definition(vendor, definition)
    except RecursionError:
        catalog.faults[vendor] = f"{vendor}: {origin} nests its entries deeper than any vendor file"
    except ValueError as exc:
        catalog.faults[vendor] = str(exc)
    else:
        catalog.vendors[vendor] = definition
