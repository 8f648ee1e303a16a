# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters that a reader does not see are refused wherever a vendor file has a text."""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import unseen

UNSEEN = [
    0x00, 0x09, 0x0A, 0x1B, 0x7F, 0x85,  # control
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x180F,  # soft hyphen, joiners, fillers
    0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E,
    0x2060, 0x2064, 0x2065, 0x2066, 0x2069, 0x206F,
    0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFF9, 0xFFFB, 0xFFFF,
    0x110BD, 0x13430, 0x16FE4, 0x1BCA0, 0x1D159, 0x1D173, 0x1D17A,
    0xE000, 0xE0000, 0xE0001, 0xE0020, 0xE0041, 0xE007F, 0xE0100, 0xE01EF, 0xE0FFF, 0xF0000, 0x10FFFD,  # private, tags
    0x378, 0xD800, 0xDFFF,  # unassigned, surrogates
]  # fmt: skip
SEEN = "Zoé Straße 東京 Москва القاهرة한국어 नमस्ते – • © € ™ ½ \u00a0\u2003\u202f\u3000 \U0001f600"
FULL: dict[str, Any] = {
    "title": "Example",
    "wide_because": "w",
    "sources": [{"id": "page", "title": "P", "date": "2026-03", "dated": "d", "document": "x.txt", "notices": "none"}],
    "options": {
        "mode": {"type": "str", "choices": ["plain"], "default": "plain", "description": "how", "example": "plain"},
    },
    "timers": [{"protocol": "udp", "seconds": 60, "printed": "1 min", "services": ["media"], "source": "page"}],
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "page",
            "note": "n",
            "when": {"mode": ["plain"]},
            "traffic": [{"protocol": "UDP", "ports": "3478", "label": "turn"}],
            "rows": [
                {
                    "label": "l",
                    "destination": "192.0.2.1",
                    "source_ip": "ANY",
                    "read_as": {"destination": "192.0.2.1"},
                    "wide_because": "w",
                    "special_because": "s",
                }
            ],
        }
    ],
    "not_rules": [{"title": "t", "printed": "p", "why": "w", "source": "page"}],
}


