# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at vendor files: all errors of all files at once, what each would open, and what a user must agree to."""

from __future__ import annotations

import copy
import datetime
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import shipped_files
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.vendor_files import Look, look_at

from tests.support.definitions import GOOD
from tests.support.repository import REPOSITORY, VENDOR_FOLDER

TODAY = datetime.date(2026, 11, 30)


def look(*names: str, base: Path = REPOSITORY) -> Look:
    return look_at(list(names), base, shipped=shipped_files(), today=TODAY)


def with_rows(*rows: dict[str, Any], **keys: Any) -> dict[str, Any]:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"] = list(rows)
    return {**definition, **keys}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Return what writes the file of a vendor, and returns its name below C{tmp_path}."""

    def write(vendor: str, definition: dict[str, Any], name: str = "") -> str:
        path = tmp_path / "vendors" / (name or f"{vendor}.yml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(json.loads(json.dumps({f"catalog_{vendor}": definition}))))
        return f"vendors/{path.name}"

    return write


def test_the_example_of_every_key() -> None:
    found = look("tests/support/acme.yml")
    assert found.errors == []
    assert found.lines == [
        "Acme (acme), tests/support/acme.yml",
        "  service  opens             to                    requirement  only with              with a reason",
        "  portal   tcp/443           3 names               required",
        "  media    udp/3478-3479     4 names               required",
        "           tcp/443           4 names               recommended  edition: plus (off)",
        "           udp/3478-3479     128 addresses in 1    required     by regions",
        "                             prefix",
        "           tcp/443           128 addresses in 1    recommended  by regions; edition:",
        "                             prefix                             plus (off)",
        "           udp/3478-3479     128 addresses in 1    optional     by regions",
        "                             prefix",
        "           tcp/443           128 addresses in 1    optional     by regions; edition:",
        "                             prefix                             plus (off)",
        "  sip      tcp/5061          1 address             required     edition: plus (off)",
        "           inbound tcp/5061  1 address             required     edition: plus (off);",
        "                                                                inbound: true (off)",
        "  back     inbound udp/5060  1 address             required     inbound: true (off)",
        "  clients  esp               1 address             required",
        "           udp/5223          16,777,216 addresses  required                            row 2",
        "                             in 1 prefix",
        "           tcp/80            1 address             required                            row 3",
        "  (off): not with the defaults of the options",
        "  a user agrees with catalog_special_addresses: [169.254.10.1/32], for clients row 3 (required)",
        "  media by regions: eu-west-2 row 2; us-east-1 row 3",
        "  note on portal: the page prints one name for all tenants",
        "  timer: udp 60 s for media with edition: basic or plus; printed: 1 min UDP timer",
        "  note on media rows 1-4: ports '3478/79' read as '3478-3479' by the author of the file",
        "  note on media row 4: destination 'media.REGION. example.com' read as 'media.REGION.example.com' by",
        "    the author of the file",
        "  only from 203.0.113.10/32 port 1024-65535: sip row 1: kept, not enforced",
        "  only to 203.0.113.10/32: sip row 2: kept, not enforced",
        "  Options",
        "    regions    must be chosen: eu-west-2, us-east-1",
        "    edition    basic (default), plus",
        "    tenant     must be given, a label of a name; counted with blue",
        "    sbc        must be given, the user's own addresses; counted with 203.0.113.10",
        "    signaling  5061 (default), ports",
        "    inbound    true, false (default)",
        "  Names",
        "    portal: blue.portal.example.com, basic.portal.example.com (and 1 like it)",
        "    media: turn.eu-west-2.example.com (and 1 like it), media.eu-west-2.example.com (and 1 like it)",
        "  Asked for by the page, but no rule can be made of it",
        "    Proxy (with edition: basic): not a matter of addresses; printed: 'a transparent proxy'",
        "  Wide or special, and why",
        "    acme: 16,777,476 IPv4 addresses are open because: printed so: the relays are in any network of",
        "      the carrier's",
        "    acme: clients: row 2: 17.0.0.0/8 is open because: printed so",
        "    acme: clients: row 3: 169.254.10.1/32 (link-local) is open because: the appliance has this",
        "      address",
    ]


def test_the_vendors_of_the_collection_are_sound() -> None:
    found = look(str(VENDOR_FOLDER))
    assert found.errors == []
    heads = [line for line in found.lines if line and not line.startswith(" ")]
    assert [re.findall(r"[(](\w+)[)], ", head) for head in heads] == [[name] for name in sorted(shipped_files())]


def test_all_errors_of_all_files_are_told_with_their_places(file: Callable[..., str], tmp_path: Path) -> None:
    rows = [
        {"destination": "192.0.2.1", "ports": "83-80"},
        {"destination": "17.0.0.0/8", "ports": "443"},
        {"destination": "127.0.0.1", "ports": "443"},
        {"destination": "192.0.2.2", "ports": "443", "read_as": {"ports": "80"}},
        {"destination": "192.0.2.3", "ports": "443"},
    ]
    dated = {"id": "page", "title": "Page", "date": "2027-01"}
    names = [
        file("expands", with_rows(*rows, sources=[dated])),
        file("keys", with_rows({"destination": "192.0.2.1", "port": "1"}, {"destination": 7})),
        file("good", GOOD),
        file("good", GOOD, "twice.yml"),
        file("kudo", GOOD),
        file("sum", with_rows({"destination": "16.0.0.0 - 18.0.0.0", "ports": "443", "wide_because": "x"})),
        "vendors/none.yml",
        "empty",
        "~nobody-of-this-name/x",
    ]
    (tmp_path / "vendors" / "broken.yml").write_text("catalog_x: [")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "vendors" / "pipe.yml")
    found = look(*names, "vendors/broken.yml", "vendors/pipe.yml", base=tmp_path)
    begins = [
        "vendors/expands.yml: expands: page: date 2027-01 is later than today, 2026-11-30",
        "vendors/expands.yml: expands: media: row 1: ports '83-80': 83 is larger than 80",
        "vendors/expands.yml: expands: media: row 2: destination '17.0.0.0/8' is wider than /16",
        "vendors/expands.yml: expands: media: row 3: destination '127.0.0.1' is special (loopback): it is opened",
        "vendors/expands.yml: expands: media: row 4: read_as: ports '443' has one reading: leave read_as of it out",
        "vendors/keys.yml: keys: media: row 1: unknown key 'port'",
        "vendors/keys.yml: keys: media: row 2: destination '7' must be a str",
        "vendors/twice.yml: good: there is a vendor of this name in vendors/good.yml: give yours another name",
        "vendors/kudo.yml: kudo: there is a vendor of this name in this collection: give yours another name",
        "vendors/sum.yml: sum: its rows open 33,554,433 IPv4 addresses: above 2^24",
        "vendors/none.yml: it cannot be read: No such file or directory",
        "empty: the folder has no vendor files, *.yml or *.yaml",
        "~nobody-of-this-name/x: it cannot be read: Could not determine home directory",
        "vendors/broken.yml: cannot be read: while parsing a flow",
        "vendors/pipe.yml: cannot be read: it is a named pipe, not a file",
    ]
    assert len(found.errors) == len(begins), found.errors
    assert [error[: len(begin)] for error, begin in zip(found.errors, begins, strict=True)] == begins
    assert found.lines[0] == "Example (good), vendors/good.yml"


def test_cells_are_read_beside_what_is_not_sound(file: Callable[..., str], tmp_path: Path) -> None:
    """Rows keep their numbers, and what hangs on something unsound is not told twice."""
    cells = {"destination": "192.0.2.1", "ports": "443", "direction": "outbound"}
    rows = [
        {**cells, "port": "1"},
        {**cells, "ports": "83-80"},
        cells,
        {**cells, "source": "paeg"},
        {**cells, "ports": "9-8"},
    ]
    made = with_rows(*rows)
    service = made["services"][0]
    made["services"] += [
        {**service, "name": "lines", "traffic": [{"port": "1"}], "rows": [{"destination": "192.0.2.300"}]},
        {**service, "name": "more", "rows": [{**cells, "destination": "192.0.2.300"}]},
        {**service, "name": "Bad", "rows": [{**cells, "destination": "192.0.2.300"}]},
    ]
    made["timers"][0]["seconds"] = 0
    made["not_rules"][0]["source"] = "none"
    made["title"] = "Mixed"
    errors = look(file("mixed", made), base=tmp_path).errors
    assert [error.partition("mixed: ")[2][:46] for error in errors] == [
        "media: row 1: unknown key 'port': known are la",
        "media: row 2: ports '83-80': 83 is larger than",
        "media: row 4: unknown source 'paeg': known are",
        "media: row 5: ports '9-8': 9 is larger than 8:",
        "lines: traffic 1: unknown key 'port': known ar",
        "lines: row 1: destination '192.0.2.300' is not",
        "Bad: name 'Bad': write small letters, digits a",
        "timer 1: seconds 0 is not larger than 0",
        "not_rules 1: unknown source 'none': known are ",
        "more: row 1: destination '192.0.2.300' is not ",
    ]


TENANT = {"tenant": {"type": "str", "required": True}, "own": {"type": "addresses", "required": True}}
CELL = {"destination": "192.0.2.1", "ports": "83-80"}
WRONG_FILLINGS: list[tuple[Any, list[str]]] = [
    ({"<tenant>": "tenat"}, ["unknown option 'tenat': known are tenant; did you mean"]),
    ({"<tenant>": "own"}, ["unknown option 'own': known are tenant"]),
    ({"<tenant>": ["tenant"]}, ["unknown option '['tenant']': known are tenant"]),
    ({"<tenant>": {"tenant": 1}}, ["unknown option '{'tenant': 1}': known"]),
    ({"<tenant>": None}, ["unknown option 'None': known are tenant"]),
    ({"<tenant>": ""}, ["unknown option '': known are tenant"]),
    ({"<tenant>": "tenant", "": "tenant"}, ["'' is no placeholder: accepted are <tenant>"]),
    ({"<tenant>": "tenant", "<a": "x", "b.c": "tenant"}, ["'<a' is no placeholder", "'b.c' is no placeholder"]),
    ({"<tenant>": "tenant", "<b.c>": "tenant"}, ["the placeholder '<b.c>' has a dot"]),
]


@pytest.mark.parametrize("level", ["vendor", "service", "row"])
@pytest.mark.parametrize(("mapping", "told_of_it"), WRONG_FILLINGS)
def test_wrong_fillings_hide_no_cells(
    mapping: dict[Any, Any], told_of_it: list[str], level: str, file: Callable[..., str], tmp_path: Path
) -> None:
    """Neither those of other rows, nor those of rows that they fill."""
    filled = {"destination": "<tenant>.example.com", "ports": "9-8"}
    made = plain(filled, CELL, options=TENANT)
    place = {"vendor": made, "service": made["services"][0], "row": made["services"][0]["rows"][0]}[level]
    place["destination_options"] = mapping
    errors = look(file("acme", made), base=tmp_path).errors
    where = {"vendor": "acme: ", "service": "acme: media: ", "row": "acme: media: row 1: "}[level]
    wanted = [
        *(f"{where}destination_options: {text}" for text in told_of_it),
        "acme: media: row 1: ports '9-8': 9 is larger than 8",
        "acme: media: row 2: ports '83-80': 83 is larger than 80",
    ]
    assert len(errors) == len(wanted), errors
    assert [text for text in wanted if not any(f": {text}" in error for error in errors)] == []


@pytest.mark.parametrize(
    ("level", "keys", "told_of_it"),
    [
        ("service", {"notes": "x"}, ["unknown key 'notes'"]),
        ("service", {"note": 7}, ["note '7' must be a str"]),
        ("service", {"requirement": "must"}, ["unknown requirement 'must'"]),
        ("service", {"when": {"x": [True]}}, ["when: unknown option 'x'"]),
        ("service", {"source": "pge"}, ["unknown source 'pge'"]),
        ("service", {"title": None}, ["title 'None' must be a str"]),
        (
            "service",
            {"requirement": "must", "source": "pge", "when": {"x": [True], "extra": ["no"]}},
            [
                "unknown requirement 'must'",
                "unknown source 'pge'",
                "when: unknown option 'x'",
                "when: extra '['no']' must be a list",
            ],
        ),
        ("vendor", {"notes": "x", "no": 1}, ["unknown key 'notes'", "unknown key 'no'"]),
        ("vendor", {"title": 7, "timers": {}}, ["title '7' must be a str", "timers '{}' must be a list"]),
        ("vendor", {"wide_because": 7}, ["wide_because '7' must be a str"]),
    ],
)
def test_wrong_keys_above_rows_hide_no_cells(
    level: str, keys: dict[str, Any], told_of_it: list[str], file: Callable[..., str], tmp_path: Path
) -> None:
    made = plain(CELL, {**CELL, "port": "1"})
    (made["services"][0] if level == "service" else made).update(keys)
    errors = look(file("acme", made), base=tmp_path).errors
    where = {"vendor": "acme: ", "service": "acme: media: "}[level]
    wanted = [
        *(f"{where}{text}" for text in told_of_it),
        "acme: media: row 1: ports '83-80'",
        "acme: media: row 2: unknown key 'port'",
    ]
    assert len(errors) == len(wanted), errors
    assert [text for text in wanted if not any(f": {text}" in error for error in errors)] == []


@pytest.mark.parametrize(
    ("level", "keys", "told_of_it"),
    [
        ("service", {"trafic": [{"ports": "443"}]}, "unknown key 'trafic'"),
        ("service", {"direction": "in"}, "unknown direction 'in'"),
        ("service", {"inbound_option": "x"}, "unknown inbound_option 'x'"),
        ("vendor", {"option": {"x": {"type": "str"}}}, "unknown key 'option'"),
        ("vendor", {"services": {}}, "services '{}' must be a list"),
    ],
)
def test_rows_are_not_told_for_a_wrong_key_that_they_hang_on(
    level: str, keys: dict[str, Any], told_of_it: str, file: Callable[..., str], tmp_path: Path
) -> None:
    made = plain({"destination": "192.0.2.1"})
    (made["services"][0] if level == "service" else made).update(keys)
    [error] = look(file("acme", made), base=tmp_path).errors
    assert told_of_it in error


def test_errors_that_many_rows_have_alike_are_told_once(file: Callable[..., str], tmp_path: Path) -> None:
    few = {"destination": "192.0.2.1", "ports": "9-8"}
    made = plain(CELL, CELL, few, CELL, few, CELL, few, CELL)
    made["services"].append({**made["services"][0], "name": "other", "rows": [CELL]})
    errors = look(file("acme", made), base=tmp_path).errors
    begins = [
        "media: rows 1, 2, 4, 6, 8: ports '83-80': 83 is larger than 80",
        "media: row 3: ports '9-8': 9 is larger than 8",
        "media: row 5: ports '9-8': 9 is larger than 8",
        "media: row 7: ports '9-8': 9 is larger than 8",
        "other: row 1: ports '83-80': 83 is larger than 80",
    ]
    assert [error.partition("acme: ")[2].partition(": write")[0] for error in errors] == begins


def test_services_that_open_nothing_are_told(file: Callable[..., str], tmp_path: Path) -> None:
    made = plain({"destination": "192.0.2.1", "ports": "443"})
    service = made["services"][0]
    made["services"] += [
        {**service, "name": "empty", "rows": []},
        {**service, "name": "lines", "traffic": [], "rows": [{"destination": "192.0.2.1"}]},
    ]
    lines = told(made, file, tmp_path)
    assert [line for line in lines if "NO ROW" in line] == ["  NO ROW of empty", "  NO ROW of lines"]


TIMER = GOOD["timers"][0]
NOT_RULE = GOOD["not_rules"][0]


@pytest.mark.parametrize(
    ("keys", "told_of_it"),
    [
        ({"timers": ["x"]}, "acme: timer 1: must be a dictionary"),
        ({"timers": [{key: TIMER[key] for key in ("protocol", "seconds")}]}, "acme: timer 1: printed is missing"),
        ({"timers": [{**TIMER, "seconds": None}]}, "acme: timer 1: seconds 'None' must be a int"),
        ({"timers": [{**TIMER, "services": [["media"]]}]}, "acme: timer 1: unknown service '['media']'"),
        ({"not_rules": [7]}, "acme: not_rules 1: must be a dictionary"),
        ({"not_rules": [{"printed": "a proxy"}]}, "acme: not_rules 1: title is missing"),
        ({"not_rules": [{**NOT_RULE, "printed": 7}]}, "acme: not_rules 1: printed '7' must be a str"),
        (
            {"not_rules": [{**NOT_RULE, "when": {"extra": None}}]},
            "acme: not_rules 1: when: extra 'None' must be a list",
        ),
    ],
)
def test_wrong_entries_beside_rows_hide_no_cells(
    keys: dict[str, Any], told_of_it: str, file: Callable[..., str], tmp_path: Path
) -> None:
    errors = look(file("acme", plain(CELL, **keys)), base=tmp_path).errors
    assert [error.partition(".yml: ")[2].partition(" 83 is")[0][: len(told_of_it)] for error in errors] == [
        told_of_it,
        "acme: media: row 1: ports '83-80':"[: len(told_of_it)],
    ]


def test_all_sources_and_options_are_told(file: Callable[..., str], tmp_path: Path) -> None:
    sources = [{"id": "page", "title": "Page"}, {"id": "other", "title": "Page", "date": "2026"}]
    options = {"a": {"type": "text"}, "b": {"type": "bool"}, **GOOD["options"]}
    errors = look(file("heads", {**GOOD, "sources": sources, "options": options}), base=tmp_path).errors
    assert [error.partition("heads: ")[2][:28] for error in errors] == [
        "page: date is missing",
        "other: date '2026' is not a ",
        "option a: unknown type 'text",
        "option b: write either 'requ",
    ]


def test_many_errors_of_one_file_are_all_told(file: Callable[..., str], tmp_path: Path) -> None:
    def many(count: int) -> dict[str, Any]:
        rows = ({"destination": "192.0.2.1", "ports": f"{n}-1", "direction": "outbound"} for n in range(2, count + 2))
        return with_rows(*rows)

    assert len(look(file("many", many(150)), base=tmp_path).errors) == 150
    name = file("many", many(2_000))
    errors = look(name, base=tmp_path).errors
    assert len(errors) == 201
    assert errors[-1] == f"{name}: after so many errors no more are looked for"


def test_a_folder_and_a_file_of_it_are_looked_at_once(file: Callable[..., str], tmp_path: Path) -> None:
    file("one", GOOD)
    name = file("other", GOOD, "other.yaml")
    (tmp_path / "vendors" / "notes.txt").write_text("no vendor")
    found = look("vendors/", name, str(tmp_path / "vendors"), base=tmp_path)
    assert found.errors == []
    assert [line for line in found.lines if line.endswith((".yml", ".yaml"))] == [
        "Example (one), vendors/one.yml", "Example (other), vendors/other.yaml"
    ]  # fmt: skip


PLACES = (("any_address", None), ("special_addresses", "printed so"))
ANY = {"destination": "0.0.0.0/0", "ports": "443", "wide_because": "printed so"}
SPECIAL = {"destination": "127.0.0.1, 192.0.2.1, 10.2.0.0/16", "ports": "443", "special_because": "printed so"}


@pytest.mark.parametrize(
    ("rows", "agrees"),
    [
        ([ANY], {"any_address": True}),
        ([SPECIAL], {"special_addresses": ["127.0.0.1/32", "10.2.0.0/16"]}),
        ([ANY, SPECIAL], {"any_address": True, "special_addresses": ["127.0.0.1/32", "10.2.0.0/16"]}),
        ([{**ANY, "destination": "0.0.0.0/1, 128.0.0.0/1"}], {"any_address": True}),
        ([{**ANY, "destination": "168.0.0.0/8"}], {}),  # holds a metadata service, which its reason covers
        ([{**ANY, "destination": "192.0.2.0/24"}], {}),
    ],
)
def test_what_a_user_must_agree_to_is_what_compiling_asks_for(
    rows: list[dict[str, Any]], agrees: dict[str, Any], file: Callable[..., str], tmp_path: Path
) -> None:
    """Without each part of it the vendor is refused, with all of it it is not."""
    made = with_rows(*rows, wide_because="printed so", options={"regions": GOOD["options"]["regions"]}, not_rules=[])
    made["services"][0].pop("inbound_option")
    found = look(file("acme", made), base=tmp_path)
    assert found.errors == []
    places = {key: [n for n, row in enumerate(rows, 1) if (row.get("special_because")) == of] for key, of in PLACES}
    parts = {
        "any_address": "catalog_any_address: true",
        "special_addresses": f"catalog_special_addresses: [{', '.join(agrees.get('special_addresses', []))}]",
    }
    wanted = [
        f"a user agrees with {parts[key]}, for media row {places[key][0]} (required; regions: east)" for key in agrees
    ]
    told = " ".join(" ".join(found.lines).split())
    assert [text for text in wanted if text not in told] == []
    assert told.count("a user agrees") == len(wanted)
    assert ("a user need not agree to anything else" in told) == (not wanted)

    def compiled(**given: Any) -> dict[str, Any]:
        return compile_allowlist({"acme": made}, [{"name": "acme", "regions": "all"}], today=str(TODAY), **given)

    assert compiled(**agrees)["allowlist"]["groups"]
    lacking = [{key: value for key, value in agrees.items() if key != left_out} for left_out in agrees]
    for number in range(len(agrees.get("special_addresses", []))):
        less = [*agrees["special_addresses"]]
        del less[number]
        lacking.append({**agrees, "special_addresses": less})
    for given in lacking:
        with pytest.raises(Exception, match="acme: "):
            compiled(**given)


def told(made: dict[str, Any], file: Callable[..., str], tmp_path: Path, **given: Any) -> list[str]:
    found = look_at([file("acme", made)], tmp_path, shipped=shipped_files(), today=TODAY, **given)
    assert found.errors == []
    return found.lines


def plain(*rows: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a definition whose one service has these rows, and no conditions unless C{keys} or rows say so."""
    made = with_rows(*rows, **{"not_rules": [], "timers": [], **keys})
    del made["services"][0]["inbound_option"], made["services"][0]["when"]
    return made


