# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An option that is stated in several places is stated alike.

The places: signature and documentation of a filter, argument spec of a role and its tasks, argument spec and
documentation of a module. That a role's defaults equal its argument spec is in test_specs.py; that these checks can
fail, in test_options_agree_samples.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from tests.support import places
from tests.support.agreement import Place, differences, passing, unnamed
from tests.support.places import PLUGINS, Options, Passed
from tests.support.repository import REPOSITORY
from tests.support.roles import options

FILTERS = sorted(path.stem for path in (REPOSITORY / "plugins" / "filter").glob("*.py"))
MODULES = sorted(path.stem for path in (REPOSITORY / "plugins" / "modules").glob("*.py"))
HOSTS = ("firewalld", "nftables", "ufw")
CLOUDS = ("aws", "azure", "gcp", "openstack")
# What each role hands its variables to: the plugins and the module that have options of the same names.
TARGETS = {
    "catalog": [("module", "compile_allowlist")],
    "firewalld": [("filter", "firewalld_objects"), ("module", "firewalld")],
    "nftables": [("filter", "nftables_ruleset"), ("module", "nftables")],
    "ufw": [("filter", "ufw_rules"), ("module", "ufw")],
    **{name: [("filter", f"{name}_security_group_plan"), ("module", f"{name}_security_group")] for name in CLOUDS},
}
NATIVE = {"firewalld": "objects", "nftables": "ruleset", "ufw": "rules", **dict.fromkeys(CLOUDS, "plan")}
CONNECTION = {
    "aws": (
        *("access_key", "secret_key", "session_token", "endpoint_url", "validate_certs"),
        *("aws_ca_bundle", "aws_config", "debug_botocore_endpoint_logs"),
    ),
    "azure": ("subscription_id", "client_id", "secret", "tenant", "profile", "auth_source", "cloud_environment"),
    "gcp": (
        *("auth_kind", "service_account_file", "service_account_contents", "service_account_email"),
        *("access_token", "scopes"),
    ),
    "openstack": (
        *("auth", "auth_type", "validate_certs", "ca_cert", "client_cert", "client_key"),
        *("api_timeout", "interface", "sdk_log_path", "sdk_log_level"),
    ),
}


def excepted(role: str) -> dict[str, str]:
    """Return the findings about a role that may stand, each with its reason. One that is found no more fails."""
    if role == "catalog":
        reason = "so that examples and tests count ages from a day that stays"
        return {"today: the module compile_allowlist does not get it": reason}
    plugin, module = (" ".join(target) for target in TARGETS[role])
    found = {
        f"unchanged: the {module} does not get it": "only the playbook of a vendor gives it, through the role",
        "state: handed on 0 times": "chooses among the tasks, in which the module's state is written",
        f"{NATIVE[role]}: the {module} does not get it": "it gets what the filter returns",
    }
    if role in HOSTS:
        states = 'role ["absent", "present"]', f'{module} ["absent", "confirmed", "present"]'
        return found | {
            f"state: choices: {', '.join(states)}": "the role confirms by itself",
            f"confirm: the {module} does not get it": "the task confirms by itself unless it is told not to",
            f"token: the {module} does not get it": "only who told the task not to confirm needs it",
            f"install: is missing_ok in the {module}": "the role installs what the module found missing",
            f"install: default: role true, {module} false": "a module by itself installs nothing, and so must fail",
        }
    found[f"addresses: the {plugin} gets __{role}_addresses, which is not a variable of the role"] = (
        "the role looks names up by itself"
    )
    for option in CONNECTION[role]:
        found[f"{option}: the {module} does not get it"] = "who signs in, and how, is set once by module_defaults"
    return found | {
        "aws": {f"attach: default: role {{}}, {module} null": "both mean that nothing is attached"},
        "gcp": {
            "firewall_policy: handed on 2 times": "the plan depends on it, and without a plan the module removes it",
            f"ranges_per_rule: the {plugin} does not get it": "a limit of Google Cloud that no quota raises",
        },
    }.get(role, {})


def load(path: str) -> Any:
    file = REPOSITORY / path
    return yaml.safe_load(file.read_text()) if file.exists() else {}


