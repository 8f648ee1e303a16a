# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an option is stated, each place read by its own parser into one form.

The places: signature of a filter, documentation, argument spec of a module, argument spec of a role, and the tasks of
the role that pass its variables on.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.validation import check_type_list
from ansible.utils.plugin_docs import get_docstring
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from jinja2 import Environment, nodes

from tests.support.repository import REPOSITORY

COLLECTION = "egress.allowlist"
PLUGINS = f"ansible_collections.{COLLECTION}.plugins"

Facts = dict[str, Any]  # what a place states of an option: type, elements, default, choices, required, aliases
Options = dict[str, Facts]  # by name; sub-options as allow[].ports and attach.instances


class Passed(NamedTuple):
    """An option that a task hands on, as a variable with nothing but casts around it."""

    variable: str
    kind: str  # filter, lookup or module
    target: str  # its name in this collection
    option: str | int  # a number: the position among the arguments of a filter or lookup
    casts: tuple[str, ...] = ()
    if_set: bool = False  # only where the variable is not empty
    state: str = "present"  # the literal state of the task's module


def stated(options: Mapping[str, Any], nested: str, prefix: str = "") -> Options:
    """Return options of a documentation or an argument spec; C{nested}: its key for sub-options."""
    found: Options = {}
    for name, option in options.items():
        kind = option.get("type", "str")
        found[prefix + name] = {
            "type": kind,
            "elements": option.get("elements"),
            "default": plain(option.get("default")),
            "choices": sorted(plain(option.get("choices") or [])),
            "required": option.get("required", False),
            "aliases": sorted(option.get("aliases") or []),
        }
        found |= stated(option.get(nested) or {}, nested, prefix + name + ("[]." if kind == "list" else "."))
    return found


def without_prefix(options: Options, prefix: str) -> Options:
    """Return the options of a role by their names without the role's."""
    return {name.removeprefix(prefix): facts for name, facts in options.items()}


class _Fragments:
    """What Ansible asks for documentation fragments, without its loader of collections."""

    @staticmethod
    def get(name: str) -> Any:
        """Return the class of a fragment."""
        fragment = import_module(f"{PLUGINS}.doc_fragments.{name.removeprefix(COLLECTION + '.')}").ModuleDocFragment
        fragment.ansible_name = name
        return fragment


def documented(kind: str, name: str) -> Options:
    """Return the options in the documentation of a plugin, fragments merged in; C{kind}: filter, lookup, module."""
    path = REPOSITORY / "plugins" / ("modules" if kind == "module" else kind) / f"{name}.py"
    documentation = get_docstring(str(path), _Fragments(), collection_name=COLLECTION, plugin_type=kind)[0]
    return stated(documentation["options"], "suboptions")


class _Made(BaseException):
    """A module has made its AnsibleModule; a BaseException, so that no module can catch it."""


def argument_spec(module: ModuleType) -> Options:
    """Return the options that a module gives to AnsibleModule."""
    given: dict[str, Any] = {}

    def note(_self: Any, argument_spec: dict[str, Any], **_more: Any) -> None:
        given.update(argument_spec)
        raise _Made

    with mock.patch.object(AnsibleModule, "__init__", note):
        try:
            module.main()
        except _Made:
            return stated(given, "options")
    raise ValueError(f"{module.__name__} made no AnsibleModule")


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function; C{**options} are those of the function that it hands them to."""
    own = dict(inspect.signature(function).parameters)
    for name, parameter in list(own.items()):
        if parameter.kind is not parameter.VAR_KEYWORD:
            continue
        del own[name]
        call = _call_with(function, name)
        handed = parameters(_value(call.func, function.__globals__))
        given = {*list(handed)[: len(call.args)], *(keyword.arg for keyword in call.keywords)}
        own |= {key: inner for key, inner in handed.items() if key not in given and key not in own}
    return own


def _call_with(function: Callable[..., Any], name: str) -> ast.Call:
    """Return the one call in a function that gets C{**name}, or C{**} of something made of it."""
    calls = [
        call
        for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg is None
        and any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(keyword.value))
    ]
    if len(calls) != 1:
        raise ValueError(f"{function.__name__}: {len(calls)} calls get **{name}, not one")
    return calls[0]


def _value(expression: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return what a dotted name stands for."""
    if isinstance(expression, ast.Attribute):
        return getattr(_value(expression.value, names), expression.attr)
    if isinstance(expression, ast.Name):
        return names[expression.id]
    raise ValueError(f"{ast.unparse(expression)} is not a name")


def signed(function: Callable[..., Any], documentation: Options) -> Options:
    """Return what the signature of a filter states, C{_input} its first parameter.

    A signature says nothing of choices and sub-options, of types only where it is annotated. Where C{documentation} has
    an empty list or dictionary, C{None} and C{()} are the same default.
    """
    found: Options = {}
    for position, parameter in enumerate(parameters(function).values()):
        name = parameter.name if position else "_input"
        about = documentation.get(name, {})
        required = parameter.default is parameter.empty
        default = None if required else plain(parameter.default)
        if about.get("type") == "list" and isinstance(default, str):
            default = [part.strip() for part in check_type_list(default)]
        if not default and about.get("default") in ([], {}) and not isinstance(default, (bool, int, str)):
            default = about["default"]
        found[name] = {"required": required, "default": default, **_type(parameter.annotation)}
    return found


