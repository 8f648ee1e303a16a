# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor file with every key: that it has them, and what the allowlist and the reports make of them."""

from __future__ import annotations

import copy
import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import keys
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.reader import read_file
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

TODAY = datetime.date(2026, 11, 30)
OPTIONS: dict[str, Any] = {"regions": ["eu-west-2"], "tenant": "Blue-1", "sbc": "10.1.2.3, 203.0.113.10"}
READ = "ports '3478/79' read as '3478-3479' by the author of the file"


@cache
def read() -> dict[str, Any]:
    return dict(read_file(Path(__file__).parents[3] / "support" / "acme.yml"))


def acme() -> dict[str, Any]:
    """Return the definition, to be changed."""
    return copy.deepcopy(read()["catalog_acme"])


def rows(**options: Any) -> list[dict[str, Any]]:
    """Return the rows of all requirements."""
    every = ["required", "recommended", "optional"]
    return list(
        select_rows({"acme": acme()}, [{"name": "acme", **OPTIONS, **options}], requirements=every, today=TODAY)["rows"]
    )


def compiled(**options: Any) -> dict[str, Any]:
    chosen = [{"name": "acme", **OPTIONS, **options}]
    return compile_allowlist({"acme": acme()}, chosen, special_addresses=["169.254.10.1"], today=str(TODAY))


def test_it_has_every_key() -> None:
    definition = acme()
    check_definition("acme", definition)
    services = definition["services"]
    lines = [line for service in services for line in service.get("traffic", [])]
    every_row = [row for service in services for row in service["rows"]]
    readings = [entry["read_as"] for entry in (*lines, *every_row) if "read_as" in entry]
    for known, entries in (
        (keys.VENDOR, [definition]),
        (keys.SOURCE, definition["sources"]),
        (keys.OPTION, definition["options"].values()),
        (keys.TIMER, definition["timers"]),
        (keys.SERVICE, services),
        (keys.TRAFFIC, lines),
        (keys.ROW, every_row),
        (keys.NOT_RULE, definition["not_rules"]),
    ):
        assert {key for entry in entries for key in entry} == set(known)
    assert {key for reading in readings for key in reading} <= set(keys.READ_AS)
    assert {spec["type"] for spec in definition["options"].values()} == {"list", "str", "bool", "ports", "addresses"}


def destinations(service: str, **options: Any) -> list[Any]:
    return [row["destination"] for row in rows(**options) if row["service"] == service and "direction" not in row]


def test_values_are_put_into_names() -> None:
    assert destinations("portal") == ["blue-1.portal.example.com", "basic.portal.example.com"]
    assert destinations("portal", edition="plus")[1] == "plus.portal.example.com"
    one = "turn.eu-west-2.example.com"
    assert destinations("media")[0] == one
    both = [one, "turn.us-east-1.example.com"]
    assert destinations("media", regions="all")[0] == destinations("media", regions="us-east-1, eu-west-2")[0] == both


def test_a_line_of_traffic_has_its_condition() -> None:
    def protocols(**options: Any) -> set[str]:
        return {row["protocol"] for row in rows(**options) if row["service"] == "media"}

    assert protocols() == {"UDP"}
    assert protocols(edition="plus") == {"UDP", "TCP"}


def test_inbound_rows_come_with_their_option_only_and_say_who_connects() -> None:
    assert not [row for row in rows(edition="plus") if "direction" in row]
    assert not [row for row in rows() if row["service"] in ("sip", "back")]
    found = [row for row in rows(edition="plus", inbound=True) if row.get("direction")]
    assert [(row["service"], row["row"], row["destination"], row.get("own_ip")) for row in found] == [
        ("sip", 2, "192.0.2.200", ["10.1.2.3", "203.0.113.10"]),
        ("back", 1, "192.0.2.201", None),
    ]
    assert {row["requirement"] for row in found} == {"required"}


