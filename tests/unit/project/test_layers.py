# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports of plugin_utils and module_utils: layers, no circles, one style; and no vendor in the code of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.layers import MODULE_UTILS, PLUGIN_UTILS, Order, cycles, layers, of_ansible, style, vendors
from tests.support.repository import REPOSITORY

# From left to right: a package imports what stands on a level further left.
ORDERS: dict[str, list[Order]] = {
    PLUGIN_UTILS: [
        (
            ("_model",),
            ("_cells", "_names", "_catalog", "_allowlist"),
            ("_firewalls", "_clouds", "_editions"),
            ("_proof", "_documents", "_feeds"),
            ("_reports",),
            ("_ansible",),  # the border to Ansible: only plugins import it
        )
    ],
    MODULE_UTILS: [
        (("_model",), ("_host",), ("_names",), ("_firewalls",)),
        (("_model",), ("_clouds",)),
    ],
}

# Imports against the order: (importing, imported), files or whole packages -> the reason.
AGAINST_THE_ORDER = {
    (f"{PLUGIN_UTILS}/_model/services.py", f"{MODULE_UTILS}/_model/protocols.py"): "both halves spell protocols alike",
    (f"{PLUGIN_UTILS}/_cells/ip_protocols.py", f"{MODULE_UTILS}/_model/protocols.py"): (
        "cells are read with the table of all spellings"
    ),
    (f"{PLUGIN_UTILS}/_clouds/openstack.py", f"{MODULE_UTILS}/_clouds/openstack/drivers.py"): (
        "plan and module name the drivers that obey address groups in the same words"
    ),
    (f"{PLUGIN_UTILS}/_clouds/aws.py", f"{MODULE_UTILS}/_model/labels.py"): (
        "a plan cuts labels as the modules of the other clouds do"
    ),
    (f"{PLUGIN_UTILS}/_firewalls/firewalld/objects.py", f"{MODULE_UTILS}/_model/labels.py"): (
        "who asks is cut as the modules of the clouds do"
    ),
    (f"{PLUGIN_UTILS}/_firewalls/ufw.py", f"{MODULE_UTILS}/_firewalls/ufw/protocols.py"): (
        "rules that ufw cannot have are kept apart by what the host knows of ufw"
    ),
    (f"{PLUGIN_UTILS}/_firewalls/ufw.py", f"{MODULE_UTILS}/_firewalls/ufw/rules.py"): (
        "the host adds rules for the servers that only it knows, written as the rendered ones are"
    ),
}

# Files and folders that import in another style -> the reason.
ANOTHER_STYLE = {
    "tests/benchmarks/bench_merge.py": "each of the programs that it compares is `work` in its own process",
}

# Vendors that firewalls and clouds may name: (file, vendor) -> the reason.
NAMED_VENDORS: dict[tuple[str, str], str] = {}


def test_imports_go_left() -> None:
    assert layers(REPOSITORY, ORDERS, AGAINST_THE_ORDER) == []


def test_files_import_each_other_in_no_circle() -> None:
    assert cycles(REPOSITORY) == []


def test_the_controllers_python_is_not_ansibles() -> None:
    assert of_ansible(REPOSITORY) == []


def test_imports_have_one_style() -> None:
    assert style(REPOSITORY, ANOTHER_STYLE) == []


def test_firewalls_and_clouds_name_no_vendor() -> None:
    assert vendors(REPOSITORY, NAMED_VENDORS) == []


def test_every_exception_has_its_reason() -> None:
    assert all([*AGAINST_THE_ORDER.values(), *ANOTHER_STYLE.values(), *NAMED_VENDORS.values()])


# What the checks say of small collections; P and M stand for how imports of the two trees begin.
P, M = (f"ansible_collections.egress.allowlist.{tree.replace('/', '.')}" for tree in (PLUGIN_UTILS, MODULE_UTILS))
CLOUD, HOST = f"{PLUGIN_UTILS}/_clouds/a.py", f"{MODULE_UTILS}/_host/a.py"


