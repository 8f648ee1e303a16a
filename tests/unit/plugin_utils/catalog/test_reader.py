# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendor files that are no files, too large, too deep, or made to take long: an error that names the file, at once."""

from __future__ import annotations

import datetime
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import reader
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.limits import DEPTH, FILE_BYTES, VALUES
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.reader import read_file
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.definitions import GOOD
from tests.support.repository import VENDOR_FOLDER

HEAD = 'catalog_evil:\n  title: Evil\n  sources: [{id: page, title: Page, date: "2026-03"}]\n'
ODD_PORTS = ",".join(map(str, range(1001, 2601, 2)))
NO_SERVICES = "  services: []\n"
SECONDS = 4  # of this process, also beside other load (65,536 rows take 1.7): without the limits, they are minutes


def table(rows: Iterable[str], traffic: str = "") -> str:
    """Return a vendor file with these rows."""
    service = "  services:\n    - name: media\n      title: Media\n      source: page\n"
    return HEAD + service + traffic + "      rows:\n" + "".join(f"        - {row}\n" for row in rows)


def row(cells: str, more: str = "") -> str:
    return f'{{destination: "{cells}", protocol: TCP, ports: "443"{more}}}'


def repeated(text: str, number: int = 60_000) -> str:
    """Return a text again and again, C{%d} counted."""
    return "".join(text.replace("%d", str(count)) for count in range(number))


