# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nft command of this host, and where our rules are in what it lists."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from .listing import named

COMMENT = "egress.allowlist"
# A line of a listing with handles: the head of a chain, or a rule of ours in it.
_JUMP = re.compile(rf'^\tchain (\S+) \{{|^\t\t.*comment "{re.escape(COMMENT)}" # handle (\d+)$', re.MULTILINE)


class NftError(ToolError):
    """What was asked for cannot be; the text says why."""


class Place:
    """Where our rules are: an own table, or objects with our prefix in a table of the user's."""

    def __init__(self, family="inet", table="egress_allowlist", chain="", jump=False, owned=""):
        self.family, self.table, self.chain, self.jump, self.owned = family, table, chain, jump, owned

    def as_dict(self):
        """Return the place as the plain values that it was made of."""
        return dict(vars(self))

    def __str__(self):
        return f"{self.family} {self.table}"

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class Nft:
    """The nft command of this host; C{run} takes a command and its input and returns C{(status, output, errors)}."""

    def __init__(self, path, run):
        self.path, self._run, self._version = path, run, ""

    def run(self, *arguments, text=None):
        """Run nft, with a text as its input; raises NftError when it refuses."""
        status, output, errors = self._run([self.path, *arguments], text)
        if status:
            lines = [line for line in errors.splitlines() if "rror" in line] or [errors.strip()]
            lines = lines if lines[0] else [f"it ended with status {status}"]
            raise NftError("nft refused: " + "; ".join(lines[:5]))
        return output

    def load(self, text, check=False):
        """Load a text as one transaction, or only have it checked by nft and the kernel."""
        if check:
            self._check_version()
        self.run(*(["-c"] if check else []), "-f", "-", text=text)

    def listing(self, place, stateless=True):
        """Return the live listing of a table, '' where there is no such table."""
        # 'list tables' first: 'list table' of a missing one says the same as a failure.
        if f"table {place}" not in self.run("list", "tables").splitlines():
            return ""
        return named(self.run(*(["-s"] if stateless else []), "list", "table", place.family, place.table))

    def jumps(self, place):
        """Return C{[(chain, handle)]} of our jumps in the user's table, which must be there."""
        chain, found = "", []
        listing = self.run("-a", "list", "table", place.family, place.table) if place.owned else ""
        for match in _JUMP.finditer(listing):
            if match.group(1):
                chain = match.group(1)
            else:
                found.append((chain, match.group(2)))
        return found

    def version(self):
        """Return nft's version, such as 1.0.6; each prints the same rules a little differently."""
        if not self._version:
            found = re.search(r"v(\d+\.\S+)", self.run("--version"))
            self._version = found.group(1) if found else "unknown"
        return self._version

    def _check_version(self):
        """Raise NftError for an nft that prints prefixes wrongly: differences and the way back would be wrong."""
        version = self.version()
        if version.startswith("0."):
            raise NftError(f"nft {version} is too old: 1.0 or newer is needed")
