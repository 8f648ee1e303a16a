# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inbound rows let in a vendor's own networks, whatever a user agreed to for what goes out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.consent import Openings, consent_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.rules import row

WIDE = {"wide_because": "printed so", "vendor_wide_because": "printed so", "special_because": "printed so"}
SPECIAL = ["0.0.0.0/1", "128.0.0.0/1"]


def opened(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of rows with all that a user can agree to."""
    return expand_rows([{**each, **WIDE} for each in rows], openings=Openings(consent_of(True, SPECIAL)))


def inbound(destination: str, **cells: Any) -> dict[str, Any]:
    return {**row(destination, **cells), "direction": "inbound"}


@pytest.mark.parametrize(
    ("destination", "version"),
    [("0.0.0.0/0", 4), ("::/0", 6), ("192.0.2.1, 0.0.0.0/0", 4), ("0.0.0.0 - 255.255.255.255", 4), ("2000::/3", 6),
     ("0.0.0.0/1, 128.0.0.0/1", 4), ("0.0.0.0/1\n128.0.0.0/2", 4)],
)  # fmt: skip
def test_nobody_is_let_in_from_any_address(destination: str, version: int) -> None:
    with pytest.raises(ValueError, match=rf"any IPv{version} address") as caught:
        opened(inbound(destination))
    assert str(caught.value).startswith("acme: ")
    assert "leave the option that asks for them off" in str(caught.value)
    assert opened(row(destination))


def test_the_row_is_named() -> None:
    message = "acme: calls: row 2: inbound from 0.0.0.0/0, any IPv4 address, is not opened: inbound rules are for"
    with pytest.raises(ValueError, match=re.escape(message)):
        opened(inbound("192.0.2.1"), {**inbound("0.0.0.0/0"), "row": 2})


def test_rows_and_vendors_together_neither() -> None:
    halves = [inbound("16.0.0.0/4"), inbound("32.0.0.0/4")]
    with pytest.raises(ValueError, match=r"^acme: its inbound rows together are any IPv4 address: inbound rules are"):
        opened(*halves)
    with pytest.raises(ValueError, match=r"^acme, zoom2: their inbound rows together are any IPv4 address"):
        opened(halves[0], {**halves[1], "vendor": "zoom2"})
    assert len(opened(halves[0], row("32.0.0.0/4"))) == 2  # outbound is another matter


def test_networks_and_names_are_let_in() -> None:
    assert [rule["direction"] for rule in opened(inbound("192.0.2.0/24, *.example.com"))] == ["inbound", "inbound"]


def test_the_consent_to_any_address_opens_no_port_of_a_host() -> None:
    definition = {
        "title": "Acme", "wide_because": "printed", "sources": [{"id": "p", "title": "Page", "date": "2026-06"}],
        "options": {"x": {"type": "bool", "default": False}},
        "services": [{"name": "media", "title": "Media", "source": "p", "inbound_option": "x", "rows": [
            {"destination": "0.0.0.0/0", "protocol": "TCP", "ports": "22", "wide_because": "printed"}]}],
    }  # fmt: skip

    def compiled(**options: Any) -> dict[str, Any]:
        chosen = [{"name": "acme", **options}]
        return compile_allowlist({"acme": definition}, chosen, any_address=True, today="2026-11-20")

    assert not compiled()["allowlist"]["inbound"]
    with pytest.raises(
        Exception, match=r"acme: media: row 1: inbound from 0\.0\.0\.0/0, any IPv4 address, is not opened"
    ):
        compiled(x=True)
