# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the catalog, one for each vendor: read from folders, checked, and joined with the user's own vendors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import unknown

from .keys import Definition
from .reader import read_file
from .schema import check_definition


class Catalog(NamedTuple):
    """What was read: C{{vendor: definition}}, C{{vendor: what is wrong with its file}}, and whose the vendors are.

    C{own}: the user wrote these himself, so what they hold is his own word; all others are files from outside.
    """

    vendors: dict[str, Definition]
    faults: dict[str, str]
    own: frozenset[str] = frozenset()

    def chosen(self, names: Collection[str]) -> list[str]:
        """Return what is wrong with vendors that are not in C{names}; raises ValueError for those that are.

        Also for a name that no vendor has where a file could not be read: it may hold that vendor.
        """
        Faults(text for vendor, text in self.faults.items() if vendor in names).stop()
        missing = [name for name in names if name not in self.vendors]
        if missing and self.faults:
            files = Faults(f"what could not be read may hold it: {text}" for text in self.faults.values())
            raise ValueError(f"{unknown('vendor', missing[0], self.vendors)}\n{files.text()}")
        return [f"{text} (not selected, so not needed)" for vendor, text in self.faults.items() if vendor not in names]


def load_vendor_dirs(dirs: Iterable[str | Path]) -> Catalog:
    """Return what the files C{*.yml} and C{*.yaml} in the folders hold, checked.

    What is wrong with a file that cannot be read is noted by the file's own name.

    Raises ValueError for a folder that is not there.
    """
    catalog = Catalog({}, {})
    for folder in map(Path, dirs):
        if not folder.is_dir():
            raise ValueError(f"'{folder}' is not a folder of vendor files")
        for path in vendor_files(folder):
            try:
                vendor, definition = load_file(path)
            except ValueError as exc:
                _note(catalog, path.stem, str(exc))
            else:
                _add(catalog, vendor, definition, path)
    return catalog


def add_vendors(catalog: Catalog, custom: dict[str, Definition]) -> Catalog:
    """Return the catalog with the user's own vendors; one that is there already is refused, not replaced."""
    catalog = Catalog(dict(catalog.vendors), dict(catalog.faults), catalog.own | (custom.keys() - catalog.vendors))
    for vendor, definition in custom.items():
        _add(catalog, vendor, definition)
    return catalog


def vendor_files(folder: Path) -> list[Path]:
    """Return the vendor files of a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".yml", ".yaml"))


def load_file(path: Path) -> tuple[str, Definition]:
    """Return the vendor of a file and its definition, not checked; raises ValueError that names the file."""
    try:
        content = read_file(path)
    except ValueError as exc:
        raise ValueError(f"{str(path)!r} cannot be read: {exc}") from None
    if not isinstance(content, dict) or len(content) != 1 or not str(*content).startswith("catalog_"):
        raise ValueError(f"{str(path)!r} must hold one key, catalog_<vendor>, and the vendor's definition under it")
    return next((str(key).removeprefix("catalog_"), definition) for key, definition in content.items())


def _note(catalog: Catalog, name: str, fault: str) -> None:
    """Keep what is wrong with a vendor, or with a file of that name; there may be several in as many folders."""
    catalog.faults[name] = "\n".join(filter(None, (catalog.faults.get(name), fault)))


def _add(catalog: Catalog, vendor: str, definition: Definition, path: Path | None = None) -> None:
    """Enter a vendor, or what is wrong with it; C{path}: the file that it comes from, None for a custom vendor."""
    origin = f"the file {str(path)!r}" if path else "the custom vendors"
    if vendor in catalog.vendors:
        _note(
            catalog, vendor, f"{vendor}: {origin} would replace a vendor that is there already: give yours another name"
        )
        return
    try:
        check_definition(vendor, definition)
    except RecursionError:
        _note(catalog, vendor, f"{vendor}: {origin} nests its entries deeper than any vendor file")
    except ValueError as exc:
        _note(catalog, vendor, f"{exc} (in {origin})" if path else str(exc))
    else:
        catalog.vendors[vendor] = definition
