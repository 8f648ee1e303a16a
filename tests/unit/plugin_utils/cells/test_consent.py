# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vendors' rows open that is wide, any address or special needs a reason, and mostly the user's consent."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.filter.expand_rows import expand_rows_filter
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.reasons import reason_lines, reasons_of_diff
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

ANY4, ANY6 = "is any IPv4 address", "is any IPv6 address"
AGREE = "write catalog_any_address: true if you agree to that"
WHY = {"wide_because": "it is all theirs"}
SAID = {"special_because": "a relay on the same host"}
V6_HALVES = ["2000::/4", "3000::/4"]
# What the registries of addresses gave out, and IPv4 but for what is special, in NAT64.
ALLOCATED = ("2400::/12", "2410::/12", "2600::/12", "2630::/12", "2800::/12", "2a00::/12", "2a10::/12", "2c00::/12",
             "2003::/16", "2001:200::/23")  # fmt: skip
NAT64 = tuple(f"64:ff9b::{first:x}00:0/104" for first in (1, 8, 11, 12, *range(20, 40)))


def vendor(*destinations: str, because: str = "", **more: Any) -> dict[str, Any]:
    """Return the definition of a vendor with a row for each destination; more: other cells of each row."""
    rows = [{"destination": cell, "protocol": "TCP", "ports": "443", **more} for cell in destinations]
    return {
        "title": "Acme",
        **({"wide_because": because} if because else {}),
        "sources": [{"id": "page", "title": "Page", "date": "2026-03"}],
        "services": [{"name": "media", "title": "Media", "source": "page", "rows": rows}],
    }


def compiled(catalog: dict[str, Any] | Any, **options: Any) -> dict[str, Any]:
    """Return the allowlist of all vendors of a catalog."""
    return compile_allowlist(catalog, sorted(catalog), **{"today": "2026-11-20", "stale": "warn", **options})[
        "allowlist"
    ]


def refused(catalog: dict[str, Any], **options: Any) -> str:
    with pytest.raises(AnsibleFilterError) as caught:
        compiled(catalog, **options)
    return str(caught.value)


# Any address

ANY = {
    "0.0.0.0/0": ANY4,
    "::/0": ANY6,
    "0.0.0.0 – 255.255.255.255": f"gives 0.0.0.0/0, which {ANY4}",
    "192.0.2.1, 0.0.0.0/0": f"gives 0.0.0.0/0, which {ANY4}",
    "0.0.0.0/1, 128.0.0.0/1": "its rows together open any IPv4 address (acme: media: row 1: 0.0.0.0 - 127.255.",
    "::/1, 8000::/1": "its rows together open any IPv6 address (acme: media: row 1: :: - 7fff:",
}


@pytest.mark.parametrize("cell", ANY)
def test_any_address_needs_the_users_consent(cell: str) -> None:
    catalog = {"acme": vendor(cell, because="a world of its own", **WHY)}
    words = refused(catalog)
    assert words.startswith("acme: ")
    assert ANY[cell] in words
    assert words.endswith(AGREE)
    for word in (True, "true", "yes", 1):
        assert compiled(catalog, any_address=word)["groups"][0]["services"] == ["tcp/443"]
    for word in (False, "false", "no", 0):
        assert AGREE in refused(catalog, any_address=word)


@pytest.mark.parametrize(
    "cells",
    [("0.0.0.0/1", "128.0.0.0/1"), ("128.0.0.0/1", "0.0.0.0/2", "64.0.0.0/2"), ("0.0.0.0/1", "128.0.0.0/2"),
     tuple(f"{first}.0.0.0/8" for first in range(1, 10)) + tuple(f"{first}.0.0.0/8" for first in range(11, 19)),
     ("0.0.0.0/3",), ("32.0.0.0/3",), ("16.0.0.0/4", "32.0.0.0"), ("::/1",), ("2000::/3",), tuple(V6_HALVES),
     ("2a00::/11",), ("2600::/12", "2a00::"), ALLOCATED, (", ".join(ALLOCATED),),
     ("64:ff9b::/96",), ("64:ff9b::/97",), ("2002::/16",), ("2002:8000::/18",), (", ".join(NAT64),), NAT64,
     tuple(f"2002:{first:x}00::/24" for first in range(20, 37)),
     ("16.0.0.0/5", "64:ff9b::1800:0/101", "2002:2000::/24"),
     ("0.0.0.0/1, 128.0.0.0/1",), ("::/1, 8000::/1",)],
)  # fmt: skip
def test_rows_that_come_to_any_address_need_it_too(cells: tuple[str, ...]) -> None:
    """Without it what a row holds of special addresses that is any address is no error of its own; with it, it is
    consented to."""
    catalog = {"acme": vendor(*cells, because="a world of its own", **WHY)}
    words = refused(catalog)
    assert re.match(
        r"acme: its rows together open any IPv[46] address \(acme: media: row \d+: (\S+: )?\S+ - \S+", words
    )
    assert words.endswith(AGREE)
    assert len(words.splitlines()) == 1
    found = compiled(catalog, any_address=True)
    of_all = [reason["opened"] for reason in found["reasons"] if not reason["row"]]
    assert sum(text.startswith("any IPv") for text in of_all) == 1