def test_names_of_anybodys_have_their_rows_as_wide_prefixes_do(file: Callable[..., str], tmp_path: Path) -> None:
    because = {"ports": "443", "wide_because": "printed so"}
    rows = [
        {"destination": "*.github.io", **because},
        {"destination": "www.example.com", "ports": "443"},
        {"destination": "*.cloudfront.net", **because},
        {"destination": "17.0.0.0/8", **because},
    ]
    lines = told(plain(*rows, wide_because="x"), file, tmp_path)
    assert [re.split("  +", line.strip()) for line in lines[1:5]] == [
        ["service", "opens", "to", "requirement", "with a reason"],
        ["media", "tcp/443", "2 names", "required", "rows 1, 3"],
        ["tcp/443", "1 name", "required"],
        ["tcp/443", "16,777,216 addresses in 1 prefix", "required", "row 4"],
    ]


def test_patterns_that_nothing_can_enforce_are_no_names(file: Callable[..., str], tmp_path: Path) -> None:
    cells = ("rtc*.example.com", "turn-*.example.com", "*.example.com", "www.example.com")
    lines = told(plain(*({"destination": cell, "ports": "443"} for cell in cells)), file, tmp_path)
    assert lines[2] == "  media    tcp/443  2 names, 2 patterns that nothing can enforce  required"
    assert "    media: rtc*.example.com, turn-*.example.com, *.example.com, www.example.com" in lines


