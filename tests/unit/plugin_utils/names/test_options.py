# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices about names: leases and DNS."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.options import check_dns, check_learning


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((86400, 0, 1), "nft_names_refresh '0' is not a whole number from 1 to 3600"),
        ((86400, True, 1), "nft_names_refresh 'True' is not a whole number from 1 to 3600"),
        ((86400, 3601, 1), "nft_names_refresh '3601' is not a whole number from 1 to 3600"),
        (("86400", 60, 1), "nft_names_lease '86400' is not a whole number from 1 to 2147483"),
        ((2147484, 60, 1), "nft_names_lease '2147484' is not a whole number from 1 to 2147483"),
        ((250, 60, 1), "nft_names_lease '250' is too short: with nft_names_refresh 60 it is at least 251 seconds"),
        ((251, 60, 0), "nft_names_max_addresses '0' is not a whole number from 1 to 65536"),
        ((251, 60, 65537), "nft_names_max_addresses '65537' is not a whole number from 1 to 65536"),
    ],
)
def test_leases_that_cannot_be(values: tuple, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_learning("nft", *values)


def test_leases_that_can_be() -> None:
    for values in ((15, 1, 1), (251, 60, 65536), (2147483, 3600, 4096)):
        check_learning("nft", *values)


@pytest.mark.parametrize(
    ("mode", "scope", "dns", "resolv_conf", "text"),
    [
        ("dnsmasq", "both", "drop", False,
         "nft_names_dns 'drop' is not accepted: choose one of leave, redirect, refuse"),
        ("resolve", "both", "refuse", False, "nft_names_dns 'refuse' needs nft_names dnsmasq"),
        ("dnsmasq", "host", "redirect", False,
         "nft_names_dns 'redirect' is for forwarded packets: use the scope gateway or both"),
        ("dnsmasq", "host", "leave", "yes", "nft_names_resolv_conf 'yes' is not accepted: write true or false"),
        ("report", "host", "leave", True, "nft_names_resolv_conf needs nft_names dnsmasq"),
    ],
)  # fmt: skip
def test_choices_about_dns_that_do_not_fit(mode: str, scope: str, dns: str, resolv_conf: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_dns("nft", mode, scope, dns, resolv_conf, ["10.0.0.0/8"])


@pytest.mark.parametrize("scope", ["gateway", "both"])
@pytest.mark.parametrize(("dns", "done"), [("redirect", "turned to this host"), ("refuse", "refused")])
@pytest.mark.parametrize("sources", [[], "", ()])
def test_others_questions_need_sources(dns: str, done: str, scope: str, sources: Any) -> None:
    text = (
        f"nft_names_dns '{dns}' needs nft_sources, the clients whose questions are {done}: otherwise what outsiders "
        "ask of a name server behind this gateway would be too"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_dns("nft", "dnsmasq", scope, dns, False, sources)


def test_choices_about_dns_that_fit() -> None:
    check_dns("nft", "dnsmasq", "gateway", "redirect", True, "10.0.0.0/8")
    check_dns("nft", "dnsmasq", "gateway", "leave", True, [])
    check_dns("nft", "report", "host", "leave", False, [])