@pytest.mark.parametrize(
    "cells",
    [("16.0.0.0/4",), ("16.0.0.0/5", "24.0.0.0/5"), ("2600::/16",), ("2600::/17", "2600:8000::/17"),
     ("32.0.0.0/5", "16.0.0.0/5"),
     tuple(f"64:ff9b::{first:x}00:0/104" for first in range(16, 32)), ("2002:1000::/20",), ("64:ff9b::1000:0/100",),
     ("16.0.0.0/4", "64:ff9b::1000:0/100", "2002:1000::/20")],
)  # fmt: skip
def test_what_comes_to_no_more_than_the_bound_is_not_any_address(cells: tuple[str, ...]) -> None:
    """An address counts once, in whichever form it is written."""
    assert compiled({"acme": vendor(*cells, because="a world of its own", **WHY)})


@pytest.mark.parametrize("cell", ["224.0.0.0/3", "fc00::/6", "fe80::/9", "ff00::/8", "8000::/1", "224.0.0.0/4"])
def test_what_is_special_alone_is_no_ordinary_address_however_much_it_is(cell: str) -> None:
    """Consent to it is enough, and consent to any address is none."""
    catalog = {"acme": vendor(cell, because="x", **WHY, **SAID)}
    assert compiled(catalog, special_addresses=[cell])
    assert "is special (" in refused(catalog, any_address=True)


def test_a_row_of_any_address_needs_its_own_reason_and_the_vendors() -> None:
    assert "row 1: destination '0.0.0.0/0' is wider than /16" in refused(
        {"acme": vendor("0.0.0.0/0")}, any_address=True
    )
    words = refused({"acme": vendor("0.0.0.0/0", **WHY)}, any_address=True)
    assert words == (
        "acme: its rows open 4,294,967,296 IPv4 addresses: above 2^24 of IPv4 a vendor needs a wide_because of its "
        "own, beside its title, that says why it must be so"
    )
    assert ANY4 in refused({"acme": vendor("0.0.0.0/0", because="x")}, widest_prefix={"ipv4": 0})


def test_vendors_that_come_to_any_address_together() -> None:
    ours = {
        "a": vendor("16.0.0.0/4", because="x", **WHY),
        "b": vendor("32.0.0.0/4", because="x", **WHY),
    }
    words = refused(ours)
    assert words == f"a, b: their rows together open any IPv4 address: {AGREE}"
    assert compiled(ours, any_address=True)["groups"][0]["ipv4"] == ["16.0.0.0/4", "32.0.0.0/4"]


def test_consent_to_any_address_is_none_to_special_rows() -> None:
    ours = vendor("0.0.0.0/0", because="x", **WHY)
    ours["services"][0]["rows"].append({"destination": "169.254.169.254", "ports": "80"})
    words = refused({"acme": ours}, any_address=True)
    assert words.startswith("acme: media: row 2: destination '169.254.169.254' is special (a metadata service of a")
    other = {"a": vendor("0.0.0.0/0", because="x", **WHY), "b": vendor("10.0.0.0/7", because="x", **WHY)}
    assert refused(other, any_address=True).startswith(
        "b: media: row 1: destination '10.0.0.0/7' holds special addresses"
    )


@pytest.mark.parametrize(
    ("anywhere", "cell"),
    [
        ("0.0.0.0/0", "224.0.0.0/3"), ("0.0.0.0/0", "10.0.0.0/7"), ("0.0.0.0/0", "160.0.0.0/4"),
        ("0.0.0.0/0", "169.254.169.0/24"), ("0.0.0.0/0", "168.63.129.16"), ("0.0.0.0/1, 128.0.0.0/1", "10.0.0.0/7"),
        ("0.0.0.0/0", "64:ff9b::a00:0/103"), ("64:ff9b::/96", "10.0.0.0/7"), ("64:ff9b::/96", "64:ff9b::7f00:0/104"),
        ("::/0", "fe80::/9"), ("::/0", "fc00::/6"), ("::/0", "8000::/1"), ("::/0", "2001::/22"),
        ("2000::/3", "fd00::/8"),
        ("::/0", "64:ff9b::a00:0/103"), ("::/0", "2002:a00::/24"), ("2002::/16", "2002:a00::/23"),
    ],
)  # fmt: skip
def test_consent_to_any_address_covers_that_row_and_no_special_ones(anywhere: str, cell: str) -> None:
    ours = vendor(anywhere, because="x", protocol="UDP", **WHY)
    ours["services"][0]["rows"].append({"destination": cell, "protocol": "TCP", "ports": "22", **WHY})
    for before in (ours, {**ours, "services": [{**ours["services"][0], "rows": ours["services"][0]["rows"][::-1]}]}):
        words = refused({"acme": before}, any_address=True)
        assert re.match(rf"acme: media: row [12]: destination '{re.escape(cell)}' (is|holds) special", words), words
        assert len(words.splitlines()) == 1
    for row in ours["services"][0]["rows"]:
        row.update(SAID)
    listed = ["10.0.0.0/8", cell] if cell != "64:ff9b::a00:0/103" else [cell]
    assert compiled({"acme": ours}, any_address=True, special_addresses=listed)


