# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a vendor, such as region, engine and ports, as a user chose them, checked against the vendor file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed, unknown

# An option's value after checking: a list of choices, one choice, yes or no, or a ports cell.
Value = list[str] | str | bool

_TRUE = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
_FALSE = frozenset({"n", "no", "off", "0", "false", "f", "0.0"})


@dataclass(frozen=True)
class Choices:
    """The options of one vendor: C{values} of all of them, and where they come from."""

    values: dict[str, Value]
    all: list[str]  # options for which `all` was said
    defaults: list[str]  # options of which nothing was said


def choose(vendor: str, specs: dict[str, dict[str, Any]], said: dict[str, Any]) -> Choices:
    """Return the options of C{vendor} as the user said them, completed by the vendor's defaults.

    C{specs} is the C{options} part of the vendor's definition; C{said} is the user's entry without its
    C{name}. An option that is said as null or as nothing counts as not said.
    Raises ValueError that names the choices for an unknown option or value and a missing mandatory one.
    """
    for option in said:
        if option not in specs:
            raise ValueError(f"{vendor}: {unknown('option', option, specs)}")
    chosen = Choices({}, [], [])
    for option, spec in specs.items():
        value = said.get(option)
        if value in (None, ""):
            if spec.get("required"):
                raise ValueError(f"{vendor}: {_missing(option, spec)}")
            value = spec["default"]
            chosen.defaults.append(option)
        elif spec["type"] == "list" and _is_all(value):
            chosen.all.append(option)
        chosen.values[option] = _READ[spec["type"]](f"{vendor}: {option}", value, spec)
    return chosen


def _missing(option: str, spec: dict[str, Any]) -> str:
    """Say which choices there are for an option that somebody must choose."""
    if spec["type"] == "list":
        return f"{option} must be chosen: any of {listed(spec['choices'])}, or all"
    if "choices" in spec:
        return f"{option} must be chosen: one of {listed(spec['choices'])}"
    example = f", such as {spec['example']}" if "example" in spec else ""
    return f"{option} must be given: {spec.get('description', 'it has no default')}{example}"


def words_of(value: Any) -> list[Any]:
    """Return the entries of a list, or of a string with commas between them."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_all(value: Any) -> bool:
    return "all" in words_of(value)


def _read_list(place: str, value: Any, spec: dict[str, Any]) -> list[str]:
    words = words_of(value)
    choices = spec["choices"]
    for word in words:
        if word not in choices and word != "all":
            raise ValueError(f"{place}: {unknown('value', word, [*choices, 'all'])}")
    if not words:
        raise ValueError(f"{place} is an empty list: write any of {listed(choices)}, or all")
    return [choice for choice in choices if choice in words or "all" in words]


def _read_str(place: str, value: Any, spec: dict[str, Any]) -> str:
    if value not in spec["choices"]:
        raise ValueError(f"{place}: {unknown('value', value, spec['choices'])}")
    return str(value)


def _read_bool(place: str, value: Any, spec: dict[str, Any]) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{place}: '{value}' is neither yes nor no: write true or false")
    return text in _TRUE


def _read_ports(place: str, value: Any, spec: dict[str, Any]) -> str:
    """Return the value as a ports cell; the cell itself is read, and refused, where rows are expanded."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).strip():
        example = spec.get("example", 443)
        raise ValueError(f"{place}: '{value}' is not a port, a range or a list of ports, such as {example}")
    return str(value)


_READ: dict[str, Callable[[str, Any, dict[str, Any]], Value]] = {
    "list": _read_list,
    "str": _read_str,
    "bool": _read_bool,
    "ports": _read_ports,
}
