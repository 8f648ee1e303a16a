# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module refuses, in words and before anything is touched, a native form that its filter did not make."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib import import_module
from typing import Any, NamedTuple
from unittest import mock

import pytest
from ansible.module_utils import basic
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import aws, azure, gcp, openstack
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset

from tests.support.rules import merged, row

COLLECTION = "ansible_collections.egress.allowlist.plugins"
ROWS = [
    row("203.0.113.0/25"),
    row("2001:db8::/64", "10000-60000,3478", "UDP", "media"),
    row("api.example.com", "443", "TCP", "names"),
    row("192.0.2.0/24", "5060", "UDP", "callback", direction="inbound"),
]
ALLOWLIST = merged(*ROWS)
DENY = {"policy": "deny"}
INTO = {"family": "ip", "table": "filter", "chain": "output", "jump": True}
FOUND = {"names": "resolve", "addresses": {"api.example.com": ["198.51.100.7"]}}
LISTED = {"allow": [{"destination": "198.51.100.0/24", "protocol": "TCP", "ports": "22"}]}


class Case(NamedTuple):
    """A module, its option, what makes the form and with which choices, and what is a dictionary with keys of its own.

    C{more}: other choices of which the form is whole too; C{given}: other options of the module.
    """

    module: str
    option: str
    filter: str
    make: Any
    choices: dict[str, Any]
    records: tuple[tuple[str | int, ...], ...]
    more: tuple[dict[str, Any], ...]
    given: dict[str, Any]

    def form(self, choices: dict[str, Any] | None = None) -> Any:
        """Return the form as it arrives at the module."""
        return json.loads(json.dumps(self.make(ALLOWLIST, **(self.choices if choices is None else choices))))


NAMES = (("names",), ("names", "domains", "api.example.com"), ("names", "domains", "api.example.com", "leased"))
CASES = {
    case.module: case
    for case in (
        Case(
            "nftables", "ruleset", "nftables_ruleset", ruleset.render,
            {**DENY, "names": "dnsmasq", "scope": "gateway"}, NAMES,
            (
                {}, DENY | {"names": "report"}, {"policy": "unmanaged", "names": "resolve", "scope": "both"},
                {"policy": "unmanaged", "into": INTO},
                {**DENY, "names": "resolve", "scope": "both", "sources": ["10.0.0.0/8"], **LISTED},
            ),
            {},
        ),
        Case(
            "ufw", "rules", "ufw_rules", ufw.render,
            {**DENY, "names": "resolve", "scope": "both", "sets": True}, NAMES,
            (
                {"names": "report"}, {**DENY, "names": "report", "place": "first", **LISTED},
                {**DENY, "names": "resolve", "scope": "both", "sources": ["10.0.0.0/8"], "stopped": "drop"},
            ),
            {},
        ),
        Case(
            "firewalld", "objects", "firewalld_objects", configuration.render,
            {**DENY, "names": "dnsmasq", "scope": "gateway"}, NAMES,
            (
                {}, {**DENY, "names": "report"}, {"policy": "unmanaged", "names": "resolve"},
                {**DENY, "names": "resolve", "scope": "both", "sources": ["10.0.0.0/8"], **LISTED},
            ),
            {},
        ),
        Case(
            "aws_security_group", "plan", "aws_security_group_plan", aws.plan,
            {**DENY, "names": "report"}, (("limits",), ("rules", 0)),
            (
                {}, {**FOUND, **LISTED},
                {**DENY, **FOUND, "prefix_lists": True, "widen_at_most": 256, "join_services": True},
            ),
            {},
        ),
        Case(
            "azure_security_group", "plan", "azure_security_group_plan", azure.plan,
            {**DENY, "names": "report"}, (("limits",), ("rules", 0)),
            ({}, {**FOUND, **LISTED}, {**DENY, **FOUND, "stops": "internet", "dns_servers": ["192.0.2.53"]}),
            {"resource_group": "booths", "security_group": "booths"},
        ),
        Case(
            "gcp_security_group", "plan", "gcp_security_group_plan", gcp.plan,
            {**DENY, "names": "report"}, (("lists", 0),),
            ({}, {**FOUND, **LISTED}, {**DENY, "names": "fqdn", "firewall_policy": "ours"}),
            {"project": "booths", "network": "booths"},
        ),
        Case(
            "openstack_security_group", "plan", "openstack_security_group_plan", openstack.plan,
            {**DENY, "names": "report"}, (("parts", 0),),
            ({}, {**FOUND, **LISTED}, {**DENY, "names": "report", "address_groups": "always", "rules": -1}),
            {},
        ),
    )
}  # fmt: skip
# What may be missing in a form: it is said of some choices only.
OPTIONAL = {"asked", "copies", "OUTPUT", "FORWARD"}