def test_special_addresses_beside_any_address_in_a_row() -> None:
    words = refused({"acme": vendor("0.0.0.0/0, 169.254.169.254", because="x", **WHY)}, any_address=True)
    assert "gives 169.254.169.254/32, which is special" in words


# Special addresses

ALWAYS = ["127.0.0.1", "127.0.0.0/8", "::1", "169.254.169.254", "169.254.0.0/16", "fe80::1", "fe80::/10", "224.0.0.251",
          "239.0.0.0/8", "ff02::fb", "ff00::/8", "192.0.0.8", "100.100.100.200", "168.63.129.16", "fd00:ec2::254",
          "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::/48", "2002:a9fe:a9fe::1", "2001::1", "100::1",
          "64:ff9b:1::1"]  # fmt: skip
PRIVATE = ["10.0.0.0/16", "10.1.2.3", "10.0.0.0/8", "172.16.0.0/12", "172.31.255.255", "192.168.0.0/16",
           "100.64.0.0/10",
           "fc00::/7", "fd00::1", "64:ff9b::10.0.0.1", "2002:a00:1::/48", "10.0.0.1 – 10.0.0.9"]  # fmt: skip
HOLDING = [
    "10.0.0.0/7",
    "126.0.0.0/7",
    "160.0.0.0/4",
    "172.0.0.0/8",
    "192.0.0.0/8",
    "2002:a00::/23",
    "2002:a800::/22",
    "64:ff9b::a00:0/103",
    "64:ff9b::c000:0/104",
    "fc00::/6",
]
# Around a metadata service: as wide as needs no reason, down to two addresses, and in the forms of IPv6.
AROUND = ["168.63.129.16/31", "168.63.129.16/28", "168.63.129.0/24", "168.63.0.0/16", "100.100.100.200/31",
          "100.100.0.0/16",
          "169.254.169.254/31", "169.254.169.0/24", "fd00:ec2::254/127", "fd00:ec2::/64", "fd00:ec2::/32",
          "fd20:ce::/32",
          "64:ff9b::a83f:8110", "64:ff9b::168.63.129.16", "64:ff9b::a83f:8110/127", "64:ff9b::a83f:8100/120",
          "64:ff9b::a83f:0/112",
          "64:ff9b::6464:64c8/127", "64:ff9b::a9fe:a9fe/127", "2002:a83f:8110::1", "2002:a83f:8110::/48",
          "2002:a83f:8110:1::/64", "2002:a83f:8110::/47", "2002:a83f::/32", "2002:6464:64c8::/47"]  # fmt: skip


@pytest.mark.parametrize("cell", ALWAYS + PRIVATE + HOLDING + AROUND)
def test_special_addresses_of_a_vendor_file_need_reason_and_consent(cell: str) -> None:
    listed = [cell] if " " not in cell else ["10.0.0.0/24"]
    wide = {**WHY, "because": "x"}
    words = refused({"acme": vendor(cell, **wide)})
    assert re.match(
        r"acme: media: row 1: destination '.*' (gives \S+, which )?(is special|holds special addresses) \(", words
    )
    assert "it is opened only where the row says why in special_because and you list " in words
    words = refused({"acme": vendor(cell, **wide)}, special_addresses=listed)
    assert words.endswith("it is opened only where the row says why in special_because")
    words = refused({"acme": vendor(cell, **wide, **SAID)})
    assert re.search(r"it is opened only where you list \S+ in catalog_special_addresses$", words)
    assert refused({"acme": vendor(cell, **wide, special_because=" ")}, special_addresses=listed)
    for form in (listed, ",".join(listed), f" {listed[0]} "):
        found = compiled({"acme": vendor(cell, **wide, **SAID)}, special_addresses=form)
        assert any(group["ipv4"] + group["ipv6"] for group in found["groups"])
        [because] = {reason["because"] for reason in found["reasons"]} - {"x", WHY["wide_because"]}
        assert because == SAID["special_because"]


