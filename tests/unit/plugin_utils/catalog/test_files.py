"""Vendor files: what is shipped is sound, and what is no vendor file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import add_vendors, load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.definitions import GOOD
from tests.support.repository import VENDOR_FOLDER


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
        ("catalog_a: {title: 2026-99-99}\n", "cannot be read: month must be in 1..12"),
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


@pytest.mark.parametrize("name", ["my-file.yml", "my-file.yaml", "MINE.YML"])
@pytest.mark.parametrize("content", ["catalog_acme: [\n", "catalog_acme: {title: a\u2028b}\n", "acme: {}\n", "\0"])
def test_a_broken_file_is_named_where_an_unknown_vendor_is_chosen(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    catalog = load_vendor_dirs([VENDOR_FOLDER, tmp_path])
    with pytest.raises(ValueError, match=r"^unknown vendor 'acme': known are eschat, ") as caught:
        catalog.chosen(["zoom", "acme"])
    assert f"\nwhat could not be read may hold it: '{tmp_path}/{name}' " in str(caught.value)
    assert len(catalog.chosen(["zoom"])) == 1


def test_all_broken_files_are_named(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yml").write_text("[")
    catalog = load_vendor_dirs([tmp_path / "one", tmp_path / "two"])
    for names in (["acme"], ["same"]):
        with pytest.raises(ValueError, match=r"(?s)one/same\.yml.*two/same\.yml"):
            catalog.chosen(names)
    assert not load_vendor_dirs([VENDOR_FOLDER]).chosen(["acme"])  # the selection says that it is unknown


@pytest.mark.parametrize("ending", ["yml", "yaml", "YAML"])
def test_both_endings_of_yaml_are_read(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"mine.{ending}").write_text(yaml.safe_dump({"catalog_mine": GOOD}))
    (tmp_path / "README.md").write_text("# not a vendor")
    assert load_vendor_dirs([tmp_path]).vendors == {"mine": GOOD}
    (tmp_path / "again.yml").write_text(yaml.safe_dump({"catalog_mine": GOOD}))
    assert "would replace a vendor that is there already" in load_vendor_dirs([tmp_path]).faults["mine"]


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
