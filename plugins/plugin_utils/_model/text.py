# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of error messages: a value in quotes, cut after 60 characters, and the advice that can be followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def quoted(cell: str) -> str:
    """Return the cell in quotes, control characters escaped, cut after 60 characters."""
    return repr(_cut(cell))


def shown(value: object) -> str:
    """Return a value that is no text as Python writes it, cut after 60 characters."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def readable(ways: Iterable[str], read: Callable[[str], object]) -> list[str]:
    """Return those ways to write a cell that C{read} does not refuse, each once: no error offers another error."""
    accepted = []
    for way in filter(None, dict.fromkeys(ways)):
        try:
            read(way)
        except ValueError:
            continue
        accepted.append(way)
    return accepted