@pytest.mark.parametrize("cell", PRIVATE)
def test_private_addresses_that_the_user_writes_need_neither(cell: str) -> None:
    own = {"acme": vendor(cell, because="x", **WHY)}
    assert compiled(own, own_vendors=["acme"])["groups"]
    assert compiled(own, own_vendors="acme")["groups"]
    assert "is special (private" in refused(own, own_vendors=["other"])


@pytest.mark.parametrize("cell", [*ALWAYS, *AROUND, "126.0.0.0/7", "160.0.0.0/4", "fc00::/6"])
def test_all_other_special_addresses_that_he_writes_need_both(cell: str) -> None:
    own = {"acme": vendor(cell, because="x", **WHY)}
    assert "special_because and you list" in refused(own, own_vendors=["acme"])
    said = {"acme": vendor(cell, because="x", **WHY, **SAID)}
    assert "only where you list" in refused(said, own_vendors=["acme"])
    assert compiled(said, own_vendors=["acme"], special_addresses=[cell])


def test_a_wide_prefix_of_the_users_own_that_holds_private_ones_only() -> None:
    assert compiled({"acme": vendor("10.0.0.0/7", because="x", **WHY)}, own_vendors=["acme"])


@pytest.mark.parametrize(
    "cell", ["168.63.129.15 – 168.63.129.17", "168.63.129.15-168.63.129.17", "100.100.100.199 – 100.100.100.201"]
)
def test_a_range_around_a_metadata_service_is_refused_as_the_service_is(cell: str) -> None:
    words = refused({"acme": vendor(cell)}, own_vendors=["acme"])
    assert re.search(r"gives 1\S+/3[12], which (is|holds) special.*metadata service of a cloud", words)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("168.62.0.0/15", "168.62.0.0/15 (a metadata service of a cloud: 168.63.129.16)"),
        ("168.0.0.0/8", "168.0.0.0/8 (a metadata service of a cloud: 168.63.129.16)"),
        ("100.64.0.0/10", "100.64.0.0/10 (private, a metadata service of a cloud: 100.100.100.200)"),
        ("fd00::/8", "fd00::/8 (private, a metadata service of a cloud: fd00:ec2::254 and fd20:ce::254)"),
        ("fd00:ec2::/31", "fd00:ec2::/31 (private, a metadata service of a cloud: fd00:ec2::254)"),
        ("64:ff9b::a83e:0/111",
         "64:ff9b::a83e:0/111 (IPv4 168.62.0.0/15; a metadata service of a cloud: 64:ff9b::a83f:8110)"),
        ("2002:a83e::/31", "2002:a83e::/31 (IPv4 168.62.0.0/15; a metadata service of a cloud: 2002:a83f:8110:: - "
         "2002:a83f:8110:ffff:ffff:ffff:ffff:ffff)"),
    ],
)  # fmt: skip
def test_the_reason_of_a_wide_prefix_names_the_metadata_service_in_it(cell: str, text: str) -> None:
    found = compiled({"acme": vendor(cell, because="x", **WHY)}, own_vendors=["acme"])
    [opened] = [reason["opened"] for reason in found["reasons"] if reason["row"]]
    assert opened == text
    narrower = {"ipv4": 8, "ipv6": 8}
    assert "a metadata service of a cloud" in refused(
        {"acme": vendor(cell, because="x", **WHY)}, own_vendors=["acme"], widest_prefix=narrower
    )


def test_a_listed_prefix_covers_those_inside_it_and_no_others() -> None:
    catalog = {"acme": vendor("10.1.0.0/24", "10.2.0.1", **SAID)}
    assert compiled(catalog, special_addresses=["10.0.0.0/8"])
    assert compiled(catalog, special_addresses=["10.1.0.0/25", "10.1.0.128/25", "10.2.0.1/32"])
    assert compiled({"acme": vendor("10.0.0.0/7", because="x", **WHY, **SAID)}, special_addresses=["10.0.0.0/8"])
    words = refused(catalog, special_addresses=["10.1.0.0/25"])
    assert [line.partition(":")[2][:15] for line in words.splitlines()] == [" media: row 1: ", " media: row 2: "]


def test_addresses_that_no_host_has_stay_refused() -> None:
    for cell in ("0.0.0.1", "240.0.0.1", "255.255.255.255", "::2", "::ffff:169.254.169.254", "::127.0.0.1"):
        words = refused({"acme": vendor(cell, **SAID)}, special_addresses=["0.0.0.0/8", "240.0.0.0/4", "::/64"])
        assert words.startswith(f"acme: media: row 1: destination '{cell}' is ")