def test_prefixes_are_counted_as_printed(file: Callable[..., str], tmp_path: Path) -> None:
    lines = told(plain({"destination": "192.0.2.0/26, 192.0.2.64/26", "ports": "443"}), file, tmp_path)
    assert "128 addresses in 1 prefix, merged from 2" in lines[2]


def test_names_are_listed_up_to_a_number_or_all(file: Callable[..., str], tmp_path: Path) -> None:
    rows = [{"destination": f"host-{number}.example.com", "ports": "443"} for number in range(25)]
    rows.append({"destination": "turn.REGION.example.com", "ports": "443"})
    made = plain(*rows, destination_options={"REGION": "regions"})
    made["services"][0]["rows"][0]["when"] = {"regions": ["east"]}
    few, every = (" ".join(" ".join(told(made, file, tmp_path, every=each)).split()) for each in (False, True))
    assert "host-19.example.com and 6 more, listed with -v" in few
    assert "host-20.example.com" not in few
    assert "host-24.example.com, turn.east.example.com, turn.west.example.com" in every
    del made["services"][0]["rows"][1:25]
    assert "host-0.example.com, turn.east.example.com (and 1 like it)" in " ".join(told(made, file, tmp_path))


def test_what_a_reviewer_reads_beside_the_table(file: Callable[..., str], tmp_path: Path) -> None:
    rows = [
        {"destination": "192.0.2.1", "ports": "443", "when": {"regions": ["east"]}},
        {"destination": "192.0.2.2", "ports": "443", "when": {"extra": [True]}},
    ]
    proxy = {"title": "Proxy", "why": "not a matter of addresses", "when": {"extra": [True]}}
    given = [{**proxy, "printed": "a proxy"}, {**proxy, "printed": r"\*.proxy"}]
    made = plain(*rows, not_rules=given)
    made["services"][0]["note"] = "the page has two"
    made["services"].append({"name": "old", "title": "Old", "source": "page", "rows": rows[:1]})
    assert told(made, file, tmp_path) == [
        "Example (acme), vendors/acme.yml",
        "  service  opens    to         requirement  only with",
        "  media    tcp/443  1 address  required     by regions",
        "           tcp/443  1 address  required     extra: true (off)",
        "  old      tcp/443  1 address  required     by regions",
        "  (off): not with the defaults of the options",
        "  a user need not agree to anything else",
        "  media by regions: east row 1",
        "  old by regions: east row 1",
        "  NO ROW of old for regions: west",
        "  note on media: the page has two",
        "  Options",
        "    extra    true, false (default)",
        "    port     must be given, ports; counted with 7400",
        "    regions  must be chosen: east, west",
        "  Asked for by the page, but no rule can be made of it",
        r"    Proxy (with extra: true (off)): not a matter of addresses; printed: 'a proxy', '\*.proxy'",
    ]


