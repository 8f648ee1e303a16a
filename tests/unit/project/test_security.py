# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor file is data from outside: whatever it holds is refused with its place, or does no harm.

Every text of a definition is replaced by hostile ones, all the way to the ruleset, which is then held against a
grammar of its own: a line is either one that an innocent vendor gives too, or a name, a number or a prefix.
"""

from __future__ import annotations

import copy
import datetime
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import (
    Catalog,
    add_vendors,
    load_vendor_dirs,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY

EVIL: dict[str, Any] = {
    "title": "Evil",
    "wide_because": "with the network that is all theirs",
    "sources": [
        {"id": "page", "title": "Page", "date": "2026-03", "dated": "d", "document": "x.txt", "notices": "none"}
    ],
    "options": {
        "regions": {"type": "list", "choices": ["east"], "default": ["east"], "description": "where"},
        "mode": {"type": "str", "choices": ["plain"], "default": "plain", "description": "how"},
        "port": {"type": "ports", "default": "7400", "example": "7400"},
        "extra": {"type": "bool", "default": False},
    },
    "timers": [{"protocol": "udp", "seconds": 60, "printed": "1 min", "services": ["media"], "source": "page"}],
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "page",
            "traffic_source": "page",
            "requirement": "required",
            "when": {"regions": ["east"], "mode": ["plain"]},
            "inbound_option": "extra",
            "note": "n",
            "traffic": [{"protocol": "UDP", "ports": "3478", "requirement": "required", "label": "turn"}],
            "rows": [{"label": "first", "destination": "192.0.2.0/28", "source_ip": "ANY", "source_port": "ANY"}],
        },
        {
            "name": "signaling",
            "title": "Signaling",
            "source": "page",
            "rows": [
                {"protocol": "TCP", "ports": "443", "ports_option": "port", "destination": "2001:db8::/32"},
                {"protocol": "TCP", "ports": "443", "destination": "17.0.0.0/8", "wide_because": "it is all theirs"},
                {"protocol": "TCP", "ports": "443", "destination": "www.example.com", "source": "page"},
            ],
        },
    ],
    "not_rules": [{"title": "t", "printed": "p", "why": "w", "source": "page"}],
}
MARKER = "/tmp/egress-allowlist-was-here"
HOSTILE = {
    "flush": '"; flush ruleset; "',
    "brace": "x }\n\t}\n}\nflush ruleset\ntable inet x {",
    "one line": 'x" } } ; flush ruleset ; table inet x { # ',
    "comment": "x # y",
    "shell": f"$(touch {MARKER}) `touch {MARKER}`; touch {MARKER} | sh & > {MARKER}",
    "template": f"{{{{ lookup('pipe', 'touch {MARKER}') }}}}",
    "statement": "{% for x in range(9) %}x{% endfor %}",
    "nul": "x\0y",
    "escape": "\x1b[2J\x1b]0;x\x07",
    "return": "x\ry",
    "newline": "x\n",
    "next line": "x\x85y\u2028z",
    "bidi": "\u202e0.0.0.0",
    "quote": "'\"\\",
    "long": "a" * 10_000,
    "long digits": "1" * 10_000,
    "path": "../../../../etc/passwd",
    "everywhere": "0.0.0.0/0",
    "include": 'include "/etc/passwd"',
    "empty": "",
    "blank": " ",
    "surrogate": "\ud800",
    "arabic digits": "٤٤٣",
    "full width": "192.0.2.0/28",
}
WRONG_TYPES = [None, 7, -1, 10**30, 1.5, float("nan"), True, [], {}, [[]], ["a"], {"a": 1}, {1: 2}, b"x", [None]]

PREFIX = r"[0-9a-f.:]{2,39}/[0-9]{1,3}"
PORTS = r"[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?"
MAP = rf"(allowed|inbound)[46]_(tcp|udp)_{PORTS}"
NAME = r"[a-z][a-z0-9_/.]{0,119}"
DATA = re.compile(
    rf'\tcounter {NAME} {{|\t\tcomment "[a-z0-9_:, ]{{1,120}}"|'
    rf'\t\t\t{PREFIX} \. (tcp|udp) \. {PORTS}(,| }})|\t\t\t{PREFIX} : "{NAME}"(,| }})|'
    rf"\tmap {MAP} {{|\t\t(tcp|udp) dport {PORTS} counter name ip6? [ds]addr map @{MAP} accept|"
    r"\tct timeout (tcp|udp)_[0-9]{1,7} {|\tset (tcp|udp)_[0-9]{1,7}_v[46] {|"
    r"\t\tpolicy = { (established : [0-9]{1,7}|unreplied : [0-9]{1,7}, replied : [0-9]{1,7}) }|"
    r"\t\tip6? daddr \. meta l4proto \. th dport @(tcp|udp)_[0-9]{1,7}_v[46] ct timeout set \"(tcp|udp)_[0-9]{1,7}\""
)


def ruleset(vendor: str, definition: Any) -> tuple[str, list[str]]:
    """Return the ruleset and the summary of one vendor: its options by default, switches on."""
    catalog = add_vendors(Catalog({}, {}), {vendor: definition})
    catalog.chosen([vendor])
    wanted = ["required", "recommended", "optional"]
    options = catalog.vendors[vendor].get("options", {})
    chosen = {"name": vendor, **{name: True for name, spec in options.items() if spec["type"] == "bool"}}
    selection = select_rows(catalog.vendors, [chosen], requirements=wanted, today=datetime.date(2026, 11, 20))
    rules = expand_rows(selection["rows"])
    carried = {key: selection[key] for key in ("timers", "sources", "not_rules")}
    allowlist = merge_vendors(rules, **carried)
    native = render(allowlist, policy="deny", names="report", scope="both")
    return native["ruleset"], summarise_allowlist(allowlist, selection, {"name": "nftables", "policy": "deny"})


INNOCENT = frozenset(ruleset("innocent", EVIL)[0].split("\n"))


def harmless(vendor: str, definition: Any) -> None:
    """Raise AssertionError unless what a definition leads to is within the grammar."""
    text, summary = ruleset(vendor, definition)
    for line in text.split("\n"):
        assert line in INNOCENT or DATA.fullmatch(line), line
    assert text.count("{") == text.count("}")
    assert all(line.isprintable() for line in summary)


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of everything in a definition."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def with_value(path: tuple, value: Any) -> dict[str, Any]:
    definition = copy.deepcopy(EVIL)
    at: Any = definition
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return definition


def with_key(path: tuple, name: str) -> dict[str, Any]:
    definition = copy.deepcopy(EVIL)
    at: Any = definition
    for key in path[:-1]:
        at = at[key]
    at[name] = at.pop(path[-1])
    return definition


def at(path: tuple) -> Any:
    value: Any = EVIL
    for key in path:
        value = value[key]
    return value


ALL = list(places(EVIL))
TEXTS = [path for path in ALL if isinstance(at(path), str)]
UNREAD = ("services", 1, "rows", 0, "ports")  # the value of its ports_option stands in its place
KEYS = [path for path in ALL if isinstance(path[-1], str)]


def refused_or_harmless(vendor: str, definition: Any) -> str:
    """Return the words of the refusal, '' where there was none; they name the vendor."""
    words = ""
    try:
        harmless(vendor, definition)
    except ValueError as exc:
        words = str(exc)
    assert not words or words.startswith("evil: "), words[:300]
    return words


def test_the_grammar_knows_the_innocent_and_no_more() -> None:
    harmless("evil", EVIL)
    for line in (
        '\tcounter a"b {', "\tcounter a b {", '\t\tcomment "a"; flush ruleset', "\tcounter a/b {\n", "flush",
        "\tmap allowed4_tcp_0 {", "\t\ttcp dport 443 counter name ip daddr map @allowed4_tcp_443 drop",
    ):  # fmt: skip
        assert line not in INNOCENT
        assert not DATA.fullmatch(line)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_in_every_place(hostile: str) -> None:
    refusals = {path: refused_or_harmless("evil", with_value(path, HOSTILE[hostile])) for path in TEXTS}
    for path, words in refusals.items():
        # Services are named in what is said about them, and everything else by its key.
        if words and path[0] == "services" and path[-1] != "name" and "when" not in path:
            assert EVIL["services"][path[1]]["name"] in words, (path, words[:300])
    assert any(refusals.values())
    if hostile in ("flush", "one line", "shell", "quote", "path", "include", "brace"):
        for path in (("services", 0, "name"), ("services", 0, "traffic", 0, "ports"), ("timers", 0, "protocol")):
            assert refusals[path], path
    if hostile in ("brace", "template", "statement", "nul", "escape", "return", "newline", "next line", "bidi"):
        lines = (UNREAD,) if "\n" in HOSTILE[hostile] else ()  # a cell may have them
        cells = [path for path in TEXTS if path[-1] != "destination" and path not in lines]
        assert all(refusals[path] for path in cells)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_keys_in_every_place(hostile: str) -> None:
    for path in KEYS:
        refused_or_harmless("evil", with_key(path, HOSTILE[hostile]))


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if name != "long"])
def test_hostile_vendor_names(hostile: str) -> None:
    with pytest.raises(ValueError, match=r"^vendor name '"):
        ruleset(HOSTILE[hostile], EVIL)


def test_long_names_are_cut() -> None:
    for definition in (EVIL, with_value(("services", 1, "name"), "b" * 10_000)):
        harmless("a" * 10_000, definition)


@pytest.mark.parametrize("wrong", WRONG_TYPES, ids=repr)
def test_wrong_types_in_every_place(wrong: Any) -> None:
    for path in ALL:
        refused_or_harmless("evil", with_value(path, copy.deepcopy(wrong)))
    with pytest.raises(ValueError, match=r"^evil"):
        ruleset("evil", wrong)


@pytest.mark.parametrize(
    "cell",
    ["0.0.0.0/0", "::/0", "10.0.0.0/15", "2001:db8::/31", "0.0.0.0 – 255.255.255.255", "10.0.0.0-10.1.255.255",
     "0.0.0.0/1, 128.0.0.0/1", "192.0.2.1 10.0.0.0/8", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
)  # fmt: skip
@pytest.mark.parametrize("reason", [None, "", " "])
def test_wide_prefixes_need_a_reason(cell: str, reason: str | None) -> None:
    row = {"destination": cell} | ({} if reason is None else {"wide_because": reason})
    with pytest.raises(ValueError, match=r"^evil: media: row 1: destination .* is wider than /(16|32) .*wide_because$"):
        ruleset("evil", with_value(("services", 0, "rows"), [row]))


@pytest.mark.parametrize("label", [name for name in HOSTILE if name not in ("long",)])
def test_rows_written_by_hand_are_not_trusted_either(label: str) -> None:
    row = {"vendor": "acme", "service": "calls", "destination": "192.0.2.1", "ports": "443"}
    for key in ("vendor", "service"):
        with pytest.raises(ValueError, match=f"{key} "):
            render(merge_vendors(expand_rows([row | {key: HOSTILE[label]}])))


FILES = {
    "python": ("catalog_evil: !!python/object/apply:os.system ['touch {marker}']\n", "cannot be read"),
    "name": ("catalog_evil: !!python/name:os.system\n", "cannot be read"),
    "vault": ("catalog_evil: !vault x\n", "cannot be read"),
    "two keys": ("catalog_evil: {}\nnftables_allow: []\n", "must hold one key"),
    "other key": ("ansible_connection: local\n", "must hold one key"),
    "nothing": ("", "must hold one key"),
    "two documents": ("catalog_evil: {}\n---\ncatalog_evil: {}\n", "cannot be read"),
    "same key": ("catalog_evil: {title: a, title: b}\n", "there twice"),
    "deep": ("catalog_evil: " + "[" * 5000 + "]" * 5000 + "\n", "evil.yml"),
    "itself": ("catalog_evil: &a {title: *a}\n", "holds an alias"),
    "bomb": ("catalog_evil:\n  title: &a0 [x]\n"
             + "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)), "holds an alias"),
    "merged": ("catalog_evil:\n  title: &a0 {x: y}\n"
               + "".join(f"  a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)),
               "holds an alias"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_hostile_files(tmp_path: Path, name: str) -> None:
    text, part = FILES[name]
    marker = tmp_path / "was-here"
    (tmp_path / "evil.yml").write_text(text.replace("{marker}", str(marker)), "utf-8")
    with pytest.raises(ValueError, match=re.escape(part)):
        load_vendor_dirs([tmp_path]).chosen(["evil"])
    assert not marker.exists()


@pytest.mark.parametrize(
    ("path", "refused"), [(("services", 0, "rows", 0, "label"), True), (("services", 0, "note"), False)]
)
def test_a_play_runs_nothing_that_a_vendor_file_says(tmp_path: Path, path: tuple, refused: bool) -> None:
    marker = tmp_path / "was-here"
    text = f"{{{{ lookup('pipe', 'touch {marker}') }}}}" if refused else f"$(touch {marker}); `touch {marker}` %}}}}"
    (tmp_path / "evil.yml").write_text(yaml.safe_dump({"catalog_evil": with_value(path, text)}), "utf-8")
    said = json.dumps({"catalog_vendors": [{"name": "evil"}], "catalog_vendor_dirs": [str(tmp_path)]})
    command = [PLAYBOOK, "playbooks/export.yml", "-e", said, "-e", f"export_path={tmp_path}/rules.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert not marker.exists()
    assert (done.returncode != 0) == refused, done.stdout + done.stderr
    assert ("vendor files are never templated" in done.stdout + done.stderr) == refused
    assert (tmp_path / "rules.json").exists() != refused