@pytest.mark.parametrize(
    "cell",
    [
        "192.0.2.1",
        "198.51.100.0/24",
        "203.0.113.7",
        "198.18.0.1",
        "2001:db8::1",
        "8.8.8.8",
        "2606:4700::/32",
        "*.example.com",
    ],
)
def test_others_need_nothing(cell: str) -> None:
    assert compiled({"acme": vendor(cell)})["reasons"] == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["8.8.8.8"], "catalog_special_addresses: '8.8.8.8' holds no special address"),
        (["0.0.0.0/0"], "'0.0.0.0/0' is any address: write catalog_any_address: true"),
        (["::/0"], "'::/0' is any address"),
        (["10.0.0.1/8"], "'10.0.0.1/8' is not a prefix: host bits are set"),
        (["localhost"], "'localhost' is not a prefix"),
        ([7], "catalog_special_addresses: 7 is not a prefix"),
        ([None], "catalog_special_addresses: None is not a prefix"),
        ({"a": 1}, "catalog_special_addresses is a list of prefixes, not {'a': 1}"),
    ],
)
def test_what_is_listed_is_checked(entries: Any, words: str) -> None:
    assert words in refused({"acme": vendor("192.0.2.1")}, special_addresses=entries)


@pytest.mark.parametrize("entries", [None, [], "", " ", [""], "10.0.0.0/8,"])
def test_nothing_may_be_listed(entries: Any) -> None:
    assert compiled({"acme": vendor("192.0.2.1")}, special_addresses=entries)


# Sums

SLICES = [f"{first}.{second}.0.0/16" for first in (20, 21) for second in range(256)]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (SLICES[:256], ""), (SLICES[:257], "16,842,752 IPv4 addresses"), (["20.0.0.0/8"], ""),
        (["20.0.0.0/8", "21.0.0.1"], "16,777,217 IPv4 addresses"), (["20.0.0.0/8", *SLICES[:256], "20.1.2.3"], ""),
        ([", ".join(SLICES)], "33,554,432 IPv4 addresses"), (["2600::/28"], ""),
        (["2600::/28", "2600::1"], ""), (["2600::/28", "2601::1"], "more than 2^100 IPv6 addresses"),
        (["2600::/27"], "2^101 IPv6 addresses"), (["20.0.0.0/8", "2600::/28"], ""),
    ],
)  # fmt: skip
def test_the_sum_of_a_vendors_addresses_needs_its_reason(cells: list[str], words: str) -> None:
    """What is printed twice counts once; IPv4 and IPv6 by themselves."""
    if words:
        assert refused({"acme": vendor(*cells, **WHY)}).startswith(f"acme: its rows open {words}: above 2^")
    assert compiled({"acme": vendor(*cells, because="x", **WHY)})
    assert not words or "wide_because" in refused({"acme": vendor(*cells, because=" ", **WHY)})
    assert words or compiled({"acme": vendor(*cells, **WHY)})


def test_the_sum_is_of_the_selected_rows_of_one_vendor() -> None:
    halves = {name: vendor(*cells) for name, cells in (("a", SLICES[:200]), ("b", SLICES[200:400]))}
    assert compiled(halves)
    ours = vendor(*SLICES, **WHY)
    ours["options"] = {"far": {"type": "bool", "default": False}}
    for row in ours["services"][0]["rows"][256:]:
        row["when"] = {"far": [True]}
    assert compiled({"acme": ours})
    with pytest.raises(AnsibleFilterError, match="33,554,432 IPv4 addresses"):
        compile_allowlist({"acme": ours}, [{"name": "acme", "far": True}], today="2026-11-20")


def test_65536_rows_of_16_bits() -> None:
    cells = [f"{n >> 8}.{n & 255}.0.0/16" for n in range(1 << 8, 224 << 8) if n >> 8 not in (10, 127)]
    cells = [
        cell
        for cell in cells
        if not re.match(r"169\.254|168\.63|172\.(1[6-9]|2.|3[01])\.|192\.(0|168)\.|100\.(6[4-9]|[789]|1[012])", cell)
    ]
    words = refused({"acme": vendor(*cells)})
    assert re.match(r"acme: its rows together open any IPv4 address \(acme: media: row 1: .* and \d{5} more\): ", words)
    assert "IPv4 addresses: above 2^24" in words
    assert refused({"acme": vendor(*cells)}, any_address=True).startswith("acme: its rows open ")
    found = compiled({"acme": vendor(*cells, because="a world of its own")}, any_address=True)
    assert [reason["because"] for reason in found["reasons"]] == ["a world of its own"]


# Reasons