def test_who_needs_any_address(file: Callable[..., str], tmp_path: Path) -> None:
    prefixes = [
        "1.0.0.0/8",
        "2.0.0.0/7",
        "4.0.0.0/6",
        "8.0.0.0/5",
        *(f"{first}.0.0.0/4" for first in range(16, 240, 16)),
    ]
    parts = [{**ANY, "destination": prefix, "special_because": "x"} for prefix in prefixes]
    for rows, place in (
        ([{**ANY, "requirement": "optional"}], "for media row 1 (optional, taken only where catalog_requirements has"),
        ([{**ANY, "when": {"extra": [True]}}, *parts], "for media row 1 (required; extra: true (off))"),
        (parts, "for all rows together"),
    ):
        lines = " ".join(" ".join(told(plain(*rows, wide_because="x"), file, tmp_path)).split())
        assert f"a user agrees with catalog_any_address: true, {place}" in lines


LONG = "; ".join(map(str, range(5000, 5060))) + "; 6000 - 6010 (new)"


def test_readings_are_told_by_cell_whole_and_as_their_author_wrote_them(
    file: Callable[..., str], tmp_path: Path
) -> None:
    lines = [
        {"protocol": "TCP", "ports": LONG, "read_as": {"ports": LONG.partition("; 6000")[0]}},
        {"protocol": "TCP", "ports": LONG, "read_as": {"ports": "6000 - 6010"}, "label": "new"},
    ]
    rows = [{"destination": f"media-{number}.example.com"} for number in range(30)]
    broken = "turn.REGION. example.com, or so"
    rows.append({"destination": broken, "read_as": {"destination": "turn.REGION.example.com"}})
    made = plain(*rows, destination_options={"REGION": "regions"})
    made["services"][0]["traffic"] = lines
    notes = [line for line in told(made, file, tmp_path) if "read" in line or line.startswith("      ")]
    text = " ".join(" ".join(notes).split())
    whole = " ".join(" ".join(told(made, file, tmp_path)).split())
    assert f"note on ports '{LONG}' read by the author of the file as '{LONG.partition('; 6000')[0]}'" in whole
    assert "as '6000 - 6010': media rows 1-31" in text
    assert f"note on media row 31: destination '{broken}' read as 'turn.REGION.example.com' by the author" in whole
    assert "BEYOND" not in whole
    assert max(map(len, notes)) <= 100


def test_a_reading_beyond_its_cell_is_marked(file: Callable[..., str], tmp_path: Path) -> None:
    cells = {"destination": "192.0.2.1", "ports": "30011 - 30013 (RTMP / new)"}
    rows = [
        {**cells, "read_as": {"ports": "1-65535"}},
        {**cells, "destination": "192.0.2.2", "read_as": {"ports": "30011-30013"}},
    ]
    lines = told(plain(*rows), file, tmp_path)
    assert [re.split("  +", line.strip()) for line in lines[1:4]] == [
        ["service", "opens", "to", "requirement", "BEYOND print"],
        ["media", "tcp/1-65535", "1 address", "required", "row 1"],
        ["tcp/30011-30013", "1 address", "required"],
    ]
    assert "as '1-65535': media row 1; BEYOND what the cell prints: tcp/1-65535" in " ".join(lines)
