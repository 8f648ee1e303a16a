# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of a vendor file refer to, its options above all, checked; and what stands in for wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import Hints
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import briefly

from .ends import STAND_IN, sound_mapping
from .keys import NAME, NAMES, OPTION, VENDOR, Definition, Known, check_keys, one_of
from .limits import LONGEST_CHOICE
from .options import choose, is_free

# The keys of a vendor that no other entry refers to.
_ALONE = ("title", "wide_because", "timers", "not_rules")
_TYPES = ("list", "str", "bool", "ports", "addresses")


def whole(vendor: str, definition: Any, faults: Faults) -> Definition:
    """Return the definition without those of its own keys that are not sound; what is wrong goes into C{faults}.

    Raises ValueError where that is one that others refer to: they would be told for what they are not.
    """
    if not isinstance(definition, dict):
        check_keys(vendor, definition, VENDOR)
    rest = {"title": vendor, "sources": [], "services": []}
    # An unknown key with others inside may be a misspelt one that others refer to.
    kept = {
        key: value
        for key, value in definition.items()
        if key not in _ALONE and (key in VENDOR or isinstance(value, (dict, list)))
    }
    try:
        check_keys(vendor, {"title": vendor, **kept}, VENDOR)
    except ValueError:
        check_keys(vendor, definition, VENDOR)  # tells the first
    if "title" not in definition:
        with faults.noted():
            check_keys(vendor, kept, VENDOR)
    for key in [key for key in definition if key not in kept]:
        with faults.noted():
            check_keys(vendor, {**rest, key: definition[key]}, VENDOR)
            kept[key] = definition[key]
    return {"title": vendor, **kept}


def known_of(vendor: str, definition: Definition, sources: dict[str, None], faults: Faults) -> Known:
    """Return what the entries of a vendor may refer to; what is wrong with its options goes into C{faults}.

    C{sources}: their ids. In the place of an option that is not sound stands another of its type, so that what refers
    to it is not told too.
    """
    known = Known(sources, {}, {}, {kind: [] for kind in _TYPES}, Hints(), set())
    for name, spec in definition.get("options", {}).items():
        sound = False
        with faults.noted():
            _check_option(vendor, name, spec)
            sound = True
        if not isinstance(name, str):
            continue
        known.options[name] = used = spec if sound else _another(spec)
        known.unsound.update(() if sound else (name,))
        typed = sound or (isinstance(spec, dict) and spec.get("type") in _TYPES)
        for kind in [used["type"]] if typed else _TYPES:
            known.kinds[kind].append(name)
        known.values[name] = frozenset((True, False) if used["type"] == "bool" else used.get("choices", ()))
    return known


def _another(spec: Any) -> dict[str, Any]:
    """Return a sound option in the place of one that is not, of its type and with its choices where it has these."""
    kind = spec.get("type") if isinstance(spec, dict) else None
    if kind == "bool":
        return {"type": kind, "default": False}
    if kind in ("ports", "addresses"):
        return {"type": kind, "required": True}
    choices = spec.get("choices") if isinstance(spec, dict) else None
    sound = [choice for choice in choices if isinstance(choice, str)] if isinstance(choices, list) else []
    if kind == "str" and choices is None:
        return {"type": kind, "required": True}
    return {"type": "list" if kind == "list" else "str", "choices": sound or ["any"], "required": True}


def stand_in(definition: Definition, known: Known, sources: Mapping[str, Any]) -> Definition:
    """Return a definition with sound sources, options and fillings in place of the others, without conditions on those.

    C{sources}: the sound ones by their ids.
    """
    services = [_without(service, known, ("traffic", "rows")) for service in definition["services"]]
    changed = {**_without(definition, known, ()), "services": services}
    options = {**known.options, STAND_IN: {"type": "str", "choices": ["any"], "required": True}}
    return {
        **changed,
        "sources": [sources.get(name, {"id": name, "title": name, "date": "2000-01"}) for name in known.sources],
        **({"options": options} if known.unsound or changed != definition else {}),
    }


def _without(entry: Any, known: Known, inside: tuple[str, ...]) -> Any:
    """Return an entry without conditions on options that are not sound, and with fillings that are.

    C{inside}: its keys with lists of others.
    """
    if not isinstance(entry, dict):
        return entry
    changed = dict(entry)
    if isinstance(entry.get("when"), dict):
        changed["when"] = {option: values for option, values in entry["when"].items() if option not in known.unsound}
    if isinstance(entry.get("destination_options"), dict):
        changed["destination_options"] = sound_mapping(entry["destination_options"], known)
    for key in inside:
        if isinstance(entry.get(key), list):
            changed[key] = [_without(each, known, ()) for each in entry[key]]
    return changed


def _check_option(vendor: str, name: Any, spec: Any) -> None:
    place = f"{vendor}: option {briefly(name)}"
    if not isinstance(name, str) or not NAME.match(name) or name == "name":
        raise ValueError(f"{place}: {NAMES}, and not 'name'")
    check_keys(place, spec, OPTION)
    one_of(place, "type", spec["type"], _TYPES)
    choices = spec.get("choices", [])
    if bool(choices) != (spec["type"] in ("list", "str")) and not ("choices" not in spec and spec["type"] == "str"):
        raise ValueError(f"{place}: choices belong to the types list and str, and these need them")
    if not all(isinstance(choice, str) and choice != "all" for choice in choices):
        raise ValueError(f"{place}: choices must be strings, and 'all' is not one that you can define")
    if any(len(choice) > LONGEST_CHOICE for choice in choices):
        raise ValueError(f"{place}: a choice has more than {LONGEST_CHOICE} characters")
    if spec["type"] == "addresses" and "default" in spec:
        raise ValueError(f"{place}: addresses of a user's own have no default: write 'required: true'")
    if spec.get("required", False) == ("default" in spec):
        raise ValueError(f"{place}: write either 'required: true' or a default")
    if "default" in spec:
        try:
            choose(vendor, {name: {**spec, "required": False}}, {})
        except ValueError as exc:
            raise ValueError(f"{place}: default: {str(exc).removeprefix(f'{vendor}: ')}") from None
    if is_free(spec) and "example" in spec:
        try:
            choices = choose(vendor, {name: spec}, {name: spec["example"]})
            choices.needed.add(name)
            choices.check()
        except ValueError as exc:
            raise ValueError(f"{place}: example: {str(exc).removeprefix(f'{vendor}: ')}") from None