def test_reasons_stand_in_the_summary() -> None:
    ours = vendor("17.0.0.0/8", "10.0.0.0/24, 10.0.4.0/24", "17.0.0.0/8", because="all of them", **WHY, **SAID)
    ours["services"][0]["traffic"] = [{"protocol": "TCP", "ports": "80"}, {"protocol": "UDP", "ports": "80"}]
    for row in ours["services"][0]["rows"]:
        del row["protocol"], row["ports"]
    found = compiled({"acme": ours}, special_addresses=["10.0.0.0/8"])
    lines = summarise_allowlist(found)
    at = lines.index("Wide or special, and why")
    assert lines[at + 1 :] == [
        "  acme: 16,777,728 IPv4 addresses are open because: all of them",
        "  acme: media: row 1: 17.0.0.0/8 is open because: it is all theirs",
        "  acme: media: row 2: 10.0.0.0/24 (private), 10.0.4.0/24 (private) are open because: a relay on the",
        "    same host",
        "  acme: media: row 3: 17.0.0.0/8 is open because: it is all theirs",
    ]


@pytest.mark.parametrize(
    ("cell", "opened"),
    [
        ("20.0.0.0/15, 20.4.0.0/15, 20.8.0.0/15, 20.12.0.0/15, 20.16.0.0/15",
         "20.0.0.0/15, 20.4.0.0/15, 20.8.0.0/15 and 2 more"),
        ("20.0.0.0/15, 20.4.0.0/14, 20.16.0.0/15, 20.12.0.0/15, 22.0.0.0/13",
         "22.0.0.0/13, 20.4.0.0/14, 20.0.0.0/15 and 2 more"),
        ("20.0.0.0/15, 20.4.0.0/15, 20.16.0.0/15, 20.12.0.0/15, 2600::/28",
         "2600::/28, 20.0.0.0/15, 20.4.0.0/15 and 2 more"),
        ("11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 0.0.0.0/0",
         "0.0.0.0/0 (any IPv4 address), 11.0.0.0/8, 12.0.0.0/8 and 1 more"),
        ("11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 0.0.0.0/0, ::/0",
         "0.0.0.0/0 (any IPv4 address), ::/0 (any IPv6 address), 11.0.0.0/8 and 2 more"),
        ("11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 64:ff9b::/96", "64:ff9b::/96 (any IPv4 address; reserved"),
        ("11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 64:ff9b::e00:0/103",
         "64:ff9b::e00:0/103 (IPv4 14.0.0.0/7), 11.0.0.0/8, 12.0.0.0/8 and 1 more"),
    ],
)  # fmt: skip
def test_reasons_are_cut_short_but_for_any_address(cell: str, opened: str) -> None:
    found = compiled({"acme": vendor(cell, because="x", **WHY)}, any_address=True)
    [text] = [reason["opened"] for reason in found["reasons"] if reason["row"]]
    if opened.startswith("64:ff9b::/96"):
        assert text.startswith(opened)
        assert text.endswith(", 11.0.0.0/8, 12.0.0.0/8 and 1 more")
    else:
        assert text == opened


def test_several_that_are_any_address_are_all_named() -> None:
    cell = "11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 128.0.0.0/1, 64.0.0.0/2, ::/1, 2000::/3"
    found = compiled({"acme": vendor(cell, because="x", **WHY)}, any_address=True)
    [text] = [reason["opened"] for reason in found["reasons"] if reason["row"]]
    items = re.sub(r" \([^()]*\)", "", text)
    assert items == "::/1, 2000::/3, 128.0.0.0/1, 64.0.0.0/2 and 3 more"