def collection(root: Path, files: Mapping[str, str]) -> Path:
    """Return the root of a collection with these files, and an empty one for each import that is none of them."""
    for path in ("_model/b", "_cells/b", "_names/b", "_clouds/b", "_firewalls/b", "_reports/b", "_host/b"):
        for tree in (PLUGIN_UTILS, MODULE_UTILS):
            (root / tree / path).parent.mkdir(parents=True, exist_ok=True)
            (root / tree / f"{path}.py").touch()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (CLOUD, f"from {P}._model.b import x", ""),
        (CLOUD, f"from {P}._cells.b import x", ""),
        (CLOUD, "from .b import x", ""),
        (CLOUD, "import os", ""),
        (CLOUD, f"from {P}._firewalls.b import x", f"{CLOUD}:1: {PLUGIN_UTILS}/_firewalls/b.py stands no further left"),
        (CLOUD, f"from {P}._firewalls import b", f"{CLOUD}:1: {PLUGIN_UTILS}/_firewalls/b.py stands no further left"),
        (CLOUD, f"import {P}._firewalls.b", f"{CLOUD}:1: {PLUGIN_UTILS}/_firewalls/b.py stands no further left"),
        (CLOUD, "from .._reports import b", f"{CLOUD}:1: {PLUGIN_UTILS}/_reports/b.py stands no further left"),
        (CLOUD, f"def f():\n    from {P}._reports.b import x",
         f"{CLOUD}:2: {PLUGIN_UTILS}/_reports/b.py stands no further left"),
        (CLOUD, f"from {M}._clouds.b import x", f"{CLOUD}:1: {MODULE_UTILS}/_clouds/b.py stands no further left"),
        (f"{PLUGIN_UTILS}/_new/a.py", "import os", f"{PLUGIN_UTILS}/_new has no place in the order"),
        (HOST, f"from {M}._model.b import x", ""),
        (HOST, f"from {M}._names.b import x", f"{HOST}:1: {MODULE_UTILS}/_names/b.py stands no further left"),
        (HOST, f"from {M}._clouds.b import x", f"{HOST}:1: {MODULE_UTILS}/_clouds/b.py stands no further left"),
        (HOST, f"from {P}._model.b import x", f"{HOST}:1: {PLUGIN_UTILS}/_model/b.py stands no further left"),
        (f"{MODULE_UTILS}/_firewalls/a.py", f"from {M}._host.b import x", ""),
        (f"{MODULE_UTILS}/_clouds/a.py", f"from {M}._host.b import x",
         f"{MODULE_UTILS}/_clouds/a.py:1: {MODULE_UTILS}/_host/b.py stands no further left"),
    ],
)  # fmt: skip
def test_an_import_that_does_not_go_left_is_found(file: str, text: str, complaint: str, tmp_path: Path) -> None:
    assert layers(collection(tmp_path, {file: text}), ORDERS, {}) == [complaint] * bool(complaint)


@pytest.mark.parametrize(
    ("exceptions", "complaints"),
    [
        ([(CLOUD, f"{PLUGIN_UTILS}/_firewalls/b.py")], []),
        ([(f"{PLUGIN_UTILS}/_clouds", f"{PLUGIN_UTILS}/_firewalls")], []),
        ([(f"{PLUGIN_UTILS}/_cells", f"{PLUGIN_UTILS}/_firewalls")],
         [f"{PLUGIN_UTILS}/_cells -> {PLUGIN_UTILS}/_firewalls: this exception is not needed any more",
          f"{CLOUD}:1: {PLUGIN_UTILS}/_firewalls/b.py stands no further left"]),
        ([(CLOUD, f"{PLUGIN_UTILS}/_firewalls/b.py"), (f"{PLUGIN_UTILS}/_firewalls", f"{PLUGIN_UTILS}/_clouds")],
         [f"{PLUGIN_UTILS}/_clouds -> {PLUGIN_UTILS}/_firewalls: exceptions in both directions",
          f"{PLUGIN_UTILS}/_firewalls -> {PLUGIN_UTILS}/_clouds: exceptions in both directions",
          f"{PLUGIN_UTILS}/_firewalls -> {PLUGIN_UTILS}/_clouds: this exception is not needed any more"]),
    ],
)  # fmt: skip
def test_an_exception_serves_one_way_and_only_while_it_is_needed(
    exceptions: list[tuple[str, str]], complaints: list[str], tmp_path: Path
) -> None:
    root = collection(tmp_path, {CLOUD: f"from {P}._firewalls.b import x"})
    assert layers(root, ORDERS, dict.fromkeys(exceptions, "reason")) == complaints


def test_no_exception_brings_the_controllers_python_to_the_target(tmp_path: Path) -> None:
    root = collection(tmp_path, {HOST: f"from {P}._model.b import x"})
    excepted = {(HOST, f"{PLUGIN_UTILS}/_model/b.py"): "reason"}
    assert layers(root, ORDERS, excepted) == [f"{HOST}:1: {PLUGIN_UTILS}/_model/b.py stands no further left"]