def test_the_allowlist_is_what_the_file_says() -> None:
    allowlist = compiled(edition="plus", inbound=True)["allowlist"]
    opened = {
        (service, destination)
        for group in allowlist["groups"]
        for service in group["services"]
        for destination in (*group["ipv4"], *group["names"])
    }
    assert opened == {
        ("tcp/443", "blue-1.portal.example.com"),
        ("tcp/443", "plus.portal.example.com"),
        *((f"{service}", name) for service in ("tcp/443", "udp/3478-3479") for name in (
            "turn.eu-west-2.example.com", "media.eu-west-2.example.com", "192.0.2.0/25")),
        ("tcp/5061", "192.0.2.200/32"),
        ("esp", "10.1.2.3/32"),
        ("esp", "203.0.113.10/32"),
        ("udp/5223", "17.0.0.0/8"),
        ("tcp/80", "169.254.10.1/32"),
    }  # fmt: skip
    inbound = {(tuple(group["services"]), tuple(group["ipv4"])) for group in allowlist["inbound"]}
    assert inbound == {(("tcp/5061",), ("192.0.2.200/32",)), (("udp/5060",), ("192.0.2.201/32",))}


def test_reports_say_what_was_read_and_what_is_only_kept() -> None:
    found = compiled(edition="plus", inbound=True)
    backend = {"name": "nftables", "policy": "deny", "names": "report", "timers": True}
    text = " ".join(" ".join(summarise_allowlist(found["allowlist"], found["selection"], backend)).split())
    assert f"note on media rows 1, 2, 4: {READ}" in text
    own = "10.1.2.3/32, 203.0.113.10/32"
    for end in (f"only from {own} port 1024-65535: sip row 1", f"only to {own}: sip row 2"):
        assert f"{end}: kept, not enforced: nftables does not tell rows apart by this end" in text
    assert explain_destination(found["allowlist"], "192.0.2.1", "udp")[1:] == [
        f"udp/3478-3479 to 192.0.2.0/25  acme: media: row 2 of Firewall page, 2026-03 (required); label: STUN; {READ}"
    ]
    assert explain_destination(found["allowlist"], "192.0.2.200")[1:] == [
        f"tcp/5061 {there} 192.0.2.200/32  acme: sip: row {row} of Firewall page, 2026-03 (required); only {end} "
        "(kept, not enforced)"
        for there, row, end in (("to", 1, f"from {own} port 1024-65535"), ("from", 2, f"to {own}"))
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tenant": None}, "acme: tenant must be given: your tenant, as your invitation names it, such as blue"),
        ({"tenant": "blue.green"}, "acme: tenant: 'blue.green' is not one label of a name: write 1 to 63 "),
        ({"tenant": "*"}, "acme: tenant: '*' is not one label of a name: write 1 to 63 letters"),
        ({"tenant": "-blue"}, "acme: tenant: '-blue' is not one label"),
        ({"tenant": "$(id)"}, "acme: tenant: '$(id)' is not one label"),
        ({"tenant": 123}, "acme: tenant: 123 is a number: write it in quotes"),
        ({"tenant": True}, "acme: tenant: 'True' is not one label"),
        ({"tenant": ["blue"]}, "acme: tenant: '['blue']' is not one label"),
        ({"sbc": None}, "acme: sbc must be given: the addresses of your session border controllers, such"),
        ({"sbc": []}, "acme: sbc is empty: write addresses or prefixes, such as 203.0.113.10"),
        ({"sbc": "10.1.2.3/8"}, "acme: sbc: '10.1.2.3/8' is not an address or a prefix: host bits are set"),
        ({"sbc": "sbc.example.com"}, "acme: sbc: 'sbc.example.com' is not an address or a prefix"),
        ({"sbc": ["10.1.2.3", 7]}, "acme: sbc: '7' is not an address or a prefix: it is not text"),
        ({"tennant": "x"}, "acme: unknown option 'tennant': known are regions, edition, tenant, sbc, signaling, inb"),
    ],
)  # fmt: skip
def test_what_no_option_takes_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"^acme: ") as caught:
        rows(**options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("sbc", ["127.0.0.1", "169.254.169.254", "224.0.0.5", "::1"])
def test_what_is_special_and_not_private_needs_consent_though_the_user_wrote_it(sbc: str) -> None:
    with pytest.raises(Exception, match=f"acme: clients: row 1: destination .* (is special|gives {sbc}.*is special)"):
        compiled(sbc=sbc)


@pytest.mark.parametrize("sbc", ["10.1.2.3", "fd00::/64", "100.64.0.1", ["192.168.7.0/24"]])
def test_a_private_prefix_as_the_value_is_consent_by_itself(sbc: Any) -> None:
    assert compiled(sbc=sbc)["allowlist"]["groups"]
