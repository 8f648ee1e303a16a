# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's own description of its Compute API, as a judge of requests and answers.

method, path, body = check(request)      # raises Broken for what the API does not describe
check_answer(method, body)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient

from tests.support.tls_proxy import Request

_DOCUMENT = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "compute.v1.json"
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_BITS = {"int32": (-(1 << 31), (1 << 31) - 1), "uint32": (0, (1 << 32) - 1)}


class Broken(ValueError):
    """A request or an answer that the API does not describe."""


@dataclass(frozen=True)
class Method:
    """A method: C{id} as C{compute.firewalls.insert}, and its description."""

    id: str
    described: dict[str, Any]
    path: re.Pattern[str]


@cache
def document() -> dict[str, Any]:
    """Return the discovery document."""
    found: dict[str, Any] = json.loads(_DOCUMENT.read_text("utf-8"))
    return found


@cache
def methods() -> list[Method]:
    """Return all methods."""
    found = []
    for resource in document()["resources"].values():
        for described in resource.get("methods", {}).values():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(described["path"]))
            found.append(Method(described["id"], described, re.compile(f"/{document()['servicePath']}{pattern}")))
    return found


def check(request: Request) -> tuple[str, dict[str, str], Any]:
    """Return the method's id, the parameters of path and query, and the body; raises Broken."""
    for method in methods():
        matched = method.path.fullmatch(request.path)
        if not matched or method.described["httpMethod"] != request.method:
            continue
        given = dict(matched.groupdict())
        for name, values in request.query.items():
            if len(values) != 1:
                raise Broken(f"{method.id}: parameter {name} is given {len(values)} times")
            given[name] = values[0]
        _parameters(method, given, set(matched.groupdict()))
        body = request.json
        if "request" in method.described:
            _value(method.described["request"], body, method.id, method.id)
        elif body is not None:
            raise Broken(f"{method.id}: takes no body")
        return method.id, given, body
    raise Broken(f"the API has no {request.method} {request.path}")


def check_answer(method: str, body: Any) -> None:
    """Raise Broken for an answer that is not as the method's is described."""
    described = next(each.described for each in methods() if each.id == method)
    _value(described["response"], body, f"answer of {method}", "")


def _parameters(method: Method, given: dict[str, str], in_path: set[str]) -> None:
    known = {**document()["parameters"], **method.described["parameters"]}
    for name, parameter in method.described["parameters"].items():
        if parameter.get("required") and name not in given:
            raise Broken(f"{method.id}: parameter {name} is missing")
    for name, value in given.items():
        parameter = known.get(name)
        if parameter is None or (parameter["location"] == "path") is not (name in in_path):
            raise Broken(f"{method.id}: unknown parameter {name}")
        if parameter["type"] == "integer" and not value.isdigit():
            raise Broken(f"{method.id}: parameter {name} '{value}' is no number")
        if parameter["type"] == "boolean" and value not in ("true", "false"):
            raise Broken(f"{method.id}: parameter {name} '{value}' is not true or false")
        for bound, wrong in (("minimum", int.__lt__), ("maximum", int.__gt__)):
            if bound in parameter and wrong(int(value), int(parameter[bound])):
                raise Broken(f"{method.id}: parameter {name} {value}: {bound} is {parameter[bound]}")
        if "pattern" in parameter and not re.fullmatch(parameter["pattern"], value):
            raise Broken(f"{method.id}: parameter {name} '{value}' does not match {parameter['pattern']}")


def _value(schema: dict[str, Any], value: Any, where: str, method: str) -> None:
    """Check one value; C{method}: of a request, '' in an answer."""
    if "$ref" in schema:
        schema = document()["schemas"][schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "any":
        return
    wrong = isinstance(value, bool) and kind in ("integer", "number")
    if wrong or not isinstance(value, _TYPES[kind]):
        raise Broken(f"{where}: {value!r} is not of type {kind}")
    if kind == "array":
        for number, item in enumerate(value):
            _value(schema["items"], item, f"{where}[{number}]", method)
    elif kind == "object":
        _object(schema, value, where, method)
    else:
        _scalar(schema, value, where)


def _object(schema: dict[str, Any], value: dict[str, Any], where: str, method: str) -> None:
    properties = schema.get("properties", {})
    for name, item in value.items():
        if name not in properties:
            if "additionalProperties" not in schema:
                raise Broken(f"{where}: unknown field {name}")
            _value(schema["additionalProperties"], item, f"{where}.{name}", method)
            continue
        if method and (properties[name].get("readOnly") or "[Output Only]" in properties[name].get("description", "")):
            raise Broken(f"{where}: field {name} is output only")
        _value(properties[name], item, f"{where}.{name}", method)
    for name, described in properties.items():
        if method and method in described.get("annotations", {}).get("required", []) and name not in value:
            raise Broken(f"{where}: field {name} is missing")


def _scalar(schema: dict[str, Any], value: Any, where: str) -> None:
    if "enum" in schema and value not in schema["enum"]:
        raise Broken(f"{where}: '{value}' is none of {', '.join(schema['enum'])}")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        raise Broken(f"{where}: '{value}' does not match {schema['pattern']}")
    least, most = _BITS.get(schema.get("format", ""), (value, value))
    if not least <= value <= most:
        raise Broken(f"{where}: {value} does not fit {schema['format']}")
