# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How two places that state options differ, and what is wrong in how a role hands its variables on."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tests.support.places import Options, Passed


class Place(NamedTuple):
    """A place that states options, and the word for it in findings."""

    name: str
    options: Options


def differences(one: Place, other: Place) -> Iterator[str]:
    """Yield how two places differ: in options, and in the facts that both state."""
    for name in sorted(one.options.keys() ^ other.options.keys()):
        yield f"{name}: only in the {(one if name in one.options else other).name}"
    for name in sorted(one.options.keys() & other.options.keys()):
        first, second = one.options[name], other.options[name]
        for fact in (fact for fact in first if fact in second):
            texts = [json.dumps(facts[fact], sort_keys=True) for facts in (first, second)]  # False is not 0 here
            if texts[0] != texts[1]:
                yield f"{name}: {fact}: {one.name} {texts[0]}, {other.name} {texts[1]}"


def unnamed(option: str, choices: Collection[str], refusal: str) -> list[str]:
    """Return the choices that a documentation and the message of a refusal do not share."""
    _before, lists_all, listed = refusal.partition("choose one of ")
    named = set(listed.split(", ")) if lists_all else set(re.findall(r"\w+", refusal)) & {*choices}
    return [f"{option}: {choice}" for choice in sorted(named ^ {*filter(None, choices)})]


def _only(options: Options, name: str, renamed: str) -> Options:
    """Return an option with its sub-options, under another name."""
    return {
        renamed + path.removeprefix(name): facts
        for path, facts in options.items()
        if path == name or path.startswith((f"{name}.", f"{name}[]."))
    }


def _outer(options: Options) -> list[str]:
    return [name for name in options if "." not in name]


def passing(
    role: Options, prefix: str, given: Iterable[Passed], targets: Mapping[tuple[str, str], Options]
) -> Iterator[str]:
    """Yield what is wrong in how a role hands its variables on.

    C{role}: its options without the prefix. C{targets}: the options of the plugins and modules that are compared, by
    kind and name. A variable is handed on once where the state is present, and at most once in a task for another
    state.
    """
    found = [one for one in given if (one.kind, one.target) in targets]
    for one in found:
        name = one.variable.removeprefix(prefix)
        if not one.variable.startswith(prefix) or name not in role:
            yield f"{one.option}: the {one.kind} {one.target} gets {one.variable}, which is not a variable of the role"
            continue
        if one.option != name:
            yield f"{name}: is {one.option} in the {one.kind} {one.target}"
        casts = [role[name]["type"]] if one.kind == "filter" and role[name]["type"] in ("bool", "int") else []
        if list(one.casts) != casts:
            yield f"{name}: cast {list(one.casts)}, not {casts}, for the {one.kind} {one.target}"
        yield from _of_one(role, name, one, targets[one.kind, one.target])
    passes = {(one.variable.removeprefix(prefix), one.kind, one.target) for one in found}
    for name in _outer(role):
        counts = Counter(one.state for one in found if one.variable == prefix + name)
        if counts["present"] != 1:
            yield f"{name}: handed on {counts['present']} times"
        for state in counts.keys() - {"present"}:
            if counts[state] > 1:
                yield f"{name}: handed on {counts[state]} times for {state}"
        for (kind, target), options in targets.items():
            if name in options and (name, kind, target) not in passes:
                yield from _of_one(role, name, Passed("", kind, target, name), options)
    reached = {(one.kind, one.target, one.option) for one in found if one.state == "present"}
    handed = {one.variable for one in found if one.state == "present"}
    for (kind, target), options in targets.items():
        for name in _outer(options):
            nowhere = name in role and prefix + name not in handed  # said already
            if (kind, target, name) not in reached and not nowhere:
                yield f"{name}: the {kind} {target} does not get it"


def _of_one(role: Options, name: str, one: Passed, options: Options) -> Iterator[str]:
    """Yield how a variable differs from the option that it is handed to."""
    target = Place(f"{one.kind} {one.target}", _only(options, str(one.option), name))
    if not target.options:
        yield f"{name}: the {target.name} has no {one.option}"
        return
    # A variable has no aliases.
    variable = Place("role", {path: {**facts, "aliases": []} for path, facts in _only(role, name, name).items()})
    target = Place(target.name, {path: {**facts, "aliases": []} for path, facts in target.options.items()})
    if one.if_set:
        if variable.options[name]["default"] or target.options[name]["default"] is not None:
            yield f"{name}: handed on where it is not empty, and not empty by default"
        both = (variable, target)
        drop = dict.fromkeys(("default", "required"))
        variable, target = (Place(p.name, {**p.options, name: {**p.options[name], **drop}}) for p in both)
    yield from differences(variable, target)
