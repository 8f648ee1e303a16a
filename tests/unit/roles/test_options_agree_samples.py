# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of test_options_agree.py on small samples: whole, they agree; each way to break one is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from tests.support import places
from tests.support.agreement import Place, differences, passing, unnamed

ROLE = """
x_policy: {type: str, choices: [audit, deny], default: audit}
x_limit: {type: int, default: 5}
x_sets: {type: bool, default: false}
x_allow: {type: list, elements: dict, default: [], options: {ports: {type: str, required: true}}}
x_region: {type: str, default: ""}
x_wait: {type: int, default: 60}
"""
FILTER = """
policy: {type: str, choices: [deny, audit], default: audit}
limit: {type: int, default: 5}
sets: {type: bool, default: false}
allow: {type: list, elements: dict, default: [], suboptions: {ports: {type: str, required: true}}}
"""
MODULE = """
region: {type: str}
wait: {type: int, default: 60}
"""
TASKS = """
- block:
    - egress.allowlist.do_it:
        plan: "{{ list | egress.allowlist.plan_it(x_policy, limit=x_limit | int, sets=x_sets | bool, allow=x_allow) }}"
        wait: "{{ x_wait }}"
      module_defaults:
        egress.allowlist.do_it: "{{ __x_place }}"
- egress.allowlist.do_it:
    state: absent
    wait: "{{ x_wait }}"
"""
VARS = """
__x_place: "{{ {'region': x_region} | dict2items | selectattr('value') | items2dict }}"
"""
PIECES = {"role": ROLE, "filter": FILTER, "module": MODULE, "tasks": TASKS, "vars": VARS}


def findings(pieces: dict[str, str]) -> list[str]:
    read = {name: yaml.safe_load(text) for name, text in pieces.items()}
    role = places.without_prefix(places.stated(read["role"], "options"), "x_")
    given = [places.named(one, ["policy", "limit"]) for one in places.passed(read["tasks"], read["vars"])]
    plugins = {("filter", "plan_it"): read["filter"], ("module", "do_it"): read["module"]}
    options = {target: places.stated(stated, "suboptions") for target, stated in plugins.items()}
    return list(passing(role, "x_", given, options))


def test_pieces_that_agree() -> None:
    assert findings(PIECES) == []


@pytest.mark.parametrize(
    ("piece", "old", "new", "finding"),
    [
        ("role", "x_wait: {type: int", "x_wait: {type: str", 'wait: type: role "str", module do_it "int"'),
        ("role", "false", "0", "sets: default: role 0, filter plan_it false"),
        ("role", "[audit, deny]", "[deny]", 'policy: choices: role ["deny"], filter plan_it ["audit", "deny"]'),
        ("role", "elements: dict", "elements: str", 'allow: elements: role "str", filter plan_it "dict"'),
        ("role", "required: true", "required: false", "allow[].ports: required: role false, filter plan_it true"),
        ("role", ", options: {ports: {type: str, required: true}}", "", "allow[].ports: only in the filter plan_it"),
        ("role", 'default: ""', "default: here", "region: handed on where it is not empty, and not empty by default"),
        ("role", "x_wait:", "x_old: {type: str}\nx_wait:", "old: handed on 0 times"),
        ("filter", "limit: {", "most: {type: int}\nlimit: {", "most: the filter plan_it does not get it"),
        ("filter", "sets: {type: bool, default: false}", "", "sets: the filter plan_it has no sets"),
        ("module", "wait: {", "token: {type: str}\nwait: {", "token: the module do_it does not get it"),
        ("module", "region: {type: str", "region: {type: str, default: a", "region: handed on where it is not empty,"),
        ("tasks", "limit=x_limit | int", "limit=x_limit", "limit: cast [], not ['int'], for the filter plan_it"),
        ("tasks", "x_allow)", "x_allow | string)", "allow: cast ['string'], not [], for the filter plan_it"),
        ("tasks", "x_sets | bool", "x_sets | int", "sets: cast ['int'], not ['bool'], for the filter plan_it"),
        ("tasks", "(x_policy, ", "(", "policy: handed on 0 times"),
        ("tasks", "(x_policy, ", "(x_policy ~ '', ", "policy: handed on 0 times"),
        ("tasks", "(x_policy, ", "(x_policy, policy=x_policy, ", "policy: handed on 2 times"),
        ("tasks", "(x_policy, ", "(y_policy, ", "policy: the filter plan_it gets y_policy, which is not a variable"),
        (
            "tasks",
            "state: absent\n",
            "state: absent\n    region: '{{ x_wait }}'\n",
            "wait: handed on 2 times for absent",
        ),
        ("tasks", "        wait:", "        region:", "wait: is region in the module do_it"),
        ("vars", "{'region': x_region}", "{}", "region: handed on 0 times"),
    ],
)
def test_a_broken_piece_is_found(piece: str, old: str, new: str, finding: str) -> None:
    assert old in PIECES[piece]
    found = findings({**PIECES, piece: PIECES[piece].replace(old, new, 1)})
    assert any(line.startswith(finding) for line in found), found


