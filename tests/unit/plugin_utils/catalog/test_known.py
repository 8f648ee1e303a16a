# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and sources that are not sound hide nothing else, and what refers to them is not told too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import (
    check_definition,
    first_day,
    sound_part,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import faults_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.vendor_files import look_at

TODAY = first_day("2026-11-30")
ROW = {"protocol": "TCP", "destination": "192.0.2.1", "ports": "443"}
FILLED = {**ROW, "destination": "<x>.example.com", "destination_options": {"<x>": "bad"}}
USES: list[tuple[Any, dict[str, Any]]] = [
    # A wrong option, and a row that refers to it as its type may be referred to.
    ({"type": "list", "choices": ["east"]}, {**ROW, "when": {"bad": ["east"]}}),
    ({"type": "list", "choices": ["east", 7], "required": True}, {**ROW, "when": {"bad": ["west"]}}),
    ({"type": "list", "required": True}, FILLED),
    ({"type": "str"}, FILLED),
    ({"type": "str", "required": True, "example": "a.b"}, FILLED),
    ({"type": "str", "choices": [], "required": True}, FILLED),
    ({"type": "bool"}, {**ROW, "when": {"bad": [True]}}),
    ({"type": "bool", "required": True, "default": True}, {**ROW, "when": {"bad": [True]}}),
    ({"type": "ports"}, {**ROW, "ports_option": "bad"}),
    ({"type": "addresses"}, {**ROW, "source_ip_option": "bad"}),
    ({"type": "addresses", "default": "x"}, {**ROW, "destination_option": "bad"}),
    # Of no type: it may be any.
    ({"type": "text", "required": True}, {**ROW, "ports_option": "bad"}),
    ({"type": "text", "required": True}, {**ROW, "source_ip_option": "bad"}),
    ({"type": "text", "required": True}, {**ROW, "destination_option": "bad", "when": {"bad": ["x"]}}),
    ({"type": "text", "required": True}, FILLED),
    ({"required": True}, FILLED),
    ("text", FILLED),
]


def vendor(spec: Any, *rows: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {
        "title": "Acme",
        "sources": [{"id": "page", "title": "Page", "date": "2026-03"}],
        "options": {"bad": spec},
        "services": [{"name": "media", "title": "Media", "source": "page", "rows": [*rows]}],
        **keys,
    }


def errors(tmp_path: Path, definition: dict[str, Any]) -> list[str]:
    """Return what is told of a file, without its name."""
    path = tmp_path / "acme.yml"
    path.write_text(yaml.dump({"catalog_acme": definition}, Dumper=_Plain))
    return [
        error.removeprefix("acme.yml: ") for error in look_at(["acme.yml"], tmp_path, shipped={}, today=TODAY).errors
    ]


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


@pytest.mark.parametrize(("spec", "row"), USES)
def test_a_wrong_option_hides_nothing_and_is_told_once(tmp_path: Path, spec: Any, row: dict[str, Any]) -> None:
    wrong = {**ROW, "ports": "83-80"}
    made = vendor(spec, row, {**ROW, "port": "1"}, wrong, {**ROW, "destination": "17.0.0.0/8"})
    first, *others = faults_of(_error(made))
    assert first.startswith("acme: ")
    assert "bad" in first
    assert [error[:28] for error in others] == ["acme: media: row 2: unknown "]
    found = errors(tmp_path, made)
    assert [error for error in found if "row 1" in error or "bad" in error] == found[:1]
    rest = [error.partition("media: ")[2][:12] for error in found[1:]]
    assert rest == ["row 2: unkno", "row 3: ports", "row 4: desti"]


def _error(made: dict[str, Any]) -> ValueError:
    with pytest.raises(ValueError, match="acme: ") as caught:
        check_definition("acme", made)
    return caught.value


def test_wrong_sources_hide_nothing_either(tmp_path: Path) -> None:
    sources = [{"id": "page", "title": "Page", "date": "soon"}, {"id": "other"}]
    made = vendor({"type": "bool", "default": False}, {**ROW, "ports": "83-80", "source": "other"}, sources=sources)
    assert [error[:30] for error in errors(tmp_path, made)] == [
        "acme: page: date 'soon' is not", "acme: other: title is missing", "acme: media: row 1: ports '83-"
    ]  # fmt: skip


def test_what_is_sound_is_as_it_was() -> None:
    made = vendor({"type": "bool", "default": False}, ROW)
    assert sound_part("acme", made) == (made, {"media": [1]})
