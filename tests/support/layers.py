# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on the imports of a collection, checked on the text of its files: nothing of it is imported.

Each check takes the root folder of a collection and returns its complaints, sorted. Paths are relative to the root.
An exception that nothing needs is a complaint too.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path, PurePosixPath

import yaml

COLLECTION = "ansible_collections.egress.allowlist"
PLUGIN_UTILS, MODULE_UTILS = "plugins/plugin_utils", "plugins/module_utils"
VENDORS = "roles/catalog/vars/vendors"

# Packages from left to right; those of one tuple stand on one level.
Order = Sequence[tuple[str, ...]]
# C{(importing, imported)}, each a file or a folder -> the reason.
Pairs = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Import:
    """One name that a file imports.

    module: absolute, also where it was written relatively, with C{level} dots. target: the file or the folder of this
    collection that is imported or that holds the name; '' for anything else. is_module: whether the name is that file.
    """

    file: str
    line: int
    level: int
    module: str
    name: str
    alias: str
    target: str
    is_module: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.target or self.module}"


@cache
def imports(root: Path, *folders: str) -> tuple[Import, ...]:
    """Return all imports of the Python files in folders of the root, wherever in a file they stand."""
    files = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return tuple(found for path in files for found in _imports(root, path))


def _imports(root: Path, path: Path) -> Iterator[Import]:
    file = path.relative_to(root)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield Import(str(file), node.lineno, 0, one.name, "", one.asname or "", *_target(root, one.name, ""))
        elif isinstance(node, ast.ImportFrom):
            above = [COLLECTION, *file.parts[: len(file.parts) - node.level]] if node.level else []
            module = ".".join(filter(None, [*above, node.module]))
            for one in node.names:
                target = _target(root, module, one.name)
                yield Import(str(file), node.lineno, node.level, module, one.name, one.asname or "", *target)


def _target(root: Path, module: str, name: str) -> tuple[str, bool]:
    """Return the file or folder of this collection that C{from module import name} takes, and whether name is it."""
    ours = module.removeprefix(f"{COLLECTION}.")
    if ours == module and not module.startswith("tests."):
        return "", False
    folder = PurePosixPath(*ours.split("."))
    for path, whole in ((folder / f"{name}.py", True), (folder.with_suffix(".py"), not name), (folder / name, True)):
        if (root / path).exists():
            return str(path), whole
    return str(folder), False


def layers(root: Path, orders: Mapping[str, Sequence[Order]], exceptions: Pairs) -> list[str]:
    """Complain of imports between packages of plugin_utils and module_utils that do not go left.

    orders: by tree; an import is right where one of the tree's orders has the imported package on a level further left.
    Two packages have exceptions in one direction only. No exception lets module_utils, which runs on the target's
    Python, import what only the controller has.
    """
    complaints, used = set(), set()
    for one in imports(root, PLUGIN_UTILS, MODULE_UTILS):
        tree = _tree(one.file)
        if PurePosixPath(_package(one.file)).stem not in {name for order in orders[tree] for name in chain(*order)}:
            complaints.add(f"{_package(one.file)} has no place in the order")
        if not one.target or _package(one.file) == _package(one.target):
            continue
        if _tree(one.target) == tree and any(_goes_left(one, order) for order in orders[tree]):
            continue
        needed = {pair for pair in exceptions if _within(one.file, pair[0]) and _within(one.target, pair[1])}
        used |= needed
        if not needed or (tree == MODULE_UTILS and _tree(one.target) != tree):
            complaints.add(f"{one} stands no further left")
    pairs = {(_package(here), _package(there)) for here, there in exceptions}
    complaints |= {
        f"{here} -> {there}: exceptions in both directions" for here, there in pairs if (there, here) in pairs
    }
    return sorted([*complaints, *_unneeded(map(" -> ".join, exceptions.keys() - used))])