def bomb(levels: int) -> str:
    lines = (f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, levels))
    return "catalog_evil:\n  a0: &a0 [x]\n" + "".join(lines)


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "lists": ("catalog_evil: " + "[" * 100_000, f"deeper than {DEPTH} levels in line 1"),
    "closed lists": ("catalog_evil: " + "[" * 100_000 + "]" * 100_000, f"deeper than {DEPTH} levels"),
    "mappings": ("{a: " * 100_000, f"deeper than {DEPTH} levels"),
    "items": ("- " * 100_000, f"deeper than {DEPTH} levels"),
    "keys of keys": ("? " * 100_000, "a key in line 1 is a list or a mapping"),
    "keys": ("catalog_evil:\n" + repeated("  k%d: 1\n"), "evil: unknown key 'k0'"),
    "keys above": (repeated("k%d: 1\n"), "must hold one key"),
    "the same key": ("catalog_evil:\n" + repeated("  k%d: 1\n") + "  k7: 1\n",
                     "'k7' is there twice, again in line 60002"),
    "the same number": ("catalog_evil: {1: a, 0x1: b}\n", "'0x1' is there twice"),
    "values": ("catalog_evil: [" + "a," * (VALUES + 1) + "]", f"more than {VALUES:,} values"),
    "large": ("catalog_evil: {}\n".ljust(FILE_BYTES + 1, "#"), "is larger than 8 MiB"),
    "bomb": (bomb(12), "holds an alias, '*name', in line 3"),
    "wide bomb": (f"a: &a [{'x,' * 9}]\nb: [{'*a,' * 9_999}]\n", "holds an alias"),
    "merge key": ("catalog_evil: {<<: {title: x}, title: y}\n", "the merge key '<<' in line 1"),
    "tag": ("catalog_evil: {title: !!binary aGFsbG8=}\n", "the tag 'tag:yaml.org,2002:binary' in line 1"),
    "own tag": ("catalog_evil: {title: !x y}\n", "the tag '!x' in line 1"),
    "directives": (repeated("%TAG !a%d! x\n", 100_000) + "---\ncatalog_evil: {}\n", "line 1 begins with '%'"),
    "documents": ("---\n" * 100_000, "more than one document"),
    "no date": (HEAD.replace('"2026-03"', "2022-02-30"), "line 3 holds '2022-02-30', which is no date"),
    "no time": (HEAD.replace('"2026-03"', "2022-02-28 25:00:00"), "line 3 holds '2022-02-28 25:00:00', which is no"),
    "no date in quotes": (HEAD.replace("2026-03", "2022-02-30") + NO_SERVICES, "date '2022-02-30' is not a date"),
    "no month in quotes": (HEAD.replace("2026-03", "2022-13") + NO_SERVICES, "date '2022-13' is not a date"),
    "a date": (HEAD.replace('"2026-03"', "2022-02-28") + NO_SERVICES, "must be a str, not a date: write it in quotes"),
    "digits": (HEAD.replace('"2026-03"', "9" * 5_000), "a value of 5,000 characters in line 3 is not in quotes"),
    "base 60": (HEAD.replace('"2026-03"', "1" + ":1" * 100_000), "a value of 200,001 characters in line 3"),
    "hexadecimal": (HEAD.replace('"2026-03"', "0x" + "f" * 900) + NO_SERVICES, "date '"),
    "latin": (b"catalog_evil:\n  title: \xe9\n", "the byte 0xe9 in line 2 is not UTF-8"),
    "half a character": (b"catalog_evil: {title: \xe2\x82", "the byte 0xe2 in line 1 is not UTF-8"),
    "surrogate": (b"catalog_evil: {title: \xed\xa0\x80}", "the byte 0xed in line 1 is not UTF-8"),
    "UTF-16": ("catalog_evil: {}\n".encode("utf-16"), "is not UTF-8"),
    "NUL": ("catalog_evil:\n  title: a\0\n", "line 2 holds the control character U+0000"),
    "escape": ("catalog_evil: {title: a\x1b[2J}\n", "line 1 holds the control character U+001B (ESCAPE)"),
    "BOM": ("\ufeffcatalog_evil: {}\n", "begins with a byte order mark"),
    "options": (HEAD + "  options:\n" + repeated("    k%d: {type: bool, default: no}\n") + NO_SERVICES,
                "60,000 options: at most 100"),
    "choices": (HEAD + "  options:\n    r: {type: list, required: true, choices: [" + repeated("c%d,") + "]}\n"
                + NO_SERVICES,
                "60,000 choices: at most 1,000"),
    "sources": ("catalog_evil:\n  title: x\n  sources:\n" + repeated("    - {id: k%d, title: x, date: '2026'}\n")
                + NO_SERVICES, "60,000 sources: at most 1,000"),
    "a long title": (HEAD.replace("Evil", "a" * 100_000), "has 100,000 characters: at most 10,000"),
    "a long cell": (table([row("192.0.2.1," * 10_000)]), "has 100,000 characters: at most 65,536"),
    "a long ports cell": (table([f'{{destination: "192.0.2.1", ports: "{"1," * 50_000}"}}']), "at most 10,000"),
    "a long protocol cell": (table([f'{{destination: "192.0.2.1", protocol: "{"TCP," * 1_000}"}}']), "at most 200"),
    "rows with a wrong key": (table(map(row, ["192.0.2.1"] * 65_536)).replace("dest", "dst"), "or more errors"),
    "rows with wrong cells": (table(row(f"192.0.2.{n}x") for n in range(65_536)), "and 180 or more errors"),
    "rows and traffic": (table(['{destination: "192.0.2.1"}'] * 60_000, "      traffic:\n"
                         + "".join(f'        - {{protocol: TCP, ports: "{n}"}}\n' for n in range(1, 100))),
                         "5,940,000 rows, one for each line of traffic: at most 250,000"),
    "rules": (table([f'{{destination: "198.18.0.0/24", ports: "{ODD_PORTS}"}}'] * 1_300), "at most 1,000,000 are"),
}  # fmt: skip


def opened(folder: Path) -> list[dict[str, Any]]:
    """Return the rules of the vendor in a folder."""
    catalog = load_vendor_dirs([folder])
    catalog.chosen(["evil"])
    selection = select_rows(catalog.vendors, ["evil"], today=datetime.date(2026, 11, 20))
    return expand_rows(selection["rows"], openings=Openings(consent_of(False, [])))


