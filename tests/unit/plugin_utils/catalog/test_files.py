"""Vendor files: what is shipped is sound, and what is not sound is refused with its place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import add_vendors, load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import parse_age
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.repository import VENDOR_FOLDER

GOOD: dict[str, Any] = {
    "title": "Example",
    "sources": [{"id": "page", "title": "Firewall page", "date": "2026-03"}],
    "options": {
        "regions": {"type": "list", "choices": ["east", "west"], "required": True},
        "port": {"type": "ports", "required": True, "example": 7400},
        "extra": {"type": "bool", "default": False},
    },
    "timers": [{"protocol": "udp", "seconds": 60, "printed": "1 min", "services": ["media"]}],
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "page",
            "when": {"regions": ["east"]},
            "inbound_option": "extra",
            "rows": [
                {"protocol": "UDP", "ports": "3478", "destination": "192.0.2.0 – 192.0.2.127"},
                {"protocol": "TCP", "ports": "any", "destination": "198.51.100.1", "ports_option": "port"},
            ],
        }
    ],
    "not_rules": [{"title": "Proxy", "printed": "a transparent proxy", "why": "not a matter of addresses"}],
}


def test_the_shipped_catalog_is_sound_and_complete() -> None:
    catalog = load_vendor_dirs([VENDOR_FOLDER]).vendors
    assert sorted(catalog) == ["eschat", "kore_ai", "kudo", "securevideo", "twilio", "vsee", "zoom"]
    assert {path.stem for path in VENDOR_FOLDER.glob("*.yml")} == set(catalog)


def test_every_shipped_cell_is_understood() -> None:
    """Also the rows that no option of another test switches on."""
    for vendor, definition in load_vendor_dirs([VENDOR_FOLDER]).vendors.items():
        for service in definition["services"]:
            for row in service["rows"]:
                for traffic in service.get("traffic", [row]):
                    # The value of an option takes the place of what is printed.
                    cells = {"ports": "7400" if "ports_option" in row else traffic["ports"]}
                    cells |= {key: row[key] for key in ("destination", "wide_because") if key in row}
                    cells["protocol"] = traffic.get("protocol", "")
                    assert expand_rows([{"vendor": vendor, "service": service["name"], **cells}])


def test_what_two_vendors_take_from_one_page_is_the_same() -> None:
    """SecureVideo refers to Twilio's and VSee's pages, which are vendors of their own as well."""
    catalog = load_vendor_dirs([VENDOR_FOLDER]).vendors
    services = {vendor: {s["name"]: s for s in definition["services"]} for vendor, definition in catalog.items()}
    for name, service in services["vsee"].items():
        other = services["securevideo"][f"vsee_{name}"]
        assert (other["rows"], other.get("traffic")) == (service["rows"], service.get("traffic"))
    twilio = {row["label"]: row["destination"] for row in services["twilio"]["turn"]["rows"]}
    media = services["securevideo"]["one_click_media"]
    assert media["traffic"] == services["twilio"]["turn"]["traffic"]
    quoted = {row["label"]: row["destination"] for row in media["rows"] if "label" in row}
    assert quoted == {label: cell for label, cell in twilio.items() if not label.startswith("us")}
    assert services["zoom"]["media"]["traffic"] == services["securevideo"]["zoom_media"]["traffic"]


def test_a_good_definition_passes() -> None:
    check_definition("example", GOOD)


BAD = [
    ("title", None, "example: title is missing"),
    ("sources", None, "example: sources is missing"),
    ("sources", [], "example: sources is empty"),
    ("sources.0.date", None, "example: page: date is missing"),
    ("sources.0.date", 2026, "example: page: date '2026' must be a str, not a int: write it in quotes"),
    ("sources.0.date", "2026-13", "example: page: date '2026-13' is not a date"),
    ("sources.0.date", "2026-3", "example: page: date '2026-3' is not a date"),
    ("sources.0.url", "x", "example: page: unknown key 'url'"),
    ("services.0.source", "paeg", "example: media: unknown source 'paeg': known are page; did you mean page?"),
    ("services.0.rows.1.dest", "x", "example: media: row 2: unknown key 'dest'"),
    ("services.0.rows.1.destination", None, "example: media: row 2: destination is missing"),
    (
        "services.0.rows.0.ports",
        3478,
        "example: media: row 1: ports '3478' must be a str, not a int: write it",
    ),
    ("services.0.rows.0.when", {"region": ["east"]}, "example: media: row 1: when: unknown option 'region'"),
    (
        "services.0.when",
        {"regions": ["north"]},
        "example: media: when: regions '['north']' must be a list of east",
    ),
    ("services.0.when", {"regions": "east"}, "example: media: when: regions 'east' must be a list of east, west"),
    ("services.0.when", {"port": ["443"]}, "example: media: when: port has no choices"),
    ("services.0.requirement", "must", "example: media: unknown requirement 'must'"),
    ("services.0.inbound_option", "port", "example: media: unknown inbound_option 'port': known are extra"),
    ("services.0.rows.1.ports_option", "extra", "example: media: row 2: unknown ports_option 'extra': known are port"),
    (
        "services.0.traffic",
        [{"ports": "443"}],
        "example: media: row 1: protocol and ports stand in the service's traffic",
    ),
    ("services.0.name", "Media", "example: Media: name 'Media': write small letters"),
    ("services.1", GOOD["services"][0], "example: the service 'media' is there twice"),
    ("options.regions.choices", None, "example: option regions: choices belong to the types list and str"),
    ("options.extra.default", None, "example: option extra: write either 'required: true' or a default"),
    ("options.regions.default", ["east"], "example: option regions: write either 'required: true' or a default"),
    ("options.extra.default", "maybe", "example: extra: 'maybe' is neither yes nor no"),
    ("options.extra.type", "boolean", "example: option extra: unknown type 'boolean'"),
    ("timers.0.services", ["audio"], "example: timer 1: unknown service 'audio': known are media"),
    ("timers.0.seconds", 0, "example: timer 1: seconds 0 is not larger than 0"),
    ("timers.0.protocol", "UDP", "example: timer 1: unknown protocol 'UDP'"),
    ("not_rules.0.why", None, "example: not_rules 1: why is missing"),
    ("services.0.rows.0.destination", "{{ x }}", "services media: rows 1: destination: '{{ x }}' holds '{{'"),
    ("services.0.title", "a {% raw %}", "services media: title: 'a {% raw %}' holds '{%'"),
    ("not_rules.0.why", "{# x", "not_rules: 1: why: '{# x' holds '{#'"),
    ("title", "a\nb", "example: title: 'a\\nb' holds the control character U+000A"),
    ("services.0.rows.0.label", "a\x1b[31m", "rows 1: label: 'a\\x1b[31m' holds the control character U+001B"),
    ("sources.0.title", "a\u202eb", "sources: 1: title: 'a\\u202eb' holds the control character U+202E"),
    ("services.0.rows.0.destination", "192.0.2.1\x00", "holds the control character U+0000"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD, ids=[f"{path}-{value!r:.20}" for path, value, dummy in BAD])
def test_a_bad_definition_is_refused_with_its_place(path: str, value: Any, message: str) -> None:
    definition = copy.deepcopy(GOOD)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = definition
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    elif last == 1 and isinstance(inner, list) and len(inner) == 1:
        inner.append(value)
    else:
        inner[last] = value
    with pytest.raises(ValueError, match=r"^example: ") as caught:
        check_definition("example", definition)
    assert message in str(caught.value)


def test_a_destination_may_have_several_lines() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"][0]["destination"] = "192.0.2.1\n192.0.2.2\t192.0.2.3"
    check_definition("example", definition)


@pytest.mark.parametrize("name", ["", "Example", "a-b", "1a", "a b", 7])
def test_a_bad_vendor_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="vendor name"):
        check_definition(name, GOOD)


def test_a_folder_of_vendor_files_adds_vendors(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({"catalog_mine": GOOD}))
    assert load_vendor_dirs([VENDOR_FOLDER, tmp_path]).vendors["mine"] == GOOD


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\n", "must hold one key, catalog_<vendor>"),
        ("catalog_a: {}\ncatalog_b: {}\n", "must hold one key, catalog_<vendor>"),
        ("- 1\n", "must hold one key, catalog_<vendor>"),
        ("catalog_a: [\n", "cannot be read"),
        ("catalog_a: {title: x, title: y}\n", "the key 'title' is there twice"),
        ("catalog_a: !!python/object/apply:os.getcwd []\n", "cannot be read"),
        ("catalog_kudo: {}\n", "would replace a vendor that is there already"),
        ("catalog_a: text\n", "a: must be a dictionary"),
    ],
)
def test_what_is_no_vendor_file_is_refused_where_it_is_chosen(tmp_path: Path, content: str, message: str) -> None:
    """By its own name where it says no other; who chooses other vendors is only warned."""
    (tmp_path / "x.yml").write_text(content)
    catalog = load_vendor_dirs([VENDOR_FOLDER, tmp_path])
    [vendor] = catalog.faults
    assert vendor in {"x", "a", "kudo"}
    with pytest.raises(ValueError, match=r"x\.yml|^a: ") as caught:
        catalog.chosen([vendor, "zoom"])
    assert message in str(caught.value)
    [warning] = catalog.chosen(["zoom"])
    assert message in warning
    assert warning.endswith(" (not selected, so not needed)")


def test_all_errors_of_a_file_are_told_at_once() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"][0]["ports"] = 443
    definition["services"][0]["rows"][1]["dest"] = "x"
    definition["services"].append({**GOOD["services"][0], "name": "other", "source": "paeg"})
    definition["timers"][0]["seconds"] = 0
    with pytest.raises(ValueError, match=r"^example: ") as caught:
        check_definition("example", definition)
    assert [line.partition(" '")[0] for line in str(caught.value).splitlines()] == [
        "example: media: row 1: ports",
        "example: media: row 2: unknown key",
        "example: other: unknown source",
    ]


def test_many_errors_are_counted() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"] = [{"destination": "192.0.2.1", "dest": n} for n in range(30)]
    with pytest.raises(ValueError, match="row 1: unknown key") as caught:
        check_definition("example", definition)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 10 more errors")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder of vendor files"):
        load_vendor_dirs([tmp_path / "none"])


def test_custom_vendors_are_added_and_never_replace() -> None:
    catalog = load_vendor_dirs([VENDOR_FOLDER])
    assert set(add_vendors(catalog, {"mine": GOOD}).vendors) == {*catalog.vendors, "mine"}
    assert "mine" not in catalog.vendors
    replaced = add_vendors(catalog, {"kudo": GOOD})
    assert replaced.vendors == catalog.vendors
    with pytest.raises(ValueError, match="kudo: the custom vendors would replace"):
        replaced.chosen(["kudo"])


@pytest.mark.parametrize(
    ("text", "days"), [("730d", 730), ("24mo", 730), ("2y", 730), ("1mo", 30), (" 0d ", 0), ("5 y", 1825)]
)
def test_ages(text: str, days: int) -> None:
    assert parse_age(text) == days


@pytest.mark.parametrize("text", ["", "2", "y", "-1d", "1.5y", "2w", "٣d", "2y\n3"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 730d, 24mo or 2y"):
        parse_age(text)