def cycles(root: Path) -> list[str]:
    """Complain of a cycle of imports between files."""
    graph: dict[str, set[str]] = defaultdict(set)
    for one in imports(root, PLUGIN_UTILS, MODULE_UTILS):
        if one.target:
            graph[one.file].add(one.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def of_ansible(root: Path) -> list[str]:
    """Complain of what plugin_utils imports of Ansible and of other collections, but in C{_ansible.py}."""
    return sorted(
        f"{one} is Ansible's"
        for one in imports(root, PLUGIN_UTILS)
        if not one.target and re.match(r"ansible(_collections)?(\.|\Z)", one.module)
        if one.file != f"{PLUGIN_UTILS}/_ansible.py"
    )


def style(root: Path, exceptions: Mapping[str, str]) -> list[str]:
    """Complain of imports that are not in the one style; exceptions: by file or folder.

    Inside plugin_utils and module_utils, files of the same folder are imported relatively; all else of the collection
    is imported absolutely. What is imported keeps its name, but where a file imports two modules of one name.
    """
    complaints: dict[str, list[str]] = defaultdict(list)
    found = imports(root, "plugins", "tests", "scripts")
    different = {(one.file, one.name, one.target) for one in found if one.is_module}
    modules = Counter((file, name) for file, name, _target in different)
    for one in found:
        if not one.target:
            continue
        if not one.name:
            complaints[one.file].append(f"{one}: write from ... import ...")
        if one.alias and not (one.is_module and modules[one.file, one.name] > 1):
            complaints[one.file].append(f"{one}: {one.alias} is not its name")
        path = PurePosixPath(one.target)
        beside = path.suffix == ".py" and path.parent == PurePosixPath(one.file).parent
        if _tree(one.file) in (PLUGIN_UTILS, MODULE_UTILS) and one.level != int(beside):
            complaints[one.file].append(f"{one}: write {'a relative' if beside else 'an absolute'} import")
    excepted = {file: [place for place in exceptions if _within(file, place)] for file in complaints}
    listed = [text for file, texts in complaints.items() if not excepted[file] for text in texts]
    return sorted(listed + _unneeded(exceptions.keys() - {*chain(*excepted.values())}))


def vendors(root: Path, exceptions: Pairs) -> list[str]:
    """Complain of shipped vendors that the code of firewalls and clouds names, in texts or names, not in docstrings.

    exceptions: C{(file, vendor)}.
    """
    complaints, used = [], set()
    known = {path.stem: _vendor(path) for path in sorted((root / VENDORS).glob("*.yml"))}
    folders = [root / tree / folder for tree in (PLUGIN_UTILS, MODULE_UTILS) for folder in ("_firewalls", "_clouds")]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        file = str(path.relative_to(root))
        for line, text in _words(ast.parse(path.read_text(encoding="utf-8"))):
            for vendor in (vendor for vendor, name in known.items() if name.search(text)):
                used.add((file, vendor))
                if (file, vendor) not in exceptions:
                    complaints.append(f"{file}:{line}: names the vendor {vendor}")
    return sorted(complaints + _unneeded(map(" -> ".join, exceptions.keys() - used)))


def _vendor(path: Path) -> re.Pattern[str]:
    """Return the pattern of a vendor's name or title, as a word or between C{_}: C{kudo_rules}, not C{kudos}."""
    (definition,) = yaml.safe_load(path.read_text(encoding="utf-8")).values()
    names = "|".join(map(re.escape, (path.stem, definition["title"])))
    return re.compile(rf"(?<![a-z])(?:{names})(?![a-z])", re.IGNORECASE)


def _words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the texts and names of a file, without docstrings and other texts that nothing reads, with their lines."""
    unread = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in unread:
            yield node.lineno, node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(text := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), text


def _tree(path: str) -> str:
    return "/".join(path.split("/")[:2])


def _package(path: str) -> str:
    """Return the folder, or the file, that stands in a tree itself: C{plugins/plugin_utils/_cells}."""
    return "/".join(path.split("/")[:3])


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _goes_left(one: Import, order: Order) -> bool:
    levels = {package: number for number, level in enumerate(order) for package in level}
    here, there = (PurePosixPath(_package(path)).stem for path in (one.file, one.target))
    return here in levels and there in levels and levels[there] < levels[here]


def _unneeded(exceptions: Iterable[str]) -> list[str]:
    return [f"{exception}: this exception is not needed any more" for exception in exceptions]
