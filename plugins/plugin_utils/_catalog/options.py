# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a vendor, such as region, engine and ports, as a user chose them, checked against the vendor file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed, unknown
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import briefly

from .placeholders import is_label

# An option's value after checking: a list of choices or of addresses, one choice, a label of a name, yes or no, or a
# ports cell.
Value = list[str] | str | bool

_TRUE = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
_FALSE = frozenset({"n", "no", "off", "0", "false", "f", "0.0"})


@dataclass(frozen=True)
class Choices:
    """The options of one vendor: C{values} of those that have one, and where they come from."""

    values: dict[str, Value]
    all: list[str]  # options for which `all` was said
    defaults: list[str]  # options of which nothing was said
    missing: dict[str, str] = field(default_factory=dict)  # what must be chosen and nobody did, with what to say of it
    # Found out while rows are selected: the missing options that one needs, the options of rows that are taken, and
    # those of rows that only their requirement leaves out, each with the services of these rows.
    needed: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    left_out: dict[str, dict[str, None]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ValueError, a line for each, where an option that is needed is missing."""
        Faults(text for option, text in self.missing.items() if option in self.needed).stop()


def choose(vendor: str, specs: dict[str, dict[str, Any]], said: dict[str, Any]) -> Choices:
    """Return the options of C{vendor} as the user said them, completed by the vendor's defaults.

    C{specs} is the C{options} part of the vendor's definition; C{said} is the user's entry without its
    C{name}. An option that is said as null or as nothing counts as not said. That a mandatory one is missing is an
    error only where something that is chosen needs it: C{Choices.missing} keeps it till then.
    Raises ValueError that names the choices for an unknown option or value, a line for each.
    """
    faults = Faults(f"{vendor}: {unknown('option', option, specs)}" for option in said if option not in specs)
    chosen = Choices({}, [], [])
    for option, spec in specs.items():
        value = said.get(option)
        if value in (None, ""):
            if spec.get("required"):
                chosen.missing[option] = f"{vendor}: {_missing(option, spec)}"
                continue
            value = spec["default"]
            chosen.defaults.append(option)
        elif spec["type"] == "list" and _is_all(value):
            chosen.all.append(option)
        with faults.noted():
            chosen.values[option] = _READ[spec["type"]](f"{vendor}: {option}", value, spec)
    faults.stop()
    return chosen


def _missing(option: str, spec: dict[str, Any]) -> str:
    """Say which choices there are for an option that somebody must choose."""
    if spec["type"] == "list":
        return f"{option} must be chosen: any of {listed(spec['choices'])}, or all"
    if "choices" in spec:
        return f"{option} must be chosen: one of {listed(spec['choices'])}"
    if spec["type"] == "bool":
        return f"{option} must be given: {spec.get('description', 'it has no default')}: true or false"
    example = f", such as {', '.join(map(str, words_of(spec['example'])))}" if "example" in spec else ""
    return f"{option} must be given: {spec.get('description', 'it has no default')}{example}"


def is_free(spec: Mapping[str, Any]) -> bool:
    """Tell whether an option takes what the user writes into names or as his own addresses, and not a choice."""
    return spec["type"] == "addresses" or (spec["type"] == "str" and "choices" not in spec)


def everything(vendor: str, specs: dict[str, dict[str, Any]]) -> Choices:
    """Return the choices that switch on all rows of a vendor, for a look at its file: a list of every value.

    An option that a user must write has its example, or one of ours.
    """
    chosen = Choices({}, [], [])
    for option, spec in specs.items():
        value: Any
        if spec["type"] == "bool":
            value = [True, False]
        elif "choices" in spec:
            value = list(spec["choices"])
        else:
            given = spec.get("default", spec.get("example", _EXAMPLES[spec["type"]]))
            value = _READ[spec["type"]](f"{vendor}: {option}", given, spec)
        chosen.values[option] = value
    return chosen


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
    if not words and spec.get("default") != []:
        raise ValueError(f"{place} is an empty list: write any of {listed(choices)}, or all")
    return [choice for choice in choices if choice in words or "all" in words]


def _read_str(place: str, value: Any, spec: dict[str, Any]) -> str:
    if "choices" not in spec:
        return _read_label(place, value, spec)
    if value not in spec["choices"]:
        raise ValueError(f"{place}: {unknown('value', value, spec['choices'])}")
    return str(value)


def _read_label(place: str, value: Any, spec: dict[str, Any]) -> str:
    """Return a label that is put into a name, in lower case as all names."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # YAML takes 0123 for 83 and 1_0 for 10.
        raise ValueError(f"{place}: {briefly(value)} is a number: write it in quotes")
    if not is_label(value):
        raise ValueError(
            f"{place}: '{briefly(value)}' is not one label of a name: write 1 to 63 letters, digits and inner hyphens, "
            f"such as {spec.get('example', _EXAMPLES['str'])}"
        )
    return str(value).lower()


def _read_addresses(place: str, value: Any, spec: dict[str, Any]) -> list[str]:
    """Return addresses and prefixes of the user's own, as he wrote them."""
    words = words_of(value)
    if not words:
        raise ValueError(f"{place} is empty: write addresses or prefixes, such as {_example_of_addresses(spec)}")
    for word in words:
        try:
            if not isinstance(word, str):
                raise ValueError("it is not text")
            parse_prefix(word)
        except ValueError as exc:
            raise ValueError(
                f"{place}: '{briefly(word)}' is not an address or a prefix: {exc}; write such as "
                f"{_example_of_addresses(spec)}"
            ) from None
    return list(dict.fromkeys(words))


def _example_of_addresses(spec: Mapping[str, Any]) -> str:
    example = spec.get("example", _EXAMPLES["addresses"])
    return ", ".join(map(str, words_of(example)))


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


# Where a vendor file gives no example; addresses of documentation are nobody's.
_EXAMPLES: dict[str, Any] = {"str": "acme", "ports": 443, "addresses": "203.0.113.10"}
_READ: dict[str, Callable[[str, Any, dict[str, Any]], Value]] = {
    "list": _read_list,
    "str": _read_str,
    "bool": _read_bool,
    "ports": _read_ports,
    "addresses": _read_addresses,
}