def test_no_special_address_is_cut_off_a_reason_and_all_kinds_are_named() -> None:
    cells = ["10.0.0.1, 10.0.0.2, 10.0.0.3, 169.254.169.254", "10.0.0.0/7, 168.0.0.0/5, 224.0.0.0/3, 172.0.0.0/9"]
    ours = vendor(*cells, because="x", **WHY, **SAID)
    listed = ["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "224.0.0.0/3"]
    found = compiled({"acme": ours}, special_addresses=listed)
    one, many = (
        [
            reason["opened"]
            for reason in found["reasons"]
            if reason["row"] == row and reason["because"] != WHY["wide_because"]
        ]
        for row in (1, 2)
    )
    assert one == [
        "10.0.0.1/32 (private), 10.0.0.2/32 (private), 10.0.0.3/32 (private), "
        "169.254.169.254/32 (a metadata service of a cloud)"
    ]
    assert many == [
        "224.0.0.0/3 (multicast, reserved), 168.0.0.0/5 (link-local, private, a metadata service of a cloud: "
        "168.63.129.16 and 169.254.169.254), 10.0.0.0/7 (private), 172.0.0.0/9 (private)"
    ]
    lines = summarise_allowlist(found)
    assert any("224.0.0.0/3 (multicast, reserved), " in line for line in lines)


def test_one_prefix_of_several_kinds_is_open_and_not_are() -> None:
    ours = vendor("224.0.0.0/3", because="x", **WHY, **SAID)
    lines = "\n".join(summarise_allowlist(compiled({"acme": ours}, special_addresses=["224.0.0.0/3"])))
    assert "acme: media: row 1: 224.0.0.0/3 (multicast, reserved) is open because: a relay" in lines


# IPv4 in IPv6


@pytest.mark.parametrize(
    ("cell", "prefix"),
    [
        ("64:ff9b::1400:0/104", "20.0.0.0/8"), ("64:ff9b::1400:0/111", "20.0.0.0/15"),
        ("2002:1400::/24", "20.0.0.0/8"), ("2002:1400::/31", "20.0.0.0/15"),
    ],
)  # fmt: skip
def test_ipv4_in_ipv6_is_as_wide_as_it_is(cell: str, prefix: str) -> None:
    narrow = {"ipv6": 16}
    words = refused({"acme": vendor(cell)}, widest_prefix=narrow)
    assert words.startswith(
        f"acme: media: row 1: destination '{cell}' holds the IPv4 addresses {prefix}, wider than /16 "
        "(catalog_widest_prefix): "
    )
    found = compiled({"acme": vendor(cell, because="x", **WHY)})
    assert [reason["opened"] for reason in found["reasons"] if reason["row"]] == [f"{cell} (IPv4 {prefix})"]
    assert compiled({"acme": vendor(cell, because="x")}, widest_prefix={"ipv4": 8, **narrow})


@pytest.mark.parametrize(
    "cell", ["64:ff9b::1400:0/112", "2002:1400::/32", "2002:1400::/48", "2002:1400::1", "64:ff9b::1"]
)
def test_narrow_ipv4_in_ipv6_needs_nothing(cell: str) -> None:
    if cell == "64:ff9b::1":
        assert "is special (reserved)" in refused({"acme": vendor(cell)})
    else:
        assert compiled({"acme": vendor(cell)})["reasons"] == []


def test_ipv4_in_ipv6_counts_in_the_sum_of_ipv4() -> None:
    eighths = [f"64:ff9b::{first:x}:0/112" for first in range(0x1400, 0x1500)]
    assert compiled({"acme": vendor(*eighths)})
    assert compiled({"acme": vendor(*eighths, "20.0.0.0/16", "2002:1401::/32")})
    for more in ("21.0.0.1", "64:ff9b::1500:1", "2002:1500:1::5"):
        words = refused({"acme": vendor(*eighths, more)})
        assert words.startswith("acme: its rows open 16,777,217 IPv4 addresses: above 2^24 of IPv4 a vendor needs")


def test_the_networks_own_nat64_is_measured_by_its_last_32_bits() -> None:
    listed = ["64:ff9b:1::/48"]
    assert compiled({"acme": vendor("64:ff9b:1::1400:0/112", **SAID)}, special_addresses=listed)
    words = refused({"acme": vendor("64:ff9b:1::1400:0/104", **SAID)}, special_addresses=listed)
    assert "holds the IPv4 addresses 20.0.0.0/8, wider than /16" in words
    for cell in ("64:ff9b:1::/96", "64:ff9b:1::/48", "64:ff9b:1:5::/64"):
        catalog = {"acme": vendor(cell, because="x", **WHY, **SAID)}
        assert "acme: its rows together open any IPv4 address" in refused(catalog, special_addresses=listed)
        assert compiled(catalog, special_addresses=listed, any_address=True)
        assert "is special (reserved)" in refused(catalog, any_address=True)


def test_reasons_are_no_part_of_the_digest() -> None:
    one, other = (compiled({"acme": vendor("17.0.0.0/8", wide_because=text)}) for text in "ab")
    assert one["reasons"] != other["reasons"]
    assert one["digest"] == other["digest"]


# Rows by themselves

ROW = {"vendor": "acme", "service": "calls", "protocol": "TCP", "ports": "443"}


def test_the_filter_of_rows_asks_for_the_same() -> None:
    for destination, option, value in (
        ("0.0.0.0/0", "any_address", True),
        ("127.0.0.1", "special_addresses", ["127.0.0.1"]),
    ):
        row = {**ROW, "destination": destination, **WHY, **SAID, "vendor_wide_because": "x"}
        with pytest.raises(AnsibleFilterError, match=f"catalog_{option}"):
            expand_rows_filter([row])
        assert expand_rows_filter([row], **{option: value})
    with pytest.raises(AnsibleFilterError, match="needs a wide_because of its own"):
        expand_rows_filter([{**ROW, "destination": "20.0.0.0/7", **WHY}])
    for private in ("10.0.0.1", "10.0.0.0/8", "172.16.0.0/12"):
        assert expand_rows_filter([{**ROW, "destination": private, "own": True}])
    for wide in ("8.0.0.0/6", "17.0.0.0/8", "172.0.0.0/11", "127.0.0.0/8", "fc00::/7"):
        with pytest.raises(AnsibleFilterError, match="is wider than /"):
            expand_rows_filter([{**ROW, "destination": wide, "own": True}])
    with pytest.raises(AnsibleFilterError, match="own 'yes' is neither true nor false"):
        expand_rows_filter([{**ROW, "destination": "10.0.0.1", "own": "yes"}])


def test_what_the_user_allows_himself_is_not_held_against_anything() -> None:
    cells = ["0.0.0.0/0", "127.0.0.1", "10.0.0.0/8", "169.254.169.254", "fe80::1", "255.255.255.255"]
    rules = allow_rules([{"destination": cell, "ports": "443"} for cell in cells], "nftables_egress_allow")
    assert len(rules) == len(cells)


def test_openings_are_kept_without_consent_too() -> None:
    openings = Openings(consent_of(True, ["10.0.0.0/8"]))
    expand_rows([{**ROW, "destination": "10.0.0.1", **SAID}], openings=openings)
    assert openings.reasons() == [
        {
            "vendor": "acme",
            "service": "calls",
            "row": 1,
            "opened": "10.0.0.1/32 (private)",
            "because": SAID["special_because"],
        }
    ]


# Names below which anybody can have one


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("*.amazonaws.com", "opens any name below 'amazonaws.com', a domain of Amazon in which others can have names"),
        ("amazonaws.com", "is a domain of Amazon in which others can have names"),
        ("*.co.uk", "opens any name below 'co.uk', a public suffix, below which anybody can have a name"),
        (
            "*.Com",
            "gives *.com, which opens any name below 'com', a public suffix, below which anybody can have a name",
        ),
        (
            "a.example.com, rtc*.eu-west-1.amazonaws.com",
            "gives rtc*.eu-west-1.amazonaws.com, which opens any name below 'eu-west-1.amazonaws.com', a domain",
        ),
    ],
)
def test_a_name_of_anybody_needs_the_rows_reason(cell: str, what: str) -> None:
    message = refused({"acme": vendor(cell)})
    assert f"acme: media: row 1: destination '{cell}' {what}" in message
    assert message.endswith(": if it must be so, say why in the row's wide_because")
    with pytest.raises(AnsibleFilterError, match=re.escape(what)):
        expand_rows_filter([{**ROW, "destination": cell}], widest_prefix={"ipv4": 0, "ipv6": 0})
    with pytest.raises(AnsibleFilterError, match=re.escape(what)):
        expand_rows_filter([{**ROW, "destination": cell, "wide_because": " ", "own": True}])


