# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices of options that leave a service without any row: what a user may miss although he chose it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .options import Choices


def gaps_of(service: Mapping[str, Any], options: Mapping[str, Any], choices: Choices) -> Iterator[dict[str, Any]]:
    """Yield C{{"service", "option", "choices"}} for those choices of a user's that have no row of a service."""
    for option, lacking in without_rows(service, options).items():
        value = choices.values.get(option, [])
        chosen = value if isinstance(value, list) else [value]
        if found := [choice for choice in lacking if choice in chosen]:
            yield {"service": service["name"], "option": option, "choices": found}


def without_rows(service: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the choices of options that leave a service without any row, where its rows ask for these options.

    Choices for which the service itself is not meant do not count, nor does a yes or no.
    """
    asked = dict.fromkeys(
        option
        for entry in (*service["rows"], *service.get("traffic", []))
        for option in entry.get("when", {})
        if "choices" in options[option]
    )
    found = {}
    for option in asked:
        meant = service.get("when", {}).get(option, options[option]["choices"])
        every = frozenset(options[option]["choices"])
        rows = _open_to(service["rows"], option, every)
        lines = _open_to(service.get("traffic", [{}]), option, every)
        open_to = set().union(*(row & line for row in rows for line in lines))
        if lacking := [choice for choice in options[option]["choices"] if choice in meant and choice not in open_to]:
            found[option] = lacking
    return found


def _open_to(entries: Iterable[Mapping[str, Any]], option: str, every: frozenset[Any]) -> set[frozenset[Any]]:
    """Return the choices of an option that entries are for, each set of them once: most of many rows have the same."""
    conditions = (entry.get("when", {}) for entry in entries)
    wanted = {tuple(each[option]) if option in each else None for each in conditions}
    return {every if choices is None else frozenset(choices) for choices in wanted}
