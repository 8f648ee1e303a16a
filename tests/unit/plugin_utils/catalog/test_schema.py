# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions of vendors: what is not sound is refused with its place."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from ansible.constants import INTERNAL_STATIC_VARS
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import role_options

from tests.support.definitions import GOOD
from tests.support.repository import REPOSITORY


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
    ("services.0.rows.0.reads_as", {}, "example: media: row 1: unknown key 'reads_as': known are"),
    ("services.0.rows.0.reads_as", {}, "did you mean read_as?"),
    ("destination_option", {}, "did you mean destination_options?"),
    ("services.0.rows.0.direction", "inbuond", "known are outbound, inbound; did you mean inbound?"),
    ("services.0.rows.0.ports_option", "prot", "unknown ports_option 'prot': known are port; did you mean port?"),
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
    (
        "services.0.when",
        {"regions": "east"},
        "example: media: when: regions is a list of values: write regions: [east]",
    ),
    ("services.0.when", {"regions": "north"}, "example: media: when: regions 'north' must be a list of east, west"),
    ("services.0.when", {"extra": True}, "example: media: when: extra is a list of values: write extra: [true]"),
    ("services.0.when", {"extra": ["yes"]}, "example: media: when: extra '['yes']' must be a list of false, true"),
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
    ("options.extra.default", "maybe", "example: option extra: default: extra: 'maybe' is neither yes nor no"),
    *(
        ("options.extra.default", yes, "example: media: inbound_option extra: its default opens inbound")
        for yes in (True, "true", "yes", "on", "1", 1, 1.0, " Y ", "t")
    ),
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


@pytest.mark.parametrize("spec", [{"default": "no"}, {"default": 0}, {"default": False}, {"required": True}])
def test_an_option_may_open_inbound_where_the_user_says_so(spec: dict[str, Any]) -> None:
    definition = copy.deepcopy(GOOD)
    definition["options"]["extra"] = {"type": "bool", **spec}
    check_definition("example", definition)


def test_a_destination_may_have_several_lines() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"][0]["destination"] = "192.0.2.1\n192.0.2.2\t192.0.2.3"
    check_definition("example", definition)


@pytest.mark.parametrize("name", ["", "Example", "a-b", "1a", "a b", 7, "and", "baseline", "egress", "x_egress_allow"])
def test_a_bad_vendor_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="vendor name"):
        check_definition(name, GOOD)


def beginnings(variable: str) -> list[str]:
    """Return the vendors of which a variable could be an option: C{a} and C{a_b} of C{a_b_c}."""
    words = variable.split("_")
    return ["_".join(words[:count]) for count in range(1, len(words)) if words[0]]


OURS = {name for names in role_options().values() for name in names} | {
    name
    for path in (REPOSITORY / "playbooks").glob("*.yml")
    for name in re.findall(r"[a-z]+_[a-z_]+", str(re.findall(r"reads: \[(.*)\]", path.read_text())))
}
ANSIBLES = {*INTERNAL_STATIC_VARS, "ansible_password", "ansible_become_password", "ansible_host", "role_path"}


@pytest.mark.parametrize("variable", sorted(OURS | ANSIBLES))
def test_no_vendor_reads_what_is_a_variable_already(variable: str) -> None:
    for vendor in beginnings(variable):
        with pytest.raises(ValueError, match=f"vendor name '{vendor}' means something else to this collection or to"):
            check_definition(vendor, GOOD)


def test_no_vendor_has_the_name_of_a_role_or_a_playbook() -> None:
    assert len(OURS) > 100
    assert {"apply_vendors", "explain_host", "export_format"} <= OURS
    names = {path.name for path in (REPOSITORY / "roles").iterdir()}
    names |= {path.stem.partition("_")[0].partition("-")[0] for path in (REPOSITORY / "playbooks").glob("*.yml")}
    assert {"nftables", "ufw", "firewalld", "aws", "azure", "gcp", "openstack", "catalog", "apply", "remove"} <= names
    for name in names:
        with pytest.raises(ValueError, match=f"vendor name '{name}' means something else"):
            check_definition(name, GOOD)


@pytest.mark.parametrize(
    "name", ["aws_chime", "azure_communication", "check_point", "gcp2", "roles", "kudo_ours", "vault"]
)
def test_names_that_only_begin_alike_are_vendors(name: str) -> None:
    check_definition(name, GOOD)


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
        "example: timer 1: seconds 0 is not larger than 0",
    ]


def test_many_errors_are_counted() -> None:
    definition = copy.deepcopy(GOOD)
    definition["services"][0]["rows"] = [{"destination": "192.0.2.1", "dest": n} for n in range(30)]
    with pytest.raises(ValueError, match="row 1: unknown key") as caught:
        check_definition("example", definition)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 10 more errors")
