# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables that nobody reads, and what was meant; the entries that a vendor's variables make."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import role_options, shipped_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.variables import (
    Known,
    check_backend,
    check_extra,
    check_once,
    check_variables,
    entries,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports

from tests.support.repository import VENDOR_FOLDER

HOUSE: dict[str, Any] = {"shipped": {"kudo", "vsee"}, "read_ports": expand_ports}
ROLES = role_options()
KUDO = {"kudo": frozenset({"regions", "teams", "names"})}
KNOWN = Known(ROLES, KUDO, frozenset({"apply_hosts", "apply_backend", "apply_vendors", "apply_replace"}))
CATALOG: dict[str, Any] = {
    "kudo": {
        "options": {
            "regions": {"type": "list", "choices": ["usa", "europe"], "required": True},
            "teams": {"type": "bool", "default": False},
        }
    },
    "vsee": {},
}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nftables_egress_polcy", "nftables_egress_policy"),
        ("ufw_egress_source", "ufw_egress_sources"),
        ("firewalld_egress_zones_ingress", None),
        ("aws_egress_vpcid", "aws_egress_vpc_id"),
        ("openstack_egress_adress_groups", "openstack_egress_address_groups"),
        ("kudo_region", "kudo_regions"),
        ("kudo_team", "kudo_teams"),
        ("catalog_vendor", "catalog_vendors"),
        ("catalog_custom_vendor", "catalog_custom_vendors"),
        ("apply_host", "apply_hosts"),
        ("apply_bakend", "apply_backend"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(name: str, meant: str | None) -> None:
    if meant is None:
        assert check_variables([name], KNOWN) == [f"{name} is not read: the role firewalld has no such variable"]
        return
    with pytest.raises(ValueError, match=f"^'{name}' is not read: write {meant}$"):
        check_variables([name, "nftables_egress_policy", "ansible_user"], KNOWN)


def test_all_near_misses_are_told_at_once() -> None:
    text = "'kudo_region' is not read: write kudo_regions; 'ufw_egress_scop' is not read: write ufw_egress_scope"
    with pytest.raises(ValueError, match=f"^{text}$"):
        check_variables(["ufw_egress_scop", "kudo_region"], KNOWN)


@pytest.mark.parametrize(
    "name",
    [
        *("ufw_policy", "nftables_rules", "firewalld_zones", "aws_region", "gcp_project", "openstack_cloud"),
        *(80, None, "catalog_state", "catalog_stage", "catalog_store"),
        *("regions", "names", "policy", "catalog_url", "kudo_api_key", "apply_updates", "egress", "nftables"),
    ],
)
def test_other_peoples_variables_are_left_alone(name: object) -> None:
    assert check_variables([name], KNOWN) == []  # type: ignore[list-item]


def test_an_unknown_variable_with_a_roles_own_prefix_is_noted() -> None:
    assert check_variables(["nftables_egress_colour", "nftables_egress_scope"], KNOWN) == [
        "nftables_egress_colour is not read: the role nftables has no such variable"
    ]


@pytest.mark.parametrize("name", sorted(set().union(*ROLES.values())))
def test_every_variable_of_a_role_is_known(name: str) -> None:
    assert check_variables([name], KNOWN) == []
    check_extra([name], KNOWN)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("regions", "kudo_regions"),
        ("KUDO_REGIONS", "kudo_regions"),
        ("kudo-regions", "kudo_regions"),
        ("kudoregions", "kudo_regions"),
        ("hosts", "apply_hosts"),
        ("backend", "apply_backend"),
        ("replace", "apply_replace"),
        ("policy", "nftables_egress_policy"),
        ("egress_policy", "nftables_egress_policy"),
        ("nftables_egres_policy", "nftables_egress_policy"),
        ("nft_egress_policy", "nftables_egress_policy"),
        ("region", "kudo_regions"),
        ("teams", "kudo_teams"),
        ("names", "kudo_names or nftables_egress_names"),
        ("nftables_policy", "nftables_egress_policy"),
        ("nftables_polcy", "nftables_egress_policy"),
        ("ufw_scope", "ufw_egress_scope"),
        ("aws_vpc_id", "aws_egress_vpc_id"),
    ],
)
def test_a_name_without_its_prefix_on_the_command_line(name: str, meant: str) -> None:
    """The role's is that of the play; nothing is said where what is meant is given as well."""
    role = meant.split(" or ")[-1].partition("_")[0]
    known = replace(KNOWN, role=role if role in ROLES else "nftables")
    with pytest.raises(ValueError, match=f"^'{name}' is not read: write {meant}$"):
        check_extra([name], known)
    check_extra([name, *meant.split(" or ")], known)


def test_an_option_of_two_vendors_names_both() -> None:
    known = Known(ROLES, {**KUDO, "twilio": frozenset({"regions"})})
    with pytest.raises(ValueError, match="'regions' is not read: write kudo_regions or twilio_regions"):
        check_extra(["regions"], known)


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "state",
        "team",
        "tags",
        "release",
        "aws_region",
        "ufw_policy",
        "egress",
        "nftables_version",
        "kudo_regions",
    ],
)
def test_other_names_on_the_command_line_are_left_alone(name: str) -> None:
    check_extra([name], KNOWN)


def test_an_unknown_backend_is_told_the_seven() -> None:
    text = "unknown backend 'iptables': known are aws, azure, firewalld, gcp, nftables, openstack, ufw"
    with pytest.raises(ValueError, match=text):
        check_backend("iptables", ROLES)
    with pytest.raises(ValueError, match="unknown backend 'catalog'"):
        check_backend("catalog", ROLES)
    for backend in ROLES.keys() - {"catalog"}:
        check_backend(backend, ROLES)