def run(case: Case, form: Any, **params: Any) -> dict[str, Any]:
    """Run the module in check mode, far from any host or cloud; returns what it says."""
    given = {"_ansible_check_mode": True, case.option: form, **case.given, **params}
    out = io.StringIO()
    with (
        mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()),
        mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
        redirect_stdout(out),
        suppress(SystemExit),
    ):
        half = case.module + ("" if case.option == "plan" else "_host")
        import_module(f"{COLLECTION}.modules.{half}").main()
    return json.loads(out.getvalue())


def at(form: Any, path: tuple[str | int, ...]) -> Any:
    """Return a part of a form."""
    for step in path:
        form = form[step]
    return form


def words(path: tuple[str | int, ...]) -> str:
    """Return where a part is, as messages say it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def other(value: Any) -> tuple[Any, str]:
    """Return a value of another type, and how a message calls the two."""
    kinds = {bool: "true or false", int: "a whole number", str: "text", list: "a list", dict: "a dictionary"}
    wrong = {str: ["a"], bool: "true", int: True, list: {"a": "b"}, dict: "a"}[type(value)]
    return wrong, f"is {kinds[type(wrong)]}, not {kinds[type(value)]}"


def spoilt(case: Case) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield what was done to a form, the form, and what the module shall say of it."""
    whole = case.form()
    for record in ((), *case.records):
        for key, value in at(whole, record).items():
            path = (*record, key)
            form = copy.deepcopy(whole)
            del at(form, record)[key]
            if key not in OPTIONAL:
                yield f"without {words(path)}", form, f"'{words(path)}' is missing"
            form = copy.deepcopy(whole)
            at(form, record)[key], told = other(value)
            yield f"another {words(path)}", form, f"'{words(path)}' {told}"
            form = copy.deepcopy(whole)
            at(form, record)[key] = None
            yield f"empty {words(path)}", form, f"'{words(path)}' is nothing, not {told.partition(', not ')[2]}"
            if value and isinstance(value, (dict, list)):
                step = min(value) if isinstance(value, dict) else 0
                form = copy.deepcopy(whole)
                at(form, path)[step], told = other(value[step])
                yield f"another {words((*path, step))}", form, f"'{words((*path, step))}' {told}"
        form = copy.deepcopy(whole)
        at(form, record)["of_tomorrow"] = 1
        yield f"newer {words(record)}", form, f"'{words((*record, 'of_tomorrow'))}' is not known: it is of another"


SPOILT = [
    pytest.param(case, form, told, id=f"{case.module}: {what}")
    for case in CASES.values()
    for what, form, told in spoilt(case)
]


@pytest.mark.parametrize(("case", "form", "told"), SPOILT)
def test_a_form_that_is_not_whole_is_refused_and_the_key_named(case: Case, form: dict[str, Any], told: str) -> None:
    said = run(case, form)
    assert said["failed"]
    assert said["msg"].startswith(
        f"{case.option} is not what the filter egress.allowlist.{case.filter} returns: {told}"
    )
    assert "exception" not in said