SIGNED = """
_input: {type: dict, required: true}
policy: {type: str, default: audit}
sources: {type: list, elements: str, default: []}
zones: {type: list, elements: str, default: [ANY]}
kinds: {type: list, elements: str, default: [a, b]}
into: {type: dict, default: {}}
limit: {type: int, default: 5}
vendors: {type: list, required: true}
"""


def render(
    listed: dict,
    *,
    policy: str = "audit",
    sources: Sequence[str] | str = (),
    zones: Sequence[str] = ("ANY",),
    kinds: list[str] | str = "a, b",
    into: dict | None = None,
    limit: int = 5,
    vendors: list,
    day: str,
) -> tuple[Any, ...]:
    return listed, policy, sources, zones, kinds, into, limit, vendors, day


def whole(allowlist: dict, **options: Any) -> tuple[Any, ...]:
    return render(allowlist, day="", **dict(options))


def with_its_own_default(allowlist: dict, *, policy: str = "deny", **options: Any) -> tuple[Any, ...]:
    return render(allowlist, day=policy, **options)


def handing_on_too_little(allowlist: dict, **options: Any) -> tuple[Any, ...]:
    return render(allowlist, vendors=[], day="", **options)


def handing_on_nothing(allowlist: dict, **options: Any) -> tuple[Any, ...]:
    return allowlist, options


@pytest.mark.parametrize(
    ("sample", "old", "new", "expected"),
    [
        (whole, "", "", []),
        (whole, "default: audit", "default: deny", ['policy: default: signature "audit", docs "deny"']),
        (whole, "[ANY]", "[a]", ['zones: default: signature ["ANY"], docs ["a"]']),
        (whole, "[a, b]", "[a]", ['kinds: default: signature ["a", "b"], docs ["a"]']),
        (whole, "int, default: 5", "bool, default: 5", ['limit: type: signature "int", docs "bool"']),
        (whole, "default: 5", "default: 5.0", ["limit: default: signature 5, docs 5.0"]),
        (whole, "default: {}", "default: {a: 1}", ['into: default: signature null, docs {"a": 1}']),
        (
            whole,
            "elements: str, default: []",
            "elements: int, default: []",
            ['sources: elements: signature "str", docs "int"'],
        ),
        (whole, "vendors: {type: list, required: true}", "", ["vendors: only in the signature"]),
        (whole, "type: list, required: true", "type: list", ["vendors: required: signature true, docs false"]),
        (whole, "limit:", "more: {type: int}\nlimit:", ["more: only in the docs"]),
        (with_its_own_default, "", "", ['policy: default: signature "deny", docs "audit"']),
        (handing_on_too_little, "", "", ["vendors: only in the docs"]),
    ],
)
def test_a_signature(sample: Callable[..., Any], old: str, new: str, expected: list[str]) -> None:
    assert old in SIGNED
    documentation = places.stated(yaml.safe_load(SIGNED.replace(old, new, 1)), "suboptions")
    signature = Place("signature", places.signed(sample, documentation))
    assert list(differences(signature, Place("docs", documentation))) == expected


def test_a_signature_that_hides_its_options() -> None:
    with pytest.raises(ValueError, match=r"0 calls get \*\*options, not one"):
        places.signed(handing_on_nothing, {})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "bool", "default": False, "aliases": ["b"]}, []),
        ({"type": "bool", "default": 0, "aliases": ["b"]}, ["a: default: argument spec 0, documentation false"]),
        ({"type": "bool", "default": False}, ['a: aliases: argument spec [], documentation ["b"]']),
        ({"default": False, "aliases": ["b"]}, ['a: type: argument spec "str", documentation "bool"']),
        (
            {"type": "bool", "default": False, "aliases": ["b"], "options": {"c": {}}},
            ["a.c: only in the argument spec"],
        ),
    ],
)
def test_an_argument_spec(spec: dict[str, Any], expected: list[str]) -> None:
    module: Any = SimpleNamespace(__name__="sample", main=lambda: AnsibleModule(argument_spec={"a": spec}))
    documentation = places.stated({"a": {"type": "bool", "default": False, "aliases": ["b"]}}, "suboptions")
    spec_of = Place("argument spec", places.argument_spec(module))
    assert list(differences(spec_of, Place("documentation", documentation))) == expected


def test_a_module_without_an_argument_spec() -> None:
    module: Any = SimpleNamespace(__name__="sample", main=lambda: None)
    with pytest.raises(ValueError, match="sample made no AnsibleModule"):
        places.argument_spec(module)


@pytest.mark.parametrize(
    ("choices", "message", "expected"),
    [
        (["", "report", "resolve"], "names 'x' is not accepted: choose one of report, resolve", []),
        (["report"], "names 'x' is not accepted: choose one of report, resolve", ["names: resolve"]),
        (["report", "fqdn"], "names 'x' is not accepted: choose one of report", ["names: fqdn"]),
        (["warn", "fail"], "names 'x': write warn or fail", []),
        (["warn", "fail", "stop"], "names 'x': write warn or fail", ["names: stop"]),
    ],
)
def test_a_refusal(choices: list[str], message: str, expected: list[str]) -> None:
    assert unnamed("names", choices, message) == expected