def function(name: str) -> Any:
    return import_module(f"{PLUGINS}.filter.{name}").FilterModule().filters()[name]


def positions(name: str) -> list[str]:
    """Return the names of a filter's arguments in order, without its input."""
    return list(places.parameters(function(name)))[1:]


def prefix(role: str) -> str:
    return "catalog_" if role == "catalog" else f"{role}_egress_"


def specified(role: str) -> Options:
    return places.without_prefix(places.stated(options(role), "options"), prefix(role))


def handed(role: str) -> list[Passed]:
    files = sorted((REPOSITORY / "roles" / role / "tasks").glob("*.yml"))
    tasks = [task for file in files for task in yaml.safe_load(file.read_text())]
    found = places.passed(tasks, load(f"roles/{role}/vars/main.yml"))
    return [places.named(one, positions(one.target) if one.kind == "filter" else []) for one in found]


def targets(role: str) -> dict[tuple[str, str], Options]:
    """Return the options of what a role hands its variables to, but for the input of filters."""
    found = {target: places.documented(*target) for target in TARGETS[role]}
    for taken in found.values():
        taken.pop("_input", None)
    return found


def signature_findings(name: str) -> list[str]:
    """Return how signature and documentation of a filter differ; the signature says nothing of sub-options."""
    documentation = places.documented("filter", name)
    outer = {option: facts for option, facts in documentation.items() if "." not in option}
    signature = Place("signature", places.signed(function(name), documentation))
    return list(differences(signature, Place("documentation", outer)))


def test_every_role_is_compared() -> None:
    assert {path.name for path in (REPOSITORY / "roles").iterdir() if path.is_dir()} == TARGETS.keys()


@pytest.mark.parametrize("name", FILTERS)
def test_signature_and_documentation_of_a_filter_agree(name: str) -> None:
    assert signature_findings(name) == []


@pytest.mark.parametrize("name", MODULES)
def test_argument_spec_and_documentation_of_a_module_agree(name: str) -> None:
    if (REPOSITORY / "plugins" / "action" / f"{name}.py").exists():
        options = places.stated(import_module(f"{PLUGINS}.action.{name}").SPEC, "options")
    else:
        options = places.argument_spec(import_module(f"{PLUGINS}.modules.{name}"))
    spec = Place("argument spec", options)
    assert list(differences(spec, Place("documentation", places.documented("module", name)))) == []


@pytest.mark.parametrize("role", TARGETS)
def test_a_role_and_what_it_hands_its_variables_to_agree(role: str) -> None:
    found = list(passing(specified(role), prefix(role), handed(role), targets(role)))
    assert [finding for finding in found if finding not in excepted(role)] == []
    assert excepted(role).keys() - {*found} == set(), "an exception that is not needed any more"


@pytest.mark.parametrize("role", TARGETS)
def test_a_change_of_any_variable_is_found(role: str) -> None:
    """So no variable of a role is left out of the comparison."""
    options, given, others = specified(role), handed(role), targets(role)
    for name in options:
        for change in ({"type": "float"}, {"default": "other"}, {"choices": ["other"]}):
            changed = {**options, name: {**options[name], **change}}
            found = {*passing(changed, prefix(role), given, others)} - excepted(role).keys()
            assert any(finding.startswith(f"{name}: ") for finding in found), f"{name}: {change}"


ALLOWLIST = function("merge_vendors")([])
INPUT: dict[str, tuple[Any, ...]] = {
    "compile_allowlist": ({}, []),
    "select_rows": ({}, []),
    "explain_destination": (ALLOWLIST, "192.0.2.1"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_refuse_what_is_not_a_documented_choice(name: str) -> None:
    for option, facts in places.documented("filter", name).items():
        if not facts["choices"] or "." in option:
            continue
        value = ["no such"] if facts["type"] == "list" else "no such"
        with pytest.raises(AnsibleFilterError) as refused:
            function(name)(*INPUT.get(name, (ALLOWLIST,)), **{option: value})
        assert unnamed(option, facts["choices"], str(refused.value)) == []