@pytest.mark.parametrize(
    ("texts", "circle"),
    [
        ({"_clouds/a.py": "from .b import x", "_clouds/b.py": "from .c import x"}, []),
        ({"_clouds/a.py": "from .b import x", "_clouds/b.py": "from . import a"}, ["_clouds/a.py", "_clouds/b.py"]),
        ({"_clouds/a.py": "from . import b, c", "_clouds/b.py": f"from {P}._cells import b",
          "_cells/b.py": f"def f():\n    import {P}._clouds.a"}, ["_cells/b.py", "_clouds/a.py", "_clouds/b.py"]),
        ({"_clouds/a.py": f"from {M}._model.b import x"}, []),
    ],
)  # fmt: skip
def test_a_circle_is_found(texts: dict[str, str], circle: list[str], tmp_path: Path) -> None:
    found = cycles(collection(tmp_path, {f"{PLUGIN_UTILS}/{file}": text for file, text in texts.items()}))
    assert [sorted({*text.split(" <- ")}) for text in found] == [[f"{PLUGIN_UTILS}/{file}" for file in circle]] * bool(
        circle
    )


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("_model/a.py", "from ansible.errors import AnsibleError", "ansible.errors"),
        ("_model/a.py", "import ansible", "ansible"),
        ("_model/a.py", "def f():\n    import ansible.constants as c", "ansible.constants"),
        (
            "_model/a.py",
            "from ansible_collections.amazon.aws.plugins import x",
            "ansible_collections.amazon.aws.plugins",
        ),
        ("_model/a.py", "import ansible_runner", ""),
        ("_model/a.py", f"from {P}._model.b import x", ""),
        ("_ansible.py", "from ansible.errors import AnsibleError", ""),
    ],
)
def test_an_import_of_ansible_is_found(file: str, text: str, found: str, tmp_path: Path) -> None:
    complaints = of_ansible(collection(tmp_path, {f"{PLUGIN_UTILS}/{file}": text}))
    lines = text.count("\n") + 1
    assert complaints == [f"{PLUGIN_UTILS}/{file}:{lines}: {found} is Ansible's"] * bool(found)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (CLOUD, "from .b import x", ""),
        (CLOUD, "from . import b", ""),
        (CLOUD, f"from {P}._model import b", ""),
        (CLOUD, f"from {P}._model import b\nfrom . import b as cloud_b", ""),
        (CLOUD, "import numpy as np", ""),
        (CLOUD, f"from {P}._clouds.b import x", f"{PLUGIN_UTILS}/_clouds/b.py: write a relative import"),
        (CLOUD, "from .._model.b import x", f"{PLUGIN_UTILS}/_model/b.py: write an absolute import"),
        (CLOUD, f"import {P}._model.b", f"{PLUGIN_UTILS}/_model/b.py: write from ... import ..."),
        (CLOUD, "from . import b as _c", f"{PLUGIN_UTILS}/_clouds/b.py: _c is not its name"),
        (CLOUD, "from .b import x as y", f"{PLUGIN_UTILS}/_clouds/b.py: y is not its name"),
        (HOST, f"from {M}._host.b import x", f"{MODULE_UTILS}/_host/b.py: write a relative import"),
        ("plugins/filter/a.py", f"from {P}._model import b as _b", f"{PLUGIN_UTILS}/_model/b.py: _b is not its name"),
        ("tests/unit/a.py", f"from {P}._model import b as _b", f"{PLUGIN_UTILS}/_model/b.py: _b is not its name"),
    ],
)
def test_another_style_is_found(file: str, text: str, complaint: str, tmp_path: Path) -> None:
    root = collection(tmp_path, {file: text})
    assert style(root, {}) == [f"{file}:1: {complaint}"] * bool(complaint)
    for place in (file, file.rpartition("/")[0]):
        unneeded = [] if complaint else [f"{place}: this exception is not needed any more"]
        assert style(root, {place: "reason"}) == unneeded


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ('"""As C{kudo: media}."""', ""),
        ("# Kudo\nx = 1", ""),
        ("x = 'zoomed, kudos'", ""),
        ("x = f'{y} to KUDO'", "kudo"),
        ("x = b'kudo'", "kudo"),
        ("def kudo_rules(): ...", "kudo"),
        ("def f(kudo): ...", "kudo"),
        ("from x import kudo", "kudo"),
        ("x = 'kore_ai'", "kore_ai"),
        ("x.y(Kore_AI=1)", "kore_ai"),
        ("x = 'by Kore.ai'", "kore_ai"),
        ("x = 'Koreai'", ""),
    ],
)
@pytest.mark.parametrize("folder", [f"{PLUGIN_UTILS}/_clouds", f"{MODULE_UTILS}/_firewalls/nftables"])
def test_a_vendor_in_the_code_of_a_backend_is_found(folder: str, text: str, vendor: str, tmp_path: Path) -> None:
    vendor_files = {
        f"roles/catalog/vars/vendors/{name}.yml": f"catalog_{name}:\n  title: {title}\n"
        for name, title in (("kudo", "KUDO"), ("kore_ai", "Kore.ai"), ("zoom", "Zoom"))
    }
    file = f"{folder}/a.py"
    root = collection(tmp_path, {file: text, f"{PLUGIN_UTILS}/_cells/a.py": "x = 'zoom'", **vendor_files})
    assert vendors(root, {}) == [f"{file}:1: names the vendor {vendor}"] * bool(vendor)
    unneeded = [] if vendor == "kudo" else [f"{file} -> kudo: this exception is not needed any more"]
    assert [text for text in vendors(root, {(file, "kudo"): "reason"}) if "exception" in text] == unneeded