_TYPES = {"Sequence": "list", "Iterable": "list", "tuple": "list", "Mapping": "dict"}
_TYPES |= {name: name for name in ("bool", "dict", "float", "int", "list", "str")}


def _type(annotation: Any) -> Facts:
    """Return type and elements that an annotation states; of several types the first: others are short for it."""
    if annotation is inspect.Parameter.empty:
        return {}
    part = ast.parse(annotation, mode="eval").body
    while isinstance(part, ast.BinOp):
        part = part.left
    outer = part.value if isinstance(part, ast.Subscript) else part
    if not isinstance(outer, ast.Name) or outer.id not in _TYPES:
        return {}
    found = {"type": _TYPES[outer.id]}
    if found["type"] == "list" and isinstance(part, ast.Subscript):
        inner = part.slice.elts[0] if isinstance(part.slice, ast.Tuple) else part.slice
        elements = _type(ast.unparse(inner)).get("type")
        found |= {"elements": elements} if elements else {}
    return found


_JINJA = Environment(autoescape=False)  # only parsed, never rendered


def passed(tasks: Iterable[Mapping[str, Any]], variables: Mapping[str, Any]) -> Iterator[Passed]:
    """Yield what the tasks of a role hand on to what is in this collection; C{variables}: those of the role's vars."""
    for task in tasks:
        inner = [task.get(key) or [] for key in ("block", "rescue", "always")]
        yield from passed((one for block in inner for one in block), variables)
        modules = {key: value or {} for key, value in task.items() if key.startswith(f"{COLLECTION}.")}
        states = [str(arguments.get("state", "present")) for arguments in modules.values()] or ["present"]
        found = [one for text in _texts(task, inner) for one in _of_plugins(_JINJA.parse(text))]
        for module, arguments in modules.items():
            given = {option: _expression(value) for option, value in arguments.items()}
            found += [one for option, part in given.items() for one in _of_module(module, option, part)]
        for module, value in (task.get("module_defaults") or {}).items():
            private = _expression(value)
            values = _expression(variables.get(private.name)) if isinstance(private, nodes.Name) else private
            for item in values.find_all(nodes.Pair) if values else ():
                pairs = _of_module(module, item.key.as_const(), item.value)
                found += [one._replace(if_set=True) for one in pairs]
        yield from (one._replace(state=states[0]) for one in found)


def _texts(value: Any, skipped: list[Any]) -> Iterator[str]:
    """Yield every text in a task but those of the tasks in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, Mapping)) and not any(value is one for one in skipped):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item, skipped)


def _expression(value: Any) -> nodes.Expr | None:
    """Return the expression of a text that is one template and nothing else."""
    body = _JINJA.parse(value).body if isinstance(value, str) else []
    [output] = body if len(body) == 1 else [None]
    parts = output.nodes if isinstance(output, nodes.Output) else []
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None


def _variable(part: nodes.Node | None) -> tuple[str, tuple[str, ...]] | None:
    """Return name and casts of a variable with nothing but casts around it."""
    casts: list[str] = []
    while isinstance(part, nodes.Filter) and not (part.args or part.kwargs):
        casts.insert(0, part.name)
        part = part.node
    return (part.name, tuple(casts)) if isinstance(part, nodes.Name) else None


def _of_module(module: str, option: str, part: nodes.Node | None) -> Iterator[Passed]:
    if variable := _variable(part):
        yield Passed(variable[0], "module", module.removeprefix(f"{COLLECTION}."), option, variable[1])


def _of_plugins(template: nodes.Template) -> Iterator[Passed]:
    """Yield what a template gives to filters and lookups of this collection."""
    calls: list[tuple[str, str, list[nodes.Expr], list[Any]]] = [
        ("filter", found.name, found.args, found.kwargs) for found in template.find_all(nodes.Filter)
    ]
    for call in template.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("lookup", "query", "q"):
            calls.append(("lookup", call.args[0].as_const(), call.args[1:], call.kwargs))
    for kind, name, positional, keywords in calls:
        given: list[tuple[str | int, nodes.Expr]] = [*enumerate(positional)]
        given += [(keyword.key, keyword.value) for keyword in keywords]
        for option, part in given if name.startswith(f"{COLLECTION}.") else ():
            if variable := _variable(part):
                yield Passed(variable[0], kind, name.removeprefix(f"{COLLECTION}."), option, variable[1])


def named(one: Passed, positions: Sequence[str]) -> Passed:
    """Return it with the name of its option, if it has a position: one of the filter's, or a term of a lookup."""
    if isinstance(one.option, str):
        return one
    return one._replace(option="_terms" if one.kind == "lookup" else positions[one.option])