def texts(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every text, and of every key, C{(..., "key", "<key>")}."""
    if isinstance(value, str):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(key, str):
            yield (*path, key, "<key>")
        yield from texts(inner, (*path, key))


def changed(path: tuple, character: str) -> dict[str, Any]:
    """Return the definition with a character in the text or the key at a path."""
    definition = copy.deepcopy(FULL)
    at: Any = definition
    *way, last = path[:-1] if path[-1] == "<key>" else path
    for step in way:
        at = at[step]
    if path[-1] == "<key>":
        at[f"{last}{character}"] = at.pop(last)
    else:
        at[last] = f"{at[last][:1]}{character}{at[last][1:]}"
    return definition


PLACES = list(texts(FULL))


def test_the_definition_is_sound_and_has_every_place() -> None:
    check_definition("example", FULL)
    assert len(PLACES) > 60


@pytest.mark.parametrize("code", UNSEEN, ids="U+{:04X}".format)
def test_unseen_characters_are_refused_in_every_place(code: int) -> None:
    for path in PLACES:
        if path[-1] in ("destination", "ports", "protocol") and path[0] == "services" and chr(code) in "\t\n":
            continue  # lines of a cell
        with pytest.raises(ValueError, match=r"^example: ") as caught:
            check_definition("example", changed(path, chr(code)))
        assert f"character U+{code:04X}" in str(caught.value), path


def test_what_is_seen_is_accepted_in_texts() -> None:
    definition = copy.deepcopy(FULL)
    definition["title"] = definition["services"][0]["note"] = definition["services"][0]["rows"][0]["label"] = SEEN
    check_definition("example", definition)


def test_everything_that_unicode_ignores_by_default_is_unseen() -> None:
    """As the standard has it: format characters but those that are drawn, fillers, variation selectors, tags."""
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xE0000, 0xE1000), *range(0xFE00, 0xFE10)):
        assert unseen(chr(code)) == chr(code)
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"):
            assert unseen(chr(code)), hex(code)
        elif (
            category[0] in "LNPSZ" and "FILLER" not in (name := unicodedata.name(chr(code), "")) and "NULL" not in name
        ):
            assert not unseen(chr(code)) or code == 0x2800, name


@pytest.mark.parametrize("code", [0x61C, 0xAD, 0x3164, 0x180E, 0x2800, 0xE0041])
@pytest.mark.parametrize("style", ["{}", '"{}"', "'{}'", '"\\U{:08X}"'])
def test_a_file_cannot_hide_them(tmp_path: Path, code: int, style: str) -> None:
    text = style.format(code) if "X" in style else style.format(f"a{chr(code)}b")
    good = yaml.safe_dump({"catalog_example": FULL}).replace("title: Example", f"title: {text}")
    (tmp_path / "example.yml").write_text(good)
    where = r"^example: title: .*" if "X" in style else r"^'.*example.yml' cannot be read: line [0-9]+ holds the .*"
    with pytest.raises(ValueError, match=rf"{where}character U\+{code:04X}.*") as caught:
        load_vendor_dirs([tmp_path]).chosen(["example"])
    assert "example.yml'" in str(caught.value)


ROW = '        - {destination: "203.0.113.0/24", protocol: TCP, ports: "22"}'
ENDS = {
    "\r": "U+000D (CARRIAGE RETURN)",
    "\x85": "U+0085 (NEXT LINE)",
    "\u2028": "U+2028 (LINE SEPARATOR)",
    "\u2029": "U+2029 (PARAGRAPH SEPARATOR)",
}


def written(folder: Path, line: str, ending: str = "\n") -> str:
    """Return what is wrong with a sound file that has a line more behind its first row."""
    good = yaml.safe_dump({"catalog_example": FULL}, sort_keys=False)
    *head, tail = good.partition("  not_rules:")[0], good.partition("  not_rules:")[2]
    text = f"{head[0]}{line}\n  not_rules:{tail}".replace("\n", ending)
    (folder / "example.yml").write_bytes(text.encode())
    return "".join(load_vendor_dirs([folder]).faults.values())


@pytest.mark.parametrize("character", ENDS)
def test_a_comment_does_not_end_where_a_reader_does_not_see_it(tmp_path: Path, character: str) -> None:
    for line in (f"# checked by Bob{character}{ROW}", f"# checked{character} ", f"{character}# checked"):
        fault = written(tmp_path, line)
        assert fault.startswith(f"'{tmp_path}/example.yml' cannot be read: line ")
        assert f"holds {ENDS[character]}, which ends a line for some programs and not for others" in fault


@pytest.mark.parametrize("code", sorted({*UNSEEN} - {0x09, 0x0A, 0x85, 0x2028, 0x2029, 0xD800, 0xDFFF}))
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_comments_hold_nothing_unseen_either(tmp_path: Path, code: int, ending: str) -> None:
    line = yaml.safe_dump({"catalog_example": FULL}, sort_keys=False).partition("  not_rules:")[0].count("\n") + 1
    fault, name = written(tmp_path, f"# a{chr(code)}b", ending), unicodedata.name(chr(code), "")
    assert f"line {line} holds the " in fault
    assert f" character U+{code:04X}{f' ({name})' if name else ''}" in fault


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_comments_hold_what_is_seen(tmp_path: Path, ending: str) -> None:
    assert not written(tmp_path, f"# {SEEN}\t# tab", ending)


@pytest.mark.parametrize("column", ["vendor", "service", "source", "date", "wide_because", "special_because"])
@pytest.mark.parametrize("code", [0x34F, 0x61C, 0x2800, 0x3164, 0xE0100])
def test_rows_written_by_hand_have_none_either(column: str, code: int) -> None:
    row = {"vendor": "acme", "service": "calls", "destination": "192.0.2.1", "ports": "443", "source": "x", "date": "x"}
    with pytest.raises(ValueError, match=column):
        expand_rows([row | {column: f"a{chr(code)}"}])


@pytest.mark.parametrize("column", ["destination", "ports", "protocol"])
@pytest.mark.parametrize("code", [0x34F, 0x61C, 0xAD, 0x180E, 0x2800, 0x3164, 0xE0041, 0xFE0F])
def test_cells_have_none_either(column: str, code: int) -> None:
    row = {"vendor": "acme", "service": "calls", "destination": "192.0.2.1", "ports": "443", "protocol": "TCP"}
    with pytest.raises(ValueError, match=rf"holds (a control|an invisible) character \(U\+{code:04X}\): remove it"):
        expand_rows([row | {column: f"{row[column]}{chr(code)}"}])