@pytest.mark.parametrize("cell", ["*.com", "*.github.io", "amazonaws.com", "17.0.0.0/8"])
def test_rows_by_themselves_need_it_too(cell: str) -> None:
    """Names follow the rule of prefixes: they need a reason but where no prefix does."""
    row = {**ROW, "destination": cell}
    with pytest.raises(ValueError, match="say why in the row's wide_because"):
        expand_rows([row])
    assert expand_rows([{**row, **WHY}])
    assert expand_rows([row], widest_prefix={"ipv4": 0, "ipv6": 0})


def test_its_reason_is_among_the_reasons() -> None:
    cells = {"*.amazonaws.com, a.example.com": "*.amazonaws.com", "17.0.0.0/8 *.co.uk": "*.co.uk, 17.0.0.0/8"}
    found = compiled({"acme": vendor(*cells, **WHY)})
    assert [reason["opened"] for reason in found["reasons"]] == list(cells.values())
    assert {reason["because"] for reason in found["reasons"]} == set(WHY.values())
    told = "\n".join(reason_lines(found["reasons"]))
    assert "acme: media: row 1: *.amazonaws.com is open because: it is all theirs" in told
    assert "acme: media: row 2: *.co.uk, 17.0.0.0/8 are open because: it is all theirs" in told
    [line] = reasons_of_diff("+ tcp/443 to *.amazonaws.com  acme: media\n", found["reasons"][:1])
    assert line == "acme: media: row 1: *.amazonaws.com is open because: it is all theirs"


def test_a_name_of_one_customer_needs_none() -> None:
    cells = ("*.example.com", "bucket.s3.amazonaws.com", "*.connect.eu-west-1.amazonaws.com", "*.example.co.uk")
    assert compiled({"acme": vendor(*cells)})["reasons"] == []
