# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All errors of a page or a file at once, so that nobody needs a run for each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import TracebackType

_MOST = 20  # that a message lists
_ENOUGH = 200  # after which no more are looked for
# Vendor and service, and the line or row of it: errors of the form of a file are met before those of its cells.
_PLACE = re.compile(r"(\w+: \w+: )(?:(traffic|row) ([0-9]+): )?", re.ASCII)


class FaultsError(ValueError):
    """Several errors: its text lists the first of them, C{faults} has all that were met."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults.text())
        more = ["after so many errors no more are looked for"] if len(faults) >= _ENOUGH else []
        self.faults = [*_in_order(faults), *more]


class _TooManyError(FaultsError):
    """So many errors that no more are looked for; passes through whatever notes errors."""


def _in_order(faults: Iterable[str]) -> list[str]:
    """Return each message once: those of a service together, by line of traffic and row; else in the given order."""
    services: dict[str, list[tuple[str, int, str]]] = {}
    for fault in dict.fromkeys(faults):
        service, kind, number = match.groups() if (match := _PLACE.match(fault)) else (fault, "", "")
        place = {"traffic": "1", "row": "2"}.get(kind or "", "")
        services.setdefault(service, []).append((place, int(number or 0), fault))
    return [fault for found in services.values() for *_place, fault in sorted(found, key=lambda one: one[:2])]


def faults_of(error: ValueError) -> list[str]:
    """Return the messages of all errors that an error stands for."""
    return error.faults if isinstance(error, FaultsError) else [str(error)]


class Faults(list[str]):
    """The messages of the errors that were met so far."""

    def noted(self, where: str = "") -> _Noted:
        """Keep the ValueError of what is done inside, C{where} before each of its messages, and go on behind it.

        After 200 of them it raises ValueError with all: a table of 65,536 broken rows is refused within a second.
        """
        return _Noted(self, where)

    def stop(self) -> None:
        """Raise ValueError with all of them, if there are any."""
        if self:
            raise FaultsError(self)

    def text(self) -> str:
        """Return a line for each, what is met again once, and how many more there are."""
        told = _in_order(self)
        others = " or more errors" if len(self) >= _ENOUGH else " more errors"
        more = [f"and {len(told) - _MOST}{others}"] if len(told) > _MOST else []
        return "\n".join([*told[:_MOST], *more])


class _Noted:
    """Takes the ValueError of what is done inside; a class, since each row enters several."""

    __slots__ = ("_faults", "_where")

    def __init__(self, faults: Faults, where: str) -> None:
        self._faults, self._where = faults, where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, ValueError) or isinstance(error, _TooManyError):
            return False
        faults = self._faults
        faults += [text for fault in faults_of(error) if (text := f"{self._where}{fault}") not in faults]
        if len(faults) >= _ENOUGH:
            raise _TooManyError(faults) from None
        return True
