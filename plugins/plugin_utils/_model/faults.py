# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All errors of a page or a file at once, so that nobody needs a run for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 20  # that a message lists
_ENOUGH = 200  # after which no more are looked for


class _TooManyError(ValueError):
    """So many errors that no more are looked for; passes through whatever notes errors."""


class Faults(list[str]):
    """The messages of the errors that were met so far."""

    @contextmanager
    def noted(self, where: str = "") -> Iterator[None]:
        """Keep the ValueError of what is done inside, C{where} before its message, and go on behind it.

        After 200 of them it raises ValueError with all: a table of 65,536 broken rows is refused within a second.
        """
        try:
            yield
        except _TooManyError:
            raise
        except ValueError as exc:
            self.append(f"{where}{exc}")
            if len(self) >= _ENOUGH:
                raise _TooManyError(self.text()) from None

    def stop(self) -> None:
        """Raise ValueError with all of them, if there are any."""
        if self:
            raise ValueError(self.text())

    def text(self) -> str:
        """Return a line for each, what is met again once, and how many more there are."""
        told = list(dict.fromkeys(self))
        others = " or more errors" if len(self) >= _ENOUGH else " more errors"
        more = [f"and {len(told) - _MOST}{others}"] if len(told) > _MOST else []
        return "\n".join([*told[:_MOST], *more])
