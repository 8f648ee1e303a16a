# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped vendors with the user's own, from folders and variables in the forms that people give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog, role_options

from tests.support.definitions import GOOD


@pytest.mark.parametrize("folders", ["mine", ["mine"], [["mine"]], "mine, other", ["mine", "other"]])
def test_folders_in_every_form(tmp_path: Path, folders: Any) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.yml").write_text(yaml.safe_dump({f"catalog_{name}": GOOD}))
    found = read_catalog(folders, {"own": GOOD}, tmp_path).vendors
    assert {"kudo", "mine", "own"} <= found.keys()
    assert ("other" in found) is ("other" in str(folders))


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_nothing_is_given(nothing: Any, tmp_path: Path) -> None:
    assert "kudo" in read_catalog(nothing, None, tmp_path).vendors


@pytest.mark.parametrize(
    ("folders", "custom", "text"),
    [
        (5, None, "vendor_dirs are names of folders, not 5"),
        ([5], None, "vendor_dirs are names of folders, not 5"),
        ({"a": "b"}, None, "vendor_dirs are names of folders, not {'a': 'b'}"),
        ("~nobody-has-this-name/x", None, "there is no such home folder"),
        ("none", None, "is not a folder of vendor files"),
        ([], ["acme"], "custom vendors are a dictionary of vendors by name, not ['acme']"),
    ],
)
def test_what_is_none_of_these(folders: Any, custom: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_catalog(folders, custom, tmp_path)
    assert text in str(caught.value)


def test_roles_and_their_variables() -> None:
    found = role_options()
    assert len(found) == 8
    assert "nftables_egress_policy" in found["nftables"]
    assert "catalog_vendors" in found["catalog"]