@pytest.mark.parametrize(
    ("values", "own", "entry", "by_default"),
    [
        ({}, True, {"name": "kudo", "regions": "all"}, True),
        ({}, False, {"name": "kudo"}, False),
        ({"kudo_regions": "usa"}, True, {"name": "kudo", "regions": "usa"}, False),
        (
            {"kudo_regions": ["usa"], "kudo_teams": "yes"},
            False,
            {"name": "kudo", "regions": ["usa"], "teams": "yes"},
            False,
        ),
    ],
)
def test_entries_of_variables(values: dict[str, Any], own: bool, entry: dict[str, Any], by_default: bool) -> None:
    assert entries(["kudo"], CATALOG, values, own=own, **HOUSE) == ([entry], by_default)


def test_an_unknown_vendor_names_the_known() -> None:
    with pytest.raises(ValueError, match=re.escape("unknown vendor 'kuddo': known are kudo, vsee; did you mean kudo?")):
        entries(["kuddo"], CATALOG, {}, own=False, **HOUSE)


OUTSIDE = {
    "vault": {
        "options": {
            "password": {"type": "list", "choices": ["a", "b"], "required": True},
            "token": {"type": "str", "choices": ["a", "b"], "default": "a"},
            "key": {"type": "bool", "default": False},
            "pin": {"type": "ports", "required": True},
        }
    }
}


@pytest.mark.parametrize(
    ("option", "accepted"),
    [
        ("password", "any of a, b, or all"),
        ("token", "one of a, b"),
        ("key", "true or false"),
        ("pin", "a port, a range or a list of ports, such as 443"),
    ],
)
@pytest.mark.parametrize(
    "value", ["SECRET", ["a", "SECRET"], {"x": "SECRET"}, "a,SECRET", "12345678", 12345678, ["a", 7]]
)
def test_what_a_variable_holds_is_not_printed_for_a_vendor_from_outside(option: str, accepted: str, value: Any) -> None:
    """Who writes a vendor file chooses its name and its options', and so the variables that are read."""
    with pytest.raises(ValueError, match=f"vault_{option}") as caught:
        entries(["vault"], OUTSIDE, {f"vault_{option}": value}, own=False, **HOUSE)
    assert str(caught.value) == f"the variable vault_{option} does not hold what the option takes: write {accepted}"


@pytest.mark.parametrize(
    ("option", "value"),
    [("password", "a"), ("password", "all"), ("password", ["b"]), ("token", "b"), ("key", "yes"), ("key", True),
     ("pin", 443), ("pin", "443, 8000-8010")],
)  # fmt: skip
def test_what_an_option_takes_is_read_for_any_vendor(option: str, value: Any) -> None:
    found, _all = entries(["vault"], OUTSIDE, {f"vault_{option}": value}, own=False, **HOUSE)
    assert found == [{"name": "vault", option: value}]


FREE = {
    "vault": {
        "options": {
            "token": {"type": "str", "required": True, "example": "blue"},
            "hosts": {"type": "addresses", "required": True},
        }
    }
}


@pytest.mark.parametrize(("option", "value"), [("token", "SECRET"), ("hosts", "10.0.0.5"), ("token", "no label")])
def test_what_goes_into_rules_as_it_is_must_be_meant_for_a_vendor_from_outside(option: str, value: str) -> None:
    """A file from outside would else put into a name, or open, whatever a variable happens to hold."""
    name = f"vault_{option}"
    with pytest.raises(ValueError, match=f"^the variable {name} goes into rules as it is") as caught:
        entries(["vault"], FREE, {name: value}, own=False, **HOUSE)
    assert value not in str(caught.value)
    assert "give it with -e, or write" in str(caught.value)


@pytest.mark.parametrize("trusted", [{"typed": {"vault_token"}}, {"written": {"vault"}}, {"shipped": {"vault"}}])
def test_what_goes_into_rules_as_it_is_is_read_where_it_is_meant(trusted: dict[str, Any]) -> None:
    for value in ("blue", "BLUE-1"):
        found, _all = entries(["vault"], FREE, {"vault_token": value}, own=False, **{**HOUSE, **trusted})
        assert found == [{"name": "vault", "token": value}]


@pytest.mark.parametrize(
    ("option", "accepted"), [("token", "letters, digits and inner hyphens"), ("hosts", "addresses or prefixes")]
)
@pytest.mark.parametrize("value", ["SECRET.x", "10.0.0.5/8", {"x": "SECRET"}, ["SECRET_"], True])
def test_what_it_holds_is_not_printed_there_either(option: str, accepted: str, value: Any) -> None:
    name = f"vault_{option}"
    with pytest.raises(ValueError, match=name) as caught:
        entries(["vault"], FREE, {name: value}, own=False, typed={name}, **HOUSE)
    assert str(caught.value) == f"the variable {name} does not hold what the option takes: write {accepted}"


def test_the_shipped_vendors_are_known_by_their_files() -> None:
    assert {"kudo", "zoom"} <= shipped_vendors() == load_vendor_dirs([VENDOR_FOLDER]).vendors.keys()


def test_two_selections_in_one_play() -> None:
    def made(*vendors: str, **options: Any) -> dict[str, Any]:
        return {"vendors": [{"name": vendor, "options": options} for vendor in vendors]}

    former = {"where": "here", "selection": made("kudo", regions=["usa", "europe"], teams=False)}
    check_once("here", former["selection"], former)
    check_once("elsewhere", made("zoom"), former)
    check_once("", made("zoom"), {**former, "where": ""})
    check_once("here", made("zoom"), {})
    text = "this play selects 'kudo regions=usa,europe teams=false' and then 'zoom' for the same host"
    with pytest.raises(ValueError, match=text):
        check_once("here", made("zoom"), former)
