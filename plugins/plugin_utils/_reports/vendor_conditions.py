# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What switches the rows of a vendor file on: its options, the conditions of rows, and choices that have no row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.gaps import without_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.keys import Definition
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.options import words_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import verbatim

from .layout import row_numbers, table, wrapped

OFF = "(off)"  # behind a condition that does not hold with the defaults
_WRITTEN = {"str": "a label of a name", "ports": "ports", "addresses": "the user's own addresses"}


def option_lines(options: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return a line for each option: whether a user must say it, its choices, its default.

    C{values}: what is counted with in place of what a user writes.
    """
    return [f"  {line}" for line in table((option, _option(spec, values[option])) for option, spec in options.items())]


def _option(spec: Mapping[str, Any], value: Any) -> str:
    """Return what there is to choose, C{plus (default) or basic}."""
    choices = [True, False] if spec["type"] == "bool" else spec.get("choices", [])
    default = [spec["default"]] if isinstance(spec.get("default"), bool) else words_of(spec.get("default", []))
    if not choices:
        counted = ", ".join(map(str, words_of(value)))
        if spec.get("required"):
            return f"must be given, {_WRITTEN[spec['type']]}; counted with {counted}"
        return f"{counted} (default), {_WRITTEN[spec['type']]}"
    if spec.get("required"):
        return f"must be chosen: {', '.join(map(spelled, choices))}"
    if spec["type"] == "list" and not default:
        return f"none (default), {', '.join(map(spelled, choices))}"
    by_default = choices if "all" in default else default
    return ", ".join(f"{spelled(choice)}{' (default)' if choice in by_default else ''}" for choice in choices)


def condition(options: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], inbound: str) -> str:
    """Return what a row needs beside its requirement, C{edition: plus (off); by regions}; '' for nothing.

    C{parts}: the service, the row, and its line of traffic. Which choices of a list have which rows C{by_choice} tells.
    C{inbound}: the option that lets it in, '' for what goes out.
    """
    told: dict[str, None] = {}
    for number, part in enumerate(parts):
        for option, wanted in part.get("when", {}).items():
            if number and options[option]["type"] == "list":
                told[f"by {option}"] = None
            else:
                told[_held(option, options[option], wanted)] = None
    if inbound:
        told[_held(inbound, options[inbound], [True])] = None
    return "; ".join(told)


def _held(option: str, spec: Mapping[str, Any], wanted: Iterable[Any]) -> str:
    """Return a condition, marked where it does not hold with the option's default."""
    wanted = list(wanted)
    default = spec.get("default")
    held = default in wanted if isinstance(default, (bool, str)) else any(each in wanted for each in default or [])
    off = not (spec.get("required") or held or default == "all" or default == ["all"])
    return f"{option}: {' or '.join(map(spelled, wanted))}{f' {OFF}' if off else ''}"


def by_choice(service: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    """Yield which rows and lines of traffic each choice of a list has, C{media by regions: east row 1; west row 2}."""
    found: dict[str, dict[str, dict[str, list[int]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for kind, entries in (("row", service["rows"]), ("traffic", service.get("traffic", []))):
        for number, entry in enumerate(entries, 1):
            for option, wanted in entry.get("when", {}).items():
                for choice in wanted if options[option]["type"] == "list" else ():
                    found[option][choice][kind].append(number)
    for option, choices in found.items():
        alike: dict[str, list[str]] = defaultdict(list)
        for choice in (choice for choice in options[option]["choices"] if choice in choices):
            numbers = choices[choice]
            texts = [row_numbers(numbers["row"])] if numbers["row"] else []
            texts += [f"traffic {', '.join(map(str, numbers['traffic']))}"] if numbers["traffic"] else []
            alike[" and ".join(texts)].append(choice)
        told = "; ".join(f"{', '.join(of)} {text}" for text, of in alike.items())
        yield f"{service['name']} by {option}: {told}"


def told_of(definition: Definition) -> Iterator[str]:
    """Yield lines on what the rows of a definition are chosen by, and on what it says beside them."""
    options = definition.get("options", {})
    for service in definition["services"]:
        if not service["rows"] or service.get("traffic") == []:
            yield f"  NO ROW of {service['name']}"
        for text in by_choice(service, options):
            yield from wrapped(text, "  ")
        for option, choices in without_rows(service, options).items():
            yield from wrapped(f"NO ROW of {service['name']} for {option}: {', '.join(choices)}", "  ")
    for service in definition["services"]:
        if "note" in service:
            yield from wrapped(f"note on {service['name']}: {service['note']}", "  ")
    for timer in definition.get("timers", []):
        whose = ", ".join(timer.get("services", ["all services"]))
        when = condition(options, [timer], "")
        text = f"timer: {timer['protocol']} {timer['seconds']:,} s for {whose}{f' with {when}' if when else ''}"
        yield from wrapped(f"{text}; printed: {timer['printed']}", "  ")


def not_rules(definition: Definition) -> Iterator[str]:
    """Yield what the page asks for and no rule is made of, each with what is printed."""
    printed: dict[str, list[str]] = defaultdict(list)
    for entry in definition.get("not_rules", []):
        when = condition(definition.get("options", {}), [entry], "")
        printed[f"{entry['title']}{f' (with {when})' if when else ''}: {entry['why']}"].append(entry["printed"])
    for text, cells in printed.items():
        yield f"{text}; printed: {', '.join(map(verbatim, cells))}"


def spelled(value: Any) -> str:
    """Return a choice as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