def refusal(folder: Path) -> str:
    """Return the error of a folder with one vendor file, which comes soon."""
    start = time.process_time()
    with pytest.raises(ValueError, match=r"evil") as caught:
        opened(folder)
    assert time.process_time() - start < SECONDS
    return str(caught.value)


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_refused_at_once(tmp_path: Path, name: str) -> None:
    text, part = TEXTS[name]
    (tmp_path / "evil.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    words = refusal(tmp_path)
    assert part in words
    assert len(words) < 20_000
    assert "evil.yml" in words or words.startswith("evil: media: row ")


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "named pipe": (os.mkfifo, "it is a named pipe, not a file"),
    "directory": (Path.mkdir, "it is a directory, not a file"),
    "socket": (bound, "it is a socket, not a file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
    "terminal": (lambda path: path.symlink_to("/dev/tty"), "it is a device, not a file"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    "link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_not_opened(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, part = NO_FILES[name]
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    make(Path("evil.yml"))
    words = refusal(Path())
    assert "'evil.yml' cannot be read: " in words
    assert part in words


def test_a_pipe_that_takes_the_place_of_a_file_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was a file when it was looked at first."""
    os.mkfifo(tmp_path / "evil.yml")
    check, first = reader._check_kind, iter([True])

    def look(mode: int) -> None:
        if not next(first, False):
            check(mode)

    monkeypatch.setattr(reader, "_check_kind", look)
    with pytest.raises(ValueError, match="it is a named pipe"):
        read_file(tmp_path / "evil.yml")


def test_other_vendors_are_only_warned_of_a_hostile_file(tmp_path: Path) -> None:
    (tmp_path / "evil.yml").write_text("[" * 100_000)
    os.mkfifo(tmp_path / "pipe.yml")
    catalog = load_vendor_dirs([VENDOR_FOLDER, tmp_path])
    assert [re.sub(r".*/", "", warning)[:22] for warning in catalog.chosen(["kudo"])] == [
        "evil.yml' cannot be re",
        "pipe.yml' cannot be re",
    ]


@pytest.mark.parametrize("path", sorted(VENDOR_FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_files_are_read_as_yaml_is(path: Path) -> None:
    assert read_file(path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "a",
     "- 1\n- 0x10\n- 1_000\n- 0b11\n- 1.5\n- 0.5\n- -7\n- 0\n- .inf\n- yes\n- no\n- ~\n- null\n- 2022-02-28\n- ''\n",
     "a: |\n  b\n  c\n", "a: >-\n  b\n  c\n", "{a: 'it''s', b: \"\\u00e9\\n\"}", "--- a", "? a\n: b\n", "a: &x b\n"],
)  # fmt: skip
def test_texts_are_read_as_yaml_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yml").write_text(text)
    assert read_file(tmp_path / "x.yml") == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("number", "taken"),
    [("010", 8), ("-010", -8), ("+017", 15), ("0_7", 7), ("00", 0), ("0443", 291), ("1:00", 60), ("22:30", 1350),
     ("-1:30", -90), ("1:30.5", 90.5), ("190:20:30", 685230)],
)  # fmt: skip
@pytest.mark.parametrize(
    "place",
    ["timers: [{{protocol: udp, seconds: {}, printed: x}}]", "options: {{p: {{type: ports, default: {}}}}}",
     "options: {{p: {{type: ports, required: true, example: {}}}}}", "not_rules: [{{title: {}, why: x}}]", "{}: 1"],
)  # fmt: skip
def test_numbers_are_read_as_they_are_printed(tmp_path: Path, place: str, number: str, taken: float) -> None:
    (tmp_path / "evil.yml").write_text(HEAD + NO_SERVICES + "  " + place.format(number) + "\n")
    fault = f"holds '{number}', which YAML takes for the number {taken}: write the number that is meant, or the text in"
    assert fault in refusal(tmp_path)
    (tmp_path / "evil.yml").write_text(f"a: '{number}'")
    assert read_file(tmp_path / "evil.yml") == {"a": number}


def test_what_is_within_the_limits_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({"catalog_mine": GOOD}) + "#" * (FILE_BYTES - 10_000))
    assert load_vendor_dirs([tmp_path]).vendors == {"mine": GOOD}
    (tmp_path / "deep.yml").write_text("[" * DEPTH + "]" * DEPTH)
    assert read_file(tmp_path / "deep.yml") == yaml.safe_load("[" * DEPTH + "]" * DEPTH)