@pytest.mark.parametrize(
    ("module", "of"), [(module, of) for module in CASES for of in (*CASES, "allowlist") if module != of]
)
def test_what_another_filter_made_is_told_by_that_filters_name(module: str, of: str) -> None:
    case = CASES[module]
    form, filter_ = (CASES[of].form(), CASES[of].filter) if of in CASES else (ALLOWLIST, "merge_vendors")
    assert run(case, form)["msg"] == (
        f"{case.option} is not what the filter egress.allowlist.{case.filter} returns: "
        f"it is what the filter egress.allowlist.{filter_} returns"
    )


RULE = "a rule such as 'allow tcp 443 192.0.2.0/24 any 0.0.0.0/0 out # vendor service'"
GOOD = "allow tcp 443 192.0.2.0/24 any 0.0.0.0/0 out # acme calls"
# Of the right shape, with nonsense inside: where, what stands there, and what is said of it.
NONSENSE = [
    *(
        ("ufw", (key, 0), rule, f"'{key}[0]' is {rule!r}, not {RULE}")
        for key in ("rules", "stops")
        for rule in (
            "", "allow", "allow tcp 443 # acme calls", GOOD.partition(" # ")[0], GOOD.replace("443", "http"),
            GOOD.replace("443", "443,"), GOOD.replace("out", "out; reboot"), GOOD.replace(" tcp", ""), GOOD + "\n-F",
            GOOD.replace("192.0.2.0/24", "$(id)"), GOOD.replace("allow", "permit"), GOOD.replace(" any ", " any any "),
        )
    ),
    ("ufw", ("chained", 0), "allow tcp 443 SET", "'chained[0]' is 'allow tcp 443 SET', not a rule such as"),
    ("ufw", ("sets",), {"egress_allowlist_4_x": ["no prefix"]}, "'sets.egress_allowlist_4_x[0]' is 'no prefix'"),
    ("ufw", ("sets",), {"egress_allowlist_4_x": ["192.0.2.256"]}, "'sets.egress_allowlist_4_x[0]' is '192.0.2.256'"),
    ("ufw", ("sets",), {"mine; reboot": []}, "'sets' has the key 'mine; reboot', which is not the name of a set"),
    ("ufw", ("roads", 0), ["route", "home"], "'roads[0][1]' is 'home', not an address or a prefix"),
    ("ufw", ("names", "special", 0), "10.0.0.0/33", "'names.special[0]' is '10.0.0.0/33', not an address or a prefix"),
    (
        "ufw", ("names", "domains", "api.example.com", "leased", "4"), "a b",
        "'names.domains.api.example.com.leased.4' is 'a b', not the name of a set",
    ),
    ("firewalld", ("files",), {"../zones/public.xml": ""}, "'files' has the key '../zones/public.xml', which is"),
    ("firewalld", ("files",), {"policies/mine.xml": ""}, "'files' has the key 'policies/mine.xml', which is"),
    ("nftables", ("table",), "a b", "'table' is 'a b', not a name that nftables takes"),
    ("nftables", ("table",), "", "'table' is '', not a name that nftables takes"),
    ("nftables", ("chain",), "out; flush ruleset", "'chain' is 'out; flush ruleset', not a name that nftables"),
    ("nftables", ("owned",), "mine_", "'owned' is 'mine_', not one of '', 'egress_allowlist_'"),
    ("nftables", ("names", "table"), "inet $(id)", "'names.table' is 'inet $(id)', not a table of nftables"),
    ("nftables", ("names", "dnsmasq", 0), "a\nb", "'names.dnsmasq[0]' is 'a\\nb', not a line"),
    ("nftables", ("names", "domains"), {"a b": {}}, "'names.domains' has the key 'a b', which is not a domain name"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "path", "value", "told"), NONSENSE)
def test_nonsense_of_the_right_shape_is_refused_in_words(
    module: str, path: tuple[str | int, ...], value: Any, told: str
) -> None:
    case = CASES[module]
    form = case.form(case.more[-1] | {"names": "resolve"} if path[0] == "stops" else None)
    at(form, path[:-1])[path[-1]] = value
    said = run(case, form)
    start = f"{case.option} is not what the filter egress.allowlist.{case.filter} returns: "
    assert said["msg"].startswith(start + told), said["msg"]
    assert "exception" not in said


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_empty_form_is_refused(case: Case) -> None:
    first = next(iter(case.form()))
    told = f"{case.option} is not what the filter egress.allowlist.{case.filter} returns: '{first}' is missing"
    assert run(case, {})["msg"] == told


class Module:
    """What the check uses of an AnsibleModule."""

    def __init__(self, option: str, form: dict[str, Any] | None, state: str) -> None:
        self.params = {option: form, "state": state}

    def fail_json(self, msg: str) -> None:
        raise AssertionError(msg)


def checked(case: Case, form: dict[str, Any] | None, state: str = "present") -> None:
    """Let a form pass the check of its module; raises AssertionError where it does not."""
    package = f"{COLLECTION}.module_utils._{'clouds' if case.option == 'plan' else 'firewalls'}"
    shape = import_module(f"{package}.{case.module.removesuffix('_security_group')}.form").FORM
    assert shape.filter == case.filter
    forms.check(Module(case.option, form, state), case.option, shape)


@pytest.mark.parametrize(
    ("case", "choices"),
    [(case, choices) for case in CASES.values() for choices in (case.choices, *case.more)],
    ids=lambda value: value.module if isinstance(value, Case) else None,
)
def test_what_the_filter_returns_is_accepted(case: Case, choices: dict[str, Any]) -> None:
    checked(case, case.form(choices))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_form_that_nobody_needs_is_not_looked_at(case: Case) -> None:
    """Who removes everything may give what an older version made, or nothing."""
    checked(case, {"of": "yesterday"}, "absent")
    checked(case, None)


@pytest.mark.parametrize(
    ("value", "shape", "told"),
    [
        ("c", {"a", "b"}, "'x' is 'c', not one of 'a', 'b'"),
        (["out"], (str, str), "'x' has 1 items, not 2"),
        (["out", 1], (str, str), "'x[1]' is a whole number, not text"),
        ([["a", 1.5]], [(str, int)], "'x[0][1]' is a number, not a whole number"),
        ({}, forms.Maybe(a=str), ""),
        ({"a": 1}, forms.Maybe(a=str), "'x.a' is a whole number, not text"),
        ({"b": ""}, {"a": str, "b": str}, "'x.a' is missing"),
        ({"b": ""}, {"a?": str, "b": str}, ""),
        ({"a": "", "b": ["", 3]}, {"a?": str, "b": [str]}, "'x.b[1]' is a whole number, not text"),
        ({"any": {"a": 3}}, {str: {"a": str}}, "'x.any.a' is a whole number, not text"),
        ({}, {str: str}, ""),
        ("ab", forms.Text("a letter", "[a-z]"), "'x' is 'ab', not a letter"),
        ("a\n", forms.Text("a letter", "[a-z]"), "'x' is 'a\\n', not a letter"),
        ({"A": "a"}, {forms.Text("a letter", "[a-z]"): str}, "'x' has the key 'A', which is not a letter"),
        ({"a": 1}, {forms.Text("a letter", "[a-z]"): str}, "'x.a' is a whole number, not text"),
        ("a" * 99, forms.Text("a letter", "[a-z]"), "'x' is '" + "a" * 74 + "...', not a letter"),
        *((prefix, forms.Prefix(), "") for prefix in ("192.0.2.1", "192.0.2.1/24", "::/0", "2001:db8::1")),
        *(
            (text, forms.Prefix(), f"'x' is '{text}', not an address or a prefix")
            for text in ("", "1", "192.0.2.1/33", "::g", "192.0.2", "1.2.3.4/24/24", "fe80::1%eth0", "$(id)")
        ),
        ("", forms.Prefix(empty=True), ""),
    ],
)
def test_shapes(value: Any, shape: Any, told: str) -> None:
    assert forms.problem(value, shape, "x") == told
